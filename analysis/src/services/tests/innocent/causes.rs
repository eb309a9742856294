//! Who is quiet and did it: each crime beside its harmless twin.

use super::*;

/// A call that has no answer.
fn unanswered(service: &'static str, to: &'static str, own_us: i64, words: &'static str) -> Call {
    Call {
        service,
        name: "POST",
        kind: SpanKind::Client,
        own_us,
        peer: Some(to),
        failed: Some(words),
        ..Call::default()
    }
}

/// The front asks `order`, which makes these calls.
fn asked(below: Vec<Call>, failed: bool) -> Call {
    let failed = failed.then_some("");
    let mut create = serve("order", "create", 1_500, below);
    create.failed = failed;
    let mut page = serve("front", "/buy", 800, vec![ask("front", create)]);
    page.failed = failed;
    page
}

fn price() -> Call {
    ask("order", serve("price", "quote", 8_000, vec![]))
}

fn stock() -> Call {
    ask("order", serve("stock", "take", 900, vec![]))
}

fn usual() -> Period {
    tape(150, |tape, _| {
        tape.trace(&asked(vec![price(), stock()], false));
    })
}

#[test]
fn a_time_limit_below_what_a_callee_always_took_is_the_callers() {
    let given_up = |us: i64| {
        tape(150, move |tape, n| {
            let late = unanswered("order", "price", us, "Read timed out");
            let ill = n % 3 > 0;
            let calls = if ill {
                vec![late]
            } else {
                vec![price(), stock()]
            };
            tape.trace(&asked(calls, ill));
        })
    };
    check(
        &given_up(4_000),
        &usual(),
        Some(("order", Category::TimeoutConfig)),
    );
    // After so long a time it always used to have answered.
    check(
        &given_up(500_000),
        &usual(),
        Some(("price", Category::Latency)),
    );
}

#[test]
fn whom_one_alone_cannot_reach_is_well() {
    let unknown = "java.net.UnknownHostException: stock";
    let period = |order: bool, front: bool| {
        tape(240, move |tape, n| {
            let reach = |from: &'static str, ill: bool| match ill {
                true => unanswered(from, "stock", 300, unknown),
                false => ask(from, serve("stock", "take", 900, vec![])),
            };
            let mut page = serve("front", "/stock", 500, vec![reach("front", front)]);
            page.failed = front.then_some("");
            if n % 3 == 0 {
                page = asked(vec![reach("order", order)], order);
            }
            tape.trace(&page);
        })
    };
    let before = period(false, false);
    let config = Category::NetworkConfig;
    check(&period(true, false), &before, Some(("order", config)));
    check(&period(true, true), &before, Some(("stock", config)));
}

#[test]
fn rights_and_descriptors_are_ones_own() {
    let period = |words: Option<&'static str>, other: bool| {
        tape(150, move |tape, n| {
            let mut insert = query("order", "INSERT orders", 2_000);
            insert.failed = words;
            tape.trace(&asked(vec![insert], words.is_some()));
            if n % 2 == 0 {
                let mut select = query("report", "SELECT orders", 2_000);
                select.failed = words.filter(|_| other);
                let mut daily = serve("report", "daily", 900, vec![select]);
                daily.failed = words.filter(|_| other);
                tape.trace(&daily);
            }
        })
    };
    let before = period(None, false);
    let denied = Some("not authorized on shop to execute command { insert: orders }");
    let permission = Category::Permission;
    check(&period(denied, false), &before, Some(("order", permission)));
    // All are refused.
    check(
        &period(denied, true),
        &before,
        Some(("orders-db", permission)),
    );
    let spent = period(Some("dial tcp: socket: too many open files"), false);
    check(&spent, &before, Some(("order", Category::Capacity)));
}

#[test]
fn who_left_a_call_out_is_named_before_who_fails_of_it() {
    let fails = |left_out: bool| {
        tape(150, move |tape, _| {
            let take = serve("stock", "take", 900, vec![]).failing("nothing on record");
            let mut calls = vec![price(), ask("order", take)];
            if left_out {
                calls.remove(0);
            }
            tape.trace(&asked(calls, true));
        })
    };
    check(
        &fails(true),
        &usual(),
        Some(("order", Category::SilentData)),
    );
    check(&fails(false), &usual(), Some(("stock", Category::Error)));
}

#[test]
fn who_asks_ten_times_is_named_before_who_is_asked() {
    let period = |times: usize, us: i64| {
        tape(150, move |tape, _| {
            let selects = vec![query("order", "SELECT item", us); times];
            tape.trace(&asked(selects, false));
        })
    };
    let (before, latency) = (period(1, 6_000), Category::Latency);
    check(&period(10, 6_000), &before, Some(("order", latency)));
    check(&period(1, 60_000), &before, Some(("orders-db", latency)));
}

#[test]
fn an_amount_that_is_nothing_is_the_reason_of_a_later_failure() {
    let period = |ill: bool, nothing: bool| {
        tape(150, move |tape, n| {
            let mut take = serve("stock", "take", 900, vec![]);
            if ill {
                take = take.failing("amount must be greater than zero");
            }
            let calls = vec![price(), ask("order", take)];
            tape.trace(&asked(calls, ill));
            let line = match nothing {
                true => "quoted 0.00 EUR".to_owned(),
                false => format!("quoted {}.50 EUR", 10 + n % 7),
            };
            tape.line("price", 9, &line, true);
        })
    };
    let before = period(false, false);
    let silent = Some(("price", Category::SilentData));
    check(&period(true, true), &before, silent);
    // Nothing is free for nobody's harm.
    check(&period(false, true), &before, None);
}

#[test]
fn what_became_of_a_service_tells_why_it_is_slow() {
    let period = |us: i64, release: &'static str, starts: bool| {
        let mut period = tape(150, move |tape, n| {
            let quote = serve("price", "quote", us, vec![]);
            tape.trace(&asked(vec![ask("order", quote), stock()], false));
            if starts && n % 20 == 0 {
                tape.line("price", 9, "Started PriceApplication in 9.2 seconds", false);
            }
        });
        period
            .spans
            .iter_mut()
            .for_each(|it| it.release = Some(release.into()));
        period
    };
    let before = period(8_000, "1.4.0", false);
    let named = |category| Some(("price", category));
    let slow = 90_000;
    check(
        &period(slow, "1.5.0", false),
        &before,
        named(Category::BadDeploy),
    );
    check(
        &period(slow, "1.4.0", true),
        &before,
        named(Category::ColdStart),
    );
    check(
        &period(slow, "1.4.0", false),
        &before,
        named(Category::Latency),
    );
    // A release that changes nothing is no crime.
    check(&period(8_000, "1.5.0", false), &before, None);
}

#[test]
fn a_message_that_is_not_sent_is_lost() {
    let mut quiet = sent(true);
    quiet.below.clear();
    let before = tape(80, |tape, _| tape.trace(&sent(true)));
    let now = tape(80, |tape, _| tape.trace(&quiet));
    check(&now, &before, Some(("order", Category::LostMessage)));
}
