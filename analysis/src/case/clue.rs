//! What a detector says: this one, of that, because of these facts.

use super::scene::Scene;
use model::{
    Attempt, Category, Change, Entity, Exhibit, Fatality, HistoryEvent, Invocation, LogRecord,
    Span, State, time,
};

/// What a detector says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clue {
    /// Who.
    pub suspect: Entity,
    /// Of what.
    pub category: Category,
    /// How it came about, one sentence without its full stop.
    pub mechanism: String,
    /// How much it weighs by itself, 0 to 1.
    pub weight: f64,
    /// What proves it.
    pub exhibits: Vec<Exhibit>,
    /// What changed before, if that is part of it.
    pub changed: Option<String>,
    /// Suspects (kind, name) whose trouble this one explains, with the fact that says so.
    pub explains: Vec<Explained>,
    /// What would make it certain.
    pub missing: Vec<String>,
    /// What it did to the execution.
    pub fate: Fatality,
    /// What would have happened without it.
    pub but_for: Option<String>,
}

/// A suspect who only carried on what another one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    pub kind: String,
    pub name: String,
    pub reason: String,
    pub reference: String,
}

impl Clue {
    pub fn new(suspect: Entity, category: Category, weight: f64, mechanism: String) -> Self {
        Clue {
            suspect,
            category,
            mechanism,
            weight,
            exhibits: Vec::new(),
            changed: None,
            explains: Vec::new(),
            missing: Vec::new(),
            fate: Fatality::None,
            but_for: None,
        }
    }

    pub fn with(mut self, exhibits: impl IntoIterator<Item = Exhibit>) -> Self {
        self.exhibits.extend(exhibits);
        self
    }

    pub fn changed(mut self, changed: Option<String>) -> Self {
        self.changed = changed;
        self
    }

    pub fn explaining(mut self, explained: impl IntoIterator<Item = Explained>) -> Self {
        self.explains.extend(explained);
        self
    }

    pub fn lacking(mut self, missing: Option<String>) -> Self {
        self.missing.extend(missing);
        self
    }

    pub fn missing(mut self, missing: &str) -> Self {
        self.missing.push(missing.to_owned());
        self
    }
}

/// Something with a kind and a name, below the execution.
pub(crate) fn entity(scene: &Scene, kind: &str, name: &str, below: &[&str]) -> Entity {
    let execution = &scene.case.execution;
    let mut path = vec![execution.state_machine.clone()];
    if let Some(version) = &execution.state_machine_version {
        path.push(format!("version {version}"));
    }
    path.extend(below.iter().map(|part| (*part).to_owned()));
    if path.last().is_none_or(|last| last != name) {
        path.push(name.to_owned());
    }
    path.retain(|part| !part.is_empty());
    Entity {
        kind: kind.to_owned(),
        name: name.to_owned(),
        path,
    }
}

/// A state of the workflow.
pub(crate) fn state(scene: &Scene, visit: &State) -> Entity {
    entity(scene, "state", &visit.state, &[&visit.path])
}

/// The function that an attempt calls.
pub(crate) fn function(
    scene: &Scene,
    attempt: &Attempt,
    name: &str,
    version: Option<&str>,
) -> Entity {
    let tried = format!("attempt {}", attempt.attempt);
    let mut entity = entity(scene, "function", name, &[&attempt.path, &tried]);
    if let Some(version) = version {
        entity.path.push(format!("version {version}"));
    }
    entity
}

/// An exhibit from a history event.
pub(crate) fn event(event: &HistoryEvent, text: String) -> Exhibit {
    Exhibit {
        source: "event".into(),
        reference: event_ref(&event.execution_arn, event.event_id),
        at: time::rfc3339(event.time),
        text,
        ..Exhibit::default()
    }
}

/// How an event is named.
pub(crate) fn event_ref(arn: &str, id: u64) -> String {
    format!("event:{arn}#{id}")
}

/// An exhibit from a span.
pub(crate) fn span(span: &Span, text: String) -> Exhibit {
    Exhibit {
        source: "span".into(),
        reference: span_ref(span),
        at: time::rfc3339(span.start_time),
        text,
        ..Exhibit::default()
    }
}

/// How a span is named.
pub(crate) fn span_ref(span: &Span) -> String {
    format!("span:{}/{}", span.trace_id, span.span_id)
}

/// An exhibit from a log record.
pub(crate) fn log(log: &LogRecord, text: String) -> Exhibit {
    Exhibit {
        source: "log".into(),
        reference: format!("log:{}", log.log_id),
        at: time::rfc3339(log.time),
        text,
        ..Exhibit::default()
    }
}

/// An exhibit from an invocation, by its span.
pub(crate) fn invocation(of: &Invocation, text: String) -> Exhibit {
    Exhibit {
        source: "invocation".into(),
        reference: format!("span:{}/{}", of.trace_id, of.span_id),
        at: time::rfc3339(of.end_time.unwrap_or(of.start_time)),
        text,
        ..Exhibit::default()
    }
}

/// An exhibit from a change.
pub(crate) fn change(change: &Change, text: String) -> Exhibit {
    Exhibit {
        source: "change".into(),
        reference: format!("change:{}", change.trace_id),
        at: time::rfc3339(change.time),
        text,
        ..Exhibit::default()
    }
}
