use super::*;
use model::{SpanKind, StatusCode};

fn json(body: &str) -> Spans {
    read(Encoding::Json, body.as_bytes()).expect("a list")
}

fn only(body: &str) -> Span {
    let spans = json(body);
    assert_eq!(spans.problems, []);
    spans.spans.into_iter().next().expect("a span")
}

const V2: &str = r#"[{"traceId":"5982fe77008310cc80f1da5e10147517","id":"bd7a977555f6b982","parentId":"ebf33e1a81dc6f71",
 "kind":"CLIENT","name":"get /api","timestamp":1458702548467000,"duration":386000,
 "localEndpoint":{"serviceName":"frontend","ipv4":"127.0.0.1","port":8081},
 "remoteEndpoint":{"serviceName":"backend","ipv4":"192.168.99.101","port":9000},
 "annotations":[{"timestamp":1458702548467500,"value":"ws"}],
 "tags":{"http.path":"/api","error":"503"}}]"#;

#[test]
fn a_v2_span_keeps_all_it_says() {
    let span = only(V2);
    assert_eq!(
        span.trace_id.to_string(),
        "5982fe77008310cc80f1da5e10147517"
    );
    assert_eq!(span.parent_span_id.to_string(), "ebf33e1a81dc6f71");
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.start_time.0, 1_458_702_548_467_000_000);
    assert_eq!(span.end_time.since(span.start_time), 386_000_000);
    assert_eq!(span.service_name, "frontend");
    assert_eq!(span.attributes["peer.service"], "backend".into());
    assert_eq!(span.attributes["network.peer.port"], 9000.into());
    assert_eq!(span.events[0].name, "ws");
    assert_eq!(
        (span.status_code, &*span.status_message),
        (StatusCode::Error, "503")
    );
}

#[test]
fn short_trace_ids_get_a_zero_upper_half() {
    let span = only(r#"[{"traceId":"abc05b","id":"1","timestamp":1}]"#);
    assert_eq!(
        span.trace_id.to_string(),
        "00000000000000000000000000abc05b"
    );
    assert_eq!(span.span_id.to_string(), "0000000000000001");
    assert_eq!(span.kind, SpanKind::Internal);
}

#[test]
fn the_two_sides_of_a_shared_span_stay_two() {
    let body = r#"[{"traceId":"a","id":"b","kind":"CLIENT","timestamp":1,"duration":9},
                   {"traceId":"a","id":"b","kind":"SERVER","timestamp":2,"duration":5,"shared":true}]"#;
    let spans = json(body).spans;
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].span_id, spans[1].span_id);
    assert_ne!(spans[0].kind, spans[1].kind);
}

#[test]
fn a_v1_span_with_both_sides_gives_two() {
    let end =
        |service: &str| format!(r#""endpoint":{{"serviceName":"{service}","ipv4":"10.0.0.1"}}"#);
    let (web, db) = (end("web"), end("db"));
    let body = format!(
        r#"[{{"traceId":"a","id":"b","name":"get","timestamp":100,"duration":50,
         "annotations":[{{"timestamp":100,"value":"cs",{web}}},{{"timestamp":110,"value":"sr",{db}}},
           {{"timestamp":140,"value":"ss",{db}}},{{"timestamp":150,"value":"cr",{web}}}],
         "binaryAnnotations":[{{"key":"http.path","value":"/x",{web}}},{{"key":"sa","value":true,{db}}}]}}]"#
    );
    let spans = json(&body).spans;
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            (
                span.kind,
                &*span.service_name,
                span.start_time.0,
                span.end_time.0,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (SpanKind::Client, "web", 100_000, 150_000),
            (SpanKind::Server, "db", 110_000, 140_000)
        ]
    );
    assert_eq!(spans[0].attributes["peer.service"], "db".into());
    assert!(!spans[1].attributes.contains_key("http.path"));
    assert_eq!(spans[1].attributes["zipkin.shared"], true.into());
}

#[test]
fn a_v1_server_alone_has_its_own_times() {
    let body = r#"[{"traceId":"a","id":"b","annotations":[
        {"timestamp":110,"value":"sr","endpoint":{"serviceName":"db"}},
        {"timestamp":140,"value":"ss","endpoint":{"serviceName":"db"}}],"binaryAnnotations":[]}]"#;
    let span = only(body);
    assert_eq!((span.start_time.0, span.end_time.0), (110_000, 140_000));
    assert_eq!(span.kind, SpanKind::Server);
}

#[test]
fn what_is_wrong_is_said_span_by_span() {
    let check = |span: &str, expect: &str| {
        let spans = json(&format!("[{span}]"));
        assert_eq!(spans.spans, []);
        assert!(spans.problems[0].1.contains(expect), "{:?}", spans.problems);
    };
    check(
        r#"{"traceId":"xyz","id":"1","timestamp":1}"#,
        "traceId 'xyz'",
    );
    check(r#"{"traceId":"0","id":"1","timestamp":1}"#, "zero");
    check(r#"{"traceId":"1","timestamp":1}"#, "id is missing");
    check(r#"{"traceId":"1","id":"1"}"#, "timestamp");
    check("7", "not an object");
    assert!(read(Encoding::Json, b"{").is_err());
    assert!(read(Encoding::Json, b"{}").is_err());
}

/// A message in protobuf: fields of bytes and numbers.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, bytes.len() as u8];
    out.extend_from_slice(bytes);
    out
}

#[test]
fn protobuf_says_the_same_as_json() {
    let mut span = field(
        1,
        &[
            0x59, 0x82, 0xfe, 0x77, 0, 0x83, 0x10, 0xcc, 0x80, 0xf1, 0xda, 0x5e, 0x10, 0x14, 0x75,
            0x17,
        ],
    );
    span.extend(field(2, &[0xeb, 0xf3, 0x3e, 0x1a, 0x81, 0xdc, 0x6f, 0x71]));
    span.extend(field(3, &[0xbd, 0x7a, 0x97, 0x75, 0x55, 0xf6, 0xb9, 0x82]));
    span.extend([4 << 3, 1]);
    span.extend(field(5, b"get /api"));
    span.push(6 << 3 | 1);
    span.extend(1_458_702_548_467_000u64.to_le_bytes());
    span.extend([7 << 3, 0xd0, 0xc7, 0x17]);
    span.extend(field(
        8,
        &[
            field(1, b"frontend"),
            field(2, &[127, 0, 0, 1]),
            vec![4 << 3, 0x91, 0x3f],
        ]
        .concat(),
    ));
    span.extend(field(
        9,
        &[
            field(1, b"backend"),
            field(2, &[192, 168, 99, 101]),
            vec![4 << 3, 0xa8, 0x46],
        ]
        .concat(),
    ));
    let mut at = vec![1 << 3 | 1];
    at.extend(1_458_702_548_467_500u64.to_le_bytes());
    at.extend(field(2, b"ws"));
    span.extend(field(10, &at));
    span.extend(field(
        11,
        &[field(1, b"http.path"), field(2, b"/api")].concat(),
    ));
    span.extend(field(11, &[field(1, b"error"), field(2, b"503")].concat()));
    let mut body = vec![0x0a];
    body.extend([(span.len() as u8 & 0x7f) | 0x80, (span.len() >> 7) as u8]);
    body.extend(&span);
    assert_eq!(Encoding::of("", &body), Encoding::Protobuf);
    let read_spans = read(Encoding::Protobuf, &body).expect("a list");
    assert_eq!(read_spans.problems, []);
    assert_eq!(read_spans.spans, [only(V2)]);
    for end in 0..body.len() {
        let _ = read(Encoding::Protobuf, &body[..end]);
    }
}

#[test]
fn thrift_is_read_and_broken_thrift_refused() {
    let endpoint = |service: &[u8]| {
        let mut out = vec![
            8,
            0,
            1,
            10,
            0,
            0,
            1,
            6,
            0,
            2,
            0x1f,
            0x90,
            11,
            0,
            3,
            0,
            0,
            0,
            service.len() as u8,
        ];
        out.extend(service);
        out.push(0);
        out
    };
    let annotation = |at: i64, value: &[u8]| {
        let mut out = vec![10, 0, 1];
        out.extend(at.to_be_bytes());
        out.extend([11, 0, 2, 0, 0, 0, value.len() as u8]);
        out.extend(value);
        out.extend([12, 0, 3]);
        out.extend(endpoint(b"web"));
        out.push(0);
        out
    };
    let mut body = vec![12, 0, 0, 0, 1];
    body.extend([10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xa, 11, 0, 3, 0, 0, 0, 3]);
    body.extend(b"get");
    body.extend([10, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xb, 15, 0, 6, 12, 0, 0, 0, 2]);
    body.extend(annotation(100, b"cs"));
    body.extend(annotation(150, b"cr"));
    body.extend([15, 0, 8, 12, 0, 0, 0, 1, 11, 0, 1, 0, 0, 0, 4]);
    body.extend(b"code");
    body.extend([11, 0, 2, 0, 0, 0, 2, 0x01, 0xf7, 8, 0, 3, 0, 0, 0, 2, 0]);
    body.push(0);
    let spans = read(Encoding::Thrift, &body).expect("a list").spans;
    let span = &spans[0];
    assert_eq!(
        span.trace_id.to_string(),
        "0000000000000000000000000000000a"
    );
    assert_eq!((span.kind, &*span.service_name), (SpanKind::Client, "web"));
    assert_eq!((span.start_time.0, span.end_time.0), (100_000, 150_000));
    assert_eq!(span.attributes["code"], "503".into());
    assert_eq!(span.resource["host.ip"], "10.0.0.1".into());
    for end in 0..body.len() {
        assert!(read(Encoding::Thrift, &body[..end]).is_err(), "{end}");
    }
    let bomb = [12, 0x7f, 0xff, 0xff, 0xff];
    assert!(read(Encoding::Thrift, &bomb).is_err());
}

#[test]
fn what_envoy_sends_is_read() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/envoy/zipkin.jsonl"
    );
    let text = std::fs::read_to_string(file).expect("the recording");
    let mut count = 0;
    for line in text.lines() {
        let request: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let read = json(&request["body"].to_string());
        assert_eq!(read.problems, []);
        for span in &read.spans {
            assert_eq!(span.service_name, "fixture-mesh");
            assert!(span.attributes.contains_key("response_flags"));
            count += 1;
        }
    }
    assert_eq!(count, 92);
}
