//! Versions of services as their spans tell them (`service.version`): one on which every request fails while the one
//! before it served well is a bad release, whoever carried the error on.

use super::{
    charges::{self, Forest},
    profile::MOST,
    scene::{Scene, attribute},
};
use model::Span;
use std::collections::BTreeMap;

/// Executions that another version served well, at least.
const WELL: usize = 3;

/// How often each service answered in each version, and how often it failed.
pub(crate) fn answered(forest: &Forest) -> BTreeMap<(String, String), (u32, u32)> {
    let mut all: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    for span in forest.spans.iter().filter(|it| !charges::calls_out(it)) {
        let Some(version) = version(span) else {
            continue;
        };
        if all.len() >= MOST {
            break;
        }
        let sums = all.entry((span.service_name.clone(), version)).or_default();
        sums.0 += 1;
        sums.1 += u32::from(charges::failed(span));
    }
    all
}

fn version(span: &Span) -> Option<String> {
    attribute(&span.resource, &["service.version"]).filter(|it| !it.is_empty())
}

/// That a version of a service fails for one sort of input only, of which runs with the version before went well.
fn sort(scene: &Scene, span: &Span, own: &str) -> Option<String> {
    let peers: Vec<&super::Profile> = scene.world.peers.iter().map(|it| &**it).collect();
    let sorts = super::forms::sorts(scene.case.execution.input.as_deref(), &peers);
    let name = &span.service_name;
    // The very value goes before how it is written.
    let (exact, alike): (Vec<_>, Vec<_>) = sorts.iter().partition(|it| it.is_exact());
    let told = exact.into_iter().chain(alike).find_map(|sort| {
        let (mut well_before, mut failed_since, mut others_since) = (0, 0, 0);
        let mut last = None;
        for peer in &scene.world.peers {
            let same = sort.has(peer);
            let of = peer
                .releases
                .iter()
                .filter(|((service, _), _)| service == name);
            for ((_, version), (_, errors)) in of {
                match (same, version == own, *errors == 0) {
                    (true, true, true) | (true, false, false) | (false, true, false) => {
                        return None;
                    }
                    (true, true, false) => failed_since += 1,
                    (true, false, true) => {
                        well_before += 1;
                        last = Some(version.clone());
                    }
                    (false, true, true) => others_since += 1,
                    (false, false, _) => {}
                }
            }
        }
        let telling = well_before >= 2 && failed_since >= 1 && others_since >= 2;
        telling.then(|| (last.unwrap_or_default(), sort))
    });
    let (last, sort) = told?;
    Some(format!(
        "{name} version {last} → {own}, where {} {}",
        sort.key, sort.told
    ))
}

/// That the service of a failed span fails since a version: nobody was served by it, others were by another one.
pub(crate) fn bad(scene: &Scene, span: &Span) -> Option<String> {
    let own = version(span).filter(|_| !charges::calls_out(span))?;
    let (mut same_well, mut same_failed, mut others_well, mut others_failed) = (0, 1, 0, 0);
    let mut last = None;
    let mut peers: Vec<_> = scene.world.peers.iter().collect();
    peers.sort_by_key(|it| (it.start, it.trace_id));
    for peer in peers {
        let of =
            |((service, _), _): &(&(String, String), &(u32, u32))| *service == span.service_name;
        for ((_, version), (_, errors)) in peer.releases.iter().filter(of) {
            let sum = match (*version == own, *errors == 0) {
                (true, true) => &mut same_well,
                (true, false) => &mut same_failed,
                (false, true) => &mut others_well,
                (false, false) => &mut others_failed,
            };
            *sum += 1;
            if *version != own && *errors == 0 {
                last = Some(version.clone());
            }
        }
    }
    if let Some(told) = sort(scene, span, &own) {
        return Some(told);
    }
    let new = same_well == 0 || same_failed > same_well * 2;
    let before = others_well >= WELL && others_failed * 4 <= others_well;
    let name = &span.service_name;
    (new && before).then(|| format!("{name} version {} → {own}", last.unwrap_or_default()))
}
