//! Sizes and counts that spans tell of what was given.

use super::charges::{self, Forest};

/// Sizes and counts that a span tells of what was given, with whoever gave it.
pub(crate) fn of(forest: &Forest, n: usize) -> Vec<((String, String), f64)> {
    const SIZES: [&str; 12] = [
        "size",
        "bytes",
        "length",
        "count",
        "hits",
        "rows",
        "returned",
        "items",
        "records",
        "results",
        "returned_rows",
        "entries",
    ];
    let span = forest.spans[n];
    let sized = span.attributes.iter().filter_map(|(key, value)| {
        let last = key.rsplit('.').next().unwrap_or(key);
        let words = || last.split('_');
        let asked = key.contains("request") || key.contains("message");
        if asked || !words().any(|it| SIZES.contains(&it)) {
            return None;
        }
        let number = match value {
            model::Value::Int(number) => *number as f64,
            model::Value::Double(number) => *number,
            model::Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        Some((key.clone(), number))
    });
    let sized: Vec<(String, f64)> = sized.filter(|it| it.1.is_finite()).collect();
    if sized.is_empty() {
        return Vec::new();
    }
    let who = match charges::calls_out(span) {
        true => forest.charged(n),
        false => span.service_name.clone(),
    };
    let all = sized.into_iter();
    all.map(|(key, value)| ((who.clone(), key), value))
        .collect()
}
