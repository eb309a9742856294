//! Whose fault it was, for the list of executions: a word of each verdict, and the culprits one can filter by.

use super::parameter::{name, timestamp};
use crate::{Engine, Error, cells::Cells};
use datafusion::functions::string::expr_fn as string;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, JoinType, lit};
use datafusion::prelude::DataFrame;
use model::api::{ExecutionRow, RowVerdict};
use model::{Outcome, state_of_item};
use serde::de::{DeserializeOwned, IntoDeserializer};
use std::collections::{BTreeMap, HashMap};
use store::{Snapshot, Table};

/// Columns of a word of a verdict.
const COLUMNS: [&str; 5] = [
    "trace_id",
    "outcome",
    "culprit_name",
    "category",
    "confidence",
];
/// Culprits that are listed.
const LISTED: usize = 50;

/// The condition for verdicts against somebody. The items of a state are found by its name, too: `PriceItems` finds `PriceItems[2]`.
fn against(culprit: &str) -> Expr {
    let item = name("culprit_kind").eq(lit("item"));
    let within = string::starts_with(name("culprit_name"), lit(format!("{culprit}[")));
    name("culprit_name").eq(lit(culprit)).or(item.and(within))
}

/// The rows of a frame of executions of which this is the culprit; `verdicts` sees the same snapshot.
pub(super) fn only(
    executions: DataFrame,
    verdicts: DataFrame,
    culprit: &str,
) -> Result<DataFrame, Error> {
    let theirs = verdicts
        .filter(against(culprit))?
        .select(vec![name("trace_id").alias("judged_trace_id")])?;
    Ok(executions.join(
        theirs,
        JoinType::LeftSemi,
        &["trace_id"],
        &["judged_trace_id"],
        None,
    )?)
}

/// A value of a closed list, as it is written.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    T::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(text)).ok()
}

impl Engine {
    /// Gives every row the word of its verdict, if it was judged.
    pub(super) async fn add_verdicts(
        &self,
        snapshot: &Snapshot,
        rows: &mut [ExecutionRow],
    ) -> Result<(), Error> {
        let starts = || {
            rows.iter()
                .filter_map(|row| row.start_time.parse::<i64>().ok())
        };
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return Ok(());
        };
        let ids = rows.iter().map(|row| lit(row.trace_id.as_str())).collect();
        let frame = self
            .table(snapshot, Table::Verdicts)
            .await?
            .filter(
                name("start_time")
                    .between(timestamp(first), timestamp(last))
                    .and(name("trace_id").in_list(ids, false)),
            )?
            .select(COLUMNS.map(name).to_vec())?;
        let mut words: HashMap<String, RowVerdict> = HashMap::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            for at in 0..batch.num_rows() {
                let told = RowVerdict {
                    outcome: cells
                        .text("outcome", at)
                        .and_then(word)
                        .unwrap_or(Outcome::ColdCase),
                    culprit: cells.maybe("culprit_name", at),
                    category: cells.text("category", at).and_then(word),
                    confidence: cells.double("confidence", at).unwrap_or_default(),
                };
                words.insert(cells.string("trace_id", at), told);
            }
        }
        for row in rows {
            row.verdict = words.remove(&row.trace_id);
        }
        Ok(())
    }

    /// The culprits of these executions, the most frequent first. Items of one state are one culprit.
    pub(super) async fn culprits(
        &self,
        executions: DataFrame,
        verdicts: DataFrame,
    ) -> Result<Vec<(String, u64)>, Error> {
        let theirs = verdicts
            .filter(name("culprit_name").is_not_null())?
            .select(vec![
                name("trace_id").alias("judged_trace_id"),
                name("culprit_kind"),
                name("culprit_name"),
            ])?;
        let frame = executions
            .select(vec![name("trace_id")])?
            .join(
                theirs,
                JoinType::Inner,
                &["trace_id"],
                &["judged_trace_id"],
                None,
            )?
            .aggregate(
                vec![name("culprit_kind"), name("culprit_name")],
                vec![count(lit(1)).alias("n")],
            )?;
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for batch in self.collect(frame).await? {
            let cells = Cells(&batch);
            for at in 0..batch.num_rows() {
                let culprit = cells.string("culprit_name", at);
                let state = match cells.text("culprit_kind", at) {
                    Some("item") => state_of_item(&culprit).to_owned(),
                    _ => culprit,
                };
                *all.entry(state).or_default() += cells.count::<u64>("n", at);
            }
        }
        let mut all: Vec<(String, u64)> = all.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(LISTED);
        Ok(all)
    }
}
