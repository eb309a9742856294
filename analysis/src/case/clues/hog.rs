//! Somebody else who takes what a store has to give. *What it looks for*: a database without a free connection, and a
//! change that let another part of the system take many times as many. *Why it matters*: the database and who is refused
//! by it are both as ever. *How to confirm*: the database's own list of sessions.

use crate::case::{
    callees,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, Change};

/// So many times as many is another matter.
const TIMES: f64 = 2.0;
/// Runs before the change that were never refused.
const WELL: usize = 3;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let spans = failure.spans.spans.iter();
    let spans = spans.filter(|it| crate::case::charges::failed(it));
    let words: Vec<String> = spans.map(|it| super::dependency::words(it)).collect();
    let lines = failure.lines.iter().map(|it| it.body.clone());
    let words: Vec<String> = words
        .into_iter()
        .chain(lines)
        .chain([failure.words()])
        .collect();
    let full = words.iter().any(|it| of_store(it));
    if !full || failure.attempt.is_none() {
        return Vec::new();
    }
    let own = |it: &Change| {
        let told = format!("{} {}", it.resource, it.change).to_lowercase();
        let caller = failure.function().unwrap_or(failure.state()).to_lowercase();
        callees::names(&told, &caller)
    };
    let before = |at| scene.healthy.iter().filter(|it| it.start < at).count();
    let changes = super::deploy::recent(scene, failure);
    let change = changes
        .filter(|it| !own(it) && grows(&it.change) && before(it.time) >= WELL)
        .max_by_key(|it| (it.time, it.trace_id));
    let Some(change) = change else {
        return Vec::new();
    };
    let name = super::function::last_part(&change.resource);
    let told = super::deploy::told(change);
    let refused = failure.function().unwrap_or(failure.state());
    let mechanism = format!(
        "{name} may take many times as many connections since {told}; none were left for {refused} in {}",
        failure.state()
    );
    let shown = clue::change(change, told.clone());
    let store = words
        .iter()
        .find_map(|it| super::network::service_in(scene, it));
    let spans = (0..failure.spans.spans.len())
        .filter(|n| crate::case::charges::failed(failure.spans.spans[*n]));
    let charged = spans.map(|n| failure.spans.charged(n));
    let victims = charged.chain(store).chain([refused.to_owned()]);
    let victims = victims.filter(|it| *it != name);
    let victims: Vec<Explained> = victims
        .map(|victim| Explained {
            kind: String::new(),
            reason: format!("{victim} has as many connections as ever; {name} takes them"),
            name: victim,
            reference: shown.reference.clone(),
        })
        .collect();
    let suspect = clue::entity(scene, "function", &name, &[]);
    vec![
        Clue::new(suspect, Category::Capacity, 0.93, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .explaining(victims)
            .changed(Some(told)),
    ]
}

/// Words with which a store itself tells that it is full, not a client's own pool.
fn of_store(words: &str) -> bool {
    const MARKS: [&str; 8] = [
        "remaining connection slots",
        "too many clients",
        "too many connections",
        "max number of clients",
        "max_user_connections",
        "connection limit exceeded",
        "maxclients",
        "toomanyconnections",
    ];
    const LIMITS: [&str; 5] = [
        "too many requests",
        "rate exceeded",
        "rate limit",
        "provisionedthroughputexceeded",
        "quota",
    ];
    let lower = words.to_lowercase();
    let limited = text::is(words, Topic::Throttled) && LIMITS.iter().any(|it| lower.contains(it));
    // How many of a function may run at once is Lambda's own count.
    limited && !lower.contains("lambda")
        || text::is(words, Topic::Pool) && MARKS.iter().any(|it| lower.contains(it))
}

/// A change that raises how many there are of something at once: `MAX_WORKERS 6 -> 90`.
fn grows(change: &str) -> bool {
    const WORDS: [&str; 13] = [
        "batch size",
        "rate",
        "rps",
        "worker",
        "pool",
        "concurren",
        "connection",
        "thread",
        "parallel",
        "consumer",
        "client",
        "instances",
        "replica",
    ];
    let lower = change.to_lowercase();
    let arrow = ["->", "→", "=>", " to "]
        .iter()
        .find_map(|it| lower.rsplit_once(it));
    let Some((from, to)) = arrow.filter(|_| WORDS.iter().any(|it| lower.contains(it))) else {
        return false;
    };
    let number = |text: &str, last: bool| -> Option<f64> {
        let mut all = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|it| !it.is_empty())
            .filter_map(|it| it.parse::<f64>().ok());
        if last { all.next_back() } else { all.next() }
    };
    let both = number(from, true).zip(number(to, false));
    both.is_some_and(|(from, to)| from > 0.0 && to >= TIMES * from)
}

#[cfg(test)]
mod tests {
    use super::grows;

    #[test]
    fn changes_that_let_somebody_take_more_are_read() {
        let check = |change: &str, expect: bool| assert_eq!(grows(change), expect, "{change}");
        check("environment variable MAX_WORKERS 6 -> 90", true);
        check("DB_POOL_SIZE=10 => 80", true);
        check("MAX_WORKERS 90 -> 6", false);
        check("version 6 -> 90", false);
        check("reserved concurrency raised from 5 to 50", true);
    }
}
