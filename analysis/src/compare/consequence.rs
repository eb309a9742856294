//! Attributes that only follow from how executions went: that a state was never reached because the run had failed
//! before, that a Catch ran, that a function of such a state has a version. They tell the groups apart and explain
//! nothing.

use crate::baseline::{Run, general_path};
use model::ExecutionStatus;
use std::collections::BTreeSet;

/// Share of the executions concerned of which it must be so.
const MOST: f64 = 0.8;

/// How one execution went.
struct Way {
    failed: bool,
    /// States that it visited.
    visited: BTreeSet<String>,
    /// Those of them that failed, that end an execution, or that came after a failure.
    after: BTreeSet<String>,
    /// Functions that ran in it.
    functions: BTreeSet<String>,
}

impl Way {
    fn of(run: &Run<'_>) -> Self {
        let mut states: Vec<_> = run.states.iter().collect();
        states.sort_by_key(|it| (it.redrive_count, it.entered_event_id));
        let failed_at = states
            .iter()
            .filter(|it| it.status.is_failure())
            .map(|it| (it.redrive_count, it.entered_event_id))
            .min();
        let after = states.iter().filter(|it| {
            let later = failed_at.is_some_and(|at| (it.redrive_count, it.entered_event_id) >= at);
            later || matches!(it.state_type.as_str(), "Fail" | "Succeed")
        });
        Way {
            failed: matches!(
                run.execution.status,
                ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted
            ),
            after: after.map(|it| general_path(&it.path)).collect(),
            visited: states.iter().map(|it| general_path(&it.path)).collect(),
            functions: run
                .invocations
                .iter()
                .map(|it| it.function_name.clone())
                .collect(),
        }
    }
}

/// How the executions of both groups went, A before B.
pub(super) struct Course {
    ways: Vec<Way>,
    a: usize,
}

impl Course {
    pub(super) fn of(a: &[Run<'_>], b: &[Run<'_>]) -> Self {
        Course {
            ways: a.iter().chain(b).map(Way::of).collect(),
            a: a.len(),
        }
    }

    /// Whether an attribute that `has` tells of only follows.
    pub(super) fn follows(&self, attribute: &str, value: &str, has: &[bool]) -> bool {
        let (kind, name) = attribute.split_once(':').unwrap_or((attribute, value));
        match kind {
            "error" | "caught" | "retried" => true,
            "visited" => {
                self.behind(value, has) || self.cut_short(has, |way| way.visited.contains(value))
            }
            "worker" => self.cut_short(has, |way| way.visited.contains(name)),
            "function_version" | "runtime_version" | "memory_mb" | "cold_start" => {
                self.cut_short(has, |way| way.functions.contains(name))
            }
            _ => false,
        }
    }

    /// Those of the group that has it more often.
    fn more(&self, has: &[bool]) -> std::ops::Range<usize> {
        let share =
            |of: &[bool]| of.iter().filter(|it| **it).count() as f64 / of.len().max(1) as f64;
        match share(&has[..self.a]) >= share(&has[self.a..]) {
            true => 0..self.a,
            false => self.a..has.len(),
        }
    }

    /// Where it is, it came with or after the failure.
    fn behind(&self, state: &str, has: &[bool]) -> bool {
        let held = self.more(has).filter(|n| has[*n]).map(|n| &self.ways[n]);
        mostly(held.map(|way| way.after.contains(state)))
    }

    /// Where it is not, the execution had failed before it could be, on the way that the others went, too.
    fn cut_short(&self, has: &[bool], reached: impl Fn(&Way) -> bool) -> bool {
        let more = self.more(has);
        let others: BTreeSet<&String> = more
            .clone()
            .filter(|n| has[*n])
            .flat_map(|n| &self.ways[n].visited)
            .collect();
        let lack = (0..has.len()).filter(|n| !more.contains(n) && !has[*n]);
        mostly(lack.map(|n| {
            let way = &self.ways[n];
            let same_way = || {
                let mut before = way.visited.iter().filter(|it| !way.after.contains(*it));
                before.all(|it| others.contains(it))
            };
            way.failed && !reached(way) && same_way()
        }))
    }
}

/// Whether it is so of most, and of one at least.
fn mostly(each: impl Iterator<Item = bool>) -> bool {
    let (mut so, mut all) = (0_u32, 0_u32);
    for it in each {
        all += 1;
        so += u32::from(it);
    }
    so > 0 && f64::from(so) >= f64::from(all) * MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(failed: bool, visited: &[&str], after: &[&str]) -> Way {
        let set = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        Way {
            failed,
            visited: set(visited),
            after: set(after),
            functions: set(visited),
        }
    }

    /// A failed at `Pay`, or came to it by the express lane; B went through.
    fn course(lane: &str) -> (Course, impl Fn(&str) -> Vec<bool>) {
        let a = |_| way(true, &["Start", lane, "Pay"], &["Pay"]);
        let b = |_| way(false, &["Start", "Pay", "Done"], &["Done"]);
        let ways: Vec<Way> = (0..5).map(a).chain((0..5).map(b)).collect();
        let visited: Vec<BTreeSet<String>> = ways.iter().map(|it| it.visited.clone()).collect();
        let has = move |state: &str| visited.iter().map(|it| it.contains(state)).collect();
        (Course { ways, a: 5 }, has)
    }

    #[test]
    fn a_state_that_was_never_reached_explains_nothing() {
        let (course, has) = course("Start");
        assert!(course.follows("visited", "Done", &has("Done")));
        assert!(course.follows("function_version:Done", "7", &has("Done")));
        assert!(course.follows("error:Pay", "Declined", &has("Start")));
        assert!(!course.follows("input.tenant", "acme", &has("Done")));
        assert!(!course.follows("state_machine_version", "7", &has("Done")));
    }

    #[test]
    fn a_way_that_was_chosen_explains() {
        let (course, has) = course("Express");
        assert!(!course.follows("visited", "Express", &has("Express")));
    }

    #[test]
    fn another_version_of_a_function_that_ran_explains() {
        let (course, _) = course("Start");
        let has: Vec<bool> = (0..10).map(|n| n < 5).collect();
        assert!(!course.follows("function_version:Pay", "8", &has));
    }
}
