//! A message that nobody received since its way was changed. *What it looks for*: a change of a rule, a subscription, a
//! filter or a trigger before a message whose answer never came. *Why it matters*: the sender was told that all is well,
//! the receiver heard nothing, and neither is to blame. *How to confirm*: the receiver ran for the messages before the
//! change, and for none after it.

use crate::case::{
    Profile,
    clue::{self, Clue},
    failures::Failure,
    letters,
    scene::Scene,
};
use model::{Attempt, Category, Change, time::human_duration};

/// How long before a message a change may lie, nanoseconds.
const RECENT: i64 = 24 * 3_600 * 1_000_000_000;
/// Runs before the change whose messages were answered.
const WELL: usize = 3;

/// Whether a change is about the way that messages take: EventBridge, SNS, Lambda's triggers, pipes, brokers.
fn is_route(change: &Change) -> bool {
    const KINDS: [&str; 8] = [
        "rule",
        "eventbridge",
        "event_rule",
        "subscription",
        "trigger",
        "pipe",
        "esm",
        "event_source",
    ];
    const WORDS: [&str; 30] = [
        "putrule",
        "disablerule",
        "deleterule",
        "removetargets",
        "puttargets",
        "eventpattern",
        "event pattern",
        "detail-type",
        "event rule",
        "event bus",
        "eventbus",
        "filterpolicy",
        "filter policy",
        "filter criteria",
        "filtercriteria",
        "unsubscribe",
        "subscription",
        "eventsourcemapping",
        "event source mapping",
        "event-source-mapping",
        "event_source_mapping",
        "trigger disabled",
        "queue policy",
        "queuepolicy",
        "topic policy",
        "updatepipe",
        "stoppipe",
        "binding",
        "routing key",
        "routing_key",
    ];
    let kind = change.kind.to_lowercase();
    let text = format!("{} {}", change.resource, change.change).to_lowercase();
    KINDS.contains(&kind.as_str()) || WORDS.iter().any(|it| text.contains(it))
}

/// The last change of a way, before a message, after which no message of the workflow was answered until it was judged.
pub(super) fn find(scene: &Scene, failure: &Failure, attempt: &Attempt) -> Option<Clue> {
    let sent = attempt.start_time;
    let changes = scene.world.changes.iter();
    let before = changes.filter(|it| it.time <= sent && sent.since(it.time) <= RECENT);
    let change = before
        .filter(|it| is_route(it))
        .max_by_key(|it| (it.time, it.trace_id))?;
    let answered = scene.healthy.iter().filter(|it| {
        let state = it.states.get(&attempt.state);
        state.is_some_and(|it| it.visits > 0)
    });
    let (old, new): (Vec<&Profile>, Vec<&Profile>) = answered
        .copied()
        .filter(|it| it.start < scene.case.execution.start_time)
        .partition(|it| it.start < change.time);
    // Whose message came through after the change clears it.
    if old.len() < WELL || !new.is_empty() {
        return None;
    }
    let name = super::function::last_part(&change.resource);
    let told = super::deploy::told(change);
    let waited = human_duration(failure.at.since(attempt.start_time).max(0));
    let mechanism = format!(
        "nobody received the message of {} since {told}; it waited {waited}, and {} runs before were answered",
        failure.state(),
        old.len()
    );
    let submitted = letters::submitted(&scene.case.events, attempt);
    let sender = super::function::callee(attempt).map_or(attempt.state.clone(), |it| it.1);
    let handed =
        submitted.map(|it| clue::event(it, format!("{} handed its message over", failure.state())));
    let reference = handed.as_ref().map(|it| it.reference.clone());
    let cleared = clue::Explained {
        kind: String::new(),
        reason: format!("{sender} took the message on; its way was changed"),
        name: sender,
        reference: reference.unwrap_or_default(),
    };
    let suspect = clue::entity(scene, "rule", &name, &[&attempt.path]);
    Some(
        Clue::new(suspect, Category::LostMessage, 0.95, mechanism)
            .with([clue::change(change, told.clone())])
            .with(handed)
            .with(failure.exhibit())
            .explaining([cleared])
            .changed(Some(told)),
    )
}

#[cfg(test)]
mod tests {
    use super::is_route;
    use model::Change;

    #[test]
    fn ways_of_messages_are_told_from_other_changes() {
        let check = |kind: &str, change: &str, expect: bool| {
            let change = Change {
                kind: kind.into(),
                resource: "x".into(),
                change: change.into(),
                ..Change::default()
            };
            assert_eq!(is_route(&change), expect, "{kind} {}", change.change)
        };
        check("config", "PutRule EventPattern source a -> b", true);
        check("sns", "SetSubscriptionAttributes FilterPolicy", true);
        check("lambda", "UpdateEventSourceMapping Enabled=false", true);
        check("rule", "state DISABLED", true);
        check("lambda", "code update", false);
        check("config", "security group rule removed", false);
        check("config", "VisibilityTimeout 30 -> 60", false);
    }
}
