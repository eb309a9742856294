//! Answers that are wrong and look well, refusals of what was never sent, and limits of one's own.

use super::*;

fn page(order: Call, failed: bool) -> Call {
    let mut page = serve("front", "/buy", 800, vec![ask("front", order)]);
    page.failed = failed.then_some("");
    page
}

/// An order that asks for the goods, for their price and then for a payment, unless it throws before that.
fn order(tape: &mut Tape, thrown: Option<&'static str>, asks_first: bool) {
    let goods = ask("order", serve("goods", "fetch", 900, vec![]));
    let price = ask("order", serve("price", "quote", 2_000, vec![]));
    let pay = ask("order", serve("pay", "charge", 4_000, vec![]));
    let below = match (thrown.is_some(), asks_first) {
        (true, false) => vec![],
        (true, true) => vec![goods, price],
        (false, _) => vec![goods, price, pay],
    };
    let mut create = serve("order", "create", 1_500, below);
    create.failed = thrown;
    tape.trace(&page(create, thrown.is_some()));
}

#[test]
fn an_answer_that_its_caller_would_not_take_is_of_who_gave_it() {
    let period = |words: Option<&'static str>, asks_first: bool| {
        tape(180, move |tape, n| {
            order(tape, words.filter(|_| n % 3 == 0), asks_first);
        })
    };
    let before = period(None, true);
    let silent = |name| Some((name, Category::SilentData));
    // After the answer it used to go on.
    let bad = Some("unit amount -4.0 is not positive");
    check(&period(bad, true), &before, silent("price"));
    // The words name the answer that is meant.
    let named = Some("goods weight is negative: -3");
    check(&period(named, true), &before, silent("goods"));
    // What was sent to it is refused before anybody is asked.
    let own = Some(("order", Category::Error));
    check(&period(bad, false), &before, own);
    // Code that stumbles over an answer stumbles.
    let own_code = Some("IndexError: list index out of range");
    check(&period(own_code, true), &before, own);
}

#[test]
fn the_name_of_an_exception_is_no_refusal_where_the_service_broke_down() {
    let period = |ill: bool, broke: bool| {
        let mut period = tape(180, move |tape, n| {
            let thrown = (ill && n % 3 == 0).then_some("ValidationError: ledger is closed");
            order(tape, thrown, true);
        });
        for hop in period.spans.iter_mut().filter(|it| it.failed) {
            hop.broke = broke;
        }
        period
    };
    let named = |broke| {
        let verdict = explain("x", &period(true, broke), &period(false, broke));
        verdict.culprit.unwrap_or_default().name
    };
    assert_eq!(named(true), "order");
    assert_eq!(named(false), "front");
}

#[test]
fn a_limit_of_ones_own_that_was_cut_is_ones_own_in_any_words() {
    const WORDS: &str = "The request was canceled due to the configured HttpClient.Timeout of 0.001 seconds elapsing.";
    let period = |ill: bool, us: i64| {
        tape(180, move |tape, n| {
            let jitter = (n as i64 % 7) * 200;
            let mut call = ask("order", serve("price", "quote", us + jitter, vec![]));
            if ill {
                // It goes on while nobody waits any more.
                call.own_us = -(us + jitter) / 2;
                call.failed = Some(WORDS);
            }
            let mut create = serve("order", "create", 1_500, vec![call]);
            create.failed = ill.then_some("");
            tape.trace(&page(create, ill));
        })
    };
    let verdict = explain("x", &period(true, 6_000), &period(false, 6_000));
    let culprit = verdict.culprit.clone().unwrap_or_default();
    assert_eq!(culprit.name, "order", "{verdict:#?}");
    assert_eq!(verdict.category, Some(Category::TimeoutConfig));
}

#[test]
fn packets_that_are_lost_at_one_service_are_not_those_of_whom_it_calls() {
    let period = |ill: bool| {
        tape(180, move |tape, n| {
            let lost = if ill {
                400_000 + (n as i64 % 5) * 90_000
            } else {
                0
            };
            let far = |from: &'static str, answer: Call| {
                let mut call = ask(from, answer);
                call.own_us += lost;
                call
            };
            let given_up = ill && n % 3 == 0;
            let mut quote = far("order", serve("price", "quote", 2_000, vec![]));
            quote.failed = given_up.then_some("context deadline exceeded");
            let mut create = serve(
                "order",
                "create",
                1_500,
                vec![far("order", serve("goods", "fetch", 900, vec![])), quote],
            );
            create.failed = given_up.then_some("");
            let mut call = far("front", create);
            call.failed = given_up.then_some("");
            let mut page = serve("front", "/buy", 800, vec![call]);
            page.failed = given_up.then_some("");
            tape.trace(&page);
            // Others reach the same services as ever.
            let shelf = ["goods", "price"].map(|it| ask("shelf", serve(it, "show", 900, vec![])));
            tape.trace(&serve("shelf", "/all", 700, shelf.to_vec()));
        })
    };
    let verdict = explain("x", &period(true), &period(false));
    let culprit = verdict.culprit.clone().unwrap_or_default();
    assert_eq!(culprit.name, "order", "{verdict:#?}");
}

#[test]
fn a_store_that_refuses_connections_is_named_by_who_asked_it() {
    let period = |ill: bool| {
        tape(150, move |tape, n| {
            let words = "dial tcp 10.0.3.7:7001: connect: connection refused";
            let mut call = query("order", "GET", 600);
            call.failed = ill.then_some(words);
            let mut create = serve("order", "create", 1_500, vec![call]);
            create.failed = ill.then_some("");
            tape.trace(&page(create, ill));
            if ill {
                tape.line("order", 17, &format!("{words} request {n}"), true);
            }
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("orders-db", Category::Infrastructure)),
    );
}

#[test]
fn what_a_service_leaves_out_makes_its_callers_fail_of_a_wrong_answer() {
    let period = |left_out: bool, fails: bool| {
        tape(180, move |tape, n| {
            let ill = n % 3 == 0;
            let seat = ask("assign", serve("seats", "find", 2_000, vec![]));
            let below = if left_out && ill { vec![] } else { vec![seat] };
            let assign = serve("assign", "assign", 900, below);
            let pay = ask("order", serve("pay", "charge", 4_000, vec![]));
            let thrown =
                (fails && ill).then_some("Cannot invoke \"Seat.no()\" because \"seat\" is null");
            let mut calls = vec![ask("order", assign)];
            calls.extend(thrown.is_none().then_some(pay));
            let mut create = serve("order", "create", 1_500, calls);
            create.failed = thrown;
            tape.trace(&page(create, thrown.is_some()));
        })
    };
    let before = period(false, false);
    check(
        &period(true, true),
        &before,
        Some(("assign", Category::SilentData)),
    );
    check(
        &period(false, true),
        &before,
        Some(("order", Category::Error)),
    );
}
