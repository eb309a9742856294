//! How the clocks of hosts differ, from the two sides of calls between them.
//!
//! A call's server side lies inside its client side. If the clocks agree, `client.start ≤ server.start` and
//! `server.end ≤ client.end`; if the server's clock is ahead by `d`, then `d` lies in the interval
//! `[server.end − client.end, server.start − client.start]`. Every call between two hosts narrows the interval; its
//! middle is the estimate and half of its width the uncertainty. Hosts that do not call each other are compared over
//! those between them, along the narrowest way. No span is changed by any of this.

use model::{
    Span, SpanId, SpanKind, TraceId, Value,
    api::map::{Clock, Clocks},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Attributes of a resource that tell hosts apart, best first.
const HOST: [&str; 7] = [
    "host.id",
    "host.name",
    "k8s.node.name",
    "k8s.pod.name",
    "service.instance.id",
    "node_id",
    "host.ip",
];
/// Differences below this are what networks and kernels do, nanoseconds.
const NOISE: i64 = 1_000_000;

/// The clocks of the hosts that took part in these spans. The reference is the host with the most spans.
pub fn clocks(spans: &[Span]) -> Clocks {
    let pairs = pairs(spans);
    let mut between: BTreeMap<(String, String), Interval> = BTreeMap::new();
    for (client, server) in pairs {
        let (from, to) = (host(client), host(server));
        if from == to {
            continue;
        }
        let seen = Interval {
            low: server.end_time.0.saturating_sub(client.end_time.0),
            high: server.start_time.0.saturating_sub(client.start_time.0),
            pairs: 1,
            contradictory: false,
        };
        // An answer that outlives its call (a stream, a background task) says nothing about clocks.
        if seen.low > seen.high {
            continue;
        }
        let (key, seen) = match from < to {
            true => ((from, to), seen),
            false => ((to, from), seen.turned()),
        };
        let known = between.get(&key).map(|known| known.narrowed(&seen));
        between.insert(key, known.unwrap_or(seen));
    }
    let Some(reference) = reference(spans, &between) else {
        return Clocks::default();
    };
    let mut hosts = offsets(&reference, &between);
    hosts.sort_by(|a, b| a.host.cmp(&b.host));
    Clocks { reference, hosts }
}

/// In which a difference lies, nanoseconds: how much the second host is ahead of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval {
    low: i64,
    high: i64,
    pairs: u32,
    contradictory: bool,
}

impl Interval {
    fn turned(self) -> Self {
        Interval {
            low: self.high.saturating_neg(),
            high: self.low.saturating_neg(),
            ..self
        }
    }

    /// What both allow. Where nothing is allowed, the gap between them.
    fn narrowed(&self, other: &Interval) -> Self {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        Interval {
            low: low.min(high),
            high: low.max(high),
            pairs: self.pairs.saturating_add(other.pairs),
            contradictory: self.contradictory || other.contradictory || low > high,
        }
    }

    fn width(&self) -> i64 {
        self.high.saturating_sub(self.low)
    }

    fn middle(&self) -> i64 {
        self.low.saturating_add(self.width() / 2)
    }
}

/// The two sides of calls: a server span below a client span, or two spans that share an id.
fn pairs(spans: &[Span]) -> Vec<(&Span, &Span)> {
    let mut clients: HashMap<(TraceId, SpanId), &Span> = HashMap::new();
    for span in spans.iter().filter(|span| span.kind == SpanKind::Client) {
        clients.insert((span.trace_id, span.span_id), span);
    }
    let servers = spans.iter().filter(|span| span.kind == SpanKind::Server);
    servers
        .filter_map(|server| {
            let at = |id| clients.get(&(server.trace_id, id)).copied();
            let client = at(server.span_id).or_else(|| at(server.parent_span_id))?;
            Some((client, server))
        })
        .collect()
}

/// Service and host, as far as the resource tells it.
fn host(span: &Span) -> String {
    let host = HOST.iter().find_map(|name| match span.resource.get(*name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    match host {
        Some(host) => format!("{}@{host}", span.service_name),
        None => span.service_name.clone(),
    }
}

/// Of the hosts that can be compared, the one with the most spans.
fn reference(spans: &[Span], between: &BTreeMap<(String, String), Interval>) -> Option<String> {
    let compared: BTreeSet<&String> = between.keys().flat_map(|(a, b)| [a, b]).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in spans
        .iter()
        .map(host)
        .filter(|name| compared.contains(name))
    {
        *counts.entry(name).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)));
    most.map(|(name, _)| name)
}

/// The other hosts against the reference, over the narrowest intervals first.
fn offsets(reference: &str, between: &BTreeMap<(String, String), Interval>) -> Vec<Clock> {
    let mut known: BTreeMap<String, Interval> = BTreeMap::from([(
        reference.to_owned(),
        Interval {
            low: 0,
            high: 0,
            pairs: 0,
            contradictory: false,
        },
    )]);
    let mut edges: Vec<(&String, &String, Interval)> = between
        .iter()
        .flat_map(|((a, b), interval)| [(a, b, *interval), (b, a, interval.turned())])
        .collect();
    edges.sort_by_key(|(a, b, interval)| (interval.width(), (*a).clone(), (*b).clone()));
    while let Some((from, to, interval)) = edges
        .iter()
        .find(|(from, to, _)| known.contains_key(*from) && !known.contains_key(*to))
    {
        let base = known[*from];
        let sum = Interval {
            low: base.low.saturating_add(interval.low),
            high: base.high.saturating_add(interval.high),
            pairs: interval.pairs,
            contradictory: base.contradictory || interval.contradictory,
        };
        known.insert((*to).clone(), sum);
    }
    known.remove(reference);
    known
        .into_iter()
        .map(|(host, interval)| clock(host, interval))
        .collect()
}

fn clock(host: String, interval: Interval) -> Clock {
    let (offset, uncertainty) = (interval.middle(), interval.width() / 2);
    Clock {
        host,
        offset_ns: offset,
        uncertainty_ns: uncertainty,
        pairs: interval.pairs,
        contradictory: interval.contradictory,
        skewed: interval.low > NOISE || interval.high < -NOISE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::UnixNanos;

    const MS: i64 = 1_000_000;

    /// A call of 10 ms whose server part of 8 ms begins 1 ms later, seen by a clock that is ahead.
    fn call(n: u8, from: &str, to: &str, ahead_ms: i64) -> [Span; 2] {
        let start = 1_000_000 * MS + i64::from(n) * 20 * MS;
        let span = |id: u8, parent: u8, kind, service: &str, start: i64, end: i64| Span {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([id; 8]),
            parent_span_id: SpanId([parent; 8]),
            kind,
            service_name: service.to_owned(),
            start_time: UnixNanos(start),
            end_time: UnixNanos(end),
            ..Span::default()
        };
        let ahead = ahead_ms * MS;
        [
            span(2 * n, 0, SpanKind::Client, from, start, start + 10 * MS),
            span(
                2 * n + 1,
                2 * n,
                SpanKind::Server,
                to,
                start + MS + ahead,
                start + 9 * MS + ahead,
            ),
        ]
    }

    fn told(spans: &[Span]) -> Vec<(String, i64, i64, bool)> {
        let tell = |clock: Clock| {
            (
                clock.host,
                clock.offset_ns / MS,
                clock.uncertainty_ns / MS,
                clock.skewed,
            )
        };
        clocks(spans).hosts.into_iter().map(tell).collect()
    }

    #[test]
    fn a_clock_that_is_ahead_is_found() {
        let spans = [
            call(1, "a", "b", 2_000),
            call(2, "a", "b", 2_000),
            call(3, "a", "c", 0),
        ]
        .concat();
        let clocks = clocks(&spans);
        assert_eq!(clocks.reference, "a");
        assert_eq!(
            told(&spans),
            [("b".into(), 2_000, 1, true), ("c".into(), 0, 1, false)]
        );
        assert_eq!(clocks.hosts[0].pairs, 2);
    }

    #[test]
    fn hosts_are_compared_over_others() {
        let spans = [
            call(1, "a", "b", 500),
            call(2, "a", "b", 500),
            call(3, "b", "c", 300),
        ]
        .concat();
        let told = told(&spans);
        assert_eq!(told.len(), 2);
        let c = told.iter().find(|clock| clock.0 == "c").expect("c");
        let a = told.iter().find(|clock| clock.0 == "a").expect("a");
        assert_eq!(
            (a.1, c.1),
            (-500, 300),
            "against b, which has the most spans"
        );
    }

    #[test]
    fn a_clock_that_jumped_is_said_to_contradict() {
        let spans = [call(1, "a", "b", 0), call(2, "a", "b", 5_000)].concat();
        assert!(clocks(&spans).hosts[0].contradictory);
    }

    #[test]
    fn nothing_is_said_without_calls() {
        assert_eq!(clocks(&[]), Clocks::default());
        assert_eq!(clocks(&call(1, "a", "a", 7)), Clocks::default());
        // A stream whose server side outlives the client's says nothing.
        let mut spans = call(1, "a", "b", 0);
        spans[1].end_time = UnixNanos(spans[1].end_time.0 + 60_000 * MS);
        assert_eq!(clocks(&spans), Clocks::default());
    }
}
