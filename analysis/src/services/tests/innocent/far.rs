//! Faults that public systems switch on (OpenTelemetry's demo, DeathStarBench, RCAEval), as they look in traces.

use super::*;

fn asked(below: Vec<Call>, failed: Option<&'static str>) -> Call {
    let mut create = serve("order", "create", 1_500, below);
    create.failed = failed;
    let mut page = serve("front", "/buy", 800, vec![ask("front", create)]);
    page.failed = failed.map(|_| "");
    page
}

fn price() -> Call {
    ask("order", serve("price", "quote", 2_000, vec![]))
}

fn stock(us: i64) -> Call {
    ask("order", serve("stock", "take", us, vec![]))
}

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

#[test]
fn messages_that_wait_are_the_consumers() {
    let period = |wait_us: i64| {
        let mut period = tape(120, |tape, _| tape.trace(&sent(true)));
        let own = period
            .spans
            .iter_mut()
            .filter(|it| &*it.service == "mailer");
        own.enumerate()
            .for_each(|(n, it)| it.start.0 += wait_us * 1_000 * (n as i64 % 7 + 4) / 7);
        period
    };
    let verdict = explain("x", &period(5_000_000), &period(3_000));
    let named = verdict.culprit.as_ref().map(|it| it.name.as_str());
    assert_eq!(named, Some("mailer"), "{verdict:#?}");
    check(&period(3_000), &period(3_000), None);
}

#[test]
fn a_service_that_turns_everybody_away_for_asking_too_often() {
    let period = |ill: bool| {
        tape(150, move |tape, n| {
            let turned = ill && n % 3 > 0;
            let mut call = stock(if turned { 200 } else { 900 });
            call.failed = turned.then_some("429 Too Many Requests");
            tape.trace(&asked(vec![price(), call], turned.then_some("")));
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("stock", Category::Capacity)),
    );
}

#[test]
fn a_service_that_hangs_answers_nobody() {
    let period = |ill: bool| {
        tape(150, move |tape, _| {
            let call = match ill {
                true => unanswered("order", "stock", 2_000_000, "context deadline exceeded"),
                false => stock(900),
            };
            tape.trace(&asked(vec![price(), call], ill.then_some("")));
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("stock", Category::Latency)),
    );
}

#[test]
fn a_new_statement_is_the_matter_of_who_sends_it() {
    let db = |service: &'static str, name: &'static str, us: i64| query(service, name, us);
    let period = |release: &'static str, new: bool, slow: i64| {
        let mut period = tape(200, move |tape, n| {
            let mut below = vec![db("order", "SELECT orders", 1_000 + slow)];
            if new {
                below.push(db("order", "SELECT orders JOIN lines", 300_000));
            }
            tape.trace(&asked(below, None));
            if n.is_multiple_of(2) {
                let read = db("report", "SELECT orders", 1_000 + slow);
                tape.trace(&serve("report", "daily", 900, vec![read]));
            }
        });
        let own = period.spans.iter_mut().filter(|it| &*it.service == "order");
        own.for_each(|it| it.release = Some(release.into()));
        period
    };
    let before = period("1.0", false, 0);
    check(
        &period("2.0", true, 0),
        &before,
        Some(("order", Category::BadDeploy)),
    );
    check(
        &period("1.0", false, 200_000),
        &before,
        Some(("orders-db", Category::Latency)),
    );
}

#[test]
fn a_tail_is_seen_and_an_old_one_is_not() {
    let period = |every: u64| {
        tape(600, move |tape, n| {
            let slow = n % every == 3;
            tape.trace(&asked(
                vec![price(), stock(if slow { 120_000 } else { 900 })],
                None,
            ));
        })
    };
    let never = u64::MAX;
    check(
        &period(20),
        &period(never),
        Some(("stock", Category::Latency)),
    );
    check(&period(20), &period(20), None);
}

#[test]
fn one_at_a_time_is_capacity_and_a_slow_way_is_not() {
    // Calls come every 100 ms; each takes 90 ms to 140 ms.
    let period = |line: bool, way: i64| {
        let mut period = tape(150, |tape, _| {
            tape.trace(&asked(vec![price(), stock(60_000)], None))
        });
        let (mut free, mut stretch) = (0_i64, BTreeMap::new());
        let mut served: Vec<&mut Hop> = period
            .spans
            .iter_mut()
            .filter(|it| &*it.service == "stock")
            .collect();
        served.sort_by_key(|it| it.start);
        for (n, hop) in served.into_iter().enumerate() {
            let begins = hop.start.0;
            hop.start.0 += way * MS * (n as i64 * 13 % 11) / 11;
            if line {
                hop.start.0 = hop.start.0.max(free);
                hop.duration_ns = (70 + n as i64 * 7 % 60) * MS;
            }
            free = hop.start.0 + hop.duration_ns;
            stretch.insert(hop.trace_id, hop.start.0 - begins);
        }
        for hop in period
            .spans
            .iter_mut()
            .filter(|it| &*it.service != "stock" && &*it.service != "price")
        {
            let own = stretch.get(&hop.trace_id).copied().unwrap_or(0);
            let calls_price = hop.kind == SpanKind::Client && hop.duration_ns < 10 * MS;
            hop.duration_ns += if calls_price { 0 } else { own + 80 * MS };
        }
        period
    };
    let before = period(false, 0);
    let verdict = explain("x", &period(true, 0), &before);
    assert_eq!(verdict.category, Some(Category::Capacity), "{verdict:#?}");
    assert_eq!(verdict.culprit.map(|it| it.name).as_deref(), Some("stock"));
    let verdict = explain("x", &period(false, 600), &before);
    assert_eq!(verdict.category, Some(Category::Latency), "{verdict:#?}");
}

#[test]
fn a_store_that_takes_no_writes_is_ill() {
    let words = "ERROR: cannot execute INSERT in a read-only transaction";
    let period = |ill: bool| {
        tape(150, move |tape, _| {
            let mut insert = query("order", "INSERT orders", 2_000);
            insert.failed = ill.then_some(words);
            let below = vec![query("order", "SELECT orders", 900), insert];
            tape.trace(&asked(below, ill.then_some("")));
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("orders-db", Category::Infrastructure)),
    );
}

#[test]
fn a_node_is_named_by_one_of_its_services() {
    let period = |slow_us: i64| {
        let mut period = tape(240, |tape, n| {
            let more = if n % 3 == 1 { slow_us } else { 0 };
            let quote = ask("order", serve("price", "quote", 2_000 + more, vec![]));
            tape.trace(&asked(vec![quote, stock(900 + more)], None));
        });
        for hop in period
            .spans
            .iter_mut()
            .filter(|it| matches!(&*it.service, "price" | "stock"))
        {
            let n = u128::from_be_bytes(hop.trace_id.0) as u64 - 1;
            hop.host = Some(["node-1", "node-2", "node-3"][(n % 3) as usize].into());
        }
        period
    };
    let verdict = explain("x", &period(150_000), &period(0));
    assert_eq!(verdict.culprit.map(|it| it.name).as_deref(), Some("node-2"));
}

#[test]
fn a_certificate_that_is_over_is_its_owners() {
    let words =
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    let period = |ill: bool| {
        tape(150, move |tape, n| {
            let reach = |from| match ill {
                true => unanswered(from, "stock", 300, words),
                false => ask(from, serve("stock", "take", 900, vec![])),
            };
            tape.trace(&asked(vec![price(), reach("order")], ill.then_some("")));
            if n.is_multiple_of(2) {
                let mut page = serve("front", "/stock", 500, vec![reach("front")]);
                page.failed = ill.then_some("");
                tape.trace(&page);
            }
        })
    };
    let verdict = explain("x", &period(true), &period(false));
    assert_eq!(
        verdict.culprit.as_ref().map(|it| it.name.as_str()),
        Some("stock"),
        "{verdict:#?}"
    );
}

#[test]
fn a_number_that_is_no_number_any_more() {
    let period = |ill: bool, nothing: bool| {
        tape(150, move |tape, n| {
            let thrown = ill.then_some("TypeError: Cannot read properties of null");
            let mut create = serve(
                "order",
                "create",
                1_500,
                vec![
                    serve("price", "quote", 2_000, vec![]),
                    serve("stock", "take", 900, vec![]),
                ],
            );
            create.failed = thrown;
            let mut page = serve("front", "/buy", 800, vec![create]);
            page.failed = thrown.map(|_| "");
            tape.trace(&page);
            let value = if nothing {
                "null".to_owned()
            } else {
                format!("{}.5", 3 + n % 9)
            };
            tape.line(
                "price",
                9,
                &format!("quote for cart {n}: {value} EUR"),
                true,
            );
        })
    };
    check(
        &period(true, true),
        &period(false, false),
        Some(("price", Category::SilentData)),
    );
    check(&period(false, true), &period(false, false), None);
    check(
        &period(true, false),
        &period(false, false),
        Some(("order", Category::Error)),
    );
}

#[test]
fn one_caller_without_rights_is_named_and_not_who_turns_it_away() {
    let period = |ill: bool| {
        tape(150, move |tape, _| {
            let call = |from: &'static str, refused: bool| {
                let mut call = ask(from, serve("stock", "take", 900, vec![]));
                call.failed = refused.then_some("403 Forbidden: scope stock:write is missing");
                call
            };
            tape.trace(&asked(vec![price(), call("order", ill)], ill.then_some("")));
            tape.trace(&serve("front", "/stock", 500, vec![call("front", false)]));
        })
    };
    check(
        &period(true),
        &period(false),
        Some(("order", Category::Permission)),
    );
}

#[test]
fn an_empty_answer_that_nobody_fails_of_but_that_ends_the_work() {
    let period = |empty: bool| {
        tape(150, move |tape, n| {
            let calls = match empty {
                true => vec![price()],
                false => vec![
                    price(),
                    stock(900),
                    ask("order", serve("mail", "send", 700, vec![])),
                ],
            };
            tape.trace(&asked(calls, None));
            let found = if empty { 0 } else { 3 + n % 9 };
            tape.line(
                "price",
                9,
                &format!("search {n} found {found} offers"),
                true,
            );
        })
    };
    let verdict = explain("x", &period(true), &period(false));
    assert_eq!(
        verdict.culprit.as_ref().map(|it| it.name.as_str()),
        Some("price"),
        "{verdict:#?}"
    );
}
