//! Who is charged with the time and the errors of spans: what one service waits for another belongs to the
//! one it waits for, so time between a caller's span and its callee's is the callee's.

use super::scene::attribute;
use model::{Span, SpanId, SpanKind, StatusCode, TraceId};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Spans whose parents are lost that are given to others.
const MOST_ADOPTED: usize = 300;
/// How far clocks of two hosts may be apart where one span is to lie inside another, nanoseconds.
const SLACK_NS: i64 = 2_000_000;

/// Attributes that name the other side of a call, best first.
const PEER: [&str; 14] = [
    "upstream_cluster",
    "upstream_cluster.name",
    "peer.service",
    "server.address",
    "net.peer.name",
    "http.host",
    "db.name",
    "db.namespace",
    "messaging.destination.name",
    "messaging.destination",
    "rpc.service",
    "aws.remote.service",
    "db.system.name",
    "db.system",
];

/// What was charged to somebody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Charge {
    /// Exclusive time, nanoseconds.
    pub ns: i64,
    /// Spans.
    pub count: u32,
    /// Those of them that failed.
    pub errors: u32,
}

/// Response flags that a proxy wrote on a span, such as `UT`.
pub(crate) fn flags(span: &Span) -> Option<String> {
    attribute(
        &span.attributes,
        &[
            "response_flags",
            "envoy.response_flags",
            "http.response_flags",
        ],
    )
}

/// HTTP status of a span.
pub(crate) fn status(span: &Span) -> Option<u32> {
    attribute(
        &span.attributes,
        &[
            "http.response.status_code",
            "http.status_code",
            "response_code",
        ],
    )?
    .parse()
    .ok()
}

/// True when a span failed by itself or by what it called.
pub(crate) fn failed(span: &Span) -> bool {
    span.status_code == StatusCode::Error
        || status(span).is_some_and(|code| code >= 500 || code == 429)
        || flags(span).is_some_and(|flags| !flags.split(',').all(|it| it.trim() == "DC"))
}

/// True when somebody else cut it off.
pub(crate) fn cancelled(span: &Span) -> bool {
    let words = &span.status_message;
    // .NET and Go call a client that lost its patience cancelled, too.
    let given_up = super::text::is(words, super::text::Topic::Timeout);
    words.to_lowercase().contains("cancel") && !given_up
        || flags(span).is_some_and(|flags| flags.contains("DC"))
        || attribute(&span.attributes, &["rpc.grpc.status_code"]).as_deref() == Some("1")
}

/// Who answers the call of a client span, as far as the span says so.
pub(crate) fn peer(span: &Span) -> Option<String> {
    let named = attribute(&span.attributes, &PEER);
    named.or_else(|| {
        let url = attribute(&span.attributes, &["url.full", "http.url"])?;
        let host = url.split("://").nth(1)?.split(['/', ':', '?']).next()?;
        (!host.is_empty()).then(|| host.to_owned())
    })
}

/// True for a span of a proxy.
pub(crate) fn proxied(span: &Span) -> bool {
    attribute(
        &span.attributes,
        &["upstream_cluster", "upstream_cluster.name"],
    )
    .is_some()
}

/// True for a span that waits for somebody outside its service.
pub(crate) fn calls_out(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Client | SpanKind::Producer) || flags(span).is_some()
}

/// Who answers at an address: what calls with both ends tell.
pub(crate) type Answered = BTreeMap<String, String>;

/// The service at an address: one that was seen to answer there, or one whose name the address begins with.
pub(crate) fn named(all: &Answered, address: &str) -> Option<String> {
    let bare = address.split(':').next().unwrap_or(address);
    let first = bare.split('.').next().unwrap_or(bare);
    let exact = all.get(address).or_else(|| all.get(bare));
    let begins = || {
        all.values()
            .find(|name| name.as_str() == first || name.as_str() == bare)
    };
    exact.or_else(begins).cloned()
}

/// What somebody called whoever is at an address, where a cloud made the address of it; else the address.
pub(crate) fn own_name(address: String) -> String {
    super::own_names::of(&address).map_or_else(|| address.clone(), str::to_owned)
}

/// Spans with their children.
pub(crate) struct Forest<'a> {
    answered: Option<Arc<Answered>>,
    pub spans: Vec<&'a Span>,
    pub children: Vec<Vec<usize>>,
    pub parent: Vec<Option<usize>>,
}

impl<'a> Forest<'a> {
    pub fn new(mut spans: Vec<&'a Span>) -> Self {
        // Whatever order they arrived in: what is first is so by time.
        spans.sort_by_key(|it| (it.start_time, it.span_id, it.trace_id));
        let at: HashMap<(TraceId, SpanId), usize> = spans
            .iter()
            .enumerate()
            .map(|(n, it)| ((it.trace_id, it.span_id), n))
            .collect();
        let mut children = vec![Vec::new(); spans.len()];
        let mut parent = vec![None; spans.len()];
        let mut lost = Vec::new();
        for (n, span) in spans.iter().enumerate() {
            let above = at.get(&(span.trace_id, span.parent_span_id)).copied();
            if let Some(above) = above.filter(|above| *above != n) {
                children[above].push(n);
                parent[n] = Some(above);
            } else if above.is_none() && !span.parent_span_id.is_zero() {
                lost.push(n);
            }
        }
        let mut forest = Forest {
            answered: None,
            spans,
            children,
            parent,
        };
        for n in lost.into_iter().take(MOST_ADOPTED) {
            forest.adopt(n);
        }
        forest
    }

    /// Gives a span whose parent was lost to the shortest span of its trace that was at work all the while, where those
    /// that were are one inside the other: else nobody knows whose it is.
    fn adopt(&mut self, n: usize) {
        let own = self.spans[n];
        let took = |it: &Span| it.end_time.since(it.start_time);
        let encloses = |it: &Span| {
            it.start_time.0 <= own.start_time.0.saturating_add(SLACK_NS)
                && it.end_time.0.saturating_add(SLACK_NS) >= own.end_time.0
                && took(it) > took(own)
        };
        let around = (0..self.spans.len()).filter(|it| {
            let span = self.spans[*it];
            *it != n && span.trace_id == own.trace_id && encloses(span) && !self.is_below(*it, n)
        });
        let mut around: Vec<usize> = around.take(MOST_ADOPTED).collect();
        around.sort_by_key(|it| (took(self.spans[*it]), *it));
        let Some(first) = around.first().copied() else {
            return;
        };
        // Each of the others has to be above it.
        if around.iter().skip(1).all(|it| self.is_below(first, *it)) {
            self.children[first].push(n);
            self.parent[n] = Some(first);
        }
    }

    /// Whether a span lies below another one.
    fn is_below(&self, mut n: usize, above: usize) -> bool {
        for _ in 0..200 {
            match self.parent[n] {
                Some(it) if it == above => return true,
                Some(it) => n = it,
                None => return false,
            }
        }
        true
    }

    /// The same, where it is known who answers at an address.
    pub fn knowing(mut self, answered: Arc<Answered>) -> Self {
        self.answered = Some(answered);
        self
    }

    /// Addresses of calls with the services that answered them.
    pub fn answered(&self) -> Answered {
        let mut found = Answered::new();
        for (n, span) in self.spans.iter().enumerate().filter(|it| calls_out(it.1)) {
            let Some(address) = peer(span) else {
                continue;
            };
            let other = self.children[n].iter().find_map(|child| {
                let child = self.spans[*child];
                if child.parent_span_id != span.span_id {
                    return None;
                }
                // A proxy answers for many: its cluster is the one.
                let own = || Some(child.service_name.clone());
                let name = if flags(child).is_some() || proxied(child) {
                    peer(child)
                } else {
                    own()
                };
                name.filter(|name| *name != span.service_name && !name.is_empty())
            });
            if let Some(other) = other.filter(|other| *other != address) {
                found.insert(address, other);
            }
        }
        found
    }

    /// Who is charged with a span's own time.
    pub fn charged(&self, n: usize) -> String {
        let span = self.spans[n];
        if !calls_out(span) {
            return span.service_name.clone();
        }
        let answering = self.children[n]
            .iter()
            .map(|child| self.spans[*child])
            .find(|child| {
                // One that was given to it may be further down.
                child.parent_span_id == span.span_id
                    && child.service_name != span.service_name
                    && !child.service_name.is_empty()
            });
        match answering {
            Some(child) if flags(span).is_none() => child.service_name.clone(),
            // A proxy's cluster is known by that name.
            // Without one (no route was found) it is whom the caller asked for.
            _ if flags(span).is_some() => peer(span)
                .or_else(|| answering.map(|child| child.service_name.clone()))
                .or_else(|| self.asked_for(n))
                .unwrap_or_else(|| span.service_name.clone()),
            _ => peer(span)
                .map(|it| self.known(it))
                .or_else(|| answering.map(|child| child.service_name.clone()))
                .unwrap_or_else(|| span.service_name.clone()),
        }
    }

    /// Whom the call around a proxy's span was meant for.
    fn asked_for(&self, n: usize) -> Option<String> {
        let above = self.spans[self.parent[n]?];
        let call = matches!(above.kind, SpanKind::Client | SpanKind::Producer);
        peer(above).filter(|_| call).map(|it| self.known(it))
    }

    fn known(&self, address: String) -> String {
        self.answered
            .as_ref()
            .and_then(|all| named(all, &address))
            .unwrap_or_else(|| own_name(address))
    }

    /// A span's duration without what its children cover of it, nanoseconds.
    pub fn exclusive(&self, n: usize) -> i64 {
        let span = self.spans[n];
        let (from, to) = (span.start_time.0, span.end_time.0.max(span.start_time.0));
        let mut parts: Vec<(i64, i64)> = self.children[n]
            .iter()
            .map(|child| {
                let child = self.spans[*child];
                (
                    child.start_time.0.clamp(from, to),
                    child.end_time.0.clamp(from, to),
                )
            })
            .filter(|(start, end)| start < end)
            .collect();
        parts.sort_unstable();
        let mut covered = 0;
        let mut last = from;
        for (start, end) in parts {
            covered += (end - start.max(last)).max(0);
            last = last.max(end);
        }
        to - from - covered
    }

    /// Everything that is charged, by name.
    pub fn charges(&self) -> BTreeMap<String, Charge> {
        let mut all: BTreeMap<String, Charge> = BTreeMap::new();
        for n in 0..self.spans.len() {
            let charge = all.entry(self.charged(n)).or_default();
            charge.ns = charge.ns.saturating_add(self.exclusive(n));
            charge.count += 1;
            charge.errors += u32::from(failed(self.spans[n]) && !cancelled(self.spans[n]));
        }
        all.remove("");
        all
    }

    /// The longest call of each service that was answered.
    pub fn longest_calls(&self, most: usize) -> BTreeMap<String, i64> {
        let mut all: BTreeMap<String, i64> = BTreeMap::new();
        for (n, span) in self.spans.iter().enumerate() {
            if !calls_out(span) || failed(span) || all.len() >= most {
                continue;
            }
            let longest = all.entry(self.charged(n)).or_default();
            *longest = (*longest).max(span.end_time.since(span.start_time));
        }
        all
    }

    /// The span with the most own time that is charged to somebody.
    pub fn longest_of(&self, name: &str) -> Option<usize> {
        (0..self.spans.len())
            .filter(|n| self.charged(*n) == name)
            .max_by_key(|n| (self.exclusive(*n), std::cmp::Reverse(*n)))
    }
}
