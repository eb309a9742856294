//! Wait states.

use super::path;
use serde_json::{Value, json};

/// How long a Wait waits.
pub(super) fn millis(state: &Value, input: &Value) -> i64 {
    let from = state["SecondsPath"]
        .as_str()
        .and_then(|place| path::get(place, input, &json!({})).cloned());
    let seconds = from.unwrap_or_else(|| state["Seconds"].clone());
    (seconds.as_f64().unwrap_or(0.0) * 1000.0) as i64
}
