//! What holds of every verdict: the order of rows does not matter, names do not matter, and without what it cites
//! there is no verdict.

mod court;

use court::Held;
use inquest_sim::{Family, Mystery, Order, fault_names, make};
use model::{Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// One mystery of each third fault, in turn with the seed.
fn mysteries(seed: u64) -> Vec<Mystery> {
    let names = fault_names().into_iter().enumerate();
    names
        .filter(|(n, _)| *n as u64 % 3 == seed % 3)
        .filter_map(|(_, fault)| {
            make(&Order {
                seed,
                tier: 2,
                fault: Some(fault.to_owned()),
                family: Family::Second,
                healthy: 8,
                began_ms: None,
            })
        })
        .collect()
}

fn asked(mystery: &Mystery) -> String {
    mystery.truth.cases[0].execution.clone()
}

fn judged(held: Held, arn: &str) -> Verdict {
    held.judge(&[arn]).remove(arn).expect("it was judged")
}

#[test]
fn the_order_of_rows_does_not_matter() {
    for mystery in mysteries(40) {
        let arn = asked(&mystery);
        let plain = judged(Held::read(&mystery), &arn);
        let other = judged(Held::read(&mystery).shuffled(), &arn);
        assert_eq!(plain, other, "{}", mystery.truth.fault);
    }
}

#[test]
fn without_its_evidence_no_verdict_stands() {
    for mystery in mysteries(41) {
        let arn = asked(&mystery);
        let plain = judged(Held::read(&mystery), &arn);
        if plain.outcome != Outcome::Verdict {
            continue;
        }
        let cited: BTreeSet<String> = plain
            .exhibits
            .iter()
            .map(|it| it.reference.clone())
            .collect();
        let left = judged(Held::read(&mystery).without(&cited), &arn);
        assert_eq!(
            left.outcome,
            Outcome::ColdCase,
            "{}: {} became {}",
            mystery.truth.fault,
            plain.mechanism,
            left.mechanism
        );
        assert!(!left.missing.is_empty(), "{}", mystery.truth.fault);
    }
}

/// Functions, machines, services, hosts and states of a mystery, by where files have them.
fn names(mystery: &Mystery) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, bytes) in &mystery.files {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["step-functions", machine, ..] => found.insert((*machine).to_owned()),
            ["lambda-logs", file] => found.insert(file.trim_end_matches(".json").to_owned()),
            _ => false,
        };
        let text = String::from_utf8_lossy(bytes);
        for (mark, end) in [
            (
                "\"key\":\"service.name\",\"value\":{\"stringValue\":\"",
                '"',
            ),
            ("\"key\":\"host.name\",\"value\":{\"stringValue\":\"", '"'),
        ] {
            let values = text.split(mark).skip(1);
            found.extend(values.filter_map(|rest| Some(rest.split(end).next()?.to_owned())));
        }
        if path.ends_with(".history.json") {
            let value: serde_json::Value =
                serde_json::from_slice(bytes).expect("histories are JSON");
            for event in value["events"].as_array().into_iter().flatten() {
                let name = event["stateEnteredEventDetails"]["name"].as_str();
                found.extend(name.map(str::to_owned));
            }
        }
    }
    found.retain(|it| it.len() > 4);
    found
}

/// The mystery with other names, and the new name of each.
fn renamed(mystery: &Mystery) -> (Mystery, BTreeMap<String, String>) {
    let mut old: Vec<String> = names(mystery).into_iter().collect();
    old.sort_by_key(|it| (std::cmp::Reverse(it.len()), it.clone()));
    let new: BTreeMap<String, String> = old
        .iter()
        .enumerate()
        .map(|(n, it)| (it.clone(), format!("zq{:03}x", (n * 61 + 7) % 997)))
        .collect();
    let mut other = mystery.clone();
    let change = |text: String| {
        old.iter()
            .fold(text, |text, name| text.replace(name, &new[name]))
    };
    for (path, bytes) in &mut other.files {
        *path = change(std::mem::take(path));
        *bytes = change(String::from_utf8_lossy(bytes).into_owned()).into_bytes();
    }
    let arn = &mut other.truth.cases[0].execution;
    *arn = change(std::mem::take(arn));
    (other, new)
}

#[test]
fn names_change_nothing_but_names() {
    for mystery in mysteries(42) {
        let plain = judged(Held::read(&mystery), &asked(&mystery));
        let (other, new) = renamed(&mystery);
        let verdict = judged(Held::read(&other), &asked(&other));
        let fault = &mystery.truth.fault;
        let name = |it: &Verdict| it.culprit.clone().unwrap_or_default().name;
        let expect = new.iter().rev().fold(name(&plain), |text, (old, new)| {
            if text == *old
                || text.starts_with(&format!("{old}["))
                || text.starts_with(&format!("{old}:"))
            {
                text.replacen(old.as_str(), new, 1)
            } else {
                text
            }
        });
        assert_eq!(expect, name(&verdict), "{fault}: {}", verdict.mechanism);
        assert_eq!(plain.outcome, verdict.outcome, "{fault}");
        assert_eq!(plain.category, verdict.category, "{fault}");
        assert_eq!(plain.fatality, verdict.fatality, "{fault}");
        assert_eq!(plain.confidence, verdict.confidence, "{fault}");
        assert_eq!(plain.exhibits.len(), verdict.exhibits.len(), "{fault}");
        let kinds = |it: &Verdict| -> Vec<_> {
            it.suspects
                .iter()
                .map(|it| (it.kind.clone(), it.category))
                .collect()
        };
        assert_eq!(kinds(&plain), kinds(&verdict), "{fault}");
    }
}
