//! The history of one durable execution, as far as it is not held.

use crate::{
    aws::{
        api,
        call::{CallError, Calls},
    },
    collect::{Failure, Outlet},
    durable,
    step_functions::{Event, History, Piece, assemble},
};
use model::Engine;
use serde_json::Value;
use std::path::PathBuf;

/// Events asked for at once: the most that AWS gives.
const PAGE: i32 = 1_000;
/// Pages of one history: AWS keeps 3,000 operations of an execution.
const MAX_PAGES: usize = 1_000;

/// What was fetched of one execution. The facts have been handed over.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub events: usize,
    pub last_event: u64,
    /// True when the history ends with the end of the execution.
    pub ended: bool,
}

/// Fetches what follows the event `held`: from the beginning, or from the end back to it, so that following
/// a long execution takes one call a time.
pub(super) async fn fetch(
    calls: &Calls,
    out: &Outlet,
    arn: &str,
    held: u64,
) -> Result<Result<Fetched, CallError>, Failure> {
    let reverse = held > 0;
    let mut fetched = Fetched {
        last_event: held,
        ..Fetched::default()
    };
    let mut waiting: Vec<Event> = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let answer = calls
            .ask(&api::GET_DURABLE_HISTORY, |clients, capture| {
                let call = clients.lambda.get_durable_execution_history();
                let call = call.durable_execution_arn(arn).include_execution_data(true);
                let call = call
                    .max_items(PAGE)
                    .reverse_order(reverse)
                    .set_marker(marker.clone());
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let all = events(&page);
        let reached = all.is_empty() || all.iter().any(|event| event.id <= held);
        let new: Vec<Event> = all.into_iter().filter(|event| event.id > held).collect();
        fetched.ended |= new.iter().any(|event| is_end(&event.event_type));
        fetched.events += new.len();
        match reverse {
            // Newest first: handed over at once, so that no hole is left behind what is remembered.
            true => waiting.extend(new),
            false => hand_over(out, arn, new, &mut fetched).await?,
        }
        marker = super::next(&page, marker.as_deref());
        if marker.is_none() || (reverse && reached) {
            break;
        }
    }
    hand_over(out, arn, waiting, &mut fetched).await?;
    Ok(Ok(fetched))
}

async fn hand_over(
    out: &Outlet,
    arn: &str,
    events: Vec<Event>,
    fetched: &mut Fetched,
) -> Result<(), Failure> {
    let last = events.iter().map(|event| event.id).max();
    let history = History {
        engine: Engine::lambda_durable(),
        execution_arn: Some(arn.to_owned()),
        events,
        ..History::default()
    };
    out.facts(batch(vec![Piece::History(history)])).await?;
    fetched.last_event = fetched.last_event.max(last.unwrap_or(0));
    Ok(())
}

/// GetDurableExecution's answer.
pub(super) async fn describe(calls: &Calls, arn: &str) -> Result<Value, CallError> {
    calls
        .ask(&api::GET_DURABLE, |clients, capture| {
            let call = clients.lambda.get_durable_execution();
            let call = call.durable_execution_arn(arn);
            async move { call.customize().interceptor(capture).send().await }
        })
        .await
}

/// The facts in the pieces.
pub(super) fn batch(pieces: Vec<Piece>) -> model::Batch {
    let named = pieces.into_iter().map(|piece| (PathBuf::new(), piece));
    let (batch, skips) = assemble(named.collect());
    for skip in skips {
        let (position, reason) = (skip.position, skip.reason);
        tracing::warn!(position, reason, "left out of what was collected");
    }
    batch
}

fn events(page: &Value) -> Vec<Event> {
    let mut all = Vec::new();
    for piece in durable::recognise(page).unwrap_or_default() {
        if let Piece::History(history) = piece {
            for problem in history.problems {
                let (position, reason) = (problem.position, problem.reason);
                tracing::warn!(position, reason, "an event of a durable execution");
            }
            all.extend(history.events);
        }
    }
    all
}

fn is_end(event_type: &str) -> bool {
    const ENDS: [&str; 4] = [
        "ExecutionSucceeded",
        "ExecutionFailed",
        "ExecutionTimedOut",
        "ExecutionStopped",
    ];
    ENDS.contains(&event_type)
}
