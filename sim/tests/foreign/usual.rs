//! The usual execution, and ways to change it.

use super::{BEGIN, Call, Run, Step, Try, call};
use serde_json::json;

/// The usual execution.
pub fn usual(n: usize) -> Run {
    let wobble = (n as i64 * 37) % 60;
    Run {
        machine: "ClaimIntake",
        version: 3,
        at: BEGIN + n as i64 * 240_000,
        input: json!({"claim": format!("C-{n}"), "score": 0.5}),
        steps: vec![
            Step {
                state: "Read claim",
                function: "claim-reader",
                tries: vec![Try::well(
                    180 + wobble,
                    vec![call(
                        "docstore",
                        "docstore.prod.svc.cluster.local",
                        60 + wobble,
                    )],
                )],
                output: json!({"claim": "C", "pages": [1, 2, 3], "holder": {"id": 7}}),
                caught: false,
            },
            Step {
                state: "Assess",
                function: "claim-assessor",
                tries: vec![Try::well(
                    420 + wobble,
                    vec![
                        call("policy-svc", "policy-svc:8443", 120 + wobble),
                        call("fraud", "fraud.partner.example", 90),
                    ],
                )],
                output: json!({"claim": "C", "risk": "low", "holder": {"id": 7}}),
                caught: false,
            },
            Step {
                state: "Pay out",
                function: "payout",
                tries: vec![Try::well(
                    260 - wobble,
                    vec![call("bank", "bank.prod.svc.cluster.local", 150 - wobble)],
                )],
                output: json!({"claim": "C", "paid": true}),
                caught: false,
            },
        ],
        untraced: false,
    }
}

/// Step, its only try.
pub fn last(run: &mut Run, step: usize) -> &mut Try {
    run.steps[step].tries.last_mut().expect("a step has a try")
}

pub fn lambda(error: &str, kind: &str, message: &str) -> (String, String) {
    (
        error.to_owned(),
        json!({"errorType": kind, "errorMessage": message}).to_string(),
    )
}

/// The function raises an error, logs it, and is tried so often.
pub fn raises(run: &mut Run, step: usize, kind: &str, message: &str, tries: usize) {
    let attempt = last(run, step);
    attempt.failed = Some(lambda(kind, kind, message));
    attempt.lines = vec![format!("[ERROR] {kind}: {message}")];
    let attempt = attempt.clone();
    run.steps[step].tries = vec![attempt; tries];
}

pub fn fail_call(run: &mut Run, step: usize, n: usize, change: impl Fn(&mut Call)) {
    for attempt in &mut run.steps[step].tries {
        change(&mut attempt.calls[n]);
        attempt.calls.truncate(n + 1);
    }
}
