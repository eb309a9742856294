//! What the lines of a job tell of its work: how much it had to do, how much it did, whom it waited for.

use super::{
    amounts,
    clue::{self, Clue, Explained},
    clues,
    profile::MOST,
    scene::Scene,
    slow::{Excess, ended},
    text::{self, Topic},
};
use model::{Attempt, Category, LogRecord, UnixNanos, time::human_duration};
use std::collections::BTreeMap;

/// Numbers of one statement.
const NUMBERS: u8 = 6;
/// Healthy runs that tell how much is usual.
const FEWEST: usize = 3;
/// So many times what is usual, and the most of all, is more than variation.
const TIMES: f64 = 2.0;
const BEYOND: f64 = 1.4;
/// A run of so much less work than its share of time is not explained by it.
const SHARE: f64 = 3.0;

type Counted = BTreeMap<(String, String, u8), f64>;

/// Remembers the numbers in lines of jobs.
pub(crate) fn count(lines: &[&LogRecord], counted: &mut Counted) {
    for line in lines {
        if counted.len() >= MOST {
            return;
        }
        for (key, value) in numbers(line) {
            let most = counted.entry(key).or_insert(value);
            *most = most.max(value);
        }
    }
}

/// The numbers of a line, with the statement that they stand in.
fn numbers(line: &LogRecord) -> Vec<((String, String, u8), f64)> {
    let statement = text::template(&line.body);
    let words: Vec<&str> = line.body.split_whitespace().take(24).collect();
    let values = words.iter().enumerate().filter_map(|(n, word)| {
        let value = number(word)?;
        Some(value * words.get(n + 1).map_or(1.0, |it| unit(it)))
    });
    let numbered = values.take(NUMBERS.into()).zip(0..NUMBERS);
    numbered
        .map(|(value, n)| ((line.service_name.clone(), statement.clone(), n), value))
        .collect()
}

/// A count or an amount: `5184`, `rows=44,750,426`, `2.3TB`; no date, id, address or clock.
fn number(word: &str) -> Option<f64> {
    let word = word.trim_matches(|c: char| "()[]{},;:\"'".contains(c));
    let word = word.rsplit_once('=').map_or(word, |it| it.1);
    let end = word
        .find(|c: char| !(c.is_ascii_digit() || ".,_".contains(c)))
        .unwrap_or(word.len());
    let (digits, rest) = word.split_at(end);
    let known = rest.is_empty()
        || rest == "%"
        || unit(rest) != 1.0
        || ["B", "s", "ms", "x"].contains(&rest);
    if !known || digits.matches('.').count() > 1 {
        return None;
    }
    let plain: String = digits.chars().filter(|c| !",_".contains(*c)).collect();
    let value: f64 = plain.trim_end_matches('.').parse().ok()?;
    Some(value * unit(rest))
}

/// How many bytes a unit stands for; 1 for what is none.
fn unit(word: &str) -> f64 {
    let word = word.trim_matches(|c: char| "()[]{},;:./s".contains(c));
    match word.to_ascii_lowercase().as_str() {
        "kb" | "kib" => 1e3,
        "mb" | "mib" => 1e6,
        "gb" | "gib" => 1e9,
        "tb" | "tib" => 1e12,
        _ => 1.0,
    }
}

/// A number in a job's line that is far larger than in healthy runs.
pub(crate) struct Grown<'a> {
    pub line: &'a LogRecord,
    pub times: f64,
}

/// How much more a job had to do than in healthy runs, by the first of its lines that tells so.
pub(crate) fn grown<'a>(scene: &Scene<'a>, attempt: &Attempt) -> Option<Grown<'a>> {
    let lines = scene.job_lines(attempt);
    let plain = lines.iter().filter(|it| it.severity_number < 13);
    plain.clone().find_map(|line| {
        let times = numbers(line).into_iter().filter_map(|(key, value)| {
            let usual = usual(scene, &key);
            let most = usual.last()?;
            let median = usual[usual.len() / 2];
            let more = usual.len() >= FEWEST && usual[0] > 0.0 && median >= 1.0;
            (more && value > TIMES * median && value > BEYOND * most).then(|| value / median)
        });
        let times = times.fold(0.0, f64::max);
        (times > 0.0).then_some(Grown { line, times })
    })
}

/// The same without runs of the same incident in which it was nothing, too.
fn filled(scene: &Scene, key: &(String, String, u8)) -> Vec<f64> {
    let of = |it: &super::Profile| it.counted.get(key).copied();
    let start = scene.case.execution.start_time;
    let fit = super::onset::fit(&scene.healthy, start, |it| of(it) == Some(0.0));
    let mut all: Vec<f64> = fit.iter().filter_map(|it| of(it)).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The number of a statement in healthy runs, the least first.
fn usual(scene: &Scene, key: &(String, String, u8)) -> Vec<f64> {
    let peers = scene.healthy.iter();
    let mut all: Vec<f64> = peers
        .filter_map(|it| it.counted.get(key).copied())
        .collect();
    all.sort_by(f64::total_cmp);
    all
}

/// Whom or what the lines of a job that took long tell to have cost the time.
pub(crate) fn slow(scene: &Scene, attempt: &Attempt, excess: &Excess) -> Option<Clue> {
    let lines = scene.job_lines(attempt);
    if lines.is_empty() {
        return None;
    }
    let (suspect, name) = clues::job(scene, attempt);
    let told = ended(scene, attempt, excess.usual_ns);
    let took = excess.ns.saturating_add(excess.usual_ns);
    let ratio = took as f64 / excess.usual_ns.max(1) as f64;
    if let Some(grown) = grown(scene, attempt).filter(|it| it.times * SHARE >= ratio) {
        let mechanism = format!(
            "{name} had {:.1} times as much to do in {} as in healthy runs: {}",
            grown.times,
            attempt.state,
            text::brief(&grown.line.body, 120)
        );
        let shown = clue::log(
            grown.line,
            format!("{name} wrote: {}", text::brief(&grown.line.body, 160)),
        );
        return Some(
            Clue::new(suspect, Category::DataSize, 0.92, mechanism)
                .with([shown])
                .with(told),
        );
    }
    let end = attempt.end_time.unwrap_or(attempt.start_time);
    troubled(scene, attempt, excess, &lines, end)
        .or_else(|| waited(scene, attempt, excess, &lines, end))
        .map(|it| it.with(told))
}

/// Time that went by behind lines that no healthy run has and that speak of somebody's trouble.
fn troubled(
    scene: &Scene,
    attempt: &Attempt,
    excess: &Excess,
    lines: &[&LogRecord],
    end: UnixNanos,
) -> Option<Clue> {
    let (suspect, name) = clues::job(scene, attempt);
    let words = clues::job_words(scene, attempt);
    let mut by_topic: BTreeMap<Topic, i64> = BTreeMap::new();
    for (line, topic, _) in &words {
        let next = lines
            .iter()
            .find(|it| it.time > line.time)
            .map_or(end, |it| it.time);
        *by_topic.entry(*topic).or_default() += next.since(line.time);
    }
    let (topic, ns) = by_topic.into_iter().max_by_key(|it| it.1)?;
    let of = || words.iter().filter(|it| it.1 == topic);
    let (line, ..) = of().next()?;
    let many = of().count() >= FEWEST;
    if ns.saturating_mul(2) < excess.ns && !many {
        return None;
    }
    let called = of().find_map(|it| it.2.clone()).filter(|it| *it != name);
    let outside = matches!(
        topic,
        Topic::Throttled
            | Topic::Timeout
            | Topic::Unavailable
            | Topic::Connection
            | Topic::Pool
            | Topic::Name
    );
    let category = match topic {
        Topic::Unavailable | Topic::Timeout => Category::Latency,
        topic => text::category(Some(topic)),
    };
    let shown = clue::log(
        line,
        format!("{name} wrote: {}", text::brief(&line.body, 160)),
    );
    let mechanism = format!(
        "{} waited {} longer than in healthy runs for {name}, which wrote {} such lines: {}",
        attempt.state,
        human_duration(excess.ns),
        of().count(),
        text::brief(&line.body, 120)
    );
    let (suspect, explained) = match called.filter(|_| outside) {
        Some(called) => {
            let explained = Explained {
                kind: String::new(),
                name: name.clone(),
                reason: format!("{name} had to wait for {called}"),
                reference: shown.reference.clone(),
            };
            (
                clue::entity(scene, "service", &called, &[&attempt.path, &name]),
                Some(explained),
            )
        }
        None => (suspect, None),
    };
    Some(
        Clue::new(suspect, category, 0.88, mechanism)
            .with([shown])
            .explaining(explained),
    )
}

/// Somebody whom the line before a long silence names, which healthy runs do not keep.
fn waited(
    scene: &Scene,
    attempt: &Attempt,
    excess: &Excess,
    lines: &[&LogRecord],
    end: UnixNanos,
) -> Option<Clue> {
    let next = lines.iter().skip(1).map(|it| it.time).chain([end]);
    let gaps = lines.iter().zip(next);
    let (line, to) = gaps.max_by_key(|(line, to)| (to.since(line.time), line.log_id))?;
    let ns = to.since(line.time);
    if ns.saturating_mul(10) < excess.ns.saturating_mul(6) {
        return None;
    }
    let (_, name) = clues::job(scene, attempt);
    let (called, _) = clues::announced(scene, &line.body).filter(|it| it.0 != name)?;
    let shown = clue::log(
        line,
        format!("{name} wrote: {}", text::brief(&line.body, 160)),
    );
    let explained = Explained {
        kind: String::new(),
        name: name.clone(),
        reason: format!("{name} wrote nothing while it waited for {called}"),
        reference: shown.reference.clone(),
    };
    let mechanism = format!(
        "{name} was silent for {} in {} after it wrote of {called}",
        human_duration(ns),
        attempt.state
    );
    let suspect = clue::entity(scene, "service", &called, &[&attempt.path, &name]);
    Some(
        Clue::new(suspect, Category::Latency, 0.84, mechanism)
            .with([shown])
            .explaining([explained]),
    )
}

/// A green run whose job did nothing, or hardly anything, where it always has something to do.
pub(crate) fn idle(scene: &Scene) -> Option<Clue> {
    if amounts::odd_input(scene) {
        return None;
    }
    scene.case.attempts.iter().find_map(|attempt| {
        let lines = scene.job_lines(attempt);
        let (line, value, usual) = lines.iter().filter(|it| it.severity_number < 13).find_map(|line| {
            let empty = numbers(line).into_iter().find(|(key, value)| {
                *value == 0.0 && !amounts::good_if_none(&line.body) && amounts::is_odd(*value, &filled(scene, key))
            });
            let (key, value) = empty?;
            Some((*line, value, filled(scene, &key)))
        })?;
        let (suspect, name) = clues::job(scene, attempt);
        let said = text::brief(&line.body, 120);
        let mechanism = format!(
            "{name} wrote {said}: {} where {} healthy runs have {} to {}, and the execution succeeded with it",
            amounts::number(value),
            usual.len(),
            amounts::number(usual[0]),
            amounts::number(usual[usual.len() - 1])
        );
        let left = scene.visit_of(attempt).and_then(|it| scene.event(it.exited_event_id?));
        Some(
            Clue::new(suspect, Category::SilentData, 0.9, mechanism)
                .with([clue::log(line, format!("{name} wrote: {said}"))])
                .with(left.map(|it| clue::event(it, format!("{} went on", attempt.state)))),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lines_are_counts() {
        let check = |body: &str, expect: &[f64]| {
            let line = LogRecord {
                body: body.into(),
                ..LogRecord::default()
            };
            let found: Vec<f64> = numbers(&line).into_iter().map(|it| it.1).collect();
            assert_eq!(found, expect, "{body}");
        };
        check("input: 5184 files, 2.3 TB", &[5184.0, 2.3e12]);
        check("rows=44,750,426 day=2026-11-08", &[44_750_426.0]);
        check("job bookmark: 0 new files", &[0.0]);
        check("task a1b2 on 10.0.0.4 at 02:10:00 took 7s", &[7.0]);
    }
}
