//! What is remembered of an execution to compare others with it: durations, retries, sizes, versions, paths.

use super::{
    Case, World,
    charges::{Charge, Forest},
    critical::Critical,
    drift::{self, Kind},
    scene::{Scene, attribute},
    text,
};
use model::{ExecutionStatus, State, TraceId, UnixNanos};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Distinct log templates, keys and edges that are remembered of one execution.
pub(crate) const MOST: usize = 400;

/// Spans above one that are asked for its host.
const MOST_ABOVE: usize = 20;

/// One execution, in short.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Its trace.
    pub trace_id: TraceId,
    /// When it started.
    pub start: UnixNanos,
    /// How long it took, nanoseconds.
    pub duration_ns: i64,
    /// Succeeded without a caught failure.
    pub healthy: bool,
    /// It ended by a failure.
    pub failed: bool,
    /// State machine version.
    pub version: Option<String>,
    /// Hash of its definition, empty if unknown.
    pub definition: Option<TraceId>,
    /// Bytes of its input.
    pub input_bytes: usize,
    /// Iterations started, the size of its work.
    pub iterations: u32,
    /// Per state name.
    pub states: BTreeMap<String, StateProfile>,
    /// Per function.
    pub functions: BTreeMap<String, FunctionProfile>,
    /// Per job or task in a container.
    pub jobs: BTreeMap<String, FunctionProfile>,
    /// Numbers in the lines of jobs, by the service, the statement, and which of its numbers it is; the largest of several.
    pub counted: BTreeMap<(String, String, u8), f64>,
    /// Per service or peer, what spans charge to it.
    pub charges: BTreeMap<String, Charge>,
    /// Exclusive time per host, nanoseconds per span.
    pub hosts: BTreeMap<String, Charge>,
    /// Who answers at which address; services that answer at their own names stand for themselves.
    pub answered: BTreeMap<String, String>,
    /// What each service did on each host.
    pub placed: BTreeMap<(String, String), Charge>,
    /// What proxies sent to each host of each cluster.
    pub routed: BTreeMap<(String, String), Charge>,
    /// Which host answered at which address.
    pub addresses: BTreeMap<String, String>,
    /// Requests and failures of each version of each service, where spans tell it.
    pub releases: BTreeMap<(String, String), (u32, u32)>,
    /// Hash of the definition of each state.
    pub written: BTreeMap<String, TraceId>,
    /// Numbers that its definition sets, by state and field.
    pub settings: BTreeMap<(String, String), String>,
    /// Error names of attempts, with the state.
    pub errors: BTreeSet<(String, String)>,
    /// Log templates, with the function or service.
    pub templates: BTreeSet<(String, String)>,
    /// Which state followed which.
    pub edges: BTreeSet<(String, String)>,
    /// Key paths of the output, a few levels deep.
    pub output_keys: BTreeSet<String>,
    /// Largest sizes and counts that spans tell, by service and attribute.
    pub measured: BTreeMap<(String, String), f64>,
    /// Longest call of each service that was answered, nanoseconds.
    pub calls: BTreeMap<String, i64>,
    /// It succeeded, whatever a Catch took.
    pub succeeded: bool,
    /// Numbers at the top of the input, by their key.
    pub numbers: BTreeMap<String, f64>,
    /// Short texts and yes or no in the input, by their key path: of which sort it is.
    pub traits: BTreeMap<String, String>,
}

/// What a state did in one execution.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateProfile {
    /// Visits.
    pub visits: u32,
    /// Longest visit, nanoseconds.
    pub longest_ns: i64,
    /// All visits together, nanoseconds.
    pub total_ns: i64,
    /// Retries.
    pub retries: u32,
    /// Visits that were left through a Catch.
    pub caught: u32,
    /// Bytes of the largest output.
    pub output_bytes: usize,
    /// Bytes of the largest input.
    pub input_bytes: usize,
    /// Longest wait for a worker, nanoseconds.
    pub queued_ns: i64,
    /// Key paths of outputs that hold something.
    pub keys: BTreeSet<String>,
    /// Key paths of inputs that hold something.
    pub input_keys: BTreeSet<String>,
    /// Key paths of what its tries were sent.
    pub sent_keys: BTreeSet<String>,
    /// Visits on the critical path together, nanoseconds.
    pub critical_ns: i64,
    /// First entry after the start of the execution, nanoseconds.
    pub first_ns: i64,
    /// Most iterations or branches of it at once.
    pub at_once: u32,
    /// Longest wait for a token or a job, nanoseconds.
    pub waited_ns: i64,
    /// Longest try that went well, nanoseconds.
    pub tried_ns: i64,
    /// Key paths of what its tries were answered with.
    pub answered_keys: BTreeSet<String>,
    /// Seconds that its tries might take.
    pub allowed_s: Option<i64>,
    /// Seconds that might pass between their heartbeats.
    pub beats_s: Option<i64>,
    /// Numbers and lengths in the output of its first visit.
    pub quantities: BTreeMap<String, f64>,
    /// Numbers and lengths in the input of its first visit.
    pub given: BTreeMap<String, f64>,
    /// Where its outputs say that the work was done already.
    pub done: BTreeSet<String>,
    /// Of which kind the values in the output of its first visit are.
    pub kinds: BTreeMap<String, Kind>,
    /// Short texts in the output of its first visit, and lists of words.
    pub texts: BTreeMap<String, String>,
    /// What its jobs had to work with.
    pub equipment: BTreeMap<String, f64>,
    /// Functions that took what its tries sent.
    pub takers: BTreeSet<String>,
    /// What its tries handed over beside data.
    pub handed: BTreeSet<String>,
}

/// What a function did in one execution.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FunctionProfile {
    /// Invocations.
    pub count: u32,
    /// Those of them that started cold.
    pub cold: u32,
    /// Longest invocation, nanoseconds.
    pub longest_ns: i64,
    /// Longest init, milliseconds.
    pub init_ms: f64,
    /// Most memory used, MB.
    pub used_mb: i64,
    /// Memory size, MB.
    pub size_mb: i64,
    /// Versions that ran or were asked for.
    pub versions: BTreeSet<String>,
    /// Invocations or attempts that failed.
    pub errors: u32,
}

/// Remembers an execution.
pub fn profile(case: &Case) -> Profile {
    let world = World::default();
    let scene = Scene::new(case, &world);
    let execution = &case.execution;
    let mut profile = Profile {
        trace_id: execution.trace_id,
        start: execution.start_time,
        duration_ns: execution.duration_ns.unwrap_or_default(),
        healthy: execution.status == ExecutionStatus::Succeeded && execution.caught_failures == 0,
        failed: matches!(
            execution.status,
            ExecutionStatus::Failed | ExecutionStatus::TimedOut
        ),
        succeeded: execution.status == ExecutionStatus::Succeeded,
        version: execution.state_machine_version.clone(),
        definition: execution
            .definition
            .as_deref()
            .map(|text| TraceId::of_parts(&["definition", text])),
        input_bytes: execution.input.as_ref().map_or(0, String::len),
        iterations: execution.iterations,
        output_keys: keys(execution.output.as_deref()),
        edges: edges(&case.states),
        written: written(execution.definition.as_deref()),
        settings: super::settings::of(execution.definition.as_deref()),
        numbers: numbers(execution.input.as_deref()),
        traits: traits(execution.input.as_deref()),
        ..Profile::default()
    };
    profile.add_states(case);
    profile.add_attempts(&scene);
    profile.add_called(case);
    profile.add_telemetry(case);
    profile
}

impl Profile {
    fn add_states(&mut self, case: &Case) {
        let path = Critical::of(case);
        for visit in &case.states {
            let first = visit.start_time.since(case.execution.start_time);
            let state = self.states.entry(visit.state.clone()).or_default();
            let took = visit.duration_ns.unwrap_or_default();
            if state.visits == 0 {
                state.first_ns = first;
            }
            state.visits += 1;
            if path.holds(visit) {
                state.critical_ns = state.critical_ns.saturating_add(took);
            }
            state.at_once = state.at_once.max(path.at_once(visit));
            state.longest_ns = state.longest_ns.max(took);
            state.total_ns = state.total_ns.saturating_add(took);
            state.retries += visit.retries;
            state.caught += u32::from(visit.caught);
            state.output_bytes = state
                .output_bytes
                .max(visit.output.as_ref().map_or(0, String::len));
            state.input_bytes = state
                .input_bytes
                .max(visit.input.as_ref().map_or(0, String::len));
            if state.visits == 1 {
                state.quantities = super::amounts::of(visit.output.as_deref());
                state.given = super::amounts::of(visit.input.as_deref());
                state.kinds = drift::kinds(visit.output.as_deref());
                state.texts = super::sorts::texts(visit.output.as_deref());
            }
            let done = super::doubles::told_all(visit.output.as_deref());
            state.done.extend(done.into_keys());
            // Many iterations are alike: the first visits tell the keys.
            if state.visits <= 3 {
                state.keys.extend(keys(visit.output.as_deref()));
                state.input_keys.extend(keys(visit.input.as_deref()));
            }
        }
    }

    fn add_attempts(&mut self, scene: &Scene) {
        for attempt in &scene.case.attempts {
            if attempt.status.is_failure() {
                let error = attempt.error.clone().unwrap_or_default();
                self.errors.insert((attempt.state.clone(), error));
            }
            let state = self.states.entry(attempt.state.clone()).or_default();
            if state.sent_keys.len() < MOST {
                state.sent_keys.extend(keys(attempt.input.as_deref()));
            }
            if attempt.status == model::Status::Succeeded && state.answered_keys.len() < MOST {
                state.answered_keys.extend(keys(attempt.output.as_deref()));
            }
            state.equipment.extend(super::equipped::of(attempt));
            state.handed.extend(super::handed::of(attempt));
            state.allowed_s = attempt.timeout_seconds.or(state.allowed_s);
            state.beats_s = attempt.heartbeat_seconds.or(state.beats_s);
            if let (Some(from), Some(to)) = (attempt.submitted_time, attempt.end_time) {
                let state = self.states.entry(attempt.state.clone()).or_default();
                state.waited_ns = state.waited_ns.max(to.since(from));
            }
            if let Some(started) = attempt
                .started_time
                .filter(|_| attempt.resource_type == "activity")
            {
                let state = self.states.entry(attempt.state.clone()).or_default();
                state.queued_ns = state.queued_ns.max(started.since(attempt.start_time));
            }
            if attempt.status == model::Status::Succeeded {
                let state = self.states.entry(attempt.state.clone()).or_default();
                let took = attempt.duration_ns.unwrap_or_default();
                state.tried_ns = state.tried_ns.max(took);
            }
            let stay = super::stays::of(scene.job(attempt), attempt);
            if let Some(queued) = stay.and_then(|it| it.queued_ns) {
                let state = self.states.entry(attempt.state.clone()).or_default();
                state.queued_ns = state.queued_ns.max(queued);
            }
            self.add_job(scene, attempt);
            let Some(name) = &attempt.function_name else {
                continue;
            };
            let function = self.functions.entry(name.clone()).or_default();
            function.errors += u32::from(attempt.status.is_failure());
            match scene.invocation(attempt) {
                Some((invocation, _)) => function.add(invocation),
                None => {
                    let took = attempt.duration_ns.unwrap_or_default();
                    function.longest_ns = function.longest_ns.max(took);
                    function.count += 1;
                    let ran = executed_version(attempt);
                    function
                        .versions
                        .extend(ran.or_else(|| attempt.function_qualifier.clone()));
                }
            }
        }
    }

    fn add_job(&mut self, scene: &Scene, attempt: &model::Attempt) {
        if !super::joblogs::is_job(attempt) {
            return;
        }
        if let Some((_, name)) = super::clues::callee(attempt) {
            let job = self.jobs.entry(name).or_default();
            job.count += 1;
            job.errors += u32::from(attempt.status.is_failure());
            job.versions.extend(super::joblogs::revision(attempt));
        }
        super::toil::count(&scene.job_lines(attempt), &mut self.counted);
    }

    fn add_called(&mut self, case: &Case) {
        for callee in &case.called {
            let of = &callee.invocation;
            let mut tries = case.attempts.iter();
            let sent = tries.find(|it| it.span_id == callee.attempt && it.function_name.is_none());
            if let Some(state) = sent.and_then(|it| self.states.get_mut(&it.state)) {
                state.takers.insert(of.function_name.clone());
            }
            let function = self.functions.entry(of.function_name.clone()).or_default();
            function.add(of);
            let ill = matches!(
                of.status,
                model::InvocationStatus::Error | model::InvocationStatus::Timeout
            );
            // One that handles its errors tells of them in its lines only: they count where the run did not go well.
            let wrote = || {
                let mut lines = case.logs.iter();
                lines.any(|it| it.request_id == of.request_id && it.severity_number >= 17)
            };
            function.errors += u32::from(ill || !self.healthy && wrote());
        }
    }

    fn add_telemetry(&mut self, case: &Case) {
        let forest = Forest::new(case.spans.iter().collect());
        self.answered = forest.answered();
        for span in forest.spans.iter().filter(|it| !it.service_name.is_empty()) {
            if self.answered.len() >= MOST {
                break;
            }
            let name = &span.service_name;
            let own = self.answered.entry(name.clone());
            own.or_insert_with(|| name.clone());
        }
        let forest = forest.knowing(self.answered.clone().into());
        self.charges = forest.charges();
        self.calls = forest.longest_calls(MOST);
        for (n, span) in forest.spans.iter().enumerate() {
            if let Some(host) = host(span) {
                let charge = self.hosts.entry(host).or_default();
                charge.ns = charge.ns.saturating_add(forest.exclusive(n));
                charge.count += 1;
            }
        }
        for n in 0..forest.spans.len() {
            for (key, value) in super::measures::of(&forest, n) {
                if self.measured.len() < MOST {
                    let most = self.measured.entry(key).or_insert(value);
                    *most = most.max(value);
                }
            }
        }
        self.placed = placed(&forest);
        self.routed = super::hosts::routed(&forest);
        self.addresses = super::hosts::addresses(&forest);
        self.releases = super::releases::answered(&forest);
        for log in case.logs.iter().take(MOST * 4) {
            if self.templates.len() < MOST {
                let who = log.service_name.clone();
                self.templates.insert((who, text::template(&log.body)));
            }
        }
    }
}

impl FunctionProfile {
    fn add(&mut self, invocation: &model::Invocation) {
        self.count += 1;
        self.cold += u32::from(invocation.cold_start.is_cold() == Some(true));
        self.longest_ns = self
            .longest_ns
            .max(invocation.duration_ns.unwrap_or_default());
        let init = invocation
            .init_duration_ms
            .or(invocation.restore_duration_ms);
        self.init_ms = self.init_ms.max(init.unwrap_or_default());
        self.used_mb = self
            .used_mb
            .max(invocation.max_memory_used_mb.unwrap_or_default());
        self.size_mb = self
            .size_mb
            .max(invocation.memory_size_mb.unwrap_or_default());
        self.versions.extend(invocation.function_version.clone());
    }
}

/// The version that Lambda's own answer names.
pub(crate) fn executed_version(attempt: &model::Attempt) -> Option<String> {
    let output = attempt.output.as_deref()?;
    let (_, rest) = output.split_once("\"ExecutedVersion\"")?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    let value = value.strip_prefix('"')?.split_once('"')?.0;
    (!value.is_empty() && value.len() < 64).then(|| value.to_owned())
}

/// What each service did on each host, by the spans of its own work.
pub(crate) fn placed(forest: &Forest) -> BTreeMap<(String, String), Charge> {
    let mut all: BTreeMap<(String, String), Charge> = BTreeMap::new();
    for (n, span) in forest.spans.iter().enumerate() {
        let Some(host) = place(forest, n).filter(|_| !super::charges::calls_out(span)) else {
            continue;
        };
        if all.len() >= MOST {
            break;
        }
        let charge = all.entry((span.service_name.clone(), host)).or_default();
        charge.ns = charge.ns.saturating_add(forest.exclusive(n));
        charge.count += 1;
        charge.errors += u32::from(super::charges::failed(span));
    }
    all
}

/// Hashes of the definitions of all states, whatever block they stand in.
pub(crate) fn written(definition: Option<&str>) -> BTreeMap<String, TraceId> {
    fn walk(value: &Value, depth: usize, found: &mut BTreeMap<String, TraceId>) {
        let Some(members) = value.as_object().filter(|_| depth < 12) else {
            return;
        };
        if let Some(states) = members.get("States").and_then(Value::as_object) {
            for (name, state) in states {
                let mut own = state.clone();
                // Where it leads, and what stands inside of it, is not its own.
                for other in ["Next", "Branches", "ItemProcessor", "Iterator", "Comment"] {
                    own.as_object_mut().map(|it| it.remove(other));
                }
                let hash = TraceId::of_parts(&["state", &own.to_string()]);
                found.insert(name.clone(), hash);
                walk(state, depth + 1, found);
            }
        }
        for inner in ["ItemProcessor", "Iterator"] {
            members
                .get(inner)
                .into_iter()
                .for_each(|it| walk(it, depth + 1, found));
        }
        for branch in members
            .get("Branches")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            walk(branch, depth + 1, found);
        }
    }
    let mut found = BTreeMap::new();
    let value = definition.and_then(|text| serde_json::from_str(text).ok());
    if let Some(value) = value {
        walk(&value, 0, &mut found);
    }
    found
}

/// Numbers at the top of a JSON object.
pub(crate) fn numbers(text: Option<&str>) -> BTreeMap<String, f64> {
    let small = text.filter(|text| text.len() < 1_000_000);
    let value = small.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let members = value
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    members
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
        .take(MOST)
        .collect()
}

/// Short texts and yes or no in a JSON object, two levels deep.
pub(crate) fn traits(text: Option<&str>) -> BTreeMap<String, String> {
    const FEW: usize = 24;
    const SHORT: usize = 48;
    fn walk(value: &Value, prefix: &str, found: &mut BTreeMap<String, String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if found.len() >= FEW {
                return;
            }
            let path = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}.{name}"),
            };
            match member {
                Value::Bool(_) => _ = found.insert(path, member.to_string()),
                Value::String(text) if text.len() <= SHORT => {
                    found.insert(path, text.clone());
                }
                Value::Object(_) if prefix.is_empty() => walk(member, &path, found),
                _ => {}
            }
        }
    }
    let mut found = BTreeMap::new();
    let small = text.filter(|text| text.len() < 1_000_000);
    if let Some(value) = small.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        walk(&value, "", &mut found);
    }
    found
}

/// The host that a span ran on; where it tells none, that of the span above it of the same service.
pub(crate) fn place(forest: &Forest, n: usize) -> Option<String> {
    let mut at = n;
    for _ in 0..MOST_ABOVE {
        if let Some(host) = host(forest.spans[at]) {
            return Some(host);
        }
        let above = forest.parent[at]?;
        if forest.spans[above].service_name != forest.spans[n].service_name {
            return None;
        }
        at = above;
    }
    None
}

/// The host that a span tells.
pub(crate) fn host(span: &model::Span) -> Option<String> {
    const HOST: [&str; 6] = [
        "host.name",
        "k8s.node.name",
        "host.id",
        "aws.ec2.instance_id",
        "k8s.pod.name",
        "container.id",
    ];
    attribute(&span.resource, &HOST).or_else(|| attribute(&span.attributes, &HOST))
}

/// Which state followed which, by the order of events inside the same surroundings.
pub(crate) fn edges(states: &[State]) -> BTreeSet<(String, String)> {
    let mut last: BTreeMap<model::SpanId, &State> = BTreeMap::new();
    let mut edges = BTreeSet::new();
    for visit in states {
        let before = last.insert(visit.parent_span_id, visit);
        let from = before.map_or(String::new(), |before| before.state.clone());
        if edges.len() < MOST {
            edges.insert((from, visit.state.clone()));
        }
    }
    edges
}

/// Key paths that hold something (not null), a few levels deep.
pub(crate) fn keys(text: Option<&str>) -> BTreeSet<String> {
    fn walk(value: &Value, prefix: &str, depth: usize, keys: &mut BTreeSet<String>) {
        // A list that holds something, and what its first item is like.
        if let Some(first) = value
            .as_array()
            .and_then(|it| it.first())
            .filter(|_| depth < 4)
        {
            let path = format!("{prefix}[]");
            walk(first, &path, depth + 1, keys);
            keys.insert(path);
        }
        let Some(members) = value.as_object().filter(|_| depth < 4) else {
            return;
        };
        for (name, member) in members {
            if member.is_null() || keys.len() >= MOST {
                continue;
            }
            let path = match prefix {
                "" => name.clone(),
                prefix => format!("{prefix}.{name}"),
            };
            walk(member, &path, depth + 1, keys);
            keys.insert(path);
        }
    }
    let mut found = BTreeSet::new();
    let small = text.filter(|text| text.len() < 1_000_000);
    if let Some(value) = small.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        walk(&value, "", 0, &mut found);
    }
    found
}
