//! Accounts: where time and money of the executions went that may have changed.

use super::{Assembler, Touched};
use crate::accounts::{self, Accounts, Facts};
use anyhow::Result;
use arrow::array::RecordBatch;
use model::{Execution, TimeCategory, TraceId};
use store::{Snapshot, Table, Unit, rows};

/// Events whose executions are judged together, to bound memory.
const EVENTS_AT_ONCE: u64 = 100_000;
/// Executions whose heads are read together.
const EXECUTIONS_AT_ONCE: usize = 2_000;

impl Assembler {
    /// Makes the accounts of every execution concerned anew, and replaces those that differ.
    pub(super) async fn account(&self, touched: &mut Touched) -> Result<()> {
        let all = touched.concerned.union(&touched.executions);
        let ids: Vec<TraceId> = all.copied().collect();
        for heads in ids.chunks(EXECUTIONS_AT_ONCE) {
            let mut part = Vec::new();
            let mut size = 0;
            for execution in self.held.executions(heads).await? {
                part.push(execution.trace_id);
                size += u64::from(execution.events) + 1;
                if size >= EVENTS_AT_ONCE {
                    let part = std::mem::take(&mut part);
                    self.account_part(&part, touched).await?;
                    size = 0;
                }
            }
            self.account_part(&part, touched).await?;
        }
        Ok(())
    }

    async fn account_part(&self, ids: &[TraceId], touched: &mut Touched) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let snapshot = self.held.store.snapshot();
        for facts in accounts::load(&snapshot, ids).await? {
            let prices = self.prices.clone();
            let judge = move || (facts.accounts(&prices), facts);
            let (accounts, facts) = tokio::task::spawn_blocking(judge).await?;
            let id = facts.execution.trace_id;
            let tables = changed_tables(&snapshot, accounts, facts).await?;
            if !tables.is_empty() {
                touched.executions.insert(id);
                self.held.store.replace(Unit { id, tables }).await?;
            }
        }
        Ok(())
    }
}

/// The tables of the unit that are not held as they should be.
async fn changed_tables(
    snapshot: &Snapshot,
    new: Accounts,
    facts: Facts,
) -> Result<Vec<(Table, RecordBatch)>> {
    let id = [facts.execution.trace_id];
    let mut tables = Vec::new();
    let mut add = |table, batch| tables.push((table, batch));
    let entries = &new.ledger.entries;
    if held(snapshot, Table::Ledger, &id, rows::read_ledger).await? != *entries {
        add(Table::Ledger, rows::ledger(entries)?);
    }
    let path = &new.ledger.critical_path;
    if held(snapshot, Table::CriticalPath, &id, rows::read_critical_path).await? != *path {
        add(Table::CriticalPath, rows::critical_path(path)?);
    }
    if held(snapshot, Table::Costs, &id, rows::read_costs).await? != new.items {
        add(Table::Costs, rows::costs(&new.items)?);
    }
    let execution = with_sums(&facts.execution, &new);
    if execution != facts.execution {
        add(Table::Executions, rows::executions(&[execution])?);
    }
    Ok(tables)
}

async fn held<T>(
    snapshot: &Snapshot,
    table: Table,
    id: &[TraceId],
    read: impl Fn(&RecordBatch) -> Result<Vec<T>, store::Error>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for batch in snapshot.find(table, id).await? {
        all.extend(read(&batch)?);
    }
    Ok(all)
}

/// The row of the execution with the sums of its accounts.
fn with_sums(execution: &Execution, accounts: &Accounts) -> Execution {
    let totals = &accounts.ledger.totals;
    let cold = totals
        .iter()
        .find(|(category, _)| *category == TimeCategory::ColdStart);
    let (cost, wasted) = analysis::cost::totals(&accounts.items);
    let priced = accounts.items.iter().any(|item| item.picodollars.is_some());
    let confidence = analysis::cost::confidence(&accounts.items);
    Execution {
        cold_start_ns: Some(cold.map_or(0, |(_, ns)| *ns)),
        cost_picodollars: priced.then_some(cost),
        wasted_picodollars: priced.then_some(wasted),
        cost_confidence: (!accounts.items.is_empty()).then(|| confidence.as_str().to_owned()),
        ..execution.clone()
    }
}
