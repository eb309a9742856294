//! Names that come from elsewhere do not steer the terminal on which they are read.

use crate::binary::{Server, good, request, rows, run};
use serde_json::json;
use std::fmt::Write;

/// What a terminal obeys: the title of the window, the screen, a C1 introducer, delete, the direction of writing.
const TITLE: &str = "\u{1b}]0;owned\u{7}";
const OTHERS: &str = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";

fn harmless(text: &str) {
    let bad = |letter: &char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found = text.chars().find(bad);
    assert_eq!(found, None, "{text:?}");
}

/// Events of an execution whose names are hostile.
fn history() -> String {
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:orders:hostile";
    let name = format!("Pay{TITLE}{OTHERS}");
    let mut text = String::new();
    let mut line = |id: u32, kind: &str, details: serde_json::Value| {
        let event = json!({
            "id": id.to_string(), "type": kind, "details": details,
            "previous_event_id": (id - 1).to_string(),
            "event_timestamp": (1_750_000_000_000_i64 + i64::from(id) * 1_000).to_string(),
            "execution_arn": arn, "redrive_count": "0",
        });
        let _ = writeln!(text, "{event}");
    };
    line(1, "ExecutionStarted", json!({"input": "{}"}));
    line(2, "TaskStateEntered", json!({"name": name, "input": "{}"}));
    line(
        3,
        "TaskScheduled",
        json!({"resource": "invoke", "resourceType": "lambda", "region": "eu-west-1", "parameters": "{}"}),
    );
    line(
        4,
        "TaskStarted",
        json!({"resource": "invoke", "resourceType": "lambda"}),
    );
    let error = format!("Boom{TITLE}");
    line(
        5,
        "TaskFailed",
        json!({"resource": "invoke", "resourceType": "lambda", "error": error, "cause": format!("it broke {OTHERS}")}),
    );
    line(
        6,
        "ExecutionFailed",
        json!({"error": error, "cause": format!("it broke {OTHERS}")}),
    );
    text
}

#[test]
fn hostile_names_are_written_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    // A path of Unix may hold anything but a slash.
    let file = folder.path().join(format!("hist{TITLE}ory{OTHERS}.jsonl"));
    std::fs::write(&file, history()).expect("written");
    let nonsense = folder.path().join(format!("non{TITLE}sense.txt"));
    std::fs::write(&nonsense, "nothing that anybody knows").expect("written");
    let output = run(&data, &["import", &folder.path().display().to_string()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    harmless(&text);
    assert!(text.contains("hist\\u{1b}]0;owned\\u{7}ory"), "{text}");
    for arguments in [
        &["show", "hostile"][..],
        &["explain", "hostile"],
        &["explain", "--format", "markdown", "hostile"],
        &["cost", "hostile"],
        &["sql", "select * from states"],
        &[
            "sql",
            "select error as \"bad\u{1b}[2J\", cause, attributes from executions, spans where spans.trace_id = executions.trace_id",
        ],
    ] {
        let text = good(&data, arguments);
        harmless(&text);
    }
    let shown = good(&data, &["show", "hostile"]);
    assert!(
        shown.contains("Pay\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{9b}31m\\u{7f}\\u{202e}"),
        "{shown}"
    );
    assert!(shown.contains("Boom\\u{1b}]0;owned"), "{shown}");
    // Colours are ours: nothing else is in the output with them.
    let coloured = good(&data, &["show", "--color", "always", "hostile"]);
    assert!(
        !coloured.contains("\u{1b}]") && !coloured.contains("\u{1b}[2J"),
        "{coloured:?}"
    );
    // What is for machines is exact.
    let exact = rows(&data, "select state from states");
    assert_eq!(exact[0]["state"], format!("Pay{TITLE}{OTHERS}"));
    let csv = good(
        &data,
        &["sql", "--format", "csv", "select state from states"],
    );
    assert!(csv.contains(TITLE), "{csv:?}");
    // Errors, too, repeat what was said.
    let missing = run(&data, &["show", &format!("no{TITLE}")]);
    harmless(&String::from_utf8_lossy(&missing.stderr));
    // And a table that the server makes.
    let server = Server::start(&data);
    let (status, body) = request(
        &server.api,
        "POST",
        "/api/sql?format=table",
        "",
        b"select state from states",
    )
    .expect("an answer");
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 200, "{text}");
    // The pieces of the answer are told apart by CR LF.
    harmless(&text.replace("\r\n", "\n"));
    server.terminate();
}
