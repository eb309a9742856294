//! The history of one execution: all of it, or what is new of it.

use super::memory::Open;
use crate::{
    aws::{
        api,
        call::{CallError, Calls},
    },
    collect::{Failure, Outlet},
    step_functions::{Event, History, Piece, assemble, recognise},
};
use serde_json::Value;
use std::path::PathBuf;

/// Pieces of one execution are handed over before its end when their text is larger than this.
const LARGE: usize = 64 << 20;
/// Events asked for at once: the most that AWS gives.
const PAGE: i32 = 1_000;

/// What was fetched of one execution.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// For [`assemble`].
    pub pieces: Vec<Piece>,
    /// Text in them, bytes.
    pub bytes: usize,
    /// Events in them.
    pub events: u64,
    /// Last event held then.
    pub last_event: u64,
    /// Redrives up to there.
    pub redrives: u32,
    /// Start of the execution, nanoseconds, if its first event is here.
    pub start: Option<i64>,
    /// True when the history ends with the end of the execution.
    pub ended: bool,
    /// Map runs that began.
    pub map_runs: Vec<String>,
    /// Executions that it started.
    pub children: Vec<String>,
}

impl Fetched {
    fn new(open: &Open) -> Self {
        Fetched {
            last_event: open.last_event,
            redrives: open.redrives,
            ..Fetched::default()
        }
    }

    /// Adds events that follow those that are here, in order of id.
    fn add(&mut self, arn: &str, mut events: Vec<Event>) {
        for event in &mut events {
            if event.event_type == "ExecutionRedriven" {
                let said = member(&event.details, "redriveCount").and_then(|it| it.as_u64());
                self.redrives = said
                    .and_then(|count| u32::try_from(count).ok())
                    .unwrap_or(self.redrives.saturating_add(1));
            }
            event.redrive_count = Some(self.redrives);
            self.bytes += event.details.len() + 200;
            self.notice(event);
        }
        self.events += events.len() as u64;
        if events.is_empty() {
            return;
        }
        if let Some(last) = events.last() {
            self.last_event = self.last_event.max(last.id);
            self.ended = is_end(&last.event_type);
        }
        self.pieces.push(Piece::History(History {
            execution_arn: Some(arn.to_owned()),
            events,
            ..History::default()
        }));
    }

    fn notice(&mut self, event: &Event) {
        match event.event_type.as_str() {
            "ExecutionStarted" => self.start = event.time.map(|time| time.0),
            "MapRunStarted" | "MapRunRedriven" => {
                let arn = member(&event.details, "mapRunArn");
                self.map_runs.extend(arn.and_then(text));
            }
            "TaskSubmitted" | "TaskSucceeded" if event.details.contains("startExecution") => {
                let answer = member(&event.details, "output")
                    .and_then(text)
                    .unwrap_or_default();
                let arn =
                    member(&answer, "ExecutionArn").or_else(|| member(&answer, "executionArn"));
                self.children.extend(arn.and_then(text));
            }
            _ => {}
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn member(json: &str, name: &str) -> Option<Value> {
    match serde_json::from_str(json).ok()? {
        Value::Object(mut members) => members.remove(name),
        _ => None,
    }
}

fn is_end(event_type: &str) -> bool {
    [
        "ExecutionSucceeded",
        "ExecutionFailed",
        "ExecutionAborted",
        "ExecutionTimedOut",
    ]
    .contains(&event_type)
}

/// Fetches what is not held of a history: from its beginning, or from its end back to what is held, so
/// that following a long execution takes one call a time.
pub(super) async fn fetch(
    calls: &Calls,
    out: &Outlet,
    arn: &str,
    open: &Open,
) -> Result<Result<Fetched, CallError>, Failure> {
    let mut fetched = Fetched::new(open);
    let reverse = open.last_event > 0;
    let mut token: Option<String> = None;
    let mut newest_first: Vec<Event> = Vec::new();
    let mut ended: Option<bool> = None;
    loop {
        let page = match page(calls, arn, reverse, token).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        token = page.get("nextToken").cloned().and_then(text);
        let mut events = events(page);
        let before = events.len();
        if reverse && let Some(last) = events.iter().max_by_key(|event| event.id) {
            ended.get_or_insert(is_end(&last.event_type));
        }
        events.retain(|event| event.id > open.last_event);
        let reached = events.len() < before || before == 0;
        if reverse {
            newest_first.extend(events);
        } else {
            events.sort_by_key(|event| event.id);
            fetched.add(arn, events);
            if fetched.bytes > LARGE {
                let pieces = std::mem::take(&mut fetched.pieces);
                fetched.bytes = 0;
                out.facts(batch(pieces)).await?;
            }
        }
        if token.is_none() || (reverse && reached) {
            break;
        }
    }
    if reverse {
        newest_first.sort_by_key(|event| event.id);
        newest_first.dedup_by_key(|event| event.id);
        fetched.add(arn, newest_first);
        fetched.ended = ended.unwrap_or_default();
    }
    Ok(Ok(fetched))
}

/// The facts in the pieces.
pub(super) fn batch(pieces: Vec<Piece>) -> model::Batch {
    let named = pieces.into_iter().map(|piece| (PathBuf::new(), piece));
    let (batch, skips) = assemble(named.collect());
    for skip in skips {
        tracing::warn!(
            position = skip.position,
            reason = skip.reason,
            "left out of what was collected"
        );
    }
    batch
}

async fn page(
    calls: &Calls,
    arn: &str,
    reverse: bool,
    token: Option<String>,
) -> Result<Value, CallError> {
    calls
        .ask(&api::GET_HISTORY, |clients, capture| {
            let call = clients.sfn.get_execution_history().execution_arn(arn);
            let call = call.max_results(PAGE).reverse_order(reverse);
            let call = call
                .include_execution_data(true)
                .set_next_token(token.clone());
            async move { call.customize().interceptor(capture).send().await }
        })
        .await
}

fn events(mut page: Value) -> Vec<Event> {
    let events = page.get_mut("events").map(Value::take).unwrap_or_default();
    if events.as_array().is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for piece in recognise(&events).unwrap_or_default() {
        if let Piece::History(history) = piece {
            for problem in history.problems {
                tracing::warn!(
                    position = problem.position,
                    reason = problem.reason,
                    "an event of a history"
                );
            }
            all.extend(history.events);
        }
    }
    all
}
