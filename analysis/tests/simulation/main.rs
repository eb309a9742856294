//! Made-up executions whose truth is known: a small simulator runs random workflows (tasks with retries and
//! catches, concurrent and sequential Maps, Parallels, block retries, aborted siblings, nesting) and writes the
//! events as the service does. The builder has to find out again what the simulator did.

#![allow(clippy::unwrap_used)]

mod simulator;
#[path = "../support/mod.rs"]
mod support;

use inquest_analysis::{
    ledger::{Facts, Replay, account},
    workflow::build,
};
use model::UnixNanos;
use proptest::prelude::*;
use simulator::{Truth, simulate};
use std::collections::HashMap;
proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_truth_of_a_simulation_is_found_again(seed in any::<u64>()) {
        let truth = simulate(seed);
        let trace = build(&truth.events, &[]);
        let e = &trace.execution;
        let counts = [e.states_entered, e.attempts, e.retries, e.block_retries, e.iterations, e.caught_failures];
        prop_assert_eq!(counts, truth.counts);
        for state in &trace.states {
            prop_assert_eq!(&state.path, &truth.paths[&state.entered_event_id]);
        }
        for attempt in &trace.attempts {
            prop_assert_eq!(&attempt.path, &truth.paths[&attempt.scheduled_event_id]);
        }
        prop_assert_eq!(&e.failing_state, &truth.failing);
        prop_assert_eq!(e.root_event_id, truth.root_event);
        prop_assert!(e.complete);
        prop_assert!(trace.states.iter().all(|state| state.end_time.is_some() && state.status != model::Status::Unknown));
        support::tree(&trace);
    }

    #[test]
    fn accounts_add_up_to_the_nanosecond(seed in any::<u64>(), holes in any::<u64>(), stretch in 1i64..1_000) {
        let mut events = simulate(seed).events;
        // Times that do not rise evenly, some of them equal, and histories of which a part is missing.
        for event in &mut events {
            let id = event.event_id as i64;
            event.time = UnixNanos(1_700_000_000_000_000_000 + id * id * stretch / 3 + id % 7);
        }
        for whole in [true, false] {
            if !whole {
                events.retain(|event| event.event_id == 1 || (holes >> (event.event_id % 64)) & 1 == 0);
            }
            let trace = build(&events, &[]);
            let facts = Facts {
                execution: &trace.execution,
                states: &trace.states,
                attempts: &trace.attempts,
                invocations: &[],
                joins: &[],
                spans: &trace.spans,
                events: &events,
            };
            let ledger = account(&facts);
            let mut at = 0;
            for piece in &ledger.critical_path {
                prop_assert_eq!(piece.offset_ns, at);
                prop_assert!(piece.duration_ns > 0);
                at += piece.duration_ns;
            }
            prop_assert_eq!(at, ledger.duration_ns);
            prop_assert_eq!(ledger.entries.iter().map(|it| it.duration_ns).sum::<i64>(), at);
            if whole {
                prop_assert_eq!(Some(at), trace.execution.duration_ns);
                let replay = Replay::of(&facts);
                prop_assert_eq!(replay.duration_with(&Default::default()), at);
                // What has slack can take that much longer, and no more.
                for slack in &ledger.slack {
                    let Some(ns) = slack.slack_ns.filter(|_| trace.states.iter().any(|it| it.span_id == slack.span_id)) else { continue };
                    let longer = |by: i64| replay.effect(&HashMap::from([(slack.span_id, -by)]));
                    prop_assert_eq!(longer(ns), 0, "{:?}", slack);
                    prop_assert_eq!(longer(ns + 1), -1, "{:?}", slack);
                }
            }
        }
    }
}

#[test]
fn simulations_are_worth_the_name() {
    let truths: Vec<Truth> = (0..500).map(|seed| simulate(seed * 7_919)).collect();
    let some = |n: usize| truths.iter().filter(|truth| truth.counts[n] > 0).count();
    assert!(
        (0..6).all(|n| some(n) > 50),
        "{:?}",
        (0..6).map(some).collect::<Vec<_>>()
    );
    let deep = truths
        .iter()
        .flat_map(|truth| truth.paths.values())
        .map(|path| path.matches('/').count())
        .max();
    assert_eq!(deep, Some(3));
    assert!(
        truths
            .iter()
            .filter(|truth| truth.failing.is_some())
            .count()
            > 50
    );
}
