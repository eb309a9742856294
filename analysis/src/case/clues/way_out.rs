//! A caller whose own way out is closed. *What it looks for*: connections that do not come about in time, or names that are
//! not found, since a change of the caller's network, or while others reach the same peer. *Why it matters*: the peer never
//! saw a request. *How to confirm*: the caller's subnets, routes and groups.

use crate::case::{
    charges,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::Category;

/// The caller whose way out is closed: no connection to somebody comes about in time, since the caller's network was
/// changed, or since nobody else is reached either, while others reach him.
pub(super) fn way_out(scene: &Scene, failure: &Failure, peer: &str) -> Option<Clue> {
    let spans = failure.spans.spans.iter();
    let words = spans.filter(|it| charges::failed(it));
    let words = words.map(|it| super::dependency::words(it));
    let lines = failure.lines.iter().filter(|it| it.severity_number >= 13);
    let words = words.chain(lines.map(|it| it.body.clone()));
    let words: Vec<String> = words.chain([failure.words()]).collect();
    if let Some(clue) = super::addressed::find(scene, failure, peer, &words) {
        return Some(clue);
    }
    let caller = failure.function()?;
    let late = words
        .iter()
        .any(|it| text::is_connect_timeout(it) || no_route(it));
    // A name that is not found is the caller's matter only where its own network was changed.
    let nameless = words.iter().any(|it| text::is(it, Topic::Name));
    if caller == peer || !late && !nameless {
        return None;
    }
    let change = network_change(scene, failure, caller, peer);
    let own = |it: &&model::Change| {
        let told = format!("{} {}", it.resource, it.change).to_lowercase();
        crate::case::callees::names(&told, &caller.to_lowercase())
    };
    if !late && change.filter(own).is_none() {
        return None;
    }
    closed(scene, failure, peer, &words)
}

/// The caller's way out is closed, by a change, by others whom it does not reach either, or by others who reach the peer.
pub(super) fn closed(
    scene: &Scene,
    failure: &Failure,
    peer: &str,
    words: &[String],
) -> Option<Clue> {
    let (caller, attempt) = (failure.function()?, failure.attempt?);
    let change = network_change(scene, failure, caller, peer);
    let others = others_unreached(scene, words, peer);
    let reached = reached_by_others(scene, failure, caller, peer);
    let why = match (&change, &others, &reached) {
        (Some(change), _, _) => format!("since {}", super::deploy::told(change)),
        (None, Some(other), _) => format!("and none to {other} either"),
        (None, None, Some(other)) => format!("while {other} reaches it"),
        (None, None, None) => return None,
    };
    let mechanism = format!(
        "no connection of {caller} to {peer} comes about in {}, {why}",
        failure.state()
    );
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    Some(
        Clue::new(
            clue::function(scene, attempt, caller, failure.version()),
            Category::NetworkConfig,
            0.95,
            mechanism,
        )
        .with(change.map(|it| clue::change(it, super::deploy::told(it))))
        .with(failure.exhibit())
        .changed(change.map(super::deploy::told))
        .explaining([Explained {
            kind: String::new(),
            name: peer.to_owned(),
            reason: format!("{peer} never saw a request of {caller}"),
            reference,
        }]),
    )
}

fn no_route(words: &str) -> bool {
    let lower = words.to_lowercase();
    const MARKS: [&str; 5] = [
        "no route to host",
        "network is unreachable",
        "enetunreach",
        "ehostunreach",
        "host unreachable",
    ];
    MARKS.iter().any(|it| lower.contains(it))
}

/// What changes of networks speak of.
const NETWORK: [&str; 16] = [
    "security group",
    "security-group",
    "securitygroup",
    "security_group",
    "subnet",
    "vpc",
    "route",
    "nat ",
    "nat-",
    "nat gateway",
    "nacl",
    "network",
    "egress",
    "outbound",
    "firewall",
    "endpoint",
];

/// What a change of a network is called, in words of its own, as people and audit trails write it: no release of a service
/// that has such a word in its name.
const OF_NETWORK: [&str; 13] = [
    "security group",
    "subnet",
    "vpc",
    "route table",
    "create route",
    "delete route",
    "replace route",
    "nat gateway",
    "nacl",
    "network acl",
    "network policy",
    "firewall",
    "egress rule",
];
/// How ids of what networks are made of begin.
const IDS: [&str; 6] = ["sg-", "subnet-", "rtb-", "acl-", "nat-", "vpc-"];

/// The latest change of a network, not long before hosts were not reached any more, where the call that failed never got
/// through.
pub(in crate::case) fn network_changed<'a>(
    scene: &Scene<'a>,
    failure: &Failure,
    call: &model::Span,
    since: model::UnixNanos,
) -> Option<&'a model::Change> {
    if !super::network::is_unreached(call) {
        return None;
    }
    // The first run that did not get through came as far as this one before it called.
    let into = call.start_time.since(scene.case.execution.start_time);
    let until = model::UnixNanos(since.0.saturating_add(into));
    let recent = super::deploy::recent(scene, failure);
    let fits = |it: &&model::Change| it.time <= until && is_of_network(it);
    recent.filter(fits).max_by_key(|it| (it.time, it.trace_id))
}

fn is_of_network(change: &model::Change) -> bool {
    let told = format!("{} {} {}", change.kind, change.resource, change.change);
    let mut words = String::from(" ");
    let mut last = ' ';
    for c in told.chars() {
        let begins = c.is_uppercase() && last.is_lowercase();
        if (begins || !c.is_alphanumeric()) && !words.ends_with(' ') {
            words.push(' ');
        }
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        }
        last = c;
    }
    words.push(' ');
    let id = |it: &str| {
        let rest = change.resource.strip_prefix(it);
        rest.is_some_and(|it| it.chars().any(|c| c.is_ascii_digit()))
    };
    let named =
        |it: &str| words.contains(&format!(" {it} ")) || words.contains(&format!(" {it}s "));
    OF_NETWORK.iter().any(|it| named(it)) || IDS.iter().any(|it| id(it))
}

/// A change of the network that is the caller's: it names it, or speaks of the way out, and does not name the peer.
fn network_change<'a>(
    scene: &Scene<'a>,
    failure: &Failure,
    caller: &str,
    peer: &str,
) -> Option<&'a model::Change> {
    const OUT: [&str; 6] = [
        "egress",
        "outbound",
        "nat ",
        "nat-",
        "nat gateway",
        "subnet",
    ];
    let stem = peer.split([':', '.']).next().unwrap_or(peer).to_lowercase();
    let recent = super::deploy::recent(scene, failure);
    let fits = |it: &&model::Change| {
        let told = format!("{} {} {} ", it.kind, it.resource, it.change).to_lowercase();
        let own = crate::case::callees::names(&told, &caller.to_lowercase());
        let of_peer = stem.len() >= 4 && told.contains(&stem);
        let inward = told.contains("ingress") || told.contains("inbound");
        NETWORK.iter().any(|mark| told.contains(mark))
            && (own || OUT.iter().any(|mark| told.contains(mark)) && !of_peer && !inward)
    };
    recent.filter(fits).max_by_key(|it| (it.time, it.trace_id))
}

/// Another host that was not reached either.
fn others_unreached(scene: &Scene, words: &[String], peer: &str) -> Option<String> {
    let late = words
        .iter()
        .filter(|it| text::is_connect_timeout(it) || no_route(it));
    let mut named = late.filter_map(|it| super::network::service_in(scene, it));
    named.find(|it| it != peer && !it.contains(peer) && !peer.contains(it.as_str()))
}

/// Who else called the peer in this run, and was answered.
fn reached_by_others(scene: &Scene, failure: &Failure, caller: &str, peer: &str) -> Option<String> {
    let own: Vec<_> = failure.spans.spans.iter().map(|it| it.span_id).collect();
    let forest = scene.forest(scene.case.spans.iter().collect());
    let mut answered = forest.spans.iter().enumerate().filter(|(n, it)| {
        charges::calls_out(it)
            && !charges::failed(it)
            && !own.contains(&it.span_id)
            && it.service_name != caller
            && !it.service_name.is_empty()
            && forest.charged(*n) == peer
    });
    answered.next().map(|(_, it)| it.service_name.clone())
}

#[cfg(test)]
mod tests {
    use super::is_of_network;

    #[test]
    fn changes_of_networks_are_told_from_releases() {
        let check = |kind: &str, resource: &str, change: &str, expect: bool| {
            let change = model::Change {
                kind: kind.into(),
                resource: resource.into(),
                change: change.into(),
                ..model::Change::default()
            };
            assert_eq!(is_of_network(&change), expect, "{change:?}");
        };
        check("config", "sg-0a41", "revoked tcp/8080", true);
        check("cloudtrail", "mesh", "ReplaceRouteTableAssociation", true);
        check("terraform", "mesh-c", "DeleteNetworkAclEntry 120", true);
        check("config", "batch", "security groups narrowed", true);
        check("k8s", "tiles", "NetworkPolicy deny-all applied", true);
        check("deploy", "route-planner", "version 14", false);
        check("deploy", "sg-pricing", "image 2.3.1", false);
        check("deploy", "endpoint-api", "outbound mails with logo", false);
    }
}
