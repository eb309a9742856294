//! Recorded histories, from file to verdict.

#![allow(clippy::unwrap_used)]

use collectors::step_functions::{assemble, recognise};
use inquest_analysis::{
    case::{Case, World, judge},
    workflow::build,
};
use model::{Category, ExecutionStatus, Outcome, Verdict};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

fn histories(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            histories(&path, found);
        } else if name.ends_with(".json") || name.ends_with(".jsonl") {
            found.push(path);
        }
    }
}

/// Every execution in a file.
fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut pieces = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter() {
        let Ok(value) = value else { return Vec::new() };
        pieces.extend(recognise(&value).unwrap_or_default());
    }
    let pieces = pieces
        .into_iter()
        .map(|piece| (path.to_owned(), piece))
        .collect();
    let (batch, _) = assemble(pieces);
    let mut by_arn: BTreeMap<String, Case> = BTreeMap::new();
    for event in batch.events {
        by_arn
            .entry(event.execution_arn.clone())
            .or_default()
            .events
            .push(event);
    }
    for document in batch.documents {
        by_arn
            .entry(document.execution_arn.clone())
            .or_default()
            .documents
            .push(document);
    }
    by_arn
        .into_values()
        .map(|mut case| {
            let trace = build(&case.events, &case.documents);
            case.execution = trace.execution;
            case.states = trace.states;
            case.attempts = trace.attempts;
            case
        })
        .collect()
}

fn all() -> Vec<(String, Case, Verdict)> {
    let mut files = Vec::new();
    histories(&fixtures(), &mut files);
    files.sort();
    let mut found = Vec::new();
    for file in files {
        for case in cases(&file) {
            let verdict = judge(&case, &World::default());
            found.push((
                file.file_name().unwrap().to_string_lossy().into_owned(),
                case,
                verdict,
            ));
        }
    }
    assert!(found.len() > 30, "only {} executions", found.len());
    found
}

/// The one who is named is at the state where the history says that it failed, and the words hold its error.
#[test]
fn recorded_failures_have_a_culprit() {
    let mut silent = Vec::new();
    for (file, case, verdict) in all() {
        let execution = &case.execution;
        if execution.status != ExecutionStatus::Failed || execution.states_entered == 0 {
            continue;
        }
        let root = execution.root_state.clone().unwrap_or_default();
        let culprit = verdict.culprit.clone().unwrap_or_default();
        println!(
            "{file}: {} @ {root} | {:?} {} {} {:?} {:.2} | {} | {:?}",
            execution.root_error.clone().unwrap_or_default(),
            verdict.outcome,
            culprit.kind,
            culprit.name,
            verdict.category,
            verdict.confidence,
            verdict.mechanism,
            verdict.but_for,
        );
        let named =
            verdict.mechanism.contains(&root) || culprit.path.iter().any(|it| it.contains(&root));
        if verdict.outcome != Outcome::Verdict || !named || verdict.exhibits.is_empty() {
            silent.push(file);
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
}

/// What cannot be found anywhere is no exhibit.
#[test]
fn every_exhibit_is_an_event_that_is_held() {
    for (file, case, verdict) in all() {
        for exhibit in &verdict.exhibits {
            let id: u64 = exhibit
                .reference
                .rsplit_once('#')
                .unwrap()
                .1
                .parse()
                .unwrap();
            assert!(
                case.events.iter().any(|event| event.event_id == id),
                "{file}: {exhibit:?}"
            );
        }
    }
}

/// Without the cited events the facts do not suffice.
#[test]
fn without_its_evidence_a_verdict_falls() {
    for (file, case, verdict) in all() {
        if verdict.outcome != Outcome::Verdict || !case.execution.complete {
            continue;
        }
        let cited: Vec<u64> = verdict
            .exhibits
            .iter()
            .map(|it| it.reference.rsplit_once('#').unwrap().1.parse().unwrap())
            .collect();
        let mut left = case.clone();
        left.events.retain(|event| !cited.contains(&event.event_id));
        let trace = build(&left.events, &left.documents);
        left.execution = trace.execution;
        left.states = trace.states;
        left.attempts = trace.attempts;
        let without = judge(&left, &World::default());
        assert_ne!(
            without.outcome,
            Outcome::Verdict,
            "{file}: {} became {}",
            verdict.mechanism,
            without.mechanism
        );
    }
}

/// Behind the Catch of a Map or Parallel it is the state inside; a time limit that ran out is no error of the state;
/// what a request is about is no job.
#[test]
fn recorded_failures_are_named_by_what_failed() {
    let all = all();
    let check = |name: &str, culprit: &str, category: Category| {
        let fitting: Vec<_> = all.iter().filter(|(file, ..)| file == name).collect();
        assert!(!fitting.is_empty(), "{name}");
        for (_, _, verdict) in fitting {
            let found = verdict.culprit.clone().unwrap_or_default();
            assert_eq!(
                (found.kind.as_str(), found.name.as_str()),
                ("state", culprit),
                "{name}"
            );
            assert_eq!(verdict.category, Some(category), "{name}");
        }
    };
    check(
        "18-map-failed-caught.json",
        "HandleItemFail",
        Category::Error,
    );
    check("24-parallel-failed-caught.json", "Branch1", Category::Error);
    check(
        "13-aws-sdk-error-caught.json",
        "CreateSecret",
        Category::BadInput,
    );
    check("timeout.history.json", "W", Category::TimeoutConfig);
}
