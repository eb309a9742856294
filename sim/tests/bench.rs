//! How many mysteries are solved, without a store in between. `SIM_SEEDS=1..40 SIM_TIERS=1,2 cargo test -p
//! inquest-sim --test bench -- --nocapture` prints the report.

mod court;

use inquest_sim::{Family, Order, fault_names, make, report, score};

fn number(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[test]
fn mysteries_are_solved() {
    let seeds = number("SIM_SEEDS", "1..2");
    let (first, last) = seeds.split_once("..").expect("SIM_SEEDS=1..40");
    let (first, last): (u64, u64) = (
        first.parse().expect("a seed"),
        last.parse().expect("a seed"),
    );
    let tiers: Vec<u8> = number("SIM_TIERS", "0,1,2")
        .split(',')
        .map(|tier| tier.parse().expect("a tier"))
        .collect();
    let family = if number("SIM_FAMILY", "first") == "second" {
        Family::Second
    } else {
        Family::First
    };
    let only = std::env::var("SIM_FAULT").ok();
    let healthy: usize = number("SIM_HEALTHY", "15").parse().expect("a number");
    let mut scores = Vec::new();
    for tier in tiers {
        let faults: Vec<Option<String>> = match (tier, &only) {
            (0, _) => inquest_sim::faults::nothing::KINDS
                .iter()
                .map(|kind| Some((*kind).to_owned()))
                .collect(),
            (_, Some(only)) => only.split(',').map(|name| Some(name.to_owned())).collect(),
            _ => fault_names()
                .into_iter()
                .map(|name| Some(name.to_owned()))
                .collect(),
        };
        for seed in first..=last {
            for fault in &faults {
                let order = Order {
                    seed,
                    tier,
                    fault: fault.clone(),
                    family,
                    healthy,
                    began_ms: None,
                };
                let Some(mystery) = make(&order) else {
                    continue;
                };
                let asked: Vec<&str> = mystery
                    .truth
                    .cases
                    .iter()
                    .take(1)
                    .map(|case| case.execution.as_str())
                    .collect();
                let verdicts = court::Held::read(&mystery).judge(&asked);
                if std::env::var("SIM_SHOW").is_ok() {
                    for verdict in verdicts.values() {
                        println!(
                            "{}",
                            serde_json::to_string_pretty(verdict).expect("a verdict is JSON")
                        );
                    }
                }
                let none = std::collections::BTreeMap::new();
                for case in mystery.truth.cases.iter().take(1) {
                    let naive = mystery.naive.get(&case.execution).unwrap_or(&none);
                    scores.push(score::score(
                        &mystery.truth,
                        case,
                        naive,
                        verdicts.get(&case.execution),
                    ));
                }
            }
        }
    }
    if std::env::var("SIM_POINTS").is_ok() {
        for score in &scores {
            println!("{}", serde_json::to_string(score).expect("a score is JSON"));
        }
    }
    let report = report::report(format!("seeds {seeds}"), &scores, Vec::new());
    println!("{}", report.text());
    assert!(!scores.is_empty());
}
