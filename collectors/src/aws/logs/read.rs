//! Reading a group from where the last round ended.

use super::{Group, Logs, Wish};
use crate::{
    aws::{api, call::CallError},
    cloudwatch::{Event, Origin},
    collect::{Failure, Outlet},
};
use model::{Batch, UnixNanos};
use serde_json::Value;

/// Milliseconds that are read again, because lines arrive late.
const OVERLAP: i64 = 120_000;
/// Milliseconds that are read again after a start: the longest run of a function, so that lines without a
/// request id find the START above them.
const RESTART: i64 = 16 * 60_000;
/// Longest time after an attempt in which its function may still write, milliseconds.
const AFTERGLOW: i64 = 20 * 60_000;
/// First wait before what is missing is looked for again, milliseconds; it doubles.
const AGAIN: i64 = 60_000;
/// Records handed over at once.
const GROUP: usize = 20_000;

impl Logs {
    pub(super) async fn read(&mut self, out: &Outlet, wish: Wish) -> Result<(), Failure> {
        let now = out.now().0 / 1_000_000;
        let held = self.memory.groups.get(&wish.group).cloned();
        let fresh = !self.readers.contains_key(&wish.group);
        let mut place = held.clone().unwrap_or_default();
        let lookback = i64::try_from(self.calls.session.source.lookback_hours).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(lookback.saturating_mul(3_600_000));
        let mut from = match held {
            None => wish
                .missing_since
                .map_or(oldest, |since| since.min(oldest.max(since)) - OVERLAP),
            Some(_) if fresh => place.until - RESTART,
            Some(_) => place.until - OVERLAP,
        };
        let quiet = wish.last.is_some_and(|last| last + AFTERGLOW < place.until);
        if let Some(missing) = wish.missing_since.filter(|_| now >= place.again) {
            from = from.min(missing - OVERLAP);
            place.again = now + AGAIN.saturating_mul(1 << place.vain.min(9));
            place.vain += 1;
        } else if quiet {
            return Ok(());
        }
        if wish.missing_since.is_none() {
            (place.again, place.vain) = (0, 0);
        }
        if self.pages(out, &wish.group, from.max(0), now).await? {
            place.until = now;
            self.memory.groups.insert(wish.group, Group { ..place });
        }
        Ok(())
    }

    /// Hands over all lines of the window; false when there is no such group.
    async fn pages(
        &mut self,
        out: &Outlet,
        group: &str,
        from: i64,
        to: i64,
    ) -> Result<bool, Failure> {
        let reader = self.readers.entry(group.to_owned()).or_default();
        reader.before = std::mem::take(&mut reader.seen);
        let mut token: Option<String> = None;
        let mut batch = Batch::default();
        loop {
            let page = self
                .calls
                .ask(&api::FILTER_LOG_EVENTS, |clients, capture| {
                    let call = clients
                        .logs
                        .filter_log_events()
                        .log_group_name(group)
                        .limit(10_000);
                    let call = call
                        .start_time(from)
                        .end_time(to)
                        .set_next_token(token.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await;
            let mut page = match page {
                Ok(page) => page,
                Err(CallError::Gone(_)) => return Ok(false),
                Err(error) => return Err(self.calls.failure(&api::FILTER_LOG_EVENTS, error)),
            };
            token = page
                .get("nextToken")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let events = page.get_mut("events").map(Value::take);
            let mut events: Vec<(String, Event)> = match events {
                Some(Value::Array(events)) => {
                    events.iter().filter_map(|it| event(group, it)).collect()
                }
                _ => Vec::new(),
            };
            events.sort_by_key(|(_, event)| event.time);
            for (id, event) in events {
                if event
                    .time
                    .is_some_and(|time| time.0 / 1_000_000 >= to - OVERLAP - RESTART)
                {
                    reader.seen.insert(id.clone());
                }
                if reader.before.contains(&id) {
                    continue;
                }
                let recorded = reader.recorder.record(event, &Origin::default());
                batch.logs.extend(recorded.logs);
                batch.events.extend(recorded.event);
            }
            if batch.len() >= GROUP {
                out.facts(std::mem::take(&mut batch)).await?;
            }
            if token.is_none() {
                break;
            }
        }
        batch.logs.extend(reader.recorder.finish());
        out.facts(batch).await?;
        Ok(true)
    }
}

fn event(group: &str, value: &Value) -> Option<(String, Event)> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("eventId").unwrap_or_default();
    let millis = value.get("timestamp").and_then(Value::as_i64);
    let event = Event {
        group: group.to_owned(),
        stream: text("logStreamName").unwrap_or_default(),
        event_id: Some(id.clone()).filter(|id| !id.is_empty()),
        time: millis.map(UnixNanos::from_millis),
        message: text("message")?,
    };
    Some((id, event))
}
