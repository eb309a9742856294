//! What a JSON value is, told by its members, whatever wraps it.

use super::{
    Refused, event_bridge,
    file::Importer,
    otlp::{self, Signal},
    sink::too_large,
};
use crate::{
    changes, chaos,
    cloudwatch::Event,
    containers, durable, envoy,
    lambda::{is_platform_text, severity_number},
    step_functions::{self, Piece},
    timestamp, xray, zipkin,
};
use base64::Engine as _;
use bytes::Bytes;
use model::Engine;
use serde_json::{Map, Value};
use std::io::Read;

/// Wrappers may be nested so deep.
const MAX_DEPTH: usize = 8;
/// A packed subscription payload may unpack to so much; CloudWatch sends at most 6 MB.
const MAX_PAYLOAD: u64 = 64 << 20;

/// Where a value stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// For the report.
    pub(super) position: String,
    /// Wrappers around it.
    pub(super) depth: usize,
}

impl Place {
    pub(super) fn inside(&self, member: &str) -> Place {
        let dot = if member.starts_with('[') || self.position.contains('.') {
            ""
        } else {
            " "
        };
        let separator = if member.starts_with('[') { "" } else { "." };
        Place {
            position: format!("{}{dot}{separator}{member}", self.position),
            depth: self.depth + 1,
        }
    }
}

impl Importer<'_> {
    /// Takes what is known in a value; false if nothing is.
    pub(super) fn value(&mut self, value: Value, place: &Place) -> Result<bool, Refused> {
        if place.depth > MAX_DEPTH {
            return Ok(false);
        }
        match value {
            Value::Array(items) => self.array(items, place),
            Value::Object(members) => self.object(members, place),
            _ => Ok(false),
        }
    }

    fn array(&mut self, items: Vec<Value>, place: &Place) -> Result<bool, Refused> {
        if let Some(row) = insights_row(&items) {
            self.file.is("Logs Insights results");
            return self.log_object(&row, &Context::default(), place);
        }
        if items.iter().take(16).any(is_log_event) {
            self.file.is("CloudWatch log events");
            return self.log_list(&items, &Context::default(), place);
        }
        let one_by_one = |item: &Value| {
            is_frame(item)
                || event_bridge::is_event(item)
                || is_logged(item)
                || is_insights_row(item)
                || is_envelope(item)
                || changes::is_change(item)
                || chaos::read(item).is_some()
                || zipkin::is_span(item)
                || item.as_object().is_some_and(envoy::is_entry)
                || xray::is_segment(item)
                || xray::is_trace(item)
        };
        if items
            .iter()
            .take(16)
            .any(|item| one_by_one(item) || is_otlp(item))
        {
            let mut taken = false;
            for (n, item) in items.into_iter().enumerate() {
                let place = place.inside(&format!("[{n}]"));
                if self.value(item, &place)? {
                    taken = true;
                } else {
                    self.file.skip(
                        place.position,
                        "unlike the elements beside it, not recognised",
                    );
                }
            }
            return Ok(taken);
        }
        if let Some(what) = unsupported(&items) {
            self.file
                .skip(place.position.clone(), format!("{what}: not supported yet"));
            return Ok(true);
        }
        let value = Value::Array(items);
        if self.containers(&value)? {
            return Ok(true);
        }
        if self.step_functions(&value, place)? {
            return Ok(true);
        }
        let Value::Array(items) = value else {
            return Ok(false);
        };
        let mut taken = false;
        for (n, item) in items.into_iter().enumerate() {
            taken |= self.value(item, &place.inside(&format!("[{n}]")))?;
        }
        Ok(taken)
    }

    fn object(&mut self, members: Map<String, Value>, place: &Place) -> Result<bool, Refused> {
        if let Some(signal) = otlp::signal(&members) {
            return self.otlp_object(members, signal, place).map(|()| true);
        }
        if let Some(taken) = self.envelope(&members, place)? {
            return Ok(taken);
        }
        let value = Value::Object(members);
        if let Some(why) = event_bridge::refused(&value) {
            self.file.skip(place.position.clone(), why);
            return Ok(true);
        }
        if let Some(taken) = self.foreign(&value, place)? {
            return Ok(taken);
        }
        if is_frame(&value) {
            self.file.is("Lambda events (JSON)");
            self.origin.lambda = true;
            return self.line(&value, place);
        }
        if is_log_event(&value) {
            self.file.is("CloudWatch log events");
            return self.log_object(&value, &Context::default(), place);
        }
        if let Some(events) = log_events(&value) {
            self.file.is("CloudWatch log events");
            return self.log_list(events, &Context::of(&value), place);
        }
        if self.containers(&value)? {
            return Ok(true);
        }
        if self.step_functions(&value, place)? {
            return Ok(true);
        }
        if is_logged(&value) {
            self.file.is("log lines (JSON)");
            return self.line(&value, place);
        }
        self.members(value, place)
    }

    /// An unknown object: something known may be inside.
    fn members(&mut self, value: Value, place: &Place) -> Result<bool, Refused> {
        let Value::Object(members) = value else {
            return Ok(false);
        };
        let mut taken = false;
        for (name, member) in members {
            if matches!(member, Value::Object(_) | Value::Array(_)) {
                taken |= self.value(member, &place.inside(&name))?;
            }
        }
        Ok(taken)
    }

    /// ECS tasks and Batch jobs: each stands for itself, nothing has to be paired.
    fn containers(&mut self, value: &Value) -> Result<bool, Refused> {
        let Some(documents) = containers::documents(value) else {
            return Ok(false);
        };
        self.file.is("ECS tasks and Batch jobs");
        self.file.taken.documents += documents.len() as u64;
        self.documents(documents)?;
        Ok(true)
    }

    /// Executions of Step Functions and of durable functions: histories have to find their descriptions.
    fn step_functions(&mut self, value: &Value, place: &Place) -> Result<bool, Refused> {
        let durable = durable::recognise(value);
        let Some(pieces) = durable.or_else(|| step_functions::recognise(value)) else {
            return Ok(false);
        };
        for piece in pieces {
            self.piece(piece, place)?;
        }
        Ok(true)
    }

    fn piece(&mut self, piece: Piece, place: &Place) -> Result<(), Refused> {
        let at = |position: &str| format!("{} {position}", place.position).trim().to_owned();
        let kind = match piece {
            Piece::LogEvents(events) => {
                for problem in events.problems {
                    self.file.skip(at(&problem.position), problem.reason);
                }
                for event in events.events {
                    match too_large(&event.details) {
                        Some(reason) => {
                            let position = at(&format!("event id {}", event.event_id));
                            self.file.refuse(position, reason);
                        }
                        None => self.workflow_event(event)?,
                    }
                }
                return Ok(());
            }
            Piece::History(mut history) => {
                history
                    .problems
                    .iter_mut()
                    .for_each(|problem| problem.position = at(&problem.position));
                history.events.retain(|event| {
                    let refused = too_large(&event.details);
                    if let Some(reason) = &refused {
                        let position = at(&format!("event id {}", event.id));
                        self.file.refuse(position, reason.clone());
                    }
                    refused.is_none()
                });
                self.file.taken.events += history.events.len() as u64;
                let durable = history.engine == Engine::lambda_durable();
                self.pieces
                    .push((self.file.path.clone(), Piece::History(history)));
                match durable {
                    true => "durable execution history",
                    false => "Step Functions history",
                }
            }
            other => {
                self.file.taken.documents += 1;
                let kind = match &other {
                    Piece::Execution(document) if is_durable(document) => "durable execution",
                    Piece::Execution(_) => "Step Functions execution",
                    Piece::MapRun(_) => "Step Functions map run",
                    _ => "Step Functions state machine",
                };
                self.pieces.push((self.file.path.clone(), other));
                kind
            }
        };
        self.file.is(kind);
        Ok(())
    }

    fn otlp_object(
        &mut self,
        members: Map<String, Value>,
        signal: Signal,
        place: &Place,
    ) -> Result<(), Refused> {
        self.file.is("OTLP JSON");
        if matches!(signal, Signal::Metrics | Signal::Profiles) {
            return self.otlp(Bytes::new(), signal, place, true);
        }
        let bytes = otlp::canonical(members, signal).to_string();
        self.otlp(Bytes::from(bytes), signal, place, true)
    }

    /// What Logs subscriptions deliver: plain, packed for Lambda (`awslogs`) or for Kinesis.
    fn envelope(
        &mut self,
        members: &Map<String, Value>,
        place: &Place,
    ) -> Result<Option<bool>, Refused> {
        if let Some(data) = members.get("awslogs").and_then(|logs| logs.get("data")) {
            return self.packed(data, &place.inside("awslogs.data")).map(Some);
        }
        if let Some(data) = members.get("kinesis").and_then(|record| record.get("data")) {
            return self.packed(data, &place.inside("kinesis.data")).map(Some);
        }
        match members.get("messageType").and_then(Value::as_str) {
            Some("CONTROL_MESSAGE") => {
                self.file.skip(
                    place.position.clone(),
                    "a control message of a subscription: it carries no logs",
                );
                Ok(Some(true))
            }
            Some(_) if members.get("logEvents").is_some_and(Value::is_array) => {
                self.file.is("CloudWatch subscription");
                let value = Value::Object(members.clone());
                let Some(Value::Array(events)) = value.get("logEvents") else {
                    return Ok(None);
                };
                self.log_list(events, &Context::of(&value), place).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn packed(&mut self, data: &Value, place: &Place) -> Result<bool, Refused> {
        let payload = data
            .as_str()
            .ok_or_else(|| "it is not text".to_owned())
            .and_then(unpack);
        match payload {
            Ok(value) => self.value(value, place),
            Err(why) => {
                self.file.skip(
                    place.position.clone(),
                    format!("a packed payload cannot be unpacked: {why}"),
                );
                Ok(true)
            }
        }
    }

    /// A list of log events, in the order of time: some tools print the newest first.
    fn log_list(
        &mut self,
        events: &[Value],
        context: &Context,
        place: &Place,
    ) -> Result<bool, Refused> {
        let time = |event: &Value| written_time(event).and_then(timestamp::parse);
        let mut order: Vec<usize> = (0..events.len()).collect();
        if let (Some(first), Some(last)) =
            (events.first().and_then(time), events.last().and_then(time))
            && first > last
        {
            order.reverse();
        }
        if events.iter().all(|event| time(event).is_some()) {
            order.sort_by_key(|n| time(&events[*n]));
        }
        for n in order {
            let place = place.inside(&format!("events[{n}]"));
            self.log_object(&events[n], context, &place)?;
        }
        Ok(true)
    }

    fn log_object(
        &mut self,
        event: &Value,
        context: &Context,
        place: &Place,
    ) -> Result<bool, Refused> {
        let text = |keys: &[&str]| {
            keys.iter()
                .find_map(|key| event.get(*key)?.as_str())
                .map(str::to_owned)
        };
        let Some(message) = text(&["message", "@message"]) else {
            self.file
                .skip(place.position.clone(), "a log event without a message");
            return Ok(true);
        };
        let written = written_time(event);
        let time = written.and_then(timestamp::parse);
        if time.is_none() && written.is_some() {
            self.file.skip(
                place.position.clone(),
                "its timestamp is no time; the line is kept without it",
            );
        }
        let event = Event {
            group: text(&["logGroupName", "logGroup", "@log", "@log_group"])
                .map_or_else(|| context.group.clone(), group),
            stream: text(&["logStreamName", "logStream", "@logStream", "@log_stream"])
                .unwrap_or_else(|| context.stream.clone()),
            event_id: text(&["eventId", "id", "@id", "@ptr"]),
            time,
            message,
        };
        self.log_event(event, &place.position)?;
        Ok(true)
    }

    /// A line that is itself the object, without CloudWatch's wrapper.
    fn line(&mut self, value: &Value, place: &Place) -> Result<bool, Refused> {
        self.log_event(
            Event {
                message: value.to_string(),
                ..Event::default()
            },
            &place.position,
        )?;
        Ok(true)
    }
}

fn is_durable(document: &Map<String, Value>) -> bool {
    let arn = document.get("executionArn").and_then(Value::as_str);
    arn.is_some_and(|arn| durable::engine_of(arn) == Engine::lambda_durable())
}

fn written_time(event: &Value) -> Option<&Value> {
    event.get("timestamp").or_else(|| event.get("@timestamp"))
}

/// What a page says about all its events.
#[derive(Default)]
struct Context {
    group: String,
    stream: String,
}

impl Context {
    fn of(page: &Value) -> Context {
        let text = |keys: [&str; 2]| {
            keys.iter()
                .find_map(|key| page.get(*key)?.as_str())
                .unwrap_or("")
                .to_owned()
        };
        Context {
            group: group(text(["logGroup", "logGroupName"])),
            stream: text(["logStream", "logStreamName"]),
        }
    }
}

/// Insights puts the account in front: `123456789012:/aws/lambda/orders`; some tools write the ARN.
fn group(name: String) -> String {
    if let Some((_, group)) = name.split_once(":log-group:") {
        return group.trim_end_matches(":*").to_owned();
    }
    match name.split_once(':') {
        Some((account, group)) if account.bytes().all(|b| b.is_ascii_digit()) => group.to_owned(),
        _ => name,
    }
}

/// Members that a log event of some export has.
const LOG_EVENT: &[&str] = &[
    "timestamp",
    "message",
    "ingestionTime",
    "eventId",
    "id",
    "logStreamName",
    "logStream",
    "logGroupName",
    "logGroup",
    "extractedFields",
    "@timestamp",
    "@message",
    "@logStream",
    "@log",
    "@ingestionTime",
    "@ptr",
    "ptr",
    "@id",
    "@owner",
    "@log_group",
    "@log_stream",
];

fn is_log_event(value: &Value) -> bool {
    let Value::Object(members) = value else {
        return false;
    };
    let has = |key: &str| members.contains_key(key);
    // Whatever a forwarder put around it, nothing but Lambda prints such a line.
    let text = members.get("message").and_then(Value::as_str);
    if text.is_some_and(is_platform_text) {
        return true;
    }
    (has("message") || has("@message"))
        && [
            "timestamp",
            "@timestamp",
            "eventId",
            "ingestionTime",
            "logStreamName",
        ]
        .iter()
        .any(|key| has(key))
        && members.keys().all(|key| LOG_EVENT.contains(&key.as_str()))
}

/// The events of a page of filter-log-events or get-log-events.
fn log_events(page: &Value) -> Option<&[Value]> {
    let events = page
        .get("events")
        .or_else(|| page.get("logEvents"))?
        .as_array()?;
    events.iter().take(16).any(is_log_event).then_some(events)
}

/// `{time, type, record}` of the platform, the Telemetry API or the Logs API.
fn is_frame(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("");
    value.get("record").is_some()
        && (kind.starts_with("platform.") || kind == "function" || kind == "extension")
}

/// A line of a structured logger.
fn is_logged(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let level = text("level")
        .or_else(|| text("severity"))
        .or_else(|| text("log.level"));
    level.is_some_and(|level| severity_number(level) > 0)
        && (value.get("message").is_some() || text("msg").is_some())
}

fn is_envelope(value: &Value) -> bool {
    ["awslogs", "kinesis"]
        .iter()
        .any(|key| value.get(key).is_some())
        || (value.get("messageType").is_some() && value.get("logEvents").is_some())
}

fn is_otlp(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|members| otlp::signal(members).is_some())
}

fn is_insights_row(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|cells| insights_row(cells).is_some())
}

/// A row of a Logs Insights result, a list of fields and values, as an object.
fn insights_row(cells: &[Value]) -> Option<Value> {
    let pair = |cell: &Value| {
        Some((
            cell.get("field")?.as_str()?.to_owned(),
            cell.get("value")?.clone(),
        ))
    };
    let row: Map<String, Value> = cells.iter().map(pair).collect::<Option<_>>()?;
    row.contains_key("@message").then_some(Value::Object(row))
}

/// Formats that are known but not read.
fn unsupported(items: &[Value]) -> Option<&'static str> {
    let first = items.first()?;
    let has = |key: &str| first.get(key).is_some();
    (has("traceID") && has("processes")).then_some("Jaeger traces")
}

fn unpack(data: &str) -> Result<Value, String> {
    let raw = base64::engine::general_purpose::STANDARD
        .decode(data.trim())
        .map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    if raw.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::read::MultiGzDecoder::new(&raw[..])
            .take(MAX_PAYLOAD + 1)
            .read_to_end(&mut bytes);
        unpacked.map_err(|error| error.to_string())?;
    } else {
        bytes = raw;
    }
    if bytes.len() as u64 > MAX_PAYLOAD {
        return Err(format!("it is larger than {MAX_PAYLOAD} bytes"));
    }
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}
