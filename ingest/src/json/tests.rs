use super::*;
use crate::{Promotion, decode};
use arrow::json::LineDelimitedWriter;
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use proptest::prelude::*;
use prost::Message as _;

fn span(members: &str) -> Result<Vec<u8>, JsonError> {
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#);
    traces(text.as_bytes())
}

/// The members of a span give the same protobuf as another way to write them.
fn check_same(one: &str, other: &str) {
    let (one, other) = (span(one).unwrap(), span(other).unwrap());
    let read = |bytes: &[u8]| ExportTraceServiceRequest::decode(bytes).unwrap();
    assert_eq!(read(&one), read(&other));
}

fn check_error(members: &str, expect: &str) {
    let message = span(members).unwrap_err().to_string();
    assert!(message.contains(expect), "{message}");
    assert!(message.contains("line 1 column"), "{message}");
}

#[test]
fn lenient_forms_mean_the_same() {
    check_same(
        r#""traceId":"0102030405060708090a0b0c0d0e0f10","startTimeUnixNano":"1","kind":2"#,
        r#""trace_id":"AQIDBAUGBwgJCgsMDQ4PEA==","start_time_unix_nano":1,"kind":"SPAN_KIND_SERVER","new":[{"a":1}]"#,
    );
    check_same(
        r#""attributes":[{"key":"a","value":{"intValue":"-5"}}],"status":{"code":"STATUS_CODE_ERROR"}"#,
        r#""attributes":[{"key":"a","value":{"int_value":-5}}],"status":{"code":2,"message":null},"events":null"#,
    );
    check_same(
        r#""attributes":[{"key":"a","value":{"doubleValue":"Infinity"}}],"endTimeUnixNano":1.7e18"#,
        r#""attributes":[{"value":{"doubleValue":"Infinity"},"key":"a"}],"endTimeUnixNano":"1700000000000000000""#,
    );
}

#[test]
fn errors_name_the_member_and_the_place() {
    check_error(
        r#""startTimeUnixNano":"soon""#,
        "a whole number in startTimeUnixNano",
    );
    check_error(
        r#""startTimeUnixNano":-1"#,
        "a whole number in startTimeUnixNano",
    );
    check_error(r#""name":5"#, "text in name");
    check_error(r#""name":["a"]"#, "text in name");
    check_error(r#""status":"ok""#, "an object (Status)");
    check_error(r#""flags":99999999999"#, "a whole number in flags");
    assert!(traces(b"{} {}").is_err());
    assert!(traces(b"[").is_err());
}

#[test]
fn an_id_that_is_none_refuses_its_span_and_no_other() {
    let good = r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""#;
    let check = |members: &str, kept: usize, says: &str| {
        let spans = format!(
            r#"{{{good}}},{{{members}}},{{{}}}"#,
            good.replace("0708\"", "0709\"")
        );
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let bytes = traces(text.as_bytes()).expect("the rest is right");
        let decoded = decode::traces(&bytes, &Promotion::default()).expect("decodes");
        let found = (decoded.batch.num_rows(), decoded.rejected as usize);
        assert_eq!(found, (kept, 3 - kept), "{members}");
        assert!(
            decoded.message.contains(says),
            "{members}: {}",
            decoded.message
        );
    };
    let with = |trace: &str, span: &str| format!(r#""traceId":{trace},"spanId":{span}"#);
    let (trace, span) = (
        r#""0102030405060708090a0b0c0d0e0f11""#,
        r#""0102030405060711""#,
    );
    check(&with(trace, span), 3, "");
    let traces = "1 span rejected: the trace id is not 16 bytes";
    for bad in [
        r#""xyz""#,
        r#""0102""#,
        r#""0102030405060708090a0b0c0d0e0f1""#,
        r#""zzzzzzzzzzzzzzzz""#,
        r#""zz02030405060708090a0b0c0d0e0f11""#,
        r#""ünicode und so""#,
        r#""""#,
        "null",
        "17",
        "-1",
        "1.5",
        "true",
    ] {
        check(&with(bad, span), 2, traces);
        check(
            &with(trace, bad),
            2,
            "1 span rejected: the span id is not 8 bytes",
        );
        // A span whose parent cannot be named is a span.
        let parent = format!(r#"{},"parentSpanId":{bad}"#, with(trace, span));
        let says = if matches!(bad, "null" | r#""""#) {
            ""
        } else {
            "1 parent span id was not 8 bytes"
        };
        check(&parent, 3, says);
        check(
            &format!(r#"{},"links":[{{"traceId":{bad}}}]"#, with(trace, span)),
            3,
            "",
        );
    }
}

#[test]
fn a_record_with_an_id_that_is_none_belongs_to_no_trace() {
    let record = r#"{"body":{"stringValue":"a"},"traceId":"xyz","spanId":"0102030405060708"}"#;
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
    let bytes = logs(text.as_bytes()).expect("converts");
    let decoded = decode::logs(&bytes, &Promotion::default()).expect("decodes");
    assert_eq!((decoded.batch.num_rows(), decoded.rejected), (1, 0));
    assert_eq!(decoded.batch["trace_id"].null_count(), 1);
    assert_eq!(decoded.batch["span_id"].null_count(), 0);
    assert_eq!(
        decoded.message,
        "1 trace or span id was not of its length and left out"
    );
}

#[test]
fn deep_nesting_ends() {
    let deep = r#"{"arrayValue":{"values":["#.repeat(10_000);
    assert!(span(&format!(r#""attributes":[{{"key":"a","value":{deep}"#)).is_err());
}

fn lines(batch: arrow::array::RecordBatch) -> String {
    let mut out = Vec::new();
    LineDelimitedWriter::new(&mut out).write(&batch).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn json_of_opentelemetry_proto_gives_the_same_rows_as_its_protobuf() {
    let request = crate::decode::tests::request();
    let json = serde_json::to_vec(&request).unwrap();
    let converted = traces(&json).unwrap();
    let rows = |bytes: &[u8]| lines(decode::traces(bytes, &Promotion::default()).unwrap().batch);
    assert_eq!(rows(&converted), rows(&request.encode_to_vec()));

    let request: ExportLogsServiceRequest = crate::decode::tests::log_request();
    let json = serde_json::to_vec(&request).unwrap();
    let converted = logs(&json).unwrap();
    let rows = |bytes: &[u8]| lines(decode::logs(bytes, &Promotion::default()).unwrap().batch);
    assert_eq!(rows(&converted), rows(&request.encode_to_vec()));
}

proptest! {
    #[test]
    fn changed_json_is_converted_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for json in [
            serde_json::to_vec(&crate::decode::tests::request()).unwrap(),
            serde_json::to_vec(&crate::decode::tests::log_request()).unwrap(),
        ] {
            let mut json = json;
            for (at, byte) in &changes {
                let at = at.index(json.len());
                json[at] = *byte;
            }
            json.truncate(json.len() - cut.index(json.len()) / 50);
            // What was written is protobuf of that shape whatever the JSON said.
            let none = Promotion::default();
            if let Ok(converted) = traces(&json) {
                prop_assert!(decode::traces(&converted, &none).is_ok());
                prop_assert!(converted.len() <= 2 * json.len());
            }
            if let Ok(converted) = logs(&json) {
                prop_assert!(decode::logs(&converted, &none).is_ok());
                prop_assert!(converted.len() <= 2 * json.len());
            }
        }
    }
}
