//! `inquest compare`: two executions, or two groups, and what tells them apart.

use crate::{ask::Source, cli::ReportFormat, compare, config::Config, terminal};
use anyhow::Result;
use clap::Args;
use model::text::counted;
use model::{
    compare::{AlignedState, Comparison, GroupSummary},
    cost::usd,
    time::human_duration,
};
use std::{fmt::Write as _, process::ExitCode};

/// Examples for `--help`.
pub const EXAMPLES: &str = "\
Examples:
  inquest compare order-8812 order-8811                            state by state
  inquest compare \"status = 'FAILED'\" \"status = 'SUCCEEDED'\"       what failed runs have in common
  inquest compare \"state_machine_version = '7'\" \"state_machine_version = '6'\"
  inquest compare --format json A B | jq '.attributes[0]'

A and B are an ARN, a trace id, the name of an execution, or a condition in SQL on the columns of executions.";

/// Attributes and differences that are printed.
const MOST: usize = 12;

/// `inquest compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// The execution or group in question
    #[arg(value_name = "A")]
    a: String,
    /// What it is compared with
    #[arg(value_name = "B")]
    b: String,
    /// text, or json: what GET /api/v1/compare answers
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Prints it.
///
/// # Errors
/// When a side selects nothing, or is no condition.
pub async fn compare(config: &Config, command: Compare) -> Result<ExitCode> {
    let source = Source::open(config, command.url.as_deref()).await?;
    let found: Comparison = match &source {
        Source::Server(client) => {
            let (a, b) = (encoded(&command.a), encoded(&command.b));
            client.get(&format!("api/v1/compare?a={a}&b={b}")).await?
        }
        Source::Folder(core) => {
            let snapshot = core.store.snapshot();
            compare::compare(&core.engine, &snapshot, &command.a, &command.b).await?
        }
    };
    match command.format {
        ReportFormat::Json => {
            terminal::exactly(&(serde_json::to_string_pretty(&found)? + "\n"))?;
        }
        ReportFormat::Text => terminal::say(&text(&found)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A value in a query string.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn text(found: &Comparison) -> Result<String> {
    let mut out = String::new();
    side(&mut out, "A", &found.a)?;
    side(&mut out, "B", &found.b)?;
    if !found.attributes.is_empty() {
        writeln!(out, "\nWhat tells A from B:")?;
    }
    for it in found.attributes.iter().take(MOST) {
        write!(
            out,
            "  {} {}  {:.0} % of A, {:.0} % of B (q {})",
            it.attribute,
            it.value,
            it.share_a * 100.0,
            it.share_b * 100.0,
            match it.q_value {
                q if q < 0.001 => "< 0.001".to_owned(),
                q => format!("{q:.3}"),
            }
        )?;
        match &it.explained_by {
            _ if it.consequence => writeln!(out, ", follows from how it went")?,
            Some(other) => writeln!(out, ", goes along with {other}")?,
            None => writeln!(out)?,
        }
    }
    match &found.alignment {
        Some(twins) => {
            if let Some(divergence) = &twins.divergence {
                writeln!(out, "\nThey part: {divergence}")?;
            }
            aligned(&mut out, &twins.states)?;
        }
        None => states(&mut out, found)?,
    }
    Ok(out)
}

fn side(out: &mut String, name: &str, group: &GroupSummary) -> Result<()> {
    write!(
        out,
        "{name}  {}: {}, {} failed",
        group.selection,
        counted(group.executions, "execution", "executions"),
        group.failed
    )?;
    if group.looked_at < group.executions {
        write!(out, " (of the newest {})", group.looked_at)?;
    }
    if let (Some(half), Some(most)) = (group.duration_ns_p50, group.duration_ns_p95) {
        let (half, most) = (human_duration(half), human_duration(most));
        write!(out, ", median {half}, p95 {most}")?;
    }
    if let Some(mean) = group.picodollars_mean {
        write!(out, ", {} USD each", usd(mean))?;
        if group.priced < group.looked_at {
            write!(out, " (over the {} that have a price)", group.priced)?;
        }
    } else if group.looked_at > 0 {
        write!(out, ", not priced")?;
    }
    writeln!(out)?;
    Ok(())
}

/// State by state of two executions: durations, and how they differ.
fn aligned(out: &mut String, states: &[AlignedState]) -> Result<()> {
    writeln!(out, "\n{:>12}  {:>12}  state", "A", "B")?;
    for state in states {
        let took = |visit: Option<&model::compare::AlignedVisit>| match visit {
            None => "-".to_owned(),
            Some(visit) => visit.duration_ns.map_or("open".to_owned(), human_duration),
        };
        let b = took(state.twins.first().and_then(Option::as_ref));
        write!(
            out,
            "{:>12}  {b:>12}  {}",
            took(state.subject.as_ref()),
            state.path
        )?;
        match state.differences.is_empty() {
            true => writeln!(out)?,
            false => writeln!(out, "  ({})", state.differences.join("; "))?,
        }
    }
    Ok(())
}

/// State by state of two groups.
fn states(out: &mut String, found: &Comparison) -> Result<()> {
    writeln!(
        out,
        "\nState: visited, median, failures and retries per visit, A | B"
    )?;
    for it in &found.states {
        let took = |ns: Option<i64>| ns.map_or("-".to_owned(), human_duration);
        writeln!(
            out,
            "  {}: {:.0} %, {}, {:.2}, {:.2} | {:.0} %, {}, {:.2}, {:.2}",
            it.state,
            it.visited_a * 100.0,
            took(it.duration_ns_a),
            it.failures_a,
            it.retries_a,
            it.visited_b * 100.0,
            took(it.duration_ns_b),
            it.failures_b,
            it.retries_b
        )?;
    }
    Ok(())
}
