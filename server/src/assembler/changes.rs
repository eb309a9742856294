//! Changes: those that were told, and those that histories and logs show.

use super::{Assembler, Counts, Touched};
use analysis::changes::{Use, derive};
use anyhow::Result;
use arrow::{
    array::{AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Int64Type},
};
use model::{Change, TraceId, UnixNanos};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;
use store::{Table, Unit, rows};

/// Names of functions and state machines in one question.
const NAMES_AT_ONCE: usize = 500;
/// Versions that are remembered; beyond it all are forgotten and read again.
const MOST_REMEMBERED: usize = 100_000;

/// The first use of each version, by kind and name: asked of the store once, so that a batch need not look through
/// everything that ever ran.
#[derive(Debug, Default)]
pub(super) struct FirstUses {
    of: HashMap<(String, String), BTreeMap<String, Use>>,
    versions: usize,
}

impl FirstUses {
    /// Names of which the batch says something new, or of which nothing is remembered. These are forgotten.
    fn news(&mut self, uses: &BTreeSet<Use>) -> BTreeSet<String> {
        let mut news = BTreeSet::new();
        for seen in uses {
            let key = (seen.kind.clone(), seen.resource.clone());
            let held = self.of.get(&key).and_then(|of| of.get(&seen.version));
            // A first use that came again with another time has been corrected.
            let known = held.is_some_and(|held| {
                held <= seen && (held.evidence != seen.evidence || held == seen)
            });
            if !known {
                self.forget(&key);
                news.insert(seen.resource.clone());
            }
        }
        news
    }

    fn forget(&mut self, key: &(String, String)) {
        self.versions -= self.of.remove(key).map_or(0, |of| of.len());
    }

    fn remember(&mut self, uses: &[Use]) {
        if self.versions + uses.len() > MOST_REMEMBERED {
            *self = FirstUses::default();
        }
        for seen in uses {
            let key = (seen.kind.clone(), seen.resource.clone());
            let of = self.of.entry(key).or_default();
            self.versions += usize::from(of.insert(seen.version.clone(), seen.clone()).is_none());
        }
    }
}

impl Assembler {
    /// Keeps changes that were told; the same one told again changes nothing.
    pub(super) async fn append_changes(&self, told: &[Change]) -> Result<()> {
        let told: BTreeMap<TraceId, &Change> = told.iter().map(|it| (it.trace_id, it)).collect();
        let ids: Vec<TraceId> = told.keys().copied().collect();
        let mut held = BTreeSet::new();
        for batch in self
            .held
            .store
            .snapshot()
            .find(Table::Changes, &ids)
            .await?
        {
            held.extend(
                rows::read_changes(&batch)?
                    .into_iter()
                    .map(|it| it.trace_id),
            );
        }
        for (id, change) in told {
            if held.contains(&id) {
                continue;
            }
            self.keep(id, std::slice::from_ref(change)).await?;
            self.count(Counts {
                changes: 1,
                ..Counts::default()
            });
        }
        Ok(())
    }

    async fn keep(&self, id: TraceId, changes: &[Change]) -> Result<()> {
        let tables = vec![(Table::Changes, rows::changes(changes)?)];
        Ok(self.held.store.replace(Unit { id, tables }).await?)
    }

    /// Looks again which versions of the state machines and functions touched were seen first when.
    pub(super) async fn derive_changes(&self, touched: &Touched) -> Result<()> {
        let ids: Vec<TraceId> = touched.executions.iter().copied().collect();
        let executions = self.held.executions(&ids).await?;
        let machines: BTreeSet<Use> = executions.iter().filter_map(Use::of_execution).collect();
        let invocations = touched.invocations.iter();
        let functions: BTreeSet<Use> = invocations.filter_map(Use::of_invocation).collect();
        let news = |uses| self.first_uses().news(uses);
        let (machines, functions) = (news(&machines), news(&functions));
        self.derive_of("state_machine", machines, &|names| {
            format!(
                "SELECT state_machine, state_machine_version, CAST(min(start_time) AS BIGINT), \
                 first_value(execution_arn ORDER BY start_time) FROM executions \
                 WHERE state_machine IN ({names}) AND state_machine_version IS NOT NULL GROUP BY 1, 2"
            )
        })
        .await?;
        // Times before 1970-01-02 only give an order: nobody knows when that was.
        self.derive_of("lambda", functions, &|names| {
            format!(
                "SELECT function_name, function_version, CAST(min(start_time) AS BIGINT), \
                 first_value(request_id ORDER BY start_time) FROM invocations \
                 WHERE function_name IN ({names}) AND function_version IS NOT NULL \
                 AND function_version <> '$LATEST' AND start_time > to_timestamp_nanos(86400000000000) \
                 GROUP BY 1, 2"
            )
        })
        .await
    }

    fn first_uses(&self) -> std::sync::MutexGuard<'_, FirstUses> {
        self.first_uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn derive_of(
        &self,
        kind: &str,
        names: BTreeSet<String>,
        question: &(dyn Fn(&str) -> String + Sync),
    ) -> Result<()> {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("'{}'", name.replace('\'', "''")))
            .collect();
        for part in names.chunks(NAMES_AT_ONCE) {
            let list = part.join(", ");
            let snapshot = self.held.store.snapshot();
            let mut uses = Vec::new();
            for batch in self.held.ask(&snapshot, &question(&list)).await? {
                uses.extend(uses_of(kind, &batch)?);
            }
            let held = format!(
                "SELECT trace_id FROM changes WHERE source = 'derived' AND kind = '{kind}' \
                 AND resource IN ({list})"
            );
            let mut before = BTreeSet::new();
            for batch in self.held.ask(&snapshot, &held).await? {
                let ids = cast(batch.column(0), &DataType::Utf8)?;
                let ids = ids.as_string::<i32>().iter().flatten();
                before.extend(ids.filter_map(|id| id.parse::<TraceId>().ok()));
            }
            self.first_uses().remember(&uses);
            let now = derive(uses);
            let ids: BTreeSet<TraceId> = now.iter().map(|it| it.trace_id).collect();
            // An earlier use that arrives late moves a change: the old one goes.
            for gone in before.difference(&ids) {
                self.keep(*gone, &[]).await?;
            }
            for change in now.iter().filter(|it| !before.contains(&it.trace_id)) {
                self.keep(change.trace_id, std::slice::from_ref(change))
                    .await?;
            }
        }
        Ok(())
    }
}

fn uses_of(kind: &str, batch: &RecordBatch) -> Result<Vec<Use>> {
    let text = |n: usize| cast(batch.column(n), &DataType::Utf8);
    let (resource, version, evidence) = (text(0)?, text(1)?, text(3)?);
    let time = cast(batch.column(2), &DataType::Int64)?;
    let one = |row: usize| Use {
        time: UnixNanos(time.as_primitive::<Int64Type>().value(row)),
        kind: kind.to_owned(),
        resource: resource.as_string::<i32>().value(row).to_owned(),
        version: version.as_string::<i32>().value(row).to_owned(),
        evidence: evidence.as_string::<i32>().value(row).to_owned(),
    };
    Ok((0..batch.num_rows()).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_asked_for() {
        let seen = |time: i64, resource: &str, version: &str, evidence: &str| Use {
            time: UnixNanos(time),
            kind: "lambda".into(),
            resource: resource.into(),
            version: version.into(),
            evidence: evidence.into(),
        };
        let mut held = FirstUses::default();
        held.remember(&[seen(10, "pay", "1", "a"), seen(20, "pay", "2", "b")]);
        let mut check = |one: Use, is_news: bool| {
            let news = held.news(&[one].into());
            assert_eq!(!news.is_empty(), is_news);
            held.remember(&[seen(10, "pay", "1", "a"), seen(20, "pay", "2", "b")]);
            assert_eq!(held.versions, 2);
        };
        check(seen(30, "pay", "2", "c"), false);
        check(seen(20, "pay", "2", "b"), false);
        check(seen(15, "pay", "2", "c"), true);
        check(seen(25, "pay", "2", "b"), true);
        check(seen(30, "pay", "3", "c"), true);
        check(seen(30, "ship", "1", "c"), true);
        let many: Vec<Use> = (0..MOST_REMEMBERED)
            .map(|n| seen(1, "pay", &n.to_string(), "x"))
            .collect();
        held.remember(&many);
        assert_eq!(held.versions, MOST_REMEMBERED);
    }
}
