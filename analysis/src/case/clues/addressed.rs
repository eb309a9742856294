//! A caller that was told another address. *What it looks for*: a name that is not found or a host that takes no connection,
//! since the caller's own settings were changed. *Why it matters*: whoever is missed was never asked: the caller asks somebody
//! else. *How to confirm*: the setting before the change.

use crate::case::{
    callees,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, Change, UnixNanos};

/// The caller whose settings of addresses were changed after it last did well, where a call of its finds nobody since.
pub(super) fn find(scene: &Scene, failure: &Failure, peer: &str, words: &[String]) -> Option<Clue> {
    let attempt = failure.attempt?;
    let lost = |it: &String| matches!(text::topic(it), Some(Topic::Name | Topic::Connection));
    if !words.iter().any(lost) {
        return None;
    }
    // The function or the job of the try, and services below it whose own calls got through to nobody.
    let function = failure.function().map(|it| ("function", it.to_owned()));
    let job = super::function::callee(attempt);
    let job = job.filter(|(kind, _)| matches!(*kind, "job" | "task_definition"));
    let mut callers: Vec<(&str, String)> = function.or(job).into_iter().collect();
    let below = failure.spans.spans.iter();
    let below = below.filter(|it| super::network::is_unreached(it));
    let below = below.map(|it| ("service", it.service_name.clone()));
    callers.extend(below.filter(|(_, it)| it.len() >= 4 && it != peer));
    let found = callers.into_iter().find_map(|(kind, caller)| {
        let fits = |it: &&Change| {
            callees::names(&it.resource.to_lowercase(), &caller.to_lowercase())
                && sets_address(it, peer)
                && !ran_since(scene, &caller, it.time)
        };
        let recent = super::deploy::recent(scene, failure).filter(fits);
        let change = recent.max_by_key(|it| (it.time, it.trace_id))?;
        Some((kind, caller, change))
    });
    let (kind, caller, change) = found?;
    let told = super::deploy::told(change);
    let mechanism = format!(
        "{caller} asks for {peer} in {} since {told}, and finds nobody there",
        failure.state()
    );
    let shown = clue::change(change, told.clone());
    let missed = [Some(peer), failure.function()];
    let missed = missed.into_iter().flatten().filter(|it| *it != caller);
    let missed: Vec<Explained> = missed
        .map(|name| Explained {
            kind: String::new(),
            name: name.to_owned(),
            reason: format!("{caller} was told to ask for {peer}"),
            reference: shown.reference.clone(),
        })
        .collect();
    let suspect = match kind {
        "function" => clue::function(scene, attempt, &caller, failure.version()),
        _ => clue::entity(scene, kind, &caller, &[&attempt.path]),
    };
    Some(
        Clue::new(suspect, Category::NetworkConfig, 0.95, mechanism)
            .with([shown])
            .with(failure.exhibit())
            .changed(Some(told))
            .explaining(missed),
    )
}

/// Whether the caller did well in a run between the change and this one: what it was told was right then.
fn ran_since(scene: &Scene, caller: &str, change: UnixNanos) -> bool {
    let start = scene.case.execution.start_time;
    let mut since = scene
        .healthy
        .iter()
        .filter(|it| it.start > change && it.start < start);
    since.any(|it| {
        let ran = it.functions.get(caller).or(it.jobs.get(caller));
        let served = || it.charges.get(caller).is_some_and(|it| it.errors == 0);
        ran.map_or_else(served, |it| it.errors == 0)
    })
}

/// A change of settings that speaks of an address, or names the one that is missed.
fn sets_address(change: &Change, peer: &str) -> bool {
    const WORDS: [&str; 17] = [
        "host",
        "hosts",
        "hostname",
        "url",
        "uri",
        "urls",
        "endpoint",
        "endpoints",
        "addr",
        "address",
        "dsn",
        "server",
        "servers",
        "broker",
        "brokers",
        "dns",
        "bootstrap",
    ];
    const SETTINGS: [&str; 9] = [
        "environment",
        "env ",
        "env.",
        "variable",
        "parameter",
        "config",
        "setting",
        "connection string",
        "secret",
    ];
    let told = change.change.to_lowercase();
    let mut words = told.split(|c: char| !c.is_ascii_alphanumeric());
    let of_address = words.any(|it| WORDS.contains(&it)) || told.contains("connection string");
    let of_settings = change.kind == "config" || SETTINGS.iter().any(|it| told.contains(it));
    let bare = peer.split(':').next().unwrap_or(peer).to_lowercase();
    bare.len() > 3 && told.contains(&bare) || of_address && of_settings
}

#[cfg(test)]
mod tests {
    use super::sets_address;
    use model::Change;

    #[test]
    fn settings_of_addresses_are_told_from_others() {
        let check = |kind: &str, change: &str, expect: bool| {
            let change = Change {
                kind: kind.into(),
                change: change.into(),
                ..Change::default()
            };
            assert_eq!(sets_address(&change, "crates-db.shed.lan:5432"), expect);
        };
        check("config", "environment CRATES_DB_HOST changed", true);
        check("config", "LEDGER_URL http://a -> http://b", true);
        check("lambda", "env var KAFKA_BOOTSTRAP set", true);
        check("lambda", "environment variable KAFKA_BOOTSTRAP set", true);
        check("terraform", "points to crates-db.shed.lan", true);
        check("config", "environment LOG_LEVEL changed", false);
        check("config", "memory 128 -> 256", false);
        check("lambda", "version 12: faster URL parser", false);
    }
}
