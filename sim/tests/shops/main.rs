//! How often the service that did it is named, over shops whose answer is known. `SHOP_SEEDS=1..20 cargo test -p
//! inquest-sim --test shops -- --nocapture` prints the tables of docs/bench.md.

mod files;
mod naive;

use analysis::services::{Hop, Line, Period, explain};
use inquest_sim::shop::{Fault, Order, Shape, Side, make};
use model::{Outcome, SpanKind, UnixNanos};
use std::collections::BTreeMap;

fn period(side: &Side) -> Period {
    let spans = side.spans.iter().map(|it| Hop {
        trace_id: it.span.trace_id.parse().expect("a trace id"),
        span_id: it.span.span_id.parse().expect("a span id"),
        parent_span_id: it.span.parent_id.parse().unwrap_or_default(),
        service: it.service.as_str().into(),
        name: it.span.name.as_str().into(),
        kind: [
            SpanKind::Unspecified,
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
        ][usize::from(it.span.kind)],
        start: UnixNanos(it.span.start_ns),
        duration_ns: it.span.end_ns - it.span.start_ns,
        failed: it.span.error.is_some(),
        message: it.span.error.as_deref().unwrap_or_default().into(),
        peer: it
            .span
            .attributes
            .iter()
            .find(|it| it.0 == "peer.service")
            .and_then(|it| it.1.as_str())
            .map(Into::into),
        host: it.host.as_deref().map(Into::into),
        ..Hop::default()
    });
    let lines = side.records.iter().enumerate().map(|(n, it)| Line {
        log_id: format!("{n:032x}").parse().expect("an id"),
        trace_id: it
            .context
            .as_ref()
            .map(|it| it.0.parse().expect("a trace id"))
            .unwrap_or_default(),
        service: it.service.as_str().into(),
        time: UnixNanos(it.at_ns),
        severity: match it.level {
            "ERROR" => 17,
            "WARN" => 13,
            "INFO" => 9,
            _ => 0,
        },
        body: it.body.clone(),
    });
    Period {
        spans: spans.collect(),
        lines: lines.collect(),
    }
}

#[derive(Default, Clone)]
struct Count {
    cases: usize,
    first: usize,
    third: usize,
    avg5: f64,
    naive: BTreeMap<&'static str, usize>,
}

impl Count {
    fn add(&mut self, ranks: &[String], truth: &str, naive: &[(&'static str, Option<String>)]) {
        self.cases += 1;
        let at = ranks.iter().position(|it| it == truth);
        self.first += usize::from(at == Some(0));
        self.third += usize::from(at.is_some_and(|it| it < 3));
        self.avg5 += at.map_or(0.0, |it| 5_usize.saturating_sub(it) as f64 / 5.0);
        for (rule, accused) in naive {
            *self.naive.entry(rule).or_default() += usize::from(accused.as_deref() == Some(truth));
        }
    }

    fn show(&self, name: &str) {
        let share = |it: usize| format!("{:.0} %", it as f64 * 100.0 / self.cases.max(1) as f64);
        let best = self.naive.iter().max_by_key(|it| it.1);
        let best = best
            .map(|(rule, count)| format!("{rule} {}", share(*count)))
            .unwrap_or_default();
        println!(
            "| {name} | {} | {} | {} | {:.2} | {best} |",
            self.cases,
            share(self.first),
            share(self.third),
            self.avg5 / self.cases.max(1) as f64
        );
    }
}

/// Seeds, strength of the faults, and what is shown.
struct Plan {
    seeds: (u64, u64),
    strength: f64,
    requests: usize,
    show: Option<String>,
}

fn run(plan: &Plan) -> (Count, usize, usize) {
    let mut by: BTreeMap<String, Count> = BTreeMap::new();
    let (mut all, mut innocent, mut accused) = (Count::default(), 0, 0);
    let mut sure: BTreeMap<u32, (u32, u32, f64)> = BTreeMap::new();
    for seed in plan.seeds.0..=plan.seeds.1 {
        for shape in Shape::ALL {
            let order = |fault| Order {
                seed,
                shape,
                fault,
                strength: plan.strength,
                requests: plan.requests,
            };
            let calm = make(&order(None));
            innocent += 1;
            let verdict = explain("x", &period(&calm.faulty), &period(&calm.healthy));
            accused += usize::from(verdict.outcome == Outcome::Verdict);
            if plan.show.as_deref() == Some("calm") {
                println!(
                    "calm weights {:?} {:?}",
                    verdict.outcome,
                    verdict
                        .suspects
                        .iter()
                        .map(|it| it.score)
                        .take(2)
                        .collect::<Vec<_>>()
                );
            }
            if plan.show.as_deref() == Some("calm") && verdict.outcome == Outcome::Verdict {
                println!(
                    "calm {shape:?} {seed}: {} ({})",
                    verdict.mechanism, verdict.confidence
                );
            }
            for fault in Fault::ALL {
                let outage = make(&order(Some(fault)));
                let truth = outage.culprit.as_deref().expect("a culprit");
                let (now, before) = (period(&outage.faulty), period(&outage.healthy));
                let verdict = explain("x", &now, &before);
                let ranks: Vec<String> =
                    verdict.suspects.iter().map(|it| it.name.clone()).collect();
                if verdict.outcome == Outcome::Verdict {
                    let bin = sure.entry((verdict.confidence * 10.0) as u32).or_default();
                    bin.0 += 1;
                    bin.1 += u32::from(ranks.first().map(String::as_str) == Some(truth));
                    bin.2 += verdict.confidence;
                }
                let naive = naive::all(&now, &before);
                all.add(&ranks, truth, &naive);
                for name in [fault.name().to_owned(), format!("{shape:?}")] {
                    by.entry(name).or_default().add(&ranks, truth, &naive);
                }
                let wrong = ranks.first().map(String::as_str) != Some(truth);
                if wrong && plan.show.as_deref() == Some(fault.name()) {
                    println!(
                        "{} {shape:?} {seed}: {truth}; {:?} {} {:?}",
                        fault.name(),
                        verdict.outcome,
                        verdict.mechanism,
                        verdict
                            .suspects
                            .iter()
                            .take(4)
                            .map(|it| (&it.name, it.score))
                            .collect::<Vec<_>>()
                    );
                }
            }
        }
    }
    for (name, count) in &by {
        count.show(name);
    }
    all.show("all");
    for (count, right, sum) in sure.values() {
        let count = f64::from(*count);
        println!(
            "as sure as {:.2}: {:.2} of {count} right",
            sum / count,
            f64::from(*right) / count
        );
    }
    for (rule, count) in &all.naive {
        println!("{rule}: {:.0} %", *count as f64 * 100.0 / all.cases as f64);
    }
    println!("accused although nothing happened: {accused} of {innocent}");
    (all, accused, innocent)
}

fn number(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[test]
fn what_lies_in_files_is_judged() {
    if let Some(folder) = std::env::var_os("SHOP_IN") {
        files::judge(std::path::Path::new(&folder));
    }
}

#[test]
fn the_service_that_did_it_is_named() {
    let seeds = number("SHOP_SEEDS", "1..1");
    let (first, last) = seeds.split_once("..").expect("SHOP_SEEDS=1..20");
    let plan = Plan {
        seeds: (
            first.parse().expect("a seed"),
            last.parse().expect("a seed"),
        ),
        strength: number("SHOP_STRENGTH", "1").parse().expect("a number"),
        // In an ordinary run, as few as tell.
        requests: if std::env::var_os("SHOP_SEEDS").is_some() {
            600
        } else {
            150
        },
        show: std::env::var("SHOP_SHOW").ok(),
    };
    let (all, _, _) = run(&plan);
    let best = all.naive.values().max().copied().unwrap_or(0);
    assert!(
        all.first > best,
        "{} of {}, a rule of thumb {best}",
        all.first,
        all.cases
    );
}
