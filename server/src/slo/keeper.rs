//! Evaluates when a minute is over, when data came late, and when a definition changed; and writes what was
//! decided together with what is to be told, in one transaction.

use super::{
    Slos,
    board::{self, Board, Unit},
    culprits::{self, Culprits},
    definitions::Definitions,
    generations::{former, formers, keep_alerting, reloaded, with_parts},
    incidents::{self, Incident, Remembered, fired},
    notices::{self, Followed},
    rest,
    series::Shelf,
};
use crate::clock;
use anyhow::{Context, Result};
use model::UnixNanos;
use notify::{Kind, Notification};
use slo::{
    Slo,
    alert::{Change, Changes, Transition},
    evaluate::Moment,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use store::Changed;
use tokio_util::sync::CancellationToken;

/// Between two looks at whether there is something to evaluate.
const TICK: Duration = Duration::from_secs(2);
/// So many times as long as an evaluation took, nothing is evaluated because data came late.
const REST: u32 = 20;
/// Without anything arriving for so long, seconds, the pipeline is taken to stand still.
const STALLED: i64 = 900;
/// Objectives per evaluation for which culprits are looked up.
const MOST_EXPLAINED: usize = 50;

/// What the evaluation remembers between two rounds.
#[derive(Default)]
pub(super) struct Keeper {
    definitions: Arc<Definitions>,
    shelf: Shelf,
    pending: Changed,
    memories: Option<BTreeMap<String, Remembered>>,
    /// The minute last evaluated, seconds.
    evaluated: Option<i64>,
    last_arrival: Option<i64>,
    evaluations: u64,
    /// True after something failed half way.
    again: bool,
    /// When the last evaluation ended, and how long it took.
    ended: Option<Instant>,
    took: Duration,
}

/// A decision about one objective.
struct Decision {
    unit: usize,
    changes: Changes,
    culprits: Culprits,
}

impl Slos {
    /// Evaluates until it is told to end.
    pub async fn run(self, end: CancellationToken) {
        loop {
            let trouble = self.round(false).await.err();
            let trouble = trouble.map(|error| format!("{error:#}"));
            if let Some(error) = &trouble {
                tracing::error!(error, "objectives could not be evaluated");
            }
            *self
                .0
                .trouble
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = trouble;
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Evaluates if there is a reason to, or if it is asked to.
    ///
    /// # Errors
    /// When the data or the state cannot be read or written; the next round begins anew.
    pub async fn round(&self, asked: bool) -> Result<()> {
        let mut keeper = self.0.keeper.lock().await;
        let now = clock::now().0.div_euclid(1_000_000_000);
        let minute = now.div_euclid(60) * 60;
        let new = self.0.store.take_changes();
        if new.arrivals > 0 {
            keeper.last_arrival = Some(now);
        }
        merge(&mut keeper.pending, new);
        let fingerprint = self.0.places.fingerprint();
        let edited = keeper.evaluated.is_none() || fingerprint != keeper.definitions.fingerprint;
        let late = keeper.pending.everything
            || keeper
                .pending
                .minutes
                .values()
                .flatten()
                .any(|it| *it < minute / 60);
        // A long import must not keep a processor busy with counting again and again.
        let rested = keeper
            .ended
            .is_none_or(|at| at.elapsed() > keeper.took * REST);
        let over = keeper.evaluated.is_none_or(|it| it < minute);
        let due = asked || edited || over || keeper.again || late && rested;
        if !due {
            return Ok(());
        }
        if edited {
            keeper.definitions = Arc::new(reloaded(&keeper.definitions, self.0.places.load()));
            for finding in keeper
                .definitions
                .findings
                .iter()
                .filter(|it| it.level == slo::Level::Error)
            {
                tracing::warn!("{finding}");
            }
        }
        if keeper.evaluated.is_none() {
            // What is promised can be told before it is known how it is kept.
            self.publish(Board {
                definitions: keeper.definitions.clone(),
                ..Board::default()
            });
        }
        keeper.again = true;
        let done = self.evaluate(&mut keeper, minute, true).await;
        if done.is_err() {
            // What was taken from the store is lost with the failure: count everything anew.
            keeper.pending.everything = true;
        }
        done?;
        keeper.again = false;
        Ok(())
    }

    /// Looks how things stand without deciding anything: for a folder that is only read.
    ///
    /// # Errors
    /// When the data or the state cannot be read.
    pub async fn look(&self, now: i64) -> Result<Arc<Board>> {
        let mut keeper = self.0.keeper.lock().await;
        keeper.definitions = Arc::new(self.0.places.load());
        keeper.pending.everything = true;
        self.evaluate(&mut keeper, now.div_euclid(60) * 60, false)
            .await?;
        Ok(self.board())
    }

    async fn evaluate(&self, keeper: &mut Keeper, now: i64, decide: bool) -> Result<()> {
        let started = Instant::now();
        if keeper.memories.is_none() {
            keeper.memories = Some(incidents::memories(&self.0.state)?);
        }
        let mut memories = keeper.memories.clone().unwrap_or_default();
        let changed = std::mem::take(&mut keeper.pending);
        let snapshot = self.0.store.snapshot();
        let former = formers(&keeper.definitions, &memories);
        let mut slos = keeper.definitions.slos.clone();
        slos.extend(former.values().cloned());
        keeper
            .shelf
            .refresh(&self.0.engine, &snapshot, &slos, &changed, now)
            .await?;
        let overdue = keeper.shelf.overdue(&self.0.engine, &snapshot, now).await?;
        let arrived = keeper.last_arrival.or(keeper.shelf.newest).unwrap_or(now);
        let moment = Moment {
            now,
            watermark: if now - arrived > STALLED {
                arrived
            } else {
                now
            },
        };
        let before = self.board();
        let mut units = board::units(
            &keeper.definitions,
            &keeper.shelf,
            &overdue,
            now,
            &before.units,
        );
        let old = Definitions {
            slos: with_parts(former, &keeper.definitions),
            ..Definitions::default()
        };
        for old in board::units(&old, &keeper.shelf, &overdue, now, &[]) {
            keep_alerting(&mut units, old, moment);
        }
        let apart = match decide {
            true => self.apart(&units, now).await,
            false => Default::default(),
        };
        let mut decisions = Vec::new();
        let mut burns = Vec::new();
        for (index, unit) in units.iter_mut().enumerate() {
            if let Some(held) = memories.get(&unit.slo.name) {
                unit.memory = held.memory.clone();
            }
            if !decide || unit.not_measured.is_some() {
                continue;
            }
            let mut memory = std::mem::take(&mut unit.memory);
            let rest = apart
                .get(&unit.slo.name)
                .map(|apart| rest::rest(unit, apart));
            let mut evaluation = unit.evaluation();
            if let Some(rest) = &rest {
                evaluation.series = rest;
                let only = rest::only_experiments(unit, rest, moment);
                burns.extend(only.map(|explain| (unit.slo.name.clone(), explain)));
            }
            let changes = memory.step(&evaluation, moment);
            unit.memory = memory;
            if changes != Changes::default() {
                decisions.push(Decision {
                    unit: index,
                    changes,
                    culprits: Culprits::default(),
                });
            }
        }
        for decision in decisions.iter_mut().take(MOST_EXPLAINED) {
            let unit = &units[decision.unit];
            let severities = &decision.changes.severities;
            if severities.iter().any(|it| it.to == Change::Firing) {
                decision.culprits = culprits::of_alert(&self.0.engine, &snapshot, unit, now).await;
            } else if !severities.is_empty() {
                let held = memories.get(&unit.slo.name);
                decision.culprits = self.at_its_end(&snapshot, unit, held, now).await;
            }
        }
        if decide {
            let first = keeper.evaluated.is_none();
            let decided = decisions.iter().map(|it| it.unit).collect();
            let followed = self
                .follow(&snapshot, &units, &memories, &decided, now)
                .await?;
            self.write(
                &keeper.definitions,
                &units,
                &decisions,
                &followed,
                &mut memories,
                moment,
                first,
            )?;
            self.tell_burns(&burns, now)?;
            keeper.evaluated = Some(now);
        }
        keeper.memories = Some(memories);
        keeper.evaluations += 1;
        keeper.took = started.elapsed();
        keeper.ended = Some(Instant::now());
        let findings = |slo: &Slo| {
            let of = |it: &&slo::Finding| {
                it.slo.as_deref() == Some(&slo.name) && it.level != slo::Level::Note
            };
            let found = keeper.definitions.findings.iter().filter(of).count();
            (found + self.unknown_receivers(slo).len()) as u32
        };
        for unit in &mut units {
            unit.row = board::row(unit, moment, findings(&unit.slo));
        }
        self.publish(Board {
            units: units.into_iter().map(Arc::new).collect(),
            definitions: keeper.definitions.clone(),
            now: Some(now),
            watermark: moment.watermark,
            took_s: started.elapsed().as_secs_f64(),
            evaluations: keeper.evaluations,
            indicators: keeper.shelf.len(),
        });
        Ok(())
    }

    /// Writes decisions, and messages about them, or nothing.
    #[expect(
        clippy::too_many_arguments,
        reason = "everything that one transaction writes"
    )]
    fn write(
        &self,
        definitions: &Definitions,
        units: &[Unit],
        decisions: &[Decision],
        followed: &[Followed],
        memories: &mut BTreeMap<String, Remembered>,
        moment: Moment,
        first: bool,
    ) -> Result<()> {
        let mut next = memories.clone();
        let broken = definitions.broken();
        let names: BTreeSet<&str> = units.iter().map(|unit| unit.slo.name.as_str()).collect();
        let is_gone = |name: &str, held: &Remembered| {
            let file = held.former.as_ref().map(|former| former.file.as_str());
            !names.contains(name) && !file.is_some_and(|file| broken.contains(file))
        };
        let gone: Vec<String> = next
            .iter()
            .filter(|(name, held)| is_gone(name, held))
            .map(|(name, _)| name.clone())
            .collect();
        let told = self.0.state.write(|changes| -> Result<usize> {
            let mut told = 0;
            for decision in decisions {
                let unit = &units[decision.unit];
                let held = next.entry(unit.slo.name.clone()).or_default();
                told += self.decide(changes, definitions, unit, decision, held, moment, first)?;
            }
            for name in &gone {
                if let Some(held) = next.remove(name) {
                    told += self.close(changes, name, &held, moment)?;
                }
                incidents::remember(changes, name, &Remembered::default())?;
            }
            told += self.tell_followed(changes, units, followed, moment)?;
            for unit in units {
                let held = next.entry(unit.slo.name.clone()).or_default();
                held.memory = unit.memory.clone();
                held.generation = unit.slo.generation();
                if held.open.is_empty() {
                    held.former = None;
                }
                if let Some(message) = notices::budget(unit, held, moment) {
                    told += self.tell(changes, &message)?;
                }
            }
            for message in notices::silences(units, &mut next, moment) {
                told += self.tell(changes, &message)?;
            }
            for unit in units {
                let held = next.entry(unit.slo.name.clone()).or_default();
                if memories.get(&unit.slo.name) != Some(held) {
                    incidents::remember(changes, &unit.slo.name, held)?;
                }
            }
            Ok(told)
        });
        let told = told.context("what was decided about alerts cannot be written")?;
        *memories = next;
        if told > 0 {
            self.0.alerts.wake();
            tracing::info!(told, "messages about alerts are on their way");
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what one decision is made of")]
    fn decide(
        &self,
        changes: &state::Changes<'_>,
        definitions: &Definitions,
        unit: &Unit,
        decision: &Decision,
        held: &mut Remembered,
        moment: Moment,
        first: bool,
    ) -> Result<usize> {
        let mut told = 0;
        for change in &decision.changes.severities {
            let of = decision
                .changes
                .rules
                .iter()
                .filter(|it| it.severity == change.severity)
                .cloned();
            match change.to {
                Change::Firing => {
                    // Nothing was late about an objective that was not there before.
                    let first = first || held.generation != unit.slo.generation();
                    let number = Incident::next_number(changes)?;
                    let mut incident = fired(unit, change, moment, number, first);
                    incident.verdict.clone_from(&decision.culprits.verdict);
                    incident.note(of);
                    incident.put(changes)?;
                    held.open.insert(change.severity.clone(), incident.number);
                    if held.former.is_none() {
                        held.former = former(&unit.slo, definitions);
                    }
                    tracing::warn!(
                        slo = unit.slo.name,
                        severity = change.severity,
                        explain = incident.explain,
                        "an alert fires"
                    );
                    if !incident.inhibited {
                        let message = culprits::message(
                            unit,
                            &incident,
                            Kind::Firing,
                            moment,
                            &decision.culprits,
                        );
                        told += self.tell(changes, &message)?;
                    }
                }
                Change::Resolved | Change::Unknown => {
                    let Some(number) = held.open.remove(&change.severity) else {
                        continue;
                    };
                    let Some(mut incident) = Incident::get(changes, number)? else {
                        continue;
                    };
                    incident.note(of);
                    incident.resolved_at = Some(moment.now);
                    incident.unknown = false;
                    incident.put(changes)?;
                    tracing::info!(
                        slo = unit.slo.name,
                        severity = change.severity,
                        "an alert is resolved"
                    );
                    if !incident.inhibited && unit.slo.send_resolved {
                        let message = culprits::message(
                            unit,
                            &incident,
                            Kind::Resolved,
                            moment,
                            &decision.culprits,
                        );
                        told += self.tell(changes, &message)?;
                    }
                }
            }
        }
        told += self.go_on(changes, unit, decision, held, moment)?;
        Ok(told)
    }

    /// Changes of rules within an incident that goes on: another tier, or nobody knows any more.
    fn go_on(
        &self,
        changes: &state::Changes<'_>,
        unit: &Unit,
        decision: &Decision,
        held: &Remembered,
        moment: Moment,
    ) -> Result<usize> {
        let mut told = 0;
        for (severity, number) in &held.open {
            let just = decision
                .changes
                .severities
                .iter()
                .any(|it| it.severity == *severity);
            let of: Vec<Transition> = decision
                .changes
                .rules
                .iter()
                .filter(|it| it.severity == *severity)
                .cloned()
                .collect();
            if just || of.is_empty() {
                continue;
            }
            let Some(mut incident) = Incident::get(changes, *number)? else {
                continue;
            };
            let tier = of.iter().any(|it| it.to == Change::Firing) && !incident.unknown;
            incident.note(of.into_iter());
            incident.unknown = unit.memory.is_unknown(&unit.slo, severity);
            incident.put(changes)?;
            if tier && !incident.inhibited {
                let message =
                    culprits::message(unit, &incident, Kind::Updated, moment, &decision.culprits);
                told += self.tell(changes, &message)?;
            }
        }
        Ok(told)
    }

    /// An objective is gone: its incidents are over.
    fn close(
        &self,
        changes: &state::Changes<'_>,
        name: &str,
        held: &Remembered,
        moment: Moment,
    ) -> Result<usize> {
        let mut told = 0;
        for number in held.open.values() {
            let Some(mut incident) = Incident::get(changes, *number)? else {
                continue;
            };
            incident.resolved_at = Some(moment.now);
            incident.explain += "; the objective was removed";
            incident.put(changes)?;
            let message = Notification {
                kind: Kind::Resolved,
                at: UnixNanos(moment.now.saturating_mul(1_000_000_000)),
                incident: culprits::incident_ref(&incident),
                severity: incident.severity.clone(),
                slo: notify::notification::SloRef {
                    name: name.to_owned(),
                    title: name.to_owned(),
                    ..Default::default()
                },
                summary: format!("{name}: resolved, because the objective was removed"),
                rule: incident.rule.clone(),
                explain: incident.explain.clone(),
                ..Notification::default()
            };
            told += self.tell(changes, &message)?;
        }
        Ok(told)
    }

    pub(super) fn tell(
        &self,
        changes: &state::Changes<'_>,
        message: &Notification,
    ) -> Result<usize> {
        let now = clock::now();
        if matches!(message.kind, Kind::Firing | Kind::Updated) {
            let mut message = message.clone();
            message.experiments = crate::experiments::near(changes, &message.slo.name, message.at)?;
            return Ok(self.0.alerts.enqueue(changes, &message, now)?);
        }
        Ok(self.0.alerts.enqueue(changes, message, now)?)
    }
}

fn merge(into: &mut Changed, new: Changed) {
    into.everything |= new.everything;
    into.arrivals += new.arrivals;
    for (table, minutes) in new.minutes {
        into.minutes.entry(table).or_default().extend(minutes);
    }
}
