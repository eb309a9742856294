//! `filter-log-events` of each function's log group.

use super::{Coverage, File};
use crate::facts::Line;
use crate::setting::Setting;
use demo::files::pretty;
use demo::lambda_log::event_id;
use model::TraceId;
use serde_json::{Value, json};

pub(super) fn files(setting: &Setting, coverage: Coverage) -> Vec<File> {
    let mut files = Vec::new();
    for (function, lines) in &setting.world.facts.lines {
        let mut lines: Vec<&Line> = lines
            .iter()
            .filter(|line| arrives(setting, line, coverage))
            .collect();
        lines.sort_by_key(|line| line.at);
        let events: Vec<Value> = lines
            .into_iter()
            .map(|line| {
                let mut dice = setting.world.chance.of(&format!("ingest/{}", line.key));
                json!({
                    "logStreamName": line.stream, "timestamp": line.at, "message": line.text,
                    "ingestionTime": line.at + dice.between(900, 8_000), "eventId": id(setting, line),
                })
            })
            .collect();
        let document = json!({"events": events, "searchedLogStreams": []});
        files.push((format!("lambda-logs/{function}.json"), pretty(&document)));
    }
    files
}

/// Lost lines are those of whole invocations.
pub(crate) fn arrives(setting: &Setting, line: &Line, coverage: Coverage) -> bool {
    let invocation = line
        .key
        .rsplit_once('/')
        .map_or(line.key.as_str(), |(call, _)| call);
    coverage.log_loss == 0.0
        || !setting
            .world
            .chance
            .of(&format!("lost/{invocation}"))
            .chance(coverage.log_loss)
}

fn id(setting: &Setting, line: &Line) -> String {
    event_id(
        &mut setting
            .world
            .chance
            .of(&format!("event/{}/{}", line.key, line.at)),
    )
}

/// How the collector calls the record that it makes of a line.
pub fn reference(setting: &Setting, line: &Line) -> String {
    let nanos = (line.at * 1_000_000).to_string();
    format!(
        "log:{}",
        TraceId::of_parts(&["cw", &line.stream, &id(setting, line), &nanos])
    )
}
