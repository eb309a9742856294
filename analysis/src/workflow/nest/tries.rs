//! Tries of a task, and evaluations that failed.

use super::{GUESSES, Nest, Node, Try, Visit, named_in_cause};
use crate::workflow::event::Kind;

impl Nest<'_> {
    pub(super) fn schedule(&mut self, at: usize, from: Node) -> Node {
        let inside = self.visit_at(from).filter(|n| {
            let visit = &self.visits[*n];
            visit.exited.is_none() && !matches!(visit.state_type.as_str(), "Map" | "Parallel")
        });
        let visit = inside
            .or_else(|| self.latest_idle_task())
            .unwrap_or_else(|| {
                let container = self.container_at(from);
                self.new_visit(String::new(), "Task", container, at)
            });
        let attempt = self.new_try(visit, at);
        self.tries[attempt].scheduled = Some(at);
        Node::Try(attempt)
    }

    /// The latest open Task that has no try going: where a try belongs whose cause is missing, or is a redrive.
    pub(super) fn latest_idle_task(&self) -> Option<usize> {
        (0..self.visits.len()).rev().take(GUESSES).find(|n| {
            let visit = &self.visits[*n];
            visit.exited.is_none()
                && visit.state_type == "Task"
                && visit
                    .tries
                    .last()
                    .is_none_or(|last| self.tries[*last].ended.is_some())
        })
    }

    pub(super) fn new_try(&mut self, visit: usize, at: usize) -> usize {
        let number = self.visits[visit].tries.len() as u32 + 1;
        let after_failure = self.visits[visit].failure;
        self.tries.push(Try {
            visit,
            number,
            first: at,
            scheduled: None,
            started: None,
            submitted: None,
            ended: None,
            after_failure,
        });
        self.visits[visit].tries.push(self.tries.len() - 1);
        self.tries.len() - 1
    }

    pub(super) fn progress(&mut self, at: usize, from: Node) -> Node {
        let failed = matches!(self.steps[at].kind, Kind::TryFailed(_));
        let attempt = match from {
            Node::Try(n) if failed || self.tries[n].ended.is_none() => Some(n),
            // It failed before there was a try: ScheduleFailed right after StateEntered.
            Node::Visit(visit) if failed && self.visits[visit].entered.is_some() => {
                self.visits[visit].failure = Some(at);
                return Node::Visit(visit);
            }
            _ => (0..self.tries.len()).rev().take(GUESSES).find(|n| {
                let visit = &self.visits[self.tries[*n].visit];
                self.tries[*n].ended.is_none() && visit.exited.is_none()
            }),
        };
        let attempt = attempt.unwrap_or_else(|| {
            let inside = self
                .visit_at(from)
                .filter(|n| self.visits[*n].state_type == "Task");
            let visit = inside
                .filter(|n| self.visits[*n].exited.is_none())
                .unwrap_or_else(|| {
                    let container = self.container_at(from);
                    self.new_visit(String::new(), "Task", container, at)
                });
            self.new_try(visit, at)
        });
        let held = &mut self.tries[attempt];
        match self.steps[at].kind {
            Kind::TryStarted => held.started = Some(at),
            Kind::TrySubmitted => held.submitted = Some(at),
            Kind::TrySucceeded => held.ended = Some(at),
            _ => {
                held.ended = Some(at);
                self.visits[held.visit].failure = Some(at);
            }
        }
        Node::Try(attempt)
    }

    /// Its cause is mostly the event before the state was entered, so the state is found by the text
    /// "(entered at the event id #N)", by its name, or by the entry that has the same cause.
    pub(super) fn evaluation_failed(&mut self, at: usize, from: Node) -> Node {
        let step = &self.steps[at];
        let (name, entered) = match step.details.cause.as_deref().and_then(named_in_cause) {
            Some((name, entered)) => (Some(name), entered),
            None => (None, None),
        };
        let name = step.details.state.as_deref().or(name);
        let fits =
            |visit: &Visit| visit.exited.is_none() && name.is_none_or(|name| visit.name == name);
        let by_text = entered
            .and_then(|id| self.step_of(id))
            .and_then(|entered| self.about[entered])
            .filter(|n| fits(&self.visits[*n]));
        let by_cause = || {
            let key = (step.event.previous_event_id, name?.to_owned());
            self.entered_after
                .get(&key)
                .copied()
                .filter(|n| fits(&self.visits[*n]))
        };
        let visit = by_text
            .or_else(|| self.enclosing(from, fits))
            .or_else(by_cause)
            .or_else(|| self.latest(fits, name));
        let Some(visit) = visit else {
            return from;
        };
        self.visits[visit].failure = Some(at);
        match self.visits[visit].tries.last() {
            Some(last) if self.tries[*last].ended.is_none() => Node::Try(*last),
            _ => Node::Visit(visit),
        }
    }
}
