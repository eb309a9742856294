//! Map and Parallel: threads of control side by side, and what a failure in one does to the others.

use crate::run::{Cursor, Failure, Run};
use serde_json::{Value, json};

/// One branch or iteration after its simulation.
struct Thread {
    /// Its events are those with numbers in this range.
    numbers: std::ops::Range<usize>,
    end: Cursor,
    result: Result<Value, Failure>,
}

impl Thread {
    /// When and by what it failed.
    fn failure(&self) -> Option<(Cursor, &Failure)> {
        self.result
            .as_ref()
            .err()
            .map(|failure| (self.end, failure))
    }
}

/// A branch of a Parallel; `C` is what all branches need.
pub type Branch<C> = fn(&mut C, &mut Run, &mut Cursor) -> Result<Value, Failure>;

/// What happens in one iteration: (cursor, index, item).
pub type Iteration<'a> =
    &'a mut dyn FnMut(&mut Run, &mut Cursor, usize, &Value) -> Result<Value, Failure>;

impl Run {
    /// Starts the branches of a Parallel that is entered already, up to the event that ends the
    /// block. The caller leaves the state, or starts the branches again.
    pub fn branches<C>(
        &mut self,
        context: &mut C,
        cursor: &mut Cursor,
        branches: &[Branch<C>],
    ) -> Result<Value, Failure> {
        self.side_by_side(cursor, branches.len(), &mut |run, at, index| {
            branches[index](context, run, at)
        })
    }

    /// The same with one function for all branches, which is told the number of the branch.
    pub fn side_by_side(
        &mut self,
        cursor: &mut Cursor,
        count: usize,
        each: &mut dyn FnMut(&mut Run, &mut Cursor, usize) -> Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        self.push(cursor, "ParallelStateStarted", None);
        let mut threads = Vec::new();
        for index in 0..count {
            let (from, mut at) = (self.mark(), *cursor);
            let result = each(self, &mut at, index);
            threads.push(Thread {
                numbers: from..self.mark(),
                end: at,
                result,
            });
        }
        if let Some((at, failure)) = first_failure(&threads) {
            self.cut(&threads, at, None);
            *cursor = at;
            return Err(failure);
        }
        let last = threads
            .iter()
            .map(|thread| thread.end)
            .max_by_key(|end| end.at);
        *cursor = last.unwrap_or(*cursor);
        self.leaf(*cursor, "ParallelStateSucceeded", None);
        Ok(outputs(threads))
    }

    /// Starts the iterations of an inline Map that is entered already, at most `concurrency` at a
    /// time, up to the event that ends the block.
    pub fn iterations(
        &mut self,
        cursor: &mut Cursor,
        name: &str,
        items: &[Value],
        concurrency: usize,
        each: Iteration<'_>,
    ) -> Result<Value, Failure> {
        self.push(
            cursor,
            "MapStateStarted",
            Some(json!({"length": items.len()})),
        );
        let mut free = vec![*cursor; concurrency.clamp(1, items.len().max(1))];
        let mut threads: Vec<Thread> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let slot = (0..free.len())
                .min_by_key(|slot| free[*slot].at)
                .expect("there is at least one slot");
            if first_failure(&threads).is_some_and(|(at, _)| at.at <= free[slot].at) {
                break;
            }
            let (from, mut at) = (self.mark(), free[slot]);
            if concurrency > 1 {
                at.last = cursor.last;
            }
            let iteration = json!({"name": name, "index": index});
            self.push(&mut at, "MapIterationStarted", Some(iteration.clone()));
            let result = each(self, &mut at, index, item);
            free[slot] = at;
            let mut end = at;
            if result.is_ok() {
                end.last = self.leaf(at, "MapIterationSucceeded", Some(iteration));
            }
            threads.push(Thread {
                numbers: from..self.mark(),
                end,
                result,
            });
        }
        if let Some((at, failure)) = first_failure(&threads) {
            self.cut(&threads, at, Some(name));
            *cursor = at;
            return Err(failure);
        }
        let last = threads
            .iter()
            .map(|thread| thread.end)
            .max_by_key(|end| end.at);
        *cursor = last.unwrap_or(*cursor);
        self.leaf(*cursor, "MapStateSucceeded", None);
        Ok(outputs(threads))
    }

    /// The number that the next event will get.
    fn mark(&self) -> usize {
        self.events.last().map_or(0, |event| event.number) + 1
    }

    /// Cuts everything off that would have happened after the failure, and records what is aborted.
    fn cut(&mut self, threads: &[Thread], failed: Cursor, map: Option<&str>) {
        let cut: Vec<_> = threads
            .iter()
            .filter(|thread| thread.end.last != failed.last)
            .map(|thread| thread.numbers.clone())
            .collect();
        self.events.retain(|event| {
            event.at <= failed.at || !cut.iter().any(|numbers| numbers.contains(&event.number))
        });
        for (index, thread) in threads.iter().enumerate() {
            let guilty = thread.end.last == failed.last;
            if !self.started(&thread.numbers) || (!guilty && thread.end.at <= failed.at) {
                continue;
            }
            if let Some(name) = map {
                let word = if guilty { "Failed" } else { "Aborted" };
                let iteration = json!({"name": name, "index": index});
                self.leaf(failed, &format!("MapIteration{word}"), Some(iteration));
            }
            if self.has_open_task(&thread.numbers) {
                self.leaf(failed, "TaskStateAborted", None);
            }
        }
    }

    fn started(&self, numbers: &std::ops::Range<usize>) -> bool {
        self.events
            .iter()
            .any(|event| numbers.contains(&event.number))
    }

    fn has_open_task(&self, numbers: &std::ops::Range<usize>) -> bool {
        let last = self
            .events
            .iter()
            .filter(|event| numbers.contains(&event.number))
            .rfind(|event| event.kind.contains("StateE"));
        last.is_some_and(|event| event.kind == "TaskStateEntered")
    }
}

fn first_failure(threads: &[Thread]) -> Option<(Cursor, Failure)> {
    threads
        .iter()
        .filter_map(Thread::failure)
        .min_by_key(|(at, _)| at.at)
        .map(|(at, failure)| (at, failure.clone()))
}

fn outputs(threads: Vec<Thread>) -> Value {
    threads
        .into_iter()
        .filter_map(|thread| thread.result.ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Attempt, Task};

    fn kinds(run: &Run) -> Vec<String> {
        let history = run.history(i64::MAX);
        history
            .into_iter()
            .map(|(_, _, event)| event.kind)
            .collect()
    }

    fn work(run: &mut Run, at: &mut Cursor, millis: i64, fails: bool) -> Result<Value, Failure> {
        let task = Task::service("Work", "lambda", "invoke", json!({}));
        run.task(at, &json!({}), &task, |_, from, _| {
            let result = match fails {
                true => Err(Failure::new("Poison", "bad item")),
                false => Ok(json!(1)),
            };
            Attempt::ended(from, from + millis, result)
        })
    }

    #[test]
    fn a_failed_iteration_aborts_the_others() {
        let (mut run, mut cursor) = Run::start(1, "m", "n", 0, json!({}));
        run.enter(&mut cursor, "Map", "Fan", &json!([]));
        let items = [json!(0), json!(1), json!(2)];
        let result = run.iterations(&mut cursor, "Fan", &items, 2, &mut |run, at, index, _| {
            work(run, at, [500, 100, 100][index], index == 1)
        });
        assert_eq!(result.expect_err("item 1 is poison").error, "Poison");
        let kinds = kinds(&run);
        let count = |word: &str| kinds.iter().filter(|kind| *kind == word).count();
        assert_eq!(count("MapIterationStarted"), 2, "the third never started");
        assert_eq!(count("MapIterationFailed"), 1);
        assert_eq!(count("MapIterationAborted"), 1);
        assert_eq!(
            count("TaskStateAborted"),
            2,
            "written for the failed task, too"
        );
        assert_eq!(count("TaskSucceeded"), 0);
    }

    #[test]
    fn branches_overlap_in_time() {
        let (mut run, mut cursor) = Run::start(1, "m", "n", 0, json!({}));
        run.enter(&mut cursor, "Parallel", "Split", &json!({}));
        let result = run.branches::<()>(
            &mut (),
            &mut cursor,
            &[
                |_, run, at| work(run, at, 300, false),
                |_, run, at| work(run, at, 100, false),
            ],
        );
        assert_eq!(result.expect("both work"), json!([1, 1]));
        assert_eq!(cursor.at, 300);
        assert_eq!(kinds(&run)[3..5], ["TaskStateEntered", "TaskScheduled"]);
        assert_eq!(
            kinds(&run).last().map(String::as_str),
            Some("ParallelStateSucceeded")
        );
    }
}
