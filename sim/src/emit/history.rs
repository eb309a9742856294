//! `get-execution-history`, `describe-execution`, `describe-state-machine`.

use super::File;
use crate::facts::Recorded;
use crate::setting::Setting;
use demo::files::pretty;
use demo::run::{ACCOUNT, REGION};
use demo::when;
use serde_json::{Value, json};

/// How a version of the CLI writes times.
#[derive(Debug, Clone, Copy)]
enum Times {
    /// Version 2.
    Iso,
    /// Version 1.
    Epoch,
}

impl Times {
    fn write(self, millis: i64) -> Value {
        match self {
            Times::Iso => json!(when::cli(millis)),
            Times::Epoch => json!(millis as f64 / 1000.0),
        }
    }
}

pub(super) fn files(setting: &Setting) -> Vec<File> {
    let mut dice = setting.world.chance.of("emit/history");
    let times = if dice.chance(0.3) {
        Times::Epoch
    } else {
        Times::Iso
    };
    let mut files = Vec::new();
    for run in &setting.world.facts.runs {
        let stem = format!("step-functions/{}/{}", run.run.machine, run.run.name);
        let history = json!({"events": events(run, times)});
        files.push((format!("{stem}.history.json"), pretty(&history)));
        files.push((
            format!("{stem}.describe.json"),
            pretty(&describe(run, times)),
        ));
        let machine = &setting.world.machines[&run.run.machine];
        if machine.versions.len() > 1 {
            let (_, _, definition) = machine
                .versions
                .iter()
                .find(|version| version.0 == run.machine_version)
                .expect("it ran");
            let document = for_execution(run, definition, times, dice.uuid());
            files.push((format!("{stem}.state-machine.json"), pretty(&document)));
        }
    }
    for machine in setting
        .world
        .machines
        .values()
        .filter(|machine| machine.versions.len() == 1)
    {
        let (_, since, definition) = &machine.versions[0];
        let document = json!({
            "stateMachineArn": machine_arn(&machine.name), "name": machine.name, "status": "ACTIVE",
            "definition": definition.to_string(), "roleArn": role(&machine.name), "type": "STANDARD",
            "creationDate": times.write(*since), "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
            "tracingConfiguration": {"enabled": false},
        });
        files.push((
            format!("step-functions/{}/state-machine.json", machine.name),
            pretty(&document),
        ));
    }
    files
}

fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}")
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}-role")
}

fn events(run: &Recorded, times: Times) -> Vec<Value> {
    let version = format!("{}:{}", machine_arn(&run.run.machine), run.machine_version);
    run.run
        .history(i64::MAX)
        .into_iter()
        .map(|(id, previous, event)| {
            let mut value = json!({"timestamp": times.write(event.at), "type": event.kind, "id": id, "previousEventId": previous});
            if let Some((name, mut details)) = event.details {
                if event.kind == "ExecutionStarted" {
                    details["stateMachineVersionArn"] = json!(version);
                }
                value[name] = details;
            }
            value
        })
        .collect()
}

fn describe(run: &Recorded, times: Times) -> Value {
    let arn = machine_arn(&run.run.machine);
    let mut value = json!({
        "executionArn": run.run.arn, "stateMachineArn": arn, "name": run.run.name, "status": run.status,
        "startDate": times.write(run.started), "stopDate": times.write(run.ended), "input": run.run.input.to_string(),
        "inputDetails": {"included": true}, "stateMachineVersionArn": format!("{arn}:{}", run.machine_version),
        "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE",
    });
    let history = run.run.history(i64::MAX);
    let last = history
        .last()
        .and_then(|(_, _, event)| event.details.as_ref());
    for member in ["output", "error", "cause"] {
        if let Some(held) = last.and_then(|(_, details)| details.get(member)) {
            value[member] = held.clone();
        }
    }
    value
}

fn for_execution(run: &Recorded, definition: &Value, times: Times, revision: String) -> Value {
    json!({
        "stateMachineArn": machine_arn(&run.run.machine), "name": run.run.machine, "definition": definition.to_string(),
        "roleArn": role(&run.run.machine), "updateDate": times.write(run.started - 60_000),
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false}, "tracingConfiguration": {"enabled": false},
        "revisionId": revision,
    })
}
