//! Requests through the shop: each waits for what it calls, fails when that fails, and leaves spans and lines.

use super::Side;
use super::build::{Call, Operation, Shop, Tracing};
use super::faults::{Fault, Trouble};
use crate::facts::{Record, Spanned};
use demo::dice::Dice;
use demo::otel::Span;
use serde_json::json;

/// After this a caller gives up, nanoseconds.
const PATIENCE: i64 = 3_000_000_000;
/// Calls deeper than this are not made; layers are fewer.
const DEEPEST: usize = 12;

/// What came of an operation.
enum End {
    Fine,
    /// It answered, with nothing in it.
    Empty,
    Failed(String),
}

/// The request that is being served: by whose span, in which trace.
#[derive(Clone)]
struct Context {
    trace: String,
    parent: String,
    depth: usize,
}

struct Runner<'a> {
    shop: &'a Shop,
    trouble: Option<&'a Trouble>,
    dice: Dice,
    side: Side,
    /// Services that wait for the troubled one, with a pool that is too small.
    queued: Vec<bool>,
}

/// So many requests, from a moment on.
pub(super) fn period(
    shop: &Shop,
    trouble: Option<&Trouble>,
    name: &str,
    from: i64,
    requests: usize,
) -> Side {
    let mut runner = Runner {
        shop,
        trouble,
        dice: shop.chance.of(&format!("period/{name}")),
        side: Side::default(),
        queued: queued(shop, trouble),
    };
    let mut at = from;
    for _ in 0..requests {
        at += (runner.dice.duration(1e9 / shop.rate)) as i64;
        let mut pick = runner.dice.unit();
        let chosen = shop.entries.iter().find(|(_, share)| {
            pick -= share;
            pick <= 0.0
        });
        let (entry, _) = chosen.unwrap_or(&shop.entries[0]);
        let context = Context {
            trace: runner.dice.hex(32),
            parent: String::new(),
            depth: 0,
        };
        runner.serve(*entry, at, &context, false);
    }
    runner.noise(from, at);
    runner.side
}

fn queued(shop: &Shop, trouble: Option<&Trouble>) -> Vec<bool> {
    let slow = trouble
        .filter(|it| it.fault <= Fault::Loss)
        .map(|it| it.service);
    let calls = |by: usize| {
        let of = shop.operations.iter().filter(move |it| it.service == by);
        of.flat_map(|it| &it.calls)
            .any(|call| Some(shop.operations[call.to].service) == slow)
    };
    (0..shop.services.len())
        .map(|n| shop.services[n].narrow && Some(n) != slow && calls(n))
        .collect()
}

/// Spans say on which side of a call they are.
fn said(tracing: Tracing) -> bool {
    !matches!(tracing, Tracing::Unkind | Tracing::Bare)
}

impl Runner<'_> {
    /// The trouble, if it is in this service.
    fn here(&self, service: usize, fault: Fault) -> Option<f64> {
        self.trouble
            .filter(|it| it.service == service && it.fault == fault)
            .map(|it| it.strength)
    }

    /// The trouble, if it is in this operation's code and shows this time.
    fn bug(&mut self, operation: usize, fault: Fault) -> bool {
        let of = self
            .trouble
            .filter(|it| it.operation == operation && it.fault == fault);
        let Some(often) = of.map(|it| (0.7 * it.strength).min(1.0)) else {
            return false;
        };
        self.dice.chance(often)
    }

    fn work(&mut self, of: &Operation, share: f64) -> i64 {
        let mut ms = self.dice.duration(of.work * share);
        if let Some(strength) = self.here(of.service, Fault::Cpu) {
            ms *= 1.0 + 4.0 * strength * self.dice.unit() * 2.0;
        }
        if self.here(of.service, Fault::Disk).is_some() {
            ms *= 1.3;
        }
        let neighbour = self
            .trouble
            .filter(|it| it.fault == Fault::Cpu && it.service != of.service);
        if neighbour.is_some_and(|it| {
            self.shop.services[it.service].host == self.shop.services[of.service].host
        }) {
            ms *= 1.1;
        }
        (ms * 1e6) as i64
    }

    /// Waiting before anything is done: for a thread, for the garbage to be collected.
    fn wait(&mut self, of: &Operation) -> i64 {
        let mut ms = 0.0;
        if let Some(strength) = self
            .here(of.service, Fault::Memory)
            .filter(|it| self.dice.chance(0.1 * it))
        {
            ms += (50.0 + 300.0 * self.dice.unit()) * strength;
        }
        if self.queued[of.service] {
            ms += self.dice.unit().powi(3) * 12.0;
        }
        (ms * 1e6) as i64
    }

    /// Time of a packet from one service to another, nanoseconds.
    fn wire(&mut self, from: usize, to: usize) -> i64 {
        let mut ms = 0.15 + 0.4 * self.dice.unit();
        if let Some(strength) = self.here(from, Fault::Delay) {
            ms += 60.0 * strength * (0.8 + 0.4 * self.dice.unit());
        }
        let throttled = self.shop.services[to].throttled;
        if throttled > 0.0 && self.dice.chance(throttled) {
            ms += 20.0 + 160.0 * self.dice.unit();
        }
        for end in [from, to] {
            let mut again = 200.0;
            if let Some(strength) = self.here(end, Fault::Loss) {
                while again < 2_000.0 && self.dice.chance((0.12 * strength).min(0.6)) {
                    ms += again;
                    again *= 2.0;
                }
            }
        }
        (ms * 1e6) as i64
    }

    /// Connecting: how long it takes, and why it failed.
    fn connect(&mut self, to: usize, at: i64) -> (i64, Option<String>) {
        let name = &self.shop.services[to].name;
        if let Some(strength) = self.here(to, Fault::Socket) {
            if self.dice.chance(0.12 * strength) {
                return (
                    1_000_000,
                    Some(format!("connect {name}:8080: connection refused")),
                );
            }
            if self.dice.chance(0.3 * strength) {
                return (self.dice.between(200, 1_000) * 1_000_000, None);
            }
        }
        // Killed for its memory, and away until it is up again.
        if self.here(to, Fault::Memory).is_some() && (at / 1_000_000_000) % 40 < 2 {
            return (
                2_000_000,
                Some(format!("dial tcp: lookup {name}: connection refused")),
            );
        }
        (0, None)
    }

    fn serve(
        &mut self,
        operation: usize,
        at: i64,
        context: &Context,
        nonsense: bool,
    ) -> (i64, End) {
        let shop = self.shop;
        let of = &shop.operations[operation];
        let own = Context {
            parent: self.dice.hex(16),
            depth: context.depth + 1,
            ..context.clone()
        };
        let own = if shop.services[of.service].traced {
            own
        } else {
            Context {
                parent: context.parent.clone(),
                ..own
            }
        };
        let mut now = at + self.wait(of);
        self.line(of, now, &own, "INFO", 0);
        let share = 1.0 / (of.calls.len() + 1) as f64;
        now += self.work(of, share);
        let end = self.body(operation, of, &mut now, &own, nonsense, share);
        if !matches!(end, End::Empty) && of.lines.len() > 1 && !matches!(end, End::Failed(_)) {
            self.line(of, now, &own, "INFO", of.lines.len() - 1);
        }
        let error = match &end {
            End::Failed(message) => Some(message.clone()),
            _ => None,
        };
        if shop.services[of.service].traced {
            let kind = if said(shop.tracing) { 2 } else { 0 };
            self.span(
                of.service,
                &context.trace,
                &own.parent,
                &context.parent,
                &of.name,
                kind,
                (at, now),
                error,
                None,
            );
        }
        (now, end)
    }

    fn body(
        &mut self,
        operation: usize,
        of: &Operation,
        now: &mut i64,
        own: &Context,
        nonsense: bool,
        share: f64,
    ) -> End {
        if nonsense && self.dice.chance(0.8) {
            let message = "invalid argument: quantity must be positive".to_owned();
            self.shout(of, *now, own, &format!("rejected request: {message}"));
            return End::Failed(message);
        }
        if self.bug(operation, Fault::Exception) {
            let message =
                "java.lang.NullPointerException: Cannot invoke \"Object.toString()\"".to_owned();
            self.shout(
                of,
                *now,
                own,
                &format!("{message}\n\tat app.Handler.run(Handler.java:88)"),
            );
            return End::Failed(message);
        }
        if self.bug(operation, Fault::Swallowed) {
            self.shout(
                of,
                *now,
                own,
                "caught java.lang.IllegalStateException: unexpected state, answering empty",
            );
            return End::Empty;
        }
        if self.bug(operation, Fault::Return) {
            return End::Empty;
        }
        if let Some((ms, what)) = &of.store {
            self.store(of, *ms, what, now, own);
        }
        for (n, call) in of.calls.iter().enumerate() {
            let here = self
                .trouble
                .is_some_and(|it| it.operation == operation && it.call == n);
            if !self.dice.chance(call.chance) || here && self.bug(operation, Fault::MissingCall) {
                continue;
            }
            let nonsense = here && self.bug(operation, Fault::WrongParameter);
            for _ in 0..self.dice.between(call.times.0, call.times.1) {
                if let Some(failed) = self.call(of, call, now, own, nonsense) {
                    return failed;
                }
            }
            *now += self.work(of, share);
        }
        End::Fine
    }

    /// Makes a call; what it does to the caller, if that ends it.
    fn call(
        &mut self,
        of: &Operation,
        call: &Call,
        now: &mut i64,
        own: &Context,
        nonsense: bool,
    ) -> Option<End> {
        let callee = self.shop.operations[call.to].name.clone();
        for attempt in 0..if call.retried { 3 } else { 1 } {
            let (end, result) = self.request(of, call.to, *now, own, nonsense);
            if call.background {
                return None;
            }
            *now = end;
            match result {
                End::Fine => return None,
                // Whether nothing is enough depends on who asks.
                End::Empty if (call.to + of.name.len()).is_multiple_of(2) => return None,
                End::Empty => {
                    let message = format!("unexpected empty answer of {callee}");
                    self.shout(of, *now, own, &message);
                    return Some(End::Failed(message));
                }
                End::Failed(message) if of.tolerant => {
                    self.line_of(
                        of.service,
                        *now,
                        own,
                        "WARN",
                        &format!("{callee} failed, going on without: {message}"),
                    );
                    return None;
                }
                End::Failed(message) if !call.retried || attempt == 2 => {
                    self.shout(
                        of,
                        *now,
                        own,
                        &format!("failed to call {callee}: {message}"),
                    );
                    return Some(End::Failed(format!("{callee}: {message}")));
                }
                End::Failed(_) => *now += 20_000_000 << attempt,
            }
        }
        None
    }

    fn request(
        &mut self,
        of: &Operation,
        to: usize,
        at: i64,
        own: &Context,
        nonsense: bool,
    ) -> (i64, End) {
        let shop = self.shop;
        let (from, callee) = (of.service, shop.operations[to].service);
        let clients = shop.tracing != Tracing::Servers && shop.services[from].traced;
        let siblings = shop.tracing == Tracing::Siblings && from == 0;
        let id = self.dice.hex(16);
        let mut inner = own.clone();
        if clients && !siblings {
            inner.parent = id.clone();
        }
        let (waited, refused) = self.connect(callee, at);
        let (mut end, mut result) = match refused {
            Some(message) => (at + waited, End::Failed(message)),
            None if own.depth >= DEEPEST => (at, End::Fine),
            None => {
                let arrives = at + waited + self.wire(from, callee);
                let (end, result) = self.serve(to, arrives, &inner, nonsense);
                (end + self.wire(callee, from), result)
            }
        };
        if end - at > PATIENCE {
            end = at + PATIENCE;
            result = End::Failed("context deadline exceeded".to_owned());
        }
        if clients {
            let kind = if said(shop.tracing) { 3 } else { 0 };
            let error = match &result {
                End::Failed(message) => Some(message.clone()),
                _ => None,
            };
            let name = shop.operations[to].name.clone();
            let peer = shop.services[callee].name.clone();
            let peer = Some(peer).filter(|_| said(shop.tracing));
            self.span(
                from,
                &own.trace,
                &id,
                &own.parent,
                &name,
                kind,
                (at, end),
                error,
                peer,
            );
        }
        (end, result)
    }

    fn store(&mut self, of: &Operation, ms: f64, what: &str, now: &mut i64, own: &Context) {
        let mut ms = self.dice.duration(ms);
        if let Some(strength) = self.here(of.service, Fault::Disk) {
            ms *= 1.0 + 12.0 * strength * self.dice.unit();
        }
        let end = *now + (ms * 1e6) as i64;
        if self.shop.services[of.service].traced && self.shop.tracing != Tracing::Servers {
            let kind = if said(self.shop.tracing) { 3 } else { 0 };
            let id = self.dice.hex(16);
            self.span(
                of.service,
                &own.trace,
                &id,
                &own.parent,
                what,
                kind,
                (*now, end),
                None,
                None,
            );
        }
        *now = end;
    }

    #[expect(clippy::too_many_arguments, reason = "a span has so many parts")]
    fn span(
        &mut self,
        service: usize,
        trace: &str,
        id: &str,
        parent: &str,
        name: &str,
        kind: u8,
        (from, to): (i64, i64),
        error: Option<String>,
        peer: Option<String>,
    ) {
        if self.dice.chance(self.shop.loss) {
            return;
        }
        let of = &self.shop.services[service];
        let mut attributes = Vec::new();
        if let Some(peer) = peer {
            attributes.push(("peer.service", json!(peer)));
        }
        self.side.spans.push(Spanned {
            service: of.name.clone(),
            host: Some(of.host.clone()),
            language: "java",
            version: None,
            key: String::new(),
            span: Span {
                trace_id: trace.to_owned(),
                span_id: id.to_owned(),
                parent_id: parent.to_owned(),
                name: name.to_owned(),
                kind,
                start_ns: from + of.skew_ns,
                end_ns: to + of.skew_ns,
                attributes,
                error: error.filter(|_| self.shop.tracing != Tracing::Bare),
            },
        });
    }

    fn line(&mut self, of: &Operation, at: i64, own: &Context, level: &'static str, n: usize) {
        let (id, number) = (self.dice.hex(8), self.dice.between(1, 900).to_string());
        let body = of.lines[n].replace("{id}", &id).replace("{n}", &number);
        self.line_of(of.service, at, own, level, &body);
    }

    fn shout(&mut self, of: &Operation, at: i64, own: &Context, body: &str) {
        self.line_of(of.service, at, own, "ERROR", body);
    }

    fn line_of(&mut self, service: usize, at: i64, own: &Context, level: &'static str, body: &str) {
        let of = &self.shop.services[service];
        let context = of
            .lines_traced
            .then(|| (own.trace.clone(), own.parent.clone()));
        self.record(
            service,
            at,
            if of.levels { level } else { "" },
            body,
            context,
        );
    }

    fn record(
        &mut self,
        service: usize,
        at: i64,
        level: &'static str,
        body: &str,
        context: Option<(String, String)>,
    ) {
        let of = &self.shop.services[service];
        self.side.records.push(Record {
            service: of.name.clone(),
            host: Some(of.host.clone()),
            at_ns: at + of.skew_ns,
            level,
            body: body.to_owned(),
            context,
        });
    }

    /// Lines that have nothing to do with requests, as ever.
    fn noise(&mut self, from: i64, to: i64) {
        for service in 0..self.shop.services.len() {
            let (often, level) = self.shop.services[service].noise;
            let count = (often * (to - from) as f64 / 1e9) as usize;
            for _ in 0..count {
                let at = self.dice.between(from, to);
                let peer = self.dice.between(2, 250);
                self.record(
                    service,
                    at,
                    level,
                    &format!("failed to export metrics to 10.0.0.{peer}:9411: timeout"),
                    None,
                );
            }
            if self.here(service, Fault::Memory).is_some() {
                for at in (from..to).step_by(40_000_000_000) {
                    self.record(
                        service,
                        at,
                        "INFO",
                        "Started Application in 3.118 seconds (process running for 3.9)",
                        None,
                    );
                }
            }
        }
    }
}
