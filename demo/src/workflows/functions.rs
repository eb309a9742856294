//! The functions that the workflows call.

use crate::lambda::{Dependency, Function};

const PYTHON: &str = "python:3.12.v45";
const NODE: &str = "nodejs:22.v18";
const JAVA: &str = "java:21.v41";

const fn function(name: &'static str, runtime: &'static str, version: &'static str) -> Function {
    Function {
        name,
        runtime,
        version,
        memory_mb: 256,
        timeout_ms: 6_000,
        init_ms: 420.0,
        work_ms: 60.0,
        json_logs: false,
        calls: &[],
    }
}

const fn call(
    name: &'static str,
    system: &'static str,
    host: &'static str,
    share: f64,
) -> Dependency {
    Dependency {
        name,
        system,
        host,
        share,
    }
}

/// Checks an order.
pub const VALIDATE_ORDER: Function = function("validate-order", PYTHON, "41");
/// Prices one item.
pub const PRICE_ITEM: Function = Function {
    work_ms: 35.0,
    memory_mb: 192,
    ..function("price-item", NODE, "17")
};
/// Charges the card; instrumented with OpenTelemetry.
pub const CHARGE_CARD: Function = Function {
    work_ms: 310.0,
    memory_mb: 512,
    timeout_ms: 8_000,
    init_ms: 690.0,
    json_logs: true,
    calls: &[
        call(
            "GET idempotency-key",
            "redis",
            "payments-cache.internal",
            0.05,
        ),
        call("POST /v1/charges", "http", "api.acquirer.example", 0.75),
        call(
            "PutItem charges",
            "dynamodb",
            "dynamodb.eu-central-1.amazonaws.com",
            0.08,
        ),
    ],
    ..function("charge-card", PYTHON, "88")
};
/// Scores fraud; a big Java function that starts slowly.
pub const SCORE_FRAUD: Function = Function {
    work_ms: 140.0,
    memory_mb: 1024,
    timeout_ms: 3_000,
    init_ms: 2_600.0,
    calls: &[
        call("SELECT customers", "postgresql", "orders-db.internal", 0.3),
        call("POST /score", "http", "fraud-model.internal", 0.45),
    ],
    ..function("score-fraud", JAVA, "9")
};
/// Chooses a carrier.
pub const PICK_CARRIER: Function = function("pick-carrier", NODE, "5");
/// Draws a label.
pub const CREATE_LABEL: Function = Function {
    work_ms: 240.0,
    memory_mb: 384,
    calls: &[call("POST /labels", "http", "api.carrier.example", 0.8)],
    ..function("create-label", NODE, "23")
};
/// Reads one catalogue file.
pub const TRANSFORM_FILE: Function = Function {
    work_ms: 2_400.0,
    memory_mb: 1024,
    timeout_ms: 60_000,
    ..function("transform-file", PYTHON, "12")
};
/// Makes one thumbnail.
pub const MAKE_THUMBNAIL: Function = Function {
    work_ms: 520.0,
    memory_mb: 512,
    timeout_ms: 15_000,
    init_ms: 1_150.0,
    json_logs: true,
    ..function("make-thumbnail", PYTHON, "30")
};
/// Answers a price request.
pub const QUOTE_PRICE: Function = Function {
    work_ms: 45.0,
    memory_mb: 256,
    timeout_ms: 2_000,
    calls: &[
        call("GET tariff", "redis", "tariff-cache.internal", 0.2),
        call("SELECT tariffs", "postgresql", "tariff-db.internal", 0.4),
    ],
    ..function("quote-price", NODE, "64")
};
/// Checks a request for a quote.
pub const CHECK_QUOTE: Function = Function {
    work_ms: 12.0,
    memory_mb: 128,
    ..function("check-quote", NODE, "64")
};
/// Posts one account.
pub const POST_ACCOUNT: Function = Function {
    work_ms: 180.0,
    memory_mb: 256,
    timeout_ms: 10_000,
    ..function("post-account", PYTHON, "7")
};
/// Pays money back.
pub const PAY_BACK: Function = Function {
    work_ms: 260.0,
    timeout_ms: 8_000,
    calls: &[call(
        "POST /v1/refunds",
        "http",
        "api.acquirer.example",
        0.8,
    )],
    ..function("pay-back", PYTHON, "15")
};
