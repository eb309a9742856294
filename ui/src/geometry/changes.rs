//! Changes on a line of time: which stand together, and where.

/// Changes that are told by one mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// 0 to 100 from the left.
    pub place: f64,
    /// Which changes, by place, in the order of their times.
    pub changes: Vec<usize>,
}

/// The marks of `times` on a line from `from` to `to`; what is nearer than `gap` percent to the first of a mark is in
/// it. What lies beyond the line has none.
pub fn marks(times: &[i64], from: i64, to: i64, gap: f64) -> Vec<Mark> {
    let length = to.saturating_sub(from).max(1) as f64;
    let mut within: Vec<usize> = (0..times.len())
        .filter(|at| (from..=to).contains(&times[*at]))
        .collect();
    within.sort_by_key(|at| times[*at]);
    let mut out: Vec<Mark> = Vec::new();
    for at in within {
        let place = times[at].saturating_sub(from) as f64 / length * 100.0;
        match out.last_mut().filter(|mark| place - mark.place < gap) {
            Some(mark) => mark.changes.push(at),
            None => out.push(Mark {
                place,
                changes: vec![at],
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ones_share_a_mark_and_far_ones_have_none() {
        let found = marks(&[90, 50, 51, -3, 101], 0, 100, 2.0);
        let found: Vec<(f64, &[usize])> = found
            .iter()
            .map(|mark| (mark.place, mark.changes.as_slice()))
            .collect();
        assert_eq!(found, [(50.0, &[1, 2][..]), (90.0, &[0][..])]);
        assert!(marks(&[], 0, 0, 1.0).is_empty());
        assert_eq!(marks(&[7], 7, 7, 1.0)[0].place, 0.0);
    }
}
