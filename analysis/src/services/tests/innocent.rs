//! Who is loud and did not do it: victims of a callee, of a caller, of a neighbour, and lines that mean nothing.

mod answers;
mod causes;
mod far;
mod own;
mod told;

use crate::services::*;
use model::{Category, Outcome};
use std::collections::BTreeMap;

const MS: i64 = 1_000_000;

/// A span and what it calls, one after the other.
#[derive(Clone, Default)]
struct Call {
    service: &'static str,
    name: &'static str,
    kind: SpanKind,
    /// Own time before and after each call, microseconds.
    own_us: i64,
    peer: Option<&'static str>,
    failed: Option<&'static str>,
    below: Vec<Call>,
}

fn serve(service: &'static str, name: &'static str, own_us: i64, below: Vec<Call>) -> Call {
    Call {
        service,
        name,
        kind: SpanKind::Server,
        own_us,
        below,
        ..Call::default()
    }
}

/// A call from one service to another.
fn ask(service: &'static str, answer: Call) -> Call {
    Call {
        service,
        name: "POST",
        kind: SpanKind::Client,
        own_us: 300,
        failed: answer.failed.map(|_| ""),
        below: vec![answer],
        ..Call::default()
    }
}

/// A call to who records nothing.
fn query(service: &'static str, name: &'static str, own_us: i64) -> Call {
    Call {
        service,
        name,
        kind: SpanKind::Client,
        own_us,
        peer: Some("orders-db"),
        ..Call::default()
    }
}

impl Call {
    fn failing(mut self, words: &'static str) -> Self {
        self.failed = Some(words);
        self
    }

    fn of_kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }
}

#[derive(Default)]
struct Tape {
    period: Period,
    traces: u64,
    spans: u64,
    now: i64,
}

impl Tape {
    fn dice(&self, of: i64) -> i64 {
        let mixed = (self.spans + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        (mixed % u64::try_from(of.max(1)).expect("positive")) as i64
    }

    /// A trace every 100 ms.
    fn trace(&mut self, call: &Call) {
        self.traces += 1;
        self.now = i64::try_from(self.traces).expect("small") * 100 * MS;
        let id = TraceId(u128::from(self.traces).to_be_bytes());
        self.span(id, SpanId::default(), call);
    }

    fn span(&mut self, trace_id: TraceId, parent: SpanId, call: &Call) {
        self.spans += 1;
        let span_id = SpanId(self.spans.to_be_bytes());
        let start = self.now;
        let own = |tape: &mut Self| {
            let ns = call.own_us * 1_000;
            tape.now += ns + tape.dice(ns / 2);
        };
        own(self);
        for below in &call.below {
            self.span(trace_id, span_id, below);
            own(self);
        }
        self.period.spans.push(Hop {
            trace_id,
            span_id,
            parent_span_id: parent,
            service: call.service.into(),
            name: call.name.into(),
            kind: call.kind,
            start: UnixNanos(start),
            duration_ns: self.now - start,
            failed: call.failed.is_some(),
            message: call.failed.unwrap_or_default().into(),
            peer: call.peer.map(Into::into),
            ..Hop::default()
        });
    }

    fn line(&mut self, service: &str, severity: u8, body: &str, traced: bool) {
        let id = TraceId(u128::from(self.traces).to_be_bytes());
        self.period.lines.push(Line {
            log_id: TraceId((self.period.lines.len() as u128 + 1).to_be_bytes()),
            trace_id: if traced { id } else { TraceId::default() },
            service: service.into(),
            time: UnixNanos(self.now),
            severity,
            body: body.to_owned(),
        });
    }
}

/// What is taped of so many requests.
fn tape(count: u64, one: impl Fn(&mut Tape, u64)) -> Period {
    let mut tape = Tape::default();
    (0..count).for_each(|n| one(&mut tape, n));
    tape.period
}

fn check(now: &Period, before: &Period, expect: Option<(&str, Category)>) {
    let verdict = explain("x", now, before);
    let culprit = verdict.culprit.as_ref();
    let found = culprit.map(|it| it.path.first().map_or("", |it| it.as_str()));
    let found = found.zip(verdict.category);
    assert_eq!(found, expect, "{verdict:#?}");
    assert_eq!(verdict.outcome == Outcome::Verdict, expect.is_some());
}

/// The front asks `order`, which asks `price` and then `stock`.
fn order(price: Call, stock: Call, failed: Option<&'static str>) -> Call {
    let mut asked = serve(
        "order",
        "create",
        1_500,
        vec![ask("order", price), ask("order", stock)],
    );
    asked.failed = failed;
    let mut page = serve("front", "/buy", 800, vec![ask("front", asked)]);
    page.failed = failed.map(|_| "");
    page
}

fn well() -> Period {
    tape(150, |tape, _| {
        let all = order(
            serve("price", "quote", 2_000, vec![]),
            serve("stock", "take", 900, vec![]),
            None,
        );
        tape.trace(&all);
        tape.line("price", 9, "quoted", true);
    })
}

#[test]
fn who_fails_of_an_odd_answer_is_its_victim() {
    // The price comes at once, with a line that complains of nothing; the order throws.
    let now = tape(150, |tape, _| {
        let quote = serve("price", "quote", 150, vec![]);
        let thrown = Some("java.lang.NullPointerException: price is null");
        tape.trace(&order(quote, serve("stock", "take", 900, vec![]), thrown));
        tape.line("price", 9, "no tariff, answering nothing", true);
        tape.line(
            "order",
            17,
            "NullPointerException in OrderServiceImpl.create",
            true,
        );
    });
    check(&now, &well(), Some(("price", Category::Error)));
    // The same failure while the price is as ever is the order's own.
    let now = tape(150, |tape, _| {
        let quote = serve("price", "quote", 2_000, vec![]);
        let thrown = Some("java.lang.NullPointerException: user is null");
        tape.trace(&order(quote, serve("stock", "take", 900, vec![]), thrown));
        tape.line("price", 9, "quoted", true);
        tape.line(
            "order",
            17,
            "NullPointerException in OrderServiceImpl.create",
            true,
        );
    });
    check(&now, &well(), Some(("order", Category::Error)));
}

#[test]
fn who_refuses_one_caller_alone_is_well() {
    let both = |tape: &mut Tape, n: u64, refused: bool| {
        let take = serve("stock", "take", 900, vec![]);
        let mut page = serve("front", "/stock", 500, vec![ask("front", take.clone())]);
        if n.is_multiple_of(3) {
            let words = "INVALID_ARGUMENT: amount must be positive, got -1";
            let take = if refused { take.failing(words) } else { take };
            let quote = serve("price", "quote", 2_000, vec![]);
            page = order(quote, take, refused.then_some(""));
        }
        tape.trace(&page);
    };
    let before = tape(300, |tape, n| both(tape, n, false));
    let now = tape(300, |tape, n| both(tape, n, true));
    check(&now, &before, Some(("order", Category::Error)));
}

#[test]
fn a_new_line_is_no_crime_where_nobody_is_ill() {
    let calm = |line: Option<(&'static str, u8, bool)>| {
        tape(150, move |tape, n| {
            let stock = serve("stock", "take", 900, vec![]);
            let declined = n.is_multiple_of(50).then_some("card declined");
            tape.trace(&order(
                serve("price", "quote", 2_000, vec![]),
                stock,
                declined,
            ));
            tape.line("price", 9, "quoted", true);
            if let Some((body, severity, traced)) = line {
                tape.line("price", severity, body, traced);
            }
        })
    };
    let before = calm(None);
    check(
        &calm(Some(("option X is deprecated", 13, true))),
        &before,
        None,
    );
    check(
        &calm(Some(("failed to send heartbeat to collector", 17, false))),
        &before,
        None,
    );
    // An error in every request is one, even if somebody swallows it.
    let swallowed = calm(Some(("IOException: no tariff file", 17, true)));
    check(&swallowed, &before, Some(("price", Category::Error)));
}

#[test]
fn noise_beside_a_failure_is_not_heard() {
    let before = well();
    let now = tape(150, |tape, n| {
        let mut stock = serve("stock", "take", 900, vec![]);
        let failed = n.is_multiple_of(4).then_some("");
        if failed.is_some() {
            stock = stock.failing("disk full");
        }
        tape.trace(&order(
            serve("price", "quote", 2_000, vec![]),
            stock,
            failed,
        ));
        tape.line("price", 9, "quoted", true);
        tape.line("mailer", 13, "failed to send beat, retry", false);
    });
    check(&now, &before, Some(("stock", Category::Capacity)));
}

/// An order is sent to two consumers.
fn sent(mailed: bool) -> Call {
    let consume =
        |service| serve(service, "orders process", 2_000, vec![]).of_kind(SpanKind::Consumer);
    let mut takers = vec![consume("ledger")];
    if mailed {
        takers.push(consume("mailer"));
    }
    let publish = Call {
        below: takers,
        ..query("order", "orders publish", 200)
    };
    serve(
        "order",
        "create",
        900,
        vec![publish.of_kind(SpanKind::Producer)],
    )
}

#[test]
fn who_takes_no_messages_any_more_is_named() {
    let before = tape(80, |tape, _| tape.trace(&sent(true)));
    let now = tape(80, |tape, _| tape.trace(&sent(false)));
    check(&now, &before, Some(("mailer", Category::LostMessage)));
    // Half of what is sent is half of what is taken.
    let fewer = tape(40, |tape, _| tape.trace(&sent(true)));
    check(&fewer, &before, None);
    // It still writes: only its spans are lost.
    let writes = |mailed: bool| {
        tape(80, move |tape, _| {
            tape.trace(&sent(mailed));
            tape.line("mailer", 9, "mail is out", false);
        })
    };
    check(&writes(false), &writes(true), None);
}

#[test]
fn who_keeps_a_store_busy_is_named_before_those_who_are_turned_away() {
    let full = "FATAL: sorry, too many clients already";
    let shop = |tape: &mut Tape, n: u64, turned_away: bool| {
        let mut insert = query("order", "INSERT orders", 2_000);
        let failed = turned_away && n.is_multiple_of(2);
        if failed {
            insert = insert.failing(full);
        }
        let mut create = serve("order", "create", 900, vec![insert]);
        create.failed = failed.then_some("");
        tape.trace(&create);
        if n.is_multiple_of(10) {
            let daily = query("report", "SELECT daily", 8_000);
            tape.trace(&serve("report", "daily", 900, vec![daily]));
        }
    };
    let before = tape(200, |tape, n| shop(tape, n, false));
    let now = tape(200, |tape, n| {
        shop(tape, n, true);
        for _ in 0..2 {
            let backfill = query("report", "SELECT all", 2_500_000);
            tape.trace(&serve("report", "backfill", 10, vec![backfill]));
        }
    });
    check(&now, &before, Some(("report", Category::Capacity)));
    // Without the job it is the store that is full.
    let now = tape(200, |tape, n| shop(tape, n, true));
    let verdict = explain("x", &now, &before);
    let named = verdict.culprit.map(|it| it.name);
    assert_eq!(named.as_deref(), Some("orders-db"));
}

#[test]
fn without_client_spans_a_slow_caller_is_told_from_a_slow_way() {
    // Only servers are recorded: the front and `advice` both ask `catalog`.
    let page = |own_us: i64, way_us: i64| {
        let get = || serve("catalog", "Get", 600, vec![]);
        let way = |of: Call, us: i64| Call {
            own_us: of.own_us + us,
            ..of
        };
        let advice = serve("advice", "List", own_us + way_us, vec![get()]);
        let cart = serve("cart", "View", 700, vec![]);
        way(serve("front", "/", 400, vec![get(), cart, advice]), way_us)
    };
    let period = |own_us, way_us| tape(200, |tape, _| tape.trace(&page(own_us, way_us)));
    let before = period(1_500, 0);
    check(
        &period(60_000, 0),
        &before,
        Some(("advice", Category::Latency)),
    );
}
