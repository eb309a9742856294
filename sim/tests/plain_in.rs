//! Plain traces of a faulty and of a healthy period, from folders as somebody else writes them (`PLAIN_IN=DIR`): in each
//! `baseline.jsonl` and `symptom.jsonl` with OTLP requests, and `right.json`. They are read as the server reads them.

use analysis::services::{Hop, Line, Period, explain, is_amount, is_cold_start, lend};
use model::{SpanKind, TraceId, UnixNanos};
use serde_json::Value;
use std::{collections::HashMap, path::Path};

type Attributes<'a> = HashMap<&'a str, &'a Value>;

fn attributes(of: &Value) -> Attributes<'_> {
    let all = of["attributes"].as_array().into_iter().flatten();
    let pairs = all.filter_map(|it| Some((it["key"].as_str()?, &it["value"])));
    pairs.collect()
}

fn text(value: &Value) -> String {
    let own = value["stringValue"].as_str().map(str::to_owned);
    let whole = || value["intValue"].as_str().map(str::to_owned);
    let number = || Some(value["doubleValue"].as_f64()?.to_string());
    own.or_else(whole).or_else(number).unwrap_or_default()
}

fn first(all: &[&Attributes], names: &[&str]) -> Option<String> {
    let each = all
        .iter()
        .flat_map(|of| names.iter().filter_map(|it| of.get(it)));
    let told = each.map(|it| text(it));
    told.into_iter().find(|it| !matches!(it.as_str(), "" | "-"))
}

/// What a record tells of an exception beside its body.
fn exception(record: &Value, member: &str) -> String {
    let name = format!("exception.{member}");
    first(&[&attributes(record)], &[name.as_str()]).unwrap_or_default()
}

fn amount(value: &Value) -> Option<f64> {
    let whole = || value["intValue"].as_str()?.parse().ok();
    let truth = || {
        value["boolValue"]
            .as_bool()
            .map(|it| f64::from(u8::from(it)))
    };
    value["doubleValue"].as_f64().or_else(whole).or_else(truth)
}

/// Why a proxy had no answer, by its flags.
fn flagged(flags: &str) -> Option<&'static str> {
    const WHY: [(&str, &str); 9] = [
        ("NR", "no route"),
        ("NC", "no route: cluster not found"),
        ("DF", "dns resolution failure"),
        ("UH", "no healthy upstream"),
        ("UF", "upstream connection failure"),
        ("UO", "upstream circuit breaker overflow"),
        ("UT", "upstream request timeout"),
        ("UC", "upstream connection termination"),
        ("LR", "connection reset"),
    ];
    let mut all = WHY.iter();
    let why = all.find(|it| flags.split(',').any(|flag| flag == it.0));
    why.map(|it| it.1)
}

/// The words of a failed span: its flags, its status, or the exception that it recorded.
fn message(span: &Value, code: u32, flagged: Option<&str>) -> String {
    if let Some(why) = flagged {
        return match code {
            0 => why.to_owned(),
            code => format!("status code {code}: {why}"),
        };
    }
    let said = span["status"]["message"].as_str().unwrap_or_default();
    let events = span["events"].as_array().into_iter().flatten();
    let thrown = events.into_iter().rev().find_map(|it| {
        let of = attributes(it);
        let kind = text(of.get("exception.type")?);
        Some((
            kind,
            of.get("exception.message")
                .map_or(String::new(), |it| text(it)),
        ))
    });
    match (said, thrown) {
        ("", Some((kind, words))) if code >= 500 => format!("status code {code}: {kind}: {words}"),
        (said, Some((kind, words))) => {
            let said = if said.is_empty() {
                words
            } else {
                said.to_owned()
            };
            let short = kind.rsplit(['.', ':']).next().unwrap_or(&kind);
            match said.contains(short) {
                true => said,
                false => format!("{kind}: {said}"),
            }
        }
        ("", None) if code >= 500 => format!("status code {code}"),
        (said, None) => said.to_owned(),
    }
}

fn nanos(value: &Value) -> i64 {
    let told = value.as_str().and_then(|it| it.parse().ok());
    told.unwrap_or_default()
}

fn hop(resource: &Attributes, span: &Value) -> Hop {
    let own = attributes(span);
    let peers = [
        "peer.service",
        "upstream_cluster",
        "server.address",
        "net.peer.name",
        "db.namespace",
        "db.name",
        "messaging.destination.name",
        "messaging.destination",
        "rpc.service",
        "db.system.name",
        "db.system",
    ];
    let status = first(&[&own], &["http.response.status_code", "http.status_code"]);
    let code: u32 = status.and_then(|it| it.parse().ok()).unwrap_or(0);
    let flags = first(&[&own], &["response_flags", "envoy.response_flags"]);
    let flagged = flagged(&flags.unwrap_or_default());
    let word = |name: &str| span[name].as_str().unwrap_or_default();
    let (from, to) = (
        nanos(&span["startTimeUnixNano"]),
        nanos(&span["endTimeUnixNano"]),
    );
    let told = own
        .iter()
        .filter(|it| is_amount(it.0) || is_cold_start(it.0));
    let all = [resource, &own];
    let mut service = first(&[resource], &["service.name"]).unwrap_or_default();
    let canonical = first(&[&own], &["istio.canonical_service"]).unwrap_or_default();
    let rest = service.strip_prefix(&canonical).unwrap_or_default();
    if !canonical.is_empty() && rest.starts_with('.') {
        service = canonical;
    }
    let rpc = first(
        &[&own],
        &["rpc.grpc.status_code", "rpc.response.status_code"],
    );
    let rpc = rpc.unwrap_or_default();
    Hop {
        trace_id: word("traceId").parse().unwrap_or_default(),
        span_id: word("spanId").parse().unwrap_or_default(),
        parent_span_id: word("parentSpanId").parse().unwrap_or_default(),
        service: service.into(),
        name: word("name").into(),
        kind: match span["kind"].as_u64() {
            Some(2) => SpanKind::Server,
            Some(3) => SpanKind::Client,
            Some(4) => SpanKind::Producer,
            Some(5) => SpanKind::Consumer,
            _ => SpanKind::Internal,
        },
        start: UnixNanos(from),
        duration_ns: to - from,
        failed: span["status"]["code"].as_u64() == Some(2)
            || code >= 500
            || flagged.is_some()
            || own
                .get("error")
                .is_some_and(|it| it["boolValue"].as_bool() == Some(true)),
        message: message(span, code, flagged).into(),
        lent: false,
        broke: code >= 500
            || matches!(
                rpc.as_str(),
                "2" | "13" | "15" | "UNKNOWN" | "INTERNAL" | "DATA_LOSS"
            ),
        peer: first(&[&own], &peers).map(Into::into),
        host: first(&all, &["host.name", "k8s.node.name", "host.id"]).map(Into::into),
        pod: first(
            &all,
            &["k8s.pod.name", "container.id", "service.instance.id"],
        )
        .map(Into::into),
        release: first(&all, &["service.version", "container.image.tag"]).map(Into::into),
        amounts: told
            .filter_map(|(name, value)| Some(((*name).into(), amount(value)?)))
            .collect(),
    }
}

fn period(file: &Path) -> Period {
    let text_of = std::fs::read_to_string(file).expect("a file");
    let mut period = Period::default();
    for (n, line) in text_of.lines().enumerate() {
        let request: Value = serde_json::from_str(line).expect("a request");
        for group in request["resourceSpans"].as_array().into_iter().flatten() {
            let resource = attributes(&group["resource"]);
            let scopes = group["scopeSpans"].as_array().into_iter().flatten();
            let spans = scopes.flat_map(|it| it["spans"].as_array().into_iter().flatten());
            period.spans.extend(spans.map(|it| hop(&resource, it)));
        }
        for group in request["resourceLogs"].as_array().into_iter().flatten() {
            let resource = attributes(&group["resource"]);
            let scopes = group["scopeLogs"].as_array().into_iter().flatten();
            let lines = scopes.flat_map(|it| it["logRecords"].as_array().into_iter().flatten());
            period.lines.extend(lines.enumerate().map(|(of, it)| {
                Line {
                    log_id: TraceId((((n as u128) << 64) | (of as u128 + 1)).to_be_bytes()),
                    trace_id: it["traceId"]
                        .as_str()
                        .and_then(|it| it.parse().ok())
                        .unwrap_or_default(),
                    service: first(&[&resource], &["service.name"])
                        .unwrap_or_default()
                        .into(),
                    time: UnixNanos(nanos(&it["timeUnixNano"])),
                    severity: it["severityNumber"].as_u64().unwrap_or(0) as u8,
                    body: analysis::exceptions::told(
                        &text(&it["body"]),
                        &exception(it, "type"),
                        &exception(it, "message"),
                    )
                    .into_owned(),
                }
            }));
        }
    }
    lend(&mut period);
    period
}

#[test]
fn kept_periods_are_judged() {
    let Some(folder) = std::env::var_os("PLAIN_IN") else {
        return;
    };
    let only = std::env::var("PLAIN_ONLY").unwrap_or_default();
    let found = std::fs::read_dir(&folder).expect("a folder").flatten();
    let mut folders: Vec<_> = found.map(|it| it.path()).collect();
    folders.retain(|it| it.to_string_lossy().contains(&only));
    folders.sort();
    let (mut right, mut all) = (0, 0);
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let expect = std::fs::read(folder.join("right.json")).expect("what is right");
        let expect: Value = serde_json::from_slice(&expect).expect("what is right");
        let (symptom, baseline) = (
            period(&folder.join("symptom.jsonl")),
            period(&folder.join("baseline.jsonl")),
        );
        let verdict = explain("kept", &symptom, &baseline);
        let culprit = verdict.culprit.clone().unwrap_or_default();
        let has = |key: &str, value: &str| {
            let mut list = expect[key].as_array().into_iter().flatten();
            list.any(|it| it.as_str() == Some(value))
        };
        let named = has("names", &culprit.name);
        let category = verdict.category.map_or("", |it| it.as_str());
        let well = expect["outcome"].as_str() == Some(verdict.outcome.as_str())
            && (verdict.outcome != model::Outcome::Verdict || named && has("categories", category));
        all += 1;
        right += usize::from(well);
        let suspects: Vec<String> = verdict
            .suspects
            .iter()
            .take(4)
            .map(|it| format!("{} {:.2}", it.name, it.score))
            .collect();
        println!(
            "{} {name}: {} {} {category} | {suspects:?} | {} | expected {expect}",
            if well { "ok  " } else { "MISS" },
            verdict.outcome.as_str(),
            culprit.name,
            verdict.mechanism,
        );
    }
    println!("{right} of {all} right");
}
