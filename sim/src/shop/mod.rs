//! Microservices without any workflow: a healthy and a faulty period of plain traces and logs, whose culprit is known.
//!
//! Shaped after the systems of public fault data: a boutique of 12 services, a shop of 13 with stores behind it, a ticket
//! office of 42, pods whose spans say hardly anything. A shop, its load, how each service is instrumented and what it logs are drawn from the seed. A fault
//! changes one property of one service ([`faults`]); what callers see of it follows from calling it ([`run`]).
//!
//! | Module | What |
//! |---|---|
//! | [`build`] | services, operations, who calls whom, and what of it is recorded |
//! | [`faults`] | what can befall a service |
//! | [`run`] | requests through the shop: time, failures, spans, lines |
//! | [`emit`] | OTLP JSON |

pub mod build;
pub mod emit;
pub mod faults;
pub mod run;

use crate::facts::{Record, Spanned};
pub use build::Shape;
pub use faults::Fault;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// Same seed, same bytes.
    pub seed: u64,
    /// How many services, how deep.
    pub shape: Shape,
    /// What happens; `None` for a period in which nothing does.
    pub fault: Option<Fault>,
    /// 1 for a fault as strong as the published ones, less for weaker ones.
    pub strength: f64,
    /// Requests of the healthy period; the faulty one has between 0.6 and 1.6 times as many a second, and half the time.
    pub requests: usize,
}

/// Spans and log records of a period.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// Spans, each with who exports it.
    pub spans: Vec<Spanned>,
    /// Log records.
    pub records: Vec<Record>,
}

/// Both periods and the answer.
#[derive(Debug, Clone)]
pub struct Outage {
    /// The service that the fault is in; `None` when there is none.
    pub culprit: Option<String>,
    /// Names that are as right: a store whose only caller is the culprit.
    pub services: Vec<String>,
    /// The healthy period.
    pub healthy: Side,
    /// The faulty one.
    pub faulty: Side,
    /// Nanoseconds since the epoch at which the faulty one begins.
    pub since_ns: i64,
}

/// Beginning of every healthy period, nanoseconds since the epoch.
const EPOCH: i64 = 1_767_225_600_000_000_000;

/// Makes the two periods.
pub fn make(order: &Order) -> Outage {
    let shop = build::Shop::draw(order.seed, order.shape);
    let trouble = order
        .fault
        .map(|fault| faults::Trouble::draw(&shop, fault, order.strength));
    let seconds = order.requests as f64 / shop.rate;
    let healthy = run::period(&shop, None, "healthy", EPOCH, order.requests);
    let since_ns = EPOCH + (seconds * 1e9) as i64 + 60_000_000_000;
    let load = 0.6 + shop.chance.of("load").unit();
    let requests = (order.requests as f64 * load / 2.0) as usize;
    let faulty = run::period(&shop, trouble.as_ref(), "faulty", since_ns, requests);
    Outage {
        culprit: trouble.map(|it| shop.services[it.service].name.clone()),
        services: shop.services.iter().map(|it| it.name.clone()).collect(),
        healthy,
        faulty,
        since_ns,
    }
}
