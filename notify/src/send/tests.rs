//! Against a receiver on the loopback that fails in all the ways receivers do.

use super::*;
use crate::receiver::Receivers;
use std::{
    path::Path as FilePath,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers each connection with the next of these bytes; nothing means that it hangs up, `hang` that it
/// never answers. Returns its address and what it was sent.
async fn receiver(answers: Vec<&'static str>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let request = request(&mut stream).await;
            told.lock().expect("unpoisoned").push(request);
            if answer == "hang" {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    drop(stream);
                });
                continue;
            }
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, seen)
}

async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part).await.expect("readable");
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let whole = text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, body)| body.len() >= length.unwrap_or(0));
        if read == 0 || whole {
            return text;
        }
    }
}

fn sender(settings: &str) -> Sender {
    let text = format!("[[receiver]]\nname='a'\ntimeout_s=1\n{settings}\n");
    let receivers = Receivers::parse(&text, FilePath::new("/")).expect("parses");
    Sender::new(&receivers.list[0], "https://inquest.example.com").expect("a sender")
}

async fn attempt(settings: &str) -> Sent {
    let message = Notification::test(UnixNanos(1_614_265_330_000_000_000), "a");
    sender(settings)
        .send("msg_1", &message, UnixNanos(1_614_265_330_000_000_000))
        .await
}

#[tokio::test]
async fn answers_decide_what_follows() {
    let again = |asked_s| Outcome::Again { asked_s };
    let check = async |format: &str, answer: &'static str, expect: Outcome, status: Option<u16>| {
        let (port, _) = receiver(vec![answer]).await;
        let settings =
            format!("format='{format}'\nurl='http://127.0.0.1:{port}/x'\nallow=['127.0.0.1']");
        let sent = attempt(&settings).await;
        assert_eq!(
            (sent.outcome.clone(), sent.status),
            (expect, status),
            "{answer:?} {sent:?}"
        );
        sent
    };
    check(
        "webhook",
        "HTTP/1.1 204 No Content\r\n\r\n",
        Outcome::Delivered,
        Some(204),
    )
    .await;
    check(
        "webhook",
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        again(None),
        Some(500),
    )
    .await;
    check(
        "webhook",
        "HTTP/1.1 429 Slow\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n",
        again(Some(17)),
        Some(429),
    )
    .await;
    check(
        "webhook",
        "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n",
        Outcome::Refused,
        Some(400),
    )
    .await;
    check(
        "webhook",
        "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
        Outcome::Gone,
        Some(410),
    )
    .await;
    check(
        "slack",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Outcome::Delivered,
        Some(200),
    )
    .await;
    check(
        "slack",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nno_service",
        Outcome::Refused,
        Some(200),
    )
    .await;
    let moved =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    check("webhook", moved, again(None), Some(302)).await;
    let silent = check("webhook", "hang", again(None), None).await;
    assert!(silent.uncertain, "{silent:?}");
    let hung_up = check("webhook", "", again(None), None).await;
    assert!(hung_up.uncertain, "{hung_up:?}");
}

#[tokio::test]
async fn an_endless_answer_ends() {
    let (port, _) = receiver(vec![
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\nxxxxxxxxxxxxxxxx",
    ])
    .await;
    let settings = format!("format='webhook'\nurl='http://127.0.0.1:{port}/'\nallow=['127.0.0.1']");
    assert_eq!(attempt(&settings).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn what_must_not_be_called_is_not_called() {
    let check = async |url: &str, allow: &str, expect: &str| {
        let sent = attempt(&format!("format='webhook'\nurl='{url}'\nallow=[{allow}]")).await;
        assert!(sent.error.contains(expect), "{url}: {}", sent.error);
        assert_ne!(sent.outcome, Outcome::Delivered);
        assert!(!sent.uncertain);
    };
    check("https://127.0.0.1/", "", "not a public address").await;
    check("https://localhost/", "", "not a public address").await;
    check("https://[::1]/", "", "not a public address").await;
    check("https://2130706433/", "", "not a public address").await;
    check("https://0x7f.1/", "", "not a public address").await;
    check("https://[::ffff:10.0.0.1]/", "", "not a public address").await;
    check("http://8.8.8.8/", "", "without TLS").await;
    check("https://8.8.8.8:22/", "", "port 22").await;
    check("http://169.254.169.254/latest", "'0.0.0.0/0'", "metadata").await;
    check("http://[fd00:ec2::254]/", "'::/0'", "metadata").await;
}

#[tokio::test]
async fn a_request_is_signed_and_keeps_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("written");
    let (port, seen) = receiver(vec![
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        2
    ])
    .await;
    let settings = format!(
        "format='webhook'\nurl='http://127.0.0.1:{port}/hook?key=hunter2'\nallow=['127.0.0.1:{port}']\nsecret_file='{}'",
        file.display()
    );
    for _ in 0..2 {
        assert_eq!(attempt(&settings).await.outcome, Outcome::Delivered);
    }
    let seen = seen.lock().expect("unpoisoned").clone();
    assert_eq!(seen[0], seen[1]);
    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a request");
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")));
        line.expect("a header")[name.len() + 2..].to_owned()
    };
    assert!(head.starts_with("POST /hook?key=hunter2 HTTP/1.1"));
    assert_eq!(header("webhook-id"), "msg_1");
    assert_eq!(header("webhook-timestamp"), "1614265330");
    let signer =
        Signer::parse(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).expect("a key");
    assert_eq!(
        header("webhook-signature"),
        signer.sign("msg_1", 1_614_265_330, body.as_bytes())
    );
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    for settings in [
        "format='slack'\nurl='http://127.0.0.1:1/services/hunter2'\nallow=['127.0.0.1']",
        "format='slack'\nurl='https://hunter2.invalid/services/hunter2'",
        "format='webhook'\nurl_file='/nonexistent'",
    ] {
        let sent = attempt(settings).await;
        assert!(!sent.error.is_empty());
        assert!(!sent.error.contains("/services/"), "{}", sent.error);
    }
}

#[tokio::test]
async fn pagerduty_and_opsgenie_get_their_keys_and_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "hunter2").expect("written");
    let ok = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (format, path, expect) in [
        ("pagerduty", "v2/enqueue", "\"event_action\":\"resolve\""),
        ("opsgenie", "v2/alerts", "/close?identifierType=alias"),
    ] {
        let (port, seen) = receiver(vec![ok, ok]).await;
        let settings = format!(
            "format='{format}'\nurl='http://127.0.0.1:{port}/{path}'\nallow=['127.0.0.1']\nkey_file='{}'",
            file.display()
        );
        assert_eq!(attempt(&settings).await.outcome, Outcome::Delivered);
        let seen = seen.lock().expect("unpoisoned").clone();
        assert_eq!(seen.len(), 2);
        assert!(
            seen[0].contains("hunter2") && seen[1].contains("hunter2"),
            "{seen:?}"
        );
        assert!(seen[1].contains(expect), "{}", seen[1]);
        assert!(seen[0].contains("webhook-id: msg_1_0") && seen[1].contains("webhook-id: msg_1_1"));
    }
}
