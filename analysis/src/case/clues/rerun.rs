//! A job that went well at its second try. *What it looks for*: tries in the answer of a job that ended before the last
//! one. *Why it matters*: nothing failed, and the work was done twice. *How to confirm*: the log of the first try, which
//! breaks off.

use crate::case::{
    clue::{self, Clue},
    scene::Scene,
    stays,
    text::{self, Topic},
};
use model::{Attempt, Category, Fatality, time::human_duration};
use serde_json::Value;

/// A try of a job.
struct Try {
    began: i64,
    ended: i64,
    reason: String,
    exit: Option<i64>,
}

fn tries(answer: &Value) -> Vec<Try> {
    let listed = answer.get("Attempts").and_then(Value::as_array);
    let one = |it: &Value| {
        let container = it.get("Container");
        let text = |from: Option<&Value>, name: &str| {
            let text = from.and_then(|it| it.get(name)?.as_str());
            text.unwrap_or_default().to_owned()
        };
        Some(Try {
            began: stays::time_of(it.get("StartedAt")?)?,
            ended: stays::time_of(it.get("StoppedAt")?)?,
            reason: format!(
                "{} {}",
                text(Some(it), "StatusReason"),
                text(container, "Reason")
            ),
            exit: container.and_then(|it| it.get("ExitCode")?.as_i64()),
        })
    };
    let mut all: Vec<Try> = listed.into_iter().flatten().filter_map(one).collect();
    all.sort_by_key(|it| (it.began, it.ended));
    all
}

/// Why tries before the one that went well cost most of the time that a state took more than usual, nanoseconds; and how
/// much they cost.
pub(in crate::case) fn lost(
    scene: &Scene,
    attempt: &Attempt,
    excess_ns: i64,
) -> Option<(Clue, i64)> {
    let answer: Value = serde_json::from_str(attempt.output.as_deref()?).ok()?;
    let tries = tries(&answer);
    let (last, failed) = tries.split_last()?;
    let first = failed.first()?;
    let lost = last.began.saturating_sub(first.began);
    if lost < excess_ns / 2 {
        return None;
    }
    let (kind, name) = super::container::named(Some(&answer), attempt);
    let words = failed.iter().map(|it| it.reason.as_str());
    let words = words.collect::<Vec<_>>().join("; ");
    let killed = failed.iter().any(|it| it.exit == Some(137));
    let (category, weight, how) = if text::is(&words, Topic::HostLost) {
        (Category::Infrastructure, 0.95, "lost its host")
    } else if text::is(&words, Topic::Pull) {
        (Category::Infrastructure, 0.93, "did not get its image")
    } else if killed || text::is(&words, Topic::OutOfMemory) {
        (Category::Memory, 0.93, "ran out of memory")
    } else {
        (Category::Error, 0.85, "failed")
    };
    let worked: i64 = failed.iter().map(|it| (it.ended - it.began).max(0)).sum();
    let mechanism = format!(
        "{name} {how} in {} and began anew, {} later: {}",
        attempt.state,
        human_duration(lost.max(worked)),
        text::brief(&words, 160)
    );
    let ended = attempt.end_event_id.and_then(|id| scene.event(id));
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path]);
    let needed = format!("{name} needed {} tries", tries.len());
    let mut clue = Clue::new(suspect, category, weight, mechanism)
        .with(ended.map(|it| clue::event(it, needed)));
    clue.fate = Fatality::Survived;
    Some((clue, lost))
}
