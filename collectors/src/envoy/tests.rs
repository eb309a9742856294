use super::*;
use base64::Engine as _;
use serde_json::Value as Json;

fn lines(name: &str) -> Vec<Json> {
    let path = format!(
        "{}/../tests/fixtures/envoy/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the recording");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Every recorded message that has its bytes says the same as its JSON.
#[test]
fn recorded_messages_are_read_as_they_are_printed() {
    let (mut entries, mut flagged) = (0, 0);
    for line in lines("als.jsonl") {
        let Some(raw) = line["raw_b64"].as_str() else {
            continue;
        };
        let raw = base64::engine::general_purpose::STANDARD
            .decode(raw)
            .expect("base64");
        let batch = Als::default().read(&raw).expect("a message");
        let printed = line["body"]["httpLogs"]["logEntry"]
            .as_array()
            .expect("entries");
        assert_eq!(batch.logs.len(), printed.len());
        for (record, printed) in batch.logs.iter().zip(printed) {
            entries += 1;
            let common = &printed["commonProperties"];
            let text = |name: &str| match record.attributes.get(name) {
                Some(Value::String(text)) => text.as_str(),
                _ => "",
            };
            let said = |value: &Json| value.as_str().unwrap_or("").to_owned();
            assert_eq!(text("upstream_cluster"), said(&common["upstreamCluster"]));
            assert_eq!(text("path"), said(&printed["request"]["path"]));
            assert_eq!(text("request_id"), said(&printed["request"]["requestId"]));
            assert_eq!(text("method"), said(&printed["request"]["requestMethod"]));
            assert_eq!(
                text("response_code_details"),
                said(&printed["response"]["responseCodeDetails"])
            );
            assert_eq!(
                text("http.request.header.traceparent"),
                said(&printed["request"]["requestHeaders"]["traceparent"])
            );
            assert_eq!(
                text("upstream_transport_failure_reason"),
                said(&common["upstreamTransportFailureReason"])
            );
            let attempts = common["upstreamRequestAttemptCount"].as_i64();
            assert_eq!(
                record
                    .attributes
                    .get("upstream_request_attempt_count")
                    .cloned(),
                attempts.map(Value::Int)
            );
            assert_eq!(
                record.attributes.get("response_code").cloned(),
                printed["response"]["responseCode"].as_i64().map(Value::Int)
            );
            let start = crate::timestamp::parse(&common["startTime"]).expect("a time");
            assert_eq!(record.time, start);
            let flags = common["responseFlags"].as_object();
            let set = flags.map_or(0, |flags| flags.len());
            let read = text("response_flags")
                .split(',')
                .filter(|flag| *flag != "-")
                .count();
            assert_eq!(read, set, "{common}");
            flagged += set;
        }
    }
    assert!(
        entries > 50 && flagged > 20,
        "{entries} entries, {flagged} flags"
    );
}

#[test]
fn who_sends_is_said_once() {
    let identifier = [0x0a, 9, 0x0a, 4, 0x0a, 2, b'n', b'1', 0x12, 1, b'l'];
    let entry = [0x12, 6, 0x0a, 4, 0x0a, 2, 0x7a, 0];
    let mut als = Als::default();
    assert!(als.read(&identifier).expect("read").logs.is_empty());
    let logs = als.read(&entry).expect("read").logs;
    assert_eq!(logs[0].resource["node_name"], "n1".into());
    assert!(als.read(&[0x12, 99]).is_err());
}

#[test]
fn recorded_files_are_read() {
    let mut count = 0;
    for name in ["edge", "edge_nospawn", "inner", "zip"] {
        for line in lines(&format!("access_logs/{name}.jsonl")) {
            let object = line.as_object().expect("an object");
            assert!(is_entry(object), "{line}");
            let record = read_object(object).expect("a record");
            assert_eq!(
                record.trace_id.to_string().trim_start_matches('0'),
                said(&line, "trace_id").trim_start_matches('0')
            );
            assert!(record.time.0 > 1_795_000_000_000_000_000);
            count += 1;
        }
    }
    assert!(count > 130, "{count}");
    fn said(line: &Json, key: &str) -> String {
        line[key].as_str().unwrap_or("").to_owned()
    }
}

#[test]
fn text_of_envoy_and_of_istio_is_read() {
    let check = |line: &str, expect: &[(&str, &str)]| {
        let record = read_line(line).expect(line);
        for (name, value) in expect {
            let held = match &record.attributes[*name] {
                Value::Int(number) => number.to_string(),
                Value::String(text) => text.clone(),
                other => format!("{other:?}"),
            };
            assert_eq!(held, *value, "{name}");
        }
    };
    check(
        r#"[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#,
        &[
            ("response_code", "204"),
            ("duration", "226"),
            ("upstream_host", "tcp://10.0.2.1:80"),
            ("path", "/api/v1/locations"),
        ],
    );
    check(
        r#"[2020-11-25T21:26:18.409Z] "GET /delay/10 HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{connection_failure} - "delayed connect error: 111" 0 91 5 - "-" "curl/7.73.0" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" outbound|8000||httpbin.foo.svc.cluster.local - 10.44.1.27:80 10.44.1.23:37652 - default"#,
        &[
            ("response_flags", "UF,URX"),
            (
                "upstream_transport_failure_reason",
                "delayed connect error: 111",
            ),
            (
                "upstream_cluster",
                "outbound|8000||httpbin.foo.svc.cluster.local",
            ),
            ("route_name", "default"),
        ],
    );
    let none = |line: &str| assert_eq!(read_line(line), None, "{line}");
    none("hello [world]");
    none("[2020-11-25T21:26:18.409Z] \"GET / HTTP/1.1\" ok");
    none("[ERROR] x");
    none("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326");
}
