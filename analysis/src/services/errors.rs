//! Failed spans without a failed cause below them, against the healthy period.

use super::Hop;
use super::callers::{self, Callers};
use super::numbers::Turned;
use super::patience;
use super::pools;
use super::rejected;
use super::tree::{Answers, Names, Trees};
use crate::case::text::{self, Topic};
use model::TraceId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Errors that speak against a service.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    /// Share of the traces in which an error began there.
    pub rate: f64,
    /// The same in the healthy period.
    pub usual: f64,
    /// Twice the log-likelihood ratio of the two shares' being different.
    pub surprise: f64,
    /// A span in which one began.
    pub span: Option<usize>,
    /// Roots of the traces.
    pub traces: HashSet<u32>,
    /// Callees that refused what it alone sent them, and callers that would not take its answers.
    pub refused_by: BTreeSet<u32>,
    /// Callees that answer as ever, of which it had no connection left in its own pool.
    pub drained: BTreeSet<u32>,
    /// Share of its failures that are calls which it gave up before they could be answered.
    pub hasty: f64,
    /// Share of its failures that are answers of it which callers would not take.
    pub rejected: f64,
}

/// The services in which errors began.
/// `owners` are callers whose calls are slow for them alone, `turned` the numbers that left their range.
pub(super) fn faulty(
    [symptom, baseline]: [&Trees; 2],
    answers: &Answers,
    names: &Names,
    owners: &HashSet<u32>,
    turned: &[Turned],
) -> BTreeMap<u32, Faulty> {
    let known = callers::targets(baseline, answers);
    let hasty = patience::cut_short(symptom, baseline, answers);
    let reached = callers::reached(baseline, answers);
    let drained = pools::drained(symptom, baseline, answers);
    let told: HashSet<TraceId> = turned.iter().flat_map(|it| it.traces.clone()).collect();
    let rejected = rejected::answers([symptom, baseline], answers, names, &told);
    let now = origins(
        symptom,
        answers,
        names,
        Before {
            known,
            reached,
            hasty,
            drained,
            rejected,
            owners: owners.clone(),
        },
    );
    let before = origins(baseline, answers, names, Before::default());
    let (traces, usual_traces) = (count(symptom), count(baseline));
    now.into_iter()
        .map(|(service, began)| {
            let usual = before.get(&service).map_or(0, |it| it.roots.len());
            let began_in = began.roots.len() as f64;
            let faulty = Faulty {
                surprise: apart((began_in, traces), (usual as f64, usual_traces)),
                rate: (began.roots.len() as f64 + 0.5) / (traces + 1.0),
                usual: (usual as f64 + 0.5) / (usual_traces + 1.0),
                span: Some(began.telling(before.get(&service), traces / usual_traces.max(1.0))),
                traces: began.roots,
                refused_by: began.refused_by,
                drained: began.drained,
                hasty: began.hasty / began.failures.max(1.0),
                rejected: began.rejected / began.failures.max(1.0),
            };
            (service, faulty)
        })
        .collect()
}

/// Twice the log-likelihood ratio of two shares, `k` of `n`, against one that both have.
fn apart((k, n): (f64, f64), (j, m): (f64, f64)) -> f64 {
    let part = |k: f64, n: f64, all: f64| match k > 0.0 {
        true => k * (k / n / all).ln(),
        false => 0.0,
    };
    let (n, m) = (n.max(k).max(1.0), m.max(j).max(1.0));
    let all = (k + j) / (n + m);
    let with = part(k, n, all) + part(j, m, all);
    2.0 * (with + part(n - k, n, 1.0 - all) + part(m - j, m, 1.0 - all))
}

fn count(trees: &Trees) -> f64 {
    (0..trees.spans.len())
        .filter(|n| trees.root(*n) == *n)
        .count() as f64
}

/// Whom a failure is charged to, and from which caller the request came.
pub(super) struct Origin {
    pub service: u32,
    pub caller: Option<u32>,
    pub operation: u32,
    pub root: u32,
    pub span: usize,
    /// The caller's fault, by its words: it sent what cannot be answered.
    pub nonsense: bool,
    /// The caller's fault, by its words: it asks for what is not there, or as somebody who may not.
    pub misdirected: bool,
    /// A name was looked up in vain.
    pub nameless: bool,
    /// The operation of the one who waits.
    pub route: u32,
    /// A call of whose answer nothing is recorded.
    pub unanswered: bool,
    /// A call that was refused for want of rights.
    pub denied: bool,
    /// Whoever was called has no room left.
    pub full: bool,
}

/// What the healthy period says of calls.
#[derive(Default)]
struct Before {
    /// Who was there, or was called.
    known: HashSet<u32>,
    /// Those of whose answers something was recorded.
    reached: HashSet<u32>,
    /// Calls of the faulty period that were given up before they could be answered.
    hasty: HashSet<usize>,
    /// Calls of the faulty period that found no connection left in their own pool.
    drained: HashSet<usize>,
    /// Spans of the faulty period that failed of what they were answered, and by whom.
    rejected: HashMap<usize, u32>,
    /// Callers whose calls are slow for them alone.
    owners: HashSet<u32>,
}

/// Errors that began in a service.
struct Began {
    roots: HashSet<u32>,
    /// What they say: how many, and the first of them.
    said: BTreeMap<String, (f64, usize)>,
    refused_by: BTreeSet<u32>,
    drained: BTreeSet<u32>,
    failures: f64,
    hasty: f64,
    rejected: f64,
}

impl Began {
    /// A failure that says what is said so much more often than `before`, in a period so many times as long.
    fn telling(&self, before: Option<&Began>, longer: f64) -> usize {
        let more = |it: &(&String, &(f64, usize))| {
            let usual = before.and_then(|of| of.said.get(it.0));
            it.1.0 - longer * usual.map_or(0.0, |it| it.0)
        };
        let most = self
            .said
            .iter()
            .max_by(|a, b| more(a).total_cmp(&more(b)).then(b.1.1.cmp(&a.1.1)));
        most.map_or(0, |it| it.1.1)
    }
}

fn origins(
    trees: &Trees,
    answers: &Answers,
    names: &Names,
    before: Before,
) -> BTreeMap<u32, Began> {
    let mut all: Vec<Origin> = Vec::new();
    for n in 0..trees.spans.len() {
        let span = &trees.spans[n];
        let caused = trees.children(n).any(|child| trees.spans[child].failed);
        if !span.failed || caused || cancelled(&span.message) {
            continue;
        }
        let ones_own = before.hasty.contains(&n)
            || before.drained.contains(&n)
            || before.owners.contains(&trees.service[n]) && on_the_way(trees, n);
        all.push(match (ones_own, before.rejected.get(&n)) {
            (true, _) => own(trees, n, trees.service[n]),
            (false, Some(by)) => Origin {
                caller: None,
                ..own(trees, n, *by)
            },
            (false, None) => origin(trees, answers, names, n),
        });
    }
    let callers = Callers::new(trees, answers, &all);
    let mut found: BTreeMap<u32, Began> = BTreeMap::new();
    for it in all {
        let at_fault = callers.at_fault(&it, &before.known, &before.reached);
        let entry = found.entry(at_fault.unwrap_or(it.service));
        let began = entry.or_insert_with(|| Began {
            roots: HashSet::new(),
            said: BTreeMap::new(),
            refused_by: BTreeSet::new(),
            drained: BTreeSet::new(),
            failures: 0.0,
            hasty: 0.0,
            rejected: 0.0,
        });
        began.failures += 1.0;
        let said = text::template(&trees.spans[it.span].message);
        began.said.entry(said).or_insert((0.0, it.span)).0 += 1.0;
        began.hasty += f64::from(u8::from(before.hasty.contains(&it.span)));
        began.rejected += f64::from(u8::from(before.rejected.contains_key(&it.span)));
        began.roots.insert(it.root);
        if before.drained.contains(&it.span) {
            began.drained.insert(trees.waits_for(it.span, answers));
        }
        if at_fault.is_some() {
            began.refused_by.insert(it.service);
        }
        if before.rejected.contains_key(&it.span) {
            began.refused_by.insert(trees.service[it.span]);
        }
    }
    found
}

fn origin(trees: &Trees, answers: &Answers, names: &Names, n: usize) -> Origin {
    let span = &trees.spans[n];
    let mut service = trees.waits_for(n, answers);
    let topic = text::topic(&span.message);
    if trees.answer(n).is_none() && spent(&span.message) {
        // Its own process has nothing left to call with, whomever it was about to call.
        service = trees.service[n];
    } else if matches!(topic, Some(Topic::Timeout)) {
        service = slowest(trees, answers, n);
    } else if service == trees.service[n]
        && !trees.calls(n, answers)
        && !span.lent
        && let Some(named) = named(names, service, &span.message)
    {
        // It says itself whom it waited for, where no span does.
        service = named;
    }
    own(trees, n, service)
}

/// A failure that is charged to a service.
fn own(trees: &Trees, n: usize, service: u32) -> Origin {
    let span = &trees.spans[n];
    let topic = text::topic(&span.message);
    // A failure deep inside a service is one of the request that came in.
    let request = match service == trees.service[n] {
        true => trees.entry(n),
        // What was asked for, where the answer says it.
        false => trees.answer(n).unwrap_or(n),
    };
    let above = trees.parent(request).map(|it| trees.service[it]);
    let unanswered = service != trees.service[n] && trees.answer(n).is_none();
    Origin {
        service,
        caller: above.filter(|it| *it != service),
        operation: trees.operation[request],
        root: trees.root(n) as u32,
        span: n,
        nonsense: refuses(span),
        misdirected: misdirected(&span.message),
        nameless: matches!(topic, Some(Topic::Name)),
        route: trees.operation[trees.entry(n)],
        unanswered,
        denied: service != trees.service[n]
            && (matches!(topic, Some(Topic::Permission)) || unentitled(&span.message)),
        full: full(&span.message),
    }
}

/// True for words of a request that somebody else ended. Clients that count the seconds themselves say that they cancelled it.
fn cancelled(message: &str) -> bool {
    message.to_lowercase().contains("cancel")
        && !matches!(text::topic(message), Some(Topic::Timeout))
}

/// True for a call that was given up although its answer took only a small part of the wait.
fn on_the_way(trees: &Trees, n: usize) -> bool {
    let answered = trees.answer(n).map(|it| trees.spans[it].duration_ns);
    let given_up = matches!(text::topic(&trees.spans[n].message), Some(Topic::Timeout));
    given_up && answered.is_some_and(|it| it.saturating_mul(5) < trees.spans[n].duration_ns)
}

/// True for a failure that is told as a refusal of what was sent. Who broke down itself refuses nothing by the name of an
/// exception alone: a `ValidationError` may be of what it was answered itself.
fn refuses(span: &Hop) -> bool {
    let words = match span.broke {
        true => span
            .message
            .split_once(": ")
            .filter(|it| !it.0.contains(' '))
            .map_or(&*span.message, |it| it.1),
        false => &*span.message,
    };
    nonsense(words) && !span.message.starts_with("status code 5")
}

/// Whom a call that was given up was waiting for: down the longest answers.
fn slowest(trees: &Trees, answers: &Answers, n: usize) -> u32 {
    let mut at = n;
    for _ in 0..64 {
        let longest = trees
            .children(at)
            .max_by_key(|it| trees.spans[*it].duration_ns);
        match longest.filter(|it| trees.spans[*it].duration_ns * 2 > trees.spans[at].duration_ns) {
            Some(below) => at = below,
            None => break,
        }
    }
    trees.waits_for(at, answers)
}

/// Another service that is named in a message.
pub(super) fn named(names: &Names, service: u32, message: &str) -> Option<u32> {
    let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    let mut known = words
        .take(60)
        .filter(|it| it.len() > 2)
        .filter_map(|it| names.known(it));
    known.find(|it| *it != service)
}

/// Words by which a callee refuses what it was sent.
pub(super) fn nonsense(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    const WORDS: [&str; 19] = [
        "invalid argument",
        "invalidargument",
        "invalid_argument",
        "bad request",
        "badrequest",
        "status code 400",
        "status code 422",
        "unprocessable",
        "validation",
        "must be ",
        "must not be",
        "malformed",
        "missing parameter",
        "is required",
        "required field",
        "required parameter",
        "required argument",
        "required property",
        "required key",
    ];
    // What it was answered itself was nonsense, not what it was sent.
    const ANSWERS: [&str; 5] = ["response", "reply", "answer", "payload from", "body from"];
    let of_answer = |at: usize, word: &str| {
        let rest = lower[at + word.len()..].trim_start();
        ANSWERS.iter().any(|it| rest.starts_with(it))
    };
    let sent = |word: &&str| {
        let mut all = lower.match_indices(*word);
        all.any(|(at, _)| !of_answer(at, word))
    };
    // Code that stumbled did so itself, whatever it was given.
    WORDS.iter().any(sent) && !text::stumbles(message)
}

/// Words by which a store says that whoever asks may not do what he asks for: MySQL, PostgreSQL, SQL Server, Oracle, Redis,
/// MongoDB, Kafka, Cassandra, Elasticsearch.
pub(super) fn unentitled(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    const WORDS: [&str; 16] = [
        "command denied to user",
        "permission denied for table",
        "permission denied for relation",
        "permission denied for schema",
        "permission denied for sequence",
        "permission denied for database",
        "must be owner of",
        "permission was denied on",
        "ora-01031",
        "noperm ",
        "not authorized on ",
        "topicauthorization",
        "groupauthorization",
        "no modify permission",
        "no select permission",
        "is unauthorized for user",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}

/// Words by which a store says that it has no room left: MinIO, HDFS, PostgreSQL, MySQL, SQLite, MongoDB, Elasticsearch,
/// the kernel.
pub(super) fn full(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    const WORDS: [&str; 17] = [
        "no space left",
        "enospc",
        "disk full",
        "disk is full",
        "free drive threshold",
        "storage is full",
        "storagefull",
        "disk quota",
        "quota exceeded on disk",
        "flood-stage watermark",
        "read-only-allow-delete",
        "could not extend file",
        "insufficient storage",
        "available disk space",
        "disk space of",
        "outofdiskspace",
        "free disk space",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}

/// Words by which a process says that it has used up what it needs itself to call anybody: descriptors, ports, threads,
/// memory.
fn spent(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    // Words that somebody else answered with are that one's.
    if ["http:", "https:", "rpc error", "status"]
        .iter()
        .any(|it| lower.contains(it))
    {
        return false;
    }
    const WORDS: [&str; 14] = [
        "too many open files",
        "emfile",
        "enfile",
        "cannot assign requested address",
        "can't assign requested address",
        "eaddrnotavail",
        "no buffer space available",
        "enobufs",
        "unable to create native thread",
        "unable to create new native thread",
        "can't start new thread",
        "cannot allocate memory",
        "outofmemoryerror",
        "outofmemoryexception",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}

/// Words by which a store or a broker says that it does not hold what was asked for, or does not know who asks.
fn misdirected(message: &str) -> bool {
    let lower = text::shortened(message).to_lowercase();
    const WORDS: [&str; 11] = [
        "does not exist",
        "doesn't exist",
        "unknown database",
        "no such table",
        "no such bucket",
        "nosuchbucket",
        "unknown topic",
        "authentication failed",
        "access denied",
        "not authorized",
        "password",
    ];
    WORDS.iter().any(|word| lower.contains(word))
}
