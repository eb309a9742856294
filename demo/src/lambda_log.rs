//! What sandboxes print, as `aws logs filter-log-events` prints it.

use crate::dice::Dice;
use crate::lambda::{Fate, Fleet, Function, Invocation, Sandbox};
use crate::when;
use serde_json::{Value, json};

/// The answer of `aws logs filter-log-events` for the log group of a function.
pub fn filter_log_events(fleet: &Fleet, seed: u64, until: i64) -> Value {
    let mut dice = Dice::new(seed, fleet.function.name);
    let mut events: Vec<(i64, &str, String)> = Vec::new();
    for sandbox in &fleet.sandboxes {
        for (at, message) in lines(&fleet.function, sandbox) {
            events.push((at, &sandbox.stream, message));
        }
    }
    events.retain(|(at, ..)| *at <= until);
    events.sort_by_key(|(at, ..)| *at);
    let events: Vec<Value> = events
        .into_iter()
        .map(|(at, stream, message)| {
            json!({
                "logStreamName": stream, "timestamp": at, "message": message,
                "ingestionTime": at + dice.between(900, 8000), "eventId": event_id(&mut dice),
            })
        })
        .collect();
    json!({"events": events, "searchedLogStreams": []})
}

/// Event ids are 56 decimal digits.
pub fn event_id(dice: &mut Dice) -> String {
    let mut id = String::from("3");
    while id.len() < 56 {
        id += &format!("{:08}", dice.between(0, 99_999_999));
    }
    id.truncate(56);
    id
}

fn lines(function: &Function, sandbox: &Sandbox) -> Vec<(i64, String)> {
    let mut calls: Vec<&Invocation> = sandbox.invocations.iter().collect();
    calls.sort_by_key(|call| call.start_ms);
    let mut lines = vec![(sandbox.created_ms, init_start(function, sandbox.created_ms))];
    for call in calls {
        if call.reinit {
            lines.push((call.start_ms, init_start(function, call.start_ms)));
        }
        match function.json_logs {
            true => json_lines(function, call, &mut lines),
            false => text_lines(function, call, &mut lines),
        }
    }
    lines
}

fn init_start(function: &Function, at: i64) -> String {
    let arn = "arn:aws:lambda:eu-central-1::runtime:8aaed27a4b7d5d3c9a5d0e1c9f3f1d7e0e6d3c2b1a";
    if function.json_logs {
        let record = json!({
            "initializationType": "on-demand", "phase": "init", "functionName": function.name,
            "functionVersion": function.version, "runtimeVersion": function.runtime,
            "runtimeVersionArn": arn, "instanceId": "2026/11/21/pool",
            "instanceMaxMemory": function.memory_mb * 1024 * 1024,
        });
        return platform(at, "platform.initStart", record);
    }
    format!(
        "INIT_START Runtime Version: {}\tRuntime Version ARN: {arn}\n",
        function.runtime
    )
}

fn platform(at: i64, kind: &str, record: Value) -> String {
    json!({"time": when::zulu(at), "type": kind, "record": record}).to_string()
}

fn at_share(call: &Invocation, share: f64) -> i64 {
    call.start_ms + (call.duration_ms * share) as i64
}

fn billed(call: &Invocation) -> i64 {
    (call.duration_ms + call.init_ms.unwrap_or(0.0)).ceil() as i64
}

fn text_lines(function: &Function, call: &Invocation, lines: &mut Vec<(i64, String)>) {
    let id = &call.request_id;
    lines.push((
        call.start_ms,
        format!("START RequestId: {id} Version: {}\n", function.version),
    ));
    for (share, level, text) in &call.lines {
        let at = at_share(call, *share);
        lines.push((at, app_line(function, level, &when::zulu(at), id, text)));
    }
    match &call.fate {
        Fate::Raise(class, message) => {
            lines.push((at_share(call, 0.98), traceback(class, message)));
        }
        Fate::Hang => lines.push((
            call.end_ms,
            format!(
                "{} {id} Task timed out after {:.2} seconds\n\n",
                when::zulu(call.end_ms),
                call.duration_ms / 1000.0
            ),
        )),
        Fate::OutOfMemory => lines.push((
            call.end_ms,
            format!(
                "RequestId: {id} Error: Runtime exited with error: signal: killed\n\
                 Runtime.ExitError\n"
            ),
        )),
        Fate::Answer => {}
    }
    lines.push((call.end_ms, format!("END RequestId: {id}\n")));
    lines.push((call.end_ms, report(function, call)));
}

fn app_line(function: &Function, level: &str, at: &str, id: &str, text: &str) -> String {
    match function.runtime.starts_with("nodejs") {
        true => format!("{at}\t{id}\t{level}\t{text}\n"),
        false => format!("[{level}]\t{at}\t{id}\t{text}\n"),
    }
}

fn traceback(class: &str, message: &str) -> String {
    format!(
        "[ERROR] {class}: {message}\nTraceback (most recent call last):\n  \
         File \"/var/task/app.py\", line 48, in handler\n    return run(event)\n  \
         File \"/var/task/app.py\", line 91, in run\n    raise {class}(reason)\n"
    )
}

fn report(function: &Function, call: &Invocation) -> String {
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t\
         Max Memory Used: {} MB\t",
        call.request_id,
        call.duration_ms,
        billed(call),
        function.memory_mb,
        call.memory_used_mb
    );
    if let Some(init) = call.init_ms {
        line += &format!("Init Duration: {init:.2} ms\t");
    }
    match call.fate {
        Fate::Hang => line += "Status: timeout",
        Fate::OutOfMemory => line += "Status: error\tError Type: Runtime.OutOfMemory",
        _ => {}
    }
    line + &format!(
        "\nXRAY TraceId: {}\tSegmentId: {}\tSampled: true\t\n",
        call.xray_root,
        &call.xray_root[11..27]
    )
}

fn json_lines(function: &Function, call: &Invocation, lines: &mut Vec<(i64, String)>) {
    let id = &call.request_id;
    let tracing = json!({
        "type": "X-Amzn-Trace-Id", "spanId": &call.xray_root[11..27],
        "value": format!("Root={};Parent={};Sampled=1", call.xray_root, &call.xray_root[11..27]),
    });
    let start = json!({"requestId": id, "version": function.version, "tracing": tracing});
    lines.push((
        call.start_ms,
        platform(call.start_ms, "platform.start", start),
    ));
    for (share, level, text) in &call.lines {
        let at = at_share(call, *share);
        lines.push((at, json_app_line(at, level, id, text)));
    }
    if let Fate::Raise(class, message) = &call.fate {
        let at = at_share(call, 0.98);
        let line = json!({
            "timestamp": when::zulu(at), "log_level": "ERROR", "errorMessage": message,
            "errorType": class, "requestId": id, "stackTrace": ["  File \"/var/task/app.py\", line 48, in handler\n"],
        });
        lines.push((at, line.to_string()));
    }
    let mut metrics = json!({
        "durationMs": round(call.duration_ms), "billedDurationMs": billed(call),
        "memorySizeMB": function.memory_mb, "maxMemoryUsedMB": call.memory_used_mb,
    });
    if let Some(init) = call.init_ms {
        metrics["initDurationMs"] = json!(round(init));
    }
    let mut record = json!({"requestId": id, "status": status(&call.fate), "metrics": metrics, "tracing": tracing});
    if matches!(call.fate, Fate::OutOfMemory) {
        record["errorType"] = json!("Runtime.OutOfMemory");
    }
    lines.push((
        call.end_ms,
        platform(call.end_ms, "platform.report", record),
    ));
}

fn json_app_line(at: i64, level: &str, id: &str, text: &str) -> String {
    json!({
        "timestamp": when::zulu(at), "level": level, "requestId": id, "message": text,
        "logger": "app",
    })
    .to_string()
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn status(fate: &Fate) -> &'static str {
    match fate {
        Fate::Answer => "success",
        Fate::Raise(..) | Fate::OutOfMemory => "error",
        Fate::Hang => "timeout",
    }
}
