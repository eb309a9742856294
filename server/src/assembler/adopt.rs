//! One execution that came twice: as a history that names none, under a made-up id, and under its own ARN.
//!
//! Both begin at the same moment, and every event that both hold is the same; or the ARN came with a description alone,
//! which fits the history. Then what is held under the made-up id moves to the ARN, whichever came first. Where several
//! could be meant, nothing is moved.

use super::{Assembler, described::Described, workflows::News};
use anyhow::Result;
use arrow::array::RecordBatch;
use model::{Execution, HistoryEvent, TraceId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Table, Unit};

/// What marks an id that the import made up.
pub(super) const MADE_UP: &str = ":unknown:000000000000:";
/// Tables in which an execution has rows.
const TABLES: [Table; 11] = [
    Table::Executions,
    Table::States,
    Table::Attempts,
    Table::Events,
    Table::Spans,
    Table::Joins,
    Table::Documents,
    Table::Ledger,
    Table::CriticalPath,
    Table::Costs,
    Table::Verdicts,
];

impl Assembler {
    /// Puts what belongs together under one ARN. Also gives the executions whose facts have moved: to be forgotten when
    /// those are held under the ARN, and not before, since a defect or a kill in between would lose them.
    pub(super) async fn adopt(
        &self,
        news: BTreeMap<String, News>,
    ) -> Result<(BTreeMap<String, News>, Vec<Execution>)> {
        let mut emptied = Vec::new();
        let starts: BTreeSet<UnixNanos> =
            news.values().filter_map(|it| start(&it.events)).collect();
        let any_new = news.keys().any(|arn| is_made_up(arn));
        let told = |(arn, it): (&String, &News)| Described::alone(arn, it).map(|it| it.start);
        let described: BTreeSet<UnixNanos> = news.iter().filter_map(told).collect();
        let nothing = starts.is_empty() && described.is_empty();
        if nothing || !(any_new || self.any_made_up().await?) {
            return Ok((news, emptied));
        }
        let near = self.held.executions_near(&described, true).await?;
        let alike = self.held.executions_at(&starts).await?;
        let mut by_start: HashMap<UnixNanos, Vec<Execution>> = HashMap::new();
        for execution in alike {
            by_start
                .entry(execution.start_time)
                .or_default()
                .push(execution);
        }
        let mut moved = BTreeMap::new();
        for (arn, it) in news {
            let candidates = start(&it.events).and_then(|start| by_start.get(&start));
            let candidates = candidates.map(Vec::as_slice).unwrap_or_default();
            let (arn, it) = match is_made_up(&arn) {
                true => self.named(arn, it, candidates).await?,
                false => {
                    let it = self.joined(&arn, it, candidates, &mut emptied).await?;
                    let it = match Described::alone(&arn, &it) {
                        None => it,
                        Some(told) => self.told(&arn, it, &told, &near, &mut emptied).await?,
                    };
                    (arn, it)
                }
            };
            let held: &mut News = moved.entry(arn).or_default();
            held.events.extend(it.events);
            held.documents.extend(it.documents);
        }
        if any_new {
            self.note_made_up();
        }
        Ok((moved, emptied))
    }

    /// New events under a made-up id, of an execution that is held under its ARN.
    async fn named(
        &self,
        made_up: String,
        news: News,
        candidates: &[Execution],
    ) -> Result<(String, News)> {
        let mut found = Vec::new();
        for execution in candidates
            .iter()
            .filter(|it| !is_made_up(&it.execution_arn))
        {
            let held = self.held.events(&[execution.trace_id]).await?;
            if same(&news.events, &held) {
                found.push(execution.execution_arn.clone());
            }
        }
        if found.is_empty() {
            found = self.described_alike(&news).await?;
        }
        match &found[..] {
            [only] => Ok((only.clone(), readdressed(news, only))),
            _ => Ok((made_up, news)),
        }
    }

    /// Executions of which a description is held and no event, and which fits a new history without a name.
    async fn described_alike(&self, news: &News) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let starts: BTreeSet<UnixNanos> = start(&news.events).into_iter().collect();
        for execution in self.held.executions_near(&starts, false).await? {
            let (id, arn) = (execution.trace_id, &execution.execution_arn);
            let told = Described::of(arn, &self.held.documents(&[id]).await?);
            if told.is_some_and(|told| told.fits(&news.events))
                && self.held.events(&[id]).await?.is_empty()
            {
                found.push(arn.clone());
            }
        }
        Ok(found)
    }

    /// A new description under an ARN, of an execution whose history is held under a made-up id: the only one that fits.
    async fn told(
        &self,
        arn: &str,
        mut news: News,
        told: &Described,
        near: &[Execution],
        emptied: &mut Vec<Execution>,
    ) -> Result<News> {
        let mut found = Vec::new();
        for execution in near {
            let events = self.held.events(&[execution.trace_id]).await?;
            if told.fits(&events) && !emptied.iter().any(|it| it.trace_id == execution.trace_id) {
                found.push((execution, events));
            }
        }
        let own = TraceId::of_execution(arn);
        let (execution, events) = match found.pop() {
            Some(only) if found.is_empty() => only,
            _ => return Ok(news),
        };
        if !self.held.events(&[own]).await?.is_empty() {
            return Ok(news);
        }
        let held = News {
            events,
            documents: self.held.documents(&[execution.trace_id]).await?,
        };
        let held = readdressed(held, arn);
        news.events.extend(held.events);
        news.documents.extend(held.documents);
        emptied.push(execution.clone());
        Ok(news)
    }

    /// New events under an ARN, of an execution that is held under a made-up id.
    async fn joined(
        &self,
        arn: &str,
        mut news: News,
        candidates: &[Execution],
        emptied: &mut Vec<Execution>,
    ) -> Result<News> {
        for execution in candidates.iter().filter(|it| is_made_up(&it.execution_arn)) {
            let id = execution.trace_id;
            let events = self.held.events(&[id]).await?;
            if execution.execution_arn == arn || !same(&events, &news.events) {
                continue;
            }
            let held = News {
                events,
                documents: self.held.documents(&[id]).await?,
            };
            let held = readdressed(held, arn);
            news.events.extend(held.events);
            news.documents.extend(held.documents);
            emptied.push(execution.clone());
        }
        Ok(news)
    }

    /// Takes away the rows of an execution whose facts are held elsewhere.
    pub(super) async fn forget(&self, execution: &Execution) -> Result<()> {
        let id: TraceId = execution.trace_id;
        let empty = |table: Table| (table, RecordBatch::new_empty(table.schema()));
        let tables = TABLES.map(empty).to_vec();
        self.held.store.replace(Unit { id, tables }).await?;
        if let Some(end) = execution.end_time {
            self.outdate(execution.start_time, end);
        }
        // Whoever judges has to strike it off, too.
        self.changed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id);
        self.live.changed(BTreeSet::from([id]));
        Ok(())
    }

    async fn any_made_up(&self) -> Result<bool> {
        let known = *self.made_up();
        if let Some(known) = known {
            return Ok(known);
        }
        let any = self
            .held
            .any_execution_like(&format!("%{MADE_UP}%"))
            .await?;
        *self.made_up() = Some(any);
        Ok(any)
    }

    fn note_made_up(&self) {
        *self.made_up() = Some(true);
    }
}

fn is_made_up(arn: &str) -> bool {
    arn.contains(MADE_UP)
}

/// When the execution began, if its first event is here.
fn start(events: &[HistoryEvent]) -> Option<UnixNanos> {
    let first = events.iter().find(|it| it.event_id == 1)?;
    Some(first.time)
}

/// True when the nameless events can be of the execution that the others are of: the first is the same to the
/// letter, and no other that both have differs.
fn same(nameless: &[HistoryEvent], named: &[HistoryEvent]) -> bool {
    let by_id: HashMap<u64, &HistoryEvent> = named.iter().map(|it| (it.event_id, it)).collect();
    let mut first = false;
    for event in nameless {
        let Some(other) = by_id.get(&event.event_id) else {
            continue;
        };
        let alike = (event.time, &event.event_type, &event.engine)
            == (other.time, &other.event_type, &other.engine);
        if !alike {
            return false;
        }
        first |= event.event_id == 1 && event.details == other.details;
    }
    first
}

fn readdressed(mut news: News, arn: &str) -> News {
    for event in &mut news.events {
        arn.clone_into(&mut event.execution_arn);
    }
    for document in &mut news.documents {
        arn.clone_into(&mut document.execution_arn);
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Engine, EventSource};

    fn event(id: u64, time: i64, details: &str) -> HistoryEvent {
        HistoryEvent {
            engine: Engine::step_functions(),
            execution_arn: String::new(),
            redrive_count: 0,
            event_id: id,
            previous_event_id: 0,
            event_type: "X".to_owned(),
            time: UnixNanos(time),
            details: details.to_owned(),
            source: EventSource::History,
        }
    }

    #[test]
    fn histories_are_the_same_when_nothing_differs() {
        let named = [event(1, 5, "a"), event(2, 6, "b"), event(3, 7, "c")];
        let check =
            |nameless: &[HistoryEvent], expect: bool| assert_eq!(same(nameless, &named), expect);
        check(&named, true);
        check(&named[..1], true);
        check(&[event(1, 5, "a"), event(2, 6, "cut")], true);
        check(
            &[event(1, 5, "a"), event(2, 6, "b"), event(9, 9, "more")],
            true,
        );
        check(&[event(1, 5, "other input")], false);
        check(&[event(1, 5, "a"), event(2, 8, "b")], false);
        check(&named[1..], false);
        check(&[], false);
    }
}
