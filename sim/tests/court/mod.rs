//! The way from files to verdicts without a store: recognise, assemble, join, judge. For tests that look at many
//! mysteries; `inquest sim run` goes the ordinary way.

#![allow(dead_code)] // Each test uses a part of it.

mod otlp;
mod witnesses;

use analysis::{
    case,
    case::{Case, callees},
    hops, joins, lambda, workflow,
};
use bytes::Bytes;
use collectors::import::{self, Chunk};
use inquest_sim::Mystery;
use model::{
    Attempt, Change, Document, HistoryEvent, Invocation, LogRecord, Span, TraceId, UnixNanos,
    Value, Verdict,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that was imported.
#[derive(Default)]
pub struct Held {
    events: BTreeMap<String, Vec<HistoryEvent>>,
    documents: Vec<Document>,
    logs: Vec<LogRecord>,
    spans: Vec<Span>,
    changes: Vec<Change>,
}

impl Held {
    /// Reads the files of a mystery.
    pub fn read(mystery: &Mystery) -> Self {
        let mut held = Held::default();
        let files: Vec<(PathBuf, Bytes)> = mystery
            .files
            .iter()
            .filter(|(path, _)| path != "deploys.json")
            .map(|(path, bytes)| (PathBuf::from(path), Bytes::from(bytes.clone())))
            .collect();
        let mut sink = |chunk: Chunk| {
            match chunk {
                Chunk::Batch(batch) => {
                    for event in batch.events {
                        held.events
                            .entry(event.execution_arn.clone())
                            .or_default()
                            .push(event);
                    }
                    held.documents.extend(batch.documents);
                    held.logs.extend(batch.logs);
                    held.spans.extend(batch.spans);
                }
                Chunk::OtlpTracesJson(bytes) => held.spans.extend(otlp::spans(&bytes)),
                Chunk::OtlpLogsJson(bytes) => held.logs.extend(otlp::logs(&bytes)),
                _ => {}
            }
            Ok(())
        };
        import::import_files(&files, &mut sink).expect("the files of a mystery can be imported");
        for (_, bytes) in mystery
            .files
            .iter()
            .filter(|(path, _)| path == "deploys.json")
        {
            held.changes = changes(bytes);
        }
        held.stand_in();
        held
    }

    /// Spans for the requests of which only a proxy's access log tells, as the assembler makes them.
    fn stand_in(&mut self) {
        let records = self.logs.iter().filter_map(hops::of_record);
        let mut traces: BTreeMap<TraceId, Vec<model::Hop>> = BTreeMap::new();
        for hop in records {
            traces.entry(hop.trace_id).or_default().push(hop);
        }
        let known = self.spans.iter().filter_map(hops::of_span);
        for hop in known {
            if let Some(all) = traces.get_mut(&hop.trace_id) {
                all.push(hop);
            }
        }
        let merged = traces.into_values().flat_map(hops::merge);
        let alone = merged.filter(|it| it.source == "access_log");
        self.spans.extend(alone.map(|it| hops::span_of(&it)));
    }

    /// The same rows in another order.
    pub fn shuffled(mut self) -> Self {
        for events in self.events.values_mut() {
            events.reverse();
            let half = events.len() / 2;
            events.rotate_left(half);
        }
        self.documents.reverse();
        self.logs.reverse();
        let third = self.logs.len() / 3;
        self.logs.rotate_left(third);
        self.spans.reverse();
        let third = self.spans.len() / 3;
        self.spans.rotate_left(third);
        self.changes.reverse();
        self
    }

    /// Without what these references name.
    pub fn without(mut self, cited: &BTreeSet<String>) -> Self {
        for events in self.events.values_mut() {
            events.retain(|it| {
                !cited.contains(&format!("event:{}#{}", it.execution_arn, it.event_id))
            });
        }
        // An invocation is what its lines tell.
        let gone: HashSet<String> = self
            .invocations()
            .into_iter()
            .filter(|it| cited.contains(&format!("span:{}/{}", it.trace_id, it.span_id)))
            .map(|it| it.request_id)
            .collect();
        self.logs.retain(|it| {
            !cited.contains(&format!("log:{}", it.log_id)) && !gone.contains(&it.request_id)
        });
        self.spans
            .retain(|it| !cited.contains(&format!("span:{}/{}", it.trace_id, it.span_id)));
        self.changes
            .retain(|it| !cited.contains(&format!("change:{}", it.trace_id)));
        self
    }

    /// The verdicts on these executions, by ARN.
    pub fn judge(&self, asked: &[&str]) -> HashMap<String, Verdict> {
        let cases = self.cases();
        let profiles: BTreeMap<&str, Arc<case::Profile>> = cases
            .iter()
            .map(|(arn, case)| (arn.as_str(), Arc::new(case::profile(case))))
            .collect();
        let mut verdicts = HashMap::new();
        for arn in asked {
            let Some(own) = cases.get(*arn) else { continue };
            let peers = cases
                .iter()
                .filter(|(other, case)| {
                    *other != arn && case.execution.state_machine == own.execution.state_machine
                })
                .filter_map(|(other, _)| profiles.get(other.as_str()).cloned())
                .collect();
            let end = own.execution.end_time.unwrap_or(own.execution.start_time).0 + 60_000_000_000;
            let changes = self
                .changes
                .iter()
                .filter(|change| change.time.0 <= end)
                .cloned()
                .collect();
            let world = case::World {
                peers,
                changes,
                loads: self.loads(own),
                witnesses: self.witnesses(own, &cases),
                below: below(own, &cases, &profiles),
            };
            let own = self.with_workers(own);
            verdicts.insert((*arn).to_owned(), case::judge(&own, &world));
        }
        verdicts
    }

    /// A case with the spans of workers that name its messages, as they are looked up where it is judged.
    fn with_workers(&self, case: &Case) -> Case {
        let mut case = case.clone();
        let sent = joins::message_ids(&case.attempts, &case.events);
        let about = |it: &&Span| joins::message_of(it).is_some_and(|id| sent.contains_key(id));
        let traces: HashSet<TraceId> = self
            .spans
            .iter()
            .filter(about)
            .map(|it| it.trace_id)
            .collect();
        let held: HashSet<_> = case
            .spans
            .iter()
            .map(|it| (it.trace_id, it.span_id))
            .collect();
        let mut more: Vec<Span> = self
            .spans
            .iter()
            .filter(|it| traces.contains(&it.trace_id))
            .cloned()
            .collect();
        more.retain(|it| !held.contains(&(it.trace_id, it.span_id)));
        let found = joins::by_message(&case.execution, &sent, &more, &case.joins);
        case.spans.extend(more);
        case.joins.extend(found);
        case
    }

    /// The verdict on an execution, and how long the judge took for it.
    pub fn timed(&self, arn: &str) -> (Verdict, std::time::Duration) {
        let cases = self.cases();
        let peers = cases.iter().filter(|(other, _)| *other != arn);
        let peers = peers
            .map(|(_, case)| Arc::new(case::profile(case)))
            .collect();
        let world = case::World {
            peers,
            ..case::World::default()
        };
        let began = std::time::Instant::now();
        let verdict = case::judge(&cases[arn], &world);
        (verdict, began.elapsed())
    }

    fn cases(&self) -> BTreeMap<String, Case> {
        let invocations = self.invocations();
        let mut cases: BTreeMap<String, Case> = BTreeMap::new();
        for (arn, events) in &self.events {
            let documents: Vec<Document> = self
                .documents
                .iter()
                .filter(|document| document.execution_arn == *arn)
                .cloned()
                .collect();
            let trace = workflow::build(events, &documents);
            let case = Case {
                execution: trace.execution,
                states: trace.states,
                attempts: trace.attempts,
                events: events.clone(),
                documents,
                ..Case::default()
            };
            cases.insert(arn.clone(), case);
        }
        let mut claims: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (arn, case) in &cases {
            for id in case
                .attempts
                .iter()
                .filter_map(|attempt| attempt.request_id.clone())
            {
                claims.entry(id).or_default().insert(arn.clone());
            }
        }
        let mut by_request: HashMap<&str, Vec<&Span>> = HashMap::new();
        for span in &self.spans {
            if let Some(Value::String(id)) = span.attributes.get("faas.invocation_id") {
                by_request.entry(id).or_default().push(span);
            }
        }
        for (arn, case) in &mut cases {
            let near: Vec<Invocation> = invocations
                .iter()
                .filter(|it| case.attempts.iter().any(|attempt| fits(attempt, it)))
                .filter(|it| claims.get(&it.request_id).is_none_or(|by| by.contains(arn)))
                .cloned()
                .collect();
            let spans: Vec<Span> = near
                .iter()
                .filter_map(|it| by_request.get(it.request_id.as_str()))
                .flatten()
                .map(|span| (*span).clone())
                .collect();
            case.joins = joins::join(&case.execution, &case.attempts, &near, &spans);
            let own: BTreeSet<TraceId> = case
                .joins
                .iter()
                .filter(|join| join.child.kind == "invocation")
                .map(|join| join.child.trace_id)
                .collect();
            case.invocations = near
                .into_iter()
                .filter(|it| own.contains(&it.trace_id))
                .collect();
            let requests: HashSet<&str> = case
                .invocations
                .iter()
                .map(|it| it.request_id.as_str())
                .collect();
            let asked = case
                .attempts
                .iter()
                .filter_map(|it| it.request_id.as_deref());
            let named: HashSet<&str> = requests.iter().copied().chain(asked).collect();
            let named = named
                .iter()
                .filter_map(|id| by_request.get(id))
                .flatten()
                .map(|span| span.trace_id);
            let rooted = case
                .invocations
                .iter()
                .filter_map(|it| lambda::xray_trace(it.xray_trace_id.as_deref()?));
            let sent =
                joins::by_sent_context(&case.execution, &case.attempts, &self.spans, &case.joins);
            let carried: Vec<TraceId> = sent.iter().map(|join| join.child.trace_id).collect();
            case.joins.extend(sent);
            let traces: HashSet<TraceId> = named.chain(rooted).chain(carried).collect();
            case.spans = self
                .spans
                .iter()
                .filter(|span| traces.contains(&span.trace_id))
                .cloned()
                .collect();
            let borrowed: Vec<&Invocation> = case.invocations.iter().collect();
            let known: HashSet<_> = case
                .joins
                .iter()
                .map(|it| (it.child.trace_id, it.child.span_id))
                .collect();
            let mut more = joins::join_spans(arn, &borrowed, &case.spans);
            more.extend(joins::join_unlogged(
                arn,
                &case.attempts,
                &case.invocations,
                &case.spans,
            ));
            case.joins.extend(
                more.into_iter()
                    .filter(|it| !known.contains(&(it.child.trace_id, it.child.span_id))),
            );
            let mine = |log: &&LogRecord| {
                traces.contains(&log.trace_id) || requests.contains(log.request_id.as_str())
            };
            case.logs = self.logs.iter().filter(mine).cloned().collect();
            case.logs.iter_mut().for_each(analysis::exceptions::tell);
            case.logs.sort_by_key(|log| (log.time, log.log_id));
        }
        for case in cases.values_mut() {
            case.jobs = self.jobs(case);
            let keys = case::joblogs::keys(case);
            case.logs
                .extend(case::joblogs::lines(&keys, self.logs.iter()));
            case.logs.sort_by_key(|log| (log.time, log.log_id));
            case.logs.dedup_by_key(|log| log.log_id);
            case.heard = self.heard(case);
            self.follow(case, &invocations);
            case.overheard = self.overheard(case);
        }
        let flat = cases.clone();
        for case in cases.values_mut() {
            add_children(case, &flat, 3);
        }
        cases
    }

    /// What the functions of a case called, and who took its messages, with their lines and spans.
    fn follow(&self, case: &mut Case, invocations: &[Invocation]) {
        let workers = callees::workers(case, invocations);
        let mut callers = callees::callers(case);
        callers.extend(callees::deeper(&workers));
        self.add_called(case, workers);
        for _ in 0..callees::DEEPEST {
            let found = callees::callees(case, &callers, &case.logs, invocations);
            callers = callees::deeper(&found);
            self.add_called(case, found);
        }
        let requests = callees::requests(case);
        let runs_in = |span: &&Span| matches!(span.attributes.get("faas.invocation_id"), Some(Value::String(id)) if requests.contains(id));
        let traces: HashSet<TraceId> = self
            .spans
            .iter()
            .filter(runs_in)
            .map(|it| it.trace_id)
            .collect();
        let known: HashSet<_> = case
            .spans
            .iter()
            .map(|it| (it.trace_id, it.span_id))
            .collect();
        let new = |span: &&Span| {
            traces.contains(&span.trace_id) && !known.contains(&(span.trace_id, span.span_id))
        };
        let new: Vec<Span> = self.spans.iter().filter(new).cloned().collect();
        case.spans.extend(new);
        let known: HashSet<_> = case.logs.iter().map(|it| it.log_id).collect();
        let new = |it: &&LogRecord| traces.contains(&it.trace_id) && !known.contains(&it.log_id);
        let new: Vec<LogRecord> = self.logs.iter().filter(new).cloned().collect();
        case.logs.extend(new);
        case.logs.sort_by_key(|log| (log.time, log.log_id));
        if std::env::var_os("STRANGER_CALLED").is_some() {
            for it in &case.called {
                let of = &it.invocation;
                println!(
                    "     called {} {} {} {:?} {:?} {:?}",
                    of.function_name,
                    of.request_id,
                    it.named,
                    of.cold_start,
                    of.init_duration_ms,
                    of.status
                );
            }
        }
    }

    fn add_called(&self, case: &mut Case, found: Vec<callees::Callee>) {
        let ids: HashSet<&str> = found
            .iter()
            .map(|it| it.invocation.request_id.as_str())
            .collect();
        let known: HashSet<_> = case.logs.iter().map(|it| it.log_id).collect();
        let lines = self
            .logs
            .iter()
            .filter(|it| ids.contains(it.request_id.as_str()));
        let lines: Vec<LogRecord> = lines
            .filter(|it| !known.contains(&it.log_id))
            .cloned()
            .collect();
        case.logs.extend(lines);
        case.called.extend(found);
    }

    /// The jobs that a case waited for.
    fn jobs(&self, case: &Case) -> Vec<model::Job> {
        let ids: BTreeSet<&str> = case
            .attempts
            .iter()
            .filter_map(|it| it.job_id.as_deref())
            .collect();
        let mut found: BTreeMap<&str, Vec<Document>> = BTreeMap::new();
        for document in self
            .documents
            .iter()
            .filter(|it| ids.contains(it.execution_arn.as_str()))
        {
            found
                .entry(&document.execution_arn)
                .or_default()
                .push(document.clone());
        }
        let built = found
            .values()
            .filter_map(|it| analysis::containers::build(it));
        built.map(|it| it.job).collect()
    }

    fn invocations(&self) -> Vec<Invocation> {
        let mut streams: BTreeMap<&str, Vec<LogRecord>> = BTreeMap::new();
        for log in self.logs.iter().filter(|log| !log.log_stream.is_empty()) {
            streams
                .entry(&log.log_stream)
                .or_default()
                .push(log.clone());
        }
        streams
            .values()
            .flat_map(|lines| lambda::invocations(lines))
            .collect()
    }

    fn loads(&self, case: &Case) -> Vec<case::Load> {
        let all = case
            .attempts
            .iter()
            .chain(case.children.iter().flat_map(|child| &child.attempts));
        let refused = all.into_iter().find(|attempt| {
            attempt
                .error
                .as_deref()
                .unwrap_or_default()
                .contains("TooManyRequests")
        });
        let Some(refused) = refused else {
            return Vec::new();
        };
        let (from, to) = (
            refused.start_time.0 - 120_000_000_000,
            refused.start_time.0 + 60_000_000_000,
        );
        let mut ran: BTreeMap<String, Vec<Invocation>> = BTreeMap::new();
        for invocation in self.invocations() {
            if (from - 240_000_000_000..=to).contains(&invocation.start_time.0) {
                ran.entry(invocation.function_name.clone())
                    .or_default()
                    .push(invocation);
            }
        }
        let most = |ran: &[Invocation], late: bool| {
            let of: Vec<&Invocation> = ran
                .iter()
                .filter(|it| (it.start_time.0 >= from) == late)
                .collect();
            let at_once = |at: UnixNanos| {
                of.iter()
                    .filter(|it| it.start_time <= at && at < it.end_time.unwrap_or(it.start_time))
                    .count()
            };
            of.iter()
                .map(|it| (at_once(it.start_time) as u32, (*it).clone()))
                .max_by_key(|(count, _)| *count)
        };
        ran.into_iter()
            .filter_map(|(function, ran)| {
                let (peak, at) = most(&ran, true)?;
                let before = most(&ran, false).map_or(0, |(count, _)| count);
                Some(case::Load {
                    function,
                    peak,
                    before,
                    trace_id: at.trace_id,
                    span_id: at.span_id,
                    at: at.start_time,
                })
            })
            .collect()
    }
}

/// What is known of the workflows that a case started.
fn below(
    case: &Case,
    cases: &BTreeMap<String, Case>,
    profiles: &BTreeMap<&str, Arc<case::Profile>>,
) -> BTreeMap<String, Vec<Arc<case::Profile>>> {
    let mut found = BTreeMap::new();
    for child in &case.children {
        let machine = &child.execution.state_machine;
        let same = cases
            .iter()
            .filter(|(_, it)| it.execution.state_machine == *machine);
        let of = same.filter_map(|(arn, _)| profiles.get(arn.as_str()).cloned());
        found.insert(machine.clone(), of.collect());
        found.extend(below(child, cases, profiles));
    }
    found
}

fn fits(attempt: &Attempt, invocation: &Invocation) -> bool {
    if attempt.request_id.as_deref() == Some(&invocation.request_id) {
        return true;
    }
    let slack = 5_000_000_000;
    let end = attempt.end_time.map_or(i64::MAX - slack, |end| end.0);
    attempt.function_name.as_deref() == Some(&invocation.function_name)
        && (attempt.start_time.0 - slack..=end + slack).contains(&invocation.start_time.0)
}

fn add_children(case: &mut Case, all: &BTreeMap<String, Case>, depth: usize) {
    if depth == 0 {
        return;
    }
    let arns: Vec<String> = case
        .attempts
        .iter()
        .filter_map(|attempt| attempt.child_execution_arn.clone())
        .collect();
    let runs: BTreeSet<&str> = case
        .states
        .iter()
        .filter_map(|state| state.map_run_arn.as_deref())
        .collect();
    let of_runs = all.iter().filter(|(_, child)| {
        let run = child.execution.map_run_arn.as_deref();
        run.is_some_and(|run| runs.contains(run))
    });
    let arns: Vec<String> = arns
        .into_iter()
        .chain(of_runs.map(|(arn, _)| arn.clone()))
        .collect();
    for arn in arns {
        if let Some(child) = all.get(&arn) {
            let mut child = child.clone();
            add_children(&mut child, all, depth - 1);
            case.children.push(child);
        }
    }
}

fn changes(bytes: &[u8]) -> Vec<Change> {
    let list: Vec<serde_json::Value> =
        serde_json::from_slice(bytes).expect("deploys.json is an array");
    list.iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap_or_default();
            let time: jiff::Timestamp = text("time").parse().expect("times are RFC 3339");
            Change::new(
                UnixNanos(time.as_nanosecond() as i64),
                text("kind"),
                text("resource"),
                text("change"),
                "told",
            )
        })
        .collect()
}
