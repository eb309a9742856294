//! 1,000 objectives over 10 million events in 30 days, evaluated minute by minute:
//! `cargo run --release -p inquest-slo --example thousand`. Prints seconds of processor time per
//! evaluation, and the share of one core that an evaluation every minute takes. Reading the changed minutes
//! from the tables is not in it.

use inquest_slo::{
    Counts, Ratio, Series,
    alert::Memory,
    evaluate::{Evaluation, Moment},
    read,
};
use std::{collections::BTreeMap, time::Duration};

const SLOS: i64 = 1_000;
const EVENTS: i64 = 10_000_000;
const DAYS: i64 = 30;
const MINUTES: i64 = DAYS * 1_440;
const ROUNDS: i64 = 60;

fn main() {
    let mut yaml = String::from("target: 99.9%\nwindow: 30d\nslos:\n");
    for number in 0..SLOS {
        yaml += &format!("  - {{slo: slo-{number}, indicator: {{workflow: workflow-{number}}}}}\n");
    }
    let loaded = read::read(&[("thousand.yaml".to_owned(), yaml)]);
    let mut series: Vec<Series> = (0..SLOS).map(history).collect();
    let mut memories = vec![Memory::default(); loaded.slos.len()];
    let slices: usize = series.iter().map(Series::len).sum();
    println!(
        "{} objectives, {EVENTS} events in {slices} slices",
        loaded.slos.len()
    );
    let before = processor_time();
    let mut changes = 0;
    for round in 0..ROUNDS {
        let now = (MINUTES + round) * 60;
        for (number, series) in series.iter_mut().enumerate() {
            // A new minute, and one an hour old that was late.
            let bad = u64::from((number as i64 + round) % 97 == 0);
            let late = now - 3_600;
            let changed = BTreeMap::from([
                (now - 60, Counts { total: 2, bad }),
                (
                    late,
                    series.sum(late, late + 60).plus(Counts { total: 1, bad }),
                ),
            ]);
            series.replace(&changed);
        }
        for ((slo, series), memory) in loaded.slos.iter().zip(&series).zip(&mut memories) {
            let evaluation = Evaluation {
                slo,
                series,
                coverage: Ratio::new(9, 10),
            };
            let moment = Moment::complete(now);
            changes += memory.step(&evaluation, moment).rules.len();
            std::hint::black_box(evaluation.budget(moment));
        }
    }
    let each = (processor_time() - before).as_secs_f64() / ROUNDS as f64;
    println!(
        "{:.2} ms of processor time per evaluation, {:.3} % of a core; {changes} changes of rules",
        each * 1e3,
        each / 60.0 * 100.0
    );
}

/// Ten thousand events spread over the minutes of 30 days.
fn history(number: i64) -> Series {
    let each = EVENTS / SLOS;
    let mut counts: BTreeMap<i64, Counts> = BTreeMap::new();
    for event in 0..each {
        let minute = (event * MINUTES / each + number * 7) % MINUTES;
        let bad = u64::from((event * 31 + number) % 1_999 == 0);
        let held = counts.entry(minute * 60).or_default();
        *held = held.plus(Counts { total: 1, bad });
    }
    Series::new(60, &counts, Some(0))
}

/// Processor time of this process: utime and stime of `/proc/self/stat`, in hundredths of a second.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|it| it.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
