//! Lines of workers that received messages whose answers never came, and the jobs that attempts waited for.

use super::Court;
use analysis::{
    case::{
        Case, joblogs,
        letters::{self, Letter, MOST_HITS},
        overheard::{self, Ear},
    },
    joins,
};
use anyhow::Result;
use model::{LogRecord, UnixNanos};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Lines without a request id around which others of the same worker are looked for, and for how long after them.
const MOST_ALONE: usize = 5;
const AFTER_NS: i64 = 60_000_000_000;
/// Executions whose times touch that are listened for at once.
const LISTENED_AT_ONCE: usize = 20;
/// Spans of workers of one execution.
const MOST_WORKED: usize = 5_000;

impl Court {
    /// Gives cases the jobs that they waited for.
    pub(super) async fn add_jobs(&self, cases: &mut [Case]) -> Result<()> {
        let attempts = cases.iter().flat_map(|it| &it.attempts);
        let ids: BTreeSet<String> = attempts.filter_map(|it| it.job_id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let jobs = self.held.jobs_where("job_id", &ids).await?;
        let by_id: HashMap<&str, _> = jobs.iter().map(|it| (it.job_id.as_str(), it)).collect();
        for case in cases {
            let own: BTreeSet<&str> = case
                .attempts
                .iter()
                .filter_map(|it| it.job_id.as_deref())
                .collect();
            case.jobs = own
                .into_iter()
                .filter_map(|id| by_id.get(id).map(|it| (*it).clone()))
                .collect();
        }
        Ok(())
    }

    /// Gives cases what the jobs wrote that they waited for.
    pub(super) async fn add_job_logs(&self, cases: &mut [Case]) -> Result<()> {
        let keys: Vec<Vec<joblogs::Key>> = cases.iter().map(joblogs::keys).collect();
        let all = keys.iter().flatten().map(|it| it.text.clone());
        let ids: BTreeSet<String> = all.collect();
        let asking = || cases.iter().zip(&keys).filter(|(_, keys)| !keys.is_empty());
        let from = asking().map(|(it, _)| it.execution.start_time.0).min();
        let to = asking().map(|(it, _)| it.execution.end_time.map_or(i64::MAX, |end| end.0));
        let (Some(from), Some(to)) = (from, to.max()) else {
            return Ok(());
        };
        let most = joblogs::MOST_LINES * asking().count();
        let window =
            UnixNanos(from.saturating_sub(AFTER_NS))..=UnixNanos(to.saturating_add(AFTER_NS));
        let found = self.held.logs_of_streams(&ids, &window, most).await?;
        for (case, keys) in cases.iter_mut().zip(&keys) {
            let lines = joblogs::lines(keys, found.iter());
            if !lines.is_empty() {
                case.logs.extend(lines);
                case.logs.sort_by_key(|it| (it.time, it.log_id));
                case.logs.dedup_by_key(|it| it.log_id);
            }
        }
        Ok(())
    }

    /// Gives cases the spans of workers that name the messages which they sent.
    pub(super) async fn add_workers(&self, cases: &mut [Case]) -> Result<()> {
        for case in cases {
            let sent = joins::message_ids(&case.attempts, &case.events);
            let ids: BTreeSet<String> = sent.keys().cloned().collect();
            if ids.is_empty() {
                continue;
            }
            let start = case.execution.start_time;
            let end = case.execution.end_time.unwrap_or(UnixNanos(i64::MAX)).0;
            let window = start..=UnixNanos(end.saturating_add(AFTER_NS));
            let mut traces = BTreeSet::new();
            for name in joins::MESSAGE_ID {
                if !self.held.has_span_attribute(name) {
                    continue;
                }
                let column = format!("attributes['{name}']");
                let found = self.held.spans_where(&column, &ids, Some(window.clone()));
                traces.extend(found.await?.iter().map(|it| it.trace_id.to_string()));
            }
            if traces.is_empty() {
                continue;
            }
            let held: HashSet<_> = case
                .spans
                .iter()
                .map(|it| (it.trace_id, it.span_id))
                .collect();
            let mut more = self
                .held
                .spans_where("trace_id", &traces, Some(window))
                .await?;
            more.retain(|it| it.source.is_received() && !held.contains(&(it.trace_id, it.span_id)));
            more.sort_by_key(|it| (it.start_time, it.trace_id, it.span_id));
            more.truncate(MOST_WORKED);
            let found = joins::by_message(&case.execution, &sent, &more, &case.joins);
            case.spans.extend(more);
            case.joins.extend(found);
        }
        Ok(())
    }

    /// Gives cases what workers wrote that received their unanswered messages.
    pub(super) async fn hear(&self, cases: &mut [Case]) -> Result<()> {
        for case in cases {
            let letters = letters::letters(case);
            if !letters.is_empty() {
                case.heard = self.heard(case, &letters).await?;
            }
        }
        Ok(())
    }

    /// Gives cases what others wrote about those whom they waited for, where something failed or took long. Cases whose times
    /// touch are asked for at once: most of a question's cost does not depend on how much it asks for.
    pub(super) async fn overhear(&self, cases: &mut [Case]) -> Result<()> {
        let mut ears: Vec<(usize, Ear)> = Vec::new();
        for (n, case) in cases.iter().enumerate() {
            ears.extend(Ear::of(case).map(|it| (n, it)));
        }
        ears.sort_by_key(|(n, it)| (it.from, it.to, *n));
        let mut from = 0;
        while from < ears.len() {
            let mut until = ears[from].1.to;
            let mut to = from + 1;
            while to < ears.len() && ears[to].1.from <= until && to - from < LISTENED_AT_ONCE {
                until = until.max(ears[to].1.to);
                to += 1;
            }
            let together = &ears[from..to];
            let names: BTreeSet<String> =
                together.iter().flat_map(|it| it.1.names.clone()).collect();
            let window = together[0].1.from..=until;
            let mut lines = self
                .held
                .logs_where("service_name", &names, Some(window.clone()))
                .await?;
            let most = overheard::MOST_HITS * together.len();
            lines.extend(self.held.logs_holding(&names, &window, most).await?);
            for (n, ear) in together {
                let case = &mut cases[*n];
                case.overheard = ear.kept(case, &lines);
            }
            from = to;
        }
        Ok(())
    }

    pub(super) async fn heard(&self, case: &Case, letters: &[Letter]) -> Result<Vec<LogRecord>> {
        let all: Vec<&Letter> = letters.iter().collect();
        let mut hits = self
            .lines_with(&all, |it| &it.keys, Letter::is_named)
            .await?;
        // What a message holds is only looked for where nothing names the message itself.
        let unnamed = |it: &&Letter| !hits.iter().any(|line| it.is_named(line));
        let unnamed: Vec<&Letter> = letters.iter().filter(unnamed).collect();
        let hinted = self.lines_with(&unnamed, |it| &it.hints, Letter::is_hinted);
        hits.extend(hinted.await?);
        // Who could not take it wrote of the queue at most. That searches texts, so it is asked only where something was lost.
        let lost = letters::lost(case);
        let unknown = |it: &&Letter| {
            lost && !hits
                .iter()
                .any(|line| it.is_named(line) || it.is_hinted(line))
        };
        let unknown: Vec<&Letter> = letters.iter().filter(unknown).collect();
        let places: BTreeSet<String> = unknown.iter().map(|it| it.place.clone()).collect();
        let workers = unknown.iter().flat_map(|it| it.workers.clone()).collect();
        hits.extend(self.lines_about(&unknown, places, workers).await?);
        let mut lines = Vec::new();
        let (asked, alone): (Vec<_>, Vec<_>) =
            hits.iter().partition(|it| !it.request_id.is_empty());
        let requests: BTreeSet<String> = asked.iter().map(|it| it.request_id.clone()).collect();
        if !requests.is_empty() {
            lines.extend(self.held.logs_where("request_id", &requests, None).await?);
        }
        let over = letters.iter().map(|it| it.to).max().unwrap_or_default();
        for hit in alone.iter().take(MOST_ALONE) {
            let worker = BTreeSet::from([hit.service_name.clone()]);
            let window = hit.time..=letters::heard_until(hit.time, over);
            lines.extend(
                self.held
                    .logs_where("service_name", &worker, Some(window))
                    .await?,
            );
        }
        let hits: Vec<&LogRecord> = hits.iter().collect();
        Ok(letters::around(case, &hits, &lines))
    }

    /// Lines that name the way of these messages, or that were written by a worker of its name.
    async fn lines_about(
        &self,
        letters: &[&Letter],
        mut places: BTreeSet<String>,
        mut workers: BTreeSet<String>,
    ) -> Result<Vec<LogRecord>> {
        places.remove("");
        let from = letters.iter().map(|it| it.from).min();
        let (Some(from), Some(to)) = (from, letters.iter().map(|it| it.to).max()) else {
            return Ok(Vec::new());
        };
        workers.extend(places.iter().cloned());
        if workers.is_empty() {
            return Ok(Vec::new());
        }
        let window = from..=to;
        let mut found = Vec::new();
        if !places.is_empty() {
            found = self.held.logs_holding(&places, &window, MOST_HITS).await?;
        }
        found.extend(
            self.held
                .logs_where("service_name", &workers, Some(window))
                .await?,
        );
        found.retain(|line| letters.iter().any(|it| it.is_about(line)));
        found.sort_by_key(|it| (it.time, it.log_id));
        found.dedup_by_key(|it| it.log_id);
        found.truncate(MOST_HITS);
        Ok(found)
    }

    /// Lines that hold words of these messages, in the time in which they can have been received.
    async fn lines_with(
        &self,
        letters: &[&Letter],
        words: fn(&Letter) -> &Vec<String>,
        fits: fn(&Letter, &LogRecord) -> bool,
    ) -> Result<Vec<LogRecord>> {
        let all: BTreeSet<String> = letters.iter().flat_map(|it| words(it)).cloned().collect();
        let from = letters.iter().map(|it| it.from).min();
        let (Some(from), Some(to)) = (from, letters.iter().map(|it| it.to).max()) else {
            return Ok(Vec::new());
        };
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self
            .held
            .logs_holding(&all, &(from..=to), MOST_HITS)
            .await?;
        found.retain(|line| letters.iter().any(|it| fits(it, line)));
        Ok(found)
    }
}
