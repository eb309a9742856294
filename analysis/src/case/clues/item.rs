//! One item of a distributed Map that cannot be processed. Its items are executions of their own, so what
//! [`super::poison`] finds among iterations is found here among executions: one that fails in the same way at every try,
//! while others did the same work well.

use crate::case::{
    Case, charges,
    clue::{self, Clue, Explained},
    failures::{self, Failure, message},
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, ExecutionStatus, State};
use serde_json::Value;

/// Items of a Map that are looked through for the one of an execution.
const MOST_ITEMS: usize = 20_000;

/// The item of an execution that failed, where what it holds is the reason.
pub(super) fn refused(
    scene: &Scene,
    failure: &Failure,
    visit: &State,
    child: &Case,
) -> Option<Clue> {
    let world = scene.world.of_child(child);
    let below = Scene::new(child, &world);
    let own = failures::fatal(&below)?;
    let attempt = own.attempt?;
    let topic = own.topic();
    if !matches!(topic, None | Some(Topic::Data | Topic::Path)) {
        return None;
    }
    let mut called = own.spans.spans.iter();
    if called.any(|it| charges::calls_out(it) && charges::failed(it)) {
        return None;
    }
    let tries: Vec<&Attempt> = below.tries(own.visit?);
    let alike = |it: &&Attempt| it.error == attempt.error && stem(it) == stem(attempt);
    if !tries.iter().all(alike) {
        return None;
    }
    let others = scene.case.children.iter().filter(|it| {
        it.execution.map_run_arn == visit.map_run_arn
            && it.execution.execution_arn != child.execution.execution_arn
    });
    let (mut well, mut same, mut witness) = (0, 0, None);
    for other in others {
        match other.execution.status {
            ExecutionStatus::Succeeded => {
                well += 1;
                witness.get_or_insert(other);
            }
            _ if other.execution.root_error == child.execution.root_error => same += 1,
            _ => {}
        }
    }
    if well == 0 || same * 3 > well {
        return None;
    }
    let weight = match (topic, tries.len()) {
        (Some(Topic::Data), 2..) => 0.95,
        (Some(_), _) | (None, 2..) => 0.9,
        (None, _) => 0.72,
    };
    let name = match index(visit, child) {
        Some(index) => format!("{}[{index}]", visit.state),
        None => held(child, &own).unwrap_or_else(|| child.execution.name.clone()),
    };
    let mut suspect = clue::entity(scene, "item", &name, &[&visit.path]);
    // The way leads through the function to the item, which it could not process.
    let last = suspect.path.len().saturating_sub(1);
    if let Some(name) = own.function() {
        suspect.path.insert(last, name.to_owned());
    }
    let said = format!("{} {}", own.error, message(&own.cause));
    let mechanism = format!(
        "{name}, the execution {}, cannot be processed: {}; {well} others went well",
        child.execution.name,
        text::brief(&said, 140)
    );
    let function = own.function().unwrap_or(own.state()).to_owned();
    let cleared = witness
        .and_then(|it| it.events.iter().max_by_key(|it| it.event_id))
        .map(|it| Explained {
            kind: String::new(),
            name: function.clone(),
            reason: format!("{function} processed {well} other items of the same Map well"),
            reference: clue::event_ref(&it.execution_arn, it.event_id),
        });
    let first = child.events.iter().min_by_key(|it| it.event_id);
    let given = child.execution.input.as_deref().zip(first);
    let given = given.map(|(input, started)| clue::given(started, &name, input, &said));
    Some(
        Clue::new(suspect, Category::BadInput, weight, mechanism)
            .with(given)
            .with(own.exhibit())
            .with(failure.exhibit())
            .explaining(cleared),
    )
}

/// The message without what differs from try to try.
fn stem(attempt: &Attempt) -> String {
    text::template(&message(attempt.cause.as_deref().unwrap_or_default()))
}

/// What the item holds that the error names: a file, an order. An execution of a Map that reads its items from a bucket has
/// a name that tells nobody anything.
fn held(child: &Case, failure: &Failure) -> Option<String> {
    let input = child.execution.input.as_deref();
    let input = input.filter(|it| it.len() < 1_000_000)?;
    let input = serde_json::from_str::<Value>(input).ok()?;
    super::refusal::named_in(&input, &failure.said())
}

/// Which item of the Map's input an execution was started with, if exactly one fits.
fn index(visit: &State, child: &Case) -> Option<usize> {
    let parse = |text: Option<&str>| -> Option<Value> { serde_json::from_str(text?).ok() };
    let given = parse(child.execution.input.as_deref())?;
    let input = parse(visit.input.as_deref())?;
    let mut lists = Vec::new();
    lists_of(&input, 0, &mut lists);
    let fitting = |list: &[Value]| {
        let mut found = (0..list.len().min(MOST_ITEMS)).filter(|n| is_of(&given, &list[*n]));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    };
    lists.into_iter().find_map(|it| fitting(it))
}

fn lists_of<'v>(value: &'v Value, depth: usize, found: &mut Vec<&'v Vec<Value>>) {
    match value {
        Value::Array(items) if found.len() < 8 => found.push(items),
        Value::Object(members) if depth < 4 => members
            .values()
            .for_each(|it| lists_of(it, depth + 1, found)),
        _ => {}
    }
}

/// The execution was given this item, as it is, as a member, or with others beside what it holds.
fn is_of(given: &Value, item: &Value) -> bool {
    if given == item {
        return true;
    }
    let Some(members) = given.as_object() else {
        return false;
    };
    let within = |own: &serde_json::Map<String, Value>| {
        !own.is_empty() && own.iter().all(|(key, it)| members.get(key) == Some(it))
    };
    members.values().any(|it| it == item) || item.as_object().is_some_and(within)
}

#[cfg(test)]
mod tests {
    use super::is_of;
    use serde_json::{Value, json};

    #[test]
    fn an_execution_is_known_by_its_item() {
        let check = |given: Value, item: Value, expect: bool| {
            assert_eq!(is_of(&given, &item), expect, "{given} {item}")
        };
        check(json!({"key": "a"}), json!({"key": "a"}), true);
        check(json!({"item": "a", "bucket": "b"}), json!("a"), true);
        check(
            json!({"key": "a", "bucket": "b"}),
            json!({"key": "a"}),
            true,
        );
        check(json!({"key": "a"}), json!({"key": "b"}), false);
        check(json!("a"), json!({}), false);
    }
}
