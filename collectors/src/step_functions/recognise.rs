//! Finds the pieces in a JSON value, however deep a wrapper hides them.

use super::{
    History, LogEvents, Piece, Problem,
    documents::{execution_document, map_run_document, state_machine_document},
    event::{Event, is_event},
    log::{is_log_event, read_log_event},
};
use model::text::counted;
use serde_json::{Map, Value};

/// How deep wrappers may be nested.
const MAX_DEPTH: usize = 24;
/// Members that hold users' data: what looks like an event in there is none.
const PAYLOADS: [&str; 7] = [
    "input",
    "output",
    "parameters",
    "definition",
    "cause",
    "Input",
    "Output",
];

/// Finds Step Functions' data in one JSON value; `None` when there is none.
///
/// A history without an ARN gets that of a description in the same object.
pub fn recognise(value: &Value) -> Option<Vec<Piece>> {
    let mut found = Vec::new();
    collect(value, String::new(), 0, &mut found);
    (!found.is_empty()).then_some(found)
}

fn collect(value: &Value, path: String, depth: usize, found: &mut Vec<Piece>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => collect_array(items, path, depth, found),
        Value::Object(members) => collect_object(value, members, path, depth, found),
        _ => {}
    }
}

fn collect_array(items: &[Value], path: String, depth: usize, found: &mut Vec<Piece>) {
    if looks_like(items, is_log_event) {
        found.push(Piece::LogEvents(log_events(items, &path)));
    } else if looks_like(items, is_event) {
        found.push(Piece::History(history(items, &path)));
    } else {
        for (n, item) in items.iter().enumerate() {
            collect(item, format!("{path}[{n}]"), depth + 1, found);
        }
    }
}

/// At least half of the first items have the form: one bad event does not hide the others.
fn looks_like(items: &[Value], has_form: fn(&Value) -> bool) -> bool {
    let sample = items.len().min(64);
    sample > 0
        && items
            .iter()
            .take(sample)
            .filter(|item| has_form(item))
            .count()
            * 2
            >= sample
}

fn history(items: &[Value], path: &str) -> History {
    history_of(items, path, Event::read)
}

/// A page of a history from its events, each read by `read`.
pub(crate) fn history_of(
    items: &[Value],
    path: &str,
    read: fn(&Value) -> Result<Event, String>,
) -> History {
    let mut history = History::default();
    let (events, problems) = read_all(items, path, "an event", read);
    history.problems = problems;
    let places: Vec<usize>;
    (places, history.events) = events.into_iter().unzip();
    let arns = || {
        history
            .events
            .iter()
            .filter_map(|event| event.execution_arn.as_ref())
    };
    history.execution_arn = arns()
        .next()
        .filter(|first| arns().all(|arn| arn == *first))
        .cloned();
    fill_times(&mut history, path, &places);
    history
}

/// An event without a legible time takes that of the event before it (else the one after it), so that it
/// still counts; a history without any time at all cannot be placed and is left out.
/// `places`: where each event stood in the list.
fn fill_times(history: &mut History, path: &str, places: &[usize]) {
    let Some(bad) = history.events.iter().position(|event| event.time.is_none()) else {
        return;
    };
    let count = history
        .events
        .iter()
        .filter(|event| event.time.is_none())
        .count();
    let any = history.events.iter().find_map(|event| event.time);
    let (total, id) = (history.events.len(), history.events[bad].id);
    let reason = match any {
        Some(_) => format!(
            "{count} of {} with no legible timestamp (first: id {id}); each took that of its neighbour",
            counted(total as u64, "event", "events")
        ),
        None => format!(
            "none of {} has a legible timestamp (epoch seconds or ISO 8601 are expected; masked recordings \
             cannot be imported); the history was left out",
            counted(total as u64, "event", "events")
        ),
    };
    history.problems.push(Problem {
        position: format!("{path}[{}].timestamp", places[bad]),
        reason,
    });
    let Some(mut last) = any else {
        history.events.clear();
        return;
    };
    for event in &mut history.events {
        last = *event.time.get_or_insert(last);
    }
}

fn log_events(items: &[Value], path: &str) -> LogEvents {
    let (events, problems) = read_all(items, path, "a log event", read_log_event);
    let events = events.into_iter().map(|(_, event)| event).collect();
    LogEvents { events, problems }
}

/// How many illegible items of one list are told apart; the others are counted.
const MAX_PROBLEMS: usize = 100;

/// Reads what can be read of a list, with its places. What cannot is told, in bounded room however long the list is.
fn read_all<T, E: std::fmt::Display>(
    items: &[Value],
    path: &str,
    what: &str,
    read: impl Fn(&Value) -> Result<T, E>,
) -> (Vec<(usize, T)>, Vec<Problem>) {
    let (mut taken, mut problems, mut more) = (Vec::new(), Vec::new(), 0_usize);
    for (n, item) in items.iter().enumerate() {
        match read(item) {
            Ok(item) => taken.push((n, item)),
            Err(_) if problems.len() == MAX_PROBLEMS => more += 1,
            Err(reason) => problems.push(Problem {
                position: format!("{path}[{n}]"),
                reason: format!("{what} was left out: {reason}"),
            }),
        }
    }
    if more > 0 {
        problems.push(Problem {
            position: path.to_owned(),
            reason: counted(
                more as u64,
                "more item of this list was left out, too",
                "more items of this list were left out, too",
            ),
        });
    }
    (taken, problems)
}

fn collect_object(
    value: &Value,
    members: &Map<String, Value>,
    path: String,
    depth: usize,
    found: &mut Vec<Piece>,
) {
    if is_log_event(value) || is_event(value) {
        return collect_array(std::slice::from_ref(value), path, depth, found);
    }
    let start = found.len();
    if members.get("source").and_then(Value::as_str) == Some("aws.states")
        && let Some(detail) = members.get("detail").and_then(Value::as_object)
        && let Some(document) = execution_document(detail)
    {
        found.push(Piece::Execution(document));
        return;
    }
    if let Some(document) = map_run_document(members) {
        found.push(Piece::MapRun(document));
    } else if let Some(document) = execution_document(members) {
        found.push(Piece::Execution(document));
    } else if let Some(machine) = state_machine_document(members) {
        found.push(Piece::StateMachine(machine));
        return;
    }
    for (key, child) in members {
        if !PAYLOADS.contains(&key.as_str()) {
            let before = found.len();
            collect(child, format!("{path}.{key}"), depth + 1, found);
            continue_history(members, key, &mut found[before..]);
        }
    }
    // A definition beside a description is not "the description's payload" when it is a whole ASL.
    if let Some(definition @ Value::Object(_)) = members.get("definition") {
        collect(definition, format!("{path}.definition"), depth + 1, found);
    }
    link(members, &mut found[start..]);
}

/// `{events: […], nextToken}`: the page says that there is more.
fn continue_history(members: &Map<String, Value>, key: &str, found: &mut [Piece]) {
    if let ("events" | "Events", [Piece::History(history)]) = (key, found) {
        let token = members
            .get("nextToken")
            .or_else(|| members.get("NextToken"));
        history.more = token.is_some_and(|token| !token.is_null());
    }
}

/// Pairs the pieces of one object: its only history and its only description, or an ARN written beside.
fn link(members: &Map<String, Value>, found: &mut [Piece]) {
    let written = ["executionArn", "execution_arn", "ExecutionArn"]
        .iter()
        .find_map(|key| members.get(*key)?.as_str());
    let mut described = found.iter().filter_map(|piece| match piece {
        Piece::Execution(document) => document.get("executionArn")?.as_str(),
        _ => None,
    });
    let arn = match (described.next(), described.next()) {
        (Some(only), None) => Some(only),
        (None, _) => written,
        _ => None,
    };
    let Some(arn) = arn.map(str::to_owned) else {
        return;
    };
    let histories = found
        .iter()
        .filter(|piece| matches!(piece, Piece::History(_)))
        .count();
    for piece in found {
        match piece {
            Piece::History(history) if histories == 1 => {
                history.execution_arn.get_or_insert_with(|| arn.clone());
            }
            Piece::StateMachine(machine) => {
                machine.execution_arn.get_or_insert_with(|| arn.clone());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kinds(value: &Value) -> String {
        let word = |piece: &Piece| match piece {
            Piece::History(h) => format!(
                "history({},{:?})",
                h.events.len(),
                h.execution_arn.as_deref().unwrap_or("-")
            ),
            Piece::Execution(_) => "execution".to_owned(),
            Piece::StateMachine(m) => {
                format!("machine({:?})", m.execution_arn.as_deref().unwrap_or("-"))
            }
            Piece::MapRun(_) => "map_run".to_owned(),
            Piece::LogEvents(l) => format!("logs({},{})", l.events.len(), l.problems.len()),
        };
        recognise(value)
            .map(|pieces| pieces.iter().map(word).collect::<Vec<_>>().join(" "))
            .unwrap_or_default()
    }

    #[test]
    fn pieces_are_found_in_any_wrapper() {
        let event = json!({"id": 1, "type": "ExecutionStarted", "timestamp": 1.0});
        let describe = json!({"executionArn": "arn:e", "stateMachineArn": "arn:m", "status": "FAILED", "startDate": 1.0});
        let asl = json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}});
        let check = |value: Value, expect: &str| assert_eq!(kinds(&value), expect, "{value}");
        check(json!({"events": [event]}), r#"history(1,"-")"#);
        check(json!([event, event]), r#"history(2,"-")"#);
        check(event.clone(), r#"history(1,"-")"#);
        check(
            json!({"x": {"execution": describe, "executionHistory": {"events": [event]}, "stateMachine": asl}}),
            r#"execution history(1,"arn:e") machine("arn:e")"#,
        );
        check(
            json!([{"d": describe, "h": [event]}, {"h": [event]}]),
            r#"execution history(1,"arn:e") history(1,"-")"#,
        );
        check(
            json!({"executionArn": "arn:z", "events": [event]}),
            r#"history(1,"arn:z")"#,
        );
        check(
            json!({"executions": [describe, describe]}),
            "execution execution",
        );
        check(
            json!({"source": "aws.states", "detail": describe}),
            "execution",
        );
        check(asl, r#"machine("-")"#);
        check(json!({"input": {"events": [event]}}), "");
        check(
            json!({"events": [{"id": 1, "type": "click", "timestamp": 1}]}),
            "",
        );
        check(
            json!([{"id": 1, "type": "TaskCreated", "timestamp": 1}]),
            "",
        );
        check(
            json!({"id": 7, "type": "MapRunPaused", "timestamp": 1, "previousEventId": 6}),
            r#"history(1,"-")"#,
        );
        check(json!({"a": [[[[1]]]], "b": "c"}), "");
    }

    #[test]
    fn a_list_of_bad_events_is_told_in_bounded_room() {
        let mut items = vec![json!({"id": 1, "type": "ExecutionStarted", "timestamp": 1.0})];
        items.extend(std::iter::repeat_n(json!({"a": 1}), 1_000));
        let history = history(&items, ".events");
        assert_eq!(history.events.len(), 1);
        assert_eq!(history.problems.len(), MAX_PROBLEMS + 1);
        assert!(
            history.problems[MAX_PROBLEMS]
                .reason
                .starts_with("900 more")
        );
    }

    #[test]
    fn a_bad_event_does_not_hide_the_others() {
        let value = json!({"events": [{"id": 1, "type": "ExecutionStarted", "timestamp": 5}, 7,
            {"id": 3, "type": "PassStateEntered", "timestamp": "masked"}]});
        let pieces = recognise(&value).unwrap_or_default();
        let [Piece::History(history)] = &pieces[..] else {
            panic!("one history expected: {pieces:?}");
        };
        assert_eq!(history.events.len(), 2);
        assert_eq!(history.events[1].time, history.events[0].time);
        assert_eq!(history.problems[0].position, ".events[1]");
        assert_eq!(history.problems[1].position, ".events[2].timestamp");
    }
}
