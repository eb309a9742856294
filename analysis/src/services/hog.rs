//! One that keeps a shared store or service so busy that others find no room: a job with too many connections, a query
//! that is sent a thousand times. The others fail louder.

use super::rank::Evidence;
use super::tree::{Answers, Trees};
use std::collections::BTreeMap;

/// Share of the time of all calls that one takes, and share that it used to take, at most.
const MOSTLY: f64 = 0.7;
const USUALLY: f64 = 0.5;
/// Growth of that time, and of the calls: a caller whose few calls are stuck waits itself.
const GROWTH: f64 = 5.0;
const MORE_CALLS: f64 = 3.0;
/// Its calls that are under way at a time, on average, at least.
const AT_A_TIME: f64 = 3.0;
/// Calls of the others, at least, and their failures from which they suffer.
const LEAST_CALLS: f64 = 20.0;
const SUFFER: f64 = 0.05;
/// What is left of the weight of those who suffer.
const LEFT: f64 = 0.25;

/// What one calls of another.
#[derive(Debug, Default, Clone, Copy)]
struct Use {
    calls: f64,
    ns: f64,
    failed: f64,
    longest: Option<(i64, usize)>,
}

/// One that keeps another busy.
#[derive(Debug, Clone)]
pub(super) struct Hog {
    /// Whom it keeps busy.
    pub of: u32,
    /// Share of the time of all calls.
    pub share: f64,
    /// The longest call.
    pub span: usize,
    /// Who else calls it.
    others: Vec<u32>,
}

/// Calls by callee and caller.
type Uses = BTreeMap<u32, BTreeMap<u32, Use>>;

fn uses(trees: &Trees, answers: &Answers) -> Uses {
    let mut all = Uses::new();
    for (n, span) in trees.spans.iter().enumerate() {
        let (from, to) = (trees.service[n], trees.waits_for(n, answers));
        if from == to {
            continue;
        }
        let of = all.entry(to).or_default().entry(from).or_default();
        of.calls += 1.0;
        of.ns += span.duration_ns.max(0) as f64;
        of.failed += f64::from(u8::from(span.failed));
        let longest = of.longest.map_or(i64::MIN, |it| it.0);
        if span.duration_ns > longest {
            of.longest = Some((span.duration_ns, n));
        }
    }
    all
}

/// How long a period lasts, nanoseconds.
fn lasts(trees: &Trees) -> f64 {
    let starts = || trees.spans.iter().map(|it| it.start.0);
    let (first, last) = (starts().min(), starts().max());
    first
        .zip(last)
        .map_or(0, |it| it.1.saturating_sub(it.0))
        .max(1) as f64
}

/// Those who keep others busy, by service.
pub(super) fn hogs(symptom: &Trees, baseline: &Trees, answers: &Answers) -> BTreeMap<u32, Hog> {
    let (now, before) = (uses(symptom, answers), uses(baseline, answers));
    let none = BTreeMap::new();
    // What a longer period adds is no growth.
    let longer = lasts(symptom) / lasts(baseline);
    let mut found = BTreeMap::new();
    for (of, callers) in &now {
        let usual = before.get(of).unwrap_or(&none);
        let sum = |all: &BTreeMap<u32, Use>| all.values().map(|it| it.ns).sum::<f64>();
        let (all, all_before) = (sum(callers), sum(usual));
        for (caller, it) in callers {
            let was = usual.get(caller).copied().unwrap_or_default();
            let (share, used) = (it.ns / all.max(1.0), was.ns / all_before.max(1.0));
            let grown =
                it.ns > GROWTH * longer * was.ns && it.calls > MORE_CALLS * longer * was.calls;
            let many = it.ns > AT_A_TIME * lasts(symptom);
            let mine = share > MOSTLY && used < USUALLY;
            if let Some((_, span)) = it.longest.filter(|_| grown && many && mine)
                && suffer(*caller, callers, usual)
            {
                let others = callers.keys().filter(|it| *it != caller).copied().collect();
                let hog = Hog {
                    of: *of,
                    share,
                    span,
                    others,
                };
                found.insert(*caller, hog);
            }
        }
    }
    found
}

/// True when calls of others fail that did not.
fn suffer(caller: u32, now: &BTreeMap<u32, Use>, before: &BTreeMap<u32, Use>) -> bool {
    let rate = |all: &BTreeMap<u32, Use>| {
        let others = all.iter().filter(|it| *it.0 != caller).map(|it| it.1);
        others.fold((0.0, 0.0), |sum, it| (sum.0 + it.calls, sum.1 + it.failed))
    };
    let ((calls, failed), (calls_before, failed_before)) = (rate(now), rate(before));
    let usually = failed_before / calls_before.max(1.0);
    calls >= LEAST_CALLS && failed / calls > SUFFER + 2.0 * usually
}

/// Charges what others suffer to those who keep the callee busy.
pub(super) fn charge<'a>(all: &mut [Evidence<'a>], hogs: &'a BTreeMap<u32, Hog>) {
    for (service, hog) in hogs {
        let mut worst: f64 = 0.0;
        let suffers = |it: &Evidence| it.service == hog.of || hog.others.contains(&it.service);
        for evidence in all.iter_mut().filter(|it| suffers(it)) {
            worst = worst
                .max(evidence.by_error.max(evidence.by_log))
                .max(evidence.by_time);
            evidence.by_error *= LEFT;
            evidence.by_log *= LEFT;
            evidence.by_time *= LEFT;
        }
        if let Some(evidence) = all.iter_mut().find(|it| it.service == *service) {
            evidence.hog = Some(hog);
            evidence.by_oddity = evidence.by_oddity.max(worst * hog.share.sqrt());
        }
    }
}
