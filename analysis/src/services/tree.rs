//! Spans as trees, repaired, and who answers which call.

use super::Hop;
use model::{SpanId, SpanKind, TraceId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How far a span may reach beyond one that it encloses, nanoseconds.
const SLACK: i64 = 1_000_000;
/// Spans of one service above each other that are followed.
const DEEPEST: usize = 64;
/// No parent.
const NONE: u32 = u32::MAX;

/// Services and operations by number, the same in both periods.
#[derive(Default)]
pub(super) struct Names {
    services: HashMap<Arc<str>, u32>,
    of_services: Vec<Arc<str>>,
    /// Services by their plain names; none where two share one.
    plain: HashMap<String, Option<u32>>,
    /// Services by the first label of a longer name (`quote` of `quote.shop`); none where two share one.
    labels: HashMap<String, Option<u32>>,
    operations: HashMap<(u32, Arc<str>), u32>,
    of_operations: Vec<Arc<str>>,
}

impl Names {
    pub fn service(&mut self, name: &Arc<str>) -> u32 {
        if let Some(found) = self.services.get(name) {
            return *found;
        }
        let new = self.of_services.len() as u32;
        self.services.insert(name.clone(), new);
        self.of_services.push(name.clone());
        new
    }

    /// Notes a service that records spans or lines itself, so that calls which name it otherwise are found to be its.
    pub fn introduce(&mut self, name: &Arc<str>) {
        if name.is_empty() || self.services.contains_key(name) {
            return;
        }
        let new = self.service(name);
        if let Some(plain) = plain(name) {
            let of = self.plain.entry(plain).or_insert(Some(new));
            *of = of.filter(|it| *it == new);
        }
        if let Some(label) = label(name) {
            let of = self.labels.entry(label.to_owned()).or_insert(Some(new));
            *of = of.filter(|it| *it == new);
        }
    }

    /// Notes a service that writes lines: where a proxy records its spans under a longer name, it is that one.
    pub fn hear(&mut self, name: &Arc<str>) {
        match self.labels.get(&**name).copied().flatten() {
            Some(known) if !self.services.contains_key(name) => {
                self.services.insert(name.clone(), known);
            }
            _ => self.introduce(name),
        }
    }

    /// The service that a call says it goes to: by its own name, by the name of its interface (`shop.CartService` of
    /// `cartservice`), or by its address in a cluster (`cart.shop.svc:8080`).
    fn peer(&mut self, name: &Arc<str>) -> u32 {
        let known = self.services.get(name).copied();
        let meant = || {
            let plain = plain(called(name))?;
            self.plain.get(&plain).copied().flatten()
        };
        match known.or_else(meant) {
            Some(found) => found,
            None => self.service(name),
        }
    }

    pub fn known(&self, name: &str) -> Option<u32> {
        let own = self.services.get(name).copied();
        own.or_else(|| self.labels.get(name).copied().flatten())
    }

    fn operation(&mut self, service: u32, name: &Arc<str>) -> u32 {
        let new = self.of_operations.len() as u32;
        let found = self.operations.entry((service, name.clone()));
        let number = *found.or_insert(new);
        if number == new {
            self.of_operations.push(name.clone());
        }
        number
    }

    pub fn name(&self, service: u32) -> &str {
        &self.of_services[service as usize]
    }

    /// What an operation is called.
    pub fn operation_name(&self, operation: u32) -> &str {
        &self.of_operations[operation as usize]
    }

    pub fn services(&self) -> usize {
        self.of_services.len()
    }
}

/// The first label of a service's name within a mesh: `quote` of `quote.shop`. Names that begin with a domain are those of
/// packages.
fn label(name: &str) -> Option<&str> {
    const DOMAINS: [&str; 8] = ["com", "org", "net", "io", "dev", "edu", "www", "app"];
    let (first, rest) = name.split_once('.')?;
    let says = first.len() > 2 && !rest.is_empty() && !DOMAINS.contains(&first);
    says.then_some(first)
}

/// The part of a peer's name that names a service: the interface of an RPC, the first label of an address in a cluster.
fn called(name: &str) -> &str {
    const INSIDE: [&str; 5] = ["svc", "local", "internal", "cluster", "consul"];
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    if last.starts_with(|c: char| c.is_ascii_uppercase()) {
        return last;
    }
    let host = name.split(':').next().unwrap_or(name);
    match host.split_once('.') {
        Some((first, rest)) if rest.split('.').any(|it| INSIDE.contains(&it)) => first,
        _ => host,
    }
}

/// A service's name without what spellings differ in; none for names that say too little.
fn plain(name: &str) -> Option<String> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let lower: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let short = lower.strip_suffix("service").filter(|it| it.len() > 2);
    let plain = short.unwrap_or(&lower);
    let says = plain.len() > 2 && plain.chars().any(|c| c.is_ascii_alphabetic());
    says.then(|| plain.to_owned())
}

/// The spans of a period with their children.
pub(super) struct Trees<'a> {
    pub spans: &'a [Hop],
    /// Service of each span.
    pub service: Vec<u32>,
    /// Operation of each span.
    pub operation: Vec<u32>,
    peer: Vec<u32>,
    parent: Vec<u32>,
    root: Vec<u32>,
    from: Vec<u32>,
    below: Vec<u32>,
}

/// Which service answers a call, by the operation of its span and whom it says it calls.
pub(super) type Answers = HashMap<(u32, u32), u32>;

impl<'a> Trees<'a> {
    pub fn new(spans: &'a [Hop], names: &mut Names) -> Self {
        let at: HashMap<(TraceId, SpanId), u32> = spans
            .iter()
            .enumerate()
            .map(|(n, it)| ((it.trace_id, it.span_id), n as u32))
            .collect();
        let parent = spans.iter().enumerate().map(|(n, it)| {
            let above = at.get(&(it.trace_id, it.parent_span_id)).copied();
            above.filter(|above| *above != n as u32).unwrap_or(NONE)
        });
        let mut parent: Vec<u32> = parent.collect();
        drop(at);
        let (from, below) = children_of(&parent);
        repair(spans, &from, &below, &mut parent);
        let (from, below) = children_of(&parent);
        let service: Vec<u32> = spans.iter().map(|it| names.service(&it.service)).collect();
        let operation = spans
            .iter()
            .zip(&service)
            .map(|(it, service)| names.operation(*service, &it.name));
        let operation = operation.collect();
        let peer = spans
            .iter()
            .map(|it| it.peer.as_ref().map_or(NONE, |it| names.peer(it)));
        Trees {
            spans,
            peer: peer.collect(),
            service,
            operation,
            root: roots(&parent),
            parent,
            from,
            below,
        }
    }

    /// The spans right below one.
    pub fn children(&self, n: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        let of = &self.below[self.from[n] as usize..self.from[n + 1] as usize];
        of.iter().map(|it| *it as usize)
    }

    /// The span right above one.
    pub fn parent(&self, n: usize) -> Option<usize> {
        Some(self.parent[n])
            .filter(|it| *it != NONE)
            .map(|it| it as usize)
    }

    /// The topmost span above one.
    pub fn root(&self, n: usize) -> usize {
        self.root[n] as usize
    }

    /// All spans, those of a trace side by side.
    pub fn by_trace(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.spans.len() as u32).collect();
        order.sort_by_key(|n| self.spans[*n as usize].trace_id);
        order
    }

    /// How many traces.
    pub fn traces(&self) -> usize {
        let all: HashSet<TraceId> = self.spans.iter().map(|it| it.trace_id).collect();
        all.len()
    }

    /// True for two spans of one trace.
    pub fn same_trace(&self, one: u32, other: u32) -> bool {
        self.spans[one as usize].trace_id == self.spans[other as usize].trace_id
    }

    /// True when neither a span nor one right below it failed.
    pub fn went_well(&self, n: usize) -> bool {
        !self.spans[n].failed && !self.children(n).any(|it| self.spans[it].failed)
    }

    /// Duration without what children cover, nanoseconds.
    pub fn exclusive(&self, n: usize) -> i64 {
        let mut own = 0;
        self.gaps(n, |ns, _, _| own += ns);
        own
    }

    /// The stretches of a span that no child covers: how long, after which child, before which.
    pub fn gaps(&self, n: usize, mut tell: impl FnMut(i64, Option<usize>, Option<usize>)) {
        let (from, to) = range(&self.spans[n]);
        let mut parts: Vec<(i64, i64, usize)> = self
            .children(n)
            .map(|child| (range(&self.spans[child]), child))
            .map(|((start, end), child)| (start.clamp(from, to), end.clamp(from, to), child))
            .filter(|(start, end, _)| start < end)
            .collect();
        parts.sort_unstable();
        let (mut last, mut after) = (from, None);
        for (start, end, child) in parts {
            if start > last {
                tell(start - last, after, Some(child));
            }
            if end > last {
                (last, after) = (end, Some(child));
            }
        }
        if to > last {
            tell(to - last, after, None);
        }
    }

    /// Learns who answers which call.
    pub fn learn(&self, answers: &mut Answers) {
        let none = Answers::new();
        for n in 0..self.spans.len() {
            let message = self.spans[n].kind == SpanKind::Producer;
            if let Some(child) = self.answer(n).filter(|_| !message && self.calls(n, &none)) {
                answers.entry(self.call(n)).or_insert(self.service[child]);
            }
        }
    }

    /// True for a span that waits for another service. Where nothing says on which side of a call it is, it is one
    /// that lies inside its own service's span and has one answer below it, or none although others of its name do.
    pub fn calls(&self, n: usize, answers: &Answers) -> bool {
        match self.spans[n].kind {
            SpanKind::Client | SpanKind::Producer => true,
            SpanKind::Server | SpanKind::Consumer => false,
            SpanKind::Internal | SpanKind::Unspecified => {
                let above = self.parent(n).map(|above| self.service[above]);
                let mut children = self.children(n);
                let (first, second) = (children.next(), children.next());
                above == Some(self.service[n])
                    && (self.answer(n).is_some() && second.is_none()
                        || first.is_none()
                            && (self.names_another(n) || answers.contains_key(&self.call(n))))
            }
        }
    }

    /// True for a span that says it calls another service.
    fn names_another(&self, n: usize) -> bool {
        self.peer[n] != NONE && self.peer[n] != self.service[n]
    }

    /// What a span's call is known by.
    fn call(&self, n: usize) -> (u32, u32) {
        (self.operation[n], self.peer[n])
    }

    /// The span in which the request came in that a span is part of.
    pub fn entry(&self, n: usize) -> usize {
        let mut at = n;
        for _ in 0..DEEPEST {
            match self.parent(at) {
                Some(above) if self.service[above] == self.service[n] => at = above,
                _ => break,
            }
        }
        at
    }

    /// The span of another service right below one.
    pub fn answer(&self, n: usize) -> Option<usize> {
        let mut below = self.children(n);
        below.find(|child| {
            self.service[*child] != self.service[n] && !self.spans[*child].service.is_empty()
        })
    }

    /// The service that a span waits for in its own time: its callee for a call, else itself.
    pub fn waits_for(&self, n: usize, answers: &Answers) -> u32 {
        if !self.calls(n, answers) {
            return self.service[n];
        }
        let said = Some(self.peer[n]).filter(|it| *it != NONE);
        // A message waits for nobody: its consumers take it when they like.
        if self.spans[n].kind == SpanKind::Producer {
            return said.unwrap_or(self.service[n]);
        }
        if let Some(child) = self.answer(n) {
            return self.service[child];
        }
        let known = answers.get(&self.call(n)).copied();
        known.or(said).unwrap_or(self.service[n])
    }
}

fn range(span: &Hop) -> (i64, i64) {
    (
        span.start.0,
        span.start.0.saturating_add(span.duration_ns.max(0)),
    )
}

/// Where the children of each span begin, and all of them.
fn children_of(parent: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut from = vec![0_u32; parent.len() + 1];
    for above in parent.iter().filter(|it| **it != NONE) {
        from[*above as usize + 1] += 1;
    }
    for n in 0..parent.len() {
        from[n + 1] += from[n];
    }
    let mut next = from.clone();
    let mut below = vec![0_u32; from.last().map_or(0, |it| *it as usize)];
    for (n, above) in parent.iter().enumerate() {
        if *above != NONE {
            below[next[*above as usize] as usize] = n as u32;
            next[*above as usize] += 1;
        }
    }
    (from, below)
}

/// The topmost span above each; where parents go round in circles, one of them.
fn roots(parent: &[u32]) -> Vec<u32> {
    let mut root = vec![NONE; parent.len()];
    let mut path = Vec::new();
    for n in 0..parent.len() {
        let mut at = n;
        path.clear();
        let found = loop {
            if root[at] != NONE {
                break root[at];
            }
            path.push(at);
            // Marks the way, so that a circle ends where it began.
            root[at] = at as u32;
            match parent[at] {
                NONE => break at as u32,
                above => at = above as usize,
            }
        };
        path.iter().for_each(|it| root[*it] = found);
    }
    root
}

/// Reactive gateways write the call and its answer as siblings: a span without children that encloses a sibling with
/// children is its parent.
fn repair(spans: &[Hop], from: &[u32], below: &[u32], parent: &mut [u32]) {
    let childless = |n: u32| from[n as usize] == from[n as usize + 1];
    for above in 0..spans.len() {
        let siblings = &below[from[above] as usize..from[above + 1] as usize];
        // Long lists of siblings are batches, not gateways.
        if siblings.len() < 2 || siblings.len() > 64 {
            continue;
        }
        for call in siblings.iter().copied().filter(|n| childless(*n)) {
            let inner = siblings
                .iter()
                .copied()
                .find(|n| *n != call && encloses(spans, call, *n, !childless(*n)));
            if let Some(inner) = inner {
                parent[inner as usize] = call;
            }
        }
    }
}

/// True when the one is the call of which the other is the answer. An answer that calls nobody is one only where both
/// sides are said: the caller's service called, another served.
fn encloses(spans: &[Hop], call: u32, answer: u32, has_children: bool) -> bool {
    let (call, answer) = (&spans[call as usize], &spans[answer as usize]);
    let sides = call.kind == SpanKind::Client
        && answer.kind == SpanKind::Server
        && call.service != answer.service
        && (call.name == answer.name || call.peer.as_ref() == Some(&answer.service));
    // Who serves does not call, however long: consumers of one message lie beside each other.
    let serves = matches!(call.kind, SpanKind::Server | SpanKind::Consumer);
    let ((from, to), (start, end)) = (range(call), range(answer));
    // One service has one clock: short calls that follow each other do not lie in each other.
    let slack = match call.service == answer.service {
        true => SLACK.min(call.duration_ns.max(0) / 50),
        false => SLACK,
    };
    (has_children || sides)
        && !serves
        && start.saturating_add(slack) >= from
        && end <= to.saturating_add(slack)
        && (start, end) != (from, to)
}
