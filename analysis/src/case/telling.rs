//! How a verdict is told: its sentence and its exhibits.

use super::{
    clue::{self, Clue},
    clues,
    failures::{self, Failure},
    ranking::Charge,
    scene::Scene,
};
use model::text::counted;
use model::{Change, Exhibit, Fatality, Sentence, Verdict, time::human_duration};
use std::collections::BTreeSet;

/// Exhibits that are shown.
const MOST_EXHIBITS: usize = 7;

/// A state is not told to have failed in itself, and nobody to have failed in a state without a name.
pub(super) fn smooth(mechanism: &str, name: &str) -> String {
    let place = format!(" in {name}");
    let twice = mechanism.strip_prefix(name).and_then(|rest| {
        let (before, after) = rest.split_once(&place)?;
        let whole = after.is_empty() || after.starts_with([':', ';', ',', ' ']);
        whole.then(|| format!("{name}{before}{after}"))
    });
    let told = twice.unwrap_or_else(|| mechanism.to_owned());
    // Log delivery at ERROR does not tell the state.
    let told = told.replace(" in : ", ": ");
    told.trim_end_matches([':', ' ']).to_owned()
}

/// What is shown of a charge, in causal order.
pub(super) fn exhibits(
    scene: &Scene,
    charge: &Charge,
    fate: Fatality,
    changed: Option<&str>,
) -> Vec<Exhibit> {
    let mut seen = BTreeSet::new();
    let all = charge
        .clues
        .iter()
        .take(2)
        .flat_map(|it| it.exhibits.iter());
    let mut kept: Vec<Exhibit> = all
        .filter(|it| seen.insert(it.reference.clone()))
        .take(MOST_EXHIBITS - 1)
        .cloned()
        .collect();
    if let Some(change) = changed.and_then(|it| cited(scene, it)) {
        let exhibit = clue::change(change, format!("changed: {}", clues::told(change)));
        if seen.insert(exhibit.reference.clone()) {
            kept.truncate(MOST_EXHIBITS - 2);
            kept.push(exhibit);
        }
    }
    if fate == Fatality::Fatal
        && let Some(last) = scene.case.events.iter().rfind(|it| {
            matches!(
                it.event_type.as_str(),
                "ExecutionFailed" | "ExecutionTimedOut"
            )
        })
    {
        let exhibit = clue::event(last, "the execution ended".to_owned());
        if seen.insert(exhibit.reference.clone()) {
            kept.push(exhibit);
        }
    }
    // A span begins before the failure that it explains; within one instant the cause comes first.
    kept.sort_by(|a, b| {
        a.at.cmp(&b.at)
            .then_with(|| order(a).cmp(&order(b)))
            .then_with(|| a.reference.cmp(&b.reference))
    });
    answers_first(scene, kept)
}

/// Why nobody is accused.
pub(super) fn no_crime(scene: &Scene, why: String) -> String {
    if !why.is_empty() {
        return why;
    }
    let healthy = scene.healthy.len();
    let retries = scene.case.execution.retries;
    let tries = |n: u32| counted(n.into(), "retry", "retries");
    let runs = counted(healthy as u64, "healthy run", "healthy runs");
    let took = scene.case.execution.duration_ns.unwrap_or_default();
    let longest = scene.healthy.iter().map(|it| it.duration_ns).max();
    // It is not beyond what chance does, but nobody may be told that it ran as the others did.
    if let Some(longest) = longest.filter(|it| *it > 0 && took > *it) {
        let after = match retries {
            0 => String::new(),
            r => format!(" after {}", tries(r)),
        };
        return format!(
            "it succeeded{after}; it took {}, at most {} in {runs}, which is too little to accuse anybody",
            human_duration(took),
            human_duration(longest)
        );
    }
    match (healthy, retries) {
        (0, 0) => "it succeeded; there is no other run to compare it with".to_owned(),
        (1, 0) => "it ran as the one healthy run did".to_owned(),
        (n, 0) => format!("it ran as {n} healthy runs do"),
        (0, r) => format!("it succeeded after {}", tries(r)),
        (_, r) => format!("it succeeded after {}, within what {runs} took", tries(r)),
    }
}

/// References of the changes among the exhibits.
pub(super) fn changes_shown(verdict: &Verdict) -> BTreeSet<&str> {
    let exhibits = verdict.exhibits.iter().filter(|it| it.source == "change");
    exhibits.map(|it| it.reference.as_str()).collect()
}

/// Says of each exhibit which sentences stand on it.
pub(super) fn prove(verdict: &mut Verdict, lead: &Clue) {
    let leads: BTreeSet<&str> = lead
        .exhibits
        .iter()
        .map(|it| it.reference.as_str())
        .collect();
    let of = |wanted: &dyn Fn(&Exhibit) -> bool| -> Vec<usize> {
        let all = verdict.exhibits.iter().enumerate();
        all.filter(|(_, it)| wanted(it)).map(|(n, _)| n).collect()
    };
    let or = |found: Vec<usize>, other: &[usize]| match found.is_empty() {
        true => other.to_vec(),
        false => found,
    };
    let all = of(&|_| true);
    let mechanism = or(of(&|it| leads.contains(it.reference.as_str())), &all);
    let changed = or(
        or(
            of(&|it| it.source == "change"),
            &of(&|it| it.source == "invocation"),
        ),
        &mechanism,
    );
    let but_for = or(of(&|it| it.source == "event"), &mechanism);
    let sentences = [
        (Sentence::Mechanism, true, mechanism),
        (Sentence::Changed, verdict.changed.is_some(), changed),
        (Sentence::ButFor, verdict.but_for.is_some(), but_for),
    ];
    for (sentence, said, shown) in sentences {
        for n in shown.into_iter().filter(|_| said) {
            verdict.exhibits[n].proves.push(sentence);
        }
    }
}

/// What shows with which definition the execution ran, where that is what changed and nothing among the exhibits shows it.
pub(super) fn ran_with(scene: &Scene, verdict: &Verdict) -> Option<Exhibit> {
    let changed = verdict.changed.as_deref()?;
    let of_workflow = verdict.culprit.as_ref();
    let of_workflow = of_workflow.is_some_and(|it| it.kind.starts_with("state"));
    let mut held = verdict.exhibits.iter();
    let shown = held.any(|it| it.source == "change" || it.text.contains(changed));
    let shown = shown || !of_workflow || !changed.contains('→');
    (!shown).then(|| clues::started(scene, format!("the execution ran with {changed}")))?
}

/// Earlier tries that are shown.
const TRIES: usize = 2;

/// Shows tries that failed before, where the but-for counts them.
pub(super) fn count(scene: &Scene, verdict: &mut Verdict, failure: &Failure) {
    let counts = verdict
        .but_for
        .as_ref()
        .is_some_and(|it| it.contains(" × "));
    for attempt in failures::earlier(scene, failure).into_iter().take(TRIES) {
        let ended = attempt.end_event_id.and_then(|id| scene.event(id));
        if let Some(ended) = ended.filter(|_| counts) {
            let error = attempt.error.as_deref().unwrap_or("no error name");
            let text = format!(
                "{} in {}: {error}, at try {}",
                ended.event_type, attempt.state, attempt.attempt
            );
            show(verdict, clue::event(ended, text), Sentence::ButFor);
        }
    }
}

/// Puts a fact among the exhibits, by its time: a sentence stands on it.
pub(super) fn show(verdict: &mut Verdict, mut new: Exhibit, sentence: Sentence) {
    // Of what changed other exhibits are no proof, where there is one.
    if sentence == Sentence::Changed {
        let all = verdict.exhibits.iter_mut();
        all.for_each(|it| it.proves.retain(|it| *it != sentence));
    }
    let mut held = verdict.exhibits.iter_mut();
    if let Some(held) = held.find(|it| it.reference == new.reference) {
        if !held.proves.contains(&sentence) {
            held.proves.push(sentence);
        }
        return;
    }
    new.proves.push(sentence);
    let after = verdict.exhibits.iter().position(|it| it.at > new.at);
    let at = after.unwrap_or(verdict.exhibits.len());
    verdict.exhibits.insert(at, new);
}

/// The change that a verdict names: the one that is told in these words, else the latest of the same thing that was seen
/// to come to the same.
fn cited<'a>(scene: &Scene<'a>, changed: &str) -> Option<&'a Change> {
    let all = || scene.world.changes.iter();
    let told = all().find(|it| clues::told(it) == changed);
    told.or_else(|| {
        let start = scene.case.execution.start_time;
        let end = scene.case.execution.end_time.unwrap_or(start);
        let same = |it: &&Change| {
            let name = clues::last_part(&it.resource);
            let what = changed.strip_prefix(&name);
            it.time <= end && what.is_some_and(|what| what.trim_start() == it.change)
                || what.is_some_and(|what| what.contains("→") && what.ends_with(&it.change))
        };
        all().filter(same).max_by_key(|it| (it.time, it.trace_id))
    })
}

/// Who waited for an answer began before whoever gave it, and felt it after: of spans within each other the inner one comes
/// first.
fn answers_first(scene: &Scene, mut kept: Vec<Exhibit>) -> Vec<Exhibit> {
    let span_of = |it: &Exhibit| {
        let (trace, span) = it.reference.strip_prefix("span:")?.split_once('/')?;
        let mut spans = scene.case.spans.iter();
        spans.find(|it| it.span_id.to_string() == span && it.trace_id.to_string() == trace)
    };
    let mut at = 0;
    while at < kept.len() {
        let within = |inner: &Exhibit| {
            let (Some(outer), Some(inner)) = (span_of(&kept[at]), span_of(inner)) else {
                return false;
            };
            let longer = outer.start_time < inner.start_time || outer.end_time > inner.end_time;
            longer && outer.start_time <= inner.start_time && outer.end_time >= inner.end_time
        };
        match kept[at + 1..].iter().rposition(within) {
            Some(after) => {
                let outer = kept.remove(at);
                kept.insert(at + 1 + after, outer);
            }
            None => at += 1,
        }
    }
    kept
}

fn order(exhibit: &Exhibit) -> u8 {
    match exhibit.source.as_str() {
        "change" => 0,
        "span" => 1,
        "log" => 2,
        "invocation" => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::smooth;

    #[test]
    fn nobody_fails_in_itself() {
        let check =
            |mechanism: &str, name: &str, expect: &str| assert_eq!(smooth(mechanism, name), expect);
        check("Save failed in Save: no", "Save", "Save failed: no");
        check(
            "save-fn failed in Save: no",
            "save-fn",
            "save-fn failed in Save: no",
        );
        check(
            "Save failed in Save2: no",
            "Save",
            "Save failed in Save2: no",
        );
        check("Save took 3 s in Save", "Save", "Save took 3 s");
        check("save-fn failed in : no", "save-fn", "save-fn failed: no");
    }
}
