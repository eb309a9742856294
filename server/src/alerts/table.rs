//! The table `deliveries`.

use super::views;
use crate::clock;
use notify::outbox;
use query::Engine;
use serde::Serialize;
use state::State;
use store::StateTable;

/// Most rows that are shown: all that are kept, unless a receiver has been down for very long.
const MOST: usize = 50_000;

#[derive(Serialize)]
struct Row {
    delivery: String,
    number: u64,
    receiver: String,
    kind: String,
    incident: String,
    slo: String,
    severity: String,
    status: String,
    note: String,
    enqueued_at: i64,
    due_at: Option<i64>,
    done_at: Option<i64>,
    attempts: u32,
    last_status: Option<u16>,
    last_error: String,
}

/// Shows the outbox in SQL.
pub fn show(engine: &Engine, state: State) {
    engine.show(StateTable::Deliveries, move || {
        let rows = rows(&state).map_err(|error| query::Error::Engine(error.to_string()))?;
        query::extra::batch(StateTable::Deliveries, &rows)
    });
}

fn rows(state: &State) -> notify::Result<Vec<Row>> {
    let now = clock::now();
    let silences = notify::silence::list(state)?;
    let messages = outbox::messages(state, None, MOST)?;
    let row = |message: &outbox::Message| {
        let view = views::delivery(message, &silences, now);
        let last = message.log.last();
        Row {
            delivery: view.id,
            number: view.number,
            receiver: view.receiver,
            kind: view.kind,
            incident: view.incident,
            slo: view.slo,
            severity: view.severity,
            status: view.status,
            note: view.note,
            enqueued_at: message.enqueued.0,
            due_at: view.due.map(|_| message.due.0),
            done_at: message.done.map(|it| it.0),
            attempts: view.attempts,
            last_status: last.and_then(|it| it.status),
            last_error: last.map(|it| it.error.clone()).unwrap_or_default(),
        }
    };
    Ok(messages.iter().map(row).collect())
}
