//! A few mysteries for the demo: small, the same every time, ended before a moment.

use crate::emit::File;
use crate::{Family, Order, make};

/// Fault, seed, difficulty, hours before the anchor at which it begins.
const MYSTERIES: [(&str, u64, u8, i64); 6] = [
    ("downstream_slow", 3, 1, 20),
    ("bad_release", 5, 2, 17),
    ("poison_item", 4, 1, 14),
    ("throttle", 6, 2, 11),
    ("out_of_memory", 8, 1, 8),
    ("permission", 9, 2, 5),
];
/// Healthy executions before each: enough for a baseline.
const HEALTHY: usize = 8;

/// Files below `mysteries/`, one folder for each. Faults that move nothing in their setting are left out.
pub fn files(anchor_ms: i64) -> Vec<File> {
    let mut all = Vec::new();
    for (fault, seed, tier, hours) in MYSTERIES {
        let made = make(&Order {
            seed,
            tier,
            fault: Some(fault.to_owned()),
            family: Family::First,
            healthy: HEALTHY,
            began_ms: Some(anchor_ms - hours * 3_600_000),
        });
        let files = made.map(|it| it.files).unwrap_or_default();
        all.extend(
            files
                .into_iter()
                .map(|(path, bytes)| (format!("mysteries/{fault}/{path}"), bytes)),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mystery_is_there_each_time_and_over_by_then() {
        let anchor = 1_795_305_600_000; // 2026-11-22T00:00:00Z
        let made = files(anchor);
        assert!(made == files(anchor));
        for (fault, _, _, hours) in MYSTERIES {
            let folder = format!("mysteries/{fault}/");
            assert!(made.iter().any(|it| it.0.starts_with(&folder)), "{fault}");
            let began = anchor - hours * 3_600_000;
            for (path, bytes) in made
                .iter()
                .filter(|it| it.0.starts_with(&folder) && it.0.ends_with(".describe.json"))
            {
                let described: serde_json::Value = serde_json::from_slice(bytes).expect("JSON");
                let time = |name: &str| -> i64 {
                    let text = described[name].as_str().expect("a time");
                    text.parse::<jiff::Timestamp>()
                        .expect("a time")
                        .as_millisecond()
                };
                assert!(time("startDate") >= began, "{path}");
                assert!(
                    described["stopDate"].is_null() || time("stopDate") < anchor,
                    "{path}"
                );
            }
        }
    }
}
