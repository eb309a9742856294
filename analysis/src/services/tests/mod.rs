//! Tests: who is named in plain traces and logs.

mod few;
mod innocent;

use super::*;
use model::Outcome;

/// A front that calls `a` and `b`, each call with its answer; durations in milliseconds.
struct Shop {
    a_ms: i64,
    b_ms: i64,
    wire_a_ms: i64,
    b_fails: bool,
}

impl Shop {
    fn healthy() -> Self {
        Shop {
            a_ms: 10,
            b_ms: 20,
            wire_a_ms: 1,
            b_fails: false,
        }
    }

    fn period(&self, from: u8) -> Period {
        let mut period = Period::default();
        for n in 0..40_u8 {
            let jitter = i64::from(n % 5) * 200_000;
            period.spans.extend(self.trace(from + n, jitter));
            period.lines.push(Line {
                log_id: TraceId([from + n; 16]),
                trace_id: TraceId([from + n; 16]),
                service: "a".into(),
                severity: 17,
                body: "ERROR heartbeat noise that is always there".into(),
                ..Line::default()
            });
        }
        period
    }

    fn trace(&self, n: u8, jitter: i64) -> Vec<Hop> {
        const MS: i64 = 1_000_000;
        let trace_id = TraceId([n; 16]);
        let hop = |id: u8, parent: u8, service: &str, kind, start: i64, ms: i64, failed| Hop {
            trace_id,
            span_id: SpanId([id; 8]),
            parent_span_id: SpanId([parent; 8]),
            service: service.into(),
            name: format!("{service} op").into(),
            kind,
            start: UnixNanos(start * MS),
            duration_ns: ms * MS + jitter,
            failed,
            ..Hop::default()
        };
        let a = self.a_ms + 2 * self.wire_a_ms;
        let name = |mut hop: Hop, name: &str| {
            hop.name = name.into();
            hop
        };
        vec![
            hop(
                1,
                0,
                "front",
                SpanKind::Server,
                0,
                a + self.b_ms + 6,
                self.b_fails,
            ),
            name(hop(2, 1, "front", SpanKind::Client, 1, a, false), "GET a"),
            hop(
                3,
                2,
                "a",
                SpanKind::Server,
                1 + self.wire_a_ms,
                self.a_ms,
                false,
            ),
            name(
                hop(
                    4,
                    1,
                    "front",
                    SpanKind::Client,
                    2 + a,
                    self.b_ms + 2,
                    self.b_fails,
                ),
                "GET b",
            ),
            hop(5, 4, "b", SpanKind::Server, 3 + a, self.b_ms, self.b_fails),
        ]
    }
}

fn check(faulty: Shop, expect: Option<&str>) {
    let verdict = explain("x", &faulty.period(100), &Shop::healthy().period(1));
    assert_eq!(
        verdict.culprit.as_ref().map(|it| it.name.as_str()),
        expect,
        "{verdict:?}"
    );
    if expect.is_some() {
        assert!(!verdict.exhibits.is_empty());
    }
}

#[test]
fn the_slow_service_is_named() {
    check(
        Shop {
            b_ms: 200,
            ..Shop::healthy()
        },
        Some("b"),
    );
    check(
        Shop {
            a_ms: 60,
            ..Shop::healthy()
        },
        Some("a"),
    );
}

#[test]
fn time_on_the_wire_is_the_callees() {
    check(
        Shop {
            wire_a_ms: 100,
            ..Shop::healthy()
        },
        Some("a"),
    );
}

#[test]
fn errors_begin_where_nothing_below_failed() {
    check(
        Shop {
            b_fails: true,
            ..Shop::healthy()
        },
        Some("b"),
    );
}

#[test]
fn nothing_new_accuses_nobody() {
    check(Shop::healthy(), None);
}

#[test]
fn a_line_that_is_new_in_touched_traces_tells() {
    let mut faulty = Shop::healthy().period(100);
    for n in 0..30_u8 {
        faulty.lines.push(Line {
            log_id: TraceId([n; 16]),
            trace_id: TraceId([100 + n; 16]),
            service: "b".into(),
            severity: 17,
            body: "java.lang.NullPointerException in Stock".into(),
            ..Line::default()
        });
    }
    let verdict = explain("x", &faulty, &Shop::healthy().period(1));
    assert_eq!(verdict.culprit.map(|it| it.name).as_deref(), Some("b"));
}

#[test]
fn a_gateway_that_writes_call_and_answer_as_siblings_is_repaired() {
    let base = |id: u8, parent: u8, service: &str, start: i64, ns: i64| Hop {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: SpanId([parent; 8]),
        service: service.into(),
        start: UnixNanos(start),
        duration_ns: ns,
        ..Hop::default()
    };
    let spans = [
        base(1, 0, "gateway", 0, 100_000_000),
        base(2, 1, "gateway", 1_000_000, 90_000_000),
        base(3, 1, "orders", 5_000_000, 80_000_000),
        base(4, 3, "orders", 6_000_000, 10_000_000),
    ];
    let trees = tree::Trees::new(&spans, &mut tree::Names::default());
    assert_eq!(trees.parent(2), Some(1));
}

#[test]
fn nothing_to_compare_is_a_cold_case() {
    let verdict = explain("x", &Period::default(), &Period::default());
    assert_eq!(verdict.outcome, Outcome::ColdCase);
}
