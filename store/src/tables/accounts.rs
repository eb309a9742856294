//! Columns of the accounts: time, money, changes.

use super::{HEX, double, id, int, logical, maybe_int, maybe_text, text, time, truth};
use arrow::datatypes::{DataType, Field};

pub(super) fn ledger() -> Vec<Field> {
    vec![
        text("execution_arn", "the execution"),
        id("trace_id", "its trace"),
        text("state_machine", "name of the state machine"),
        time("start_time", "when the execution started"),
        text(
            "category",
            "orchestration, queueing, cold_start, compute, downstream, backoff, wait, callback, map_slot, throttling or unobserved",
        ),
        text(
            "detail",
            "what exactly: init of a function, a service called, the error before a retry…",
        ),
        text("state", "name of the state; empty between states"),
        int(
            "duration_ns",
            "nanoseconds; the rows of an execution add up to its duration",
        ),
        int("segments", "pieces of the critical path in it"),
        truth("estimated", "the data only allows a guess at the category"),
    ]
}

pub(super) fn critical_path() -> Vec<Field> {
    vec![
        text("execution_arn", "the execution"),
        id("trace_id", "its trace"),
        int("seq", "position on the path, from 0"),
        time("start_time", "begin of the piece"),
        int(
            "offset_ns",
            "begin, nanoseconds after the start of the execution",
        ),
        int("duration_ns", "length, nanoseconds"),
        text("category", "what it was spent on, as in ledger"),
        text("detail", "what exactly"),
        text("state", "name of the state; empty between states"),
        text("path", "place of the state visit in the tree"),
        id("span_id", "innermost span it belongs to"),
        truth(
            "behind_slot",
            "work of another Map item whose slot the last item waited for; ledger counts it as map_slot",
        ),
        truth("estimated", "the data only allows a guess at the category"),
    ]
}

pub(super) fn costs() -> Vec<Field> {
    vec![
        text("execution_arn", "the execution"),
        id("trace_id", "its trace"),
        text("state_machine", "name of the state machine"),
        time("start_time", "when the execution started"),
        text("state", "state it is for; empty for the execution itself"),
        text("path", "place of the state visit in the tree"),
        maybe_int("attempt", "number of the attempt, from 1"),
        id("span_id", "span of the attempt, state or execution"),
        logical(
            "invocation_span_id",
            DataType::Binary,
            true,
            HEX,
            "span of the invocation",
        ),
        text("resource", "function, state machine, task: what is billed"),
        text(
            "item",
            "lambda_compute, lambda_request, states_transition…, see docs/cost.md",
        ),
        double("quantity", "how much of unit"),
        text("unit", "GB-s, request, transition, vCPU-h, GB-h or GB"),
        maybe_int(
            "unit_price_picodollars",
            "10^-12 USD for a unit; null if the price book has none",
        ),
        maybe_int("picodollars", "10^-12 USD; null if unpriced"),
        text(
            "waste",
            "none, failed_attempt, repeated or aborted: whether it was of use",
        ),
        text("confidence", "exact, estimated or partial"),
        text("note", "what is assumed or missing"),
        text("region", "region whose price was taken; empty if unknown"),
        text("price_book", "date of the price book"),
    ]
}

pub(super) fn changes() -> Vec<Field> {
    vec![
        id("trace_id", "id of the change, made of what it says"),
        time("time", "when"),
        text("kind", "lambda, state_machine, config, role, experiment…"),
        text("resource", "what was changed"),
        text("change", "in words"),
        text(
            "source",
            "told (API or file) or derived (seen in histories and logs)",
        ),
        text("evidence", "where it was seen; empty when told"),
        maybe_text("attributes", "everything else that was told, JSON object"),
    ]
}
