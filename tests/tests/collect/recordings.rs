//! Recorded histories as an account: state machines, executions, descriptions, definitions.

use crate::endpoint::{Answer, Faults, Random, page};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// One execution as recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub name: String,
    pub arn: String,
    pub machine: String,
    pub events: Vec<Value>,
    /// DescribeExecution's answer.
    pub description: Value,
    /// DescribeStateMachineForExecution's answer.
    pub definition: Value,
    pub map_run: Option<String>,
}

impl Recorded {
    /// An execution with these events; everything else follows from them.
    pub fn new(name: &str, machine: &str, events: Vec<Value>) -> Self {
        let front = "arn:aws:states:us-east-1:111111111111";
        let arn = format!("{front}:execution:{machine}:{name}");
        let machine_arn = format!("{front}:stateMachine:{machine}");
        let first = &events[0];
        let last = &events[events.len() - 1];
        let status = match last["type"].as_str() {
            Some("ExecutionSucceeded") => "SUCCEEDED",
            Some("ExecutionFailed") => "FAILED",
            Some("ExecutionAborted") => "ABORTED",
            Some("ExecutionTimedOut") => "TIMED_OUT",
            _ => "RUNNING",
        };
        let mut description = json!({
            "executionArn": arn, "stateMachineArn": machine_arn, "name": name, "status": status,
            "startDate": first["timestamp"], "redriveCount": 0,
            "input": first["executionStartedEventDetails"]["input"],
        });
        if status != "RUNNING" {
            description["stopDate"] = last["timestamp"].clone();
            for (_, details) in last.as_object().expect("an object") {
                for key in ["output", "error", "cause"] {
                    if let Some(text) = details.get(key) {
                        description[key] = text.clone();
                    }
                }
            }
        }
        let definition = json!({
            "stateMachineArn": machine_arn, "name": machine, "roleArn": "arn:aws:iam::111111111111:role/r",
            "revisionId": format!("revision-of-{machine}"), "updateDate": 1_600_000_000.5,
            "definition": json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Comment": machine, "End": true}}}).to_string(),
        });
        Recorded {
            name: name.to_owned(),
            machine: machine_arn,
            arn,
            events,
            description,
            definition,
            map_run: None,
        }
    }

    pub fn runs(&self) -> bool {
        self.description["status"] == "RUNNING"
    }
}

/// All recorded histories, three state machines for all of them.
pub fn recorded() -> Vec<Recorded> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files: Vec<_> = std::fs::read_dir(root.join("aws-sfn-localstack/wire"))
        .expect("the recordings")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.push(root.join("aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json"));
    files.sort();
    let read = |(n, path): (usize, &std::path::PathBuf)| {
        let text = std::fs::read_to_string(path).expect("legible");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let events = value["events"].as_array().expect("events").clone();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .replace('.', "-");
        Recorded::new(&name, ["orders", "billing", "refunds"][n % 3], events)
    };
    files.iter().enumerate().map(read).collect()
}

/// Writes them as files that say the same as the endpoint.
pub fn write(folder: &Path, all: &[Recorded]) {
    for one in all {
        let file = |kind: &str, value: &Value| {
            let path = folder.join(format!("{}.{kind}.json", one.name));
            std::fs::write(path, value.to_string()).expect("written");
        };
        file(
            "history",
            &json!({"executionArn": one.arn, "events": one.events}),
        );
        if !one.runs() {
            file("describe", &one.description);
        }
        let mut definition = one.definition.clone();
        definition["executionArn"] = json!(one.arn);
        file(
            "definition",
            &json!({"executionArn": one.arn, "stateMachine": one.definition}),
        );
    }
}

/// An account with these executions and map runs.
pub fn account(all: Vec<Recorded>, map_runs: Vec<Value>, faults: Faults) -> Box<Answer> {
    let by_arn: BTreeMap<String, Recorded> = all
        .iter()
        .map(|one| (one.arn.clone(), one.clone()))
        .collect();
    Box::new(move |operation, request, random| {
        let found = || by_arn.get(request["executionArn"].as_str().unwrap_or_default());
        let or_gone = |value: Option<Value>| Some(value.ok_or((400, "ExecutionDoesNotExist")));
        match operation {
            "ListStateMachines" => {
                let mut names: Vec<&str> = by_arn.values().map(|it| it.machine.as_str()).collect();
                names.sort_unstable();
                names.dedup();
                let machines: Vec<Value> = names
                    .iter()
                    .filter(|arn| !arn.contains('/'))
                    .map(|arn| {
                        json!({"stateMachineArn": arn, "type": "STANDARD", "creationDate": 1.0,
                        "name": arn.rsplit(':').next()})
                    })
                    .collect();
                Some(Ok(page("stateMachines", &machines, request, 1_000, random)))
            }
            "ListExecutions" => Some(Ok(list(&by_arn, request, faults.untidy, random))),
            "DescribeExecution" => or_gone(found().map(|it| it.description.clone())),
            "DescribeStateMachineForExecution" => or_gone(found().map(|it| it.definition.clone())),
            "DescribeStateMachine" => {
                let machine = request["stateMachineArn"].as_str().unwrap_or_default();
                let one = by_arn.values().find(|it| it.machine == machine);
                or_gone(one.map(|it| it.definition.clone()))
            }
            "DescribeMapRun" => {
                let run = map_runs
                    .iter()
                    .find(|it| it["mapRunArn"] == request["mapRunArn"]);
                Some(run.cloned().ok_or((400, "ResourceNotFound")))
            }
            "GetExecutionHistory" => {
                or_gone(found().map(|it| history(it, request, faults.untidy, random)))
            }
            _ => None,
        }
    })
}

fn list(
    all: &BTreeMap<String, Recorded>,
    request: &Value,
    untidy: bool,
    random: &mut Random,
) -> Value {
    let wanted = |one: &&Recorded| match request["mapRunArn"].as_str() {
        Some(run) => one.map_run.as_deref() == Some(run),
        None => request["stateMachineArn"] == one.machine.as_str() && one.map_run.is_none(),
    };
    let redriven = request["redriveFilter"] == "REDRIVEN";
    let mut entries: Vec<Value> = all
        .values()
        .filter(wanted)
        .filter(|one| !redriven || one.description["redriveCount"].as_u64() > Some(0))
        .map(|one| {
            let mut entry = json!({});
            for key in [
                "executionArn",
                "stateMachineArn",
                "name",
                "status",
                "startDate",
                "stopDate",
                "mapRunArn",
                "redriveCount",
            ] {
                if let Some(value) = one.description.get(key) {
                    entry[key] = value.clone();
                }
            }
            entry
        })
        .collect();
    entries.sort_by(|a, b| {
        b["startDate"]
            .as_f64()
            .partial_cmp(&a["startDate"].as_f64())
            .expect("numbers")
    });
    let mut page = page("executions", &entries, request, 1_000, random);
    if untidy && let Some(list) = page["executions"].as_array_mut() {
        disturb(list, random);
    }
    page
}

fn history(one: &Recorded, request: &Value, untidy: bool, random: &mut Random) -> Value {
    let mut events = one.events.clone();
    if request["reverseOrder"] == true {
        events.reverse();
    }
    let mut page = page("events", &events, request, 1_000, random);
    if untidy && let Some(list) = page["events"].as_array_mut() {
        disturb(list, random);
    }
    page
}

/// Doubles one and swaps two.
fn disturb(list: &mut Vec<Value>, random: &mut Random) {
    if list.is_empty() {
        return;
    }
    let length = list.len() as u64;
    let double = list[random.below(length) as usize].clone();
    list.push(double);
    list.swap(random.below(length) as usize, random.below(length) as usize);
}
