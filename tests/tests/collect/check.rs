//! `collect --check` where nobody answers, and where there is nothing to sign with.

use crate::{binary::path, step_functions::with_credentials};
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn without_credentials(home: &Path) -> Command {
    let mut command = Command::new(path());
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "INQUEST_CONFIG",
    ] {
        command.env_remove(name);
    }
    command
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn timed(command: &mut Command) -> (Output, Duration) {
    let begun = Instant::now();
    let output = command.output().expect("it starts");
    (output, begun.elapsed())
}

#[test]
fn a_dead_endpoint_is_told_in_seconds() {
    let data = tempfile::tempdir().expect("a folder");
    // A port that refuses, and one that takes a call and never answers.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = silent.local_addr().expect("an address");
    for (address, words) in [(closed.expect("a port"), "refused"), (open, "timeout")] {
        let url = format!("http://{address}");
        let arguments = [
            "collect",
            "--check",
            "--region",
            "eu-west-1",
            "--endpoint-url",
            &url,
        ];
        let (output, took) = timed(&mut with_credentials(data.path(), &arguments));
        let text = text(&output);
        assert!(!output.status.success(), "{text}");
        assert!(took < Duration::from_secs(20), "{took:?}: {text}");
        assert!(text.to_ascii_lowercase().contains(words), "{text}");
        assert!(text.contains("not tried: nobody answers"), "{text}");
        for dump in ["DispatchFailure", "ConnectorError", "{ source", "denied "] {
            assert!(!text.contains(dump), "{dump}: {text}");
        }
    }
}

#[test]
fn a_single_pass_over_a_dead_endpoint_ends_soon_and_says_why() {
    let data = tempfile::tempdir().expect("a folder");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = silent.local_addr().expect("an address");
    for address in [closed.expect("a port"), open] {
        let url = format!("http://{address}");
        let queue = format!("{url}/123456789012/events");
        let arguments = [
            "collect",
            "--once",
            "--region",
            "eu-west-1",
            "--endpoint-url",
            &url,
            "--queue",
            &queue,
        ];
        let (output, took) = timed(&mut with_credentials(data.path(), &arguments));
        let text = text(&output);
        assert!(!output.status.success(), "{text}");
        assert!(took < Duration::from_secs(35), "{took:?}: {text}");
        let sources = text.matches(" records  ").count() + text.matches(" records\n").count();
        assert!(sources >= 6, "{text}");
        assert_eq!(
            text.matches("could not be reached").count(),
            sources,
            "{text}"
        );
        assert!(!text.contains("working"), "{text}");
    }
}

#[test]
fn a_single_pass_without_credentials_calls_nothing_working() {
    let (data, home) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let mut command = without_credentials(home.path());
    command.arg("--data").arg(data.path());
    command.args(["collect", "--once", "--region", "eu-west-1"]);
    let (output, took) = timed(&mut command);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(took < Duration::from_secs(30), "{took:?}: {text}");
    assert!(text.matches("no credentials\n").count() >= 5, "{text}");
    assert_eq!(text.matches("AWS_ACCESS_KEY_ID").count(), 1, "{text}");
    assert!(!text.contains("working"), "{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("aws_config"), "{errors}");
}

#[test]
fn without_credentials_it_is_said_once() {
    let (data, home) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let mut command = without_credentials(home.path());
    command.arg("--data").arg(data.path());
    command.args([
        "collect",
        "--check",
        "--region",
        "eu-west-1",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ]);
    let (output, took) = timed(&mut command);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(took < Duration::from_secs(20), "{took:?}: {text}");
    assert_eq!(text.matches("no credentials found").count(), 1, "{text}");
    assert!(
        text.contains("AWS_ACCESS_KEY_ID") && text.contains("profile 'default'"),
        "{text}"
    );
    assert!(!text.contains("denied"), "{text}");
}
