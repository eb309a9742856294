//! `Key: value` pairs of a platform line. Lambda separates them by tabs; copies from the console and
//! from chat have blanks instead, down to a single one, so known keys are looked for by name.

/// Keys that are known to occur, longest first where one ends in another.
const KEYS: &[&str] = &[
    "Billed Restore Duration",
    "Restore Duration",
    "Runtime Version ARN",
    "Runtime Version",
    "Billed Duration",
    "Max Memory Used",
    "Init Duration",
    "Memory Size",
    "XRAY TraceId",
    "Error Type",
    "SegmentId",
    "RequestId",
    "Duration",
    "Sampled",
    "Version",
    "Status",
    "Phase",
];

/// The pairs of `text`, in order. Unknown keys end the value before them only behind a tab or two blanks.
pub(super) fn read(text: &str) -> Vec<(&'static str, &str)> {
    let mut starts: Vec<(usize, &'static str)> = Vec::new();
    let mut at_word = true;
    for (at, c) in text.char_indices() {
        if at_word && let Some(key) = key_at(&text[at..]) {
            let inside = starts
                .last()
                .is_some_and(|(start, key)| at < start + key.len());
            if !inside {
                starts.push((at, key));
            }
        }
        at_word = c.is_whitespace();
    }
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|((at, key), end)| (*key, value(&text[at + key.len() + 1..end])))
        .collect()
}

/// True when the text begins with a key.
pub(super) fn starts_with_key(text: &str) -> bool {
    key_at(text).is_some_and(|key| key != "RequestId")
}

fn key_at(text: &str) -> Option<&'static str> {
    KEYS.iter().copied().find(|key| {
        text.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(':'))
    })
}

fn value(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(['\t', '\n']).unwrap_or(text.len());
    let end = text.find("  ").map_or(end, |double| double.min(end));
    text[..end].trim_end()
}

/// The number in front of a unit: `10.38 ms`.
pub(super) fn number(value: &str) -> Option<f64> {
    value
        .split_whitespace()
        .next()?
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}
