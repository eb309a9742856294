//! Where the trouble in a tree of spans began.

use super::{
    charges::{self, Charge, Forest},
    scene::Scene,
};
use model::SpanKind;
use std::collections::BTreeMap;

/// Where an error began.
pub(crate) struct Origin {
    /// The span.
    pub span: usize,
    /// Service, cluster or host that is charged with it.
    pub name: String,
    /// Spans that carried it on, outermost first.
    pub carriers: Vec<usize>,
}

/// The errored span that has no errored cause below it. One whose error was carried up to the top goes before
/// one that nobody above took notice of; errors that healthy runs have as often do not count.
pub(crate) fn of_error(scene: &Scene, forest: &Forest) -> Option<Origin> {
    let bad = |n: usize| charges::failed(forest.spans[n]) && !charges::cancelled(forest.spans[n]);
    let usual = |n: usize| {
        let name = forest.charged(n);
        let with = scene
            .healthy
            .iter()
            .filter(|peer| peer.charges.get(&name).is_some_and(|it| it.errors > 0));
        !scene.healthy.is_empty() && with.count() * 4 > scene.healthy.len()
    };
    let origins =
        (0..forest.spans.len()).filter(|n| bad(*n) && !forest.children[*n].iter().any(|c| bad(*c)));
    let mut best: Option<(bool, bool, usize, Origin)> = None;
    for span in origins {
        let mut carriers = Vec::new();
        let mut above = forest.parent[span];
        let mut carried = true;
        while let Some(n) = above {
            carried &= bad(n);
            if bad(n) {
                carriers.push(n);
            }
            above = forest.parent[n];
            if carriers.len() > 100 {
                break;
            }
        }
        carriers.reverse();
        let key = (carried && !usual(span), !usual(span), carriers.len());
        let found = Origin {
            span,
            name: forest.charged(span),
            carriers,
        };
        let better = best.as_ref().is_none_or(|(a, b, c, _)| key > (*a, *b, *c));
        if better {
            best = Some((key.0, key.1, key.2, found));
        }
    }
    best.filter(|(_, unusual, _, _)| *unusual)
        .map(|(_, _, _, origin)| origin)
}

/// Who took the time, beyond what healthy runs are charged.
pub(crate) struct Excess {
    /// Service, cluster, peer.
    pub name: String,
    /// Charged here, nanoseconds.
    pub ns: i64,
    /// Charged in the median healthy run.
    pub usual_ns: Option<i64>,
    /// Share of the excess of all.
    pub share: f64,
    /// Its longest span.
    pub span: usize,
}

/// Who is charged with most of what a tree of spans took more than in healthy runs; without healthy runs
/// with most of what it took.
pub(crate) fn of_time(scene: &Scene, forest: &Forest, whole_run: bool) -> Option<Excess> {
    let charges = forest.charges();
    let usual = usual_charges(scene, &charges);
    let mut excess: Vec<(i64, &String)> = charges
        .iter()
        .map(|(name, charge)| {
            let usual = usual.get(name).copied().unwrap_or(0);
            let fair = match whole_run {
                true => usual,
                false => usual.min(charge.ns),
            };
            ((charge.ns - fair).max(0), name)
        })
        .collect();
    excess.sort_by(|a, b| b.cmp(a));
    let all: i64 = excess.iter().map(|(ns, _)| ns).sum();
    let (most, name) = excess.first().filter(|(ns, _)| *ns > 0)?;
    Some(Excess {
        name: (*name).clone(),
        ns: charges[*name].ns,
        usual_ns: usual.get(*name).copied(),
        share: *most as f64 / all.max(1) as f64,
        span: forest.longest_of(name)?,
    })
}

fn usual_charges(scene: &Scene, charges: &BTreeMap<String, Charge>) -> BTreeMap<String, i64> {
    let mut usual = BTreeMap::new();
    for name in charges.keys() {
        let mut seen: Vec<i64> = scene
            .healthy
            .iter()
            .filter_map(|peer| peer.charges.get(name).map(|it| it.ns))
            .collect();
        if !seen.is_empty() {
            seen.sort_unstable();
            usual.insert(name.clone(), seen[seen.len() / 2]);
        }
    }
    usual
}

/// The client span that gave up waiting: it ended badly while its server was still at work, or nobody answered.
pub(crate) fn given_up(forest: &Forest) -> Option<usize> {
    (0..forest.spans.len())
        .filter(|n| charges::calls_out(forest.spans[*n]) && charges::failed(forest.spans[*n]))
        .filter(|n| {
            let span = forest.spans[*n];
            let outlived = forest.children[*n].iter().any(|child| {
                let child = forest.spans[*child];
                // By their lengths: the clocks of two hosts do not agree.
                child.kind == SpanKind::Server && took(child) > took(span).max(1_000_000)
            });
            let flags =
                charges::flags(span).is_some_and(|it| it.split(',').any(|it| it.trim() == "UT"));
            outlived || flags || charges::status(span) == Some(504) || timed_out(span)
        })
        // The innermost one waited for the slow one itself.
        .max_by_key(|n| depth(forest, *n))
}

fn took(span: &model::Span) -> i64 {
    span.end_time.since(span.start_time)
}

fn timed_out(span: &model::Span) -> bool {
    let events = span
        .events
        .iter()
        .flat_map(|event| event.attributes.values());
    let text = events
        .filter_map(|value| match value {
            model::Value::String(text) => Some(text.as_str()),
            _ => None,
        })
        .chain([span.status_message.as_str()])
        .collect::<Vec<_>>()
        .join(" ");
    super::text::topic(&text) == Some(super::text::Topic::Timeout)
}

fn depth(forest: &Forest, mut n: usize) -> usize {
    let mut depth = 0;
    while let Some(above) = forest.parent[n] {
        n = above;
        depth += 1;
        if depth > 200 {
            break;
        }
    }
    depth
}

/// From a span down to who took its time: at each step the child that took most, while it took more than the
/// span itself did.
pub(crate) fn slowest_below(forest: &Forest, from: usize) -> usize {
    let mut at = from;
    for _ in 0..200 {
        let own = forest.exclusive(at);
        let took = |n: &usize| {
            let span = forest.spans[*n];
            span.end_time.since(span.start_time)
        };
        let Some(next) = forest.children[at].iter().copied().max_by_key(took) else {
            break;
        };
        if took(&next) < own {
            break;
        }
        at = next;
    }
    at
}
