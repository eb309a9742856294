use super::*;
use model::lambda as word;

fn number(line: &Line, name: &str) -> Option<f64> {
    match line.attributes.get(name)? {
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

#[test]
fn platform_lines() {
    let check = |message: &str, event: &str, id: Option<&str>| {
        let line = parse_line(message);
        assert_eq!(
            (line.event_name.as_str(), line.request_id.as_deref()),
            (event, id),
            "{message}"
        );
        assert!(line.platform);
    };
    let id = Some("db275f87-a934-471a-8980-b63bf4dc1beb");
    check(
        "START RequestId: db275f87-a934-471a-8980-b63bf4dc1beb Version: $LATEST\n",
        word::START,
        id,
    );
    check(
        "END RequestId: db275f87-a934-471a-8980-b63bf4dc1beb\\n",
        word::END,
        id,
    );
    check(
        "REPORT RequestId:\tdb275f87-a934-471a-8980-b63bf4dc1beb\tDuration: 1 ms",
        word::REPORT,
        id,
    );
    check(
        "INIT_START Runtime Version: python:3.11.v39\tRuntime Version ARN: arn:x",
        word::INIT_START,
        None,
    );
    check(
        "INIT_REPORT Init Duration: 9999.5 ms\tPhase: init\tStatus: timeout",
        word::INIT_REPORT,
        None,
    );
    check(
        "RESTORE_START Runtime Version: java:11.v21",
        word::RESTORE_START,
        None,
    );
    check(
        "RESTORE_REPORT Restore Duration: 511.25 ms",
        word::RESTORE_REPORT,
        None,
    );
    check(
        "EXTENSION\tName: x\tState: Ready\tEvents: [INVOKE]",
        word::EXTENSION,
        None,
    );
    check(
        "TELEMETRY\tName: x\tState: Subscribed\tTypes: [platform]",
        "platform.telemetrySubscription",
        None,
    );
    check(
        "2020-06-09T15:02:26.150Z db275f87-a934-471a-8980-b63bf4dc1beb Task timed out after 3.00 seconds\n\n",
        word::TIMEOUT,
        id,
    );
    check(
        "fd9bb1b0dfd7 Task timed out after 6.01 seconds",
        word::TIMEOUT,
        Some("fd9bb1b0dfd7"),
    );
    check(
        "RequestId: db275f87-a934-471a-8980-b63bf4dc1beb Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
        word::FAULT,
        id,
    );
    check(
        "Unknown application error occurred\nRuntime.Unknown",
        word::FAULT,
        None,
    );
}

#[test]
fn report_measures_whatever_separates_them() {
    let check = |message: &str, expect: [Option<f64>; 4]| {
        let line = parse_line(message);
        let names = [
            word::DURATION_MS,
            word::BILLED_DURATION_MS,
            word::INIT_DURATION_MS,
            word::RESTORE_DURATION_MS,
        ];
        assert_eq!(names.map(|name| number(&line, name)), expect, "{message}");
    };
    check(
        "REPORT RequestId: 4f3645464c2f Duration: 10.38 ms Billed Duration: 11 ms Memory Size: 128 MB Max Memory Used: 56 MB Init Duration: 167.50 ms",
        [Some(10.38), Some(11.0), Some(167.5), None],
    );
    check(
        "REPORT RequestId: x\tDuration: 306 ms\tBilled Duration: 610 ms\tNew Thing: 7 ms\tRestore Duration: 511.25 ms\tBilled Restore Duration: 303 ms\t\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t",
        [Some(306.0), Some(610.0), None, Some(511.25)],
    );
    check(
        "REPORT RequestId: x   Duration: 1.5 ms    Billed Duration: 2 ms",
        [Some(1.5), Some(2.0), None, None],
    );
    check(
        "REPORT RequestId: x\tDuration: NaN ms\tBilled Duration:  ms",
        [None; 4],
    );
}

#[test]
fn report_tells_status_error_and_trace() {
    let line = parse_line(
        "REPORT RequestId: x\tDuration: 1 ms\tStatus: error\tError Type: Runtime.OutOfMemory\nXRAY TraceId: 1-a-b\tSegmentId: c\tSampled: true",
    );
    let text = |name: &str| line.text(name);
    assert_eq!(text(word::STATUS), Some("error"));
    assert_eq!(text(word::ERROR_TYPE), Some("Runtime.OutOfMemory"));
    assert_eq!(text(word::XRAY_TRACE_ID), Some("1-a-b"));
    assert_eq!(text(word::XRAY_SEGMENT_ID), Some("c"));
}

#[test]
fn application_lines() {
    let check = |message: &str, level: &str, body: &str, id: bool| {
        let line = parse_line(message);
        let told = (
            line.severity_text.as_str(),
            line.body.as_str(),
            line.request_id.is_some(),
        );
        assert_eq!(told, (level, body, id), "{message}");
        assert!(!line.platform);
    };
    let id = "db275f87-a934-471a-8980-b63bf4dc1beb";
    check(
        &format!("2024-05-30T20:15:00.037Z\t{id}\tINFO\thello\tyou"),
        "INFO",
        "hello\tyou",
        true,
    );
    check(
        "2024-05-30T20:15:00.037Z\tundefined\tINFO\thello",
        "INFO",
        "hello",
        false,
    );
    check(
        &format!("[WARNING]\t2024-05-30T20:15:00.037Z\t{id}\tcareful"),
        "WARNING",
        "careful",
        true,
    );
    check(
        &format!("{id} DEBUG AbstractFlow:214 - x"),
        "DEBUG",
        "AbstractFlow:214 - x",
        true,
    );
    check("4f3645464c2f INFO cache: 1", "INFO", "cache: 1", true);
    check(
        "2024-05-30 20:15:00 WARN disk",
        "WARN",
        "2024-05-30 20:15:00 WARN disk",
        false,
    );
    check(
        &format!("2017-05-30T20:15:00.037Z\t{id}\thello\tyou"),
        "",
        "hello\tyou",
        true,
    );
    check(&format!("{id}\tINFO\thello"), "INFO", "hello", true);
    check(&format!("{id}\thello you"), "", "hello you", true);
    check(
        &format!("{id} hello you"),
        "",
        &format!("{id} hello you"),
        false,
    );
    check("just text", "", "just text", false);
    check(
        &format!(
            "{{\"timestamp\":\"2024-02-09T08:42:44.078Z\",\"level\":\"INFO\",\"requestId\":\"{id}\",\"message\":\"hi\"}}"
        ),
        "INFO",
        "hi",
        true,
    );
    check("{\"level\":30,\"msg\":\"pino\"}", "INFO", "pino", false);
    check("{not json", "", "{not json", false);
}

#[test]
fn exceptions_that_left_the_handler() {
    let check = |message: &str, name: &str, text: &str, escaped: bool| {
        let line = parse_line(message);
        assert_eq!(line.text(word::EXCEPTION_TYPE), Some(name), "{message}");
        assert_eq!(line.text(word::EXCEPTION_MESSAGE), Some(text), "{message}");
        assert_eq!(
            line.attributes.contains_key(word::EXCEPTION_ESCAPED),
            escaped,
            "{message}"
        );
    };
    check(
        "[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File",
        "KeyError",
        "'x'",
        true,
    );
    check(
        "[ERROR] Runtime.ImportModuleError: Unable to import",
        "Runtime.ImportModuleError",
        "Unable to import",
        true,
    );
    check(
        "2024-05-30T20:15:00.037Z\tdb275f87-a934-471a-8980-b63bf4dc1beb\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"no\",\"stack\":[]}",
        "TypeError",
        "no",
        true,
    );
    check(
        "{\"level\":\"ERROR\",\"message\":\"division by zero\",\"errorType\":\"ZeroDivisionError\",\"stackTrace\":[]}",
        "ZeroDivisionError",
        "division by zero",
        true,
    );
    check(
        "java.lang.IllegalStateException: bad\n\tat a.B.c(B.java:1)",
        "java.lang.IllegalStateException",
        "bad",
        false,
    );
    assert!(
        !parse_line("[ERROR] something odd happened")
            .attributes
            .contains_key(word::EXCEPTION_TYPE)
    );
}

#[test]
fn frames_of_the_telemetry_api() {
    let line = parse_line(
        r#"{"time":"2022-10-21T14:05:05.766Z","type":"platform.report","record":{"requestId":"459921b5-681c-4a96-beb0-81e0aa586026","metrics":{"durationMs":2599.4,"initDurationMs":549.04},"tracing":{"spanId":"24cd7d670fa455f0","type":"X-Amzn-Trace-Id","value":"Root=1-6352a70e-1e2c502e358361800241fd45;Parent=35465b3a9e2f7c6a;Sampled=1"},"status":"success"}}"#,
    );
    assert_eq!(line.event_name, word::REPORT);
    assert_eq!(number(&line, word::INIT_DURATION_MS), Some(549.04));
    assert_eq!(
        line.text(word::XRAY_TRACE_ID),
        Some("1-6352a70e-1e2c502e358361800241fd45")
    );
    let line = parse_line(
        r#"{"time":"2022-10-21T14:05:05.766Z","type":"function","record":"[INFO] hi\n"}"#,
    );
    assert_eq!((line.body.as_str(), line.platform), ("[INFO] hi", false));
    assert!(line.time.is_some());
}
