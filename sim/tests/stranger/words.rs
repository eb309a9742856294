//! A third lot: what clients, validators and Lambda itself write.

use super::{
    Mystery, at, crime,
    desk::{Desk, End, Run},
    lambda::{Lambda, lambda},
    vary,
};
use model::{Category, Fatality};
use serde_json::json;

/// One function between two usual ones.
fn middle(desk: &mut Desk, n: usize, machine: &str, of: Lambda, tries: usize) -> String {
    let input = json!({"n": n, "amount": 12, "currency": "EUR"});
    let mut run = Run::new(machine, &format!("v{n}"), at(n), &input);
    let fetch = lambda("fetch-order", 90 + vary(n, 25));
    desk.task(&mut run, "Fetch", &fetch, &input, &input);
    let failed = of.error.clone();
    if desk.retried(
        &mut run,
        "Treat",
        &vec![of; tries],
        &input,
        &json!({"b": 2}),
    ) {
        desk.task(
            &mut run,
            "Store",
            &lambda("store-order", 60),
            &json!({"b": 2}),
            &json!({"c": 3}),
        );
        return desk.end(run, End::Well(&json!({"c": 3})));
    }
    let (kind, message) = failed.unwrap_or_default();
    let cause = json!({"errorType": kind, "errorMessage": message}).to_string();
    desk.end(run, End::Failed(&kind, &cause))
}

/// A function that fails with these words when it is ill.
fn said(desk: &mut Desk, n: usize, ill: bool, ms: i64, kind: &str, message: &str) -> String {
    let mut of = lambda("treat-order", 130 + vary(n, 30));
    if ill {
        of.ms = ms;
        of = of.raising(kind, message);
    }
    middle(desk, n, "treat", of, if ill { 2 } else { 1 })
}

fn undici(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill,
        10_050,
        "TypeError",
        "fetch failed: ConnectTimeoutError: Connect Timeout Error (attempted address: tax.corp.local:443, timeout: 10000ms)",
    )
}

fn no_route(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("treat-order", 130 + vary(n, 30))
        .saying("INFO", "jdbc:postgresql://billing-db.corp.local:5432/bills");
    if ill {
        of = of.raising("org.postgresql.util.PSQLException", "The connection attempt failed. Caused by: java.net.NoRouteToHostException: No route to host").saying("ERROR", "cannot open jdbc:postgresql://billing-db.corp.local:5432/bills: No route to host");
    }
    middle(desk, n, "treat-bills", of, if ill { 2 } else { 1 })
}

fn awaiting_headers(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill,
        5_020,
        "errorString",
        "Get \"https://fx.corp.local/v1/rates\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    )
}

fn refused_by_cache(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill,
        40,
        "redis.exceptions.ConnectionError",
        "Error 111 connecting to cache-main.corp.local:6379. Connection refused.",
    )
}

fn by_address(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill,
        30_030,
        "OpError",
        "dial tcp 10.44.3.9:27017: connect: connection timed out",
    )
}

/// Lambda refuses to run it; the function's version was new two runs before and ran well.
fn lambda_says(desk: &mut Desk, n: usize, ill: bool, error: &str, cause: &str) -> String {
    let input = json!({"n": n});
    if n == 8 {
        desk.changed(at(n) - 40_000, "lambda", "treat-order", "version 30 -> 31");
    }
    let version = if n < 8 { "30" } else { "31" };
    let mut run = Run::new("treat-vpc", &format!("v{n}"), at(n), &input);
    let fetch = lambda("fetch-order", 90 + vary(n, 25));
    desk.task(&mut run, "Fetch", &fetch, &input, &input);
    if !ill {
        desk.task(
            &mut run,
            "Treat",
            &lambda("treat-order", 120 + vary(n, 20)).version(version),
            &input,
            &input,
        );
        return desk.end(run, End::Well(&input));
    }
    run.enter("Task", "Treat", &input);
    desk.refused(&mut run, "treat-order", error, cause);
    desk.end(run, End::Failed(error, cause))
}

fn no_file_system(desk: &mut Desk, n: usize, ill: bool) -> String {
    lambda_says(
        desk,
        n,
        ill,
        "Lambda.EFSMountConnectivityException",
        "The function couldn't connect to the Amazon EFS file system with access point arn:aws:elasticfilesystem:eu-central-1:480213377711:access-point/fsap-1. Check your network configuration and try again. (Service: Lambda, Status Code: 408)",
    )
}

fn no_key(desk: &mut Desk, n: usize, ill: bool) -> String {
    lambda_says(
        desk,
        n,
        ill,
        "Lambda.KMSAccessDeniedException",
        "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. (Service: Lambda, Status Code: 502)",
    )
}

fn no_addresses(desk: &mut Desk, n: usize, ill: bool) -> String {
    lambda_says(
        desk,
        n,
        ill,
        "Lambda.ENILimitReachedException",
        "Lambda was not able to create an elastic network interface in the VPC because the limit for network interfaces has been reached. (Service: Lambda, Status Code: 502)",
    )
}

/// It hangs at whom it has just named; no spans.
fn hangs(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("treat-order", 240 + vary(n, 40));
    of.lines = vec![
        ("INFO", "order loaded".into()),
        ("INFO", "calling ledger-core".into()),
    ];
    match ill {
        true => {
            of.ms = 15_000;
            of.cut = true;
            of.error = Some((
                "Sandbox.Timedout".into(),
                "RequestId: REQ Error: Task timed out after 15.00 seconds".into(),
            ));
        }
        false => of.lines.push(("INFO", "booked".into())),
    }
    // The lines lie at equal distances, so the last one is written late.
    if ill {
        of.lines = vec![("INFO", "calling ledger-core".into()), ("INFO", "".into())];
        of.lines.truncate(1);
    }
    middle(desk, n, "book", of, if ill { 2 } else { 1 })
}

/// It hangs in work of its own.
fn sorts(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("treat-order", 240 + vary(n, 40));
    of.lines = vec![("INFO", "sorting 50000 rows".into())];
    if ill {
        of.ms = 15_000;
        of.cut = true;
        of.error = Some((
            "Sandbox.Timedout".into(),
            "RequestId: REQ Error: Task timed out after 15.00 seconds".into(),
        ));
    }
    middle(desk, n, "sort", of, if ill { 2 } else { 1 })
}

/// Slow, and only the lines tell at whom.
fn slow_map(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("treat-order", if ill { 9_400 } else { 260 + vary(n, 50) });
    of.lines = vec![("INFO", "GET https://maps.corp.local/route?from=a".into())];
    middle(desk, n, "route", of, 1)
}

fn zod(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill && n == 13,
        40,
        "ZodError",
        "[ { \"code\": \"invalid_type\", \"expected\": \"number\", \"received\": \"string\", \"path\": [ \"amount\" ], \"message\": \"Expected number, received string\" } ]",
    )
}

fn pydantic(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill && n == 13,
        40,
        "ValidationError",
        "2 validation errors for Order\namount\n  Input should be a valid decimal [type=decimal_parsing, input_value='twelve', input_type=str]",
    )
}

fn joi(desk: &mut Desk, n: usize, ill: bool) -> String {
    said(
        desk,
        n,
        ill && n == 13,
        40,
        "Error",
        "\"shipTo.zip\" length must be 5 characters long; \"shipTo.country\" is required",
    )
}

/// The same words, since a release made the schema stricter.
fn stricter(desk: &mut Desk, n: usize, ill: bool) -> String {
    let mut of = lambda("treat-order", 130 + vary(n, 30)).version(if ill { "32" } else { "31" });
    if ill {
        of = of.raising("ValidationError", "1 validation error for Order\nchannel\n  Field required [type=missing, input_value={'amount': 12}, input_type=dict]");
    }
    middle(desk, n, "strict", of, if ill { 2 } else { 1 })
}

pub fn all() -> Vec<Mystery> {
    use Category::{BadDeploy, BadInput, Capacity, Latency, NetworkConfig, Permission};
    vec![
        crime(
            "undici cannot connect",
            &["tax.corp.local", "tax"],
            &[NetworkConfig],
            undici,
        ),
        crime(
            "no route to a database",
            &["billing-db.corp.local", "billing-db"],
            &[NetworkConfig],
            no_route,
        ),
        crime(
            "headers never come",
            &["fx.corp.local", "fx"],
            &[Latency],
            awaiting_headers,
        ),
        crime(
            "a cache refuses connections",
            &["cache-main.corp.local", "cache-main"],
            &[NetworkConfig],
            refused_by_cache,
        ),
        crime(
            "a peer without a name",
            &["10.44.3.9:27017", "10.44.3.9"],
            &[NetworkConfig],
            by_address,
        ),
        crime(
            "a file system out of reach",
            &["treat-order"],
            &[NetworkConfig],
            no_file_system,
        ),
        crime(
            "a key that may not be used",
            &["treat-order"],
            &[Permission],
            no_key,
        ),
        crime(
            "no network interface left",
            &["treat-order"],
            &[Capacity],
            no_addresses,
        ),
        crime(
            "it hangs at a name in its lines",
            &["ledger-core"],
            &[Latency],
            hangs,
        ),
        crime(
            "it hangs in its own work",
            &["treat-order"],
            &[Latency],
            sorts,
        ),
        crime(
            "slow, and the lines tell at whom",
            &["maps.corp.local", "maps"],
            &[Latency],
            slow_map,
        )
        .fate(Fatality::None),
        crime("zod refuses", &["Treat", "treat-order"], &[BadInput], zod),
        crime(
            "pydantic refuses",
            &["Treat", "treat-order"],
            &[BadInput],
            pydantic,
        ),
        crime("joi refuses", &["Treat", "treat-order"], &[BadInput], joi),
        crime(
            "a stricter schema",
            &["treat-order"],
            &[BadDeploy],
            stricter,
        ),
    ]
}
