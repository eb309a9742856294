//! A way that a release took out of a workflow. *What it looks for*: a Choice that matches nothing, and that went
//! somewhere in earlier runs where the definition no longer leads. *Why it matters*: runs of the new version that take
//! the ways that are left go well, which clears the version only at first sight. *How to confirm*: compare the Choice in
//! both versions of the definition.

use crate::case::{
    Profile,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
};
use model::Category;
use serde_json::Value;

/// Runs that took the way which is gone, at least.
const FEWEST: usize = 2;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    lost(scene, failure).into_iter().collect()
}

fn lost(scene: &Scene, failure: &Failure) -> Option<Clue> {
    let visit = failure.visit.filter(|it| it.state_type == "Choice")?;
    let unmatched = failure.error.contains("NoChoiceMatched")
        || failure.said().contains("does not point to a next state");
    if !unmatched {
        return None;
    }
    let execution = &scene.case.execution;
    let own = execution.state_machine_version.as_deref();
    let left: Vec<&str> = ways(scene.written(&visit.state)?);
    let other = |it: &&&Profile| match (own, it.version.as_deref()) {
        (Some(own), Some(version)) => own != version,
        // Where versions are not told, the definition that is held is that of today.
        _ => it.start < execution.start_time,
    };
    let older: Vec<&&Profile> = scene.healthy.iter().filter(other).collect();
    let gone = older
        .iter()
        .flat_map(|it| &it.edges)
        .filter(|(from, to)| *from == visit.state && !left.contains(&to.as_str()))
        .map(|(_, to)| to)
        .min()?;
    let took = |it: &&&&Profile| {
        let edge = (visit.state.clone(), gone.clone());
        it.edges.contains(&edge)
    };
    let runs = older.iter().filter(took).count();
    let from = older.iter().rfind(took)?.version.clone();
    if runs < FEWEST {
        return None;
    }
    let name = match own {
        Some(version) => format!("{}:{version}", execution.state_machine),
        None => execution.state_machine.clone(),
    };
    let told = |it: Option<&str>, or: &str| {
        it.map_or_else(|| or.to_owned(), |version| format!("version {version}"))
    };
    let from = told(from.as_deref(), "an older definition");
    let changed = format!("{from} → {}", told(own, "a new definition"));
    let mechanism = format!(
        "workflow {name} has no way from {} to {gone} any more, where {runs} healthy runs went: {changed}",
        visit.state
    );
    let started = super::deploy::started(scene, format!("the execution ran with {changed}"));
    let reference = failure.exhibit().map(|it| it.reference).unwrap_or_default();
    Some(
        Clue::new(
            clue::entity(scene, "state_machine", &name, &[&visit.state]),
            Category::BadDeploy,
            0.95,
            mechanism,
        )
        .with(started)
        .with(failure.exhibit())
        .changed(Some(changed))
        .explaining([Explained {
            kind: String::new(),
            name: visit.state.clone(),
            reason: format!("{} was given what it could route before", visit.state),
            reference,
        }]),
    )
}

/// Where a Choice leads.
pub(in crate::case) fn ways(choice: &Value) -> Vec<&str> {
    let rules = choice.get("Choices").and_then(Value::as_array);
    let next = rules.into_iter().flatten().filter_map(|it| it.get("Next"));
    let default = choice.get("Default");
    next.chain(default).filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::ways;

    #[test]
    fn ways_of_a_choice_are_those_of_its_rules_and_its_default() {
        let check = |text: &str, expect: &[&str]| {
            let choice = serde_json::from_str(text).expect("JSON");
            assert_eq!(ways(&choice), expect);
        };
        check(
            r#"{"Choices": [{"Next": "A"}, {"Next": "B"}]}"#,
            &["A", "B"],
        );
        check(
            r#"{"Choices": [{"Next": "A"}], "Default": "C"}"#,
            &["A", "C"],
        );
        check(r#"{"Choices": 7, "Default": {}}"#, &[]);
        check("[]", &[]);
    }
}
