//! A mystery from a seed: setting, fault, herrings, files and truth.

use crate::emit::{self, Coverage, File};
use crate::faults::{self, Fault, nothing};
use crate::setting::{Family, Setting, Wants, build};
use crate::truth::{self, CaseTruth, Truth};
use crate::{chance::Chance, herrings, naive};
use demo::dice::Dice;
use std::collections::BTreeMap;

/// What kind of mystery is wanted.
#[derive(Debug, Clone)]
pub struct Order {
    /// Seed.
    pub seed: u64,
    /// Difficulty: 0 no crime, 1 plain, 2 one herring, 3 three herrings and telemetry lost, 4 two faults, 5 loud herrings.
    pub tier: u8,
    /// Name of the fault; by the seed if it is not said.
    pub fault: Option<String>,
    /// Family; first unless it is said.
    pub family: Family,
    /// Healthy executions before.
    pub healthy: usize,
    /// When its world begins, milliseconds since the epoch; by the seed if it is not said.
    pub began_ms: Option<i64>,
}

/// Files for `inquest import`, and the answer.
#[derive(Debug, Clone)]
pub struct Mystery {
    /// Files.
    pub files: Vec<File>,
    /// The answer.
    pub truth: Truth,
    /// What naive rules say, by execution and rule.
    pub naive: BTreeMap<String, BTreeMap<String, String>>,
}

/// Settings that are tried until the fault moves something.
const TRIES: u64 = 12;

/// Makes a mystery; `None` if no setting of this seed lets the fault move anything.
pub fn make(order: &Order) -> Option<Mystery> {
    (0..TRIES).find_map(|attempt| attempted(order, attempt))
}

/// Names of all faults, by number.
pub fn fault_names() -> Vec<&'static str> {
    faults::catalogue().iter().map(|fault| fault.name).collect()
}

fn attempted(order: &Order, attempt: u64) -> Option<Mystery> {
    let salt = u64::from(order.tier) * 1_000_003 + attempt * 7_919;
    let seed = order
        .seed
        .wrapping_mul(100_000)
        .wrapping_add(salt % 100_000);
    let mut dice = Chance(seed).of("mystery");
    if order.tier == 0 {
        return no_crime(order, seed, &mut dice);
    }
    let catalogue = faults::catalogue();
    let fault = match &order.fault {
        Some(name) => catalogue.iter().find(|fault| fault.name == name)?,
        None => &catalogue[(order.seed % catalogue.len() as u64) as usize],
    };
    let second = (order.tier == 4).then(|| dice.pick(&catalogue));
    let mut wants = (fault.wants)(&mut dice);
    if let Some(second) = second {
        wants = both(wants, (second.wants)(&mut dice));
    }
    let mut without = build::build(seed, order.family, wants, (order.healthy, order.began_ms));
    (fault.prepare)(&mut without, &mut dice);
    if let Some(second) = second {
        (second.prepare)(&mut without, &mut dice);
    }
    let planted = herrings::plant(&mut without, &mut dice, order.tier);
    solve(order, fault, second, without, planted, dice)
}

fn solve(
    order: &Order,
    fault: &Fault,
    second: Option<&Fault>,
    mut without: Setting,
    planted: Vec<String>,
    mut dice: Dice,
) -> Option<Mystery> {
    let mut with = without.clone();
    let mut crime = (fault.commit)(&mut with, &mut dice);
    if let Some(second) = second.filter(|second| second.name != fault.name) {
        let other = (second.commit)(&mut with, &mut dice);
        crime.guilt = crime.guilt.or(&other.guilt.name, other.guilt.category);
        crime.guilt.also.extend(other.guilt.also);
        for (name, guilt) in other.single {
            let held = crime
                .single
                .entry(name)
                .or_insert_with(|| crime.guilt.clone());
            held.also.push((guilt.name, guilt.category));
        }
    }
    agree(&with, &mut without);
    with.run();
    without.run();
    let coverage = coverage(order.tier, &mut dice);
    let cases = truth::compare(&with, &without, &crime, coverage);
    if cases.is_empty() {
        return None;
    }
    Some(finish(order, fault.name, with, planted, coverage, cases))
}

/// What the fault needed of the setting itself holds in both worlds: calls that were added, limits of clients.
fn agree(with: &Setting, without: &mut Setting) {
    for (name, function) in &with.world.functions {
        if let Some(other) = without.world.functions.get_mut(name) {
            other.calls.clone_from(&function.calls);
            other.versions[0].timeout_ms = function.versions[0].timeout_ms;
        }
    }
    for (name, service) in &with.world.services {
        if let Some(other) = without.world.services.get_mut(name) {
            other.route_timeout_ms = service.route_timeout_ms;
        }
    }
    without.parts.clone_from(&with.parts);
}

fn no_crime(order: &Order, seed: u64, dice: &mut Dice) -> Option<Mystery> {
    let kind = match &order.fault {
        Some(name) => *nothing::KINDS.iter().find(|kind| *kind == name)?,
        None => nothing::KINDS[(order.seed % nothing::KINDS.len() as u64) as usize],
    };
    let wants = Wants {
        map: kind == "larger_input",
        ..Wants::default()
    };
    let mut setting = build::build(seed, order.family, wants, (order.healthy, order.began_ms));
    nothing::happen(&mut setting, dice, kind);
    setting.run();
    let cases: Vec<CaseTruth> = setting
        .world
        .facts
        .runs
        .iter()
        .filter(|run| {
            run.run.machine == setting.machine
                && run.started >= setting.t0
                && run.status == "SUCCEEDED"
        })
        .map(|run| CaseTruth {
            execution: run.run.arn.clone(),
            outcome: "no_crime".into(),
            kind: None,
            culprit: None,
            category: None,
            also: Vec::new(),
            status: (run.status.into(), run.status.into()),
            duration_ms: (run.ended - run.started, run.ended - run.started),
            caused: Default::default(),
            contributing: Default::default(),
        })
        .collect();
    if cases.is_empty() {
        return None;
    }
    Some(finish(
        order,
        kind,
        setting,
        Vec::new(),
        Coverage::FULL,
        cases,
    ))
}

fn finish(
    order: &Order,
    fault: &str,
    setting: Setting,
    herrings: Vec<String>,
    coverage: Coverage,
    cases: Vec<CaseTruth>,
) -> Mystery {
    let files = emit::files(&setting, coverage);
    let truth = Truth {
        seed: order.seed,
        tier: order.tier,
        fault: fault.to_owned(),
        family: order.family,
        herrings,
        cases,
    };
    let runs = setting
        .world
        .facts
        .runs
        .iter()
        .filter(|run| truth.cases.iter().any(|case| case.execution == run.run.arn));
    let naive = runs
        .map(|run| (run.run.arn.clone(), naive::guesses(&setting, run)))
        .collect();
    Mystery {
        files,
        truth,
        naive,
    }
}

fn coverage(tier: u8, dice: &mut Dice) -> Coverage {
    match tier {
        3 | 5 => Coverage {
            span_loss: 0.2,
            log_loss: 0.02,
            changes: dice.chance(0.7),
            skew_ms: if dice.chance(0.3) { 1_500 } else { 0 },
        },
        _ => Coverage::FULL,
    }
}

fn both(a: Wants, b: Wants) -> Wants {
    Wants {
        map: a.map || b.map,
        parallel: a.parallel || b.parallel,
        choice: a.choice || b.choice,
        child: a.child || b.child,
        callback: a.callback || b.callback,
        batch: a.batch || b.batch,
        ecs: (a.ecs || b.ecs) && !(a.batch || b.batch),
        activity: a.activity || b.activity,
        fallback: a.fallback || b.fallback,
        growth: a.growth || b.growth,
        poll: a.poll || b.poll,
        bare: a.bare || b.bare,
        invoke: a.invoke || b.invoke,
        no_retry: a.no_retry || b.no_retry,
    }
}
