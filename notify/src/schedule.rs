//! When to try again.
//!
//! The Standard Webhooks specification asks for attempts over about three days; whoever is paged cannot
//! wait five minutes for the second one, so ours begins denser.

/// Seconds from one attempt to the next.
const WAITS_S: [u32; 15] = [
    1, 2, 4, 8, 15, 30, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];
/// Longest time that a receiver may ask us to wait, seconds.
const LONGEST_ASKED_S: u64 = 86_400;
const NANOS: i64 = 1_000_000_000;

/// Attempts before a message is a dead letter.
pub const ATTEMPTS: u32 = WAITS_S.len() as u32 + 1;

/// Nanoseconds until the next attempt after `attempts` have failed; `None` when it was the last.
///
/// `id` spreads messages by up to a tenth, so that they do not come back all at once; `asked_s` is what
/// the receiver asked for (`Retry-After`) and is never undercut.
pub fn wait(attempts: u32, id: &str, asked_s: Option<u64>) -> Option<i64> {
    let index = usize::try_from(attempts.max(1) - 1).ok()?;
    let seconds = i64::from(*WAITS_S.get(index)?);
    let spread = i64::from(spread_permille(id, attempts));
    let ours = seconds * NANOS / 1_000 * (900 + spread);
    let asked = asked_s.map_or(0, |it| it.min(LONGEST_ASKED_S)) as i64 * NANOS;
    Some(ours.max(asked))
}

/// 0 to 200, from the id and the attempt alone, so that a schedule can be told in advance.
fn spread_permille(id: &str, attempts: u32) -> u32 {
    let seed = id
        .bytes()
        .fold(attempts.wrapping_mul(2_654_435_761), |sum, byte| {
            (sum ^ u32::from(byte)).wrapping_mul(16_777_619)
        });
    (seed >> 8) % 201
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let seconds = |attempts| wait(attempts, "msg_1", None).map(|it| it as f64 / 1e9);
        for (index, expect) in WAITS_S.iter().enumerate() {
            let held = seconds(index as u32 + 1).expect("a wait") / f64::from(*expect);
            assert!((0.9..=1.1).contains(&held), "{index}: {held}");
        }
        assert_eq!(seconds(ATTEMPTS), None);
        let week: f64 = WAITS_S.iter().map(|it| f64::from(*it)).sum();
        assert!(week > 3.0 * 86_400.0);
    }

    #[test]
    fn a_receiver_is_not_called_before_it_asked_to_be() {
        assert_eq!(wait(1, "m", Some(120)), Some(120 * NANOS));
        assert!(wait(8, "m", Some(1)).expect("a wait") > 200 * NANOS);
        assert_eq!(wait(1, "m", Some(u64::MAX)), Some(86_400 * NANOS));
    }
}
