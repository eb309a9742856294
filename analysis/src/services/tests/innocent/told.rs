//! What numbers, lines and waiting tell of who did it: each crime beside its harmless twin.

use super::*;

/// The front asks `order`, which makes these calls.
fn asked(below: Vec<Call>, failed: Option<&'static str>) -> Call {
    let mut create = serve("order", "create", 1_500, below);
    create.failed = failed;
    let mut page = serve("front", "/buy", 800, vec![ask("front", create)]);
    page.failed = failed.map(|_| "");
    page
}

fn price(us: i64) -> Call {
    ask("order", serve("price", "quote", us, vec![]))
}

fn stock() -> Call {
    ask("order", serve("stock", "take", 900, vec![]))
}

/// Every span of an operation tells a number.
fn telling(
    mut period: Period,
    operation: &str,
    name: &str,
    value: impl Fn(usize) -> f64,
) -> Period {
    let spans = period.spans.iter_mut();
    let own = spans.filter(|it| &*it.name == operation).enumerate();
    own.for_each(|(n, it)| it.amounts = vec![(name.into(), value(n))]);
    period
}

#[test]
fn a_number_out_of_its_range_is_the_reason_of_a_later_failure() {
    let period = |ill: bool| {
        tape(150, move |tape, n| {
            let failed =
                (ill && n.is_multiple_of(2)).then_some("RangeError: score 41 out of range");
            tape.trace(&asked(vec![price(2_000), stock()], failed));
        })
    };
    let usual = |it: usize| 0.1 + (it % 9) as f64 / 10.0;
    let before = telling(period(false), "quote", "app.score", usual);
    let percent = |it: usize| {
        if it.is_multiple_of(2) {
            100.0 * usual(it)
        } else {
            usual(it)
        }
    };
    let now = telling(period(true), "quote", "app.score", percent);
    check(&now, &before, Some(("price", Category::SilentData)));
    // Nobody fails of it.
    let now = telling(period(false), "quote", "app.score", percent);
    check(&now, &before, None);
    // What fails has another reason: the numbers are as ever.
    let now = telling(period(true), "quote", "app.score", usual);
    check(&now, &before, Some(("order", Category::Error)));
    // A time is no amount: it is long for whatever made it so.
    let took = |it: usize| 100.0 * usual(it);
    let before = telling(period(false), "quote", "duration_ms", usual);
    let now = telling(period(true), "quote", "duration_ms", took);
    check(&now, &before, Some(("order", Category::Error)));
}

#[test]
fn rows_that_grew_are_the_reason_of_a_refusal_for_size() {
    let period = |ill: bool| {
        tape(150, move |tape, _| {
            let mut render = serve("render", "POST /pdf", 900, vec![]);
            if ill {
                render = render.failing("413 Payload Too Large");
            }
            let failed = ill.then_some("");
            tape.trace(&asked(vec![price(2_000), ask("order", render)], failed));
        })
    };
    let before = telling(period(false), "quote", "db.response.returned_rows", |it| {
        (20 + it % 30) as f64
    });
    let now = telling(period(true), "quote", "db.response.returned_rows", |it| {
        (9_000 + it) as f64
    });
    check(&now, &before, Some(("price", Category::DataSize)));
}

#[test]
fn who_refuses_what_a_new_release_sends_is_well() {
    let words = "400 Bad Request: cannot unmarshal string into field amount of type float";
    let period = |ill: bool, release: &'static str| {
        let mut period = tape(150, move |tape, _| {
            let below = if ill {
                vec![]
            } else {
                vec![ask("price", serve("bank", "pay", 900, vec![]))]
            };
            let mut call = ask("order", serve("price", "charge", 600, below));
            call.failed = ill.then_some(words);
            tape.trace(&asked(vec![call, stock()], ill.then_some("")));
            if ill {
                tape.line(
                    "price",
                    13,
                    "json: cannot unmarshal string into Go struct field Pay.amount",
                    true,
                );
            }
        });
        let own = period.spans.iter_mut().filter(|it| &*it.service == "order");
        own.for_each(|it| it.release = Some(release.into()));
        period
    };
    let now = period(true, "2.0.0");
    check(
        &now,
        &period(false, "1.0.0"),
        Some(("order", Category::BadDeploy)),
    );
}

#[test]
fn a_line_belongs_to_any_operation_of_its_traces() {
    // `stock` is asked twice, and writes its line when it is asked the second time.
    let period = |stops: bool| {
        tape(150, move |tape, _| {
            let look = ask("order", serve("stock", "look", 700, vec![]));
            let calls = match stops {
                true => vec![look],
                false => vec![look, price(2_000), stock()],
            };
            let failed = stops.then_some("IllegalStateException: the cart is closed");
            tape.trace(&asked(calls, failed));
            if !stops {
                tape.line("stock", 9, "taken from the shelf", true);
            }
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("order", Category::Error)),
    );
}

#[test]
fn who_throws_every_message_away_does_not_work() {
    let period = |thrown: bool| {
        tape(80, move |tape, _| {
            tape.trace(&sent(!thrown));
            match thrown {
                true => tape.line(
                    "mailer",
                    13,
                    "failed to convert message, discarding it",
                    false,
                ),
                false => tape.line("mailer", 9, "mail is out", false),
            }
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("mailer", Category::LostMessage)),
    );
}

#[test]
fn a_limit_within_what_is_usual_is_new() {
    // One call in five finds the cache empty and takes 8 ms.
    let late = |us: i64, words: &'static str| Call {
        service: "order",
        name: "POST",
        kind: SpanKind::Client,
        own_us: us,
        peer: Some("price"),
        failed: Some(words),
        ..Call::default()
    };
    let period = |given_up: Option<i64>| {
        let mut period = tape(200, move |tape, n| {
            let long = n.is_multiple_of(5);
            let call = match given_up.filter(|_| long) {
                Some(us) => late(us, "context deadline exceeded"),
                None => price(if long { 16_000 } else { 1_000 }),
            };
            let failed = given_up.filter(|_| long).map(|_| "");
            tape.trace(&asked(vec![call, stock()], failed));
        });
        let cut = period
            .spans
            .iter_mut()
            .filter(|it| &*it.message == "context deadline exceeded");
        cut.for_each(|it| it.duration_ns = given_up.unwrap_or(0) * 1_000);
        period
    };
    check(
        &period(Some(4_000)),
        &period(None),
        Some(("order", Category::TimeoutConfig)),
    );
    check(
        &period(Some(900_000)),
        &period(None),
        Some(("price", Category::Latency)),
    );
}

#[test]
fn lines_of_the_collector_tell_of_memory() {
    let period = |us: i64, full: bool, usual: bool| {
        tape(150, move |tape, n| {
            let slow = n.is_multiple_of(3);
            let quote = price(if slow { us } else { 2_000 });
            tape.trace(&asked(vec![quote, stock()], None));
            if usual || full && slow {
                tape.line(
                    "price",
                    9,
                    "[gc] GC(17) Pause Full (Allocation Failure) 498M->491M(512M)",
                    false,
                );
            }
        })
    };
    let before = period(2_000, false, false);
    check(
        &period(400_000, true, false),
        &before,
        Some(("price", Category::Memory)),
    );
    // It always wrote so.
    let before = period(2_000, false, true);
    check(
        &period(400_000, true, true),
        &before,
        Some(("price", Category::Latency)),
    );
}

#[test]
fn a_service_is_slow_until_it_is_warm() {
    let period = |start: bool, slow: fn(u64) -> i64, pod: &'static str| {
        let mut period = tape(150, move |tape, n| {
            if start && n == 0 {
                tape.line("price", 9, "Started PriceApplication in 9.2 seconds", false);
            }
            tape.trace(&asked(vec![price(slow(n)), stock()], None));
        });
        let own = period.spans.iter_mut().filter(|it| &*it.service == "price");
        own.for_each(|it| it.pod = Some(pod.into()));
        period
    };
    let before = period(false, |_| 2_000, "price-1");
    let warms: fn(u64) -> i64 = |n| 2_000 + 120_000 / (1 + n as i64 / 4);
    check(
        &period(true, warms, "price-2"),
        &before,
        Some(("price", Category::ColdStart)),
    );
    // It was not started, or it stays slow.
    check(
        &period(false, warms, "price-1"),
        &before,
        Some(("price", Category::Latency)),
    );
    check(
        &period(true, |_| 60_000, "price-2"),
        &before,
        Some(("price", Category::Latency)),
    );
}

#[test]
fn one_name_in_lines_and_a_longer_one_in_spans_are_one_service() {
    let period = |ill: bool| {
        tape(100, move |tape, _| {
            let mut quote = serve("price.shop", "quote", 2_000, vec![]);
            if ill {
                quote = quote.failing("status code 500");
                tape.line("price", 17, "TypeError: rate is undefined", false);
            }
            let mut page = serve("front.shop", "/", 900, vec![ask("front.shop", quote)]);
            page.failed = ill.then_some("");
            tape.trace(&page);
        })
    };
    let verdict = explain("x", &period(true), &period(false));
    let named = verdict.culprit.map(|it| it.name);
    assert_eq!(named.as_deref(), Some("price.shop"));
    let others = verdict.suspects.iter().filter(|it| it.name == "price");
    assert_eq!(others.count(), 0);
}
