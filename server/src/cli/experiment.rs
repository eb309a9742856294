//! What `inquest experiment` takes.

use super::ReportFormat;
use clap::Subcommand;

/// Below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  inquest experiment gate checkout --spend 0.05 --reserve 0.10 && ./break-things.sh
  inquest experiment start latency-1 --slo checkout --scope function=pay --for 30m --max-spend 0.05
  inquest experiment end latency-1
  inquest experiment add journal.json            a Chaos Toolkit journal, an AWS FIS event, our JSON
  inquest experiment report latency-1            what it spent, whether its hypothesis held
  inquest experiment ledger --slo checkout       who spent what of the budget

`gate` ends with 0 when there is room in the budget and with 1 when there is not. See docs/experiments.md.";

/// `inquest experiment …`.
#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Say that an experiment begins now
    Start {
        /// Unique
        #[arg(value_name = "ID")]
        id: String,
        /// Name for people
        #[arg(long)]
        name: Option<String>,
        /// Objective whose budget it may spend (may be repeated) [default: all that it touches]
        #[arg(long = "slo", value_name = "NAME")]
        slos: Vec<String>,
        /// What it touches: function=NAME, workflow=NAME, state=NAME, version=V, az=ZONE, or
        /// ATTRIBUTE=VALUE of spans (may be repeated; all must fit)
        #[arg(long, value_name = "KEY=VALUE")]
        scope: Vec<String>,
        /// How long it is planned to run: 30m, 2h
        #[arg(long = "for", value_name = "DURATION", allow_hyphen_values = true)]
        duration: Option<String>,
        /// Share of a budget that it may spend, such as 0.05
        #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
        max_spend: Option<f64>,
        /// Who runs it
        #[arg(long)]
        owner: Option<String>,
    },
    /// Take in what tools wrote about experiments, JSON; `-` reads stdin
    Add {
        /// Files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Say that an experiment ends now
    End {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// All experiments, newest first
    List {
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Everything about one: hypothesis, spend, detection, executions to look at
    Report {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
        /// text (Markdown), or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
        /// Ask a running server instead of reading the folder
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Whether a budget has room for an experiment; the exit code says it, too
    Gate {
        /// Name of the objective
        #[arg(value_name = "SLO")]
        slo: String,
        /// Share of the budget that the experiment may spend
        #[arg(long, default_value_t = 0.05)]
        spend: f64,
        /// Share that must be left after it
        #[arg(long, default_value_t = 0.10)]
        reserve: f64,
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
        /// Ask a running server instead of reading the folder
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Who spent what of the budgets
    Ledger {
        /// Only this objective
        #[arg(long, value_name = "NAME")]
        slo: Option<String>,
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
        /// Ask a running server instead of reading the folder
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}
