//! What is read from one run.

use super::{
    Baseline, Circumstances, Measure, Subject, Touched, general_path, size_bucket, template,
};
use model::{
    Attempt, Execution, ExecutionStatus, Invocation, Join, LogRecord, Span, SpanId, SpanSource,
    State,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Distinct log templates that one run may add.
const MOST_TEMPLATES: usize = 2_000;

/// One run as far as it is known; what is not known is empty.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The execution.
    pub execution: &'a Execution,
    /// Its state visits.
    pub states: &'a [State],
    /// Its attempts.
    pub attempts: &'a [Attempt],
    /// Its invocations.
    pub invocations: &'a [Invocation],
    /// Its joins.
    pub joins: &'a [Join],
    /// Spans of applications and proxies in it.
    pub spans: &'a [Span],
    /// Log records in it.
    pub logs: &'a [LogRecord],
}

impl<'a> From<&'a crate::case::Case> for Run<'a> {
    fn from(case: &'a crate::case::Case) -> Self {
        Run {
            execution: &case.execution,
            states: &case.states,
            attempts: &case.attempts,
            invocations: &case.invocations,
            joins: &case.joins,
            spans: &case.spans,
            logs: &case.logs,
        }
    }
}

/// Fit to be a model for others: it succeeded, and everything of it is held.
pub fn is_healthy(execution: &Execution) -> bool {
    execution.status == ExecutionStatus::Succeeded && execution.duration_ns.is_some()
}

impl Run<'_> {
    /// The states in the order in which they were first entered, each path once, without numbers of
    /// iterations, and how each left: `Fan>Fan/Charge>Done`. Order inside of Maps and Parallels does not
    /// count.
    pub fn path(&self) -> String {
        let mut seen = BTreeSet::new();
        let mut top = Vec::new();
        let mut inner: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut states: Vec<&State> = self.states.iter().collect();
        states.sort_by_key(|state| (state.redrive_count, state.entered_event_id));
        for state in states {
            let mut path = general_path(&state.path);
            if state.caught {
                path.push('!');
            }
            match path.split_once(['/', '{']) {
                Some((outer, _)) => {
                    inner.entry(outer.to_owned()).or_default().insert(path);
                }
                None if seen.insert(path.clone()) => top.push(path),
                None => {}
            }
        }
        let mut text = String::new();
        for state in top {
            if !text.is_empty() {
                text.push('>');
            }
            text += &state;
            for part in inner
                .remove(state.trim_end_matches('!'))
                .into_iter()
                .flatten()
            {
                text.push('|');
                text += &part;
            }
        }
        text
    }

    /// The circumstances of the execution as a whole.
    pub fn circumstances(&self) -> Circumstances {
        Circumstances {
            version: self.execution.state_machine_version.clone(),
            size: self
                .execution
                .input
                .as_deref()
                .map(|it| size_bucket(it.len())),
            cold: None,
        }
    }

    /// The circumstances of a state visit: those of the workflow with the state's own input, and whether
    /// one of its invocations was cold.
    pub fn of_state(&self, state: &State) -> Circumstances {
        let cold = self.cold_by_attempt();
        let tries = self
            .attempts
            .iter()
            .filter(|it| it.parent_span_id == state.span_id);
        let known: Vec<bool> = tries
            .filter_map(|it| cold.get(&it.span_id).copied().flatten())
            .collect();
        self.of_visit(state, known.iter().copied().reduce(|a, b| a || b))
    }

    fn of_visit(&self, state: &State, cold: Option<bool>) -> Circumstances {
        Circumstances {
            version: self.execution.state_machine_version.clone(),
            size: state.input.as_deref().map(|it| size_bucket(it.len())),
            cold,
        }
    }

    /// Whether an attempt met a cold runtime, as far as its joined invocations say.
    pub fn cold_by_attempt(&self) -> HashMap<SpanId, Option<bool>> {
        let invocations: HashMap<SpanId, &Invocation> =
            self.invocations.iter().map(|it| (it.span_id, it)).collect();
        let mut cold: HashMap<SpanId, Option<bool>> = HashMap::new();
        for join in self.joins.iter().filter(|it| it.child.kind == "invocation") {
            let Some(invocation) = invocations.get(&join.child.span_id) else {
                continue;
            };
            let held = cold.entry(join.parent.span_id).or_default();
            *held = match (*held, invocation.cold_start.is_cold()) {
                (Some(a), Some(b)) => Some(a || b),
                (a, b) => a.or(b),
            };
        }
        cold
    }
}

/// The circumstances of an invocation: its function's version, and whether it was cold.
pub fn of_invocation(invocation: &Invocation) -> Circumstances {
    Circumstances {
        version: invocation.function_version.clone(),
        size: None,
        cold: invocation.cold_start.is_cold(),
    }
}

/// What one run touched and showed, before it is counted.
#[derive(Default)]
struct Seen {
    touched: BTreeMap<Subject, u64>,
    marks: BTreeMap<(Subject, String), u64>,
}

impl Seen {
    fn touch(&mut self, subject: &Subject) {
        *self.touched.entry(subject.clone()).or_default() += 1;
    }
    fn mark(&mut self, subject: &Subject, mark: impl Into<String>) {
        *self
            .marks
            .entry((subject.clone(), mark.into()))
            .or_default() += 1;
    }
}

impl Baseline {
    /// Adds a run, healthy or not: [`Baseline::of`] chooses.
    pub fn add(&mut self, run: &Run<'_>) {
        self.runs += 1;
        self.count_path(&run.path(), 1);
        let mut seen = Seen::default();
        self.add_execution(run, &mut seen);
        self.add_states(run, &mut seen);
        self.add_invocations(run, &mut seen);
        self.add_spans(run, &mut seen);
        add_logs(run, &mut seen);
        for (subject, times) in seen.touched {
            let held = self.touched.entry(subject).or_default();
            *held = held.plus(Touched { runs: 1, times });
        }
        for (mark, times) in seen.marks {
            self.count_mark(mark, Touched { runs: 1, times });
        }
    }

    fn number(
        &mut self,
        subject: &Subject,
        measure: Measure,
        at: &Circumstances,
        source: SpanId,
        value: Option<i64>,
    ) {
        let key = (subject.clone(), measure);
        if let Some(value) = value
            && let Some(pool) = self.pool(key, at.clone())
        {
            pool.add(u64::from_be_bytes(source.0), value);
        }
    }

    fn add_execution(&mut self, run: &Run<'_>, seen: &mut Seen) {
        let (subject, at) = (Subject::Execution, run.circumstances());
        let execution = run.execution;
        seen.touch(&subject);
        self.number(
            &subject,
            Measure::Duration,
            &at,
            execution.span_id,
            execution.duration_ns,
        );
        self.number(
            &subject,
            Measure::InputBytes,
            &at,
            execution.span_id,
            bytes(&execution.input),
        );
        self.number(
            &subject,
            Measure::OutputBytes,
            &at,
            execution.span_id,
            bytes(&execution.output),
        );
        if let Some(version) = &execution.state_machine_version {
            *self
                .versions
                .entry(format!("workflow:{version}"))
                .or_default() += 1;
        }
        let functions: BTreeSet<String> = run
            .invocations
            .iter()
            .filter_map(|it| {
                Some(format!(
                    "{}:{}",
                    it.function_name,
                    it.function_version.as_ref()?
                ))
            })
            .collect();
        for function in functions {
            *self.versions.entry(function).or_default() += 1;
        }
    }

    fn add_states(&mut self, run: &Run<'_>, seen: &mut Seen) {
        let cold = run.cold_by_attempt();
        let mut cold_visits: HashMap<SpanId, bool> = HashMap::new();
        for attempt in run.attempts {
            let subject = Subject::Attempt(general_path(&attempt.path));
            let is_cold = cold.get(&attempt.span_id).copied().flatten();
            if let Some(is_cold) = is_cold {
                *cold_visits.entry(attempt.parent_span_id).or_default() |= is_cold;
            }
            let at = Circumstances {
                version: run.execution.state_machine_version.clone(),
                size: attempt.input.as_deref().map(|it| size_bucket(it.len())),
                cold: is_cold,
            };
            seen.touch(&subject);
            if let Some(error) = &attempt.error {
                seen.mark(&subject, format!("error:{error}"));
            }
            if attempt.retry {
                seen.mark(&subject, "retry");
            }
            if attempt.status.is_failure() {
                seen.mark(&subject, "failed");
            } else {
                self.number(
                    &subject,
                    Measure::Duration,
                    &at,
                    attempt.span_id,
                    attempt.duration_ns,
                );
            }
            let queued = attempt.started_time.map(|it| it.since(attempt.start_time));
            self.number(&subject, Measure::Queueing, &at, attempt.span_id, queued);
        }
        for state in run.states {
            let subject = Subject::State(general_path(&state.path));
            let at = run.of_visit(state, cold_visits.get(&state.span_id).copied());
            seen.touch(&subject);
            if let Some(error) = &state.error {
                seen.mark(&subject, format!("error:{error}"));
            }
            if state.caught {
                seen.mark(&subject, "caught");
            }
            if state.retries > 0 {
                seen.mark(&subject, "retried");
            }
            let count = i64::from(state.attempts.max(state.iterations));
            self.number(
                &subject,
                Measure::Duration,
                &at,
                state.span_id,
                state.duration_ns,
            );
            self.number(
                &subject,
                Measure::InputBytes,
                &at,
                state.span_id,
                bytes(&state.input),
            );
            self.number(
                &subject,
                Measure::OutputBytes,
                &at,
                state.span_id,
                bytes(&state.output),
            );
            self.number(&subject, Measure::Count, &at, state.span_id, Some(count));
        }
    }

    fn add_invocations(&mut self, run: &Run<'_>, seen: &mut Seen) {
        for invocation in run.invocations {
            let subject = Subject::Function(invocation.function_name.clone());
            let at = of_invocation(invocation);
            seen.touch(&subject);
            if invocation.cold_start.is_cold() == Some(true) {
                seen.mark(&subject, "cold");
            }
            if let Some(error) = &invocation.error_type {
                seen.mark(&subject, format!("error:{error}"));
            }
            let init = invocation
                .init_duration_ms
                .or(invocation.restore_duration_ms);
            let init = init.map(|ms| (ms * 1e6).round() as i64);
            let id = invocation.span_id;
            self.number(&subject, Measure::Duration, &at, id, invocation.duration_ns);
            self.number(
                &subject,
                Measure::MemoryMb,
                &at,
                id,
                invocation.max_memory_used_mb,
            );
            self.number(&subject, Measure::Init, &at, id, init);
        }
    }

    fn add_spans(&mut self, run: &Run<'_>, seen: &mut Seen) {
        let foreign = run
            .spans
            .iter()
            .filter(|span| !matches!(span.source, SpanSource::Workflow | SpanSource::Lambda));
        for span in foreign {
            let subject = Subject::Operation(span.service_name.clone(), span.name.clone());
            seen.touch(&subject);
            if span.status_code == model::StatusCode::Error {
                seen.mark(&subject, "failed");
            }
            let duration = Some(span.end_time.since(span.start_time));
            let at = Circumstances::default();
            self.number(&subject, Measure::Duration, &at, span.span_id, duration);
        }
    }
}

fn add_logs(run: &Run<'_>, seen: &mut Seen) {
    let mut templates: BTreeSet<(&str, String)> = BTreeSet::new();
    for line in run.logs.iter().filter(|line| !line.body.is_empty()) {
        let subject = Subject::Function(line.service_name.clone());
        let text = template(&line.body);
        if templates.len() < MOST_TEMPLATES
            || templates.contains(&(line.service_name.as_str(), text.clone()))
        {
            seen.mark(&subject, format!("log:{text}"));
            templates.insert((&line.service_name, text));
        }
        // A service that is known by its lines alone is touched by them.
        seen.touched.entry(subject).or_insert(1);
    }
}

fn bytes(text: &Option<String>) -> Option<i64> {
    text.as_ref().map(|it| it.len() as i64)
}
