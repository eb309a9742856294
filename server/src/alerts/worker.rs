//! The one that delivers: looks what is due, tries, writes down what came of it.

use super::Alerts;
use crate::clock;
use model::{UnixNanos, api::deliveries::TestOutcome};
use notify::{
    Notification, Receiver, Receivers,
    outbox::{self, Job, Outcome},
    send::{Sender, Sent},
    silence,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Attempts at once, to all receivers together and to one.
const AT_ONCE: usize = 32;
const AT_ONCE_EACH: usize = 4;
/// Other processes write to the outbox, too, and change the file of receivers.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

type Thread = (String, String);

/// What the worker remembers from one round to the next; none of it must survive.
struct Worker<'a> {
    alerts: &'a Alerts,
    receivers: Arc<Receivers>,
    senders: HashMap<String, Arc<Sender>>,
    busy: BTreeSet<Thread>,
    begun: BTreeMap<String, Instant>,
    running: JoinSet<(Job, Sent, UnixNanos, Duration)>,
}

/// Delivers until it is told to end.
pub async fn run(alerts: &Alerts, end: CancellationToken) {
    let mut worker = Worker {
        receivers: alerts.receivers(),
        alerts,
        senders: HashMap::new(),
        busy: BTreeSet::new(),
        begun: BTreeMap::new(),
        running: JoinSet::new(),
    };
    loop {
        let wait = match worker.round() {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "cannot deliver alerts");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = end.cancelled() => break,
            () = alerts.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            Some(ended) = worker.running.join_next() => worker.take(ended),
        }
    }
    // What is on its way is waited for a little; what is not answered then is tried again at the next start.
    let drained = tokio::time::timeout(Duration::from_secs(5), async {
        while let Some(ended) = worker.running.join_next().await {
            worker.take(ended);
        }
    });
    let _ = drained.await;
}

impl Worker<'_> {
    /// Begins what is due; says how long there is nothing to do.
    fn round(&mut self) -> notify::Result<Duration> {
        self.alerts.receiving.reload();
        let current = self.alerts.receivers();
        if !Arc::ptr_eq(&current, &self.receivers) {
            self.receivers = current;
            self.senders.clear();
        }
        let now = clock::now();
        let state = &self.alerts.state;
        let silences = silence::list(state)?;
        let plan = outbox::plan(state, &silences, &self.busy, now)?;
        let mut wait = LOOK_AGAIN;
        if let Some(next) = plan.next {
            wait = wait.min(Duration::from_nanos(
                u64::try_from(next.since(now)).unwrap_or_default(),
            ));
        }
        for number in plan.due {
            if self.running.len() >= AT_ONCE {
                break;
            }
            let Some(name) = outbox::receiver_of(state, number)? else {
                continue;
            };
            if let Some(later) = self.held_up(&name) {
                wait = wait.min(later);
                continue;
            }
            if let Some(job) = outbox::begin(state, &self.receivers, number, now)? {
                self.start(job, now);
            }
        }
        Ok(wait.max(Duration::from_millis(5)))
    }

    /// How long this receiver must be spared, if it must.
    fn held_up(&self, name: &str) -> Option<Duration> {
        let running = self
            .busy
            .iter()
            .filter(|(receiver, _)| receiver == name)
            .count();
        let spacing = self
            .receivers
            .named(name)
            .map_or(0, |it| it.format.spacing_ms());
        if running >= AT_ONCE_EACH || (spacing > 0 && running > 0) {
            return Some(LOOK_AGAIN);
        }
        let ready = *self.begun.get(name)? + Duration::from_millis(spacing);
        let left = ready.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn start(&mut self, job: Job, now: UnixNanos) {
        let name = job.message.receiver.clone();
        let thread = (name.clone(), job.message.notification.incident.key.clone());
        let Some(receiver) = self.receivers.named(&name) else {
            return;
        };
        let sender = match self.senders.get(&name) {
            Some(sender) => Ok(sender.clone()),
            None => Sender::new(receiver, &self.receivers.external_url).map(Arc::new),
        };
        self.busy.insert(thread);
        self.begun.insert(name.clone(), Instant::now());
        match sender {
            Ok(sender) => {
                self.senders.insert(name, sender.clone());
                self.running.spawn(async move {
                    let begun = Instant::now();
                    let message = &job.message;
                    let sent = sender.send(&message.id, &message.notification, now).await;
                    (job, sent, now, begun.elapsed())
                });
            }
            Err(error) => {
                let sent = unsent(error.to_string());
                self.running
                    .spawn(async move { (job, sent, now, Duration::ZERO) });
            }
        }
    }

    fn take(&mut self, ended: Result<(Job, Sent, UnixNanos, Duration), tokio::task::JoinError>) {
        let (job, sent, began, took) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "an attempt to deliver ended badly");
                return;
            }
        };
        let message = &job.message;
        let thread = (
            message.receiver.clone(),
            message.notification.incident.key.clone(),
        );
        let at = UnixNanos(
            began
                .0
                .saturating_add(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX)),
        );
        let state = &self.alerts.state;
        let noted = outbox::record(
            state,
            &self.receivers,
            message.number,
            &sent.outcome,
            sent.attempt(at, took),
        );
        match noted {
            // It stays busy: told again in this process it might be told twice.
            Err(error) => {
                tracing::error!(%error, id = message.id, "cannot write down what became of a message")
            }
            Ok(noted) => {
                self.busy.remove(&thread);
                if sent.outcome != Outcome::Delivered {
                    tracing::warn!(
                        receiver = noted.receiver,
                        id = noted.id,
                        attempts = noted.attempts,
                        status = noted.status.as_str(),
                        error = sent.error,
                        "an alert was not delivered"
                    );
                }
            }
        }
    }
}

fn unsent(error: String) -> Sent {
    Sent {
        outcome: Outcome::Again { asked_s: None },
        status: None,
        error,
        uncertain: false,
    }
}

/// Sends a test message to a receiver now, past the outbox, signed as any other.
pub async fn test(receivers: &Receivers, receiver: &Receiver) -> TestOutcome {
    let now = clock::now();
    let id = format!("msg_test_{}", now.0);
    let message = Notification::test(now, &receiver.name);
    let begun = Instant::now();
    let sent = match Sender::new(receiver, &receivers.external_url) {
        Ok(sender) => sender.send(&id, &message, now).await,
        Err(error) => unsent(error.to_string()),
    };
    TestOutcome {
        receiver: receiver.name.clone(),
        delivered: sent.outcome == Outcome::Delivered,
        status: sent.status,
        error: sent.error,
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        id,
        signed: receiver.signs(),
    }
}
