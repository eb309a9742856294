//! What others wrote about those whom a run waited for, outside of its traces and requests: the end of a process that no
//! longer answers, in its own log; somebody else who holds what is waited for. Such lines are looked for only where something
//! failed or took long, by the names of those who were waited for there.

use super::{
    Case, callees,
    charges::{self, Forest},
    clue::{self, Clue, Explained},
    clues,
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
    timed,
};
use model::{
    Attempt, Category, ExecutionStatus, LogOrigin, LogRecord, UnixNanos, time::human_duration,
};
use std::collections::{BTreeSet, HashSet};

/// Names that are listened for, lines that are asked for and kept.
const MOST_NAMES: usize = 8;
/// Lines of one question.
pub const MOST_HITS: usize = 1_000;
const MOST_LINES: usize = 200;
/// Spans and lines of a run that are asked for names.
const MOST_READ: usize = 2_000;
/// How long before a run a line may lie, and how far clocks may be apart, nanoseconds.
const BEFORE_NS: i64 = 600_000_000_000;
const SLACK_NS: i64 = 5_000_000_000;
/// A call that takes so long in a green run may be waited for in vain, nanoseconds.
const LONG_NS: i64 = 4_000_000_000;

/// Of whom lines are looked for, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ear {
    /// Services as calls name them.
    pub names: BTreeSet<String>,
    /// From when on.
    pub from: UnixNanos,
    /// Until when.
    pub to: UnixNanos,
}

impl Ear {
    /// Of an execution that has ended and shows that something failed or took long; none of others.
    pub fn of(case: &Case) -> Option<Ear> {
        let execution = &case.execution;
        let end = execution
            .end_time
            .filter(|_| execution.status.is_terminal())?;
        let forest = Forest::new(case.spans.iter().take(MOST_READ).collect());
        let mut names: Vec<String> = Vec::new();
        let took = execution.duration_ns.unwrap_or_default();
        for (n, span) in forest.spans.iter().enumerate() {
            let ns = span.end_time.since(span.start_time);
            let long = ns >= LONG_NS && ns.saturating_mul(3) >= took;
            let bad = charges::failed(span) && !charges::cancelled(span);
            if (long || bad) && (charges::calls_out(span) || !forest.children[n].is_empty()) {
                names.push(forest.charged(n));
            }
        }
        let bad = execution.status != ExecutionStatus::Succeeded
            || execution.retries > 0
            || execution.caught_failures > 0;
        if bad || took >= LONG_NS {
            let said = case.attempts.iter().filter_map(|it| it.cause.as_deref());
            let loud = case
                .logs
                .iter()
                .take(MOST_READ)
                .filter(|it| it.severity_number >= 13);
            let said = said.chain(loud.map(|it| it.body.as_str()));
            let said = said.map(|it| text::brief(it, 400).to_lowercase());
            // Of a green run only who was waited for long.
            let long = |it: &String| timed::durations(it).iter().any(|ns| *ns >= LONG_NS);
            let telling = said.filter(|it| bad || long(it));
            names.extend(telling.filter_map(|it| timed::placed(&it)));
            let refused = case.attempts.iter().filter_map(|it| it.error.as_deref());
            names.extend(refused.filter_map(capacity_word).take(1));
        }
        let functions: HashSet<&str> = case
            .attempts
            .iter()
            .filter_map(|it| it.function_name.as_deref())
            .collect();
        names.retain(|it| !functions.contains(it.as_str()));
        let names: BTreeSet<String> = names.iter().filter_map(|it| searched(it)).collect();
        let names: BTreeSet<String> = names.into_iter().take(MOST_NAMES).collect();
        (!names.is_empty()).then(|| Ear {
            names,
            from: UnixNanos(execution.start_time.0.saturating_sub(BEFORE_NS)),
            to: UnixNanos(end.0.saturating_add(SLACK_NS)),
        })
    }

    /// Whether a line is about one of them, and tells something.
    pub fn hears(&self, line: &LogRecord) -> bool {
        let in_time = (self.from..=self.to).contains(&line.time);
        let about = |name: &String| line.service_name == *name || callees::names(&line.body, name);
        in_time && is_telling(line) && self.names.iter().any(about)
    }

    /// Those of the lines that are of others than this execution.
    pub fn kept(&self, case: &Case, lines: &[LogRecord]) -> Vec<LogRecord> {
        let own: HashSet<&str> = case
            .invocations
            .iter()
            .chain(case.called.iter().map(|it| &it.invocation))
            .map(|it| it.request_id.as_str())
            .chain(
                case.attempts
                    .iter()
                    .filter_map(|it| it.request_id.as_deref()),
            )
            .filter(|it| !it.is_empty())
            .collect();
        let known: HashSet<_> = case.logs.iter().map(|it| it.log_id).collect();
        let mut found: Vec<LogRecord> = lines
            .iter()
            .filter(|it| self.hears(it) && !known.contains(&it.log_id))
            .filter(|it| !own.contains(it.request_id.as_str()))
            .cloned()
            .collect();
        found.sort_by_key(|it| (it.time, it.log_id));
        found.dedup_by_key(|it| it.log_id);
        // The latest ones are nearest to the run.
        let more = found.len().saturating_sub(MOST_LINES);
        found.drain(..more);
        found
    }
}

/// A name by which lines can be found: no address of digits, no API of AWS, no product that everybody has.
pub(super) fn searched(name: &str) -> Option<String> {
    const COMMON: [&str; 18] = [
        "localhost",
        "postgresql",
        "postgres",
        "mysql",
        "redis",
        "dynamodb",
        "mongodb",
        "kafka",
        "http",
        "https",
        "grpc",
        "lambda",
        "states",
        "memcached",
        "elasticsearch",
        "opensearch",
        "cassandra",
        "mariadb",
    ];
    let bare = name.split(':').next().unwrap_or(name);
    let first = bare.split('.').next().unwrap_or(bare);
    let lettered = first.chars().filter(char::is_ascii_alphabetic).count() >= 3;
    let own = !bare.contains("amazonaws") && !COMMON.contains(&first);
    (lettered && own && first.len() >= 4).then(|| first.to_owned())
}

/// Loud, or of something that others have to wait for.
fn is_telling(line: &LogRecord) -> bool {
    let loud = line.severity_number >= 17 || text::is_death(&line.body);
    loud || holds(&line.body) || connects(&line.body) || share(&line.body).is_some()
}

/// Words of somebody who takes a thing for himself, as databases, migrations and jobs write them.
fn holds(words: &str) -> bool {
    const MARKS: [&str; 26] = [
        "vacuum full",
        "reindex",
        "alter table",
        "lock table",
        "exclusive lock",
        "exclusive mode",
        "access exclusive",
        "holding lock",
        "holds lock",
        "lock acquired",
        "acquired lock",
        "took lock",
        "table lock",
        "optimize table",
        "create index",
        "rebuild index",
        "rebuilding index",
        "long transaction",
        "transaction open",
        "idle in transaction",
        "bulk load",
        "bulk insert",
        "full table scan",
        "full export",
        "full scan",
        "repair table",
    ];
    let lower = text::shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark)) || connections(&lower).is_some()
}

/// `opened 90 connections to points-db`, `holding 190 of 200 connections`: how many somebody has.
fn connections(lower: &str) -> Option<u32> {
    let at = lower
        .find(" connections")
        .or_else(|| lower.find(" sessions"))?;
    let words: Vec<&str> = lower[..at].split_whitespace().collect();
    let taken = words.iter().rev().take(6);
    let verb = taken.clone().any(|it| {
        let it = it.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        [
            "opened", "opening", "holds", "holding", "using", "took", "takes", "has",
        ]
        .contains(&it)
    });
    let number = taken.filter_map(|it| it.parse::<u32>().ok()).max();
    number.filter(|it| verb && *it >= 20)
}

/// The word by which lines about capacity are found where a store refuses without its name.
pub(super) fn capacity_word(words: &str) -> Option<String> {
    let refused = words.to_lowercase().contains("provisionedthroughput");
    refused.then(|| "provisioned".to_owned())
}

/// Words of somebody who takes one connection: `opened connection 7/96 to points-db`, `acquired session on points-db`.
pub(super) fn connects(words: &str) -> bool {
    const VERBS: [&str; 10] = [
        "opened",
        "opening",
        "open",
        "acquired",
        "established",
        "holding",
        "holds",
        "got",
        "new",
        "checked out",
    ];
    let lower = text::shortened(words).to_lowercase();
    let of = ["connection", "session"]
        .iter()
        .find_map(|it| lower.find(it));
    let around = of.map(|at| {
        let from = lower[..at]
            .char_indices()
            .rev()
            .nth(24)
            .map_or(0, |it| it.0);
        let to = lower[at..]
            .char_indices()
            .nth(32)
            .map_or(lower.len(), |it| at + it.0);
        &lower[from..to]
    });
    let whole = |part: &str, verb: &str| callees::word(part, verb);
    let closes =
        |part: &str| part.contains("clos") || part.contains("releas") || part.contains("lost");
    around.is_some_and(|part| !closes(part) && VERBS.iter().any(|it| whole(part, it)))
}

/// How much of a capacity somebody used by his own words, per cent: `consumedRCU/s=3977 (table bids, provisioned 4000)`,
/// `using 180 of 200 connections`.
pub(super) fn share(words: &str) -> Option<f64> {
    const USED: [&str; 6] = ["consum", "used ", "using ", "usage", "utili", "taking "];
    const ALL: [&str; 8] = [
        "provisioned",
        "limit",
        " of ",
        "max",
        "quota",
        "capacity",
        "allowed",
        "available",
    ];
    let lower = text::shortened(words).to_lowercase();
    let at = USED.iter().filter_map(|it| lower.find(it)).min()?;
    let rest = &lower[at..];
    let after = ALL.iter().filter_map(|it| rest.find(it)).min()?;
    // A number per second is no second, a part of a name no number.
    let numbers = |text: &str| -> Vec<f64> {
        let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".%".contains(c)));
        let all = parts.map(|it| it.trim_end_matches('.').parse::<f64>());
        all.filter_map(Result::ok).collect()
    };
    let all: Vec<f64> = numbers(rest);
    let used = *all.first()?;
    let most = *numbers(&rest[after..]).iter().find(|it| **it >= used)?;
    (all.len() >= 2 && most >= 20.0).then(|| used * 100.0 / most)
}

/// Whether the like of a line is written while runs go well.
pub(super) fn usual(scene: &Scene, line: &LogRecord) -> bool {
    let template = text::template(&line.body);
    let all = scene.case.overheard.iter();
    // How much of it is used is what differs.
    let full = |it: &LogRecord| share(&it.body).map(|it| it >= 60.0);
    let alike = all.filter(|it| {
        let same = it.service_name == line.service_name && full(it) == full(line);
        same && text::template(&it.body) == template
    });
    let start = scene.case.execution.start_time;
    let mut during = alike.filter(|it| {
        let well = |peer: &&super::Profile| {
            let end = peer.start.0.saturating_add(peer.duration_ns);
            peer.start < start && it.time <= UnixNanos(end) && it.time.0 + SLACK_NS >= peer.start.0
        };
        scene.healthy.iter().copied().any(|it| well(&it))
    });
    during.next().is_some()
}

/// Whether a run that needed it went well after the line and before this execution.
fn well_since(scene: &Scene, name: &str, line: &LogRecord) -> bool {
    let start = scene.case.execution.start_time;
    let mut after = scene
        .healthy
        .iter()
        .filter(|it| it.start > line.time && it.start < start);
    after.any(|it| it.charges.get(name).is_some_and(|it| it.errors == 0))
}

/// Somebody who does not answer because his process came to its end, by his own log.
pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt.filter(|_| !scene.case.overheard.is_empty()) else {
        return Vec::new();
    };
    let topic = failure.topic();
    if matches!(
        topic,
        Some(Topic::Permission | Topic::Data | Topic::Path | Topic::TooLarge)
    ) {
        return Vec::new();
    }
    let forest = &failure.spans;
    let bad = |n: &usize| charges::failed(forest.spans[*n]) && charges::calls_out(forest.spans[*n]);
    let called = (0..forest.spans.len())
        .filter(bad)
        .map(|n| forest.charged(n));
    let named = clues::service_in(scene, &failure.words());
    let names: BTreeSet<String> = called.chain(named).filter(|it| !it.is_empty()).collect();
    let mut found: Vec<Clue> = names
        .iter()
        .filter_map(|name| ended(scene, failure, attempt, name))
        .collect();
    if matches!(
        topic,
        Some(Topic::Timeout | Topic::FunctionTimeout | Topic::Pool) | None
    ) {
        let held = names.iter().filter_map(|name| held(scene, attempt, name));
        found.extend(held.map(|it| it.with(failure.exhibit())));
    }
    found
}

fn ended(scene: &Scene, failure: &Failure, attempt: &Attempt, name: &str) -> Option<Clue> {
    let key = searched(name)?;
    let own = |it: &&LogRecord| it.service_name == key || it.service_name == name;
    let lines = scene.case.overheard.iter().filter(own);
    let line = lines.rev().find(|it| {
        let before = it.time.0 <= failure.at.0.saturating_add(SLACK_NS);
        before && text::is_death(&it.body) && !usual(scene, it)
    })?;
    if well_since(scene, name, line) {
        return None;
    }
    let lower = line.body.to_lowercase();
    let category = match text::is(&line.body, Topic::OutOfMemory) {
        true => Category::Memory,
        false if lower.contains("panic") || lower.contains("segmentation") => Category::Error,
        false => Category::Infrastructure,
    };
    let caller = failure.function().unwrap_or(failure.state());
    let said = text::brief(&line.body, 160);
    let mechanism = format!(
        "{name} came to its end before {caller} called it in {}: {said}",
        failure.state()
    );
    let shown = clue::log(line, format!("{name} wrote: {said}"));
    let explained = Explained {
        kind: String::new(),
        name: caller.to_owned(),
        reason: format!("{name} was not there to answer"),
        reference: shown.reference.clone(),
    };
    let suspect = clue::entity(scene, "service", name, &[&attempt.path, caller]);
    Some(
        Clue::new(suspect, category, 0.965, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .explaining([explained]),
    )
}

/// Somebody else who has taken what is waited for at a store.
pub(super) fn held(scene: &Scene, attempt: &Attempt, store: &str) -> Option<Clue> {
    let key = searched(store)?;
    let functions = scene.case.attempts.iter();
    let functions: BTreeSet<&str> = functions
        .filter_map(|it| it.function_name.as_deref())
        .collect();
    let to = attempt.end_time.or(scene.case.execution.end_time)?;
    let fits = |it: &&LogRecord| {
        let other = it.service_name != key && it.service_name != store;
        let own =
            functions.contains(it.service_name.as_str()) || it.origin == LogOrigin::LambdaPlatform;
        other
            && !own
            && !it.service_name.is_empty()
            && it.time <= to
            && holds(&it.body)
            && callees::names(&it.body, &key)
    };
    let mut lines = scene.case.overheard.iter().filter(fits);
    let line = lines.rfind(|it| !usual(scene, it) && !well_since(scene, store, it))?;
    let name = &line.service_name;
    let many = connections(&line.body.to_lowercase()).is_some();
    let category = if many {
        Category::Capacity
    } else {
        Category::Latency
    };
    let said = text::brief(&line.body, 160);
    let before = human_duration(attempt.start_time.since(line.time).max(0));
    let mechanism = format!(
        "{name} held {store} up, for which {} waited; {before} before it had written: {said}",
        attempt.state
    );
    let kind = if line.request_id.is_empty() {
        "service"
    } else {
        "function"
    };
    let shown = clue::log(line, format!("{name} wrote: {said}"));
    let victims = [Some(store.to_owned()), attempt.function_name.clone()];
    let explained = victims.into_iter().flatten().map(|victim| Explained {
        kind: String::new(),
        reason: format!("{victim} waited for what {name} held"),
        name: victim,
        reference: shown.reference.clone(),
    });
    let explained: Vec<Explained> = explained.collect();
    Some(
        Clue::new(
            clue::entity(scene, kind, name, &[&attempt.path, store]),
            category,
            0.95,
            mechanism,
        )
        .with([shown])
        .explaining(explained),
    )
}

#[cfg(test)]
mod tests {
    use super::{connects, share};

    #[test]
    fn who_takes_a_connection_is_told_from_who_leaves_it() {
        let check = |line: &str, expect: bool| assert_eq!(connects(line), expect, "{line}");
        check("opened connection 7/96 to points-db", true);
        check("acquired session 12 on roster-db", true);
        check("new connection to points-db established", true);
        check("connection to points-db closed", false);
        check("released connection 7/96 to points-db", false);
        check("lost connection to points-db, opening it again", false);
        check("points read from points-db", false);
    }

    #[test]
    fn how_much_of_a_capacity_is_used_is_read() {
        let check = |line: &str, expect: Option<f64>| {
            assert_eq!(share(line).map(f64::round), expect, "{line}");
        };
        check(
            "progress 44% consumedRCU/s=3920 (table bids, provisioned 4000)",
            Some(98.0),
        );
        check("using 180 of 200 connections of points-db", Some(90.0));
        check("used 75 of 1500 provisioned write units", Some(5.0));
        check("points-db has 200 connections", None);
        check("used 3 of 4 tries", None);
        check("copied 480 rows of points-db", None);
    }
}
