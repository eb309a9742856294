//! The tables of small operational state: promises, alerts, deliveries, experiments, sources.
//!
//! They do not lie in blocks. Whoever keeps the state hands the rows to the query engine, which shows
//! them beside the others. A new one is a variant here with a commented schema.

use crate::tables::{COMMENT, LOGICAL, TIMESTAMP};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::{collections::HashMap, sync::Arc};

/// The tables of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateTable {
    /// One row per objective.
    Slos,
    /// One row per slice of an objective's events.
    SloSlices,
    /// One row per change of an alert.
    Alerts,
    /// One row per message to a receiver.
    Deliveries,
    /// One row per experiment.
    Experiments,
    /// One row per spender of an error budget.
    BudgetLedger,
    /// One row per source of facts.
    Sources,
}

impl StateTable {
    /// All of them.
    pub const ALL: &'static [StateTable] = &[
        StateTable::Slos,
        StateTable::SloSlices,
        StateTable::Alerts,
        StateTable::Deliveries,
        StateTable::Experiments,
        StateTable::BudgetLedger,
        StateTable::Sources,
    ];

    /// Name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            StateTable::Slos => "slos",
            StateTable::SloSlices => "slo_slices",
            StateTable::Alerts => "alerts",
            StateTable::Deliveries => "deliveries",
            StateTable::Experiments => "experiments",
            StateTable::BudgetLedger => "budget_ledger",
            StateTable::Sources => "sources",
        }
    }

    /// What a row is.
    pub fn comment(self) -> &'static str {
        match self {
            StateTable::Slos => "one row per service level objective, as last evaluated",
            StateTable::SloSlices => {
                "one row per objective and slice of time that has events: good and bad ones"
            }
            StateTable::Alerts => {
                "one row per incident of an objective and severity: when it fired and was resolved"
            }
            StateTable::Deliveries => "one row per message to a receiver, and what became of it",
            StateTable::Experiments => {
                "one row per experiment that may spend error budget, declared or detected"
            }
            StateTable::BudgetLedger => {
                "one row per objective and spender of its budget: experiments, incidents, the rest"
            }
            StateTable::Sources => {
                "one row per source of facts: a collector or a door that others push to, and how it stands"
            }
        }
    }

    /// The columns. Times are `Int64` nanoseconds marked [`TIMESTAMP`], as in the other tables.
    pub fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(match self {
            StateTable::Slos => slos(),
            StateTable::SloSlices => slo_slices(),
            StateTable::Alerts => alerts(),
            StateTable::Deliveries => deliveries(),
            StateTable::Experiments => experiments(),
            StateTable::BudgetLedger => budget_ledger(),
            StateTable::Sources => sources(),
        }))
    }
}

fn field(name: &str, data_type: DataType, nullable: bool, comment: &str) -> Field {
    Field::new(name, data_type, nullable)
        .with_metadata(HashMap::from([(COMMENT.to_owned(), comment.to_owned())]))
}
fn time(name: &str, nullable: bool, comment: &str) -> Field {
    Field::new(name, DataType::Int64, nullable).with_metadata(HashMap::from([
        (COMMENT.to_owned(), comment.to_owned()),
        (LOGICAL.to_owned(), TIMESTAMP.to_owned()),
    ]))
}
fn text(name: &str, comment: &str) -> Field {
    field(name, DataType::Utf8, false, comment)
}
fn maybe_text(name: &str, comment: &str) -> Field {
    field(name, DataType::Utf8, true, comment)
}
fn int(name: &str, comment: &str) -> Field {
    field(name, DataType::Int64, false, comment)
}
fn maybe_double(name: &str, comment: &str) -> Field {
    field(name, DataType::Float64, true, comment)
}
fn truth(name: &str, comment: &str) -> Field {
    field(name, DataType::Boolean, false, comment)
}

fn sources() -> Vec<Field> {
    vec![
        text(
            "source",
            "name in the configuration, with part and Region; unique",
        ),
        text(
            "kind",
            "step_functions, durable_functions, lambda_logs, containers, xray, sqs, firehose, eventbridge…",
        ),
        text("mode", "pull or push"),
        text(
            "state",
            "starting, working, behind, failing, waiting or stopped (of an earlier run)",
        ),
        text("detail", "that in words: what it does, what holds it back"),
        text("place", "Region, or the path that is pushed to"),
        field(
            "lag_ns",
            DataType::Int64,
            true,
            "how far behind the present it is; null before anything came",
        ),
        int("records", "records taken since the start"),
        field(
            "records_per_s",
            DataType::Float64,
            false,
            "records per second over the last minute",
        ),
        int(
            "following",
            "executions or log groups followed at the moment",
        ),
        int("calls", "calls to AWS since the start"),
        int(
            "throttled",
            "those of them that were refused for being too many",
        ),
        int("waited_ms", "time that calls have waited for their turn"),
        maybe_text("busiest_api", "the API whose allowance is used most"),
        maybe_double(
            "quota_used",
            "share of its own allowance that the source used of that API over the last minute",
        ),
        text(
            "quotas",
            "JSON list: api, calls, throttled, allowed_per_s, used_per_s, waited_ms",
        ),
        maybe_text(
            "last_error",
            "what went wrong last, of the last hour or still",
        ),
        maybe_text("advice", "what to do about it"),
        int(
            "failures",
            "how often in a row it has failed; 0 when it works",
        ),
        time("last_error_at", true, "when that was"),
        time("last_taken", true, "when something was last taken"),
        time("last_poll", true, "when the last round ended"),
        time("next_poll", true, "when the next begins; null for doors"),
    ]
}

fn slos() -> Vec<Field> {
    vec![
        text("slo", "name of the objective, unique"),
        text("display_name", "name for people"),
        maybe_text("service", "the service or workflow it belongs to"),
        maybe_text(
            "group_value",
            "value of the group, for an objective per group",
        ),
        text("status", "ok, at_risk, breached, unknown or not_measured"),
        maybe_text("reason", "why it is unknown or not measured"),
        text("method", "occurrences, timeslices or ratio_timeslices"),
        text(
            "time_window",
            "its window, such as 28d rolling or 1M calendar",
        ),
        text(
            "target",
            "share of good events promised, an exact decimal such as 0.995",
        ),
        text("indicator", "what is counted, in words"),
        time(
            "window_start",
            true,
            "start of the window as last evaluated",
        ),
        time("window_end", true, "its end: when it was evaluated"),
        int("total", "valid events (or slices) in the window"),
        int("bad", "bad ones among them"),
        maybe_double("sli", "share of good ones; null without events"),
        maybe_double("budget_allowed", "bad events that the target allows"),
        maybe_double(
            "budget_remaining",
            "share of the budget that is left; negative when overspent, null when nothing is known",
        ),
        maybe_double(
            "burn_rate_1h",
            "burn rate over the last hour; 1 spends exactly the budget",
        ),
        time(
            "exhausts_at",
            true,
            "when the budget ends at the burn of the last hour",
        ),
        truth("page_firing", "true while a page is firing"),
        truth("ticket_firing", "true while a ticket is firing"),
        text("source", "the file that defines it"),
        text("definition_hash", "changes when what it measures changes"),
    ]
}

fn slo_slices() -> Vec<Field> {
    vec![
        text("slo", "name of the objective"),
        maybe_text(
            "group_value",
            "value of the group, for an objective per group",
        ),
        time("slice_start", false, "start of the slice, event time"),
        int("slice_s", "length of the slice, seconds"),
        int("total", "valid events that ended in it"),
        int("bad", "bad ones among them"),
    ]
}

fn alerts() -> Vec<Field> {
    vec![
        text(
            "incident",
            "id of the incident: the same in every notification about it",
        ),
        text("slo", "name of the objective"),
        maybe_text(
            "group_value",
            "value of the group, for an objective per group",
        ),
        text(
            "severity",
            "page, ticket, or another severity of the objective's rules",
        ),
        text("state", "firing, resolved or unknown"),
        text("rule", "the rule that fired first"),
        time("fired_at", false, "evaluation at which it fired"),
        time(
            "resolved_at",
            true,
            "evaluation at which it was resolved; null while it fires",
        ),
        maybe_double("burn_long", "burn rate over the long window when it fired"),
        maybe_double(
            "burn_short",
            "burn rate over the short window when it fired",
        ),
        maybe_double("threshold", "the factor that both exceeded"),
        maybe_double("budget_remaining", "share of the budget left when it fired"),
        truth("silenced", "true when a silence kept it quiet"),
        text("explain", "the formula with its numbers"),
    ]
}

fn deliveries() -> Vec<Field> {
    vec![
        text(
            "delivery",
            "what the receiver knows the message by, the same over all attempts",
        ),
        int("number", "counts up"),
        text("receiver", "name of the receiver"),
        text("kind", "what happened, such as slo.burn.firing"),
        text("incident", "the same in all messages about one incident"),
        text("slo", "name of the objective; empty if it is about none"),
        text("severity", "page, ticket or info"),
        text(
            "status",
            "waiting, silenced, delivered, superseded, dropped or dead",
        ),
        text("note", "why, where the status alone does not say"),
        time("enqueued_at", false, "when it was written"),
        time(
            "due_at",
            true,
            "when it is tried next; null unless it waits",
        ),
        time("done_at", true, "when it was dealt with"),
        int("attempts", "attempts so far"),
        field(
            "last_status",
            DataType::Int64,
            true,
            "status of HTTP of the last attempt; null without an answer",
        ),
        text(
            "last_error",
            "what was wrong in the last attempt; empty if nothing",
        ),
    ]
}

fn experiments() -> Vec<Field> {
    vec![
        text("experiment", "unique; the id of its tool where it has one"),
        text("name", "name for people"),
        text("tool", "api, aws-fis, chaos-toolkit, litmus or otlp"),
        text(
            "template",
            "what it is an instance of; empty if it is of nothing",
        ),
        text("owner", "who runs it"),
        text(
            "state",
            "planned, running, completed, stopped, failed, cancelled or lost",
        ),
        time("started_at", false, "when it began"),
        time("ended_at", true, "when it ended"),
        time("planned_end", true, "when it should end"),
        text("scope", "what it touches, as JSON"),
        maybe_double("max_spend", "share of a budget that it may spend"),
        maybe_double(
            "net_charge",
            "share of a budget that it has spent, net of baseline, of the objective hit most",
        ),
        maybe_text("slo", "that objective"),
        text(
            "verdict",
            "met, not_met or unknown; empty without a hypothesis",
        ),
        maybe_text("abort_advised", "why it should be stopped"),
    ]
}

fn budget_ledger() -> Vec<Field> {
    vec![
        text("slo", "name of the objective"),
        time("period_start", false, "start of the budget's window"),
        time("period_end", false, "its end"),
        text("kind", "experiment, incident, deploy or unattributed"),
        text(
            "spender",
            "id of the experiment or key of the incident; empty for the rest",
        ),
        text("name", "name for people"),
        field("bad", DataType::Float64, false, "bad events"),
        field(
            "charge",
            DataType::Float64,
            false,
            "share of the budget; the rows of an objective add up to what is spent",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_columns_explained() {
        let mut names: Vec<&str> = crate::Table::ALL.iter().map(|table| table.name()).collect();
        for table in StateTable::ALL {
            assert!(!names.contains(&table.name()), "{}", table.name());
            names.push(table.name());
            for field in table.schema().fields() {
                let comment = field.metadata().get(COMMENT).map_or("", String::as_str);
                assert!(!comment.is_empty(), "{}.{}", table.name(), field.name());
            }
        }
    }
}
