//! What `inquest alert` takes.

use super::ReportFormat;
use clap::Subcommand;

/// Below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  inquest alert receivers                        who is told, and whether messages arrive
  inquest alert test oncall                      a signed test message to one receiver
  inquest alert list                             incidents that are open
  inquest alert deliveries --status dead         what could not be delivered
  inquest alert replay msg_3f…                   sends a dead letter again, with its id
  inquest alert silence --slo 'checkout*' --for 2h --comment 'moving the database'
  inquest alert unsilence 3

Receivers are described in receivers.toml in the data folder; see docs/alerts.md.";

/// `inquest alert …`.
#[derive(Debug, Subcommand)]
pub enum Alert {
    /// Send a signed test message to a receiver; the exit code says whether it arrived
    Test {
        /// Its name in receivers.toml
        #[arg(value_name = "RECEIVER")]
        receiver: String,
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Who is told, and how each receiver does
    Receivers {
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Incidents as receivers were told of them, newest first
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Messages and what became of them, newest first
    Deliveries {
        /// Only these: waiting, silenced, delivered, superseded, dropped, dead
        #[arg(long)]
        status: Option<String>,
        /// Only to this receiver
        #[arg(long)]
        receiver: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
    /// Send dead letters again, under their ids; a running server delivers them
    Replay {
        /// Ids or numbers of messages
        #[arg(value_name = "ID", required_unless_present = "all_dead")]
        ids: Vec<String>,
        /// All dead letters
        #[arg(long, conflicts_with = "ids")]
        all_dead: bool,
        /// Also where the receiver has been told something newer
        #[arg(long)]
        anyway: bool,
    },
    /// Hold messages back for a time
    Silence {
        /// Name of the objective; `*` stands for any letters [default: all]
        #[arg(long, default_value = "")]
        slo: String,
        /// page, ticket or info [default: all]
        #[arg(long, default_value = "")]
        severity: String,
        /// For how long: 30m, 2h, 1d
        #[arg(
            long = "for",
            value_name = "DURATION",
            conflicts_with = "until",
            allow_hyphen_values = true
        )]
        duration: Option<String>,
        /// Begins then: ISO 8601, or from now (+1h) [default: now]
        #[arg(
            long,
            default_value = "",
            value_name = "TIME",
            allow_hyphen_values = true
        )]
        from: String,
        /// Ends then: ISO 8601, or from now (+2h)
        #[arg(long, value_name = "TIME", required_unless_present = "duration")]
        until: Option<String>,
        /// Why
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// End a silence now
    Unsilence {
        /// Its id; see `inquest alert silences`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// The silences
    Silences {
        /// text, or json
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
    },
}
