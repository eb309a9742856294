//! From log events to records: whose line it is, when it was, and which invocation printed it.

use super::{
    Event, Origin,
    stream::{Stream, Told},
};
use crate::{lambda, step_functions, timestamp};
use model::{HistoryEvent, LogOrigin, LogRecord, UnixNanos, lambda as word};
use std::collections::HashMap;

/// Streams remembered at once. A forgotten one costs the attribution of lines without a request id.
const MAX_STREAMS: usize = 50_000;

/// What became of a log event.
#[derive(Debug, Default, PartialEq)]
pub struct Recorded {
    /// Records that are ready; lines without a time wait for one.
    pub logs: Vec<LogRecord>,
    /// The event of a workflow's history that the line was.
    pub event: Option<HistoryEvent>,
    /// Why the line is kept as text although it was meant to be more.
    pub problem: Option<String>,
}

/// Turns log events into records, stream by stream.
#[derive(Debug, Default)]
pub struct Recorder {
    streams: HashMap<String, Stream>,
}

impl Recorder {
    /// Takes one event; events of one stream should come in the order of the export.
    pub fn record(&mut self, mut event: Event, origin: &Origin) -> Recorded {
        let problem = match step_functions::parse_log_message(&event.message) {
            Some(Ok(event)) => {
                return Recorded {
                    event: Some(event),
                    ..Recorded::default()
                };
            }
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        let mut logs = Vec::new();
        if self.streams.len() >= MAX_STREAMS {
            logs = self.finish();
        }
        if let (true, Some(stream)) = (event.stream.is_empty(), &origin.stream) {
            event.stream.clone_from(stream);
        }
        let named = !event.stream.is_empty();
        let key = if named {
            event.stream.clone()
        } else {
            format!("{}{}", word::FILE_STREAM, origin.file)
        };
        let stream = self.streams.entry(key.clone()).or_default();
        let line = read_line(&event.message, problem.is_some());
        stream.lambda |= origin.lambda || line.platform || is_lambda(&event.group, &event.stream);
        let log_id =
            stream
                .identity
                .of(&key, event.event_id.as_deref(), event.time, &event.message);
        let told = told(&event, &line);
        let request_id = attribute_request(stream, &line, event.time.or(line.time), named);
        let service_name = service(stream, &event, &line, origin);
        let origin = match (line.platform, stream.lambda) {
            (true, _) => LogOrigin::LambdaPlatform,
            (false, true) => LogOrigin::LambdaFunction,
            (false, false) => LogOrigin::CloudWatch,
        };
        let record = LogRecord {
            log_id,
            severity_number: lambda::severity_number(&line.severity_text),
            severity_text: line.severity_text,
            body: line.body,
            trace_id: line.trace_id,
            span_id: line.span_id,
            event_name: line.event_name,
            service_name,
            attributes: line.attributes,
            origin,
            log_group: event.group,
            log_stream: key,
            request_id: request_id.unwrap_or_default(),
            ..LogRecord::default()
        };
        logs.extend(stream.place(record, told));
        Recorded {
            logs,
            event: None,
            problem,
        }
    }

    /// The records that still wait for a time, at the end of a file.
    pub fn finish(&mut self) -> Vec<LogRecord> {
        let ready = self.streams.values_mut().flat_map(Stream::finish).collect();
        if self.streams.len() >= MAX_STREAMS {
            self.streams.clear();
        }
        ready
    }
}

fn read_line(message: &str, broken: bool) -> lambda::Line {
    if broken {
        return lambda::Line {
            body: message.to_owned(),
            ..lambda::Line::default()
        };
    }
    lambda::parse_line(message)
}

fn told(event: &Event, line: &lambda::Line) -> Told {
    let hint = || line.text(word::XRAY_TRACE_ID).and_then(xray_second);
    match (event.time.or(line.time), hint()) {
        (Some(time), _) => Told::Time(time),
        (None, Some(time)) => Told::Hint(time),
        (None, None) => Told::Nothing,
    }
}

/// `1-5759e988-…`: the 8 digits are the epoch second.
fn xray_second(root: &str) -> Option<UnixNanos> {
    let digits = root.strip_prefix("1-")?.get(..8)?;
    i64::from_str_radix(digits, 16)
        .ok()
        .map(|second| UnixNanos::from_millis(second * 1_000))
}

fn attribute_request(
    stream: &mut Stream,
    line: &lambda::Line,
    time: Option<UnixNanos>,
    one_sandbox: bool,
) -> Option<String> {
    let current = stream.current_request(time).map(str::to_owned);
    match (line.event_name.as_str(), &line.request_id) {
        (word::START, Some(id)) => stream.opened(id, time, one_sandbox),
        (word::END | word::REPORT, Some(id)) => stream.closed(id),
        _ => {}
    }
    line.request_id.clone().or(current)
}

/// Function, or the log group of anything else.
fn service(stream: &mut Stream, event: &Event, line: &lambda::Line, origin: &Origin) -> String {
    if stream.function.is_none() {
        let named = function_of_group(&event.group).or_else(|| function_of_stream(&event.stream));
        let named = named.or_else(|| line.text(word::FUNCTION_NAME));
        stream.function = named.map(str::to_owned);
    }
    let fallback = || match (&origin.function, stream.lambda) {
        (Some(function), true) => function.clone(),
        _ if !event.group.is_empty() => event.group.rsplit('/').next().unwrap_or("").to_owned(),
        _ => origin.function.clone().unwrap_or_default(),
    };
    stream.function.clone().unwrap_or_else(fallback)
}

/// `/aws/lambda/orders` → `orders`; Lambda@Edge puts a Region in front of the name.
fn function_of_group(group: &str) -> Option<&str> {
    let name = group.split_once("/aws/lambda/")?.1;
    Some(name).filter(|name| !name.is_empty())
}

/// `2024/08/18/orders[$LATEST]60ce…` of a custom log group → `orders`.
fn function_of_stream(stream: &str) -> Option<&str> {
    let name = lambda_stream(stream)?.split_once('[')?.0;
    Some(name).filter(|name| !name.is_empty())
}

/// What follows the date in the name of a Lambda stream.
fn lambda_stream(stream: &str) -> Option<&str> {
    let (date, rest) = (stream.get(..10)?, stream.get(10..)?.strip_prefix('/')?);
    let is_date = timestamp::parse_iso(&format!("{}T00:00:00Z", date.replace('/', "-"))).is_some();
    let (before, after) = rest.split_once('[')?;
    (is_date && !before.contains(char::is_whitespace) && after.contains(']')).then_some(rest)
}

/// True for the group or stream of a Lambda function.
pub(crate) fn is_lambda(group: &str, stream: &str) -> bool {
    function_of_group(group).is_some() || lambda_stream(stream).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[(&str, Option<i64>, &str)]) -> Vec<LogRecord> {
        let mut recorder = Recorder::default();
        let mut logs = Vec::new();
        for (stream, millis, message) in lines {
            let event = Event {
                stream: (*stream).to_owned(),
                time: millis.map(UnixNanos::from_millis),
                message: (*message).to_owned(),
                ..Event::default()
            };
            logs.extend(
                recorder
                    .record(
                        event,
                        &Origin {
                            file: "f".into(),
                            ..Origin::default()
                        },
                    )
                    .logs,
            );
        }
        logs.extend(recorder.finish());
        logs
    }

    const STREAM: &str = "2024/08/18/orders[$LATEST]60cefc4c4d174d898e4dbb301f9f10ef";

    #[test]
    fn lines_between_start_and_end_belong_to_the_invocation() {
        let logs = events(&[
            (STREAM, Some(1), "loading"),
            (STREAM, Some(2), "START RequestId: a Version: 1"),
            ("other", Some(2), "START RequestId: z Version: 1"),
            (STREAM, Some(2), "hello"),
            (STREAM, Some(3), "END RequestId: a"),
            (STREAM, Some(3), "after"),
        ]);
        let told: Vec<_> = logs
            .iter()
            .map(|l| (l.request_id.as_str(), l.service_name.as_str(), l.time.0))
            .collect();
        assert_eq!(
            told,
            [
                ("", "orders", 1_000_000),
                ("a", "orders", 2_000_000),
                ("z", "", 2_000_000),
                ("a", "orders", 2_000_001),
                ("a", "orders", 3_000_000),
                ("", "orders", 3_000_001)
            ]
        );
        assert!(logs.iter().all(|l| l.origin != LogOrigin::CloudWatch));
    }

    #[test]
    fn interleaved_invocations_of_a_file_are_not_guessed() {
        let logs = events(&[
            ("", Some(1), "START RequestId: a Version: 1"),
            ("", Some(2), "START RequestId: b Version: 1"),
            ("", Some(3), "whose?"),
            ("", Some(4), "END RequestId: a"),
            ("", Some(5), "of b"),
        ]);
        let ids: Vec<_> = logs.iter().map(|l| l.request_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "", "a", "b"]);
    }

    #[test]
    fn equal_lines_stay_apart_and_doubled_events_do_not() {
        let logs = events(&[
            (STREAM, Some(1), "x"),
            (STREAM, Some(1), "x"),
            (STREAM, Some(2), "x"),
        ]);
        let ids: std::collections::HashSet<_> = logs.iter().map(|l| l.log_id).collect();
        assert_eq!(ids.len(), 3);
        let again = events(&[
            (STREAM, Some(1), "x"),
            (STREAM, Some(1), "x"),
            (STREAM, Some(2), "x"),
        ]);
        assert_eq!(again, logs);
    }

    #[test]
    fn times_come_from_neighbours_and_are_marked() {
        let logs = events(&[
            ("", None, "START RequestId: a Version: 1"),
            (
                "",
                None,
                "REPORT RequestId: a\tDuration: 1 ms\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793",
            ),
            ("", None, "later"),
        ]);
        let second = 0x5759e988i64 * 1_000_000_000;
        let times: Vec<_> = logs.iter().map(|l| l.time.0 - second).collect();
        assert_eq!(times, [-1, 0, 1]);
        assert!(
            logs.iter()
                .all(|l| l.attributes.contains_key(word::TIME_ESTIMATED))
        );
        let logs = events(&[("", None, "START RequestId: a Version: 1"), ("", None, "x")]);
        assert!(
            logs.iter()
                .all(|l| l.attributes.contains_key(word::TIME_UNKNOWN))
        );
        assert_eq!(logs[1].time.0, 1);
    }
}
