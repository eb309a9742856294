//! Somebody who broke of too much data. *What it looks for*: memory or time that ran out in a state that was given many
//! times what it is given in healthy runs, by a state that made it so much. *Why it matters*: who breaks is not who grew
//! the data. *How to confirm*: the outputs of both runs side by side.

use crate::case::{
    clue::{Clue, Explained},
    failures::Failure,
    grown,
    scene::Scene,
    text::{self, Topic},
};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let words = failure.words();
    let full = failure.invocation.is_some_and(|it| {
        matches!((it.max_memory_used_mb, it.memory_size_mb), (Some(used), Some(size)) if size > 0 && used * 100 >= size * 98)
    });
    let told = [
        Topic::OutOfMemory,
        Topic::FunctionTimeout,
        Topic::Timeout,
        Topic::Space,
    ];
    let broke = told.iter().any(|it| text::is(&words, *it))
        || failure.topic().is_some_and(|it| told.contains(&it));
    if !broke && !full {
        return Vec::new();
    }
    let Some(clue) = failure.visit.and_then(|it| grown::fed(scene, it)) else {
        return Vec::new();
    };
    let job = failure
        .attempt
        .filter(|it| crate::case::joblogs::is_job(it));
    let job = job.map(|it| super::job::of(scene, it).1);
    let name = failure.function().or(job.as_deref());
    let name = name.filter(|it| *it != clue.suspect.name);
    let explained = name.map(|name| Explained {
        kind: String::new(),
        name: name.to_owned(),
        reason: format!("{name} was given many times as much as ever"),
        reference: clue
            .exhibits
            .first()
            .map(|it| it.reference.clone())
            .unwrap_or_default(),
    });
    vec![clue.with(failure.exhibit()).explaining(explained)]
}
