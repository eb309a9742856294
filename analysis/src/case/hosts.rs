//! One host among several: a service that is bad on one host and well on the others is not to blame.
//!
//! One run calls a service once or twice, so siblings are asked, too: those from the time on since which the
//! service is bad on the host.

use super::{
    Profile,
    charges::{self, Charge, Forest},
    clue::{self, Clue, Explained},
    failures::Failure,
    profile::{self, host, placed},
    scene::{Scene, attribute},
};
use model::{Attempt, Category, Exhibit, Span, UnixNanos, time::human_duration};
use std::collections::{BTreeMap, BTreeSet};

/// Calls on other hosts that went well, at least.
const WELL: u32 = 2;
/// Failures on one host that are no chance, and requests that others served before.
const LOUD: u32 = 4;
/// Attributes in which clients tell the address that they reached, as the conventions of OpenTelemetry name it.
const REACHED: [&str; 4] = [
    "network.peer.address",
    "net.sock.peer.addr",
    "net.peer.ip",
    "server.socket.address",
];
/// Siblings around an execution that may be of its incident.
const NEAR: usize = 6;
/// So many times as long is slow.
const TIMES: i64 = 3;

/// What services did on hosts.
type Places = BTreeMap<(String, String), Charge>;

/// What a service did on one host and on the others, since it was bad there.
#[derive(Default)]
struct Split {
    here: Charge,
    others: Charge,
    /// On this host before it was bad.
    before: Charge,
}

impl Split {
    fn of(
        scene: &Scene,
        own: &Places,
        of: fn(&Profile) -> &Places,
        service: &str,
        host: &str,
        bad: impl Fn(&Charge) -> bool,
    ) -> Self {
        let key = (service.to_owned(), host.to_owned());
        let start = scene.case.execution.start_time;
        let peers = scene.world.peers.iter();
        let bad = peers.filter(|it| of(it).get(&key).is_some_and(&bad));
        let bad: Vec<UnixNanos> = bad.map(|it| it.start).chain([start]).collect();
        // It lasted from the first to the last run in which it was bad there: hosts get well again.
        let since = bad.iter().copied().min().unwrap_or(start);
        let until = bad.iter().copied().max().unwrap_or(start);
        let mut split = Split::default();
        split.take(own, service, host, true);
        for peer in &scene.world.peers {
            match peer.start > until {
                true => split.elsewhere(of(peer), service, host),
                false => split.take(of(peer), service, host, peer.start >= since),
            }
        }
        split
    }

    /// Only what it did on others.
    fn elsewhere(&mut self, placed: &Places, service: &str, host: &str) {
        let mut placed = placed.clone();
        placed.retain(|(name, place), _| name == service && place != host);
        self.take(&placed, service, host, true);
    }

    fn take(&mut self, placed: &Places, service: &str, host: &str, during: bool) {
        for ((name, place), charge) in placed.iter().filter(|((name, _), _)| name == service) {
            let _ = name;
            let sum = match (place == host, during) {
                (true, true) => &mut self.here,
                (true, false) => &mut self.before,
                (false, true) => &mut self.others,
                (false, false) => continue,
            };
            sum.ns = sum.ns.saturating_add(charge.ns);
            sum.count += charge.count;
            sum.errors += charge.errors;
        }
    }
}

fn placed_of(peer: &Profile) -> &Places {
    &peer.placed
}

fn routed_of(peer: &Profile) -> &Places {
    &peer.routed
}

fn mean(charge: &Charge) -> i64 {
    charge.ns / i64::from(charge.count.max(1))
}

/// A host on which a service fails that works on others.
pub(crate) fn broken(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let tried = of_all_tries(scene, failure);
    let forest = tried.as_ref().unwrap_or(&failure.spans);
    let span = forest
        .spans
        .iter()
        .copied()
        .filter(|it| !charges::calls_out(it) && charges::failed(it) && host(it).is_some());
    // The innermost failed span: what is above it only passes the error on.
    let span = span.max_by_key(|it| (it.start_time, it.span_id))?;
    let (service, place) = (span.service_name.clone(), host(span)?);
    let own = placed(forest);
    let mut split = Split::of(scene, &own, placed_of, &service, &place, |it| {
        it.errors * 2 > it.count
    });
    // One run alone may fail wherever its tries come to, unless the host tells that it is ill itself.
    let own = own.get(&(service.clone(), place.clone()));
    let alone = own.is_some_and(|it| it.errors == split.here.errors);
    let ill = is_ill(scene, forest, &service, &place);
    if ill && split.others.count < WELL {
        // The others may have served nobody since.
        for peer in &scene.world.peers {
            split.elsewhere(&peer.placed, &service, &place);
        }
    }
    let here = split.here.errors * 10 >= split.here.count * 9
        && split.here.errors >= if ill { 1 } else { 2 }
        && (!alone || ill);
    let others = split.others.count >= WELL && split.others.errors == 0;
    // The hosts differ in what runs on them: a version that failed everywhere is no matter of the host.
    if !here || !others || super::releases::bad(scene, span).is_some() {
        return None;
    }
    let attempt = failure.attempt?;
    let mechanism = format!(
        "{service} fails on host {place} only: {} of {} requests there, none of {} elsewhere",
        split.here.errors, split.here.count, split.others.count
    );
    let shown = clue::span(span, format!("{service} failed on {place}"));
    Some(
        accuse(scene, attempt, &place, &service, span, 0.965, mechanism)
            .with([shown])
            .with(failure.exhibit()),
    )
}

/// The spans of all tries of the visit, where there were several: each may have come to another host.
fn of_all_tries<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Option<Forest<'a>> {
    let tries = scene.tries(failure.visit.filter(|_| !failure.below)?);
    (tries.len() > 1).then(|| {
        let spans = tries.into_iter().flat_map(|it| scene.spans_below(it));
        scene.forest(spans.collect())
    })
}

/// Whether what failed on a host was a matter of the machine: its disk, its file system, its hardware.
fn is_ill(scene: &Scene, forest: &Forest, service: &str, place: &str) -> bool {
    let failed = forest.spans.iter().filter(|it| {
        let on_it = it.service_name == service && host(it).as_deref() == Some(place);
        on_it && charges::failed(it) && !charges::calls_out(it)
    });
    failed.into_iter().any(|span| {
        let mut lines = scene.said(span).into_iter();
        super::signs::of_machine(&super::clues::span_words(span))
            || lines.any(|it| it.severity_number >= 13 && super::signs::of_machine(&it.body))
    })
}

/// What proxies sent to each host of each cluster.
pub(crate) fn routed(forest: &Forest) -> BTreeMap<(String, String), Charge> {
    let mut all: BTreeMap<(String, String), Charge> = BTreeMap::new();
    for (n, span) in forest.spans.iter().enumerate() {
        let Some(address) = upstream(span) else {
            continue;
        };
        if all.len() >= profile::MOST {
            break;
        }
        let charge = all.entry((forest.charged(n), address)).or_default();
        charge.ns = charge.ns.saturating_add(forest.exclusive(n));
        charge.count += 1;
        charge.errors += u32::from(charges::failed(span));
    }
    all
}

/// Which host answered at which address that a proxy chose, where the answering side tells its own.
pub(crate) fn addresses(forest: &Forest) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (n, span) in forest.spans.iter().enumerate() {
        let Some(address) = upstream(span).filter(|_| all.len() < profile::MOST) else {
            continue;
        };
        let answering = forest.children[n].iter().map(|it| forest.spans[*it]);
        let mut told = answering
            .filter(|it| !charges::calls_out(it))
            .filter_map(host);
        all.extend(told.next().map(|it| (address, it)));
    }
    all
}

/// The own name of the host at an address, if it has no other address.
fn name_of(scene: &Scene, address: &str) -> Option<String> {
    let all = || scene.world.peers.iter().map(|it| &it.addresses);
    let name = all().find_map(|it| it.get(address))?;
    let alone = all()
        .flatten()
        .all(|(at, it)| (it == name) == (at == address));
    alone.then(|| name.clone())
}

/// The host that a proxy chose, or the address that a client reached behind a name.
fn upstream(span: &Span) -> Option<String> {
    if !charges::proxied(span) && charges::flags(span).is_none() {
        let called = span.kind == model::SpanKind::Client;
        let named = attribute(&span.attributes, &["server.address", "net.peer.name"]);
        let reached = attribute(&span.attributes, &REACHED);
        let behind = |it: &String| named.as_ref().is_some_and(|name| name != it);
        return reached.filter(|it| called && !it.is_empty() && behind(it));
    }
    let address = attribute(&span.attributes, &["upstream_address", "upstream_host"])?;
    (!matches!(address.as_str(), "" | "-")).then_some(address)
}

/// A host of a cluster that fails whatever a proxy sends to it, where its other hosts served well: during the incident,
/// or, if everything fell to it since, before.
pub(crate) fn unreachable(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let forest = &failure.spans;
    let bad = |it: &&&Span| charges::failed(it) && upstream(it).is_some();
    let span = *forest
        .spans
        .iter()
        .filter(bad)
        .max_by_key(|it| (it.start_time, it.span_id))?;
    let n = forest
        .spans
        .iter()
        .position(|it| it.span_id == span.span_id)?;
    let (cluster, place) = (forest.charged(n), upstream(span)?);
    let (mut here, mut others) = (Charge::default(), Charge::default());
    let own = routed(forest);
    let key = (cluster.clone(), place.clone());
    let failed = |it: &Charge| it.errors * 2 > it.count;
    let peers = &scene.world.peers;
    let since = peers
        .iter()
        .filter(|it| it.routed.get(&key).is_some_and(failed));
    let start = scene.case.execution.start_time;
    let since = since
        .map(|it| it.start)
        .chain([start])
        .min()
        .unwrap_or(start);
    let during = peers.iter().filter(|it| it.start >= since);
    let before = peers.iter().filter(|it| it.start < since);
    let elsewhere = before.clone().flat_map(|it| &it.routed);
    let elsewhere = elsewhere.filter(|((name, host), _)| *name == cluster && *host != place);
    let well_before: u32 = elsewhere.map(|(_, it)| it.count - it.errors).sum();
    for ((name, host), charge) in during.flat_map(|it| &it.routed).chain(&own) {
        if *name != cluster {
            continue;
        }
        let sum = if *host == place {
            &mut here
        } else {
            &mut others
        };
        sum.count += charge.count;
        sum.errors += charge.errors;
    }
    // Where nothing went elsewhere meanwhile, it must be more than chance that all of it fell to this one.
    let enough = match others.count >= WELL {
        true => here.errors >= 2,
        false => here.errors >= LOUD && well_before >= LOUD,
    };
    if !enough || here.errors * 10 < here.count * 9 || others.errors > 0 {
        return None;
    }
    let attempt = failure.attempt?;
    let place = name_of(scene, &place).unwrap_or(place);
    let mechanism = format!(
        "{cluster} fails on host {place} only: {} of {} requests there, none of {} elsewhere",
        here.errors,
        here.count,
        if others.count >= WELL {
            others.count
        } else {
            well_before
        }
    );
    let shown = clue::span(span, format!("{cluster} failed on {place}"));
    let mut clue = accuse(scene, attempt, &place, &cluster, span, 0.955, mechanism);
    // A machine that nobody reaches since somebody changed the way to it is well itself.
    if let Some(change) = super::clues::network_changed(scene, failure, span, since) {
        let told = super::clues::told(change);
        clue.category = Category::NetworkConfig;
        clue = clue
            .with([clue::change(change, told.clone())])
            .changed(Some(told));
    }
    Some(clue.with([shown]).with(failure.exhibit()))
}

/// A host on which a service is slow that is quick on others: by one request that took long, or by all of them together.
pub(crate) fn slow(
    scene: &Scene,
    forest: &Forest,
    attempt: &Attempt,
    excess_ns: i64,
) -> Option<Clue> {
    let work = (0..forest.spans.len()).filter(|n| {
        let span = forest.spans[*n];
        !charges::calls_out(span) && profile::place(forest, *n).is_some()
    });
    let n = work.max_by_key(|n| forest.exclusive(*n))?;
    let span = forest.spans[n];
    let (service, place) = (span.service_name.clone(), profile::place(forest, n)?);
    let own = placed(forest);
    let all = own.get(&(service.clone(), place.clone()))?;
    // Each of many requests may be slow, and none of them long.
    let each = match forest.exclusive(n) * 3 >= excess_ns {
        true => forest.exclusive(n),
        false if all.count > 1 && all.ns * 3 >= excess_ns => mean(all),
        false => return None,
    };
    let limit = each / TIMES;
    let split = Split::of(scene, &own, placed_of, &service, &place, |it| {
        mean(it) > limit
    });
    let quick = split.others.count >= WELL
        && mean(&split.others) < limit
        && !slow_elsewhere(scene, forest, &service, &place, each / 2);
    let before = split.before.count == 0 || mean(&split.before) < limit;
    if !quick || !before {
        return None;
    }
    let took = told(each, forest.exclusive(n), all);
    let mechanism = format!(
        "{service} took {took} on host {place} in {}, {} on its other hosts at the same time",
        attempt.state,
        human_duration(mean(&split.others))
    );
    let shown: Exhibit = clue::span(span, format!("{service} worked {took} on {place}"));
    let ended = waited(scene, attempt);
    Some(
        accuse(scene, attempt, &place, &service, span, 0.96, mechanism)
            .with([shown])
            .with(ended),
    )
}

/// What one request took, or each of many.
fn told(each: i64, longest: i64, all: &Charge) -> String {
    match each == longest {
        true => human_duration(each),
        false => format!("{} in each of {} requests", human_duration(each), all.count),
    }
}

/// The same where only a proxy tells which host it chose, or a client which address it reached.
pub(crate) fn slow_behind(
    scene: &Scene,
    forest: &Forest,
    attempt: &Attempt,
    excess_ns: i64,
) -> Option<Clue> {
    let own = routed(forest);
    let well = own.iter().filter(|(_, it)| it.errors == 0);
    let ((cluster, address), all) =
        well.max_by_key(|(key, it)| (it.ns, std::cmp::Reverse(*key)))?;
    if all.ns * 3 < excess_ns {
        return None;
    }
    let limit = mean(all) / TIMES;
    let split = Split::of(scene, &own, routed_of, cluster, address, |it| {
        mean(it) > limit
    });
    let elsewhere = near(scene);
    let elsewhere = elsewhere.iter().flat_map(|it| &it.routed).chain(&own);
    let same = elsewhere.filter(|((name, host), _)| name == cluster && host != address);
    // One late answer is nobody's host.
    let quick = split.here.count >= WELL
        && split.others.count >= WELL
        && mean(&split.others) < limit
        && same.into_iter().all(|(_, it)| mean(it) <= mean(all) / 2);
    let before = split.before.count == 0 || mean(&split.before) < limit;
    if !quick || !before {
        return None;
    }
    let of_host = (0..forest.spans.len()).filter(|n| {
        forest.charged(*n) == *cluster && upstream(forest.spans[*n]).as_ref() == Some(address)
    });
    let longest = of_host.max_by_key(|n| forest.exclusive(*n))?;
    let span = forest.spans[longest];
    let place = name_of(scene, address).unwrap_or_else(|| address.clone());
    let took = told(mean(all), forest.exclusive(longest), all);
    let mechanism = format!(
        "{cluster} took {took} on host {place} in {}, {} on its other hosts at the same time",
        attempt.state,
        human_duration(mean(&split.others))
    );
    let shown = clue::span(span, format!("{cluster} was waited for at {address}"));
    Some(
        accuse(scene, attempt, &place, cluster, span, 0.955, mechanism)
            .with([shown])
            .with(waited(scene, attempt)),
    )
}

/// Whether a service was as slow on another of its hosts, in this run or around it: then it is the service, wherever it runs.
fn slow_elsewhere(scene: &Scene, forest: &Forest, service: &str, place: &str, limit: i64) -> bool {
    let own = placed(forest);
    let near = near(scene);
    let all = near.iter().map(|it| &it.placed).chain([&own]);
    all.flatten()
        .any(|((name, host), charge)| name == service && host != place && mean(charge) > limit)
}

/// Siblings around the execution: those of the same incident, if it is one.
fn near<'a>(scene: &Scene<'a>) -> Vec<&'a Profile> {
    let start = scene.case.execution.start_time;
    let mut all: Vec<&Profile> = scene.world.peers.iter().map(|it| &**it).collect();
    all.sort_by_key(|it| (it.start.0.abs_diff(start.0), it.trace_id));
    all.truncate(NEAR);
    all
}

/// What would tell whether one host of a service is slow, or all of it: its own span, where only the call is held and
/// the service is known to run on several hosts.
pub(crate) fn unseen(scene: &Scene, forest: &Forest, call: usize, service: &str) -> Option<String> {
    let answered = !forest.children[call].is_empty();
    if !charges::calls_out(forest.spans[call]) || answered {
        return None;
    }
    let peers = scene.world.peers.iter();
    let hosts: BTreeSet<&str> = peers
        .flat_map(|it| it.placed.keys())
        .filter(|(name, _)| name == service)
        .map(|(_, host)| host.as_str())
        .collect();
    (hosts.len() >= 2).then(|| {
        format!(
            "the span of {service} that answered: it would tell which of its {} hosts did",
            hosts.len()
        )
    })
}

fn accuse(
    scene: &Scene,
    attempt: &Attempt,
    place: &str,
    service: &str,
    span: &Span,
    weight: f64,
    mechanism: String,
) -> Clue {
    let suspect = clue::entity(scene, "host", place, &[&attempt.path, service]);
    Clue::new(suspect, Category::Infrastructure, weight, mechanism).explaining([Explained {
        kind: "service".into(),
        name: service.to_owned(),
        reason: format!("{service} is well on its other hosts"),
        reference: clue::span_ref(span),
    }])
}

fn waited(scene: &Scene, attempt: &Attempt) -> Option<Exhibit> {
    let event = scene.event(attempt.end_event_id?)?;
    Some(clue::event(
        event,
        format!("{} waited for it", attempt.state),
    ))
}

/// A host on which everything is slow, while the same services are as fast as ever elsewhere.
pub(crate) fn noisy(scene: &Scene, forest: &Forest, attempt: &Attempt) -> Option<Clue> {
    let mut by_host: BTreeMap<String, BTreeMap<String, (i64, i64)>> = BTreeMap::new();
    for (n, span) in forest.spans.iter().enumerate() {
        if charges::calls_out(span) {
            continue;
        }
        let host = host(span).unwrap_or_default();
        let sums = by_host
            .entry(host)
            .or_default()
            .entry(forest.charged(n))
            .or_default();
        sums.0 += forest.exclusive(n);
        sums.1 += 1;
    }
    let ratio = |service: &str, (ns, count): (i64, i64)| {
        let mut usual: Vec<i64> = scene
            .healthy
            .iter()
            .filter_map(|it| {
                let on = it.placed.iter().filter(|(key, _)| key.0 == service);
                let (ns, count) = on.fold((0, 0), |(ns, count), (_, charge)| {
                    (ns + charge.ns, count + charge.count)
                });
                (count > 0).then(|| ns / i64::from(count))
            })
            .collect();
        usual.sort_unstable();
        let median = *usual.get(usual.len() / 2)?;
        Some((ns / count.max(1)) as f64 / median.max(1) as f64)
    };
    let slow_on = |host: &str| {
        let services = by_host.get(host)?;
        let ratios: Vec<f64> = services
            .iter()
            .filter_map(|(name, sums)| ratio(name, *sums))
            .collect();
        (!ratios.is_empty()).then(|| (ratios.iter().filter(|it| **it > 1.6).count(), ratios.len()))
    };
    let (host, (slow, of)) = by_host
        .keys()
        .filter(|it| !it.is_empty())
        .filter_map(|host| Some((host.clone(), slow_on(host)?)))
        .max_by_key(|(_, (slow, _))| *slow)?;
    let elsewhere_fine = by_host
        .keys()
        .filter(|it| **it != host)
        .filter_map(|it| slow_on(it))
        .all(|(slow, of)| slow * 2 <= of);
    if slow < 2 || slow != of || !elsewhere_fine || by_host.len() < 2 {
        return None;
    }
    // Whoever is as slow on other hosts is slow by himself; his callers on this host only have the same neighbour.
    let alone = by_host
        .get(&host)
        .into_iter()
        .flatten()
        .filter(|(name, sums)| {
            let own = sums.0 / sums.1.max(1);
            !slow_elsewhere(scene, forest, name, &host, own.saturating_mul(4) / 5)
        });
    if alone.count() < 2 {
        return None;
    }
    let on_host = forest
        .spans
        .iter()
        .filter(|it| profile::host(it).as_deref() == Some(&host));
    let longest = on_host.max_by_key(|it| it.end_time.since(it.start_time))?;
    let mechanism = format!(
        "all {slow} services on host {host} were slow in {}, the others were not",
        attempt.state
    );
    Some(
        Clue::new(
            clue::entity(scene, "host", &host, &[&attempt.path]),
            Category::Infrastructure,
            0.95,
            mechanism,
        )
        .with([clue::span(
            longest,
            format!(
                "{} ran on {host} for {}",
                longest.service_name,
                human_duration(longest.end_time.since(longest.start_time))
            ),
        )])
        .with(waited(scene, attempt)),
    )
}
