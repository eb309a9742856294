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
    let new = same_well == 0 || same_failed > same_well * 2;
    let before = others_well >= WELL && others_failed * 4 <= others_well;
    let name = &span.service_name;
    (new && before).then(|| format!("{name} version {} → {own}", last.unwrap_or_default()))
}
