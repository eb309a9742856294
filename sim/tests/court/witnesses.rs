//! Who else is heard: lines of others, and healthy runs that tell who takes their messages.

use super::*;

impl Held {
    /// Lines of workers that name messages of a case, and those around them.
    pub(super) fn heard(&self, case: &Case) -> Vec<LogRecord> {
        let letters = case::letters::letters(case);
        let named = |it: &&LogRecord| {
            letters
                .iter()
                .any(|letter| letter.is_named(it) || letter.is_hinted(it) || letter.is_about(it))
        };
        let hits: Vec<&LogRecord> = self.logs.iter().filter(named).collect();
        case::letters::around(case, &hits, &self.logs)
    }

    /// What others wrote about those whom a case waited for.
    pub(super) fn overheard(&self, case: &Case) -> Vec<LogRecord> {
        let Some(ear) = case::overheard::Ear::of(case) else {
            return Vec::new();
        };
        let lines = self.logs.iter().filter(|it| ear.hears(it));
        ear.kept(case, &lines.cloned().collect::<Vec<_>>())
    }

    /// Who took the messages of the nearest healthy siblings, where one of this execution was not answered.
    pub(super) fn witnesses(
        &self,
        own: &Case,
        cases: &BTreeMap<String, Case>,
    ) -> Vec<case::letters::Witness> {
        if !case::letters::unanswered(own) {
            return Vec::new();
        }
        let mut near: Vec<&Case> = cases
            .values()
            .filter(|it| it.execution.state_machine == own.execution.state_machine)
            .filter(|it| {
                it.execution.status == model::ExecutionStatus::Succeeded
                    && it.execution.caught_failures == 0
            })
            .collect();
        let start = own.execution.start_time.0;
        near.sort_by_key(|it| {
            (
                it.execution.start_time.0.abs_diff(start),
                it.execution.trace_id,
            )
        });
        near.truncate(case::letters::WITNESSES);
        let witness = |it: &Case| {
            let letters = case::letters::answered(it);
            let named = |line: &&LogRecord| letters.iter().any(|letter| letter.is_named(line));
            let hits: Vec<&LogRecord> = self.logs.iter().filter(named).collect();
            let heard = case::letters::around(it, &hits, &self.logs);
            case::letters::Witness::of(&letters, &heard)
        };
        let all = near.into_iter().map(witness);
        all.filter(|it| !it.workers.is_empty()).collect()
    }
}
