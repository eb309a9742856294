//! How a verdict is told: its sentence and its exhibits.

use super::{clue, ranking::Charge, scene::Scene};
use model::{Exhibit, Fatality};
use std::collections::BTreeSet;

/// Exhibits that are shown.
const MOST_EXHIBITS: usize = 7;

/// A state is not told to have failed in itself, and nobody to have failed in a state without a name.
pub(super) fn smooth(mechanism: &str, name: &str) -> String {
    let place = format!(" in {name}");
    let twice = mechanism.strip_prefix(name).and_then(|rest| {
        let (before, after) = rest.split_once(&place)?;
        let whole = after.is_empty() || after.starts_with([':', ';', ',', ' ']);
        whole.then(|| format!("{name}{before}{after}"))
    });
    let told = twice.unwrap_or_else(|| mechanism.to_owned());
    // Log delivery at ERROR does not tell the state.
    told.replace(" in : ", ": ")
}

/// What is shown of a charge, in causal order.
pub(super) fn exhibits(scene: &Scene, charge: &Charge, fate: Fatality) -> Vec<Exhibit> {
    let mut seen = BTreeSet::new();
    let all = charge
        .clues
        .iter()
        .take(2)
        .flat_map(|it| it.exhibits.iter());
    let mut kept: Vec<Exhibit> = all
        .filter(|it| seen.insert(it.reference.clone()))
        .take(MOST_EXHIBITS - 1)
        .cloned()
        .collect();
    if fate == Fatality::Fatal
        && let Some(last) = scene.case.events.iter().rfind(|it| {
            matches!(
                it.event_type.as_str(),
                "ExecutionFailed" | "ExecutionTimedOut"
            )
        })
    {
        let exhibit = clue::event(last, "the execution ended".to_owned());
        if seen.insert(exhibit.reference.clone()) {
            kept.push(exhibit);
        }
    }
    // A span begins before the failure that it explains; within one instant the cause comes first.
    kept.sort_by(|a, b| {
        a.at.cmp(&b.at)
            .then_with(|| order(a).cmp(&order(b)))
            .then_with(|| a.reference.cmp(&b.reference))
    });
    kept
}

fn order(exhibit: &Exhibit) -> u8 {
    match exhibit.source.as_str() {
        "change" => 0,
        "span" => 1,
        "log" => 2,
        "invocation" => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::smooth;

    #[test]
    fn nobody_fails_in_itself() {
        let check =
            |mechanism: &str, name: &str, expect: &str| assert_eq!(smooth(mechanism, name), expect);
        check("Save failed in Save: no", "Save", "Save failed: no");
        check(
            "save-fn failed in Save: no",
            "save-fn",
            "save-fn failed in Save: no",
        );
        check(
            "Save failed in Save2: no",
            "Save",
            "Save failed in Save2: no",
        );
        check("Save took 3 s in Save", "Save", "Save took 3 s");
        check("save-fn failed in : no", "save-fn", "save-fn failed: no");
    }
}
