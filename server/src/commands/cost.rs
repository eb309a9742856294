//! `inquest cost`: the bill of one execution.

use crate::{accounts, ask::Source, cli::ReportFormat, config::Config};
use anyhow::{Context, Result};
use clap::Args;
use model::{CostReport, TraceId, cost::usd};
use std::{fmt::Write as _, io::Write, process::ExitCode};

/// Examples for `--help`.
pub const EXAMPLES: &str = "\
Examples:
  inquest cost order-8812                              by item and by state, and what of it was wasted
  inquest cost --items order-8812                      every position
  inquest cost --format json order-8812 | jq .usd
  inquest cost --url http://127.0.0.1:4319 order-8812  ask a running server";

/// `inquest cost`.
#[derive(Debug, Args)]
pub struct Cost {
    /// ARN, trace id, name, or the end of a name that only one execution has
    #[arg(value_name = "EXECUTION")]
    execution: String,
    /// List every position
    #[arg(long)]
    items: bool,
    /// text, or json: what GET /api/v1/executions/…/cost answers
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Prints it.
///
/// # Errors
/// When there is no such execution, or several.
pub async fn cost(config: &Config, command: Cost) -> Result<ExitCode> {
    let source = Source::open(config, command.url.as_deref()).await?;
    let row = super::show::find(&source, &command.execution).await?;
    let id = row.get("trace_id").and_then(|it| it.as_str());
    let id: TraceId = id
        .unwrap_or_default()
        .parse()
        .context("the execution has no trace")?;
    let report: CostReport = match &source {
        Source::Server(client) => client.get(&format!("api/v1/executions/{id}/cost")).await?,
        Source::Folder(core) => {
            let facts = accounts::load(&core.store.snapshot(), &[id]).await?.pop();
            let facts = facts.context("nothing is held of the execution")?;
            let items = analysis::cost::bill(&facts.view(), &core.prices);
            analysis::cost::report(&facts.execution, items, &core.prices)
        }
    };
    let text = match command.format {
        ReportFormat::Json => serde_json::to_string_pretty(&report)? + "\n",
        ReportFormat::Text => text(&report, command.items)?,
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// For people: the sum, what of it was wasted, and what it is made of.
fn text(report: &CostReport, items: bool) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "{}", report.execution_arn)?;
    write!(
        out,
        "{} USD, of which {} wasted",
        report.usd, report.wasted_usd
    )?;
    if let Some(ratio) = report.wasted_ratio {
        write!(out, " ({:.1} %)", ratio * 100.0)?;
    }
    let confidence = serde_json::to_value(report.confidence)?;
    writeln!(
        out,
        "; {}; prices of {} for {}",
        confidence.as_str().unwrap_or_default(),
        report.price_book,
        report.region
    )?;
    if !report.by_item.is_empty() {
        writeln!(out, "\n{:>16}  item", "USD")?;
    }
    for (item, amount) in &report.by_item {
        writeln!(out, "{:>16}  {item}", usd(*amount))?;
    }
    if !report.by_state.is_empty() {
        writeln!(out, "\n{:>16}  {:>16}  state", "USD", "wasted")?;
    }
    for (state, amount, wasted) in &report.by_state {
        let state = match state.as_str() {
            "" => "(the execution itself)",
            state => state,
        };
        writeln!(out, "{:>16}  {:>16}  {state}", usd(*amount), usd(*wasted))?;
    }
    if items {
        positions(report, &mut out)?;
    }
    for gap in &report.gaps {
        writeln!(out, "\nnote: {gap}")?;
    }
    Ok(out)
}

fn positions(report: &CostReport, out: &mut String) -> Result<()> {
    writeln!(out, "\n{:>16}  {:<26}  quantity, for what", "USD", "item")?;
    for item in &report.items {
        let amount = item.picodollars.map_or("unpriced".to_owned(), usd);
        write!(
            out,
            "{amount:>16}  {:<26}  {} {}, {}",
            item.item, item.quantity, item.unit, item.resource
        )?;
        if !item.state.is_empty() {
            write!(out, ", {}", item.path)?;
        }
        if let Some(attempt) = item.attempt {
            write!(out, ", attempt {attempt}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
