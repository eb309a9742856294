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

/// Characters of an item that are shown, and of those before the word that an error names.
const SHOWN: usize = 160;
const BEFORE: usize = 60;

/// An item as it was given, around what its error says of it.
pub(crate) fn given(entered: &HistoryEvent, name: &str, input: &str, said: &str) -> Exhibit {
    event(entered, format!("{name} is {}", excerpt(input, said)))
}

/// As much of a text as is shown, around the first word that is quoted from it.
fn excerpt(input: &str, said: &str) -> String {
    let words = said.split(['\'', '"', '`']).skip(1).step_by(2);
    let mut words = words.filter(|it| (2..=64).contains(&it.len()));
    let at = words.find_map(|it| input.find(it)).unwrap_or(0);
    let before = input[..at].chars().count();
    let skipped = match before > SHOWN / 2 {
        true => before - BEFORE,
        false => 0,
    };
    let shown: String = input.chars().skip(skipped).take(SHOWN).collect();
    let start = if skipped > 0 { "…" } else { "" };
    let more = input.chars().nth(skipped + SHOWN).map_or("", |_| "…");
    format!("{start}{shown}{more}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_shown_where_its_error_points() {
        assert_eq!(excerpt(r#"{"qty":null}"#, "no qty"), r#"{"qty":null}"#);
        let long = format!(r#"{{"note":"{}","qty":"zwölf"}}"#, "ä".repeat(200));
        let shown = excerpt(&long, "'zwölf' is no number");
        assert!(
            shown.starts_with("…ä") && shown.ends_with(r#""qty":"zwölf"}"#),
            "{shown}"
        );
        let cut = excerpt(&long, "no number");
        assert!(
            cut.ends_with("ä…") && cut.chars().count() == SHOWN + 1,
            "{cut}"
        );
    }
}
