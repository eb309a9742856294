//! No crime, the second lot.

use super::{
    Mystery, at, calm,
    desk::{Desk, End, Run},
    lambda::{Call, lambda},
    vary,
};
use serde_json::{Value, json};

struct Calm {
    version: u32,
    extra: bool,
    coupon: bool,
    cold: bool,
    not_found: bool,
    retries: usize,
    delay: i64,
}

fn quiet(desk: &mut Desk, n: usize, of: &Calm) -> String {
    let mut input = json!({"n": n, "delaySeconds": of.delay});
    if of.coupon {
        input["coupon"] = json!("X");
    }
    let mut run = Run::new("calm", &format!("y{n}"), at(n), &input).version(of.version);
    let mut call = Call::new(
        "GET",
        30,
        &[
            ("http.request.method", "GET"),
            ("server.address", "likes.svc"),
            (
                "http.response.status_code",
                if of.not_found { "404" } else { "200" },
            ),
        ],
    );
    if of.not_found {
        call = call.failing("");
    }
    let mut work = lambda("calm-work", 300 + vary(n, 60)).calling(call);
    work.init = of.cold.then_some(900 + vary(n, 90));
    let mut tries =
        vec![lambda("calm-work", 40).raising("ServiceUnavailable", "502 from likes"); of.retries];
    tries.push(work);
    let mut out = json!({"done": 1});
    if of.coupon {
        out["discount"] = json!(3);
    }
    desk.retried(&mut run, "Work", &tries, &input, &out);
    run.enter("Wait", "Cool down", &out);
    run.wait(of.delay * 1_000);
    run.exit("Wait", "Cool down", &out);
    if of.extra {
        desk.task(&mut run, "Audit", &lambda("audit", 40), &out, &out);
    }
    desk.end(run, End::Well(&out))
}

const CALM: Calm = Calm {
    version: 1,
    extra: false,
    coupon: false,
    cold: false,
    not_found: false,
    retries: 0,
    delay: 2,
};

fn one_more_state(desk: &mut Desk, n: usize, ill: bool) -> String {
    quiet(
        desk,
        n,
        &Calm {
            version: if ill { 2 } else { 1 },
            extra: ill,
            ..CALM
        },
    )
}
fn no_coupon(desk: &mut Desk, n: usize, ill: bool) -> String {
    quiet(
        desk,
        n,
        &Calm {
            coupon: !ill && n % 3 != 1,
            ..CALM
        },
    )
}
fn always_cold(desk: &mut Desk, n: usize, _: bool) -> String {
    quiet(desk, n, &Calm { cold: true, ..CALM })
}
fn ignored(desk: &mut Desk, n: usize, ill: bool) -> String {
    quiet(
        desk,
        n,
        &Calm {
            not_found: ill,
            ..CALM
        },
    )
}
fn two_retries(desk: &mut Desk, n: usize, ill: bool) -> String {
    quiet(
        desk,
        n,
        &Calm {
            retries: usize::from(ill),
            ..CALM
        },
    )
}
fn asked_to_wait(desk: &mut Desk, n: usize, ill: bool) -> String {
    quiet(
        desk,
        n,
        &Calm {
            delay: if ill { 40 } else { 2 + (n as i64 % 3) },
            ..CALM
        },
    )
}

fn of_stock(desk: &mut Desk, n: usize, _: bool) -> String {
    let input: Value = json!({"n": n});
    let mut run = Run::new("stocktake", &format!("y{n}"), at(n), &input);
    desk.task(
        &mut run,
        "Count",
        &lambda("count", if n == 3 { 1_350 } else { 1_000 + vary(n, 50) }),
        &input,
        &input,
    );
    desk.end(run, End::Well(&input))
}

pub fn all() -> Vec<Mystery> {
    vec![
        calm("one more state in a new version", one_more_state),
        calm("no coupon today", no_coupon),
        calm("cold every time", always_cold),
        calm("an answer of 404 that is not minded", ignored),
        calm("a retry after 502", two_retries),
        calm("it was asked to wait", asked_to_wait),
        calm("three healthy runs and a third more", of_stock).runs(3, 1),
    ]
}
