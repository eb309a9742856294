//! A job or a task in a container whose own lines tell what it died of. *What it looks for*: lines of the run, found by its
//! stream, that warn or fail as those of no healthy run; a revision, or a told change, since which it fails. *Why it
//! matters*: of a job the history tells an exit code at best. *How to confirm*: the log of the run before that went well.

use crate::case::{
    clue::{self, Clue, Explained},
    failures::Failure,
    joblogs,
    scene::Scene,
    text::{self, Topic},
};
use model::{Attempt, Category, Change, Entity, LogRecord};

/// Runs that went well in another revision.
const WELL: usize = 3;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt.filter(|it| joblogs::is_job(it)) else {
        return Vec::new();
    };
    if failure.function().is_some() {
        return Vec::new();
    }
    let (suspect, name) = of(scene, attempt);
    let mut found: Vec<Clue> = released(scene, failure, attempt, &suspect, &name)
        .into_iter()
        .collect();
    found.extend(told(scene, failure, attempt, &suspect, &name));
    found
}

/// The job that an attempt waited for: its definition, else its state.
pub(in crate::case) fn of(scene: &Scene, attempt: &Attempt) -> (Entity, String) {
    let cause = attempt.cause.as_deref();
    let cause = cause.and_then(|it| serde_json::from_str(it).ok());
    let (kind, name) = super::container::named(cause.as_ref(), attempt);
    (clue::entity(scene, kind, &name, &[&attempt.path]), name)
}

/// Lines of a job that warn or fail as those of no healthy run do.
fn unusual<'a>(scene: &Scene<'a>, attempt: &Attempt) -> Vec<&'a LogRecord> {
    let mut lines = scene.job_lines(attempt);
    lines.retain(|it| {
        let key = (it.service_name.clone(), text::template(&it.body));
        let mut known = scene.healthy.iter();
        it.severity_number >= 13 && !known.any(|peer| peer.templates.contains(&key))
    });
    lines
}

/// The line that tells most of what a job died of: what is out of its hands first, then the last that names a family of
/// trouble, then the last.
fn telling<'a>(lines: &[&'a LogRecord]) -> Option<(&'a LogRecord, Option<Topic>)> {
    let of = |it: &&'a LogRecord| (*it, text::topic(&it.body));
    let vague = |topic: &Option<Topic>| {
        matches!(
            topic,
            None | Some(Topic::Data | Topic::Path | Topic::Unavailable | Topic::Timeout)
        )
    };
    let all: Vec<_> = lines.iter().map(of).collect();
    let memory = all
        .iter()
        .find(|it| matches!(it.1, Some(Topic::OutOfMemory | Topic::Space)));
    let sure = || all.iter().rfind(|it| !vague(&it.1));
    let some = || all.iter().rfind(|it| it.1.is_some());
    let loud = || all.iter().rfind(|it| it.0.severity_number >= 17);
    memory.or_else(sure).or_else(some).or_else(loud).copied()
}

/// What a job's lines tell of its end.
fn told(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    suspect: &Entity,
    name: &str,
) -> Option<Clue> {
    let lines = unusual(scene, attempt);
    let own = text::topic(&failure.said());
    let (line, topic) = telling(&lines)?;
    // What the history says of a lost host, an image or a permission is surer than any line.
    if matches!(
        own,
        Some(Topic::HostLost | Topic::Pull | Topic::Permission | Topic::TooLarge)
    ) {
        return None;
    }
    let said = text::brief(&line.body, 160);
    let shown = clue::log(line, format!("{name} wrote: {said}"));
    let explained = |who: &str, of: &str| Explained {
        kind: String::new(),
        name: who.to_owned(),
        reason: format!("{who} failed of {of}, as its own lines tell"),
        reference: shown.reference.clone(),
    };
    let outside = topic.is_some_and(Topic::is_outside);
    let called = super::network::service_in(scene, &line.body)
        .or_else(|| named_for(scene, &lines, topic))
        .filter(|it| it != name && outside);
    if let Some(called) = called {
        let category = match topic {
            _ if line.body.to_lowercase().contains("no healthy") => Category::Infrastructure,
            topic => text::category(topic),
        };
        let mechanism = format!("{called} failed {name} in {}: {said}", failure.state());
        let suspect = clue::entity(scene, "service", &called, &[&attempt.path, name]);
        return Some(
            Clue::new(suspect, category, 0.9, mechanism)
                .with([shown.clone()])
                .with(failure.exhibit())
                .explaining([
                    explained(name, &called),
                    explained(failure.state(), &called),
                ]),
        );
    }
    let grown = crate::case::toil::grown(scene, attempt);
    let full = matches!(topic, Some(Topic::OutOfMemory | Topic::Space));
    let (category, weight) = match (topic, &grown) {
        (Some(Topic::OutOfMemory | Topic::Space | Topic::Timeout), Some(_)) => {
            (Category::DataSize, 0.94)
        }
        (Some(Topic::OutOfMemory), None) => (Category::Memory, 0.94),
        (Some(Topic::Permission), _) => (Category::Permission, 0.93),
        (Some(Topic::Init), _) => (Category::BadDeploy, 0.9),
        (Some(Topic::Data | Topic::Path | Topic::Unavailable) | None, _) => (Category::Error, 0.72),
        (topic, _) => (text::category(topic), 0.86),
    };
    let more = grown
        .as_ref()
        .filter(|_| category == Category::DataSize)
        .map(|it| {
            format!(
                ", {:.1} times as much as in healthy runs ({})",
                it.times,
                text::brief(&it.line.body, 80)
            )
        });
    let mechanism = format!(
        "{name} failed in {}: {said}{}",
        failure.state(),
        more.clone().unwrap_or_default()
    );
    let grew = grown.filter(|_| more.is_some());
    let grew = grew.map(|it| {
        clue::log(
            it.line,
            format!("{name} wrote: {}", text::brief(&it.line.body, 160)),
        )
    });
    Some(
        Clue::new(suspect.clone(), category, weight, mechanism)
            .with(grew)
            .with([shown.clone()])
            .with(failure.exhibit())
            .explaining(
                [explained(failure.state(), &said)]
                    .into_iter()
                    .filter(|it| full && it.name != name),
            ),
    )
}

/// Somebody whom another line of the same trouble names.
fn named_for(scene: &Scene, lines: &[&LogRecord], topic: Option<Topic>) -> Option<String> {
    let mut same = lines.iter().filter(|it| text::topic(&it.body) == topic);
    same.find_map(|it| super::network::service_in(scene, &it.body))
}

/// A revision, or a told change, since which a job fails that nothing else explains.
fn released(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    suspect: &Entity,
    name: &str,
) -> Option<Clue> {
    if super::deploy::explained(failure) || text::ran_out(&failure.words()) {
        return None;
    }
    let revision = joblogs::revision(attempt);
    let ran = scene.world.peers.iter();
    let ran: Vec<_> = ran
        .filter_map(|it| Some((it.start, it.jobs.get(name)?)))
        .collect();
    let since = |version: &String| {
        let same = ran.iter().filter(|it| it.1.versions.contains(version));
        let well = same.filter(|it| it.1.errors == 0).count();
        let others = ran
            .iter()
            .filter(|it| it.1.errors == 0 && !it.1.versions.contains(version));
        let old = others
            .clone()
            .filter_map(|it| it.1.versions.iter().next_back())
            .next_back();
        let old = old
            .cloned()
            .filter(|_| well == 0 && others.count() >= WELL)?;
        Some(format!("{name} revision {old} → {version}"))
    };
    let told = change(scene, failure, name).filter(|change| {
        let before = ran
            .iter()
            .filter(|it| it.0 < change.time && it.1.errors == 0);
        let after = ran
            .iter()
            .filter(|it| it.0 >= change.time && it.1.errors == 0);
        before.count() >= WELL && after.count() == 0
    });
    let changed = revision
        .as_ref()
        .and_then(since)
        .or_else(|| told.map(super::deploy::told))?;
    // A limit that was cut and a time that ran out are told of as such.
    if matches!(failure.topic(), Some(Topic::Timeout)) {
        return None;
    }
    let line = telling(&unusual(scene, attempt)).map(|it| it.0);
    let said = line.map_or_else(|| failure.said(), |it| it.body.clone());
    let mechanism = format!("{name} fails since {changed}: {}", text::brief(&said, 140));
    let state = Explained {
        kind: "state".into(),
        name: failure.state().to_owned(),
        reason: format!("it only waited for {name}"),
        reference: failure.exhibit().map(|it| it.reference).unwrap_or_default(),
    };
    Some(
        Clue::new(suspect.clone(), Category::BadDeploy, 0.9, mechanism)
            .with(told.map(|it| clue::change(it, super::deploy::told(it))))
            .with(
                line.map(|it| {
                    clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))
                }),
            )
            .with(failure.exhibit())
            .changed(Some(changed))
            .explaining([state].into_iter().filter(|it| it.name != name)),
    )
}

/// The last change of a job that may have changed what it does.
fn change<'a>(scene: &Scene<'a>, failure: &Failure, name: &str) -> Option<&'a Change> {
    let lower = name.to_lowercase();
    let of = |it: &&Change| {
        let resource = it.resource.to_lowercase();
        resource.split([':', '/']).any(|part| part == lower)
    };
    // Labels change nothing.
    let label = |it: &&Change| {
        let words = it.change.to_lowercase();
        let word = |wanted: &str| {
            words
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|it| it == wanted)
        };
        (word("tags") || word("description") || word("owner")) && !word("image")
    };
    let all = super::deploy::recent(scene, failure);
    all.filter(of)
        .filter(|it| !label(it))
        .max_by_key(|it| (it.time, it.trace_id))
}

/// What an unusual line of a job that took long says, of what, and how long nothing followed it.
pub(in crate::case) fn words_of<'a>(
    scene: &Scene<'a>,
    attempt: &Attempt,
) -> Vec<(&'a LogRecord, Topic, Option<String>)> {
    let lines = unusual(scene, attempt);
    let told = lines.into_iter().filter_map(|it| {
        let topic = text::topic(&it.body)?;
        Some((it, topic, super::network::service_in(scene, &it.body)))
    });
    told.collect()
}
