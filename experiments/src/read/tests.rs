use super::*;
use crate::experiment::{Experiment, Phase};
use serde_json::json;

fn read_one(said: Value) -> Update {
    let mut all = read(&said, UnixNanos(1)).expect("read");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn our_own_json_is_read_and_its_mistakes_are_named() {
    let update = read_one(json!({
        "id": "e1", "name": "slow payments", "start": "2026-11-22T03:00:00Z",
        "planned_end": 1_795_320_000, "scope": {"function": "pay", "percentage": 25},
        "slo": "checkout", "max_spend": 0.05, "owner": "ann",
        "hypothesis": {"measure": "success_ratio", "tolerance": [0.99, 1]},
    }));
    assert_eq!(update.phase, Some(Phase::Planned));
    assert_eq!(update.slos, Some(vec!["checkout".to_owned()]));
    assert_eq!(
        update.planned_end,
        Some(UnixNanos(1_795_320_000_000_000_000))
    );
    assert_eq!(update.hypothesis.expect("one").len(), 1);
    for (said, expect) in [
        (json!({}), "id"),
        (json!({"id": "e", "begin": 1}), "begin"),
        (json!({"id": "e", "start": "yesterday"}), "start"),
        (json!({"id": "e", "state": "fun"}), "fun"),
        (json!({"id": "e", "max_spend": -1}), "max_spend"),
        (json!("text"), "id"),
    ] {
        let error = read(&said, UnixNanos(1)).expect_err("refused");
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn events_of_fis_follow_an_experiment() {
    let event = |status: &str, time: &str| {
        json!({
            "version": "0", "id": "x", "detail-type": "FIS Experiment State Change", "source": "aws.fis",
            "account": "123456789012", "time": time, "region": "eu-west-1",
            "resources": ["arn:aws:fis:eu-west-1:123456789012:experiment/EXP1"],
            "detail": {
                "experiment-id": "EXP1", "experiment-template-id": "EXT1",
                "new-state": {"status": status, "reason": "because"},
                "old-state": {"status": "pending", "reason": ""},
            },
        })
    };
    let mut held = Experiment::new(read_one(event("initiating", "2026-11-22T03:00:00Z")));
    assert_eq!(held.phase, Phase::Planned);
    held.take(read_one(event("running", "2026-11-22T03:01:00Z")));
    assert_eq!(held.phase, Phase::Running);
    held.take(read_one(event("stopping", "2026-11-22T03:05:00Z")));
    held.take(read_one(event("stopped", "2026-11-22T03:06:00Z")));
    assert_eq!(held.phase, Phase::Stopped);
    assert_eq!(held.template, "EXT1");
    assert_eq!(held.end.expect("an end").since(held.start), 300_000_000_000);
}

#[test]
fn a_description_of_fis_names_the_function() {
    let update = read_one(json!({"experiment": {
        "id": "EXP1", "experimentTemplateId": "EXT1", "state": {"status": "running"},
        "startTime": 1_700_000_000.5,
        "targets": {"f": {"resourceType": "aws:lambda:function", "resourceArns": ["arn:aws:lambda:eu-west-1:1:function:pay:live"]}},
        "actions": {"a": {"actionId": "aws:lambda:invocation-error", "parameters": {"invocationPercentage": "50"}}},
        "tags": {"Name": "break payments"},
    }}));
    let scope = update.scope.expect("a scope");
    assert_eq!(
        (scope.function.as_str(), scope.percentage),
        ("pay", Some(50.0))
    );
    assert_eq!(update.name.as_deref(), Some("break payments"));
}

#[test]
fn the_chaos_toolkit_notifies_and_keeps_a_journal() {
    let experiment = json!({
        "title": "Payments survive", "method": [],
        "extensions": [{"name": "inquest", "scope": {"workflow": "orders"}, "max_spend": 0.1}],
    });
    let started = read_one(
        json!({"name": "run-started", "payload": experiment, "phase": "run", "ts": 1_700_000_000.25}),
    );
    assert_eq!(started.phase, Some(Phase::Running));
    assert_eq!(started.start, Some(UnixNanos(1_700_000_000_250_000_000)));
    assert_eq!(started.max_spend, Some(0.1));
    let journal = json!({
        "experiment": experiment, "status": "completed", "deviated": true,
        "start": "2023-11-14T22:13:20.250000", "end": "2023-11-14T22:14:20.250000", "duration": 60.0,
        "steady_states": {}, "run": [], "rollbacks": [],
    });
    let mut held = Experiment::new(started);
    held.take(read_one(
        json!({"name": "run-deviated", "payload": journal, "phase": "run", "ts": 1_700_000_060.5}),
    ));
    assert_eq!(held.phase, Phase::Completed);
    assert!(held.note.contains("deviated"));
    assert_eq!(held.end.expect("an end").since(held.start), 60_000_000_000);
    assert_eq!(held.scope.workflow, "orders");
    let from_file = read_one(journal);
    assert_eq!(from_file.id, held.id);
}

#[test]
fn hostile_json_is_refused_or_read_without_harm() {
    for said in [
        json!(null),
        json!([]),
        json!([[[]]]),
        json!({"source": "aws.fis"}),
        json!({"source": "aws.fis", "detail": 3}),
        json!({"name": "run-started", "payload": null}),
        json!({"experiment": {}, "status": "x"}),
        json!({"id": "x", "scope": 7}),
        json!({"id": "x", "hypothesis": "y"}),
    ] {
        let _ = read(&said, UnixNanos(1));
    }
    assert!(read(&Value::Array(vec![json!({"id": "x"}); 1_001]), UnixNanos(1)).is_err());
}

#[test]
fn nothing_ends_before_it_begins() {
    let check = |start: &str, key: &str, at: &str, expect: bool| {
        let said = json!({"id": "x", "start": start, key: at});
        assert_eq!(read(&said, UnixNanos(0)).is_ok(), expect, "{said}");
    };
    check("2026-01-01T00:00:00Z", "end", "2026-01-01T01:00:00Z", true);
    check("2026-01-01T00:00:00Z", "end", "2025-01-01T01:00:00Z", false);
    check(
        "2026-01-01T00:00:00Z",
        "planned_end",
        "2025-01-01T01:00:00Z",
        false,
    );
    check(
        "2026-01-01T00:00:00Z",
        "planned_end",
        "2026-01-01T00:00:00Z",
        true,
    );
}
