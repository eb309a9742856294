//! The map from its facts, pure.

use model::api::map::{MapEdge, MapExample, MapNode, NodeKind, ServiceMap};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Examples of an edge.
const EXAMPLES: usize = 5;

/// Trace and span, hex.
pub(super) type Key = (String, String);

/// A span.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    pub key: Key,
    /// Parent's span id, empty for none.
    pub parent: String,
    pub service: String,
    pub kind: String,
    pub start: i64,
    pub duration: i64,
    pub failed: bool,
    /// Derived from Lambda's log.
    pub lambda: bool,
    /// Our own word for a derived span.
    pub own: String,
    pub proxy: bool,
    pub database: String,
    pub store: String,
    pub messaging: String,
    pub queue: String,
    pub peer: String,
}

/// An attempt of a task.
#[derive(Debug, Clone, Default)]
pub(super) struct Try {
    pub key: Key,
    pub execution_arn: String,
    pub state_machine: String,
    pub resource_type: String,
    pub resource: String,
    pub function: Option<String>,
    pub child: Option<String>,
    pub failed: bool,
    pub start: i64,
    pub ended: bool,
    pub duration: i64,
    /// The head of its input.
    pub input: String,
}

/// A run of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Execution {
    pub state_machine: String,
    pub failed: bool,
    pub duration: Option<i64>,
}

type Node = (NodeKind, String);

/// What was counted of a node or an edge.
#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    errors: u64,
    durations: Vec<i64>,
    examples: Vec<MapExample>,
}

impl Tally {
    fn add(&mut self, failed: bool, duration: Option<i64>) {
        self.calls += 1;
        self.errors += u64::from(failed);
        self.durations.extend(duration);
    }

    /// Keeps the failed ones, then the slowest.
    fn example(&mut self, example: MapExample) {
        self.examples.push(example);
        self.examples.sort_by(|a, b| {
            let rank = |it: &MapExample| (it.failed, it.duration_ns);
            rank(b)
                .cmp(&rank(a))
                .then_with(|| a.trace_id.cmp(&b.trace_id))
        });
        self.examples
            .dedup_by(|a, b| a.trace_id == b.trace_id && a.span_id == b.span_id);
        self.examples.truncate(EXAMPLES);
    }

    /// By nearest rank.
    fn percentile(&mut self, of_100: usize) -> Option<i64> {
        self.durations.sort_unstable();
        let rank = (self.durations.len() * of_100).div_ceil(100);
        self.durations.get(rank.saturating_sub(1)).copied()
    }
}

/// A map that is not yet cut to size.
#[derive(Debug, Default)]
pub(super) struct Built {
    nodes: BTreeMap<Node, Tally>,
    edges: BTreeMap<(Node, Node), Tally>,
}

/// Puts spans, attempts and executions together.
pub(super) fn build(calls: &[Call], tries: &[Try], executions: &[Execution]) -> Built {
    let mut built = Built::default();
    let names = Names::of(calls, tries);
    for run in executions {
        let node = (NodeKind::StateMachine, run.state_machine.clone());
        built
            .nodes
            .entry(node)
            .or_default()
            .add(run.failed, run.duration);
    }
    built.spans(calls, &names);
    for attempt in tries {
        built.attempt(attempt);
    }
    built
}

/// What the names of services are names of.
struct Names<'a> {
    functions: HashSet<&'a str>,
    proxies: HashSet<&'a str>,
    services: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(calls: &'a [Call], tries: &'a [Try]) -> Self {
        let named = |test: &dyn Fn(&Call) -> bool| {
            calls
                .iter()
                .filter(|call| test(call))
                .map(|call| call.service.as_str())
                .collect()
        };
        let mut functions: HashSet<&str> = named(&|call| call.lambda);
        functions.extend(tries.iter().filter_map(|it| it.function.as_deref()));
        Names {
            functions,
            proxies: named(&|call| call.proxy),
            services: named(&|_| true),
        }
    }

    fn node(&self, service: &str) -> Node {
        let kind = if self.functions.contains(service) {
            NodeKind::Function
        } else if self.proxies.contains(service) {
            NodeKind::Proxy
        } else if self.services.contains(service) {
            NodeKind::Service
        } else {
            NodeKind::External
        };
        (kind, service.to_owned())
    }
}

impl Built {
    fn spans(&mut self, calls: &[Call], names: &Names) {
        let mut index: HashMap<(&str, &str), Vec<usize>> = HashMap::with_capacity(calls.len());
        for (at, call) in calls.iter().enumerate() {
            index
                .entry((&call.key.0, &call.key.1))
                .or_default()
                .push(at);
        }
        let asks = |call: &Call| matches!(call.kind.as_str(), "client" | "producer");
        let mut answered: HashSet<usize> = HashSet::new();
        for (at, call) in calls.iter().enumerate().filter(|(_, call)| is_shown(call)) {
            let node = names.node(&call.service);
            let twins = index.get(&(call.key.0.as_str(), call.key.1.as_str()));
            // The asking side of a call may share the id of the answering side.
            let twin = || {
                twins
                    .into_iter()
                    .flatten()
                    .copied()
                    .find(|twin| *twin != at && asks(&calls[*twin]))
            };
            let above = || {
                index
                    .get(&(call.key.0.as_str(), call.parent.as_str()))?
                    .first()
                    .copied()
            };
            let parent = match asks(call) {
                true => above(),
                false => twin().or_else(above),
            };
            let answers = matches!(call.kind.as_str(), "server" | "consumer") || call.lambda;
            if answers || parent.is_none() && !asks(call) {
                self.nodes
                    .entry(node.clone())
                    .or_default()
                    .add(call.failed, Some(call.duration));
            }
            let Some(parent) = parent else { continue };
            let from = names.node(&calls[parent].service);
            if from == node {
                continue;
            }
            let seen = if asks(&calls[parent]) {
                &calls[parent]
            } else {
                call
            };
            if asks(&calls[parent]) {
                answered.insert(parent);
            }
            self.edge(from, node, seen);
        }
        for (at, call) in calls.iter().enumerate() {
            if asks(call)
                && is_shown(call)
                && !answered.contains(&at)
                && let Some(target) = target(call, names)
            {
                let from = names.node(&call.service);
                if from != target {
                    if matches!(
                        target.0,
                        NodeKind::Database | NodeKind::Queue | NodeKind::External
                    ) {
                        let node = self.nodes.entry(target.clone()).or_default();
                        node.add(call.failed, Some(call.duration));
                    }
                    self.edge(from, target, call);
                }
            }
        }
    }

    fn edge(&mut self, from: Node, to: Node, call: &Call) {
        self.nodes.entry(from.clone()).or_default();
        self.nodes.entry(to.clone()).or_default();
        let edge = self.edges.entry((from, to)).or_default();
        edge.add(call.failed, Some(call.duration));
        edge.example(MapExample {
            trace_id: call.key.0.clone(),
            span_id: call.key.1.clone(),
            execution_arn: None,
            failed: call.failed,
            duration_ns: call.duration,
        });
    }

    fn attempt(&mut self, attempt: &Try) {
        let from = (NodeKind::StateMachine, attempt.state_machine.clone());
        let Some(to) = resource(attempt) else { return };
        let duration = attempt.ended.then_some(attempt.duration);
        self.nodes.entry(from.clone()).or_default();
        let node = self.nodes.entry(to.clone()).or_default();
        if matches!(
            to.0,
            NodeKind::Database | NodeKind::Queue | NodeKind::External
        ) {
            node.add(attempt.failed, duration);
        }
        let edge = self.edges.entry((from, to)).or_default();
        edge.add(attempt.failed, duration);
        edge.example(MapExample {
            trace_id: attempt.key.0.clone(),
            span_id: attempt.key.1.clone(),
            execution_arn: Some(attempt.execution_arn.clone()),
            failed: attempt.failed,
            duration_ns: attempt.duration,
        });
    }

    /// Keeps the edges at whose ends these are.
    pub(super) fn keep(&mut self, state_machine: Option<String>, service: Option<String>) {
        if state_machine.is_none() && service.is_none() {
            return;
        }
        let is = |node: &Node| {
            let machine = state_machine
                .as_ref()
                .is_none_or(|name| node.0 == NodeKind::StateMachine && node.1 == *name);
            machine && service.as_ref().is_none_or(|name| node.1 == *name)
        };
        self.edges.retain(|(from, to), _| is(from) || is(to));
        let ends: BTreeSet<&Node> = self.edges.keys().flat_map(|(a, b)| [a, b]).collect();
        let ends: BTreeSet<Node> = ends.into_iter().cloned().collect();
        self.nodes.retain(|node, _| is(node) || ends.contains(node));
    }

    /// The answer, with the busiest edges and the nodes at their ends.
    pub(super) fn map(self, most: usize) -> ServiceMap {
        let mut edges: Vec<_> = self.edges.into_iter().collect();
        edges.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then_with(|| a.0.cmp(&b.0)));
        let truncated = edges.len() > most;
        edges.truncate(most);
        let shown: HashSet<Node> = edges
            .iter()
            .flat_map(|((a, b), _)| [a.clone(), b.clone()])
            .collect();
        let node = |(node, mut tally): (Node, Tally)| MapNode {
            id: id(&node),
            kind: node.0,
            name: node.1,
            calls: tally.calls,
            errors: tally.errors,
            p50_ns: tally.percentile(50),
            p95_ns: tally.percentile(95),
            ..MapNode::default()
        };
        let edge = |((from, to), mut tally): ((Node, Node), Tally)| MapEdge {
            from: id(&from),
            to: id(&to),
            calls: tally.calls,
            errors: tally.errors,
            p50_ns: tally.percentile(50),
            p95_ns: tally.percentile(95),
            examples: tally.examples,
            ..MapEdge::default()
        };
        let few = self.nodes.len() <= most;
        let nodes = self
            .nodes
            .into_iter()
            .filter(|(node, _)| few || shown.contains(node));
        ServiceMap {
            nodes: nodes.map(node).collect(),
            truncated,
            edges: edges.into_iter().map(edge).collect(),
            ..ServiceMap::default()
        }
    }
}

fn id((kind, name): &Node) -> String {
    let word = match kind {
        NodeKind::Service => "service",
        NodeKind::Proxy => "proxy",
        NodeKind::StateMachine => "state_machine",
        NodeKind::Function => "function",
        NodeKind::Queue => "queue",
        NodeKind::Database => "database",
        NodeKind::External => "external",
    };
    format!("{word}:{name}")
}

/// Of Lambda's derived spans only the invocation is a call; a service without a name is nobody.
fn is_shown(call: &Call) -> bool {
    !call.service.is_empty() && (!call.lambda || call.own == "invocation" || call.own.is_empty())
}

/// What a call reached that records nothing itself.
fn target(call: &Call, names: &Names) -> Option<Node> {
    if !call.database.is_empty() {
        let name = match call.store.is_empty() {
            true => call.database.clone(),
            false => format!("{} {}", call.database, call.store),
        };
        return Some((NodeKind::Database, name));
    }
    if !call.messaging.is_empty() || !call.queue.is_empty() {
        let name = if call.queue.is_empty() {
            &call.messaging
        } else {
            last(&call.queue)
        };
        return Some((NodeKind::Queue, name.to_owned()));
    }
    (!call.peer.is_empty() && call.peer != "-").then(|| names.node(&call.peer))
}

/// What an attempt called.
fn resource(attempt: &Try) -> Option<Node> {
    if let Some(function) = &attempt.function {
        return Some((NodeKind::Function, function.clone()));
    }
    if let Some(child) = &attempt.child {
        // arn:aws:states:eu-west-1:1:execution:Machine:name
        let machine = child.split(':').nth(6).unwrap_or(child);
        return Some((NodeKind::StateMachine, machine.to_owned()));
    }
    let service = attempt.resource_type.trim_start_matches("aws-sdk:");
    let named = |members: &[&str]| {
        let value = members.iter().find_map(|name| member(&attempt.input, name));
        value.map(|value| last(value).to_owned())
    };
    let (kind, name) = match service {
        "" => return None,
        "sqs" => (NodeKind::Queue, named(&["QueueUrl"])),
        "sns" => (NodeKind::Queue, named(&["TopicArn"])),
        "events" | "eventbridge" => (NodeKind::Queue, named(&["EventBusName"])),
        "kinesis" | "firehose" => (
            NodeKind::Queue,
            named(&["StreamName", "DeliveryStreamName"]),
        ),
        "dynamodb" => (NodeKind::Database, named(&["TableName"])),
        "s3" => (NodeKind::Database, named(&["Bucket"])),
        "activity" => (NodeKind::External, Some(last(&attempt.resource).to_owned())),
        _ => (NodeKind::External, None),
    };
    let name = match name {
        Some(name) if service != "activity" => format!("{service} {name}"),
        Some(name) => name,
        None => service.to_owned(),
    };
    Some((kind, name))
}

/// The text of `"name": "value"` somewhere in JSON that may be cut off.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = json.split_once(&format!("\"{name}\""))?;
    let value = behind
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    let (value, _) = value.split_once('"')?;
    (!value.is_empty()).then_some(value)
}

/// The last part of a URL or an ARN.
fn last(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(span: &str, parent: &str, service: &str, kind: &str, duration: i64) -> Call {
        Call {
            key: ("t".into(), span.into()),
            parent: parent.into(),
            service: service.into(),
            kind: kind.into(),
            duration,
            ..Call::default()
        }
    }

    fn check(calls: Vec<Call>, tries: Vec<Try>, expect: &[&str]) -> ServiceMap {
        let map = build(&calls, &tries, &[]).map(100);
        let mut told: Vec<String> = map
            .edges
            .iter()
            .map(|edge| format!("{}→{} {}/{}", edge.from, edge.to, edge.errors, edge.calls))
            .collect();
        told.sort();
        assert_eq!(told, expect);
        map
    }

    #[test]
    fn a_call_goes_from_the_client_to_the_server() {
        let mut failed = call("2", "1", "web", "client", 50);
        failed.failed = true;
        let calls = vec![
            call("1", "", "web", "server", 100),
            failed,
            call("3", "2", "cart", "server", 30),
        ];
        let map = check(calls, vec![], &["service:web→service:cart 1/1"]);
        assert_eq!(map.edges[0].p50_ns, Some(50), "as the caller waited");
        assert_eq!(map.edges[0].examples[0].span_id, "2");
        let cart = map
            .nodes
            .iter()
            .find(|node| node.name == "cart")
            .expect("cart");
        assert_eq!((cart.calls, cart.p95_ns), (1, Some(30)));
    }

    #[test]
    fn a_proxy_between_is_a_node() {
        let mut inbound = call("3", "2", "edge", "server", 40);
        let mut outbound = call("4", "3", "edge", "client", 35);
        (inbound.proxy, outbound.proxy) = (true, true);
        outbound.peer = "svc_cart".into();
        let web = [
            call("1", "", "web", "server", 100),
            call("2", "1", "web", "client", 50),
        ];
        let alone = [web.to_vec(), vec![inbound.clone(), outbound.clone()]].concat();
        check(
            alone,
            vec![],
            &[
                "proxy:edge→external:svc_cart 0/1",
                "service:web→proxy:edge 0/1",
            ],
        );
        let answered = [
            web.to_vec(),
            vec![inbound, outbound, call("5", "4", "cart", "server", 30)],
        ]
        .concat();
        check(
            answered,
            vec![],
            &["proxy:edge→service:cart 0/1", "service:web→proxy:edge 0/1"],
        );
    }

    #[test]
    fn sides_that_share_an_id_are_one_call() {
        let calls = vec![
            call("1", "", "web", "client", 9),
            call("1", "", "cart", "server", 5),
        ];
        check(calls, vec![], &["service:web→service:cart 0/1"]);
    }

    #[test]
    fn databases_and_queues_are_named() {
        let mut select = call("1", "", "cart", "client", 9);
        (select.database, select.store) = ("postgresql".into(), "shop".into());
        let mut send = call("2", "", "cart", "producer", 9);
        send.queue = "https://sqs.eu-west-1.amazonaws.com/1/orders".into();
        check(
            vec![select, send],
            vec![],
            &[
                "service:cart→database:postgresql shop 0/1",
                "service:cart→queue:orders 0/1",
            ],
        );
    }

    #[test]
    fn attempts_lead_from_the_state_machine() {
        let attempt = |kind: &str, input: &str| Try {
            state_machine: "Order".into(),
            resource_type: kind.into(),
            input: input.into(),
            ended: true,
            ..Try::default()
        };
        let mut function = attempt("lambda", "");
        function.function = Some("charge".into());
        let mut child = attempt("states", "");
        child.child = Some("arn:aws:states:eu-west-1:1:execution:Ship:abc".into());
        let tries = vec![
            function,
            child,
            attempt("aws-sdk:dynamodb", r#"{"TableName":"orders","Key":{}}"#),
            attempt("sqs", r#"{"QueueUrl": "https://sqs/1/mail"#),
        ];
        let mut lambda = call("9", "", "charge", "server", 7);
        lambda.lambda = true;
        check(
            vec![lambda],
            tries,
            &[
                "state_machine:Order→database:dynamodb orders 0/1",
                "state_machine:Order→function:charge 0/1",
                "state_machine:Order→queue:sqs 0/1",
                "state_machine:Order→state_machine:Ship 0/1",
            ],
        );
    }

    #[test]
    fn the_map_is_cut_to_size_and_filtered() {
        let calls: Vec<Call> = (0..20)
            .flat_map(|n| {
                let client = call(&format!("c{n}"), "", "web", "client", 1);
                let server = call(
                    &format!("s{n}"),
                    &format!("c{n}"),
                    &format!("svc{n}"),
                    "server",
                    1,
                );
                [client, server]
            })
            .collect();
        let map = build(&calls, &[], &[]).map(5);
        assert!(map.truncated && map.edges.len() == 5 && map.nodes.len() == 6);
        let mut built = build(&calls, &[], &[]);
        built.keep(None, Some("svc3".into()));
        assert_eq!(built.map(100).edges.len(), 1);
    }
}
