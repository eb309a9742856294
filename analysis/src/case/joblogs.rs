//! What jobs and tasks in containers wrote: no request id leads to their lines, but the name of the stream holds the id of
//! the run: of Glue the stream is the run (`jr_…`, of an executor `jr_…_g-…`), of Batch the answer tells it, of ECS it ends
//! with the task's id, of SageMaker it begins with the job's name, of CodeBuild it is the build's id, of EMR a part of its
//! path is.

use super::Case;
use model::{Attempt, LogRecord, SpanId};
use serde_json::Value;
use std::collections::BTreeSet;

/// Values inside values.
const DEPTH: usize = 8;
/// Jobs of one execution that are heard.
const MOST_JOBS: usize = 200;
/// Streams of one try.
const MOST_KEYS: usize = 24;
/// Lines of the jobs of one execution.
pub const MOST_LINES: usize = 4_000;
/// Ids that are shorter are met by chance.
const LEAST: usize = 8;
/// Ids behind which more may follow in the same part of a path.
const LONG: usize = 24;

/// Services whose work writes logs of its own.
const SERVICES: [&str; 10] = [
    "batch",
    "ecs",
    "eks",
    "glue",
    "codebuild",
    "elasticmapreduce",
    "emr-serverless",
    "emr-containers",
    "sagemaker",
    "databrew",
];

/// How the streams of a try are known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The try.
    pub attempt: SpanId,
    /// A stream, its beginning (then it ends with a slash), or a part of its path.
    pub text: String,
}

impl Key {
    /// True for the stream of the job, or one of its streams.
    pub fn fits(&self, stream: &str) -> bool {
        let key = self.text.as_str();
        let more =
            |rest: &str| rest.is_empty() || key.len() >= LONG && rest.starts_with(['_', '-', '.']);
        let part = |it: &str| it.strip_prefix(key).is_some_and(more);
        stream == key
            || key.ends_with('/') && stream.starts_with(key)
            || !key.contains('/') && stream.split('/').any(part)
    }
}

/// The streams of the jobs that a case waited for.
pub fn keys(case: &Case) -> Vec<Key> {
    let mut all = Vec::new();
    let jobs = case
        .attempts
        .iter()
        .filter_map(|it| Some((it, service(it)?)));
    for (attempt, service) in jobs.take(MOST_JOBS) {
        let mut found = BTreeSet::new();
        ids(attempt, service, &mut found);
        // The row holds the id that the answer gave, where it gave one.
        let told = || super::letters::submitted(&case.events, attempt);
        let answer = attempt.job_id.is_none().then(told).flatten();
        let answer = answer.and_then(super::letters::answer_of);
        let texts = [attempt.cause.as_deref(), attempt.output.as_deref()];
        let told = texts.into_iter().flatten().filter(|it| it.starts_with('{'));
        let told = told.filter_map(|it| serde_json::from_str(it).ok());
        for value in told.chain(answer) {
            streams(&value, 0, &mut found);
        }
        let job = attempt.job_id.as_deref();
        let job = case.jobs.iter().find(|it| Some(it.job_id.as_str()) == job);
        found.extend(job.and_then(|it| it.log_stream.clone()));
        let key = |text| Key {
            attempt: attempt.span_id,
            text,
        };
        all.extend(found.into_iter().take(MOST_KEYS).map(key));
    }
    all
}

/// The lines among these that the jobs of a case wrote, in order of time.
pub fn lines<'l>(keys: &[Key], logs: impl Iterator<Item = &'l LogRecord>) -> Vec<LogRecord> {
    if keys.is_empty() {
        return Vec::new();
    }
    let of_job = |it: &&LogRecord| {
        it.request_id.is_empty()
            && !it.log_stream.is_empty()
            && keys.iter().any(|key| key.fits(&it.log_stream))
    };
    let mut found: Vec<LogRecord> = logs.filter(of_job).map(levelled).collect();
    found.sort_by_key(|it| (it.time, it.log_id));
    found.truncate(MOST_LINES);
    found
}

/// The service whose work an attempt waits for.
fn service(attempt: &Attempt) -> Option<&'static str> {
    let of = attempt.resource_type.as_str();
    let of = of.strip_prefix("aws-sdk:").unwrap_or(of);
    SERVICES.into_iter().find(|it| *it == of)
}

/// True for an attempt that waits for work of a service which writes logs of its own.
pub(crate) fn is_job(attempt: &Attempt) -> bool {
    service(attempt).is_some()
}

/// The revision of the definition that an attempt ran with.
pub(crate) fn revision(attempt: &Attempt) -> Option<String> {
    const NAMES: [&str; 3] = ["JobDefinition", "TaskDefinitionArn", "TaskDefinition"];
    let texts = [
        attempt.input.as_deref(),
        attempt.cause.as_deref(),
        attempt.output.as_deref(),
    ];
    texts.into_iter().flatten().find_map(|text| {
        let value: Value = serde_json::from_str(text).ok()?;
        let named = NAMES.iter().find_map(|it| value.get(*it)?.as_str())?;
        let (_, revision) = named.rsplit_once(':')?;
        let number = !revision.is_empty() && revision.bytes().all(|it| it.is_ascii_digit());
        number.then(|| revision.to_owned())
    })
}

fn ids(attempt: &Attempt, service: &str, found: &mut BTreeSet<String>) {
    let last = |id: &str| id.rsplit(['/', ':']).next().unwrap_or(id).to_owned();
    let id = attempt.job_id.as_deref().map(last);
    match service {
        "sagemaker" => {
            const NAMES: [&str; 4] = [
                "TrainingJobName",
                "ProcessingJobName",
                "TransformJobName",
                "AutoMLJobName",
            ];
            let sent = attempt.input.as_deref();
            let sent = sent.and_then(|it| serde_json::from_str::<Value>(it).ok());
            let names = NAMES
                .iter()
                .filter_map(|name| sent.as_ref()?.get(*name)?.as_str());
            let names = names.map(str::to_owned).chain(id);
            found.extend(names.map(|it| format!("{it}/")));
        }
        _ => found.extend(id.filter(|it| it.len() >= LEAST)),
    }
}

/// Streams that an answer names, and tasks that streams are named after.
fn streams(value: &Value, depth: usize, found: &mut BTreeSet<String>) {
    if depth > DEPTH || found.len() >= MOST_KEYS {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let text = member.as_str().filter(|it| it.len() >= LEAST);
                match (name.to_ascii_lowercase().as_str(), text) {
                    ("logstreamname" | "streamname", Some(text)) => {
                        found.insert(text.to_owned());
                    }
                    ("taskarn", Some(text)) => {
                        found.extend(text.rsplit('/').next().map(str::to_owned));
                    }
                    _ => streams(member, depth + 1, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| streams(it, depth + 1, found)),
        _ => {}
    }
}

/// A line with the level that its words have, where nothing told one: what a process prints as it breaks off has none.
fn levelled(line: &LogRecord) -> LogRecord {
    let mut line = line.clone();
    if line.severity_number == 0 {
        line.severity_number = level(&line.body).unwrap_or(0);
    }
    line
}

/// The level of a line as runtimes and loggers write it: `ERROR:root:…`, `E1123 02:10:00 …`, `Traceback (most recent call
/// last):`, `java.lang.OutOfMemoryError: …`, `Killed`.
fn level(body: &str) -> Option<u8> {
    const BROKEN: [&str; 18] = [
        "Traceback (most recent call last)",
        "Exception in thread",
        "Caused by:",
        "Error:",
        "error:",
        "ERROR:",
        "ERROR ",
        "FATAL",
        "fatal:",
        "Fatal error",
        "fatal error",
        "panic:",
        "Killed",
        "Segmentation fault",
        "Out of memory",
        "Bus error",
        "Aborted",
        "CRITICAL",
    ];
    let head = body.trim_start();
    if BROKEN.iter().any(|it| head.starts_with(it)) {
        return Some(17);
    }
    if head.starts_with("WARNING:") || head.starts_with("warning:") {
        return Some(13);
    }
    let words: Vec<&str> = head.split_whitespace().take(5).collect();
    // glog and klog: a letter, month and day.
    let first = words.first()?;
    let dated = first.len() == 5 && first.bytes().skip(1).all(|it| it.is_ascii_digit());
    match first.as_bytes()[0] {
        b'E' | b'F' if dated => return Some(17),
        b'W' if dated => return Some(13),
        _ => {}
    }
    let named = |it: &str, names: &[&str]| {
        let word = it.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = word.rsplit(['=', ':']).next().unwrap_or(word);
        names.iter().any(|name| word.eq_ignore_ascii_case(name))
            && (it.starts_with(['[', '<', '(']) || it.contains('=') || it.ends_with(':'))
    };
    if words
        .iter()
        .any(|it| named(it, &["error", "err", "fatal", "critical", "severe"]))
    {
        return Some(17);
    }
    if words.iter().any(|it| named(it, &["warn", "warning"])) {
        return Some(13);
    }
    words
        .iter()
        .take(3)
        .any(|it| is_exception(it))
        .then_some(17)
}

/// `pyspark.sql.utils.AnalysisException:`, `botocore.exceptions.ClientError:`, `MemoryError`.
fn is_exception(word: &str) -> bool {
    let (name, colon) = match word.strip_suffix(':') {
        Some(name) => (name, true),
        None => (word, false),
    };
    let last = name.rsplit(['.', '$', ':']).next().unwrap_or(name);
    let ends = ["Error", "Exception", "Fault", "Interrupt"]
        .iter()
        .any(|it| last.ends_with(it));
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._$:".contains(c));
    let named = last.len() > 5 && last.starts_with(|c: char| c.is_ascii_uppercase());
    ends && plain
        && named
        && (colon || name.contains('.') || last == "MemoryError" || last == "KeyboardInterrupt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_known_by_the_run() {
        let check = |key: &str, stream: &str, expect: bool| {
            let key = Key {
                attempt: SpanId::default(),
                text: key.to_owned(),
            };
            assert_eq!(key.fits(stream), expect, "{} {stream}", key.text);
        };
        let run = "jr_0d99df2841aa6e2572cdce3e31d82bcd";
        check(run, run, true);
        check(run, &format!("{run}_g-4f1a"), true);
        check(run, "jr_0d99df2841aa6e2572cdce3e31d82bcdff", false);
        let task = "f1e2a3169b75ab28eed7b42aaca32c17";
        check(task, &format!("ecs/app/{task}"), true);
        check("tune-12/", "tune-12/algo-1-1794191257", true);
        check("tune-1/", "tune-12/algo-1-1794191257", false);
        check("00f3-step", "j-2AXX/steps/00f3-step/stderr", true);
        check("jobs/default/1", "jobs/default/12", false);
    }

    #[test]
    fn what_breaks_off_is_loud() {
        let check = |body: &str, expect: Option<u8>| assert_eq!(level(body), expect, "{body}");
        check("Traceback (most recent call last):", Some(17));
        check("java.lang.OutOfMemoryError: Java heap space", Some(17));
        check(
            "botocore.exceptions.ClientError: An error occurred",
            Some(17),
        );
        check("E1123 02:10:00.1 main.go:7] no route", Some(17));
        check("ERROR:root:no such table", Some(17));
        check("time=2026-11-23 level=warning msg=late", Some(13));
        check("[error] upstream gone", Some(17));
        check("Killed", Some(17));
        check("read 24 new files, 0 errors", None);
        check("Error rate 0.2 %", None);
        check("epoch 5 loss 0.412", None);
    }
}
