//! `inquest show`: one execution as a tree, out of the tables that SQL shows.

mod lines;
mod tree;

use crate::{
    ask::Source,
    cli::{Colour, ReportFormat, Show},
    config::Config,
};
use anyhow::{Result, bail};
use lines::Painter;
use model::text::visible_line;
use serde_json::{Map, Value, json};
use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};
use tree::Tree;

/// A row as SQL gives it.
pub(super) type Row = Map<String, Value>;

/// Executions listed when a name fits several.
const LISTED: usize = 10;

/// Everything that is shown of an execution.
struct Shown {
    execution: Row,
    states: Vec<Row>,
    attempts: Vec<Row>,
    invocations: Vec<Row>,
    joins: Vec<Row>,
    /// Executions that it started and that are held.
    nested: Vec<Row>,
    spans: Vec<Row>,
}

/// Shows it.
///
/// # Errors
/// When there is no such execution, or several.
pub async fn show(config: &Config, command: Show) -> Result<ExitCode> {
    let source = Source::open(config, command.url.as_deref()).await?;
    let execution = find(&source, &command.execution).await?;
    let shown = Shown::load(&source, execution).await?;
    let mut out = std::io::stdout().lock();
    match command.format {
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &shown.json())?;
            writeln!(out)?;
        }
        ReportFormat::Text => {
            let shown = shown.visible();
            let colour = match command.color {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => {
                    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
                }
            };
            let painter = Painter { colour };
            let tree = Tree::of(&shown);
            painter.head(&shown, &mut out)?;
            painter.tree(&tree, &mut out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The execution of this ARN, trace id or name, or the only one that ends or begins so.
pub(super) async fn find(source: &Source, wanted: &str) -> Result<Row> {
    let exact = quoted(wanted);
    let trace = quoted(&wanted.to_ascii_lowercase());
    let suffix = wanted
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let conditions = [
        format!("execution_arn = {exact} OR trace_id = {trace}"),
        format!("name = {exact}"),
        format!("execution_arn LIKE {}", quoted(&format!("%{suffix}"))),
        format!("name LIKE {}", quoted(&format!("{suffix}%"))),
    ];
    for condition in conditions {
        let query = format!(
            "SELECT * FROM executions WHERE {condition} ORDER BY start_time DESC LIMIT {}",
            LISTED + 1
        );
        let mut rows = source.rows(&query).await?;
        match rows.len() {
            0 => {}
            1 => return Ok(rows.remove(0)),
            _ => bail!("{}", several(wanted, &rows)),
        }
    }
    bail!(
        "no execution is called '{wanted}', ends or begins so; \
         inquest sql \"select name, status, start_time from executions\" lists them"
    )
}

fn several(wanted: &str, rows: &[Row]) -> String {
    let mut text = format!("'{wanted}' fits several executions; give more of it:");
    for row in rows.iter().take(LISTED) {
        let word = |name| lines::text(row, name);
        text += &format!(
            "\n  {}  {}  {}",
            word("start_time"),
            word("status"),
            word("execution_arn")
        );
    }
    if rows.len() > LISTED {
        text += "\n  and more";
    }
    text
}

impl Shown {
    async fn load(source: &Source, execution: Row) -> Result<Self> {
        let id = quoted(&lines::text(&execution, "trace_id"));
        let of = async |query: String| source.rows(&query).await;
        let states = of(format!(
            "SELECT span_id, state, state_type, path, status, caught, error, cause, start_time, \
             duration_ns, retries FROM states WHERE trace_id = {id}"
        ));
        let attempts = of(format!(
            "SELECT span_id, parent_span_id, attempt, retry, backoff_ns, redrive_count, resource_type, resource, function_name, \
             child_execution_arn, status, error, cause, start_time, duration_ns \
             FROM attempts WHERE trace_id = {id}"
        ));
        let spans = of(format!(
            "SELECT span_id, parent_span_id, name, start_time, duration_ns, status_code, \
             attributes['aws.sfn.state.status'] AS outcome FROM spans WHERE trace_id = {id} AND source = 'workflow'"
        ));
        let joins = of(format!("SELECT * FROM joins WHERE trace_id = {id}"));
        let (states, attempts, spans, joins) = futures::try_join!(states, attempts, spans, joins)?;
        let invocations = joined(source, &joins, "invocation", "invocations", "*").await?;
        let columns = "trace_id, execution_arn, name, state_machine, status, error, cause, start_time, duration_ns";
        let nested = joined(source, &joins, "execution", "executions", columns).await?;
        Ok(Shown {
            execution,
            states,
            attempts,
            invocations,
            joins,
            nested,
            spans,
        })
    }

    /// With every text as a terminal may be shown it, in one line: the colours are ours alone.
    fn visible(mut self) -> Self {
        let rows = [
            &mut self.states,
            &mut self.attempts,
            &mut self.invocations,
            &mut self.joins,
            &mut self.nested,
            &mut self.spans,
        ];
        let cells = rows
            .into_iter()
            .flatten()
            .chain([&mut self.execution])
            .flat_map(|row| row.values_mut());
        for cell in cells {
            if let Value::String(text) = cell {
                *text = visible_line(text).into_owned();
            }
        }
        self
    }

    fn json(&self) -> Value {
        json!({
            "execution": self.execution,
            "states": self.states,
            "attempts": self.attempts,
            "invocations": self.invocations,
            "joins": self.joins,
            "nested": self.nested,
        })
    }
}

/// The rows of a table that joins name as children of this kind.
async fn joined(
    source: &Source,
    joins: &[Row],
    kind: &str,
    table: &str,
    columns: &str,
) -> Result<Vec<Row>> {
    let ids: Vec<String> = joins
        .iter()
        .filter(|join| lines::text(join, "child_kind") == kind)
        .map(|join| quoted(&lines::text(join, "child_trace_id")))
        .collect();
    let mut all = Vec::new();
    for part in ids.chunks(1_000) {
        let list = part.join(", ");
        let query = format!("SELECT {columns} FROM {table} WHERE trace_id IN ({list})");
        all.extend(source.rows(&query).await?);
    }
    Ok(all)
}
