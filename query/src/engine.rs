//! Runs SQL over a snapshot: read-only, with a budget of memory, disk and time.

use crate::{
    Error, attributes::AttributePlanner, expansion, extra::Extras, guard, json, parse, place,
    place::Known, scan, scan::BLOCKS_URL, scan::SnapshotTable, source::TableSource,
    workers::Workers, yielding::Yielding,
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider,
};
use datafusion::execution::context::{SQLOptions, SessionContext, SessionState};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionConfig};
use futures::{Stream, StreamExt, stream::BoxStream};
use object_store::ObjectStore;
use std::{
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use store::{Snapshot, StateTable, Table};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// What all queries together, and each of them, may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory for sorting, grouping and joining, of all queries together, bytes.
    pub memory_bytes: usize,
    /// Disk to which they may spill, bytes; 0 for none.
    pub spill_bytes: u64,
    /// Folder to spill to; the system's temporary folder if `None`.
    pub spill_dir: Option<PathBuf>,
    /// Time for one query.
    pub time: Duration,
    /// Threads' worth of work for one query; `None` for as many as there are processors.
    pub partitions: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 512 * 1024 * 1024,
            spill_bytes: 4 * 1024 * 1024 * 1024,
            spill_dir: None,
            time: Duration::from_secs(60),
            partitions: None,
        }
    }
}

/// Wishes for one query.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Rows after which the answer ends; `None` for all.
    pub limit: Option<usize>,
    /// A shorter time limit than the engine's.
    pub time: Option<Duration>,
}

/// Answers questions about snapshots. Cheap to clone; all clones share one budget.
#[derive(Clone)]
pub struct Engine {
    base: Arc<SessionState>,
    extras: Extras,
    limits: Arc<Limits>,
    workers: Workers,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The rows of an answer, as they come. Dropping it stops the query.
pub struct Answer {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

impl Answer {
    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// All rows, in memory.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.batches.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch, Error>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(cx)
    }
}

impl Engine {
    /// An engine with these limits.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        let runtime = runtime(&limits)?;
        let mut builder = SessionStateBuilder::new()
            .with_default_features()
            .with_config(config(&limits))
            .with_runtime_env(Arc::new(runtime))
            .with_physical_optimizer_rule(Arc::new(Yielding));
        if let Some(planners) = builder.expr_planners() {
            planners.insert(0, Arc::new(AttributePlanner));
        }
        let mut state = builder.build();
        for function in json::functions() {
            state.register_udf(function)?;
        }
        for name in guard::UNBOUNDED {
            state.deregister_udf(name)?;
        }
        let threads = limits.partitions.unwrap_or_else(processors);
        Ok(Engine {
            base: Arc::new(state),
            extras: Extras::default(),
            limits: Arc::new(limits),
            workers: Workers::new(threads)?,
        })
    }

    /// Shows a table of state, in this engine and all its clones. `rows` is called whenever a query
    /// reads the table, and must be quick.
    pub fn show(
        &self,
        table: StateTable,
        rows: impl Fn() -> Result<RecordBatch, Error> + Send + Sync + 'static,
    ) {
        self.extras.add(table, Arc::new(rows));
    }

    /// The tables of state.
    pub(crate) fn extras(&self) -> &Extras {
        &self.extras
    }

    /// Starts a query. The answer ends with an error when the time limit or the budget is reached.
    pub async fn sql(
        &self,
        snapshot: &Snapshot,
        text: &str,
        options: &Options,
    ) -> Result<Answer, Error> {
        let tables = Table::ALL.map(|table| TableSource::of(snapshot, table));
        self.sql_over(tables.into(), text, options).await
    }

    /// The same over tables that need not come from a snapshot.
    pub(crate) async fn sql_over(
        &self,
        tables: Vec<TableSource>,
        text: &str,
        options: &Options,
    ) -> Result<Answer, Error> {
        let time = options
            .time
            .map_or(self.limits.time, |time| time.min(self.limits.time));
        let deadline = Instant::now() + time;
        let engine = self.clone();
        let (text, limit) = (text.to_owned(), options.limit);
        let plan = async move { engine.plan(tables, &text, limit).await };
        let answer = async { self.start(self.workers.spawn(plan)?.join().await??).await };
        let answer = timeout_at(deadline, answer)
            .await
            .map_err(|_| Error::TimedOut(time))??;
        Ok(within(answer, deadline, time))
    }

    async fn plan(
        &self,
        tables: Vec<TableSource>,
        text: &str,
        limit: Option<usize>,
    ) -> Result<DataFrame, Error> {
        if text.len() > guard::MAX_TEXT {
            return Err(Error::sql(format!(
                "the query is longer than {} kB",
                guard::MAX_TEXT / 1024
            )));
        }
        let names = tables.iter().map(|source| source.table.name().to_owned());
        let extras = self.extras.all();
        let extra_names = extras.iter().map(|extra| extra.table.name().to_owned());
        let known = Known {
            tables: names.chain(extra_names).collect(),
            functions: self.functions(),
        };
        let context = self.context(tables)?;
        let explain = |error| place::explain(error, text, &known);
        let state = context.state();
        let statement = parse::parse(text, explain)?;
        guard::check(&statement)?;
        expansion::check(&statement)?;
        if guard::names_tables(&statement) {
            for table in state
                .resolve_table_references(&statement)
                .map_err(explain)?
            {
                guard::check_table(table.table())?;
            }
        }
        let limit = limit.filter(|_| guard::is_query(&statement));
        let plan = state.statement_to_plan(statement).await.map_err(explain)?;
        read_only(&plan)?;
        let frame = context.execute_logical_plan(plan).await.map_err(explain)?;
        match limit {
            Some(_) => frame.limit(0, limit).map_err(explain),
            None => Ok(frame),
        }
    }

    /// Names of all functions, in order.
    pub fn functions(&self) -> Vec<String> {
        let state = &self.base;
        let mut names: Vec<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Starts a planned query. It stays one batch ahead of who reads the answer.
    async fn start(&self, frame: DataFrame) -> Result<Answer, Error> {
        let budget = self.limits.memory_bytes;
        let running = move |error| Error::running(error, budget);
        let (told, schema) = oneshot::channel();
        let (sender, receiver) = mpsc::channel(1);
        let task = self.workers.spawn(async move {
            let context = frame.task_ctx();
            let started = match frame.create_physical_plan().await {
                Ok(plan) => {
                    let context = scan::in_small_batches(context, &plan);
                    execute_stream(plan, Arc::new(context))
                }
                Err(error) => Err(error),
            };
            let mut stream = match started {
                Ok(stream) => stream,
                Err(error) => return drop(told.send(Err(running(error)))),
            };
            drop(told.send(Ok(stream.schema())));
            while let Some(batch) = stream.next().await {
                if sender.send(batch.map_err(running)).await.is_err() {
                    break;
                }
            }
        })?;
        let schema = schema
            .await
            .map_err(|_| Error::Engine("the query ended without an answer".to_owned()))??;
        let batches = futures::stream::unfold((receiver, task), |(mut receiver, task)| async {
            let batch = receiver.recv().await?;
            Some((batch, (receiver, task)))
        });
        Ok(Answer {
            schema,
            batches: batches.boxed(),
        })
    }

    /// All rows of a frame made by this crate, within the engine's limits.
    pub(crate) async fn collect(&self, frame: DataFrame) -> Result<Vec<RecordBatch>, Error> {
        let time = self.limits.time;
        let collect = async { self.start(frame).await?.collect().await };
        tokio::time::timeout(time, collect)
            .await
            .map_err(|_| Error::TimedOut(time))?
    }

    /// A table of the snapshot, to build a question on.
    pub(crate) async fn table(
        &self,
        snapshot: &Snapshot,
        table: Table,
    ) -> Result<DataFrame, Error> {
        let context = self.tables(snapshot, &[table])?;
        Ok(context.table(table.name()).await?)
    }

    /// Some tables of the snapshot, to build a question on.
    pub(crate) fn tables(
        &self,
        snapshot: &Snapshot,
        tables: &[Table],
    ) -> Result<SessionContext, Error> {
        let sources = tables.iter().map(|table| TableSource::of(snapshot, *table));
        self.context(sources.collect())
    }

    /// A session that sees these tables and nothing else.
    fn context(&self, tables: Vec<TableSource>) -> Result<SessionContext, Error> {
        let mut runtime: RuntimeEnv = (**self.base.runtime_env()).clone();
        let objects = tables.first().map(|source| source.objects.clone());
        runtime.object_store_registry = Arc::new(OneStore(objects));
        let schema = MemorySchemaProvider::new();
        for source in tables {
            let name = source.table.name().to_owned();
            schema.register_table(name, Arc::new(SnapshotTable::new(source)))?;
        }
        for extra in self.extras.all() {
            schema.register_table(extra.table.name().to_owned(), Arc::new(extra))?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema("public", Arc::new(schema))?;
        let catalogs = MemoryCatalogProviderList::new();
        datafusion::catalog::CatalogProviderList::register_catalog(
            &catalogs,
            "inquest".to_owned(),
            Arc::new(catalog),
        );
        let state = SessionStateBuilder::new_from_existing((*self.base).clone())
            .with_runtime_env(Arc::new(runtime))
            .with_catalog_list(Arc::new(catalogs))
            .build();
        Ok(SessionContext::new_with_state(state))
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn read_only(plan: &LogicalPlan) -> Result<(), Error> {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(plan)
        .map_err(|_| Error::sql("only reading is allowed, and this query would change something"))
}

/// The answer, ended with an error at the deadline.
fn within(answer: Answer, deadline: Instant, time: Duration) -> Answer {
    let Answer { schema, batches } = answer;
    let limited = futures::stream::unfold(Some(batches), move |batches| async move {
        let mut batches = batches?;
        // A rival of the deadline that is always ready would win every time.
        if Instant::now() >= deadline {
            return Some((Err(Error::TimedOut(time)), None));
        }
        match timeout_at(deadline, batches.next()).await {
            Err(_) => Some((Err(Error::TimedOut(time)), None)),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(Some(batch)) => Some((batch, Some(batches))),
            Ok(None) => None,
        }
    });
    Answer {
        schema,
        batches: limited.boxed(),
    }
}

fn runtime(limits: &Limits) -> Result<RuntimeEnv, Error> {
    const METADATA_CACHE_BYTES: usize = 64 * 1024 * 1024;
    let mode = match (&limits.spill_dir, limits.spill_bytes) {
        (_, 0) => DiskManagerMode::Disabled,
        (Some(folder), _) => DiskManagerMode::Directories(vec![folder.clone()]),
        (None, _) => DiskManagerMode::OsTmpDirectory,
    };
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(limits.spill_bytes);
    Ok(RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(METADATA_CACHE_BYTES)
        .with_object_store_registry(Arc::new(OneStore(None)))
        .build()?)
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema("inquest", "public")
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true);
    if let Some(partitions) = limits.partitions {
        config = config.with_target_partitions(partitions.max(1));
    }
    let options = config.options_mut();
    // now() says its zone, as the times of the tables do.
    options.execution.time_zone = Some("+00:00".to_owned());
    options.sql_parser.collect_spans = true;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    config
}

/// The only object store a query can reach: that of the blocks.
#[derive(Debug)]
struct OneStore(Option<Arc<dyn ObjectStore>>);

impl ObjectStoreRegistry for OneStore {
    fn register_store(
        &self,
        _: &url::Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        Some(store)
    }

    fn get_store(&self, url: &url::Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        match &self.0 {
            Some(store) if url.as_str().starts_with(BLOCKS_URL) => Ok(store.clone()),
            _ => datafusion::common::exec_err!("no files but the tables can be read"),
        }
    }
}
