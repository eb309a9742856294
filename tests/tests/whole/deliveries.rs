//! Alerts on their way to a receiver that fails, hangs, repeats and restarts, from a server that is killed.

use crate::{
    binary::{Server, good, request, rows, run},
    objectives::{ORDERS, get, import, log_lines, now, wait},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What it does with the next requests; then it takes everything.
#[derive(Clone, Copy)]
pub enum Mood {
    /// Answers 500.
    Fail,
    /// Reads, keeps what it read, and never answers: it got the message and we do not know.
    Hang,
    /// Hangs up at once.
    Drop,
}

/// A receiver that keeps what it takes.
pub struct Receiver {
    pub port: u16,
    taken: Arc<Mutex<Vec<Value>>>,
    moods: Arc<Mutex<Vec<Mood>>>,
}

impl Receiver {
    pub fn start(moods: &[Mood]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let moods = Arc::new(Mutex::new(moods.iter().rev().copied().collect::<Vec<_>>()));
        let (keep, mood) = (taken.clone(), moods.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let next = mood.lock().expect("unpoisoned").pop();
                let keep = keep.clone();
                std::thread::spawn(move || answer(stream, next, &keep));
            }
        });
        Receiver { port, taken, moods }
    }

    fn settings(&self, data: &Path, more: &str) {
        std::fs::write(
            data.join("secret"),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
        .expect("written");
        let text = format!(
            "external_url = 'https://inquest.example.com'\n[[receiver]]\nname = 'hook'\nformat = 'cloudevents'\n\
             url = 'http://127.0.0.1:{}/x'\nallow = ['127.0.0.1']\nsecret_file = 'secret'\ntimeout_s = 2\n\
             severities = ['page', 'info']\n{more}\n",
            self.port
        );
        std::fs::write(data.join("receivers.toml"), text).expect("written");
    }

    /// Types and ids as an idempotent receiver keeps them: each id once.
    fn kept(&self) -> Vec<(String, String, Value)> {
        let mut kept: Vec<(String, String, Value)> = Vec::new();
        for event in self.taken.lock().expect("unpoisoned").iter() {
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            if kept.iter().all(|(id, ..)| *id != text("id")) {
                kept.push((text("id"), text("type"), event["data"].clone()));
            }
        }
        kept
    }

    /// What it was sent, with repetitions.
    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().expect("unpoisoned").clone()
    }

    fn kinds(&self) -> Vec<String> {
        self.kept().into_iter().map(|(_, kind, _)| kind).collect()
    }
}

fn answer(mut stream: TcpStream, mood: Option<Mood>, keep: &Mutex<Vec<Value>>) {
    if matches!(mood, Some(Mood::Drop)) {
        return;
    }
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let body = loop {
        let Ok(read) = stream.read(&mut part) else {
            return;
        };
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text.lines().find_map(|line| {
            let line = line.to_ascii_lowercase();
            line.strip_prefix("content-length: ")?.parse().ok()
        });
        match text.split_once("\r\n\r\n") {
            Some((_, body)) if body.len() >= length.unwrap_or(0) => break body.to_owned(),
            _ if read == 0 => return,
            _ => {}
        }
    };
    let say = |stream: &mut TcpStream, status: &str| {
        let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(text.as_bytes());
    };
    match mood {
        Some(Mood::Fail) => return say(&mut stream, "500 Oops"),
        Some(Mood::Hang) => {
            keep.lock()
                .expect("unpoisoned")
                .push(serde_json::from_str(&body).expect("JSON"));
            std::thread::sleep(Duration::from_secs(20));
            return;
        }
        _ => {}
    }
    keep.lock()
        .expect("unpoisoned")
        .push(serde_json::from_str(&body).expect("JSON"));
    say(&mut stream, "204 No Content");
}

/// Two hours of orders, of which `bad` failed in the last minutes.
pub fn orders(data: &Path, bad: bool) {
    std::fs::create_dir_all(data.join("slo")).expect("made");
    std::fs::write(data.join("slo/orders.yaml"), ORDERS).expect("written");
    let begin = now().div_euclid(60) * 60 - 7_200;
    import(
        data,
        &log_lines((0..118).map(|minute| (format!("run-{minute}"), begin + minute * 60, false))),
    );
    if bad {
        let failed = (0..40).map(|number| {
            (
                format!("bad-{number}"),
                begin + (105 + number % 13) * 60,
                true,
            )
        });
        import(data, &log_lines(failed));
    }
}

#[test]
fn a_page_arrives_once_although_the_receiver_fails_and_we_are_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    orders(data, true);
    let receiver = Receiver::start(&[Mood::Drop, Mood::Fail, Mood::Hang]);
    receiver.settings(data, "");
    let server = Server::start(data);
    wait("the third attempt", || {
        receiver.moods.lock().expect("unpoisoned").is_empty()
    });
    // The receiver has it, and has not answered: killed here, we do not know.
    server.kill();
    let waiting = rows(data, "select delivery, status from deliveries");
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let server = Server::start(data);
    wait("the delivery", || {
        get(&server, "/api/v1/deliveries?status=delivered")["rows"]
            .as_array()
            .is_some_and(|rows| rows.len() == 1)
    });
    // Without its definition the incident is over.
    std::fs::remove_file(data.join("slo/orders.yaml")).expect("removed");
    wait("the end", || receiver.kinds().len() == 2);
    server.terminate();
    assert_eq!(receiver.kinds(), ["slo.burn.firing", "slo.burn.resolved"]);
    let kept = receiver.kept();
    let (id, _, evidence) = &kept[0];
    assert_eq!(
        waiting[0]["delivery"],
        json!(id),
        "the same id before and after the kill"
    );
    assert_eq!(kept[0].2["incident"]["key"], kept[1].2["incident"]["key"]);
    assert_eq!(evidence["slo"]["id"], "orders");
    assert!(
        evidence["burn"]["long"].as_f64().is_some_and(|it| it > 1.0),
        "{evidence}"
    );
    assert!(evidence["budget"]["remaining"].is_number(), "{evidence}");
    let url = evidence["executions"][0]["url"]
        .as_str()
        .expect("an example");
    assert!(url.starts_with("https://inquest.example.com/"), "{url}");
}

#[test]
fn tests_silences_and_dead_letters_work_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let receiver = Receiver::start(&[]);
    receiver.settings(data, "");
    good(data, &["alert", "test", "hook"]);
    assert_eq!(receiver.kinds(), ["inquest.test"]);
    assert!(!run(data, &["alert", "test", "nobody"]).status.success());
    let said = good(
        data,
        &["alert", "silence", "--slo", "orders", "--for", "1h"],
    );
    assert!(said.starts_with("silence 1 holds"), "{said}");
    orders(data, true);
    let server = Server::start(data);
    wait("a message that is held back", || {
        get(&server, "/api/v1/deliveries")["counts"]["silenced"] == 1
    });
    assert_eq!(receiver.kinds(), ["inquest.test"]);
    good(data, &["alert", "unsilence", "1"]);
    wait("the page", || receiver.kinds().len() == 2);
    let page = get(&server, "/api/v1/receivers");
    assert_eq!(page["receivers"][0]["health"], "ok");
    assert!(!page.to_string().contains("whsec_"), "{page}");
    let (status, _) =
        request(&server.api, "DELETE", "/api/v1/silences/1", "", b"").expect("an answer");
    assert_eq!(status, 404);
    server.terminate();
}

#[test]
fn an_experiment_is_charged_and_wakes_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    orders(data, true);
    let receiver = Receiver::start(&[]);
    receiver.settings(data, "");
    let begin = (now().div_euclid(60) * 60 - 7_200 + 104 * 60) * 1_000_000_000;
    let declared = json!({
        "id": "chaos-1", "name": "break orders", "start": begin.to_string(), "slos": ["orders"],
        "scope": {"workflow": "orders"}, "owner": "ann",
        "hypothesis": {"measure": "success_ratio", "tolerance": [0.99, 1.0]},
    });
    let file = data.join("experiment.json");
    std::fs::write(&file, declared.to_string()).expect("written");
    good(data, &["experiment", "add", &file.to_string_lossy()]);
    let server = Server::start(data);
    wait("the notice to its owner", || {
        receiver.kinds().contains(&"experiment.burn".to_owned())
    });
    assert!(
        !receiver.kinds().contains(&"slo.burn.firing".to_owned()),
        "{:?}",
        receiver.kinds()
    );
    assert_eq!(
        get(&server, "/api/v1/alerts?state=firing")["rows"],
        json!([])
    );
    let report = get(&server, "/api/v1/experiments/chaos-1");
    let charge = &report["experiment"]["charges"][0];
    assert_eq!(charge["slo"], "orders");
    assert_eq!(charge["bad"], 40.0, "{charge}");
    assert_eq!(charge["baseline_bad"], 0);
    assert_eq!(report["experiment"]["verdict"], "not_met", "{report}");
    let gate = get(&server, "/api/v1/slos/orders/gate?spend=0.05&reserve=0.1");
    assert_eq!(
        (gate["allow"].as_bool(), gate["reason"].as_str()),
        (Some(false), Some("budget")),
        "{gate}"
    );
    let ledger = get(&server, "/api/v1/budget-ledger?slo=orders");
    let sum: f64 = ledger["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["bad"].as_f64())
        .sum();
    assert!((sum - 40.0).abs() < 1e-6, "{ledger}");
    assert_eq!(ledger["rows"][0]["kind"], "experiment");
    server.terminate();
    let output = run(data, &["experiment", "gate", "orders", "--spend", "0.05"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        rows(data, "select experiment, state from experiments")[0]["state"],
        "running"
    );
}
