//! Answers that are too large: who made them so, and who passed them on.

use super::{
    Mystery, crime,
    desk::Desk,
    lambda::{Call, Lambda, lambda},
    sixth::chain,
    vary,
};
use model::Category::DataSize;
use serde_json::json;

/// An answer that is too large, and what the one below gave.
fn pages(desk: &mut Desk, n: usize, ill: bool, given: i64) -> String {
    let size = given.to_string();
    let call = Call::new(
        "GET /shelf",
        60,
        &[
            ("server.address", "shelf-index.internal"),
            ("http.response.body.size", &size),
            ("http.response.status_code", "200"),
        ],
    )
    .by(&[("service.name", "shelf-index")], 50);
    let of = lambda("list-shelf", 140 + vary(n, 20)).calling(call);
    let of: Lambda = match ill {
        true => of.raising(
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
        false => of,
    };
    chain(
        desk,
        "shelf-view",
        n,
        &json!({"shelf": n}),
        &[("List", of, json!({"books": 31}))],
    )
}

fn given_too_much(desk: &mut Desk, n: usize, ill: bool) -> String {
    pages(
        desk,
        n,
        ill,
        if ill { 8_100_000 } else { 9_000 + vary(n, 900) },
    )
}

fn made_too_much(desk: &mut Desk, n: usize, ill: bool) -> String {
    pages(desk, n, ill, 9_000 + vary(n, 900))
}

pub fn all() -> Vec<Mystery> {
    vec![
        crime(
            "an answer that somebody below made large",
            &["shelf-index"],
            &[DataSize],
            given_too_much,
        ),
        crime(
            "an answer of its own that is too large",
            &["list-shelf"],
            &[DataSize],
            made_too_much,
        ),
    ]
}
