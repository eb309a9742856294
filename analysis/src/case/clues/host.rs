//! A machine that was put in place, and is named where it went wrong. *What it looks for*: a change of an instance, a node
//! or a host whose name stands in what the failure tells. *Why it matters*: who fails is told first, what it was given by
//! a bad machine is not. *How to confirm*: the runs that had to do with other machines of the pool.

use crate::case::{
    callees,
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text,
};
use model::{Category, Change};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    named(scene, failure)
}

fn named<'a>(scene: &Scene<'a>, failure: &Failure<'a>) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let changes = super::deploy::recent(scene, failure).filter(|it| of_machine(it));
    let said = |change: &'a Change| {
        let name = super::function::last_part(&change.resource);
        let lines = failure.lines.iter().filter(|it| it.severity_number >= 13);
        let line = lines
            .rev()
            .find(|it| callees::names(&it.body, &name))
            .copied();
        let told = callees::names(&failure.said(), &name);
        (line.is_some() || told).then_some((change, name, line))
    };
    let found = changes
        .filter_map(said)
        .max_by_key(|(it, ..)| (it.time, it.trace_id));
    let Some((change, name, line)) = found else {
        return Vec::new();
    };
    let told = super::deploy::told(change);
    let said = line.map_or_else(|| failure.cause.clone(), |it| it.body.clone());
    let caller = failure.function().unwrap_or(failure.state());
    let mechanism = format!(
        "{name} is what {caller} failed of in {} since {told}: {}",
        failure.state(),
        text::brief(&said, 160)
    );
    let shown = clue::change(change, told.clone());
    let explained = Explained {
        kind: String::new(),
        name: caller.to_owned(),
        reason: format!("{caller} failed of what {name} gave"),
        reference: shown.reference.clone(),
    };
    vec![
        Clue::new(
            clue::entity(scene, "host", &name, &[&attempt.path, caller]),
            Category::Infrastructure,
            0.95,
            mechanism,
        )
        .with([shown])
        .with(line.map(|it| clue::log(it, text::brief(&it.body, 160))))
        .with(failure.exhibit())
        .explaining([explained])
        .changed(Some(told)),
    ]
}

/// A change of one machine, by its kind or its words.
fn of_machine(change: &Change) -> bool {
    const WORDS: [&str; 8] = [
        "instance replaced",
        "node replaced",
        "host replaced",
        "instance added",
        "node added",
        "host added",
        "added to the pool",
        "joined the",
    ];
    const KINDS: [&str; 6] = ["infrastructure", "instance", "host", "node", "ec2", "asg"];
    let (kind, told) = (change.kind.to_lowercase(), change.change.to_lowercase());
    KINDS.iter().any(|it| kind.contains(it)) || WORDS.iter().any(|it| told.contains(it))
}
