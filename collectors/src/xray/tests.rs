use super::*;
use model::{SpanKind, StatusCode, Value as Plain};

fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/../tests/fixtures/aws-xray/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).expect(name)
}

#[test]
fn a_lambda_trace_has_its_segments_and_subsegments() {
    let answer = fixture("batch-get-traces-lambda-cold-start.json");
    let (spans, problems) = batch_get_traces(&answer);
    assert_eq!(problems, Vec::<String>::new());
    let initialization = named(&spans, "Initialization");
    let function = spans
        .iter()
        .find(|span| span.span_id == initialization.parent_span_id)
        .expect("its parent");
    assert!(
        initialization.start_time < function.start_time,
        "the trap of the format is kept"
    );
    assert_eq!(function.kind, SpanKind::Server);
    assert!(function.resource.contains_key("aws.xray.origin"));
    assert!(
        spans
            .iter()
            .any(|span| span.attributes.contains_key("faas.invocation_id"))
    );
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| span.trace_id).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn scorekeep_is_read() {
    let (spans, problems) = batch_get_traces(&fixture("batch-get-traces-scorekeep.json"));
    assert_eq!(problems, Vec::<String>::new());
    assert!(spans.len() > 1);
    assert!(
        spans
            .iter()
            .all(|span| span.source == model::SpanSource::Xray)
    );
}

const FAILED: &str = r#"{"name":"shop","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979",
 "start_time":1478293361.271,"end_time":1478293361.449,"origin":"AWS::ECS::Container","fault":true,
 "http":{"request":{"method":"POST","url":"http://shop/api"},"response":{"status":500}},
 "annotations":{"customer":"zoe","paid":true},"metadata":{"debug":{"x":[1,2]}},"cause":"ab3a64c1f6d4f1e2",
 "subsegments":[{"id":"53995c3f42cd8ad8","name":"DynamoDB","namespace":"aws","start_time":1478293361.28,
   "end_time":1478293361.4,"throttle":true,"error":true,
   "aws":{"operation":"PutItem","table_name":"orders","request_id":"3AIENM5J4ELQ3SPODHKBIRVIC3VV4KQNSO5AEMVJF66Q9ASUAAJG"},
   "cause":{"working_directory":"/app","exceptions":[{"id":"ab3a64c1f6d4f1e2","type":"ThrottlingException",
     "message":"slow down","stack":[{"path":"db.py","line":7,"label":"put"}]}]},
   "subsegments":[{"id":"53995c3f42cd8ad9","name":"retry","start_time":1478293361.3,"in_progress":true}]}]}"#;

#[test]
fn faults_and_causes_come_in_words() {
    let spans = document(FAILED).expect("a segment");
    assert_eq!(spans.len(), 3);
    let [shop, dynamo, retry] = &spans[..] else {
        panic!("three spans")
    };
    assert_eq!(dynamo.name, "DynamoDB PutItem");
    assert_eq!(dynamo.kind, SpanKind::Client);
    assert_eq!(dynamo.status_message, "ThrottlingException: slow down");
    assert_eq!(dynamo.parent_span_id, shop.span_id);
    assert_eq!(dynamo.attributes["aws.table_name"], "orders".into());
    assert_eq!(shop.status_code, StatusCode::Error);
    assert_eq!(
        shop.status_message, dynamo.status_message,
        "it points to the exception below"
    );
    assert_eq!(shop.attributes["http.response.status_code"], 500.into());
    assert_eq!(shop.attributes["paid"], true.into());
    assert_eq!(shop.start_time.0, 1_478_293_361_271_000_000);
    assert_eq!(retry.attributes[RUNNING], Plain::Bool(true));
    assert_eq!(
        shop.trace_id.to_string(),
        "581cf771a006649127e371903a2de979"
    );
}

#[test]
fn datagrams_have_a_head() {
    let spans = datagram(format!("{{\"format\": \"json\", \"version\": 1}}\n{FAILED}").as_bytes());
    assert_eq!(spans.expect("spans").len(), 3);
    let check = |bytes: &[u8], expect: &str| {
        let error = datagram(bytes).expect_err("an error");
        assert!(error.contains(expect), "{error}");
    };
    check(FAILED.as_bytes(), "format");
    check(b"{\"format\":\"cbor\"}\n{}", "cbor");
    check(b"\xff\xfe", "not text");
    check(b"{\"format\":\"json\"}\n{\"id\":\"x\"}", "no trace_id");
}

#[test]
fn what_cannot_be_processed_is_named() {
    let body =
        serde_json::json!({"TraceSegmentDocuments": [FAILED, "{\"id\":\"0123456789abcdef\"}"]});
    let (spans, answer) = put_trace_segments(body.to_string().as_bytes()).expect("the call");
    assert_eq!(spans.len(), 3);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(
        answer["UnprocessedTraceSegments"][0]["Id"],
        "0123456789abcdef"
    );
    assert!(put_trace_segments(b"{}").is_err());
}

#[test]
fn hostile_documents_are_refused() {
    let check = |document: &str| {
        assert!(super::document(document).is_err(), "{document:.80}");
    };
    check("{}");
    check(
        r#"{"name":"x","id":"0000000000000000","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1}"#,
    );
    check(r#"{"name":"x","id":"1000000000000000","trace_id":"1-zz-a","start_time":1}"#);
    check(
        r#"{"name":"x","id":"1000000000000000","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1e300}"#,
    );
    let deep = r#"{"name":"x","id":"1000000000000000","start_time":1,"trace_id":"1-581cf771-a006649127e371903a2de979","subsegments":["#.repeat(200);
    check(&deep);
}
