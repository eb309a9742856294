//! What is asked about one execution, through every door: HTTP and the command line say the same, sums add up, and
//! nothing that an execution says becomes markup.

use crate::binary::{Server, fixture, good, request, rows, run};
use serde_json::{Value, json};
use std::path::Path;

const NASA: &str = "aws-sfn-nasa-cumulus/ingest-granule-retries-then-fail.history.json";

fn get(server: &Server, path: &str) -> (u16, Vec<u8>) {
    request(&server.api, "GET", path, "", b"").expect("an answer")
}

fn asked(server: &Server, path: &str) -> Value {
    let (status, body) = get(server, path);
    let text = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

/// The first execution that is held.
fn one(data: &Path) -> Value {
    let rows = rows(
        data,
        "select trace_id, name, execution_arn, duration_ns from executions order by trace_id",
    );
    rows.into_iter().next().expect("an execution")
}

/// The recording, with what it says replaced.
fn altered(folder: &Path, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(fixture(NASA)).expect("read");
    assert!(text.contains(from), "{from}");
    let path = folder.join("altered");
    std::fs::create_dir(&path).expect("a folder");
    let path = path.join("run.history.json");
    let to = json!(to).to_string();
    std::fs::write(&path, text.replace(from, to.trim_matches('"'))).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_books_of_an_execution_add_up_and_every_door_says_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    good(data, &["import", &fixture(NASA)]);
    let execution = one(data);
    let id = execution["trace_id"].as_str().expect("an id").to_owned();
    let offline = |arguments: &[&str]| -> Value {
        serde_json::from_str(&good(data, arguments)).expect("JSON")
    };
    let bill = offline(&["cost", "--format", "json", &id]);
    let compared = offline(&["compare", "--format", "json", &id, "status <> 'SUCCEEDED'"]);
    let server = Server::start(data);
    let of = |end: &str| asked(&server, &format!("/api/v1/executions/{id}/{end}"));

    let ledger = of("ledger");
    let totals = ledger["totals"].as_array().expect("totals");
    let sum: i64 = totals.iter().map(|it| it[1].as_i64().expect("ns")).sum();
    assert_eq!(Some(sum), ledger["duration_ns"].as_i64());
    assert_eq!(ledger["duration_ns"], execution["duration_ns"]);
    let path = ledger["critical_path"].as_array().expect("a path");
    assert!(!path.is_empty());

    let cost = of("cost");
    assert_eq!(cost, bill);
    let url = format!("http://{}", server.api);
    let told = good(data, &["cost", "--url", &url, "--format", "json", &id]);
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON"), bill);
    let items = bill["items"].as_array().expect("items");
    let priced = items.iter().filter_map(|it| it["picodollars"].as_i64());
    assert_eq!(Some(priced.sum::<i64>()), bill["picodollars"].as_i64());
    assert!(bill["picodollars"].as_i64() > Some(0), "{bill}");
    let text = good(data, &["cost", "--items", &id]);
    assert!(text.contains(bill["usd"].as_str().expect("text")), "{text}");
    assert!(text.contains("states_transition"), "{text}");

    let path = format!("/api/v1/compare?a={id}&b=status%20%3C%3E%20%27SUCCEEDED%27");
    assert_eq!(asked(&server, &path), compared);
    let told = good(
        data,
        &[
            "compare",
            "--url",
            &url,
            "--format",
            "json",
            &id,
            "status <> 'SUCCEEDED'",
        ],
    );
    assert_eq!(
        serde_json::from_str::<Value>(&told).expect("JSON"),
        compared
    );
    let text = good(data, &["compare", &id, &id]);
    assert!(
        text.contains("1 execution, 1 failed") && text.contains("SyncGranule"),
        "{text}"
    );

    let twins = of("twins?k=2");
    assert_eq!(twins["subject"]["trace_id"], json!(id));
    assert!(twins["twins"].as_array().is_some_and(Vec::is_empty));
    let graph = of("graph");
    let nodes = graph["nodes"].as_array().expect("nodes");
    let sync = nodes.iter().find(|it| it["name"] == "SyncGranule");
    assert!(sync.expect("the state")["visits"].as_u64() > Some(0));
    let mysteries = asked(&server, "/api/v1/mysteries?buckets=4&limit=1");
    let group = &mysteries["mysteries"][0];
    assert_eq!(group["count"], 1, "{mysteries}");
    assert_eq!(
        asked(&server, "/api/v1/mysteries?from=1&to=2")["mysteries"],
        json!([])
    );
    for end in [
        "verdict",
        "case.html",
        "case.md",
        "ledger",
        "cost",
        "twins",
        "graph",
    ] {
        let (status, _) = get(&server, &format!("/api/v1/executions/nobody/{end}"));
        assert_eq!(status, 404, "{end}");
    }
    for wrong in ["a=&b=x", "a=nobody&b=nobody", "a=x"] {
        let (status, _) = get(&server, &format!("/api/v1/compare?{wrong}"));
        assert_eq!(status, 400, "{wrong}");
    }
}

#[test]
fn what_an_execution_says_is_never_markup() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let evil =
        "Sync</style><script>alert(1)</script><img src=x onerror='alert(2)'>`[a](javascript:b)`";
    good(
        data,
        &["import", &altered(folder.path(), "SyncGranule", evil)],
    );
    let id = one(data)["trace_id"].as_str().expect("an id").to_owned();
    let server = Server::start(data);
    let (status, body) = get(&server, &format!("/api/v1/executions/{id}/case.html"));
    let page = String::from_utf8(body).expect("text");
    assert_eq!(status, 200);
    assert!(
        page.contains("&lt;script&gt;"),
        "what was said is not shown"
    );
    for markup in ["<script", "<img", "onerror='alert(2)'>", "Sync</style>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    // One file that needs nothing else.
    for reference in [
        "src=",
        "<link",
        "@import",
        "url(",
        "href=\"http",
        "<iframe",
        "<object",
    ] {
        let markup = page.replace("&lt;img src=x", "");
        assert!(!markup.contains(reference), "{reference}");
    }
    let (status, body) = get(&server, &format!("/api/v1/executions/{id}/case.md"));
    let page = String::from_utf8(body).expect("text");
    assert_eq!(status, 200);
    assert!(
        !page.contains("<script") && !page.contains("<img"),
        "{page}"
    );
}

/// An OTLP request with a span or a log record of a service.
fn told(n: u64, service: &str, body: Option<&str>, ms: u64) -> String {
    let at = 1_790_000_200_000_000_000 + n * 1_000_000_000;
    let trace = format!("{:032x}", n + 1);
    let resource =
        json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    match body {
        Some(body) => json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [
            {"timeUnixNano": at.to_string(), "severityNumber": 17, "body": {"stringValue": body}, "traceId": trace},
        ]}]}]}),
        None => json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [{
            "traceId": trace, "spanId": format!("{:016x}", n + 1), "name": "GET /", "kind": 2,
            "startTimeUnixNano": at.to_string(), "endTimeUnixNano": (at + ms * 1_000_000).to_string(),
        }]}]}]}),
    }
    .to_string()
}

#[test]
fn plain_facts_are_compared_whatever_there_is_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let import = |name: &str, lines: Vec<String>| {
        let file = folder.path().join(name);
        std::fs::write(&file, lines.join("\n") + "\n").expect("written");
        good(data, &["import", &file.to_string_lossy()]);
    };
    import(
        "spans.jsonl",
        (0..60)
            .map(|n| told(n, "front", None, if n < 40 { 20 } else { 900 }))
            .collect(),
    );
    let lines = (1000..1060).flat_map(|n| {
        let ill = (n >= 1040).then(|| {
            told(
                n,
                "stock",
                Some("java.lang.IllegalStateException: no shelf"),
                0,
            )
        });
        [Some(told(n, "cart", Some("heartbeat missed"), 0)), ill]
    });
    import("lines.jsonl", lines.flatten().collect());
    let explain = |symptom: &str, baseline: &str| -> Value {
        let text = good(
            data,
            &[
                "explain",
                "--symptom",
                symptom,
                "--baseline",
                baseline,
                "--format",
                "json",
            ],
        );
        serde_json::from_str(&text).expect("a verdict")
    };
    let spans = |from: u64, to: u64| {
        format!(
            "select trace_id from spans where trace_id >= '{:032x}' and trace_id < '{:032x}'",
            from + 1,
            to + 1
        )
    };
    let logs = |from: u64, to: u64| spans(from, to).replace("spans", "logs");
    let named = |verdict: &Value| verdict["culprit"]["name"].as_str().map(str::to_owned);
    // Spans only.
    assert_eq!(
        named(&explain(&spans(40, 60), &spans(0, 40))).as_deref(),
        Some("front")
    );
    // One trace only: somebody, and not surer than with twenty.
    let (few, many) = (
        explain(&spans(59, 60), &spans(0, 40)),
        explain(&spans(40, 60), &spans(0, 40)),
    );
    assert_eq!(few["suspects"][0]["name"], "front", "{few}");
    assert!(
        few["confidence"].as_f64() <= many["confidence"].as_f64(),
        "{few}"
    );
    // Lines only.
    let verdict = explain(&logs(1040, 1060), &logs(1000, 1040));
    assert_eq!(named(&verdict).as_deref(), Some("stock"), "{verdict}");
    let reference = verdict["exhibits"][0]["ref"].as_str().expect("an exhibit");
    let id = reference.strip_prefix("log:").expect("a line");
    assert_eq!(
        rows(data, &format!("select 1 from logs where log_id = '{id}'")).len(),
        1
    );
    // Nothing that differs: nobody.
    assert_eq!(
        explain(&spans(0, 20), &spans(20, 40))["outcome"],
        "no_crime"
    );
    // A baseline as wide as everything leaves the symptom out.
    assert_eq!(
        named(&explain(&spans(40, 60), "true")).as_deref(),
        Some("front")
    );
    // Nothing healthy: no accusation for slowness alone.
    assert_ne!(
        explain(&spans(40, 60), "service_name = 'nobody'")["outcome"],
        "verdict"
    );
    for wrong in [
        "",
        ";",
        "true); drop table spans; --",
        "select trace_id from spans; delete from spans",
        "select 1",
        "service_name = 'nobody'",
        "2026-01-02T00:00:00Z..2026-01-01T00:00:00Z",
        "not sql at all",
    ] {
        let output = run(data, &["explain", "--symptom", wrong, "--baseline", "true"]);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && says.contains("the symptom"),
            "{wrong}: {says}"
        );
        assert!(!says.contains("panicked"), "{wrong}: {says}");
    }
    assert_eq!(rows(data, "select 1 from spans").len(), 60);
    for format in ["text", "markdown", "html"] {
        let text = good(
            data,
            &[
                "explain",
                "--symptom",
                &spans(40, 60),
                "--baseline",
                "true",
                "--format",
                format,
            ],
        );
        assert!(text.contains("front"), "{format}: {text}");
    }
}
