//! `inquest cost`: the bill of one execution.

use crate::{accounts, api::exact, ask::Source, cli::ReportFormat, config::Config, terminal};
use anyhow::{Context, Result};
use clap::Args;
use model::{CostItem, CostReport, TraceId, Waste, cost::usd};
use std::{fmt::Write as _, process::ExitCode};

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
    match command.format {
        ReportFormat::Json => {
            terminal::exactly(&(serde_json::to_string_pretty(&exact::json(&report)?)? + "\n"))?;
        }
        ReportFormat::Text => terminal::say(&text(&report, command.items)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// For people: the sum, what of it was wasted, and what it is made of.
fn text(report: &CostReport, items: bool) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "{}", report.execution_arn)?;
    let confidence = serde_json::to_value(report.confidence)?;
    match report.is_priced() {
        true => write!(
            out,
            "{} USD, of which {}{} wasted",
            report.usd,
            at_least(report),
            report.wasted_usd
        )?,
        false => write!(out, "not priced: {}", why_unpriced(report))?,
    }
    if let Some(ratio) = report.wasted_ratio {
        write!(out, " ({:.1} %)", ratio * 100.0)?;
    }
    if report.is_priced() {
        let confidence = confidence.as_str().unwrap_or_default();
        write!(out, "; {confidence}")?;
        if report.unpriced > 0 {
            let all = report.priced + report.unpriced;
            write!(
                out,
                ", {} of {all} positions have no price",
                report.unpriced
            )?;
        }
    }
    write!(out, "; prices of {}", report.price_book)?;
    match report.region.as_str() {
        "" => writeln!(out)?,
        region => writeln!(out, " for {region}")?,
    }
    if !report.by_item.is_empty() {
        writeln!(out, "\n{:>16}  item", "USD")?;
    }
    for (item, amount) in &report.by_item {
        let priced = report.is_priced_where(|it| it.item == *item);
        writeln!(out, "{:>16}  {item}", amount_of(*amount, priced))?;
    }
    if !report.by_state.is_empty() {
        writeln!(out, "\n{:>16}  {:>16}  state", "USD", "wasted")?;
    }
    for (state, amount, wasted) in &report.by_state {
        let priced = report.is_priced_where(|it| it.state == *state);
        let lost = |it: &CostItem| it.state == *state && it.waste != Waste::None;
        let mut lost = report.items.iter().filter(|it| lost(it));
        let unknown = *wasted == 0 && lost.any(|it| it.picodollars.is_none());
        let (amount, wasted) = (
            amount_of(*amount, priced),
            amount_of(*wasted, priced && !unknown),
        );
        let state = match state.as_str() {
            "" => "(the execution itself)",
            state => state,
        };
        writeln!(out, "{amount:>16}  {wasted:>16}  {state}")?;
    }
    if items && !report.items.is_empty() {
        positions(report, &mut out)?;
    }
    for gap in &report.gaps {
        writeln!(out, "\nnote: {gap}")?;
    }
    Ok(out)
}

/// Of what was wasted a part may have no price.
fn at_least(report: &CostReport) -> &'static str {
    match report.wasted_unpriced {
        0 => "",
        _ => "at least ",
    }
}

/// What has no price is not for nothing.
fn amount_of(picodollars: i64, priced: bool) -> String {
    match priced {
        true => usd(picodollars),
        false => "not priced".to_owned(),
    }
}

fn why_unpriced(report: &CostReport) -> &str {
    match (report.items.is_empty(), report.gaps.first()) {
        (true, _) => "nothing of it that is billed has arrived",
        (false, Some(gap)) => gap,
        (false, None) => "none of its positions has a price",
    }
}

fn positions(report: &CostReport, out: &mut String) -> Result<()> {
    writeln!(out, "\n{:>16}  {:<26}  quantity, for what", "USD", "item")?;
    for item in &report.items {
        let amount = item.picodollars.map_or("not priced".to_owned(), usd);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, state: &str, picodollars: Option<i64>) -> CostItem {
        CostItem {
            item: name.to_owned(),
            state: state.to_owned(),
            picodollars,
            ..CostItem::default()
        }
    }

    fn report(items: Vec<CostItem>, gaps: &[&str]) -> CostReport {
        let of = |it: &CostItem| it.picodollars.unwrap_or(0);
        CostReport {
            usd: usd(items.iter().map(of).sum()),
            wasted_usd: "0".to_owned(),
            gaps: gaps.iter().map(|it| (*it).to_owned()).collect(),
            by_item: items.iter().map(|it| (it.item.clone(), of(it))).collect(),
            by_state: items
                .iter()
                .map(|it| (it.state.clone(), of(it), 0))
                .collect(),
            unpriced: items.iter().filter(|it| it.picodollars.is_none()).count() as u64,
            priced: items.iter().filter(|it| it.picodollars.is_some()).count() as u64,
            items,
            ..CostReport::default()
        }
    }

    #[test]
    fn what_has_no_price_is_not_free() {
        let check = |report: &CostReport, says: &[&str], never: &[&str]| {
            let text = text(report, true).expect("text");
            for word in says {
                assert!(text.contains(word), "{word} is not in {text}");
            }
            for word in never {
                assert!(!text.contains(word), "{word} is in {text}");
            }
        };
        let gap = "the price book has no lambda_request for mars-1";
        let none = report(vec![item("lambda_request", "Pay", None)], &[gap]);
        check(
            &none,
            &["not priced: the price book", "not priced  lambda_request"],
            &["0 USD", "  0  "],
        );
        check(
            &report(Vec::new(), &[]),
            &["not priced: nothing of it"],
            &["USD"],
        );
        let some = report(
            vec![
                item("states_transition", "", Some(25_000_000)),
                item("lambda_request", "Pay", None),
            ],
            &[gap],
        );
        check(
            &some,
            &[
                "0.000025 USD",
                "1 of 2 positions have no price",
                "not priced  lambda_request",
            ],
            &["not priced: "],
        );
        let free = report(vec![item("states_transition", "", Some(0))], &[]);
        check(&free, &["0 USD"], &["not priced"]);
    }
}
