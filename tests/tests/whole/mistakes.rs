//! Definitions of objectives with mistakes in them: what the linter, the editor and the replay say.

use crate::binary::{Server, request, run};
use crate::objectives::get;
use serde_json::Value;
use std::{path::Path, process::Output};

fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn on_file(command: &str, definition: &str, prepare: impl Fn(&Path)) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let file = folder.path().join("it.yaml");
    std::fs::write(&file, definition).expect("written");
    let data = folder.path().join("data");
    std::fs::create_dir_all(&data).expect("made");
    if folder.path().join("receivers.toml").exists() {
        let (from, to) = (
            folder.path().join("receivers.toml"),
            data.join("receivers.toml"),
        );
        std::fs::copy(from, to).expect("copied");
    }
    let file = file.display().to_string();
    match command {
        "lint" => run(&data, &["slo", "lint", &file]),
        _ => run(&data, &["slo", "replay", "--slo", &file, "--from=-1h"]),
    }
}

#[test]
fn the_linter_names_receivers_circles_parts_and_swapped_windows() {
    let check = |definition: &str, receivers: &str, succeeds: bool, expect: &str| {
        let output = on_file("lint", definition, |folder| {
            std::fs::write(folder.join("receivers.toml"), receivers).expect("written");
        });
        let text = words(&output);
        assert!(text.contains(expect), "{expect}: {text}");
        assert_eq!(output.status.success(), succeeds, "{text}");
    };
    let known = "[[receiver]]\nname='night-shift'\nformat='webhook'\nurl='https://x.example'\n";
    let plain = "slo: a\ntarget: 99%\nindicator: {workflow: w}\n";
    let with = |more: &str| format!("{plain}{more}\n");
    check(&with("receivers: [night-shift]"), known, true, "0 warnings");
    check(
        &with("receivers: [nightshift]"),
        known,
        true,
        "did you mean night-shift",
    );
    check(
        &with("receivers: [pigeon]"),
        known,
        true,
        "it has night-shift",
    );
    check(
        &with("alerts: [{severity: page, long: 5m, short: 1h, burn: 14}]"),
        "",
        false,
        "the short window, 1h, is not shorter than the long one, 5m",
    );
    check(
        &with("alerts: [{severity: page, long: 1h, short: 1h, burn: 14}]"),
        "",
        false,
        "is not shorter",
    );
    check(
        "slos:\n  - {slo: x, target: 99%, composite: [y, z]}\n  - {slo: y, target: 99%, composite: [x, z]}\n\
         \x20 - {slo: z, target: 99%, indicator: {workflow: w}}\n",
        "",
        false,
        "x → y → x",
    );
    check(
        "slos:\n  - {slo: all, target: 99%, composite: [orders, payment]}\n\
         \x20 - {slo: orders, target: 99%, indicator: {workflow: w}}\n\
         \x20 - {slo: payments, target: 99%, indicator: {workflow: w}}\n",
        "",
        false,
        "there is no objective payment to be a part of it; did you mean payments?",
    );
}

#[test]
fn a_replay_that_cannot_measure_for_a_mistake_fails() {
    let nothing = |_: &Path| {};
    let check = |definition: &str, succeeds: bool, expect: &[&str]| {
        let output = on_file("replay", definition, nothing);
        let text = words(&output);
        for expect in expect {
            assert!(text.contains(expect), "{expect}: {text}");
        }
        assert_eq!(output.status.success(), succeeds, "{text}");
    };
    check(
        "slo: a\ntarget: 99%\nindicator:\n  over: executions\n  good: durration_ns < 5\n",
        false,
        &["it.yaml:5: error a", "duration_ns"],
    );
    check(
        "slo: a\ntarget: 99%\nindicator: {over: nothing, good: x}\n",
        false,
        &["it.yaml:3: error a", "over is"],
    );
    check(
        "slos:\n  - {slo: all, target: 99%, composite: [one, two]}\n\
         \x20 - {slo: one, target: 99%, indicator: {workflow: w, good: nonsense = 1}}\n\
         \x20 - {slo: two, target: 99%, indicator: {workflow: w}}\n",
        false,
        &["error one", "nonsense"],
    );
    // What is not measured because there is no data, or because it asks a Prometheus, is no mistake.
    check(
        "slo: a\ntarget: 99%\nindicator: {workflow: w}\n",
        true,
        &["a: "],
    );
    check(
        "version: prometheus/v1\nservice: s\nslos:\n  - name: a\n    objective: 99\n    sli:\n      events:\n\
         \x20       error_query: sum(rate(http_errors[{{.window}}]))\n\
         \x20       total_query: sum(rate(http_all[{{.window}}]))\n    alerting: {}\n",
        true,
        &["not measured"],
    );
}

#[test]
fn the_editor_sees_the_other_files_and_the_receivers() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("slo")).expect("made");
    let server = Server::start(folder.path());
    let put = |name: &str, text: &str| {
        let target = format!("/api/v1/slos/{name}");
        let (status, body) =
            request(&server.api, "PUT", &target, "", text.as_bytes()).expect("an answer");
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let part = |name: &str| format!("slo: {name}\ntarget: 99%\nindicator: {{workflow: {name}}}\n");
    for name in ["one", "two"] {
        let (status, body) = put(name, &part(name));
        assert_eq!(status, 200, "{body}");
    }
    // Parts that are in other files are parts.
    let both = "slo: both\ntarget: 99%\ncomposite: [one, two]\nreceivers: [nobody]\n";
    let (status, body) = put("both", both);
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("unknown-receiver") && body.contains("nobody"),
        "{body}"
    );
    // A composite of a composite that is defined after it in no order that matters.
    let (status, body) = put("above", "slo: above\ntarget: 99%\ncomposite: [both, one]\n");
    assert_eq!(status, 200, "{body}");
    let above = get(&server, "/api/v1/slos/above");
    assert_ne!(above["row"]["status"], "not_measured", "{above}");
    let both = get(&server, "/api/v1/slos/both");
    assert!(
        both["findings"].to_string().contains("unknown-receiver"),
        "{both}"
    );
    for (text, expect) in [
        (
            "slo: one\ntarget: 99%\ncomposite: [above, two]\n",
            "one → above → both → one",
        ),
        (
            "slo: one\ntarget: 99%\ncomposite: [tow, two]\n",
            "did you mean two",
        ),
        (
            "slo: one\ntarget: 99%\nindicator: {workflow: w}\nalerts: [{long: 1h, short: 6h, burn: 6}]\n",
            "not shorter",
        ),
    ] {
        let (status, body) = put("one", text);
        assert!(status == 400 && body.contains(expect), "{expect}: {body}");
        let (status, body) = request(
            &server.api,
            "POST",
            "/api/v1/slos/preview",
            "",
            text.as_bytes(),
        )
        .expect("an answer");
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 400 && body.contains(expect), "{expect}: {body}");
    }
    let (status, body) = request(
        &server.api,
        "POST",
        "/api/v1/slos/preview",
        "",
        b"slo: new\ntarget: 99%\ncomposite: [one, two]\n",
    )
    .expect("an answer");
    let found: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (status, &found["slo"]),
        (200, &Value::from("new")),
        "{found}"
    );
    server.terminate();
}
