//! Which execution a history belongs to: names of files, and ids for histories that name none.

use super::Event;
use model::Engine;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Words by which people say what a file is, not whose it is.
const ROLES: [&str; 30] = [
    "history",
    "histories",
    "event",
    "events",
    "execution",
    "executions",
    "get",
    "describe",
    "description",
    "described",
    "definition",
    "asl",
    "state",
    "machine",
    "statemachine",
    "output",
    "page",
    "pages",
    "list",
    "desc",
    "def",
    "sfn",
    "result",
    "response",
    "data",
    "for",
    "info",
    "meta",
    "details",
    "dump",
];
const EXTENSIONS: [&str; 9] = [
    "json", "jsonl", "ndjson", "txt", "log", "gz", "zst", "asl", "out",
];

/// What a file is about: its name without the words at its ends that say what kind of file it is.
/// `x.history.json`, `describe-x.json` and `x_page_2.json` are about `x`; `history.json` about nothing.
pub(super) fn subject(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem(&name);
    let mut words: Vec<&str> = stem
        .split(['.', '-', '_', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let is_role = |word: &str| ROLES.contains(&word.to_ascii_lowercase().as_str());
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit());
    loop {
        match words[..] {
            [.., last] if is_role(last) => words.pop(),
            [.., before, last] if is_number(last) && is_role(before) => words.pop(),
            [first, ..] if is_role(first) => Some(words.remove(0)),
            _ => break,
        };
    }
    words.join("-")
}

/// A file's name without extensions.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((before, extension)) = stem.rsplit_once('.') {
        if before.is_empty() || !EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) {
            break;
        }
        stem = before;
    }
    stem
}

/// The folder a file lies in.
pub(super) fn folder(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

/// The id of an execution that nothing names: from the file (or its folder, if the file's name says
/// nothing) and the history's first event, so that importing it again, or a longer version of it, gives the
/// same execution.
pub(super) fn made_up_arn(path: &Path, engine: &Engine, first: Option<&Event>) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let file = stem(&file);
    let file = file
        .strip_suffix(".history")
        .or(file.strip_suffix(".events"))
        .unwrap_or(file);
    let mut name = file.to_owned();
    if subject(path).is_empty() {
        let parent = folder(path);
        name = parent
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
    }
    let name: String = name
        .chars()
        .take(60)
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = if name.is_empty() { "history" } else { &name };
    let mut hash = Sha256::new();
    if let Some(event) = first {
        let time = event.time.map(|time| time.0).unwrap_or(0);
        hash.update(format!(
            "{}\n{}\n{time}\n{}",
            event.id, event.event_type, event.details
        ));
    }
    let digest = hash.finalize();
    let hex: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match *engine == Engine::lambda_durable() {
        true => format!(
            "arn:aws:lambda:unknown:000000000000:function:{name}:0/durable-execution/{name}/{hex}"
        ),
        false => format!("arn:aws:states:unknown:000000000000:execution:{name}:{name}-{hex}"),
    }
}

/// Name of the state machine in an execution's ARN.
pub(super) fn machine_name(execution_arn: &str) -> Option<&str> {
    execution_arn
        .split(':')
        .nth(6)
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_about_what_its_name_says() {
        let check =
            |path: &str, expect: &str| assert_eq!(subject(Path::new(path)), expect, "{path}");
        check("a/x.history.json", "x");
        check("a/x.describe.json", "x");
        check("describe-execution-x.json.gz", "x");
        check("x_page_2.json", "x");
        check("history-2.json", "");
        check("execution-history.json", "");
        check("describe-execution.json", "");
        check("definition.asl.json", "");
        check("order-1234.history.json", "order-1234");
        check(
            "12-nested-start-execution-sync.json",
            "12-nested-start-execution-sync",
        );
        check("", "");
    }

    #[test]
    fn generic_names_give_way_to_the_folder() {
        let arn = made_up_arn(
            Path::new("runs/order 7/history.json"),
            &Engine::step_functions(),
            None,
        );
        assert!(
            arn.starts_with("arn:aws:states:unknown:000000000000:execution:order-7:order-7-"),
            "{arn}"
        );
        let arn = made_up_arn(
            Path::new("runs/36-no-event.history.json.gz"),
            &Engine::step_functions(),
            None,
        );
        assert!(arn.contains(":execution:36-no-event:36-no-event-"), "{arn}");
    }
}
