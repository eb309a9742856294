//! What an execution cost, in integer pico-dollars (10⁻¹² USD), so that sums are exact.

use crate::{SpanId, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

/// Pico-dollars in a dollar.
pub const PICO_PER_USD: i64 = 1_000_000_000_000;

/// How far a figure can be trusted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CostConfidence {
    /// Every quantity is recorded, the price is in the book.
    #[default]
    Exact,
    /// A quantity or a rate is assumed; `note` says which.
    Estimated,
    /// Something is missing and not counted; `note` says what.
    Partial,
}

impl CostConfidence {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            CostConfidence::Exact => "exact",
            CostConfidence::Estimated => "estimated",
            CostConfidence::Partial => "partial",
        }
    }
}

/// Whether what was paid for was of use.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Waste {
    /// Work that counted.
    #[default]
    None,
    /// An attempt that failed or ran out of time.
    FailedAttempt,
    /// A try that was only made because an earlier one had failed: the repeated transition.
    Repeated,
    /// Work that was thrown away because something else failed.
    Aborted,
}

impl Waste {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Waste::None => "none",
            Waste::FailedAttempt => "failed_attempt",
            Waste::Repeated => "repeated",
            Waste::Aborted => "aborted",
        }
    }
}

/// One position of the bill: a row of `costs`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CostItem {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Name of the state machine.
    pub state_machine: String,
    /// When the execution started.
    pub start_time: UnixNanos,
    /// State it is for; empty for the execution itself.
    pub state: String,
    /// Path of the state visit.
    pub path: String,
    /// Number of the attempt, from 1; `None` for states and the execution.
    pub attempt: Option<u32>,
    /// Span of the attempt, state or execution it is for.
    pub span_id: SpanId,
    /// Span of the invocation, if it is one's.
    pub invocation_span_id: Option<SpanId>,
    /// Function, cluster, state machine: what is billed.
    pub resource: String,
    /// `lambda_compute`, `lambda_init`, `lambda_request`, `lambda_ephemeral_storage`, `lambda_provisioned`,
    /// `lambda_restore`, `states_transition`, `states_express_request`, `states_express_compute`,
    /// `fargate_vcpu`, `fargate_memory`, `fargate_storage`, `batch_ec2`, `log_ingestion`.
    pub item: String,
    /// How much of `unit`.
    pub quantity: f64,
    /// `GB-s`, `request`, `transition`, `vCPU-h`, `GB-h`, `GB`.
    pub unit: String,
    /// Pico-dollars for a unit; `None` if the price book has no price for it.
    pub unit_price_picodollars: Option<i64>,
    /// Pico-dollars, rounded half up once, here; `None` if unpriced.
    pub picodollars: Option<i64>,
    /// Whether it was of use.
    pub waste: Waste,
    /// How sure.
    pub confidence: CostConfidence,
    /// What is assumed or missing; empty if nothing is.
    pub note: String,
    /// Region whose price was taken; empty if unknown.
    pub region: String,
    /// Date of the price book, `2026-01-31`.
    pub price_book: String,
}

/// The bill of one execution.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CostReport {
    /// The execution.
    pub execution_arn: String,
    /// Its trace.
    pub trace_id: TraceId,
    /// Sum of all priced items, pico-dollars.
    pub picodollars: i64,
    /// The same in dollars, exact decimal text: `0.000025416667`.
    pub usd: String,
    /// Sum of the items that are waste.
    pub wasted_picodollars: i64,
    /// The same in dollars.
    pub wasted_usd: String,
    /// Wasted share, 0 to 1; `None` when nothing was priced, or nothing of what was wasted.
    pub wasted_ratio: Option<f64>,
    /// The worst of the items', `partial` if anything is missing.
    pub confidence: CostConfidence,
    /// What is assumed or missing, each once.
    pub gaps: Vec<String>,
    /// Date of the price book.
    pub price_book: String,
    /// Where its prices are from.
    pub price_source: String,
    /// Region.
    pub region: String,
    /// By item kind, most expensive first: (item, pico-dollars).
    pub by_item: Vec<(String, i64)>,
    /// By state, most expensive first: (state or empty, pico-dollars, of these wasted).
    pub by_state: Vec<(String, i64, i64)>,
    /// Positions that have a price. Without any, the sums are no figures: see [`is_priced`](Self::is_priced).
    #[serde(default)]
    pub priced: u64,
    /// Positions that have none; `gaps` says why.
    #[serde(default)]
    pub unpriced: u64,
    /// Those of them that were wasted: then more was wasted than the sum says.
    #[serde(default)]
    pub wasted_unpriced: u64,
    /// Every position.
    pub items: Vec<CostItem>,
}

impl CostReport {
    /// Whether anything of it could be priced: if not, nothing is known of its cost, and 0 is not its cost.
    pub fn is_priced(&self) -> bool {
        self.items.iter().any(|item| item.picodollars.is_some())
    }

    /// Whether anything of these positions could be priced.
    pub fn is_priced_where(&self, of: impl Fn(&CostItem) -> bool) -> bool {
        let mut of_it = self.items.iter().filter(|item| of(item));
        of_it.any(|item| item.picodollars.is_some())
    }
}

/// Pico-dollars as exact decimal text in dollars, without needless zeros: `0.0000002`, `1.5`, `-0.25`.
pub fn usd(picodollars: i64) -> String {
    let sign = if picodollars < 0 { "-" } else { "" };
    let all = picodollars.unsigned_abs();
    let (whole, rest) = (all / PICO_PER_USD as u64, all % PICO_PER_USD as u64);
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let decimals = format!("{rest:012}");
    format!("{sign}{whole}.{}", decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::usd;

    #[test]
    fn dollars_are_written_exactly() {
        let check = |pico: i64, expect: &str| assert_eq!(usd(pico), expect);
        check(0, "0");
        check(1, "0.000000000001");
        check(200_000, "0.0000002");
        check(1_500_000_000_000, "1.5");
        check(-250_000_000_000, "-0.25");
        check(i64::MIN, "-9223372.036854775808");
    }
}
