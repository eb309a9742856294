//! How every source stands.

use crate::clock;
use collectors::collect::{About, Advice, Failure, Meter, Round};
use model::{
    UnixNanos,
    api::sources::{QuotaUse, SourceError, SourcePage, SourceRow, SourceState},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;

/// How every source stands. Clones are the same.
#[derive(Clone, Default)]
pub struct Sources {
    all: Arc<Mutex<BTreeMap<String, Standing>>>,
}

#[derive(Default)]
struct Standing {
    about: About,
    push: bool,
    meter: Meter,
    state: SourceState,
    detail: String,
    records: u64,
    recent: VecDeque<(i64, u64)>,
    calls: BTreeMap<&'static str, VecDeque<(i64, u64)>>,
    following: u64,
    up_to: Option<UnixNanos>,
    newest: Option<UnixNanos>,
    error: Option<(UnixNanos, Failure, u32)>,
    last_taken: Option<UnixNanos>,
    last_poll: Option<UnixNanos>,
    next_poll: Option<UnixNanos>,
}

impl Sources {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Standing)) {
        change(self.lock().entry(name.to_owned()).or_default());
    }

    /// Adds a source that is asked.
    pub fn add(&self, about: About, meter: Meter) {
        self.change(&about.name.clone(), |it| {
            it.about = about;
            it.meter = meter;
        });
    }

    /// Adds a door that others push to.
    pub fn add_door(&self, about: About, detail: &str) {
        self.change(&about.name.clone(), |it| {
            it.about = about;
            it.push = true;
            it.state = SourceState::Waiting;
            detail.clone_into(&mut it.detail);
        });
    }

    /// Counts what was taken; `newest` is the time of the newest of it.
    pub fn took(&self, name: &str, records: u64, newest: Option<UnixNanos>) {
        let now = clock::now();
        self.change(name, |it| {
            it.records += records;
            it.recent.push_back((now.0, records));
            it.last_taken = Some(now);
            it.newest = it.newest.max(newest);
            if it.push {
                it.state = SourceState::Working;
                it.error = None;
            }
            trim(&mut it.recent, now.0);
        });
    }

    /// A round ended well.
    pub fn ended(&self, name: &str, round: &Round) {
        let now = clock::now();
        self.change(name, |it| {
            it.state = match round.behind {
                Some(_) => SourceState::Behind,
                None => SourceState::Working,
            };
            it.detail = match &round.behind {
                Some(behind) => format!("{}; {behind}", round.detail),
                None => round.detail.clone(),
            };
            it.following = round.following;
            it.up_to = it.up_to.max(round.up_to);
            it.last_poll = Some(now);
            it.next_poll = Some(later(now, round.wait));
            if let Some((_, _, times)) = &mut it.error {
                *times = 0;
            }
            it.note_calls(now.0);
        });
    }

    /// Something failed; it is tried again after `wait`.
    pub fn failed(&self, name: &str, failure: &Failure, wait: Option<Duration>) {
        let now = clock::now();
        self.change(name, |it| {
            let times = it.error.as_ref().map_or(0, |(_, _, times)| *times) + 1;
            it.state = SourceState::Failing;
            it.error = Some((now, failure.clone(), times));
            it.last_poll = Some(now);
            it.next_poll = wait.map(|wait| later(now, wait));
            it.note_calls(now.0);
        });
    }

    /// All of them, as the API shows them.
    pub fn page(&self) -> SourcePage {
        let now = clock::now();
        SourcePage {
            rows: self.lock().values_mut().map(|it| it.row(now)).collect(),
        }
    }
}

fn later(now: UnixNanos, wait: Duration) -> UnixNanos {
    let wait = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
    UnixNanos(now.0.saturating_add(wait))
}

/// Keeps the last minute.
fn trim(recent: &mut VecDeque<(i64, u64)>, now: i64) {
    while recent.front().is_some_and(|(time, _)| *time < now - MINUTE) {
        recent.pop_front();
    }
}

fn text(time: Option<UnixNanos>) -> Option<String> {
    time.map(|time| time.0.to_string())
}

impl Standing {
    /// Remembers how many calls had been made by now.
    fn note_calls(&mut self, now: i64) {
        for (api, counts) in self.meter.read() {
            let noted = self.calls.entry(api).or_default();
            noted.push_back((now, counts.calls));
            while noted.len() > 2 && noted.get(1).is_some_and(|(time, _)| *time < now - MINUTE) {
                noted.pop_front();
            }
        }
    }

    fn row(&mut self, now: UnixNanos) -> SourceRow {
        trim(&mut self.recent, now.0);
        let recent: u64 = self.recent.iter().map(|(_, records)| records).sum();
        let known = if self.push { self.newest } else { self.up_to };
        SourceRow {
            name: self.about.name.clone(),
            kind: self.about.kind.clone(),
            mode: if self.push { "push" } else { "pull" }.to_owned(),
            state: self.state,
            detail: self.detail.clone(),
            place: self.about.place.clone(),
            lag_ns: known.map(|known| now.since(known).max(0)),
            records: self.records,
            records_per_s: recent as f64 / 60.0,
            following: self.following,
            quotas: self.quotas(now.0),
            last_error: self.last_error(now),
            last_taken: text(self.last_taken),
            last_poll: text(self.last_poll),
            next_poll: text(self.next_poll),
        }
    }

    fn quotas(&self, now: i64) -> Vec<QuotaUse> {
        let usage = |(api, counts): (&'static str, collectors::collect::Metered)| {
            let noted = self.calls.get(api).and_then(|noted| noted.front());
            let used = noted
                .filter(|(time, _)| *time < now)
                .map_or(0.0, |(time, calls)| {
                    counts.calls.saturating_sub(*calls) as f64 * 1e9 / (now - time) as f64
                });
            QuotaUse {
                api: api.to_owned(),
                calls: counts.calls,
                throttled: counts.throttled,
                allowed_per_s: counts.allowed_per_s,
                used_per_s: used,
                waited_ms: counts.waited_ms,
            }
        };
        self.meter.read().into_iter().map(usage).collect()
    }

    fn last_error(&self, now: UnixNanos) -> Option<SourceError> {
        let (time, failure, times) = self.error.as_ref()?;
        let shown = *times > 0 || now.since(*time) < HOUR;
        shown.then(|| SourceError {
            time: time.0.to_string(),
            message: failure.message.clone(),
            advice: match (failure.hint.as_str(), failure.advice) {
                ("", Advice::Change) => "change the configuration or the permissions".to_owned(),
                ("", _) => "wait: it is tried again by itself".to_owned(),
                (hint, _) => hint.to_owned(),
            },
            times: *times,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_tells_how_it_stands() {
        let sources = Sources::default();
        let about = About {
            name: "p/sfn".into(),
            ..About::default()
        };
        let meter = Meter::default();
        sources.add(about, meter.clone());
        let row = || sources.page().rows.remove(0);
        assert_eq!(row().state, SourceState::Starting);
        let failure = Failure::new(Advice::Change, "no", "allow it");
        sources.failed("p/sfn", &failure, Some(Duration::from_secs(5)));
        sources.failed("p/sfn", &failure, Some(Duration::from_secs(5)));
        let error = row().last_error.expect("an error");
        assert_eq!((error.times, error.advice.as_str()), (2, "allow it"));
        meter.count("states:ListExecutions", |it| it.calls += 7);
        sources.took("p/sfn", 120, None);
        let round = Round {
            behind: Some("slow".into()),
            ..Round::default()
        };
        sources.ended("p/sfn", &round);
        let row = row();
        assert_eq!((row.state, row.records), (SourceState::Behind, 120));
        assert_eq!(row.records_per_s, 2.0);
        assert_eq!(row.quotas[0].calls, 7);
        // The error of this hour is still told, but not as one that lasts.
        assert_eq!(row.last_error.expect("an error").times, 0);
    }
}
