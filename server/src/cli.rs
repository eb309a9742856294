//! The command line: what can be said, and help that teaches it.

mod alert;
mod experiment;

pub use alert::Alert;
pub use experiment::Experiment;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::{net::SocketAddr, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  inquest demo                                   a bundled data set in the browser
  inquest serve                                  OTLP on 4317 and 4318, pages and API on 4319
  inquest import history.json logs/ traces.jsonl what you already have, in files
  inquest sql \"select status, count(*) from executions group by 1\"
  inquest show order-4711                        one execution as a tree
  inquest explain order-4711                     who is to blame for it, with proof

A setting is taken from, first to last: the flag, the environment (INQUEST_…), the configuration
file, the default. `inquest config` prints what holds and where it came from.";

/// Where did a workflow's time and money go, and why did it fail? Executions, traces and logs in one
/// place, with SQL over all of them.
#[derive(Debug, Parser)]
#[command(name = "inquest", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Folder that holds the data [default: $XDG_DATA_HOME/inquest, that is ~/.local/share/inquest;
    /// env: INQUEST_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file, TOML [default: $XDG_CONFIG_HOME/inquest/config.toml if it exists;
    /// env: INQUEST_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to log on stderr: error, warn, info, debug, or filters such as
    /// `info,inquest_store=debug` [env: INQUEST_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Price book to bill by, JSON; see docs/cost.md [default: the built-in one; env: INQUEST_PRICE_BOOK]
    #[arg(long, global = true, value_name = "FILE")]
    pub price_book: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive OTLP, keep it, and serve the pages, the API and SQL
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Settings),
    /// Take in files and folders: Step Functions histories, CloudWatch and Lambda logs, OTLP
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Fetch from AWS, again and again: executions, histories, logs, tasks and jobs
    #[command(after_help = COLLECT_EXAMPLES)]
    Collect(Collect),
    /// Ask a question in SQL
    #[command(after_help = SQL_EXAMPLES)]
    Sql(Sql),
    /// Show one execution as a tree
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Say who is to blame for an execution, and what proves it
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Say what an execution cost, and what of it was wasted
    #[command(after_help = crate::commands::cost::EXAMPLES)]
    Cost(crate::commands::cost::Cost),
    /// Put two executions or groups beside each other, and say what tells them apart
    #[command(after_help = crate::commands::compare::EXAMPLES)]
    Compare(crate::commands::compare::Compare),
    /// Say who is told about burning budgets: test receivers, look at deliveries, silence
    #[command(subcommand, after_help = alert::EXAMPLES)]
    Alert(Alert),
    /// Promise how good workflows are, and see how much error budget is left
    #[command(after_help = crate::commands::slo::EXAMPLES)]
    Slo(crate::commands::slo::SloCommand),
    /// Experiments that spend error budget: declare, gate, charge, report
    #[command(subcommand, after_help = experiment::EXAMPLES)]
    Experiment(Experiment),
    /// Serve a bundled data set that shows every page
    Demo(Demo),
    /// Make mysteries with known answers, and see how many Inquest solves
    #[command(after_help = crate::commands::sim::EXAMPLES)]
    Sim(crate::commands::sim::Sim),
    /// Print the configuration that holds, and where each value came from
    Config(Settings),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  inquest completions bash > ~/.local/share/bash-completion/completions/inquest"
    )]
    Completions {
        /// bash, elvish, fish, powershell or zsh
        shell: clap_complete::Shell,
    },
}

const SERVE_EXAMPLES: &str = "\
Examples:
  inquest serve
  inquest --data /var/lib/inquest serve --ui-listen 127.0.0.1:8080
  inquest serve --blocks s3://my-bucket/inquest      blocks in S3, the log in the data folder
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 your-program

Nothing listens beyond this machine unless you say --allow-remote: there is no login yet, so put
a proxy that asks for one in front.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  aws stepfunctions get-execution-history --execution-arn $ARN > run.history.json
  aws stepfunctions describe-execution    --execution-arn $ARN > run.describe.json
  inquest import run.history.json run.describe.json
  inquest import exported/                       a folder, with everything in it
  aws logs filter-log-events --log-group-name /aws/lambda/pay > pay.json && inquest import pay.json
  inquest import --format json exported/ | jq .skipped

A file is recognised by what is in it. Importing the same file twice changes nothing. When a server
has the folder open, the files are sent to it.";

const COLLECT_EXAMPLES: &str = "\
Examples:
  inquest collect --region eu-west-1 --check     what is allowed, and the statement for what is not
  inquest collect --region eu-west-1 --once      everything new, then end: for cron
  inquest collect --profile prod --state-machine 'orders-*'
  inquest collect --url http://inquest.internal:4319
  inquest collect --endpoint-url http://127.0.0.1:4566 --region us-east-1

Credentials are found as the AWS command line finds them: environment, profiles, SSO, the role of a
task or machine. Where it is, is kept in the data folder, after the facts are durable: end it and start
it whenever you like. `inquest serve` collects by itself from the [[collect]] tables of its configuration
file, whose keys are these flags with `_` for `-` (docs/collect-aws.md).";

const SQL_EXAMPLES: &str = "\
Examples:
  inquest sql \"select status, count(*) from executions group by 1\"
  inquest sql --format json \"select * from executions where error is not null limit 10\"
  inquest sql --format parquet --output slow.parquet \"select * from spans where duration_ns > 1e9\"
  inquest sql -f questions/retries.sql --url http://127.0.0.1:4319
  inquest sql \"select table_name, column_name from information_schema.columns\"";

const SHOW_EXAMPLES: &str = "\
Examples:
  inquest show arn:aws:states:eu-west-1:123456789012:execution:orders:order-4711
  inquest show order-4711                        its name, or the end of it if only one fits
  inquest show 0af7651916cd43dd8448eb211c80319c  its trace id
  inquest show --format json order-4711 | jq .execution.status";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  inquest explain order-4711                     its name, or the end of it if only one fits
  inquest explain --format json $ARN | jq .culprit
  inquest explain --format markdown order-4711   for an incident channel
  inquest explain --format html order-4711 > case.html
  inquest explain --symptom 2026-11-22T14:00:00Z..2026-11-22T14:10:00Z \\
                  --baseline 2026-11-22T13:00:00Z..2026-11-22T13:50:00Z
  inquest explain --symptom \"status_code = 'error'\" --baseline \"status_code <> 'error'\"
  inquest sql \"select culprit_name, category, count(*) from verdicts group by 1, 2\"";

/// Settings of the server. Each is also a key of the configuration file (with `_` for `-`) and an
/// environment variable (`INQUEST_` and the key in capitals).
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct Settings {
    /// Address for OTLP over gRPC [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_listen: Option<SocketAddr>,
    /// Address for OTLP over HTTP [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_listen: Option<SocketAddr>,
    /// Address for Zipkin tracers, such as 127.0.0.1:9411; they may as well use that of OTLP over HTTP
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zipkin_listen: Option<SocketAddr>,
    /// Address for X-Ray, such as 127.0.0.1:2000: segments over UDP, the daemon's calls over HTTP
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xray_listen: Option<SocketAddr>,
    /// Address of the pages and the API [default: 127.0.0.1:4319]
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_listen: Option<SocketAddr>,
    /// Allow addresses that other machines can reach. There is no login: whoever reaches the
    /// port reads and writes everything
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_remote: Option<bool>,
    /// A name by which browsers may call the pages, besides localhost (may be repeated)
    #[arg(long = "allowed-host", value_name = "HOST")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
    /// Where Parquet blocks lie: a folder, file:///…, s3://bucket/prefix [default: in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
    /// Memory for data that is not yet in blocks, MB; beyond it clients are asked to wait
    #[arg(long, value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// Memory of all running queries together, MB
    #[arg(long, value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_memory_mb: Option<u64>,
    /// Time after which a query is ended, seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_timeout_s: Option<u64>,
    /// Largest OTLP request, unpacked, MB
    #[arg(long, value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_mb: Option<u64>,
    /// Largest file sent to POST /api/import, MB
    #[arg(long, value_name = "MB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_import_mb: Option<u64>,
    /// Forget what is older than so many days [default: keep everything]
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u64>,
    /// A file or folder of objectives besides the folder `slo` of the data folder (may be repeated)
    #[arg(long = "slo-file", value_name = "PATH")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slo_files: Vec<PathBuf>,
    /// Send Inquest's own traces to this OTLP endpoint (gRPC), such as http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_telemetry: Option<String>,
    /// Serve the pages from this folder instead of those in the binary (for work on the pages)
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_dir: Option<PathBuf>,
    /// Who is told about alerts, TOML [default: receivers.toml in the data folder]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receivers: Option<PathBuf>,
}

/// `inquest import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Send to a running server instead of opening the folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// No progress on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

/// `inquest collect`.
#[derive(Debug, Args)]
pub struct Collect {
    /// Collect everything new and end
    #[arg(long)]
    pub once: bool,
    /// Try every permission, say what is missing, take nothing
    #[arg(long, conflicts_with = "once")]
    pub check: bool,
    /// Send to a running server instead of opening the folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A `[[collect]]` table of the configuration file, by name (may be repeated) [default: all]
    #[arg(long = "source", value_name = "NAME")]
    pub sources: Vec<String>,
    /// AWS Region (may be repeated) [default: that of the profile or environment]
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,
    /// Profile of ~/.aws/config
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Role to assume
    #[arg(long, value_name = "ARN")]
    pub assume_role: Option<String>,
    /// External id that the role asks for
    #[arg(long, value_name = "ID")]
    pub external_id: Option<String>,
    /// Another address for every AWS service
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// State machines, by name or ARN, with `*` (may be repeated) [default: all]
    #[arg(long = "state-machine", value_name = "PATTERN")]
    pub state_machines: Vec<String>,
    /// A tag that state machines must have, KEY=VALUE (may be repeated)
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub tags: Vec<String>,
    /// What to collect (may be repeated): step_functions, step_functions_logs, durable_functions, lambda_logs, containers,
    /// xray, sqs [default: all]
    #[arg(long = "part", value_name = "PART")]
    pub parts: Vec<String>,
    /// Log groups besides those that executions lead to, with `*` at the end (may be repeated)
    #[arg(long = "log-group", value_name = "PATTERN")]
    pub log_groups: Vec<String>,
    /// SQS queue that an EventBridge rule fills (may be repeated)
    #[arg(long = "queue", value_name = "URL")]
    pub queues: Vec<String>,
    /// How far to look back at the first start, hours [default: 24]
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true)]
    pub lookback_hours: Option<u64>,
    /// Seconds between two rounds [default: 15]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub interval_s: Option<u64>,
    /// Seconds after which an unanswered call is given up [default: 30]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout_s: Option<u64>,
    /// Share of the account's API quotas that may be used, above 0 and up to 1 [default: 0.25]
    #[arg(long, value_name = "SHARE")]
    pub quota_share: Option<f64>,
    /// How to report: text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Nothing on stderr but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// `inquest sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// The question; `-` reads it from stdin
    #[arg(required_unless_present = "file", value_name = "QUERY")]
    pub query: Option<String>,
    /// Read the question from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    pub file: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = SqlFormat::Table)]
    pub format: SqlFormat,
    /// Write the answer to a file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Memory for the query, MB [default: 512]
    #[arg(long, value_name = "MB")]
    pub query_memory_mb: Option<u64>,
    /// Time after which it is ended, seconds [default: 60]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub query_timeout_s: Option<u64>,
}

/// `inquest show`.
#[derive(Debug, Args)]
pub struct Show {
    /// ARN, trace id, name, or the end of a name that only one execution has
    #[arg(value_name = "EXECUTION")]
    pub execution: String,
    /// text, or json
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
    /// Colours: auto (if stdout is a terminal and NO_COLOR is not set), always or never
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// `inquest explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// ARN, trace id, name, or the end of a name that only one execution has
    #[arg(
        value_name = "EXECUTION",
        required_unless_present = "symptom",
        conflicts_with_all = ["symptom", "baseline"]
    )]
    pub execution: Option<String>,
    /// Without a workflow: the traces of the trouble. A SELECT that yields trace_id, a condition on
    /// spans, or a time range FROM..TO (ISO 8601, or before now: -1h..now)
    #[arg(
        long,
        value_name = "QUERY",
        requires = "baseline",
        allow_hyphen_values = true
    )]
    pub symptom: Option<String>,
    /// The healthy traces to compare with, in the same forms
    #[arg(
        long,
        value_name = "QUERY",
        requires = "symptom",
        allow_hyphen_values = true
    )]
    pub baseline: Option<String>,
    /// text, json, markdown or html
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
    /// Ask a running server instead of reading the folder
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// How a case file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Text,
    /// The verdict as one JSON object.
    Json,
    /// For an incident channel.
    Markdown,
    /// One file that needs nothing else.
    Html,
}

/// `inquest demo`.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub settings: Settings,
    /// Write the files of the data set to this folder and end
    #[arg(long, value_name = "DIR")]
    pub write: Option<PathBuf>,
    /// Do not open a browser
    #[arg(long)]
    pub no_open: bool,
    /// Make the data as if now were this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub anchor: Option<String>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Formats of a SQL answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SqlFormat {
    /// A table drawn with lines.
    Table,
    /// An array of objects.
    Json,
    /// An object per line.
    Ndjson,
    /// Comma-separated values with a header line.
    Csv,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn data_may_stand_before_or_after_the_command() {
        let check = |line: &[&str]| {
            let cli = Cli::try_parse_from(line).expect("parses");
            assert_eq!(cli.global.data, Some(PathBuf::from("d")));
        };
        check(&[
            "inquest", "--data", "d", "sql", "--format", "json", "select 1",
        ]);
        check(&["inquest", "import", "x", "--data", "d"]);
    }
}
