//! Where in a service the trouble is: on one of several hosts or pods, in one of several operations.
//!
//! Only what sets a place apart counts: the others of the same service have to be as they were, by enough requests to
//! tell. A service that runs in one place, or is ill in all of them, is told as a service.

use super::{Hop, tree::Trees};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Requests at a place, and at all others, below which nothing is said.
const FEWEST_HERE: f64 = 5.0;
const FEWEST_ELSEWHERE: f64 = 8.0;
/// Share of what went wrong that lies in one place, at least.
const MOSTLY: f64 = 0.8;
/// Share of the requests that go there, at most: else it is just where the service is.
const BUSY: f64 = 0.75;
/// Standard errors by which a place stands out.
const SURPRISE: f64 = 4.0;
/// Other services on a host that are looked at.
const MOST_NEIGHBOURS: usize = 40;
/// Parts of one request inside a service that are followed.
const MOST_PARTS: usize = 2_000;

/// A place that stands out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// `host`, `pod` or `operation`.
    pub kind: &'static str,
    /// Its name.
    pub name: Arc<str>,
    /// A span that shows it.
    pub span: usize,
    /// What sets it apart, one sentence.
    pub reason: String,
    /// A pod of another replica set than all that there were before: another version.
    pub another_version: bool,
    /// Other services are ill there, too: it is the machine rather than an instance of this one.
    pub shared: bool,
    surprise: f64,
}

/// One request as a service saw it.
struct Request {
    span: usize,
    /// Time beyond what the operation took in the healthy period, nanoseconds.
    more_ns: f64,
    failed: bool,
}

/// The places of a service that stand out: a host or pod, and an operation.
pub(super) fn of(service: u32, symptom: &Trees, baseline: &Trees) -> Vec<Place> {
    let (usual, usually_failed) = usual(service, baseline);
    let all: Vec<Request> = requests(service, symptom)
        .into_iter()
        .map(|(span, ns, failed)| {
            let usual_ns = usual.get(&symptom.operation[span]).copied();
            Request {
                span,
                more_ns: ns as f64 - usual_ns.unwrap_or(ns as f64),
                failed,
            }
        })
        .collect();
    let by = |kind: &'static str, of: &dyn Fn(&Hop) -> Option<Arc<str>>| {
        let mut places: BTreeMap<Arc<str>, Vec<&Request>> = BTreeMap::new();
        for request in &all {
            if let Some(name) = of(&symptom.spans[request.span]) {
                places.entry(name).or_default().push(request);
            }
        }
        stands_out(kind, &places, usually_failed)
    };
    let host = by("host", &|hop| hop.host.clone());
    let pod = by("pod", &|hop| hop.pod.clone());
    // What both tell is the host's, unless the pod tells it clearly better.
    let where_ = match (host, pod) {
        (Some(host), Some(pod)) if pod.surprise > host.surprise * 1.3 => Some(pod),
        (Some(host), _) => Some(host),
        (None, pod) => pod,
    };
    let where_ = where_.map(|it| Place {
        another_version: another_version(&it.name, service, baseline)
            || another_release(&it.name, service, [symptom, baseline]),
        ..it
    });
    let operation = by("operation", &|hop| Some(hop.name.clone()));
    where_.into_iter().chain(operation).collect()
}

/// The same, with hosts on which others are ill as well told from those where only this service is.
pub(super) fn told(service: u32, symptom: &Trees, baseline: &Trees) -> Vec<Place> {
    let mut all = of(service, symptom, baseline);
    for place in all.iter_mut().filter(|it| it.kind == "host") {
        let spans = symptom.spans.iter().zip(&symptom.service);
        let there = spans.filter(|it| it.0.host.as_deref() == Some(&*place.name));
        let others: BTreeSet<u32> = there.map(|it| *it.1).filter(|it| *it != service).collect();
        place.shared = others.into_iter().take(MOST_NEIGHBOURS).any(|it| {
            let theirs = of(it, symptom, baseline);
            theirs.iter().any(|it| it.name == place.name)
        });
    }
    all
}

/// True for a host or pod that runs another release than all that there were before, while others do not.
fn another_release(place: &str, service: u32, [symptom, baseline]: [&Trees; 2]) -> bool {
    let of = |trees: &Trees| {
        let all = trees.spans.iter().zip(&trees.service);
        let all = all.filter(|it| *it.1 == service);
        let said = all.filter_map(|it| Some((it.0.clone(), it.0.release.clone()?)));
        said.collect::<Vec<_>>()
    };
    let here = |hop: &Hop| {
        [&hop.host, &hop.pod]
            .iter()
            .any(|it| it.as_deref() == Some(place))
    };
    let before: BTreeSet<Arc<str>> = of(baseline).into_iter().map(|it| it.1).collect();
    let now = of(symptom);
    let new = |it: &&(Hop, Arc<str>)| !before.contains(&it.1);
    let (inside, outside): (Vec<_>, Vec<_>) = now.iter().partition(|it| here(&it.0));
    !before.is_empty() && !inside.is_empty() && inside.iter().all(new) && !outside.iter().any(new)
}

/// True for a pod whose name (`SERVICE-SET-POD`) tells another replica set than those of before.
fn another_version(pod: &str, service: u32, baseline: &Trees) -> bool {
    let set = |pod: &str| {
        let (set, _) = pod.rsplit_once('-')?;
        let (_, hash) = set.rsplit_once('-')?;
        let hashed = hash.len() >= 5 && hash.chars().any(|c| c.is_ascii_digit());
        hashed.then(|| set.to_owned())
    };
    let Some(new) = set(pod) else {
        return false;
    };
    let spans = 0..baseline.spans.len();
    let mut pods = spans
        .filter(|n| baseline.service[*n] == service)
        .filter_map(|n| set(baseline.spans[n].pod.as_deref()?))
        .peekable();
    pods.peek().is_some() && pods.all(|it| it != new)
}

/// What each operation of a service took in the healthy period on average, and how often requests failed.
fn usual(service: u32, baseline: &Trees) -> (HashMap<u32, f64>, f64) {
    let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
    let (mut count, mut failures) = (0.0, 0.0);
    for (span, ns, failed) in requests(service, baseline) {
        let sum = sums.entry(baseline.operation[span]).or_default();
        sum.0 += ns as f64;
        sum.1 += 1.0;
        count += 1.0;
        failures += f64::from(u8::from(failed));
    }
    let means = sums.into_iter().map(|(of, (all, count))| (of, all / count));
    (means.collect(), failures / f64::max(count, 1.0))
}

/// Every request that a service was asked: the span in which it came in, the time that it or the way to it took, and
/// whether it failed by itself.
fn requests(service: u32, trees: &Trees) -> Vec<(usize, i64, bool)> {
    let entries = (0..trees.spans.len()).filter(|n| {
        trees.service[*n] == service
            && trees
                .parent(*n)
                .is_none_or(|above| trees.service[above] != service)
    });
    entries
        .map(|n| {
            let (own, failed) = inside(service, trees, n);
            // What the caller waited beyond the answer passed on the way to this place.
            let way = trees
                .parent(n)
                .filter(|above| trees.answer(*above) == Some(n));
            let way = way.map_or(0, |above| {
                let only = trees.children(above).count() == 1;
                let waited = trees.spans[above].duration_ns - trees.spans[n].duration_ns;
                if only { waited.max(0) } else { 0 }
            });
            (n, own.saturating_add(way), failed)
        })
        .collect()
}

/// The time that a service's own spans of one request took, and whether one of them failed without a failed cause in
/// another service.
fn inside(service: u32, trees: &Trees, entry: usize) -> (i64, bool) {
    let (mut own, mut failed) = (0_i64, false);
    let mut open = vec![entry];
    let mut seen = 0;
    while let Some(n) = open.pop() {
        seen += 1;
        if seen > MOST_PARTS {
            break;
        }
        let foreign = |child: &usize| trees.service[*child] != service;
        let mut below = trees.children(n);
        let caused = below.any(|child| foreign(&child) && trees.spans[child].failed);
        failed |= trees.spans[n].failed && !caused;
        if !trees.children(n).any(|child| foreign(&child)) {
            own = own.saturating_add(trees.exclusive(n));
        }
        open.extend(trees.children(n).filter(|child| !foreign(child)));
    }
    (own, failed)
}

/// The place that stands out by failures, else by time.
fn stands_out(
    kind: &'static str,
    places: &BTreeMap<Arc<str>, Vec<&Request>>,
    usually_failed: f64,
) -> Option<Place> {
    if places.len() < 2 {
        return None;
    }
    let all: Vec<&Request> = places.values().flatten().copied().collect();
    let found = places.iter().filter_map(|(name, here)| {
        let count = here.len() as f64;
        let elsewhere = all.len() as f64 - count;
        let enough = count >= FEWEST_HERE && elsewhere >= FEWEST_ELSEWHERE;
        if !enough || count > BUSY * all.len() as f64 {
            return None;
        }
        let failing = failing(here, &all, usually_failed);
        let (surprise, reason) = failing.or_else(|| late(here, &all))?;
        let worst = here.iter().max_by(|a, b| {
            (a.failed, a.more_ns)
                .partial_cmp(&(b.failed, b.more_ns))
                .unwrap_or(std::cmp::Ordering::Equal)
        })?;
        Some(Place {
            kind,
            name: name.clone(),
            span: worst.span,
            reason,
            another_version: false,
            shared: false,
            surprise,
        })
    });
    found.max_by(|a, b| {
        a.surprise
            .total_cmp(&b.surprise)
            .then_with(|| b.name.cmp(&a.name))
    })
}

/// Failures that nearly all lie here.
fn failing(here: &[&Request], all: &[&Request], usually: f64) -> Option<(f64, String)> {
    let failures = |of: &[&Request]| of.iter().filter(|it| it.failed).count() as f64;
    let (bad, total) = (failures(here), failures(all));
    let (count, others) = (here.len() as f64, (all.len() - here.len()) as f64);
    let elsewhere = ((total - bad + 0.5) / (others + 1.0)).max(usually);
    let spread = (count * elsewhere * (1.0 - elsewhere).max(0.0))
        .sqrt()
        .max(0.5);
    let surprise = (bad - count * elsewhere) / spread;
    let stands = bad >= 3.0 && bad >= MOSTLY * total && surprise > SURPRISE;
    let reason = format!(
        "{bad:.0} of {count:.0} requests failed there, {:.0} of {others:.0} elsewhere",
        total - bad
    );
    stands.then_some((surprise, reason))
}

/// Time that was added nearly only here.
fn late(here: &[&Request], all: &[&Request]) -> Option<(f64, String)> {
    let sum = |of: &[&Request]| of.iter().map(|it| it.more_ns).sum::<f64>();
    let count = here.len() as f64;
    let others = all.len() as f64 - count;
    let mean = sum(here) / count;
    let elsewhere = (sum(all) - sum(here)) / others;
    let variance = |of: &[&Request], mean: f64| {
        of.iter().map(|it| (it.more_ns - mean).powi(2)).sum::<f64>() / of.len() as f64
    };
    let noise = (variance(here, mean) / count
        + variance(all, sum(all) / all.len() as f64) / others)
        .sqrt()
        .max(50_000.0);
    let surprise = (mean - elsewhere) / noise;
    let added = |mean: f64, count: f64| mean.max(0.0) * count;
    let share = added(mean, count) / (added(mean, count) + added(elsewhere, others)).max(1.0);
    let stands =
        mean > 1_000_000.0 && share >= MOSTLY && mean > elsewhere * 3.0 && surprise > SURPRISE;
    let told = |ns: f64| model::time::human_duration(ns as i64);
    let reason = format!(
        "requests took {} more than usual there, {} elsewhere",
        told(mean),
        told(elsewhere.max(0.0))
    );
    stands.then_some((surprise, reason))
}
