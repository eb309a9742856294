//! Whose own matter it is: resolvers, rights, rooms that are full, processes that die: each crime beside its look-alike.

use super::*;

fn asked(below: Vec<Call>, failed: bool) -> Call {
    let mut create = serve("order", "create", 1_500, below);
    create.failed = failed.then_some("");
    let mut page = serve("front", "/buy", 800, vec![ask("front", create)]);
    page.failed = failed.then_some("");
    page
}

fn unanswered(service: &'static str, to: &'static str, words: &'static str) -> Call {
    Call {
        service,
        name: "POST",
        kind: SpanKind::Client,
        own_us: 300,
        peer: Some(to),
        failed: Some(words),
        ..Call::default()
    }
}

fn answered(from: &'static str, by: &'static str) -> Call {
    ask(from, serve(by, "answer", 900, vec![]))
}

/// Every second charge fails with these words.
fn charged(words: &'static str) -> Period {
    tape(200, move |tape, n| {
        let ill = n % 2 == 0 && !words.is_empty();
        let mut pay = serve("pay", "charge", 4_000, vec![]);
        pay.failed = ill.then_some(words);
        tape.trace(&asked(vec![ask("order", pay)], ill));
    })
}

#[test]
fn nonsense_that_was_answered_is_not_what_was_sent() {
    let error = Category::Error;
    check(
        &charged("key vault: malformed response"),
        &charged(""),
        Some(("pay", error)),
    );
    let verdict = explain("x", &charged("malformed request"), &charged(""));
    let culprit = verdict.culprit.map(|it| it.name);
    assert_eq!(culprit.as_deref(), Some("order"));
}

/// `order` and `report` look up `price` and `stock`, so many of a hundred times in vain.
fn looked_up(order: u64, report: u64) -> Period {
    const WORDS: &str = "getaddrinfo EAI_AGAIN";
    tape(400, move |tape, n| {
        let to = ["price", "stock"][(n / 2 % 2) as usize];
        let reach = |from: &'static str, ill: bool| match ill {
            true => unanswered(from, to, WORDS),
            false => answered(from, to),
        };
        let dice = n * 37 % 100;
        if n % 2 == 0 {
            let ill = dice < order;
            tape.trace(&asked(vec![reach("order", ill)], ill));
        } else {
            let ill = dice < report;
            let mut daily = serve("report", "daily", 900, vec![reach("report", ill)]);
            daily.failed = ill.then_some("");
            tape.trace(&daily);
        }
    })
}

#[test]
fn whoever_resolves_names_in_vain_alone_has_a_resolver_of_his_own() {
    let before = looked_up(0, 0);
    let config = Category::NetworkConfig;
    check(&looked_up(95, 0), &before, Some(("order", config)));
    // On one of its instances.
    check(&looked_up(25, 0), &before, Some(("order", config)));
    // Nobody resolves them.
    let verdict = explain("x", &looked_up(80, 80), &before);
    let culprit = verdict.culprit.map(|it| it.name).unwrap_or_default();
    assert!(matches!(&*culprit, "price" | "stock"), "{culprit}");
}

/// Both write to a store that records nothing; one of them, or both, is turned away.
fn stored(words: Option<&'static str>, other: bool) -> Period {
    tape(150, move |tape, n| {
        let mut insert = query("order", "INSERT orders", 2_000);
        insert.failed = words;
        tape.trace(&asked(vec![insert], words.is_some()));
        if n % 2 == 0 {
            let ill = words.filter(|_| other);
            let mut select = query("report", "SELECT orders", 2_000);
            select.failed = ill;
            let mut daily = serve("report", "daily", 900, vec![select]);
            daily.failed = ill;
            tape.trace(&daily);
        }
    })
}

#[test]
fn rights_on_a_table_are_ones_own() {
    let before = stored(None, false);
    let denied = Some("INSERT command denied to user 'order'@'10.0.3.9' for table 'orders'");
    let permission = Category::Permission;
    check(&stored(denied, false), &before, Some(("order", permission)));
    let store = Some(("orders-db", permission));
    check(&stored(denied, true), &before, store);
}

#[test]
fn a_store_without_room_is_ill_though_it_serves_those_who_read() {
    let period = |words: Option<&'static str>| {
        tape(300, move |tape, n| {
            if n % 3 == 0 {
                let put = match words {
                    Some(words) => unanswered("order", "stock", words),
                    None => answered("order", "stock"),
                };
                tape.trace(&asked(vec![put], words.is_some()));
            } else {
                let look = answered("front", "stock");
                tape.trace(&serve("front", "/stock", 500, vec![look]));
            }
        })
    };
    let before = period(None);
    check(
        &period(Some(
            "Storage backend has reached its minimum free drive threshold",
        )),
        &before,
        Some(("stock", Category::Capacity)),
    );
    check(
        &period(Some("connect to stock:80 failed: Connection timed out")),
        &before,
        Some(("order", Category::NetworkConfig)),
    );
}

#[test]
fn what_a_store_says_of_whom_it_serves_is_no_complaint() {
    let wrote = |body: &'static str| {
        tape(150, move |tape, _| {
            let mut put = query("order", "PUT orders", 2_000);
            put.failed = Some("could not write");
            tape.trace(&asked(vec![put], true));
            tape.line("order", 17, "create failed: could not write", true);
            tape.line("orders-db", 17, body, true);
        })
    };
    let before = stored(None, false);
    let full = wrote("PutObject(bucket=order): no space left on device");
    check(&full, &before, Some(("orders-db", Category::Capacity)));
    let full = wrote("PutObject(bucket=b7): no space left on device");
    check(&full, &before, Some(("orders-db", Category::Capacity)));
}

/// In every second request nobody listens at `price`, which writes this of itself.
fn dying(line: Option<&'static str>, release: &'static str, ill: bool) -> Period {
    let mut period = tape(200, move |tape, n| {
        let gone = ill && n % 2 == 0;
        let call = match gone {
            true => unanswered("order", "price", "connect ECONNREFUSED 10.1.4.7:80"),
            false => answered("order", "price"),
        };
        tape.trace(&asked(vec![call], gone));
        if let Some(line) = line.filter(|_| n % 20 == 0) {
            tape.line("price", 21, line, false);
        }
    });
    let spans = period.spans.iter_mut();
    let own = spans.filter(|it| &*it.service == "price");
    own.for_each(|it| it.release = Some(release.into()));
    period
}

#[test]
fn why_nobody_listens_is_told_by_how_the_process_died() {
    let before = dying(None, "7.1", false);
    let crash = Some("*** SIGSEGV (@0x0) received by PID 1 ***");
    let heap = Some("Terminating due to java.lang.OutOfMemoryError: Java heap space");
    let named = |category| Some(("price", category));
    check(
        &dying(crash, "7.2", true),
        &before,
        named(Category::BadDeploy),
    );
    check(&dying(heap, "7.1", true), &before, named(Category::Memory));
    check(
        &dying(crash, "7.1", true),
        &before,
        named(Category::Infrastructure),
    );
    check(
        &dying(None, "7.2", true),
        &before,
        named(Category::Infrastructure),
    );
}

#[test]
fn code_that_stumbles_on_one_instance_is_no_matter_of_its_machine() {
    let period = |words: Option<&'static str>| {
        let mut period = tape(240, move |tape, n| {
            let mut quote = serve("price", "quote", 2_000, vec![]);
            let ill = words.filter(|_| n % 3 == 1);
            quote.failed = ill;
            tape.trace(&asked(vec![ask("order", quote)], ill.is_some()));
        });
        let spans = period.spans.iter_mut();
        for hop in spans.filter(|it| &*it.service == "price") {
            let n = u128::from_be_bytes(hop.trace_id.0) as u64 - 1;
            hop.host = Some(["node-1", "node-2", "node-3"][(n % 3) as usize].into());
        }
        period
    };
    let judged = |words| explain("x", &period(Some(words)), &period(None));
    let told = |verdict: model::Verdict| {
        let culprit = verdict.culprit.unwrap_or_default();
        assert_eq!(culprit.path, ["price", "node-2"]);
        (culprit.name, verdict.category)
    };
    let price = |category| ("price".to_owned(), Some(category));
    let stumbled = told(judged("class A cannot be cast to class B"));
    assert_eq!(stumbled, price(Category::Error));
    // What it says of its failure is its own; who answers 500 and nothing else may be broken with its machine.
    let said = told(judged("read /data/tariffs: Input/output error"));
    assert_eq!(said, price(Category::Error));
    let silent = told(judged("status code 500"));
    assert_eq!(silent, price(Category::Infrastructure));
}

#[test]
fn a_pool_that_runs_dry_while_the_callee_is_quick_is_the_callers() {
    const OWN: &str = "Timeout waiting for connection from pool (max 8)";
    let period_of = |ill: bool, us: i64, words: &'static str| {
        tape(240, move |tape, n| {
            let dry = ill && n % 2 == 0;
            let mut wait = unanswered("order", "price", words);
            wait.own_us = 1_500_000;
            let call = match dry {
                true => wait,
                false => ask("order", serve("price", "quote", us, vec![])),
            };
            tape.trace(&asked(vec![call], dry));
        })
    };
    let period = |ill: bool, us: i64| period_of(ill, us, OWN);
    let before = period(false, 2_000);
    let capacity = Category::Capacity;
    check(&period(true, 2_000), &before, Some(("order", capacity)));
    // Whoever was called answered so.
    let answer = "503 Service Unavailable: worker pool exhausted";
    let theirs = period_of(true, 2_000, answer);
    check(&theirs, &before, Some(("price", capacity)));
    let slow = explain("x", &period(true, 900_000), &before);
    let culprit = slow.culprit.map(|it| it.name);
    assert_eq!(culprit.as_deref(), Some("price"));
}

#[test]
fn a_cache_without_room_is_named_before_who_asks_the_store_instead() {
    let period = |times: usize, line: Option<&'static str>| {
        tape(150, move |tape, n| {
            let look = Call {
                peer: Some("page-cache"),
                ..query("order", "GET", 900)
            };
            let mut below = vec![look];
            below.extend(vec![query("order", "SELECT item", 6_000); times]);
            tape.trace(&asked(below, false));
            if let Some(line) = line.filter(|_| n % 10 == 0) {
                tape.line("page-cache", 13, line, false);
            }
        })
    };
    let before = period(1, None);
    let evicts = Some("maxmemory 64mb reached: evicted 700 keys");
    let cache = Some(("page-cache", Category::Memory));
    check(&period(9, evicts), &before, cache);
    let saved = Some("DB saved on disk");
    check(
        &period(9, saved),
        &before,
        Some(("order", Category::Latency)),
    );
    // It forgets, and nobody asks more for it.
    let verdict = explain("x", &period(1, evicts), &before);
    assert_eq!(verdict.outcome, Outcome::NoCrime, "{verdict:?}");
}
