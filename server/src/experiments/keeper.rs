//! What happens by itself: ends that never arrive, charges, advice, messages.

use super::{COLLECTION, Experiments, LEDGER, Objective};
use crate::clock;
use anyhow::Result;
use experiments::Experiment;
use model::{UnixNanos, api::experiments::LedgerRow};
use notify::{
    Kind, Notification,
    notification::{ExperimentRef, Incident, SloRef},
};
use std::{sync::atomic::Ordering, time::Duration};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(15);
/// What ended so long ago is not judged again by itself, nanoseconds: late facts come within it.
const SETTLED: i64 = 3_600 * 1_000_000_000;
/// Between two computations of the ledger, nanoseconds.
const LEDGER_EVERY: i64 = 60 * 1_000_000_000;
/// Experiments that one look judges.
const MOST: usize = 50;

impl Experiments {
    /// Looks after experiments until it is told to end.
    pub async fn run(self, end: CancellationToken) {
        loop {
            if let Err(error) = self.round(clock::now()).await {
                tracing::error!(
                    error = format!("{error:#}"),
                    "experiments could not be judged"
                );
            }
            tokio::select! {
                () = end.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One look.
    ///
    /// # Errors
    /// When the data or the state cannot be read.
    pub async fn round(&self, now: UnixNanos) -> Result<()> {
        self.detect(now).await?;
        let all = self.list()?;
        let objectives = self.objectives();
        // Before the first evaluation nothing is known of budgets, and without objectives there are none.
        let ready = !objectives.is_empty();
        let open = all.iter().filter(|it| {
            let recent = it.end.is_none_or(|end| now.since(end) < SETTLED);
            !it.phase.is_over() || recent || (ready && !it.told)
        });
        for experiment in open.take(MOST) {
            let mut judged = experiment.clone();
            judged.lose(now);
            self.judge(&mut judged, &all, &objectives, now).await?;
            self.settle(experiment, judged, &objectives, now)?;
        }
        // Incidents are counted by a question each: not at every look.
        let last = self.ledger_at.load(Ordering::Relaxed);
        if now.0.saturating_sub(last) < LEDGER_EVERY {
            return Ok(());
        }
        self.ledger_at.store(now.0, Ordering::Relaxed);
        self.keep_ledger().await
    }

    /// Keeps the ledger for the table, which cannot count by itself.
    async fn keep_ledger(&self) -> Result<()> {
        let rows = self.ledger(None).await?.rows;
        let held: Option<Vec<LedgerRow>> = self.state.get(LEDGER, "all")?;
        // A rolling window ends later each time: that alone is no reason to write.
        let spent = |rows: &[LedgerRow]| -> Vec<(String, String, u64)> {
            let one = |it: &LedgerRow| (it.slo.clone(), it.spender.clone(), it.bad.to_bits());
            rows.iter().map(one).collect()
        };
        if held.is_none_or(|held| spent(&held) != spent(&rows)) {
            self.state.put(LEDGER, "all", &rows)?;
        }
        Ok(())
    }

    /// Writes what was judged and what is to be told, together.
    fn settle(
        &self,
        before: &Experiment,
        mut judged: Experiment,
        objectives: &[Objective],
        now: UnixNanos,
    ) -> Result<()> {
        let mut messages = Vec::new();
        if judged.abort_advised.is_none() && !judged.phase.is_over() {
            judged.abort_advised = advice(&judged, objectives);
            if let Some(why) = &judged.abort_advised {
                messages.push(message(Kind::AbortAdvised, "ticket", &judged, why, now));
            }
        }
        let tail = judged.span(now).is_some_and(|(_, end)| end < now);
        if judged.phase.is_over() && tail && !judged.told && !objectives.is_empty() {
            judged.told = true;
            if !judged.charges.is_empty() {
                let spent = judged
                    .charges
                    .iter()
                    .map(|it| format!("{:.2} % of {}", it.net_charge * 100.0, it.slo));
                let text = format!("spent {}", spent.take(5).collect::<Vec<_>>().join(", "));
                messages.push(message(
                    Kind::ExperimentCharged,
                    "info",
                    &judged,
                    &text,
                    now,
                ));
            }
        }
        if judged == *before {
            return Ok(());
        }
        self.state.write(|changes| -> Result<()> {
            // Something may have been said about it meanwhile: only what was judged is taken over.
            let Some(mut held) = changes.get::<Experiment>(COLLECTION, &judged.id)? else {
                return Ok(());
            };
            if held.phase == before.phase {
                held.phase = judged.phase;
                held.end = judged.end;
                held.note.clone_from(&judged.note);
            }
            held.charges = judged.charges;
            held.hypothesis = judged.hypothesis;
            held.verdict = judged.verdict;
            held.abort_advised = judged.abort_advised;
            held.told = judged.told;
            for message in &messages {
                self.alerts.enqueue(changes, message, now)?;
            }
            changes.put(COLLECTION, &held.id, &held)?;
            Ok(())
        })?;
        self.alerts.wake();
        Ok(())
    }

    /// Tells that only an experiment burns a budget, within the transaction that decides it.
    ///
    /// # Errors
    /// When the state refuses.
    pub fn tell_burn(
        &self,
        changes: &state::Changes<'_>,
        slo: &str,
        explain: &str,
        now: UnixNanos,
    ) -> Result<()> {
        let held: Vec<(String, Experiment)> = changes.list(COLLECTION)?;
        let running = held.into_iter().map(|(_, it)| it).filter(|it| {
            let near = it
                .span(now)
                .is_some_and(|(_, end)| now.since(end) < SETTLED);
            near && it.may_spend(slo)
        });
        for experiment in running {
            let mark = format!("{}/{slo}", experiment.id);
            if changes.get::<bool>("experiment_burns", &mark)?.is_some() {
                continue;
            }
            changes.put("experiment_burns", &mark, &true)?;
            let mut said = message(Kind::ExperimentBurn, "info", &experiment, "", now);
            said.slo.name = slo.to_owned();
            said.summary = format!(
                "{slo}: only the experiment {} burns the budget",
                experiment.name
            );
            said.explain = format!(
                "{explain}; without the executions of the experiment no rule is met, so nobody is paged"
            );
            self.alerts.enqueue(changes, &said, now)?;
        }
        Ok(())
    }
}

/// Why an experiment should be stopped, if it should.
fn advice(experiment: &Experiment, objectives: &[Objective]) -> Option<String> {
    let over = experiment.max_spend.and_then(|most| {
        let worst = experiment.charges.iter().find(|it| it.net_charge > most)?;
        Some(format!(
            "it has spent {:.2} % of the budget of {}, more than the {:.2} % that it may",
            worst.net_charge * 100.0,
            worst.slo,
            most * 100.0
        ))
    });
    // Alerts do not count what belongs to experiments: a page is about something else.
    let paging = || {
        let paged = objectives
            .iter()
            .find(|it| it.firing.iter().any(|word| word == "page"))?;
        let touched = experiment.charges.iter().any(|it| it.slo == paged.name)
            || experiment.slos.contains(&paged.name);
        touched.then(|| format!("a page of {} fires for what is not its own", paged.name))
    };
    over.or_else(paging)
}

fn message(
    kind: Kind,
    severity: &str,
    experiment: &Experiment,
    text: &str,
    now: UnixNanos,
) -> Notification {
    let worst = experiment.charges.first();
    Notification {
        kind,
        at: now,
        incident: Incident {
            key: format!("experiment/{}", experiment.id),
            since: experiment.start,
            until: experiment.end,
            path: worst.map_or_else(|| "/slos".to_owned(), |it| crate::slo::path(&it.slo)),
        },
        severity: severity.to_owned(),
        slo: SloRef {
            name: worst.map(|it| it.slo.clone()).unwrap_or_default(),
            title: worst.map(|it| it.slo.clone()).unwrap_or_default(),
            ..SloRef::default()
        },
        summary: match kind {
            Kind::AbortAdvised => format!("stop the experiment {}: {text}", experiment.name),
            _ => format!("the experiment {} {text}", experiment.name),
        },
        explain: worst.map_or(String::new(), |it| {
            format!(
                "{}: max(0, {} bad - {}/{} x {}) = {:.2} of {:.2} allowed = {:.4} %",
                it.slo,
                it.bad,
                it.baseline_bad,
                it.baseline_total,
                it.total,
                it.net_bad,
                it.allowed,
                it.net_charge * 100.0
            )
        }),
        experiments: vec![ExperimentRef {
            id: experiment.id.clone(),
            name: experiment.name.clone(),
            owner: experiment.owner.clone(),
            charge: worst.map(|it| it.net_charge),
        }],
        ..Notification::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::experiments::Charge;

    #[test]
    fn stopping_is_advised_when_too_much_is_spent_or_something_else_burns() {
        let charge = |net_charge: f64| Charge {
            slo: "checkout".into(),
            net_charge,
            ..Charge::default()
        };
        let objective = |firing: &[&str]| Objective {
            name: "checkout".into(),
            measure: None,
            target: 0.99,
            allowed: 100.0,
            spent: 0.0,
            remaining: Some(1.0),
            unknown: None,
            firing: firing.iter().map(|it| (*it).to_owned()).collect(),
            window: (UnixNanos(0), UnixNanos(1)),
            incidents: Vec::new(),
        };
        let check = |net: f64, firing: &[&str], expect: Option<&str>| {
            let experiment = Experiment {
                max_spend: Some(0.05),
                charges: vec![charge(net)],
                ..Experiment::default()
            };
            let held = advice(&experiment, &[objective(firing)]);
            assert_eq!(held.is_some(), expect.is_some(), "{held:?}");
            assert!(
                held.unwrap_or_default()
                    .contains(expect.unwrap_or_default())
            );
        };
        check(0.05, &[], None);
        check(0.051, &[], Some("more than the 5.00 %"));
        check(0.01, &["ticket"], None);
        check(0.01, &["page"], Some("a page of checkout"));
    }
}
