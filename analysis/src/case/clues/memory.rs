//! Out of memory. *What it looks for*: the runtime's words, `signal: killed`, all memory used. *Why it
//! matters*: the process dies without a word of its own. *How to confirm*: Max Memory Used against Memory Size.

use crate::case::{
    clue::{self, Clue},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, Invocation};

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(name) = failure.function() else {
        return Vec::new();
    };
    let words = failure.words();
    let line = failure
        .lines
        .iter()
        .find(|log| text::is(&log.body, Topic::OutOfMemory));
    let full = failure.invocation.is_some_and(is_full);
    let exited = words.contains("Runtime.ExitError") || words.contains("Runtime exited");
    let told = text::is(&words, Topic::OutOfMemory);
    let weight = match (told, line.is_some(), full) {
        (true, _, true) | (_, true, true) => 0.97,
        (true, _, _) => 0.92,
        (false, true, false) => 0.85,
        (false, false, true) if exited => 0.9,
        _ => return Vec::new(),
    };
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let used = failure.invocation.and_then(usage);
    let suspect = clue::function(scene, attempt, name, failure.version());
    let of = used
        .as_deref()
        .map(|used| format!(" ({used})"))
        .unwrap_or_default();
    let mechanism = format!("{name} ran out of memory in {}{of}", failure.state());
    let mut clue = Clue::new(suspect, Category::Memory, weight, mechanism).with(failure.exhibit());
    if let (Some(invocation), Some(used)) = (failure.invocation, used) {
        clue = clue.with([clue::invocation(invocation, format!("{name} had {used}"))]);
    }
    if let Some(line) = line {
        clue = clue.with([clue::log(
            line,
            format!("{name} wrote: {}", text::brief(&line.body, 160)),
        )]);
    }
    vec![clue.changed(super::deploy::changed(scene, failure))]
}

fn is_full(invocation: &Invocation) -> bool {
    match (invocation.max_memory_used_mb, invocation.memory_size_mb) {
        (Some(used), Some(size)) => size > 0 && used * 100 >= size * 98,
        _ => false,
    }
}

fn usage(invocation: &Invocation) -> Option<String> {
    let (used, size) = (invocation.max_memory_used_mb?, invocation.memory_size_mb?);
    Some(format!("used {used} of {size} MB"))
}
