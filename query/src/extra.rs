//! Tables that do not lie in the store: small operational state, kept by others, read when asked.

use crate::{Error, format::type_name, view::UTC};
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use model::api::{ColumnInfo, TableInfo};
use serde::Serialize;
use std::sync::{Arc, RwLock};
use store::{StateTable, tables};

/// Gives the rows as they are now.
pub type Rows = Arc<dyn Fn() -> Result<RecordBatch, Error> + Send + Sync>;

/// The registered tables. Clones are the same list.
#[derive(Clone, Default)]
pub(crate) struct Extras(Arc<RwLock<Vec<Extra>>>);

impl Extras {
    /// Shows a table from now on; one of the same name gives way.
    pub fn add(&self, table: StateTable, rows: Rows) {
        let mut held = self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        held.retain(|extra| extra.table != table);
        held.push(Extra::new(table, rows));
        held.sort_by_key(|extra| extra.table);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Extra> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

/// A table of state as DataFusion scans it.
#[derive(Clone)]
pub(crate) struct Extra {
    pub table: StateTable,
    shown: SchemaRef,
    rows: Rows,
}

impl std::fmt::Debug for Extra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extra")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl Extra {
    fn new(table: StateTable, rows: Rows) -> Self {
        let fields = table
            .schema()
            .fields()
            .iter()
            .map(shown)
            .collect::<Vec<_>>();
        Extra {
            table,
            shown: Arc::new(Schema::new(fields)),
            rows,
        }
    }

    /// The rows with the types that SQL shows.
    fn batch(&self) -> Result<RecordBatch, Error> {
        let rows = (self.rows)()?;
        let columns = rows
            .columns()
            .iter()
            .zip(self.shown.fields())
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>();
        columns
            .and_then(|columns| RecordBatch::try_new(self.shown.clone(), columns))
            .map_err(|error| Error::Engine(format!("{}: {error}", self.table.name())))
    }

    /// What can be asked of it.
    pub fn info(&self) -> TableInfo {
        let stored = self.table.schema();
        let columns = self.shown.fields().iter().zip(stored.fields());
        TableInfo {
            name: self.table.name().to_owned(),
            comment: self.table.comment().to_owned(),
            rows: self.batch().ok().map(|batch| batch.num_rows() as u64),
            columns: columns
                .map(|(field, stored)| ColumnInfo {
                    name: field.name().clone(),
                    data_type: type_name(field.data_type()),
                    comment: stored
                        .metadata()
                        .get(tables::COMMENT)
                        .cloned()
                        .unwrap_or_default(),
                })
                .collect(),
        }
    }
}

fn shown(field: &Arc<Field>) -> Field {
    let data_type = match field.metadata().get(tables::LOGICAL).map(String::as_str) {
        Some(tables::TIMESTAMP) => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        _ => field.data_type().clone(),
    };
    Field::new(field.name(), data_type, true)
}

#[async_trait]
impl TableProvider for Extra {
    fn schema(&self) -> SchemaRef {
        self.shown.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self
            .batch()
            .map_err(|error| DataFusionError::Execution(error.to_string()))?;
        let plan = MemorySourceConfig::try_new_exec(
            &[vec![batch]],
            self.shown.clone(),
            projection.cloned(),
        )?;
        Ok(plan)
    }
}

/// Rows of a table of state, from values whose serde names are the columns' names. Times are numbers of
/// nanoseconds.
///
/// # Errors
/// When a value does not fit its column, or a column that must have a value has none.
pub fn batch<T: Serialize>(table: StateTable, rows: &[T]) -> Result<RecordBatch, Error> {
    let schema = table.schema();
    let wrong = |error| Error::Engine(format!("{}: {error}", table.name()));
    let mut decoder = arrow::json::ReaderBuilder::new(schema.clone())
        .with_batch_size(rows.len().max(1))
        .build_decoder()
        .map_err(wrong)?;
    decoder.serialize(rows).map_err(wrong)?;
    let batch = decoder.flush().map_err(wrong)?;
    Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Format, Limits, Options, format};

    #[derive(Serialize)]
    struct Slice {
        slo: &'static str,
        slice_start: i64,
        slice_s: i64,
        total: i64,
        bad: i64,
    }

    fn engine() -> Engine {
        let engine = Engine::new(Limits::default()).expect("an engine");
        engine.show(StateTable::SloSlices, || {
            let at = |minute: i64, bad| Slice {
                slo: "orders",
                slice_start: minute * 60_000_000_000,
                slice_s: 60,
                total: 10,
                bad,
            };
            batch(StateTable::SloSlices, &[at(0, 1), at(1, 0), at(2, 3)])
        });
        engine
    }

    async fn ask(text: &str) -> Result<String, String> {
        let told = |error: Error| error.to_string();
        // The engine's threads end with it.
        let engine = engine();
        let answer = engine
            .sql_over(Vec::new(), text, &Options::default())
            .await
            .map_err(told)?;
        let bytes = format::write_all(answer, Format::Csv).await.map_err(told)?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn state_is_asked_like_any_table() {
        let check = async |text: &str, expect: &str| {
            assert_eq!(ask(text).await.expect("an answer"), expect, "{text}");
        };
        check("select sum(bad) as bad from slo_slices", "bad\n4\n").await;
        check(
            "select slice_start, group_value from slo_slices where bad > 1 and slice_start > '1970-01-01T00:01:00Z'",
            "slice_start,group_value\n1970-01-01T00:02:00Z,\n",
        )
        .await;
        check(
            "select count(*) as n from information_schema.columns where table_name = 'slo_slices'",
            "n\n6\n",
        )
        .await;
        let wrong = ask("select * from slo_slice")
            .await
            .expect_err("no such table");
        assert!(wrong.contains("slo_slices"), "{wrong}");
    }
}
