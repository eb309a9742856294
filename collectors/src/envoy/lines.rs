//! An access log as text: Envoy's default format, and Istio's, which adds details, failures and clusters.
//!
//! Source: Envoy's documentation, "Access logging", default format; Istio's `EnvoyTextLogFormat`.

use crate::timestamp::parse_iso;
use model::{Attributes, LogRecord};

/// What stands behind the flags in Envoy's format.
const PLAIN: [&str; 9] = [
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
];
/// What stands behind the flags in Istio's.
const ISTIO: [&str; 18] = [
    "response_code_details",
    "connection_termination_details",
    "upstream_transport_failure_reason",
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
    "upstream_cluster",
    "upstream_local_address",
    "downstream_local_address",
    "downstream_remote_address",
    "requested_server_name",
    "route_name",
];
const NUMBERS: [&str; 4] = [
    "bytes_received",
    "bytes_sent",
    "duration",
    "upstream_service_time",
];

/// The record of a line; `None` if it is no access log of a proxy.
pub fn read_line(line: &str) -> Option<LogRecord> {
    // `kubectl logs --prefix` and others put words in front.
    let line = &line[line.find('[')?..];
    let mut words = words(line)?;
    let time = parse_iso(words.next()?)?;
    let request = words.next()?;
    let status: i64 = words.next().filter(|word| word.len() <= 3)?.parse().ok()?;
    let flags = words.next().filter(|flags| is_flags(flags))?;
    let mut attributes = Attributes::from([
        ("response_code".to_owned(), status.into()),
        ("response_flags".to_owned(), flags.into()),
    ]);
    let mut parts = request.split(' ');
    for name in ["method", "path", "protocol"] {
        if let Some(part) = parts.next().filter(|part| !part.is_empty() && *part != "-") {
            attributes.insert(name.to_owned(), part.into());
        }
    }
    let rest: Vec<&str> = words.collect();
    let names: &[&str] = match rest.first()?.parse::<u64>() {
        Ok(_) => &PLAIN,
        Err(_) => &ISTIO,
    };
    for (name, word) in names.iter().zip(rest) {
        match word.parse::<i64>() {
            Ok(number) if NUMBERS.contains(name) => {
                attributes.insert((*name).to_owned(), number.into());
            }
            _ if word == "-" || word.is_empty() => {}
            _ => {
                attributes.insert((*name).to_owned(), word.into());
            }
        }
    }
    Some(super::record(time, attributes, Attributes::new()))
}

fn is_flags(word: &str) -> bool {
    word == "-"
        || word.split(',').all(|flag| {
            (2..=5).contains(&flag.len()) && flag.bytes().all(|byte| byte.is_ascii_uppercase())
        })
}

/// Words between blanks; those in quotes or brackets are one. `None` if a quote is left open at the start.
fn words(line: &str) -> Option<impl Iterator<Item = &str>> {
    let mut rest = line.trim();
    rest.starts_with('[').then_some(())?;
    Some(std::iter::from_fn(move || {
        rest = rest.trim_start();
        let close = match rest.bytes().next()? {
            b'"' => '"',
            b'[' => ']',
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                rest = behind;
                return Some(word);
            }
        };
        let inside = &rest[1..];
        let end = inside.find(close).unwrap_or(inside.len());
        rest = inside.get(end + 1..).unwrap_or("");
        Some(&inside[..end])
    }))
}
