//! An execution that ended badly and was begun again where it had stopped (RedriveExecution): somebody had to see to it,
//! which is more than a retry, and is told as such.

use super::{
    clue,
    failures::{self, Failure},
    scene::Scene,
    telling,
};
use model::{
    ExecutionStatus, Fatality, HistoryEvent, Outcome, Sentence, Verdict,
    time::{self, human_duration},
};

const ENDS: [&str; 3] = ["ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"];

/// The last time that an execution was begun again.
struct Redrive<'a> {
    /// How it had ended.
    ended: &'a HistoryEvent,
    /// Its new beginning.
    begun: &'a HistoryEvent,
}

fn last<'a>(scene: &Scene<'a>) -> Option<Redrive<'a>> {
    if scene.case.execution.redrive_count == 0 {
        return None;
    }
    let events = &scene.case.events;
    let begun = events
        .iter()
        .filter(|it| it.event_type == "ExecutionRedriven");
    let begun = begun.max_by_key(|it| it.event_id)?;
    let ended = events
        .iter()
        .filter(|it| it.event_id < begun.event_id && ENDS.contains(&it.event_type.as_str()));
    let ended = ended.max_by_key(|it| it.event_id)?;
    Some(Redrive { ended, begun })
}

/// What an execution that ended well had failed of before it was redriven.
pub(crate) fn failure<'a>(scene: &Scene<'a>) -> Option<Failure<'a>> {
    let redrive = last(scene)?;
    let failed = scene.case.attempts.iter().filter(|it| {
        let end = it.end_event_id.unwrap_or(u64::MAX);
        it.status.is_failure() && end < redrive.ended.event_id
    });
    let failed = failed.max_by_key(|it| (it.end_event_id, it.span_id))?;
    Some(failures::of_try(scene, failed, Fatality::Survived))
}

/// What would have happened without that failure.
pub(crate) fn but_for(scene: &Scene, failure: &Failure) -> Option<String> {
    let redrive = last(scene)?;
    let gap = redrive.begun.time.since(redrive.ended.time);
    Some(format!(
        "without the failure of {} this run would have needed no redrive and ended {} earlier",
        failure.state(),
        human_duration(gap)
    ))
}

/// Adds to a verdict how the execution had ended and that it was redriven.
pub(crate) fn tell(scene: &Scene, verdict: &mut Verdict) {
    let Some(Redrive { ended, begun }) = last(scene) else {
        return;
    };
    let gap = human_duration(begun.time.since(ended.time));
    let well = scene.case.execution.status == ExecutionStatus::Succeeded;
    if verdict.outcome == Outcome::ColdCase {
        return;
    }
    let of_it = {
        let mut shown = verdict.exhibits.iter().filter(|it| it.source != "change");
        verdict.outcome == Outcome::Verdict && shown.all(|it| it.at <= time::rfc3339(ended.time))
    };
    let told = match (of_it, well) {
        (true, true) => {
            if verdict.fatality != Fatality::Masked {
                verdict.fatality = Fatality::Survived;
            }
            format!("the run ended of it and was redriven {gap} later")
        }
        (false, true) => format!(
            "the run had ended before ({}) and was redriven {gap} later",
            ended.event_type
        ),
        (_, false) => format!(
            "the run had ended before ({}), was redriven {gap} later and ended badly again",
            ended.event_type
        ),
    };
    verdict.mechanism = format!("{}; {told}", verdict.mechanism);
    if verdict.outcome != Outcome::Verdict {
        return;
    }
    let facts = [
        clue::event(ended, "the execution ended".to_owned()),
        clue::event(begun, format!("it was redriven {gap} later")),
    ];
    for fact in facts {
        telling::show(verdict, fact, Sentence::Mechanism);
    }
}
