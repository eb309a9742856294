//! What the name of a file says: little, so it is only asked last.

use crate::cloudwatch::Origin;
use std::path::Path;

/// Names under which people save any export.
const GENERIC: &[&str] = &[
    "events",
    "event",
    "log",
    "logs",
    "log-events",
    "export",
    "output",
    "out",
    "data",
    "result",
    "results",
    "response",
    "filter-log-events",
    "get-log-events",
    "lambda",
    "lambda-logs",
    "cloudwatch",
    "cloudwatch-logs",
    "stdin",
    "tail",
    "messages",
    "records",
    "telemetry",
    "page",
    "part",
    "file",
    "tmp",
    "temp",
    "input",
    "fixtures",
    "exportedlogs",
    "export-task",
    "exporttask",
    "exports",
];
/// Endings that say what a file is, not whose.
const ENDINGS: &[&str] = &[
    "json",
    "jsonl",
    "ndjson",
    "log",
    "txt",
    "gz",
    "zst",
    "csv",
    "logs",
    "events",
    "sam-logs",
    "log-events",
    "filter-log-events",
    "get-log-events",
    "cloudwatch",
];

/// Where the lines of a file come from, as far as its place tells.
pub(super) fn origin(path: &Path) -> Origin {
    let parts: Vec<String> = path
        .components()
        .rev()
        .take(2)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let file = parts
        .iter()
        .rev()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("/");
    let stream = path
        .components()
        .rev()
        .find_map(|part| stream(&part.as_os_str().to_string_lossy()));
    Origin {
        file,
        function: function(path),
        stream,
        lambda: false,
    }
}

/// CloudWatch's export to S3 writes a folder for each stream, with dashes for slashes:
/// `2024-05-30-[$LATEST]60cefc4c4d174d898e4dbb301f9f10ef/000000.gz`.
fn stream(name: &str) -> Option<String> {
    let (date, rest) = (name.get(..10)?, name.get(10..)?.strip_prefix('-')?);
    let is_date = date.bytes().enumerate().all(|(n, b)| {
        if n == 4 || n == 7 {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    });
    let (function, version) = rest.split_once('[')?;
    let known = is_date && version.contains(']') && !function.contains(char::is_whitespace);
    known.then(|| format!("{}/{rest}", date.replace('-', "/")))
}

/// The name without what says what a file is; names that say nothing else stay as they are (`filter-log-events`).
fn stem(name: &str) -> String {
    let bare = without_endings(name);
    match is_generic(bare) {
        true => bare.to_owned(),
        false => without_affixes(bare),
    }
}

/// The function that `…/aws/lambda/<name>/…`, `<name>.log` or `<name>/events.json` names.
fn function(path: &Path) -> Option<String> {
    let parts: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if let Some(at) = parts
        .windows(2)
        .position(|pair| pair[0] == "aws" && pair[1] == "lambda")
    {
        return parts
            .get(at + 2)
            .map(|name| stem(name))
            .filter(|name| !name.is_empty());
    }
    // A folder of CloudWatch's export to S3 says nothing, so one more counts.
    let of_export = |part: &&String| stream(part).is_some() || is_task_id(part);
    let extra = parts.iter().rev().take(4).filter(of_export).count();
    parts
        .iter()
        .rev()
        .take(2 + extra)
        .map(|part| stem(part))
        .find(|stem| !is_generic(stem))
}

fn without_endings(mut name: &str) -> &str {
    while let Some((before, ending)) = name.rsplit_once('.') {
        if before.is_empty() || !ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            break;
        }
        name = before;
    }
    name
}

fn without_affixes(name: &str) -> String {
    let lower = name.trim_start_matches(['_', '-']);
    let heads = ["aws-lambda-", "aws_lambda_", "lambda-logs-", "logs-"];
    let name = heads
        .iter()
        .find_map(|head| lower.strip_prefix(head))
        .unwrap_or(lower);
    let tails = ["-lambda-logs", "-logs", "_logs", "-log", "-events"];
    tails
        .iter()
        .find_map(|tail| name.strip_suffix(tail))
        .unwrap_or(name)
        .to_owned()
}

/// The id of an export task, after which CloudWatch names a folder: a UUID.
fn is_task_id(name: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    name.len() == 36
        && name
            .bytes()
            .enumerate()
            .all(|(n, byte)| match dashes.contains(&n) {
                true => byte == b'-',
                false => byte.is_ascii_hexdigit(),
            })
}

fn is_generic(stem: &str) -> bool {
    if stream(stem).is_some() || is_task_id(stem) {
        return true;
    }
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    bare.is_empty()
        || matches!(stem, "." | ".." | "/")
        || GENERIC.contains(&bare.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_named_by_places() {
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(
                origin(Path::new(path)).function.as_deref(),
                expect,
                "{path}"
            );
        };
        check("x/aws/lambda/orders/page-1.json", Some("orders"));
        check("orders-logs.txt.gz", Some("orders"));
        check("charge/events.json", Some("charge"));
        check("aws-lambda-charge.filter-log-events.json", Some("charge"));
        check("logs/events-2.json", None);
        check("pay/filter-log-events.json", Some("pay"));
        check("pay/get-log-events-2.json", Some("pay"));
        check("logs/pay.json", Some("pay"));
        check("orders/2024-05-30-[$LATEST]60ce/000000.gz", Some("orders"));
        let task = "7e3ad84a-1b0a-4a3c-8d1e-0f6d2c9b7a55";
        let stream = "2024-05-30-[$LATEST]60ce/000000.gz";
        check(&format!("exportedlogs/{task}/{stream}"), None);
        check(&format!("orders/{task}/{stream}"), Some("orders"));
        check(&format!("{task}/000000.gz"), None);
        assert_eq!(origin(Path::new("/a/b/c.log")).file, "b/c.log");
    }
}
