//! Executions beside each other: twins, groups, cold starts. Finds them and loads them; judgement is in `analysis`.

use crate::accounts::{self, Facts};
use analysis::{
    baseline::Run,
    case::report::Rest,
    cold_starts::{self, Effect},
    compare::{Side, align, groups, nearest},
    cost::PriceBook,
    ledger::{Replay, account},
};
use anyhow::{Context, Result, bail};
use arrow::{array::AsArray, array::RecordBatch, compute::cast, datatypes::DataType};
use model::{
    Execution, Invocation, LedgerEntry, Outcome, SpanId, TimeCategory, TraceId,
    api::cold_starts::ColdStarts,
    compare::{Comparison, Twins},
};
use query::{Engine, Options};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use store::{Snapshot, Table, rows};

/// Healthy executions among which twins are looked for, those nearest in time.
const MOST_CANDIDATES: usize = 200;
/// Twins when nobody says how many.
pub const TWINS: usize = 3;
/// Most twins that may be asked for.
const MOST_TWINS: usize = 10;
/// Executions of a group that are looked at, the newest.
const MOST_IN_GROUP: usize = 500;
/// Events of a group, to bound memory.
const MOST_EVENTS: u64 = 300_000;
/// Invocations looked at, the newest.
const MOST_INVOCATIONS: usize = 50_000;

pub(crate) async fn ask(
    engine: &Engine,
    snapshot: &Snapshot,
    query: &str,
) -> Result<Vec<RecordBatch>, query::Error> {
    let answer = engine.sql(snapshot, query, &Options::default()).await?;
    answer.collect().await
}

pub(crate) fn ids_of(batches: &[RecordBatch]) -> Result<Vec<TraceId>> {
    let mut ids = Vec::new();
    for batch in batches {
        let column = batch
            .column_by_name("trace_id")
            .context("no column trace_id")?;
        let text = cast(column, &DataType::Utf8)?;
        let found = text
            .as_string::<i32>()
            .iter()
            .flatten()
            .filter_map(|id| id.parse::<TraceId>().ok());
        ids.extend(found);
    }
    Ok(ids)
}

pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An execution beside its `k` nearest healthy twins.
///
/// # Errors
/// When nothing can be read.
pub async fn twins(
    engine: &Engine,
    snapshot: &Snapshot,
    subject: Facts,
    k: usize,
) -> Result<Twins> {
    let execution = &subject.execution;
    let at = execution.start_time.0;
    let query = format!(
        "SELECT trace_id FROM executions WHERE state_machine = {} AND state_machine <> '' AND status = 'SUCCEEDED' \
         AND trace_id <> '{}' ORDER BY abs(CAST(start_time AS BIGINT) - {at}), trace_id LIMIT {MOST_CANDIDATES}",
        quoted(&execution.state_machine),
        execution.trace_id
    );
    let ids = ids_of(&ask(engine, snapshot, &query).await?)?;
    let mut heads: Vec<Execution> = Vec::new();
    for batch in snapshot.find(Table::Executions, &ids).await? {
        heads.extend(rows::read_executions(&batch)?);
    }
    heads.retain(analysis::baseline::is_healthy);
    // A run that was slow or wrong itself is nobody's model, as long as there is another.
    let accused = accused(snapshot, &ids).await?;
    if heads.iter().any(|head| !accused.contains(&head.trace_id)) {
        heads.retain(|head| !accused.contains(&head.trace_id));
    }
    heads.sort_by_key(|head| head.trace_id);
    let chosen = nearest(execution, &heads, k.clamp(1, MOST_TWINS));
    let ids: Vec<TraceId> = chosen.iter().map(|(n, _)| heads[*n].trace_id).collect();
    let loaded = accounts::load(snapshot, &ids).await?;
    let candidates = heads.len() as u32;
    let judge = move || {
        let mut twins: Vec<(Run<'_>, f64)> = Vec::new();
        for (n, distance) in &chosen {
            let twin = loaded
                .iter()
                .find(|it| it.execution.trace_id == heads[*n].trace_id);
            twins.extend(twin.map(|twin| (twin.run(), *distance)));
        }
        align(&subject.run(), &twins, candidates)
    };
    Ok(tokio::task::spawn_blocking(judge).await?)
}

/// Those of these executions in which somebody is accused.
async fn accused(snapshot: &Snapshot, ids: &[TraceId]) -> Result<BTreeSet<TraceId>> {
    let mut last: HashMap<TraceId, (u32, bool)> = HashMap::new();
    for batch in snapshot.find(Table::Verdicts, ids).await? {
        for judged in rows::read_verdicts(&batch)? {
            let verdict = &judged.verdict;
            let told = (verdict.version, verdict.outcome == Outcome::Verdict);
            let held = last.entry(judged.trace_id).or_insert(told);
            *held = told.max(*held);
        }
    }
    let accused = last.into_iter().filter(|(_, (_, accused))| *accused);
    Ok(accused.map(|(id, _)| id).collect())
}

/// What a case file tells besides the verdict: time, money, and how it goes when all is well.
///
/// # Errors
/// When nothing can be read.
pub async fn told_besides(
    engine: &Engine,
    snapshot: &Snapshot,
    subject: Facts,
    prices: Arc<PriceBook>,
) -> Result<Rest> {
    let judged = subject.clone();
    let judge = move || {
        let items = analysis::cost::bill(&judged.view(), &prices);
        let cost = analysis::cost::report(&judged.execution, items, &prices);
        (account(&judged.view()), cost)
    };
    let (ledger, cost) = tokio::task::spawn_blocking(judge).await?;
    let twins = twins(engine, snapshot, subject, TWINS).await?;
    Ok(Rest {
        ledger: Some(ledger),
        cost: Some(cost),
        twins: Some(twins),
    })
}

/// A group as it was found.
struct Group {
    selection: String,
    executions: u64,
    facts: Vec<Facts>,
    ledger: Vec<LedgerEntry>,
}

fn side(group: &Group) -> Side<'_> {
    Side {
        selection: group.selection.clone(),
        executions: group.executions,
        runs: group.facts.iter().map(Facts::run).collect(),
        ledger: &group.ledger,
    }
}

/// Two groups beside each other. A selection is an ARN, a trace id, the name of an execution, or a condition in
/// SQL on the columns of `executions`.
///
/// # Errors
/// When a selection selects nothing, or is no condition.
pub async fn compare(engine: &Engine, snapshot: &Snapshot, a: &str, b: &str) -> Result<Comparison> {
    let (a, b) = (
        group(engine, snapshot, a).await?,
        group(engine, snapshot, b).await?,
    );
    let judge = move || groups(&side(&a), &side(&b));
    Ok(tokio::task::spawn_blocking(judge).await?)
}

/// The condition that a selection stands for. What is written in SQL is one expression, printed as it was parsed:
/// it cannot end the question that it is put into.
fn condition(selection: &str) -> Result<String, query::Error> {
    let is_trace = selection.parse::<TraceId>().is_ok();
    if selection.starts_with("arn:") || is_trace {
        let id = quoted(selection);
        return Ok(format!("execution_arn = {id} OR trace_id = {id}"));
    }
    // A name has no spaces and no comparison in it.
    let plain = |c: char| c.is_alphanumeric() || "-_.:+@".contains(c);
    match selection.chars().all(plain) {
        true => Ok(format!(
            "name = {0} OR execution_arn = {0}",
            quoted(selection)
        )),
        false => query::condition(selection).map(|it| it.text),
    }
}

async fn group(engine: &Engine, snapshot: &Snapshot, selection: &str) -> Result<Group> {
    let selection = selection.trim();
    if selection.is_empty() {
        bail!("say what to compare: an execution, or a condition such as status = 'FAILED'");
    }
    let cannot = || format!("cannot select '{selection}'");
    let condition = condition(selection).with_context(cannot)?;
    let list = format!(
        "SELECT trace_id, count(*) OVER () AS executions, events FROM executions WHERE ({condition}) \
         ORDER BY start_time DESC, trace_id LIMIT {MOST_IN_GROUP}"
    );
    let batches = ask(engine, snapshot, &list).await.with_context(cannot)?;
    let ids = ids_of(&batches)?;
    let number = |name: &str| -> Result<Vec<i64>> {
        let mut all = Vec::new();
        for batch in &batches {
            let column = batch.column_by_name(name).context("a column is missing")?;
            let column = cast(column, &DataType::Int64)?;
            let column = column.as_primitive::<arrow::datatypes::Int64Type>();
            all.extend(column.iter().map(Option::unwrap_or_default));
        }
        Ok(all)
    };
    let executions = number("executions")?.first().copied().unwrap_or(0).max(0) as u64;
    if ids.is_empty() {
        bail!("no execution is selected by '{selection}'");
    }
    let mut size = 0;
    let events = number("events")?;
    let within = |(_, events): &(TraceId, i64)| {
        let first = size == 0;
        size += (*events).max(1) as u64;
        first || size <= MOST_EVENTS
    };
    let ids: Vec<TraceId> = ids
        .into_iter()
        .zip(events)
        .take_while(within)
        .map(|it| it.0)
        .collect();
    let mut ledger = Vec::new();
    for batch in snapshot.find(Table::Ledger, &ids).await? {
        ledger.extend(rows::read_ledger(&batch)?);
    }
    Ok(Group {
        selection: selection.to_owned(),
        executions,
        facts: accounts::load(snapshot, &ids).await?,
        ledger,
    })
}

/// Which cold starts.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Only this function.
    pub function: Option<String>,
    /// From then on, decimal nanoseconds.
    pub from: Option<i64>,
    /// Until then.
    pub to: Option<i64>,
    /// Single cold starts listed at most.
    pub limit: Option<usize>,
}

/// Cold starts by function and version, with what they did to executions; advice is weighed against `prices`.
///
/// # Errors
/// When nothing can be read.
pub async fn cold_starts(
    engine: &Engine,
    snapshot: &Snapshot,
    prices: Arc<PriceBook>,
    which: Which,
) -> Result<ColdStarts> {
    let mut conditions = vec!["true".to_owned()];
    conditions.extend(
        which
            .function
            .as_deref()
            .map(|it| format!("function_name = {}", quoted(it))),
    );
    let time = |sign: &str, at: i64| format!("start_time {sign} to_timestamp_nanos({at})");
    conditions.extend(which.from.map(|at| time(">=", at)));
    conditions.extend(which.to.map(|at| time("<", at)));
    let query = format!(
        "SELECT trace_id FROM invocations WHERE {} ORDER BY start_time DESC LIMIT {}",
        conditions.join(" AND "),
        MOST_INVOCATIONS + 1
    );
    let mut ids = ids_of(&ask(engine, snapshot, &query).await?)?;
    let truncated = ids.len() > MOST_INVOCATIONS;
    ids.truncate(MOST_INVOCATIONS);
    let mut invocations: Vec<Invocation> = Vec::new();
    for batch in snapshot.find(Table::Invocations, &ids).await? {
        invocations.extend(rows::read_invocations(&batch)?);
    }
    let effects = effects(engine, snapshot, &invocations).await?;
    let limit = which.limit.unwrap_or(200).min(5_000);
    let judge = move || cold_starts::summarise(&invocations, &effects, &prices, limit);
    let summary = tokio::task::spawn_blocking(judge).await?;
    Ok(ColdStarts {
        truncated,
        ..summary
    })
}

/// What cold starts did to the executions that they happened in.
async fn effects(
    engine: &Engine,
    snapshot: &Snapshot,
    invocations: &[Invocation],
) -> Result<HashMap<SpanId, Effect>> {
    let cold = invocations
        .iter()
        .filter(|it| it.cold_start.is_cold() == Some(true));
    let cold: Vec<String> = cold.map(|it| format!("'{}'", it.trace_id)).collect();
    let mut executions = BTreeSet::new();
    for part in cold.chunks(1_000) {
        let query = format!(
            "SELECT DISTINCT trace_id FROM joins WHERE child_kind = 'invocation' AND NOT ambiguous \
             AND child_trace_id IN ({}) LIMIT 5000",
            part.join(", ")
        );
        executions.extend(ids_of(&ask(engine, snapshot, &query).await?)?);
    }
    let executions: Vec<TraceId> = executions.into_iter().take(5_000).collect();
    let mut effects = HashMap::new();
    for part in executions.chunks(200) {
        let loaded = accounts::load(snapshot, part).await?;
        let judge = move || loaded.iter().flat_map(effects_in).collect::<Vec<_>>();
        effects.extend(tokio::task::spawn_blocking(judge).await?);
    }
    Ok(effects)
}

fn effects_in(facts: &Facts) -> Vec<(SpanId, Effect)> {
    let on_path: BTreeSet<SpanId> = account(&facts.view())
        .critical_path
        .iter()
        .filter(|piece| piece.category == TimeCategory::ColdStart)
        .map(|piece| piece.span_id)
        .collect();
    let replay = Replay::of(&facts.view());
    let attempts: HashMap<SpanId, SpanId> = facts
        .joins
        .iter()
        .filter(|join| join.child.kind == "invocation" && !join.ambiguous())
        .map(|join| (join.child.span_id, join.parent.span_id))
        .collect();
    let cold = facts
        .invocations
        .iter()
        .filter(|it| it.cold_start.is_cold() == Some(true));
    cold.filter_map(|invocation| {
        let attempt = attempts.get(&invocation.span_id)?;
        let wait = invocation
            .init_duration_ms
            .or(invocation.restore_duration_ms)
            .unwrap_or(0.0);
        let wait = (wait.clamp(0.0, 1e9) * 1e6) as i64;
        let effect = Effect {
            execution_arn: facts.execution.execution_arn.clone(),
            on_critical_path: on_path.contains(&invocation.span_id),
            added_ns: replay.effect(&HashMap::from([(*attempt, wait)])).max(0),
        };
        Some((invocation.span_id, effect))
    })
    .collect()
}
