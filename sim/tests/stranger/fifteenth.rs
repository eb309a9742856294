//! A fifteenth lot: hosts that are slow for many requests, ways that were closed, ids of one form, what grew inside of blocks,
//! messages that lay behind others, calls that were made again: each beside its look-alike.

use super::{
    Mystery, at, calm, crime,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    sixth::chain,
    vary,
};
use model::Category;
use serde_json::json;

const SQS: (&str, &str) = ("sqs", "sendMessage.waitForTaskToken");

/// Calls that are let in at last, or answered late at once.
fn freight(desk: &mut Desk, n: usize, lost: &[&str], ms: i64) -> String {
    let asked = [
        ("http.request.method", "GET"),
        ("server.address", "tariff-desk"),
    ];
    let mut price = lambda(
        "price-freight",
        90 + vary(n, 20) + 4_000 * lost.len() as i64 + ms,
    );
    for said in lost {
        let call = Call::new("GET", 4_000, &asked);
        price = price.calling(call.throwing("ConnectException", said));
    }
    let answered = Call::new("GET", ms, &asked).by(&[("service.name", "tariff-desk")], ms - 3);
    let all = [("Price", price.calling(answered), json!({"eur": 41}))];
    chain(desk, "freight", n, &json!({"crates": n % 4}), &all)
}

fn let_in_at_last(desk: &mut Desk, n: usize, ill: bool) -> String {
    let said = "connect to tariff-desk:8443 failed: Connection timed out";
    let lost = [said; 3];
    freight(desk, n, &lost[..if ill { 3 } else { 0 }], 40 + vary(n, 9))
}

fn late_at_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    freight(desk, n, &[], if ill { 12_100 } else { 40 + vary(n, 9) })
}

/// Passports are read by number; some are of an older form.
fn passports(desk: &mut Desk, n: usize, number: &str, wrong: Option<(&str, &str)>) -> String {
    let input = json!({"counter": format!("c{}", n % 3), "passport": number});
    let version = if n >= 8 { "22" } else { "21" };
    let mut read = lambda("read-passport", 130 + vary(n, 30)).version(version);
    if let Some((kind, said)) = wrong {
        read = read.raising(kind, said);
    }
    let mut run = Run::new("border", &format!("q{n}"), at(n), &input);
    let tries = vec![read; if wrong.is_some() { 2 } else { 1 }];
    if desk.retried(&mut run, "Read", &tries, &input, &json!({"read": 1})) {
        return desk.end(run, End::Well(&json!({"read": 1})));
    }
    let (kind, said) = wrong.unwrap_or_default();
    let cause = json!({"errorMessage": said, "errorType": kind}).to_string();
    desk.end(run, End::Failed(kind, &cause))
}

const UNPACK: (&str, &str) = (
    "ValueError",
    "not enough values to unpack (expected 3, got 1)",
);

fn number(n: usize, old: bool) -> String {
    let digits = 40_000 + vary(n, 9_000);
    match old {
        true => format!("KV{digits}"),
        false => format!("K-{}-{digits}", n % 7),
    }
}

fn form_that_is_read_no_more(desk: &mut Desk, n: usize, ill: bool) -> String {
    let old = ill || n < 8 && n.is_multiple_of(2);
    passports(desk, n, &number(n, old), ill.then_some(UNPACK))
}

fn form_that_others_had_since(desk: &mut Desk, n: usize, ill: bool) -> String {
    let old = ill || n.is_multiple_of(2);
    passports(desk, n, &number(n, old), ill.then_some(UNPACK))
}

/// Two sides of a block write of the same week; what they give is joined.
fn menu(desk: &mut Desk, n: usize, sides: [(usize, &'static str); 2], wrong: bool) -> String {
    let input = json!({"week": n});
    let mut run = Run::new("canteen", &format!("u{n}"), at(n), &input);
    run.enter("Parallel", "Write", &input);
    run.push("ParallelStateStarted", json!({}));
    let top = run.mark();
    let names = [("Dishes", "list-dishes"), ("Traces", "list-allergens")];
    let gave = |n: usize| json!({"text": "k".repeat(sides[n].0)});
    for (n, (state, name)) in names.into_iter().enumerate() {
        run.back(top);
        let list = lambda(name, 200 + 40 * n as i64).version(sides[n].1);
        desk.task(&mut run, state, &list, &input, &gave(n));
    }
    run.push("ParallelStateSucceeded", json!({}));
    let both = json!([gave(0), gave(1)]);
    run.exit("Parallel", "Write", &both);
    run.enter("Task", "Join", &both);
    let join = lambda("join-menu", if wrong { 300 } else { 150 + vary(n, 20) });
    desk.invoke(&mut run, &join, &json!({}), &json!({"joined": 1}));
    if wrong {
        let cause = "The state/task 'join-menu' returned a result with a size exceeding the maximum number of bytes service limit.";
        return desk.end(run, End::Failed("States.DataLimitExceeded", cause));
    }
    run.exit("Task", "Join", &json!({"joined": 1}));
    desk.end(run, End::Well(&json!({"joined": 1})))
}

fn one_side_grew(desk: &mut Desk, n: usize, ill: bool) -> String {
    let grown = if ill { (240_000, "8") } else { (9_000, "7") };
    menu(desk, n, [(8_000 + n * 10, "4"), grown], ill)
}

/// How hosts answer behind a router, one request after the other: host, flags and status, milliseconds.
fn sent(desk: &mut Desk, n: usize, all: &[(&'static str, &str, &str, i64)]) -> String {
    let mut of = lambda(
        "stamp-bills",
        60 + vary(n, 9) + all.iter().map(|it| it.3).sum::<i64>(),
    );
    let mut wrong = false;
    for (host, flags, code, ms) in all {
        let told = [
            ("component", "proxy"),
            ("upstream_cluster", "seal-office"),
            ("upstream_address", host),
            ("response_flags", flags),
            ("http.status_code", code),
        ];
        let mut call = Call::new("router seal-office egress", *ms, &told);
        if *code != "200" {
            wrong = true;
            call = call.failing("");
        }
        of = of.calling(call);
    }
    if wrong {
        of = of.raising("SealError", "seal-office: status 503");
    }
    let all = [("Stamp", of, json!({"stamped": 1}))];
    chain(desk, "bills", n, &json!({"bill": n % 6}), &all)
}

const SEALS: [&str; 3] = ["10.9.1.4:7000", "10.9.1.5:7000", "10.9.2.6:7000"];

fn sealed(
    n: usize,
    last: (&'static str, i64),
) -> [(&'static str, &'static str, &'static str, i64); 5] {
    let quick = 30 + vary(n, 9);
    let mut all = [(SEALS[n % 2], "-", "200", quick); 5];
    for it in 0..4 {
        all[it].0 = SEALS[(n + it) % 2];
    }
    all[1] = (
        SEALS[2],
        last.0,
        if last.0 == "-" { "200" } else { "503" },
        last.1,
    );
    all[3] = all[1];
    all
}

fn unreached(desk: &mut Desk, n: usize, ill: bool, change: (&str, &str, &str)) -> String {
    if n == 12 {
        desk.changed(at(n) - 90_000, change.0, change.1, change.2);
    }
    let last = if ill { ("UF", 2_000) } else { ("-", 31) };
    sent(desk, n, &sealed(n, last))
}

fn way_closed(desk: &mut Desk, n: usize, ill: bool) -> String {
    let change = (
        "cloudtrail",
        "acl-08d1",
        "ReplaceNetworkAclEntry: deny tcp/7000 from 10.9.0.0/17",
    );
    unreached(desk, n, ill, change)
}

fn host_gone(desk: &mut Desk, n: usize, ill: bool) -> String {
    unreached(desk, n, ill, ("deploy", "route-planner", "version 14"))
}

fn slow_behind_a_router(desk: &mut Desk, n: usize, ill: bool) -> String {
    let ms = if ill { 4_200 + vary(n, 300) } else { 30 };
    sent(desk, n, &sealed(n, ("-", ms)))
}

fn slow_on_every_host(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut all = sealed(n, ("-", 30));
    if ill {
        all = all.map(|it| (it.0, it.1, it.2, 4_200 + vary(n, 300)));
    }
    sent(desk, n, &all)
}

/// One late answer, at whichever of several addresses of the same name it was.
fn reached(desk: &mut Desk, n: usize, all: &[(&'static str, i64)]) -> String {
    let mut of = lambda(
        "book-berth",
        70 + vary(n, 9) + all.iter().map(|it| it.1).sum::<i64>(),
    );
    for (address, ms) in all {
        let told = [
            ("http.request.method", "POST"),
            ("server.address", "harbour-desk"),
            ("network.peer.address", *address),
        ];
        of = of.calling(Call::new("POST", *ms, &told));
    }
    let all = [("Book", of, json!({"booked": 1}))];
    chain(desk, "harbour", n, &json!({"ship": n % 6}), &all)
}

const DESKS: [&str; 3] = ["10.31.0.11", "10.31.0.12", "10.31.0.13"];

fn slow_at_one_address(desk: &mut Desk, n: usize, ill: bool) -> String {
    let slow = if ill { 5_100 + vary(n, 200) } else { 25 };
    let quick = 25 + vary(n, 5);
    let all = [
        (DESKS[0], quick),
        (DESKS[1], slow),
        (DESKS[2], quick),
        (DESKS[1], slow),
    ];
    reached(desk, n, &all)
}

fn late_once(desk: &mut Desk, n: usize, ill: bool) -> String {
    let slow = if ill && n == 12 { 9_100 } else { 25 };
    reached(desk, n, &[(DESKS[n % 3], slow)])
}

/// Many requests to one of three hosts, each of them a little slow.
fn postings(desk: &mut Desk, n: usize, ms: [i64; 3]) -> String {
    const HOSTS: [&str; 3] = ["post-a", "post-b", "post-c"];
    let mut of = lambda("post-lines", 80 + vary(n, 15) + 6 * ms.iter().sum::<i64>());
    for it in 0..18 {
        let call = Call::new("POST /line", ms[it % 3], &[("server.address", "line-post")]);
        let host = [("service.name", "line-post"), ("host.name", HOSTS[it % 3])];
        of = of.calling(call.by(&host, ms[it % 3] - 2));
    }
    let all = [("Post", of, json!({"posted": 18}))];
    chain(desk, "postings", n, &json!({"lines": 18}), &all)
}

fn one_host_is_slow_for_all(desk: &mut Desk, n: usize, ill: bool) -> String {
    postings(desk, n, [30, if ill { 900 } else { 32 }, 31])
}

fn all_hosts_are_slow_for_all(desk: &mut Desk, n: usize, ill: bool) -> String {
    postings(desk, n, if ill { [850, 900, 840] } else { [30, 32, 31] })
}

/// A try that ran out of memory, in a run that is not slow as runs vary, but longer than all.
fn grinding(desk: &mut Desk, n: usize, lost: Option<(i64, bool)>) -> String {
    let input = json!({"lot": n % 5});
    let mut run = Run::new("grinding", &format!("g{n}"), at(n), &input);
    let grind = lambda("grind-lens", 30_000 + vary(n, 50_000));
    let mut tries = vec![grind.clone()];
    if let Some((ms, killed)) = lost {
        let mut first = lambda("grind-lens", ms);
        let said = match killed {
            true => {
                first.memory = (2_048, 2_048);
                first.killed = Some("Runtime exited with error: signal: killed");
                "RequestId: REQ Error: Runtime exited with error: signal: killed"
            }
            false => "grinder is warming up",
        };
        let kind = if killed {
            "Runtime.ExitError"
        } else {
            "WarmUp"
        };
        first.error = Some((kind.into(), said.into()));
        tries.insert(0, first);
    }
    desk.retried(&mut run, "Grind", &tries, &input, &json!({"ground": 1}));
    desk.end(run, End::Well(&json!({"ground": 1})))
}

fn ground_twice(desk: &mut Desk, n: usize, ill: bool) -> String {
    grinding(desk, n, ill.then_some((95_000, true)))
}

fn told_to_come_again(desk: &mut Desk, n: usize, ill: bool) -> String {
    grinding(desk, n, ill.then_some((2_000, false)))
}

/// A worker takes messages of the same group one after the other, and writes nothing of them.
fn engraved(desk: &mut Desk, n: usize, others: usize, began: i64, ms: i64) -> String {
    let group = format!("trophy-{}", n % 2);
    let input = json!({"cup": n});
    let mut run = Run::new("engraving", &format!("e{n}"), at(n), &input);
    run.enter("Task", "Engrave", &input);
    let token = format!("AQGR{:016x}{:016x}", desk.id(), desk.id());
    let message = json!({"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/480213377711/engravings.fifo", "MessageGroupId": group, "MessageBody": {"token": token, "group": group}});
    run.schedule(SQS, &message, &json!({"timeoutInSeconds": 1800}));
    let id = desk.id();
    let id = format!("{:08x}-71ab-4d01-9c1e-{:012x}", id >> 32, id >> 16);
    run.submitted(SQS, &json!({"MessageId": id}));
    let begin = run.at;
    let work = |ms: i64| lambda("engrave-cup", ms).saying("INFO", "engraving");
    for other in 0..others {
        let each = began / others as i64;
        desk.ran(&work(each - 900), begin + 200 + other as i64 * each);
    }
    desk.ran(&work(ms), begin + began + 300);
    run.wait(began + 300 + ms + 250);
    run.succeeded(SQS, &json!({"engraved": 1}));
    run.exit("Task", "Engrave", &json!({"engraved": 1}));
    desk.end(run, End::Well(&json!({"engraved": 1})))
}

fn behind_others_of_its_group(desk: &mut Desk, n: usize, ill: bool) -> String {
    let (others, began) = if ill { (8, 200_000) } else { (0, 0) };
    engraved(desk, n, others, began, 2_100 + vary(n, 300))
}

fn engraved_slowly(desk: &mut Desk, n: usize, ill: bool) -> String {
    engraved(
        desk,
        n,
        0,
        0,
        if ill { 200_000 } else { 2_100 + vary(n, 300) },
    )
}

/// Behind a function, a service in a new version that does not know one kind of ids any more.
fn parcels(desk: &mut Desk, n: usize, id: &str, wrong: bool) -> String {
    let version = if n >= 8 { "5.1.0" } else { "5.0.3" };
    let by = [("service.name", "zone-map"), ("service.version", version)];
    let mut call = Call::new("GET /zone", 30, &[("server.address", "zone-map")]).by(&by, 26);
    let mut of = lambda("route-parcel", 90 + vary(n, 15));
    if wrong {
        call = call
            .failing("500")
            .serving_error("panic: index out of range [2] with length 2");
        of = of.raising("ZoneError", "zone-map answered 500");
    }
    let all = [("Route", of.calling(call), json!({"zone": 3}))];
    chain(desk, "parcels", n, &json!({"parcel": id}), &all)
}

fn parcel(n: usize, kind: &str) -> String {
    format!("{kind}-{}", 51_000 + vary(n, 8_000))
}

fn ids_of_one_beginning(desk: &mut Desk, n: usize, ill: bool) -> String {
    let kind = if ill || n < 8 && n.is_multiple_of(2) {
        "SEA"
    } else {
        "AIR"
    };
    parcels(desk, n, &parcel(n, kind), ill)
}

fn ids_of_any_beginning(desk: &mut Desk, n: usize, ill: bool) -> String {
    let kind = if n.is_multiple_of(2) { "SEA" } else { "AIR" };
    parcels(desk, n, &parcel(n, kind), ill)
}

/// A store that a cloud gave an address.
fn asked_of(desk: &mut Desk, n: usize, address: &'static str, ms: i64) -> String {
    let told = [
        ("db.system.name", "postgresql"),
        ("server.address", address),
    ];
    let call = Call::new("SELECT shelves", ms, &told);
    let of = lambda("count-books", 60 + vary(n, 9) + ms).calling(call);
    let all = [("Count", of, json!({"books": 9}))];
    chain(desk, "library", n, &json!({"hall": n % 4}), &all)
}

fn store_of_a_cloud(desk: &mut Desk, n: usize, ill: bool) -> String {
    const AT: &str = "shelves-db.cluster-ro-x81k.eu-central-1.rds.amazonaws.com";
    asked_of(desk, n, AT, if ill { 8_400 } else { 12 })
}

fn store_of_ones_own(desk: &mut Desk, n: usize, ill: bool) -> String {
    asked_of(
        desk,
        n,
        "shelves-db.halls.internal",
        if ill { 8_400 } else { 12 },
    )
}

pub fn all() -> Vec<Mystery> {
    use Category::{
        BadDeploy, BadInput, Capacity, DataSize, Error, Infrastructure, Latency, Memory,
        NetworkConfig,
    };
    let bad = |what, names, categories, make| crime(what, names, categories, make);
    vec![
        bad(
            "let in at last",
            &["tariff-desk"],
            &[NetworkConfig, Infrastructure],
            let_in_at_last,
        ),
        bad(
            "answered late at once",
            &["tariff-desk"],
            &[Latency],
            late_at_once,
        ),
        bad(
            "a form that is read no more",
            &["read-passport"],
            &[BadDeploy],
            form_that_is_read_no_more,
        )
        .runs(14, 1),
        bad(
            "a form that others had since",
            &["read-passport", "input"],
            &[Error, BadInput],
            form_that_others_had_since,
        )
        .runs(14, 1),
        bad(
            "one side of a block grew",
            &["list-allergens"],
            &[DataSize, BadDeploy],
            one_side_grew,
        ),
        bad(
            "the way to a host was closed",
            &["10.9.2.6:7000"],
            &[NetworkConfig],
            way_closed,
        ),
        bad(
            "a host that is gone",
            &["10.9.2.6:7000"],
            &[Infrastructure],
            host_gone,
        ),
        bad(
            "slow behind a router on one host",
            &["10.9.2.6:7000"],
            &[Infrastructure],
            slow_behind_a_router,
        ),
        bad(
            "slow behind a router on every host",
            &["seal-office"],
            &[Latency],
            slow_on_every_host,
        ),
        bad(
            "slow at one address",
            &["10.31.0.12"],
            &[Infrastructure],
            slow_at_one_address,
        ),
        bad(
            "late once at one address",
            &["harbour-desk"],
            &[Latency],
            late_once,
        )
        .runs(12, 1),
        bad(
            "one host is slow for all requests",
            &["post-b"],
            &[Infrastructure],
            one_host_is_slow_for_all,
        ),
        bad(
            "all hosts are slow for all requests",
            &["line-post"],
            &[Latency],
            all_hosts_are_slow_for_all,
        ),
        bad("ground twice", &["grind-lens"], &[Memory], ground_twice).runs(12, 1),
        calm("told to come again", told_to_come_again).runs(12, 1),
        bad(
            "behind others of its group",
            &["engravings.fifo"],
            &[Capacity],
            behind_others_of_its_group,
        )
        .runs(12, 1),
        bad(
            "engraved slowly",
            &["engrave-cup"],
            &[Latency],
            engraved_slowly,
        )
        .runs(12, 1),
        bad(
            "ids of one beginning",
            &["zone-map"],
            &[BadDeploy],
            ids_of_one_beginning,
        )
        .runs(14, 2),
        bad(
            "ids of any beginning",
            &["zone-map"],
            &[Error, BadDeploy],
            ids_of_any_beginning,
        )
        .runs(14, 2),
        bad(
            "a store of a cloud",
            &["shelves-db"],
            &[Latency],
            store_of_a_cloud,
        ),
        bad(
            "a store of one's own",
            &["shelves-db.halls.internal"],
            &[Latency],
            store_of_ones_own,
        ),
    ]
}
