//! Pairs the pieces of one import: histories with descriptions, definitions with executions.

use super::{
    Event, History, LogEvents, Piece, StateMachine,
    identity::{folder, machine_name, made_up_arn, subject},
    known::{Definition, Known, Streamed},
    pages::{Joined, join_pages},
    pairing::{ANY, Described, OWN, Pairing, children_named_in},
    time::parse_time,
};
use crate::durable::engine_of;
use model::{Batch, Document, DocumentKind, Engine, EventSource, HistoryEvent, UnixNanos};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// Something that was left out or repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub position: String,
    /// Why, and what to do.
    pub reason: String,
    /// What was counted when it was read, and is left out all the same.
    pub lost: Lost,
}

/// What a skip leaves out of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing that was counted.
    Nothing,
    /// A description or definition.
    Document,
    /// An event.
    Event,
}

/// How much room the copies of one definition may take: every execution keeps its own.
const MAX_DEFINITION_BYTES: usize = 256 << 20;

/// Clocks of one service agree this well, nanoseconds.
const SLACK: i64 = 2_000_000_000;

/// Pairs the pieces of one import and makes facts of them.
///
/// A history that nothing names gets an id of its own, from the file's name and its first event.
pub fn assemble(pieces: Vec<(PathBuf, Piece)>) -> (Batch, Vec<Skip>) {
    assemble_with(pieces, &Streamed::default())
}

/// The same, for definitions that belong to executions whose events were handed on already.
pub fn assemble_with(pieces: Vec<(PathBuf, Piece)>, streamed: &Streamed) -> (Batch, Vec<Skip>) {
    let mut sorted = Sorted::default();
    for (path, piece) in pieces {
        sorted.add(path, piece);
    }
    let mut out = Assembly::default();
    sorted
        .described
        .retain(|described| match refused(described) {
            None => true,
            Some((position, reason)) => {
                out.lose(Lost::Document, &described.path, position, reason);
                false
            }
        });
    out.histories(join_pages(sorted.pages), &sorted.described);
    for (path, events) in sorted.logs {
        out.log_events(path, events);
    }
    for described in sorted.described {
        out.description(described);
    }
    for (path, document) in sorted.map_runs {
        out.map_run(&path, document);
    }
    streamed.tell(&mut out.known);
    for (path, machine) in sorted.machines {
        out.state_machine(&path, machine);
    }
    (out.batch, out.skips)
}

#[derive(Default)]
struct Sorted {
    pages: Vec<(PathBuf, History)>,
    described: Vec<Described>,
    machines: Vec<(PathBuf, StateMachine)>,
    map_runs: Vec<(PathBuf, Map<String, Value>)>,
    logs: Vec<(PathBuf, LogEvents)>,
}

impl Sorted {
    fn add(&mut self, path: PathBuf, piece: Piece) {
        match piece {
            Piece::History(history) => self.pages.push((path, history)),
            Piece::Execution(document) => self.described.extend(Described::new(path, document)),
            Piece::StateMachine(machine) => self.machines.push((path, machine)),
            Piece::MapRun(document) => self.map_runs.push((path, document)),
            Piece::LogEvents(events) => self.logs.push((path, events)),
        }
    }
}

/// Why a description of a durable execution cannot be used. Its name is the execution's identity, and a made-up one would be an
/// execution of its own for ever.
fn refused(described: &Described) -> Option<(&'static str, String)> {
    let arn = &described.execution_arn;
    let shown: String = arn.chars().take(200).collect();
    let is_arn = arn.starts_with("arn:");
    let durable = engine_of(arn) == Engine::lambda_durable();
    if !is_arn || (arn.contains(":lambda:") && !durable) {
        return Some((
            "DurableExecutionArn",
            format!(
                "a description was left out: '{shown}' is no ARN of an execution \
                 (arn:aws:lambda:…:function:NAME:VERSION/durable-execution/NAME/ID)"
            ),
        ));
    }
    const STATUSES: [&str; 5] = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];
    let status = described.document.get("status").and_then(Value::as_str);
    let status = status.filter(|it| durable && !STATUSES.contains(it))?;
    let shown: String = status.chars().take(100).collect();
    Some((
        "Status",
        format!(
            "a description was left out: '{shown}' is no status of a durable execution (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, STOPPED)"
        ),
    ))
}

#[derive(Default)]
struct Assembly {
    batch: Batch,
    skips: Vec<Skip>,
    known: BTreeMap<String, Known>,
}

impl Assembly {
    fn skip(&mut self, path: &Path, position: impl Into<String>, reason: impl Into<String>) {
        self.lose(Lost::Nothing, path, position, reason);
    }

    /// The same of something that was counted as taken.
    fn lose(
        &mut self,
        lost: Lost,
        path: &Path,
        position: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.skips.push(Skip {
            path: path.to_owned(),
            position: position.into(),
            reason: reason.into(),
            lost,
        });
    }

    fn seen(&mut self, execution_arn: &str, path: &Path) -> &mut Known {
        let known = self.known.entry(execution_arn.to_owned()).or_default();
        known.see(path);
        known
    }

    fn histories(&mut self, mut histories: Vec<Joined>, described: &[Described]) {
        let children = histories.iter().flat_map(children_named_in).collect();
        let mut pairing = Pairing::new(&histories, described, children);
        // First those that lie beside their description: what fits by its time alone must not take it from them.
        for least in [OWN, ANY] {
            for history in &mut histories {
                if history.execution_arn.is_none() && !history.events.is_empty() {
                    history.execution_arn = pairing.find(history, least);
                }
            }
        }
        name_twins(&mut histories);
        for history in histories {
            self.history(history);
        }
    }

    fn history(&mut self, mut history: Joined) {
        for (path, problem) in std::mem::take(&mut history.problems) {
            self.skip(&path, problem.position, problem.reason);
        }
        if history.events.is_empty() {
            return;
        }
        let before = history.more_before && history.first_id() > 1;
        if history.more || before {
            let token = match history.engine == Engine::lambda_durable() {
                true => "NextMarker",
                false => "nextToken",
            };
            let place = match before {
                true => format!("before event {}", history.first_id()),
                false => format!("after event {}", history.last_id()),
            };
            let reason =
                format!("the history goes on {place} ({token}), but the next page is not here");
            self.skip(&history.path, token, reason);
        }
        let arn = history
            .execution_arn
            .unwrap_or_else(|| made_up_arn(&history.path, &history.engine, history.events.first()));
        let known = self.seen(&arn, &history.path);
        for event in &history.events {
            known.entered(event.id, &event.event_type, &event.details);
        }
        let begun = history.events.first();
        let begun = begun.filter(|event| event.event_type == "ExecutionStarted");
        let begun = begun.and_then(|event| event.time);
        let mut redrives = 0_u32;
        for event in history.events {
            if event
                .time
                .zip(begun)
                .is_some_and(|(time, begun)| begun.since(time) > SLACK)
            {
                self.lose(
                    Lost::Event,
                    &history.path,
                    format!("event id {}", event.id),
                    "an event whose time lies before the start of its execution was left out",
                );
                continue;
            }
            if event.event_type == "ExecutionRedriven" {
                redrives = redrive_count(&event.details).unwrap_or(redrives.saturating_add(1));
            }
            self.batch
                .events
                .push(fact(event, &history.engine, &arn, redrives));
        }
    }

    fn log_events(&mut self, path: PathBuf, logs: LogEvents) {
        for problem in logs.problems {
            self.skip(&path, problem.position, problem.reason);
        }
        for event in logs.events {
            let known = self.seen(&event.execution_arn, &path);
            known.entered(event.event_id, &event.event_type, &event.details);
            self.batch.events.push(event);
        }
    }

    fn description(&mut self, described: Described) {
        let known = self.known.contains_key(&described.execution_arn);
        if described.start.is_none() && !known {
            return self.lose(Lost::Document, &described.path, "startDate",
                "a description without a legible startDate, and no history of its execution, was left out");
        }
        let end = described.document.get("stopDate").and_then(parse_time);
        if described
            .start
            .zip(end)
            .is_some_and(|(start, end)| end < start)
        {
            return self.lose(
                Lost::Document,
                &described.path,
                "stopDate",
                "a description whose stopDate lies before its startDate was left out",
            );
        }
        let machine = described
            .document
            .get("stateMachineArn")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let known = self.seen(&described.execution_arn, &described.path);
        known.state_machine_arn = known.state_machine_arn.take().or(machine);
        self.document(
            described.execution_arn,
            DocumentKind::Execution,
            described.document,
        );
    }

    fn map_run(&mut self, path: &Path, document: Map<String, Value>) {
        match document
            .get("executionArn")
            .and_then(Value::as_str)
            .map(str::to_owned)
        {
            Some(arn) if document.contains_key("startDate") => {
                self.document(arn, DocumentKind::MapRun, document)
            }
            _ => self.lose(
                Lost::Document,
                path,
                "startDate",
                "a map run without a legible startDate was left out",
            ),
        }
    }

    fn document(&mut self, execution_arn: String, kind: DocumentKind, body: Map<String, Value>) {
        let engine = engine_of(&execution_arn);
        let body = Value::Object(body).to_string();
        self.batch.documents.push(Document {
            engine,
            execution_arn,
            kind,
            body,
        });
    }

    fn state_machine(&mut self, path: &Path, machine: StateMachine) {
        let owners = self.owners(path, &machine);
        if owners.is_empty() {
            return self.lose(
                Lost::Document,
                path,
                "definition",
                "no execution of this state machine is among the files",
            );
        }
        let size = machine
            .body
            .values()
            .map(|v| v.as_str().map_or(0, str::len))
            .sum::<usize>();
        let room = (MAX_DEFINITION_BYTES / size.max(1)).max(1);
        if owners.len() > room {
            self.skip(
                path,
                "definition",
                format!(
                    "it is {size} bytes long and was kept with {room} of its {} executions only",
                    owners.len()
                ),
            );
        }
        for arn in owners.into_iter().take(room) {
            self.document(arn, DocumentKind::StateMachine, machine.body.clone());
        }
    }

    /// The executions that a definition belongs to: the one beside it, else those of the machine it names,
    /// else those nearest to it that it fits.
    fn owners(&self, path: &Path, machine: &StateMachine) -> Vec<String> {
        if let Some(arn) = &machine.execution_arn {
            return vec![arn.clone()];
        }
        let all = |matches: &dyn Fn(&str, &Known) -> bool| -> Vec<String> {
            self.known
                .iter()
                .filter(|(arn, known)| matches(arn, known))
                .map(|(arn, _)| arn.clone())
                .collect()
        };
        if let Some(machine_arn) = &machine.state_machine_arn {
            let name = machine_arn.split(':').nth(6);
            let of_machine = |arn: &str, known: &Known| match &known.state_machine_arn {
                Some(described) => described == machine_arn,
                None => machine_name(arn) == name,
            };
            // DescribeStateMachineForExecution does not name the execution; it says what that one ran, whatever
            // versions the others had.
            if !machine.body.contains_key("creationDate") {
                let (place, about) = (folder(path), subject(path));
                let beside = |known: &Known| {
                    let mut places = known.places.iter();
                    places.any(|it| it.1 == place && it.2 == about)
                };
                let own = all(&|arn, known| of_machine(arn, known) && beside(known));
                if !own.is_empty() {
                    return own;
                }
            }
            let named = all(&of_machine);
            if !named.is_empty() {
                return named;
            }
        }
        let text = machine.body.get("definition").and_then(Value::as_str);
        let definition = text.map(Definition::read).unwrap_or_default();
        let about = (path.to_owned(), folder(path), subject(path));
        let near = |place: &dyn Fn(&(PathBuf, PathBuf, String)) -> bool| {
            all(&|_, known| known.places.iter().any(place) && known.fits(&definition))
        };
        let same_file = near(&|(file, _, _)| *file == about.0);
        if !same_file.is_empty() {
            return same_file;
        }
        let same_subject = near(&|(_, place, subject)| *place == about.1 && *subject == about.2);
        if !same_subject.is_empty() {
            return same_subject;
        }
        near(&|(_, place, _)| *place == about.1)
    }
}

/// A history that nothing names, but that is the same to the last event and nanosecond as one that is
/// named, is of the same execution: a second copy of it.
fn name_twins(histories: &mut [Joined]) {
    let key = |history: &Joined| {
        (
            history.engine.clone(),
            history.events.first().and_then(|event| event.time),
            history.events.len(),
        )
    };
    let mut named: HashMap<_, Vec<usize>> = HashMap::new();
    for (n, history) in histories.iter().enumerate() {
        if history.execution_arn.is_some() {
            named.entry(key(history)).or_default().push(n);
        }
    }
    for n in 0..histories.len() {
        if histories[n].execution_arn.is_some() || histories[n].events.len() < 2 {
            continue;
        }
        let alike = named
            .get(&key(&histories[n]))
            .into_iter()
            .flatten()
            .take(100);
        let twin = alike
            .copied()
            .find(|twin| histories[*twin].events == histories[n].events);
        histories[n].execution_arn = twin.and_then(|twin| histories[twin].execution_arn.clone());
    }
}

fn fact(event: Event, engine: &Engine, execution_arn: &str, redrives: u32) -> HistoryEvent {
    HistoryEvent {
        engine: engine.clone(),
        execution_arn: execution_arn.to_owned(),
        redrive_count: event.redrive_count.unwrap_or(redrives),
        event_id: event.id,
        previous_event_id: event.previous,
        event_type: event.event_type,
        time: event.time.unwrap_or(UnixNanos(0)),
        details: event.details,
        source: EventSource::History,
    }
}

/// What ExecutionRedriven says; it counts right when earlier pages are missing, too.
fn redrive_count(details: &str) -> Option<u32> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Redriven {
        redrive_count: u32,
    }
    serde_json::from_str::<Redriven>(details)
        .ok()
        .map(|redriven| redriven.redrive_count)
}
