//! A server answers while others look at its folder, and refuses what it must.

use crate::binary::{Server, fixture, good, post_json, request, rows, run};
use serde_json::Value;

#[test]
fn the_api_answers_and_guards_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let file = std::fs::read(fixture("aws-sfn-localstack/wire/19-map-retried.json")).expect("read");
    let check =
        |method: &str, target: &str, headers: &str, body: &[u8], status: u16, part: &str| {
            let (found, body) =
                request(&server.api, method, target, headers, body).expect("an answer");
            let text = String::from_utf8_lossy(&body);
            assert_eq!(found, status, "{method} {target}: {text}");
            assert!(text.contains(part), "{method} {target}: {text}");
        };
    check("GET", "/healthz", "", b"", 200, "ok");
    check("GET", "/readyz", "", b"", 200, "ready");
    check(
        "POST",
        "/api/import?name=map.json",
        "",
        &file,
        200,
        "\"executions\":1",
    );
    check(
        "POST",
        "/api/import?name=map.json",
        "",
        &file,
        200,
        "\"executions\":0",
    );
    check(
        "POST",
        "/api/import?name=x.txt",
        "",
        b"roses",
        422,
        "nothing could be taken",
    );
    check(
        "GET",
        "/api/v1/executions?status=FAILED",
        "",
        b"",
        200,
        "\"total\":1",
    );
    check(
        "GET",
        "/api/v1/executions?status=SUCCEEDED",
        "",
        b"",
        200,
        "\"total\":0",
    );
    check(
        "GET",
        "/api/v1/executions?from=yesterday",
        "",
        b"",
        400,
        "from",
    );
    check(
        "GET",
        "/api/v1/executions/arn:none",
        "",
        b"",
        404,
        "arn:none",
    );
    check("GET", "/api/v1/schema", "", b"", 200, "states_entered");
    check("GET", "/api/v1/nothing", "", b"", 404, "/api/v1/nothing");
    check("GET", "/some/page", "", b"", 200, "<html");
    check(
        "POST",
        "/api/sql",
        "",
        b"select count(*) n from states",
        200,
        "\"n\"",
    );
    check(
        "POST",
        "/api/sql?format=csv",
        "",
        b"select 1 as a",
        200,
        "a\n1",
    );
    check(
        "POST",
        "/api/sql",
        "",
        b"select nme from states",
        400,
        "\"column\"",
    );
    check("POST", "/api/sql", "", b"drop table states", 400, "error");
    check(
        "POST",
        "/api/sql",
        "Origin: http://elsewhere.example\r\n",
        b"select 1",
        403,
        "elsewhere",
    );
    let stranger =
        "GET /api/v1/schema HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
    assert!(raw(&server.api, stranger).starts_with("HTTP/1.1 421"));
}

fn raw(address: &str, text: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connects");
    stream.write_all(text.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[test]
fn a_folder_is_read_beside_its_server_and_written_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let (status, _) = post_json(
        &server.http,
        "/v1/traces",
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
        "spanId":"b7ad6b7169203331","name":"GET /","startTimeUnixNano":"1790000000000000000",
        "endTimeUnixNano":"1790000000000001000"}]}]}]}"#,
    )
    .expect("an answer");
    assert_eq!(status, 200);
    let names = |rows: Vec<Value>| rows[0]["name"].clone();
    assert_eq!(
        names(rows(folder.path(), "select name from spans")),
        "GET /"
    );
    let url = format!("http://{}", server.api);
    let by_url = good(
        folder.path(),
        &[
            "sql",
            "--url",
            &url,
            "--format",
            "csv",
            "select name from spans",
        ],
    );
    assert_eq!(by_url, "name\nGET /\n");
    let second = run(folder.path(), &["serve", "--ui-listen", &server.api]);
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("in use"), "{text}");
    server.terminate();
    assert_eq!(
        names(rows(folder.path(), "select name from spans")),
        "GET /"
    );
}

#[test]
fn wrong_settings_are_refused_before_anything_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |arguments: &[&str], expect: &str| {
        let output = run(folder.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(expect), "{arguments:?}: {text}");
    };
    check(&["serve", "--ui-listen", "0.0.0.0:0"], "--allow-remote");
    check(&["serve", "--ui-listen", "here"], "here");
    check(&["sql", "select * from executionz"], "executions");
    check(&["show", "nothing"], "nothing");
    check(
        &["--config", "/no/such/file.toml", "config"],
        "/no/such/file.toml",
    );
}
