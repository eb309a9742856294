//! A number that a release works out otherwise: all runs before it gave what follows from a number of the input in a
//! straight line, and this one, of an input like theirs, does not. Nothing failed; only the sums are wrong.

use super::{
    Profile, amounts,
    clue::{self, Clue},
    scene::Scene,
    since::{self, Since},
};
use model::State;
use std::collections::{BTreeMap, BTreeSet};

/// Runs before the release, at least.
const FEWEST: usize = 8;
/// Different values of input and output that make a line.
const DIFFERENT: usize = 4;
/// How far runs before may be off the line, of the output's size: rounding.
const EXACT: f64 = 0.004;
/// How far off it is wrong.
const WRONG: f64 = 0.015;
/// How far outside the inputs that are known one may lie, of their range.
const OUTSIDE: f64 = 0.1;

/// The states that gave something of their own, each where it was entered first.
pub(super) fn visits<'a>(scene: &Scene<'a>) -> Vec<&'a State> {
    let visits = scene.case.states.iter().filter(|it| {
        matches!(it.state_type.as_str(), "Task" | "Pass")
            && it.iteration_index.is_none()
            && it.output.is_some()
            && !it.caught
    });
    let mut visits: Vec<&State> = visits.collect();
    visits.sort_by_key(|it| it.entered_event_id);
    let mut seen = BTreeSet::new();
    visits.retain(|it| seen.insert(&it.state));
    visits
}

/// The first state whose number no longer follows from the input as it did.
pub(crate) fn broken(scene: &Scene) -> Option<Clue> {
    let visits = visits(scene);
    let of = |visit: &State| {
        let all = since::of(scene, visit);
        all.iter().find_map(|it| of_visit(scene, visit, it))
    };
    visits.into_iter().find_map(of)
}

/// What runs were started with, by path.
type Input = BTreeMap<String, f64>;

fn of_visit(scene: &Scene, visit: &State, since: &Since) -> Option<Clue> {
    let first = &scene.case.states.first()?.state;
    let given = |it: &Profile| it.states.get(first).map(|it| it.given.clone());
    let own: Input = amounts::of(scene.case.execution.input.as_deref());
    let took = amounts::of(visit.input.as_deref());
    let (path, value, expect) = amounts::of(visit.output.as_deref())
        .into_iter()
        .filter(|(path, value)| !path.ends_with("[]") && took.get(path) != Some(value))
        .find_map(|(path, value)| {
            let gave = |it: &&Profile| {
                let y = *it.states.get(&visit.state)?.quantities.get(&path)?;
                Some((given(it)?, y))
            };
            let old: Vec<(Input, f64)> = since.old.iter().filter_map(gave).collect();
            let new: Vec<(Input, f64)> = since.new.iter().filter_map(gave).collect();
            let expect = expected(&own, &old, &new, value)?;
            Some((path, value, expect))
        })?;
    if given_odd(scene, visit, &since.old) {
        return None;
    }
    let mechanism = format!(
        "{} makes {} give {path} {} since {}; {} runs before it give {} for such an input, and the execution succeeded with it",
        since.name,
        visit.state,
        amounts::number(value),
        since.changed,
        since.old.len(),
        amounts::number((expect * 100.0).round() / 100.0),
    );
    let left = visit.exited_event_id.and_then(|id| scene.event(id));
    Some(
        Clue::new(since.suspect.clone(), since.category, 0.91, mechanism)
            .with(since.shown.clone())
            .with(left.map(|it| {
                let value = amounts::number(value);
                clue::event(it, format!("{} left with {path} {value}", visit.state))
            }))
            .changed(Some(since.changed.clone())),
    )
}

/// Whether a state was given a number that is nothing like what it was given before, and that the execution was not
/// started with: who made that number is to blame, not who reckoned with it.
fn given_odd(scene: &Scene, visit: &State, old: &[&Profile]) -> bool {
    let own: Input = amounts::of(scene.case.execution.input.as_deref());
    amounts::of(visit.input.as_deref())
        .into_iter()
        .filter(|(path, value)| own.get(path) != Some(value))
        .any(|(path, value)| {
            let before = old.iter().filter_map(|it| it.states.get(&visit.state));
            let before: Vec<f64> = before
                .filter_map(|it| it.given.get(&path).copied())
                .collect();
            before.len() >= FEWEST && amounts::is_odd(value, &before)
        })
}

/// What follows from the input where all lines that hold for earlier runs say something else than what was given, and no
/// other run of the release agrees with them.
fn expected(own: &Input, old: &[(Input, f64)], new: &[(Input, f64)], value: f64) -> Option<f64> {
    if old.len() < FEWEST {
        return None;
    }
    let lines = own.iter().filter_map(|(path, x)| {
        let pair = |(given, y): &(Input, f64)| Some((*given.get(path)?, *y));
        let pairs: Vec<(f64, f64)> = old.iter().filter_map(pair).collect();
        let line = Line::of(&pairs).filter(|it| pairs.len() == old.len() && it.knows(*x))?;
        Some((path, line))
    });
    let lines: Vec<(&String, Line)> = lines.collect();
    let first = lines.first()?;
    let wrong = |own: &Input, value: f64| {
        lines.iter().all(|(path, line)| {
            let x = own.get(*path);
            x.is_some_and(|x| line.knows(*x) && line.is_off(*x, value))
        })
    };
    let agrees = |(given, y): &(Input, f64)| {
        lines.iter().any(|(path, line)| {
            let x = given.get(*path);
            x.is_some_and(|x| line.knows(*x) && !line.is_off(*x, *y))
        })
    };
    let alone = !new.iter().any(agrees);
    (wrong(own, value) && alone).then(|| first.1.at(own[first.0]))
}

/// A straight line that all of them lie on.
struct Line {
    slope: f64,
    base: f64,
    least: f64,
    most: f64,
}

impl Line {
    fn of(pairs: &[(f64, f64)]) -> Option<Line> {
        let distinct = |of: fn(&(f64, f64)) -> f64| {
            let all: BTreeSet<u64> = pairs.iter().map(|it| of(it).to_bits()).collect();
            all.len()
        };
        let enough = distinct(|it| it.0) >= DIFFERENT && distinct(|it| it.1) >= DIFFERENT;
        if !enough || pairs.len() < FEWEST {
            return None;
        }
        let n = pairs.len() as f64;
        let (x, y) = pairs
            .iter()
            .fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        let (x, y) = (x / n, y / n);
        let square: f64 = pairs.iter().map(|it| (it.0 - x).powi(2)).sum();
        let slope = pairs.iter().map(|it| (it.0 - x) * (it.1 - y)).sum::<f64>() / square;
        let fold = |of: fn(f64, f64) -> f64, from| pairs.iter().map(|it| it.0).fold(from, of);
        let line = Line {
            slope,
            base: y - slope * x,
            least: fold(f64::min, f64::INFINITY),
            most: fold(f64::max, f64::NEG_INFINITY),
        };
        let exact = |it: &(f64, f64)| (line.at(it.0) - it.1).abs() <= EXACT * it.1.abs();
        (slope.is_finite() && slope != 0.0 && pairs.iter().all(exact)).then_some(line)
    }

    fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }

    /// Whether an input is like those that are known.
    fn knows(&self, x: f64) -> bool {
        let beyond = OUTSIDE * (self.most - self.least);
        (self.least - beyond..=self.most + beyond).contains(&x)
    }

    fn is_off(&self, x: f64, value: f64) -> bool {
        let expect = self.at(x);
        (value - expect).abs() > WRONG * expect.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(all: &[(f64, f64)]) -> Vec<(Input, f64)> {
        let one = |(x, y): &(f64, f64)| (Input::from([("net".to_owned(), *x)]), *y);
        all.iter().map(one).collect()
    }

    #[test]
    fn a_number_is_wrong_off_the_line_of_all_others() {
        let old: Vec<(f64, f64)> = (0..9)
            .map(|n| f64::from(n) * 10.0)
            .map(|x| (x + 90.0, x * 1.2 + 60.0))
            .collect();
        let check = |x: f64, value: f64, new: &[(f64, f64)], wrong: bool| {
            let own = Input::from([("net".to_owned(), x)]);
            let found = expected(&own, &runs(&old), &runs(new), value);
            assert_eq!(found.is_some(), wrong, "{x} {value}");
        };
        check(100.0, 72.0, &[], false);
        check(100.0, 80.0, &[], true);
        check(100.0, 80.0, &[(110.0, 92.0)], true);
        // Another run of the release is right.
        check(100.0, 80.0, &[(110.0, 84.0)], false);
        // An input unlike all others tells nothing.
        check(900.0, 80.0, &[], false);
    }
}
