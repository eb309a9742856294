//! A shop: services in layers, what each does, and what is recorded of it.

use crate::chance::Chance;
use demo::dice::Dice;

/// Systems of the sizes that public data has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 12 services, one front that calls most of them.
    Boutique,
    /// 13 services, each with a store of its own.
    Sock,
    /// 42 services in chains of up to six.
    Train,
    /// 10 services whose spans say neither side nor status, and whose calls are long now and then for no reason.
    Pods,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 4] = [Shape::Boutique, Shape::Sock, Shape::Train, Shape::Pods];

    /// Services, layers, chance that a service has a store.
    fn size(self) -> (usize, usize, f64) {
        match self {
            Shape::Boutique => (12, 3, 0.3),
            Shape::Sock => (13, 3, 0.8),
            Shape::Train => (42, 6, 0.5),
            Shape::Pods => (10, 3, 0.4),
        }
    }
}

/// What is recorded of calls in the whole shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracing {
    /// Client and server spans, with kinds.
    Both,
    /// Client and server spans whose kind is not said, and internal ones.
    Unkind,
    /// One span for each request that a service answers; none for the calls.
    Servers,
    /// As `Unkind`, and no span says that it failed.
    Bare,
    /// As `Both`, but the gateway writes a call and its answer side by side.
    Siblings,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// What its host's clock is ahead, nanoseconds.
    pub skew_ns: i64,
    /// It exports spans.
    pub traced: bool,
    /// Its lines name the trace.
    pub lines_traced: bool,
    /// It says levels.
    pub levels: bool,
    /// Lines a second that have nothing to do with requests, and their level.
    pub noise: (f64, &'static str),
    /// Layer, the front at 0.
    pub layer: usize,
    /// How much its own time grows when all others wait for it: a pool that is too small.
    pub narrow: bool,
    /// How many of the calls to it wait for no reason: it has too little processor.
    pub throttled: f64,
}

/// A call in an operation.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The operation that is called.
    pub to: usize,
    /// Times, at least and at most.
    pub times: (i64, i64),
    /// How often it is made at all.
    pub chance: f64,
    /// Nobody waits for it.
    pub background: bool,
    /// Tried again after a failure.
    pub retried: bool,
}

/// Something that a service does on request.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Whose.
    pub service: usize,
    /// Its name.
    pub name: String,
    /// Own work, milliseconds (median).
    pub work: f64,
    /// Time at its store, milliseconds (median), and what is asked.
    pub store: Option<(f64, String)>,
    /// What it calls, in order.
    pub calls: Vec<Call>,
    /// What it logs, at the start and at the end.
    pub lines: Vec<String>,
    /// A failure of a call is answered with a default.
    pub tolerant: bool,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Dice.
    pub chance: Chance,
    /// What is recorded.
    pub tracing: Tracing,
    /// Services; the first is the front.
    pub services: Vec<Service>,
    /// Operations.
    pub operations: Vec<Operation>,
    /// Where requests enter, and how often.
    pub entries: Vec<(usize, f64)>,
    /// Requests a second.
    pub rate: f64,
    /// Spans that are lost.
    pub loss: f64,
}

const TRADES: [&str; 42] = [
    "front",
    "gateway",
    "cart",
    "checkout",
    "currency",
    "catalog",
    "payment",
    "shipping",
    "email",
    "ad",
    "recommend",
    "order",
    "user",
    "auth",
    "station",
    "train",
    "route",
    "price",
    "seat",
    "travel",
    "ticket",
    "food",
    "consign",
    "contacts",
    "security",
    "inside-payment",
    "voucher",
    "config",
    "basic",
    "assurance",
    "notify",
    "rebook",
    "cancel",
    "execute",
    "preserve",
    "delivery",
    "avatar",
    "news",
    "wait-list",
    "plan",
    "session",
    "search",
];
const VERBS: [&str; 8] = [
    "Get",
    "List",
    "Find",
    "Create",
    "Update",
    "Check",
    "Query",
    "Calculate",
];
const THINGS: [&str; 8] = [
    "Items", "Detail", "Status", "Quote", "Info", "Batch", "Left", "Prices",
];
const SAYINGS: [&str; 6] = [
    "{op} received, user={id}",
    "[{op}] begin for request {id}",
    "handling {op} id {id} size {n}",
    "{op} done in {n} ms",
    "[{op}] returned {n} rows",
    "response of {op} sent, status 200, {n} bytes",
];

impl Shop {
    /// Draws a shop.
    pub fn draw(seed: u64, shape: Shape) -> Self {
        let chance = Chance(seed);
        let mut dice = chance.of(&format!("shop/{shape:?}"));
        let (count, layers, stores) = shape.size();
        let tracing = *dice.pick(&[
            Tracing::Both,
            Tracing::Both,
            Tracing::Unkind,
            Tracing::Servers,
            Tracing::Siblings,
        ]);
        let mut services = services(&mut dice, count, layers);
        let tracing = match shape {
            Shape::Pods => Tracing::Bare,
            _ => tracing,
        };
        if shape == Shape::Pods {
            for service in services.iter_mut().skip(1) {
                service.throttled = (0.5 * dice.unit() - 0.3).max(0.0);
            }
        }
        let operations = operations(&mut dice, &services, stores, layers);
        let mut entries: Vec<(usize, f64)> = (0..operations.len())
            .filter(|n| operations[*n].service == 0)
            .map(|n| (n, 0.3 + dice.unit()))
            .collect();
        let all: f64 = entries.iter().map(|it| it.1).sum();
        entries.iter_mut().for_each(|it| it.1 /= all);
        Shop {
            chance,
            tracing,
            services,
            operations,
            entries,
            rate: 3.0 + 12.0 * dice.unit(),
            loss: *dice.pick(&[0.0, 0.0, 0.01, 0.05]),
        }
    }
}

fn services(dice: &mut Dice, count: usize, layers: usize) -> Vec<Service> {
    let suffix = *dice.pick(&["service", "-service", "", "-svc"]);
    let mut trades: Vec<&str> = TRADES[1..].to_vec();
    (0..count)
        .map(|n| {
            let trade = match n {
                0 => TRADES[0],
                _ => trades.remove(dice.between(0, trades.len() as i64 - 1) as usize),
            };
            Service {
                name: format!("{trade}{suffix}"),
                host: format!("node-{}", dice.between(1, 5)),
                skew_ns: dice.between(-4_000_000, 4_000_000),
                traced: n == 0 || dice.chance(0.95),
                lines_traced: dice.chance(0.8),
                levels: dice.chance(0.8),
                noise: (
                    if dice.chance(0.5) {
                        0.5 * dice.unit()
                    } else {
                        0.0
                    },
                    *dice.pick(&["ERROR", "WARN", "INFO"]),
                ),
                layer: match n {
                    0 => 0,
                    _ => 1 + (n - 1) * (layers - 1) / (count - 1).max(1),
                },
                narrow: dice.chance(0.3),
                throttled: 0.0,
            }
        })
        .collect()
}

fn operations(dice: &mut Dice, services: &[Service], stores: f64, layers: usize) -> Vec<Operation> {
    let mut all = Vec::new();
    for (n, service) in services.iter().enumerate() {
        let count = if n == 0 {
            dice.between(5, 7)
        } else {
            dice.between(1, 3)
        };
        let stored = dice.chance(stores) && n > 0;
        for k in 0..count {
            let (verb, thing) = (*dice.pick(&VERBS), *dice.pick(&THINGS));
            let name = format!("{}/{verb}{thing}{k}", service.name);
            let lines = (0..dice.between(1, 3))
                .map(|_| {
                    dice.pick(&SAYINGS)
                        .replace("{op}", &format!("{verb}{thing}{k}"))
                })
                .collect();
            all.push(Operation {
                service: n,
                work: 0.5
                    + 6.0 * dice.unit() * dice.unit() * if dice.chance(0.15) { 6.0 } else { 1.0 },
                store: stored.then(|| {
                    (
                        0.5 + 4.0 * dice.unit(),
                        format!("SELECT {}.{thing}", service.name),
                    )
                }),
                calls: Vec::new(),
                lines,
                tolerant: dice.chance(0.25),
                name,
            });
        }
    }
    // Downwards only, so that nobody calls himself; every operation has a caller.
    for n in 0..all.len() {
        let layer = services[all[n].service].layer;
        if layer == 0 {
            continue;
        }
        let above: Vec<usize> = (0..all.len())
            .filter(|it| {
                let of = services[all[*it].service].layer;
                of < layer && of + 2 >= layer
            })
            .collect();
        let callers = if layer + 1 == layers {
            dice.between(1, 3)
        } else {
            dice.between(1, 2)
        };
        for _ in 0..callers {
            let by = *dice.pick(&above);
            if all[by].calls.len() < 7 && !all[by].calls.iter().any(|it| it.to == n) {
                let call = Call {
                    to: n,
                    times: if dice.chance(0.15) { (1, 5) } else { (1, 1) },
                    chance: if dice.chance(0.25) { 0.5 } else { 1.0 },
                    background: dice.chance(0.06),
                    retried: dice.chance(0.3),
                };
                all[by].calls.push(call);
            }
        }
    }
    all
}
