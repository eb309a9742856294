//! A table as DataFusion scans it: memory and blocks, pruned, filtered, then shown.

use crate::{
    convert,
    source::{BlockFile, TableSource},
    view::View,
};
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, UInt64Array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::union::UnionExec;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// The URL under which the blocks' object store is known to a query. Nothing else is.
pub(crate) const BLOCKS_URL: &str = "inquest://blocks";

/// Bytes of large columns that are decoded at a time, in each partition.
const BATCH_BYTES: u64 = 16 << 20;

/// One table of one snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    source: TableSource,
    view: View,
}

impl SnapshotTable {
    /// The table with the columns that SQL shows.
    pub fn new(source: TableSource) -> Self {
        let view = View::new(source.table, &source.schema);
        SnapshotTable { source, view }
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        self.view.logical.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.view.logical.fields().len()).collect();
        let shown = projection.unwrap_or(&all);
        let conditions = filters
            .iter()
            .map(|filter| self.view.condition(filter))
            .collect::<Result<Vec<_>>>()?;
        let scan = Scan {
            table: self,
            state,
            read: self.columns_to_read(shown, &conditions)?,
            limit: limit.filter(|_| filters.is_empty()),
        };
        let condition = match conjunction(conditions) {
            Some(expr) => Some(scan.physical_expr(expr)?),
            None => None,
        };
        let mut plan = scan.rows(condition.as_ref())?;
        if let Some(condition) = condition {
            plan = Arc::new(FilterExec::try_new(condition, plan)?);
        }
        scan.show(shown, plan)
    }
}

impl SnapshotTable {
    /// Columns that lie which the shown columns and the conditions need, as indices in order.
    fn columns_to_read(&self, shown: &[usize], conditions: &[Expr]) -> Result<Vec<usize>> {
        let mut names: HashSet<Column> = HashSet::new();
        for index in shown {
            names.extend(self.view.column(*index).column_refs().into_iter().cloned());
        }
        for condition in conditions {
            names.extend(condition.column_refs().into_iter().cloned());
        }
        if !self.source.hidden.is_empty() && self.source.blocks.iter().any(|b| b.derived) {
            names.insert(Column::from_name("trace_id"));
        }
        let indices: BTreeSet<usize> = names
            .iter()
            .map(|column| self.view.physical.index_of(column.name()))
            .collect::<Result<_, _>>()?;
        Ok(indices.into_iter().collect())
    }
}

/// One scan: which columns are read, for which session.
struct Scan<'a> {
    table: &'a SnapshotTable,
    state: &'a dyn Session,
    read: Vec<usize>,
    limit: Option<usize>,
}

impl Scan<'_> {
    fn schema(&self) -> Result<SchemaRef> {
        Ok(Arc::new(self.table.view.physical.project(&self.read)?))
    }

    fn physical_expr(&self, expr: Expr) -> Result<Arc<dyn PhysicalExpr>> {
        let schema = DFSchema::try_from(self.schema()?)?;
        self.state.create_physical_expr(expr, &schema)
    }

    /// All rows that may match, with the columns that are read.
    fn rows(&self, condition: Option<&Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn ExecutionPlan>> {
        let blocks = self.matching_blocks(condition)?;
        let (derived, facts): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|b| b.derived);
        let mut parts = Vec::new();
        if !facts.is_empty() {
            parts.push(self.parquet(&facts)?);
        }
        if !derived.is_empty() {
            parts.push(self.current_rows(self.parquet(&derived)?)?);
        }
        if !self.table.source.memory.is_empty() {
            parts.push(self.memory()?);
        }
        Ok(match parts.len() {
            0 => Arc::new(EmptyExec::new(self.schema()?)),
            1 => parts.remove(0),
            _ => UnionExec::try_new(parts)?,
        })
    }

    /// Without the rows of units that memory has replaced.
    fn current_rows(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let hidden = &self.table.source.hidden;
        if hidden.is_empty() {
            return Ok(plan);
        }
        let trace_id = Expr::Column(Column::from_name("trace_id"));
        let current = convert::current(hidden.clone()).call(vec![trace_id]);
        Ok(Arc::new(FilterExec::try_new(
            self.physical_expr(current)?,
            plan,
        )?))
    }

    fn matching_blocks(
        &self,
        condition: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Vec<&BlockFile>> {
        let blocks: Vec<&BlockFile> = self.table.source.blocks.iter().collect();
        let Some(condition) = condition else {
            return Ok(blocks);
        };
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(self.schema()?)
            .try_build(condition.clone());
        let Ok(predicate) = predicate else {
            return Ok(blocks);
        };
        let keep = predicate.prune(&BlockStatistics {
            time: self.table.source.table.time(),
            key: self.table.source.table.key(),
            blocks: &blocks,
        })?;
        Ok(blocks
            .into_iter()
            .zip(keep)
            .filter_map(|(block, keep)| keep.then_some(block))
            .collect())
    }

    fn parquet(&self, blocks: &[&BlockFile]) -> Result<Arc<dyn ExecutionPlan>> {
        let source = &self.table.source;
        let runtime = self.state.runtime_env();
        let reader = CachedParquetFileReaderFactory::new(
            source.objects.clone(),
            runtime.cache_manager.get_file_metadata_cache(),
        );
        let parquet = ParquetSource::new(self.table.view.physical.clone())
            .with_table_parquet_options(self.state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(reader));
        let files = FileGroup::new(blocks.iter().map(|block| self.file(block)).collect());
        let partitions = self.state.config().target_partitions();
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(BLOCKS_URL)?, Arc::new(parquet))
                .with_file_groups(files.split_files(partitions))
                .with_statistics(self.statistics(blocks.iter().map(|block| block.rows).sum()))
                .with_projection_indices(Some(self.read.clone()))?
                .with_limit(self.limit)
                .with_batch_size(self.few_rows(blocks))
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// How many rows are decoded at a time, if what is read of them is so large that it is fewer than usual.
    fn few_rows(&self, blocks: &[&BlockFile]) -> Option<usize> {
        let fields = self.table.view.physical.fields();
        let of_row = |block: &&BlockFile| -> u64 {
            let columns = self.read.iter().map(|index| fields[*index].name());
            columns.filter_map(|name| block.wide.get(name)).sum()
        };
        let largest = blocks.iter().map(of_row).max()?;
        let fit = usize::try_from(BATCH_BYTES.checked_div(largest)?).ok()?;
        let usual = self.state.config().batch_size();
        (fit < usual).then_some(fit.max(1))
    }

    fn file(&self, block: &BlockFile) -> PartitionedFile {
        PartitionedFile::new(block.path.clone(), block.bytes)
            .with_statistics(Arc::new(self.statistics(block.rows)))
    }

    fn statistics(&self, rows: u64) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.table.view.physical);
        statistics.num_rows = Precision::Exact(rows as usize);
        statistics
    }

    fn memory(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema()?;
        let partitions = self.state.config().target_partitions().max(1);
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); partitions];
        for (number, batch) in self.table.source.memory.iter().enumerate() {
            parts[number % partitions].push(align(batch, &schema)?);
        }
        parts.retain(|part| !part.is_empty());
        Ok(MemorySourceConfig::try_new_exec(&parts, schema, None)?)
    }

    /// The columns as SQL shows them.
    fn show(
        &self,
        shown: &[usize],
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = shown
            .iter()
            .map(|index| {
                Ok(ProjectionExpr {
                    expr: self.physical_expr(self.table.view.column(*index).clone())?,
                    alias: self.table.view.logical.field(*index).name().clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
    }
}

/// The context in which no step of the plan puts more rows together than a scan of it decodes at a time: thousands of rows of
/// megabytes would be gathered again otherwise, outside of the budget, before they are grouped or sorted.
pub(crate) fn in_small_batches(context: TaskContext, plan: &Arc<dyn ExecutionPlan>) -> TaskContext {
    let usual = context.session_config().batch_size();
    match fewest_rows(plan) {
        Some(rows) if rows < usual => {
            let config = context.session_config().clone().with_batch_size(rows);
            context.with_session_config(config)
        }
        _ => context,
    }
}

fn fewest_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let scan = plan.downcast_ref::<DataSourceExec>();
    let files = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let own = files.and_then(|files| files.batch_size);
    let below = plan.children().into_iter().filter_map(fewest_rows);
    below.chain(own).min()
}

/// The batch with exactly these columns: by name, cast where it lies in another type, null where
/// it lacks one.
pub(crate) fn align(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef> {
        Ok(match batch.column_by_name(field.name()) {
            None => new_null_array(field.data_type(), batch.num_rows()),
            Some(array) if array.data_type() == field.data_type() => array.clone(),
            Some(array) => cast(array, field.data_type())?,
        })
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        schema.clone(),
        columns,
        &options,
    )?)
}

/// What is known of blocks without opening them.
struct BlockStatistics<'a> {
    time: Option<&'static str>,
    key: &'static str,
    blocks: &'a [&'a BlockFile],
}

impl BlockStatistics<'_> {
    fn bounds(&self, column: &Column, upper: bool) -> Option<ArrayRef> {
        let pick = |low, high| if upper { high } else { low };
        if Some(column.name()) == self.time {
            let times = self
                .blocks
                .iter()
                .map(|block| block.time.map(|(low, high)| pick(low, high)));
            return Some(Arc::new(times.collect::<Int64Array>()));
        }
        if column.name() == self.key {
            let keys: Vec<Option<&[u8]>> = self
                .blocks
                .iter()
                .map(|block| {
                    let key = if upper { &block.key.1 } else { &block.key.0 };
                    (!key.is_empty()).then_some(key.as_slice())
                })
                .collect();
            let keys: ArrayRef = Arc::new(BinaryArray::from_opt_vec(keys));
            return cast(&keys, &arrow::datatypes::DataType::BinaryView).ok();
        }
        None
    }
}

impl PruningStatistics for BlockStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, false)
    }
    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column, true)
    }
    fn num_containers(&self) -> usize {
        self.blocks.len()
    }
    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }
    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.blocks.iter().map(|block| Some(block.rows));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }
    fn contained(
        &self,
        _: &Column,
        _: &HashSet<ScalarValue>,
    ) -> Option<arrow::array::BooleanArray> {
        None
    }
}
