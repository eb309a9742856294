//! Every fault of the catalogue moves something, and what it makes can be imported.

use inquest_sim::{Family, Order, fault_names, make};
use std::collections::BTreeSet;

fn order(seed: u64, tier: u8, fault: Option<&str>) -> Order {
    Order {
        seed,
        tier,
        fault: fault.map(str::to_owned),
        family: Family::First,
        healthy: 12,
        began_ms: None,
    }
}

#[test]
fn every_fault_moves_executions() {
    let mut silent = Vec::new();
    for name in fault_names() {
        let made: Vec<_> = (1..=4)
            .filter_map(|seed| make(&order(seed, 1, Some(name))))
            .collect();
        let cases: usize = made.iter().map(|mystery| mystery.truth.cases.len()).sum();
        println!("{name}: {} of 4 settings, {cases} cases", made.len());
        if made.len() < 4 {
            silent.push(name);
        }
    }
    assert!(
        silent.is_empty(),
        "these faults moved nothing in some settings: {silent:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let once = make(&order(5, 3, None)).expect("seed 5 has a mystery");
    let again = make(&order(5, 3, None)).expect("seed 5 has a mystery");
    assert_eq!(once.truth, again.truth);
    assert_eq!(once.files, again.files);
}

#[test]
fn names_of_different_mysteries_differ() {
    let arns: BTreeSet<String> = (1..=12)
        .filter_map(|seed| make(&order(seed, 1, None)))
        .map(|mystery| mystery.truth.cases[0].execution.clone())
        .collect();
    assert_eq!(arns.len(), 12);
}
