//! A Wait that took as long as it was told to: whoever gave the time until which it waits, or how long, is behind it. What
//! the execution itself was started with is nobody's fault.

use super::{
    charges,
    clue::{self, Clue},
    clues,
    scene::Scene,
    text::{self, Topic},
};
use model::{Category, LogRecord, State, UnixNanos, time::human_duration};
use serde_json::Value;

/// How far the end of a wait lies from the time that it was told.
const NEAR_NS: i64 = 2_500_000_000;
/// Waits that are shorter are met by many numbers.
const LEAST_S: f64 = 20.0;

/// Who told a Wait how long it takes.
pub(crate) enum Told {
    /// A state before it.
    By(Box<Clue>),
    /// The execution was started with it.
    Outside,
}

/// Who gave the time that a wait took, if a value of its input is that time.
pub(crate) fn told(scene: &Scene, visit: &State, usual_ns: i64) -> Option<Told> {
    let end = visit.end_time.filter(|_| visit.state_type == "Wait")?;
    let input: Value = serde_json::from_str(visit.input.as_deref()?).ok()?;
    let (path, value) = find(&input, "", 0, &|it| is_due(it, visit.start_time, end))?;
    let leaf = path.rsplit('.').next().unwrap_or(&path).to_owned();
    let holds = |text: Option<&str>| {
        let parsed = text.and_then(|it| serde_json::from_str::<Value>(it).ok());
        parsed.is_some_and(|it| find(&it, "", 0, &|other| *other == value).is_some())
    };
    if holds(scene.case.execution.input.as_deref()) {
        return Some(Told::Outside);
    }
    let before = scene.case.states.iter().filter(|it| {
        it.entered_event_id < visit.entered_event_id
            && it.state_type == "Task"
            && holds(it.output.as_deref())
    });
    let made = before.min_by_key(|it| it.entered_event_id)?;
    if let Some(clue) = refused(scene, made, visit) {
        return Some(Told::By(Box::new(clue)));
    }
    let (suspect, name) = clues::maker(scene, made);
    let took = human_duration(end.since(visit.start_time));
    let mechanism = format!(
        "{name} gave {leaf} {value}, so {} waited {took}, {} in healthy runs",
        visit.state,
        human_duration(usual_ns)
    );
    let left = made.exited_event_id.and_then(|id| scene.event(id));
    let ended = visit.exited_event_id.and_then(|id| scene.event(id));
    let shown = left.map(|it| clue::event(it, format!("{} left with {leaf} {value}", made.state)));
    let explained = clue::Explained {
        kind: "state".into(),
        name: visit.state.clone(),
        reason: format!("{} waited as long as it was told to", visit.state),
        reference: shown
            .as_ref()
            .map(|it| it.reference.clone())
            .unwrap_or_default(),
    };
    Some(Told::By(Box::new(
        Clue::new(suspect, Category::SilentData, 0.92, mechanism)
            .with(shown)
            .with(ended.map(|it| clue::event(it, format!("{} ended after {took}", visit.state))))
            .changed(clues::new_version(scene, made))
            .explaining([explained]),
    )))
}

/// Somebody who turned away whoever gave the time, as his lines or spans tell: to come again later is what he was told.
fn refused(scene: &Scene, made: &State, wait: &State) -> Option<Clue> {
    let attempt = scene.tries(made).into_iter().next_back()?;
    let by = attempt.function_name.as_deref().unwrap_or(&attempt.state);
    let new = |it: &LogRecord| {
        let key = (it.service_name.clone(), text::template(&it.body));
        let mut known = scene.healthy.iter();
        !known.any(|it| it.templates.contains(&key))
    };
    let outside = |it: &Topic| matches!(it, Topic::Throttled | Topic::Unavailable | Topic::Pool);
    let topic = |words: &str| text::topic(words).filter(outside);
    let spans = scene.forest(scene.spans_below(attempt));
    let called = (0..spans.spans.len()).filter(|n| charges::failed(spans.spans[*n]));
    let called = called.filter_map(|n| {
        let (span, name) = (spans.spans[n], spans.charged(n));
        let topic = topic(&clues::span_words(span)).filter(|_| name != by && !name.is_empty())?;
        let shown = clue::span(span, format!("{name} turned {by} away"));
        Some((name, topic, shown))
    });
    let lines = scene.invocation(attempt).map(|(it, _)| scene.lines(it));
    let lines = lines.unwrap_or_default().into_iter().filter_map(|it| {
        let topic = topic(&it.body).filter(|_| new(it))?;
        let name = clues::service_in(scene, &it.body).filter(|name| name != by)?;
        let shown = clue::log(it, format!("{by} wrote: {}", text::brief(&it.body, 160)));
        Some((name, topic, shown))
    });
    let found: Vec<_> = called.chain(lines).collect();
    let (name, topic, _) = found.first()?.clone();
    let shown = found.into_iter().filter(|it| it.0 == name).map(|it| it.2);
    let took = human_duration(wait.duration_ns.unwrap_or_default());
    let mechanism = format!(
        "{name} turned {by} away in {}, so {} waited {took} before it was asked again",
        made.state, wait.state
    );
    let suspect = clue::entity(scene, "service", &name, &[&attempt.path, by]);
    let ended = wait.exited_event_id.and_then(|id| scene.event(id));
    let ended = ended.map(|it| clue::event(it, format!("{} ended after {took}", wait.state)));
    let shown: Vec<model::Exhibit> = shown.take(2).chain(ended).collect();
    let reference = shown[0].reference.clone();
    let explained = [by, wait.state.as_str()].map(|victim| clue::Explained {
        kind: String::new(),
        name: victim.to_owned(),
        reason: format!("it waited as long as {name} made it wait"),
        reference: reference.clone(),
    });
    Some(
        Clue::new(suspect, text::category(Some(topic)), 0.93, mechanism)
            .with(shown)
            .explaining(explained),
    )
}

/// The first value of a document that fits, and where it stands.
fn find(
    value: &Value,
    prefix: &str,
    depth: usize,
    fits: &dyn Fn(&Value) -> bool,
) -> Option<(String, Value)> {
    if fits(value) {
        return Some((prefix.to_owned(), value.clone()));
    }
    let members = value.as_object().filter(|_| depth < 6)?;
    members.iter().find_map(|(name, member)| {
        let path = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        find(member, &path, depth + 1, fits)
    })
}

/// A time at which a wait ended, or the seconds that it took.
fn is_due(value: &Value, start: UnixNanos, end: UnixNanos) -> bool {
    let took = end.since(start);
    match value {
        Value::String(text) if (17..=40).contains(&text.len()) => {
            let time: Option<jiff::Timestamp> = text.parse().ok();
            let off = time.map(|it| (it.as_nanosecond() as i64).abs_diff(end.0));
            off.is_some_and(|it| it <= NEAR_NS.unsigned_abs())
        }
        Value::Number(number) => number.as_f64().is_some_and(|it| {
            (LEAST_S..1e8).contains(&it) && (it * 1e9 - took as f64).abs() <= NEAR_NS as f64 / 2.0
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wait_is_told_by_a_time_or_by_seconds() {
        let at = |text: &str| {
            let time: jiff::Timestamp = text.parse().expect("a time");
            UnixNanos(time.as_nanosecond() as i64)
        };
        let (start, end) = (at("2026-10-18T11:41:26Z"), at("2026-10-18T12:42:57.1Z"));
        let check =
            |value: Value, expect: bool| assert_eq!(is_due(&value, start, end), expect, "{value}");
        check(json!("2026-10-18T12:42:57.079Z"), true);
        check(json!("2026-10-18T14:42:57+02:00"), true);
        check(json!("2026-10-18T11:42:57.079Z"), false);
        check(json!(3691), true);
        check(json!(3600), false);
        check(json!("T-6675"), false);
    }
}
