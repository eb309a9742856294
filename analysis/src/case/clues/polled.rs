//! A workflow that asks how a job of somebody else is doing, until it is told that it failed or has asked often enough.
//! *What it looks for*: a Fail state behind a Choice behind the asking. *Why it matters*: the Fail state only says what was
//! heard. *How to confirm*: the job itself, by the id in the answer.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, State, Status};
use serde_json::Value;

/// Asked so many times more often than in healthy runs, it was asked in vain.
const OFTEN: u32 = 3;
/// Values inside values.
const DEPTH: usize = 6;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let fail = failure
        .visit
        .filter(|it| failure.attempt.is_none() && it.state_type == "Fail");
    let Some((visit, attempt)) = fail.and_then(|it| asking(scene, it)) else {
        return Vec::new();
    };
    // An execution that was started and waited for by the API itself: its own history tells more than its answer.
    if let Some(clues) = super::nested::answered(scene, failure, attempt) {
        return clues;
    }
    let answer: Value = attempt
        .output
        .as_deref()
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let mut told = Told::default();
    told.read(&answer, 0);
    let (kind, name) = asked_about(scene, visit, attempt, &answer);
    let suspect = clue::entity(scene, kind, &name, &[&visit.path]);
    let (category, weight, how) = match told.failed {
        true => {
            let reason = told.reason();
            let category = match text::topic(&reason) {
                Some(Topic::Init) => Category::Error,
                topic => text::category(topic),
            };
            let how = format!(
                "{name} failed, as {} was told: {}",
                visit.state,
                text::brief(&reason, 160)
            );
            (category, 0.86, how)
        }
        false => {
            let Some(times) = in_vain(scene, visit) else {
                return Vec::new();
            };
            let how = format!(
                "{name} was not done when {} had asked {times} times",
                visit.state
            );
            (Category::Latency, 0.8, how)
        }
    };
    let exited = attempt.end_event_id.and_then(|id| scene.event(id));
    let reference = exited.map(|it| clue::event_ref(&it.execution_arn, it.event_id));
    vec![
        Clue::new(suspect, category, weight, how)
            .with(exited.map(|it| {
                clue::event(
                    it,
                    format!(
                        "{} was told: {}",
                        visit.state,
                        text::brief(&told.reason(), 120)
                    ),
                )
            }))
            .with(failure.exhibit())
            .explaining([Explained {
                kind: "state".into(),
                name: failure.state().to_owned(),
                reason: format!(
                    "{} only says what {} was told",
                    failure.state(),
                    visit.state
                ),
                reference: reference.unwrap_or_default(),
            }]),
    ]
}

/// The task before a Fail state with nothing but decisions and waits in between, and its last try.
fn asking<'a>(scene: &Scene<'a>, fail: &State) -> Option<(&'a State, &'a Attempt)> {
    let before = scene.case.states.iter().filter(|it| {
        it.parent_span_id == fail.parent_span_id && it.entered_event_id < fail.entered_event_id
    });
    let mut before: Vec<&State> = before.collect();
    before.sort_by_key(|it| std::cmp::Reverse(it.entered_event_id));
    let passed = before.iter().take_while(|it| it.state_type != "Task");
    let passed: Vec<_> = passed.collect();
    let decided = passed.iter().any(|it| it.state_type == "Choice");
    let plain = passed
        .iter()
        .all(|it| matches!(it.state_type.as_str(), "Choice" | "Wait" | "Pass"));
    let visit = *before.get(passed.len()).filter(|_| decided && plain)?;
    let attempt = scene
        .tries(visit)
        .into_iter()
        .rfind(|it| it.status == Status::Succeeded)?;
    (!visit.caught).then_some((visit, attempt))
}

/// What an answer tells of something's end.
#[derive(Default)]
struct Told {
    failed: bool,
    status: String,
    reasons: Vec<String>,
}

impl Told {
    fn read(&mut self, value: &Value, depth: usize) {
        if depth > DEPTH || self.reasons.len() > 8 {
            return;
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let name = name.to_lowercase();
                    match member.as_str() {
                        Some(text) => self.word(&name, text),
                        None => self.read(member, depth + 1),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|it| self.read(it, depth + 1)),
            _ => {}
        }
    }

    fn word(&mut self, name: &str, text: &str) {
        const ENDS: [&str; 12] = [
            "FAILED",
            "FAILURE",
            "FAIL",
            "ERROR",
            "ERRORED",
            "FAULT",
            "FAULTED",
            "TIMED_OUT",
            "TIMEOUT",
            "ABORTED",
            "CANCELLED",
            "CRASHED",
        ];
        const WHY: [&str; 6] = [
            "reason",
            "message",
            "error",
            "cause",
            "detail",
            "diagnostic",
        ];
        let upper = text.trim().to_uppercase();
        let of_status = ["status", "state", "phase", "outcome", "result"].iter();
        if of_status.clone().any(|it| name.ends_with(it)) && ENDS.contains(&upper.as_str()) {
            self.failed = true;
            self.status = text.to_owned();
        } else if WHY.iter().any(|it| name.contains(it)) && !text.is_empty() {
            self.reasons.push(text.to_owned());
        }
    }

    fn reason(&self) -> String {
        match self.reasons.is_empty() {
            true => self.status.clone(),
            false => self.reasons.join("; "),
        }
    }
}

/// Who was asked about: a job that the question or the answer names, the state that started what has the same id, else
/// whoever answers.
fn asked_about(
    scene: &Scene,
    visit: &State,
    attempt: &Attempt,
    answer: &Value,
) -> (&'static str, String) {
    if let Some(callee) = super::function::callee(attempt) {
        return callee;
    }
    const NAMES: [&str; 9] = [
        "JobName",
        "jobName",
        "job",
        "jobDefinition",
        "JobDefinition",
        "projectName",
        "service",
        "ProjectName",
        "TaskDefinition",
    ];
    if let Some(name) = NAMES.iter().find_map(|it| text_at(answer, it, 0)) {
        return ("job", super::function::family(&name));
    }
    match started(scene, visit, attempt) {
        Some(found) => found,
        None => match attempt.function_name.clone() {
            Some(function) => ("function", function),
            None => ("state", visit.state.clone()),
        },
    }
}

fn text_at(value: &Value, wanted: &str, depth: usize) -> Option<String> {
    let members = value.as_object().filter(|_| depth < DEPTH)?;
    let own = members
        .get(wanted)
        .and_then(Value::as_str)
        .map(str::to_owned);
    own.or_else(|| {
        members
            .values()
            .find_map(|it| text_at(it, wanted, depth + 1))
    })
}

/// The earlier task that gave back an id which this one asks with: what it called by a service's API is what is asked about.
fn started(scene: &Scene, visit: &State, attempt: &Attempt) -> Option<(&'static str, String)> {
    let sent: Value = serde_json::from_str(attempt.input.as_deref()?).ok()?;
    let ids = sent.as_object()?.iter().filter(|(name, _)| {
        let name = name.to_lowercase();
        name.ends_with("id") || name.ends_with("ids") || name.ends_with("arn")
    });
    let ids: Vec<&str> = ids
        .filter_map(|(_, it)| it.as_str())
        .filter(|it| it.len() >= 4)
        .collect();
    let mut earlier =
        scene.case.attempts.iter().filter(|it| {
            it.state != visit.state && it.scheduled_event_id < attempt.scheduled_event_id
        });
    let found = earlier.find(|it| {
        let output = it.output.as_deref().unwrap_or_default();
        ids.iter().any(|id| output.contains(id))
    })?;
    let of_function = found.function_name.clone().map(|it| ("function", it));
    super::function::callee(found)
        .or(of_function)
        .or_else(|| Some(("state", found.state.clone())))
}

/// A run that is slow because it went round a loop more often than healthy runs do: whoever it asked at every turn was not
/// done; the pause between two questions is as long as ever.
pub(in crate::case) fn asked_often(scene: &Scene, pause: &State, excess_ns: i64) -> Option<Clue> {
    let turns = |state: &str| {
        let own = scene.case.states.iter().filter(|it| it.state == state);
        own.count()
    };
    let usual = |state: &str| {
        let all = scene.healthy.iter().filter_map(|it| it.states.get(state));
        let mut all: Vec<usize> = all.map(|it| it.visits as usize).collect();
        all.sort_unstable();
        Some((*all.get(all.len() / 2)?, *all.last()?))
    };
    let more = |state: &str| {
        let (median, most) = usual(state)?;
        let own = turns(state);
        (own > most && own >= 2 * median.max(1)).then_some((own, median))
    };
    let (own, median) = more(&pause.state)?;
    let longest = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&pause.state));
    let longest = longest.map(|it| it.longest_ns).max()?;
    let took = pause.duration_ns?;
    // The turns have to make up for the time.
    let by_turns = took.saturating_mul((own - median) as i64) * 2 > excess_ns;
    if took > longest.saturating_add(longest / 4) || !by_turns {
        return None;
    }
    let mut tasks = scene.case.states.iter().filter(|it| {
        it.state_type == "Task"
            && it.parent_span_id == pause.parent_span_id
            && it.entered_event_id > pause.entered_event_id
    });
    let asked = tasks.find(|it| more(&it.state).is_some())?;
    let last = scene
        .case
        .states
        .iter()
        .filter(|it| it.state == asked.state);
    let last = last.max_by_key(|it| it.entered_event_id)?;
    let attempt = scene.tries(last).into_iter().next_back()?;
    let answer: Value = attempt
        .output
        .as_deref()
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default();
    let (kind, name) = asked_about(scene, last, attempt, &answer);
    let how = format!(
        "{name} was done only when {} had asked {own} times, {median} in healthy runs; the pauses are as long as ever",
        asked.state
    );
    let first = scene.tries(asked).into_iter().next();
    let ended = |it: &Attempt| scene.event(it.end_event_id?);
    let shown = [first.and_then(ended), ended(attempt)]
        .into_iter()
        .flatten();
    let suspect = clue::entity(scene, kind, &name, &[&asked.path]);
    let explained = Explained {
        kind: "state".into(),
        name: pause.state.clone(),
        reason: format!("{} paused as long as ever, but more often", pause.state),
        reference: String::new(),
    };
    Some(
        Clue::new(suspect, Category::Latency, 0.9, how)
            .with(shown.map(|it| clue::event(it, format!("{} asked", asked.state))))
            .explaining([explained]),
    )
}

/// How often it asked, if that is far more often than healthy runs do.
fn in_vain(scene: &Scene, visit: &State) -> Option<u32> {
    let own = scene
        .case
        .states
        .iter()
        .filter(|it| it.state == visit.state)
        .count();
    let own = u32::try_from(own).ok()?;
    let mut usual: Vec<u32> = scene
        .healthy
        .iter()
        .filter_map(|it| it.states.get(&visit.state))
        .map(|it| it.visits)
        .collect();
    usual.sort_unstable();
    let most = usual.last().copied();
    match most {
        Some(most) => (own > most && own >= OFTEN * usual[usual.len() / 2].max(1)).then_some(own),
        None => (own >= 5).then_some(own),
    }
}
