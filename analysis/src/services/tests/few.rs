//! Few traces, of spans that say neither on which side of a call they are nor whether they failed.

use crate::services::*;
use model::{Category, Outcome, Verdict};

const MS: i64 = 1_000_000;

/// A page of the front, which asks three services one after the other; times in milliseconds.
#[derive(Clone, Copy)]
struct Page {
    /// Between call and answer of the second.
    way: i64,
    /// What the second takes itself.
    work: i64,
    /// The second's own span is recorded.
    answered: bool,
    /// Calls that are made.
    calls: [bool; 3],
}

const WELL: Page = Page {
    way: 6,
    work: 3,
    answered: true,
    calls: [true; 3],
};

const NAMES: [(&str, &str, &str); 3] = [
    ("catalog", "GetProduct", "catalog.Get"),
    ("currency", "Convert", "currency.Convert"),
    ("ads", "GetAds", "ads.List"),
];

impl Page {
    fn trace(&self, n: usize) -> Vec<Hop> {
        let hop = |id: usize, parent: usize, service: &str, name: &str, start: i64, ns: i64| Hop {
            trace_id: TraceId((n as u128 + 1).to_be_bytes()),
            span_id: SpanId((id as u64).to_be_bytes()),
            parent_span_id: SpanId((parent as u64).to_be_bytes()),
            service: service.into(),
            name: name.into(),
            start: UnixNanos(start),
            duration_ns: ns,
            ..Hop::default()
        };
        let (mut spans, mut now) = (Vec::new(), 2 * MS);
        for (k, (service, call, answer)) in NAMES.iter().enumerate() {
            if !self.calls[k] {
                continue;
            }
            let (way, work) = if k == 1 {
                (self.way, self.work)
            } else {
                (2, 4)
            };
            // From 0.7 to 1.6 times as long; one call in seven waits.
            let vary = |ns: i64, salt: usize| ns * (7 + ((n * 31 + salt * 17) % 10) as i64) / 10;
            let stuck = if (n + k) % 7 == 3 { 40 * MS } else { 0 };
            let (way, work) = (vary(way * MS, k) + stuck, vary(work * MS, k + 5));
            let id = 10 * (k + 1);
            spans.push(hop(id, 1, "front", call, now, way + work));
            if k != 1 || self.answered {
                spans.push(hop(id + 1, id, service, answer, now + way / 2, work));
            }
            now += way + work + MS / 2;
        }
        spans.push(hop(1, 0, "front", "Recv.", 0, now + MS));
        spans
    }

    fn period(&self, from: usize, count: usize) -> Period {
        Period {
            spans: (from..from + count).flat_map(|n| self.trace(n)).collect(),
            lines: Vec::new(),
        }
    }
}

fn judged(page: Page, count: usize, usual: usize) -> Verdict {
    explain("x", &page.period(1_000, count), &WELL.period(0, usual))
}

fn check(page: Page, count: usize, expect: &str) {
    let verdict = judged(page, count, 14);
    // Work left undone is no matter of time.
    let slow = page.way > WELL.way || page.work > WELL.work;
    let category = match (slow, page.calls) {
        (true, _) => Category::Latency,
        // It was answered, and could not go on with that.
        (false, [true, false, false]) => Category::SilentData,
        (false, _) => Category::Error,
    };
    assert_eq!(verdict.category, Some(category), "{verdict:?}");
    assert_eq!(verdict.suspects[0].category, Some(category), "{verdict:?}");
    let named = verdict.culprit.as_ref().map(|it| it.name.as_str());
    assert_eq!(named, Some(expect), "{verdict:?}");
    assert!(!verdict.exhibits.is_empty());
}

#[test]
fn a_handful_of_traces_tells_a_slow_way_and_a_slow_service() {
    check(Page { way: 550, ..WELL }, 5, "currency");
    check(Page { way: 550, ..WELL }, 4, "currency");
    check(Page { work: 300, ..WELL }, 5, "currency");
}

#[test]
fn a_call_whose_answer_is_not_recorded_is_the_callees() {
    let page = Page {
        way: 550,
        answered: false,
        ..WELL
    };
    check(page, 5, "currency");
}

#[test]
fn who_is_the_last_to_be_called_now_answered_wrongly() {
    let stops = Page {
        calls: [true, false, false],
        ..WELL
    };
    check(stops, 9, "catalog");
    // One call is left out and those after it are made: that is the caller's.
    let skips = Page {
        calls: [true, false, true],
        ..WELL
    };
    check(skips, 40, "front");
}

#[test]
fn too_few_traces_are_a_cold_case_and_many_are_no_crime() {
    let few = judged(WELL, 4, 4);
    assert_eq!(few.outcome, Outcome::ColdCase, "{}", few.mechanism);
    assert!(
        few.missing[0].contains("more traces than the 4"),
        "{:?}",
        few.missing
    );
    let many = judged(WELL, 300, 300);
    assert_eq!(many.outcome, Outcome::NoCrime, "{}", many.mechanism);
}
