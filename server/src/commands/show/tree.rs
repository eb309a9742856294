//! The rows put together: execution ⊃ state ⊃ attempt ⊃ invocation, by span and join.

use super::{
    Row, Shown,
    lines::{flag, number, text},
};
use model::text::counted;
use std::collections::HashMap;

/// What a line of the tree shows.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Node {
    /// Name, with what makes it special.
    pub label: String,
    /// `SUCCEEDED`, `FAILED`, `success`…
    pub status: String,
    /// Nanoseconds, if it ended.
    pub duration_ns: Option<i64>,
    /// Remarks: retry, caught, cold start…
    pub notes: Vec<String>,
    /// Error and cause.
    pub error: Option<String>,
    /// Orders siblings.
    start: String,
    /// Nodes below.
    pub children: Vec<Node>,
}

/// A whole tree; its root is the execution.
pub(super) struct Tree {
    pub root: Node,
}

impl Tree {
    pub(super) fn of(shown: &Shown) -> Self {
        let by_span = |rows: &'_ [Row]| -> HashMap<String, usize> {
            rows.iter()
                .enumerate()
                .map(|(n, row)| (text(row, "span_id"), n))
                .collect()
        };
        let maker = Maker {
            shown,
            states: by_span(&shown.states),
            attempts: by_span(&shown.attempts),
            invocations: by_trace(&shown.invocations),
            nested: by_trace(&shown.nested),
            redriven: redriven(&shown.attempts),
            children: children(&shown.spans),
            joins: joins(&shown.joins),
        };
        let root_id = text(&shown.execution, "span_id");
        let mut root = maker.execution();
        root.children = maker.below(&root_id, 0);
        Tree { root }
    }
}

/// Deeper than any real workflow; hostile parents cannot recurse further.
const MAX_DEPTH: usize = 200;

struct Maker<'a> {
    shown: &'a Shown,
    states: HashMap<String, usize>,
    attempts: HashMap<String, usize>,
    invocations: HashMap<String, usize>,
    nested: HashMap<String, usize>,
    /// Attempts with which a redrive went on, and how many of them each state has.
    redriven: HashMap<String, usize>,
    children: HashMap<String, Vec<&'a Row>>,
    joins: HashMap<String, Vec<&'a Row>>,
}

fn by_trace(rows: &[Row]) -> HashMap<String, usize> {
    let ids = rows.iter().enumerate();
    ids.map(|(n, row)| (text(row, "trace_id"), n)).collect()
}

/// Attempts that are the first of their state after a redrive: what came before them was no back-off. By span; and how
/// many there are by span of the state.
fn redriven(attempts: &[Row]) -> HashMap<String, usize> {
    let mut by_state: HashMap<String, Vec<&Row>> = HashMap::new();
    for row in attempts {
        by_state
            .entry(text(row, "parent_span_id"))
            .or_default()
            .push(row);
    }
    let mut found = HashMap::new();
    for (state, mut rows) in by_state {
        rows.sort_by_key(|row| number(row, "attempt"));
        let count = |row: &Row| number(row, "redrive_count").unwrap_or(0);
        for pair in rows.windows(2) {
            if flag(pair[1], "retry") && count(pair[1]) > count(pair[0]) {
                found.insert(text(pair[1], "span_id"), 1);
                *found.entry(state.clone()).or_default() += 1;
            }
        }
    }
    found
}

fn children(spans: &[Row]) -> HashMap<String, Vec<&Row>> {
    let mut children: HashMap<String, Vec<&Row>> = HashMap::new();
    for span in spans {
        children
            .entry(text(span, "parent_span_id"))
            .or_default()
            .push(span);
    }
    children
}

fn joins(joins: &[Row]) -> HashMap<String, Vec<&Row>> {
    let mut by_parent: HashMap<String, Vec<&Row>> = HashMap::new();
    for join in joins {
        by_parent
            .entry(text(join, "parent_span_id"))
            .or_default()
            .push(join);
    }
    by_parent
}

fn error_of(row: &Row, error: &str, cause: &str) -> Option<String> {
    let (error, cause) = (text(row, error), text(row, cause));
    match (error.is_empty(), cause.is_empty()) {
        (true, true) => None,
        (false, true) => Some(error),
        (true, false) => Some(cause),
        (false, false) => Some(format!("{error}: {cause}")),
    }
}

impl Maker<'_> {
    fn execution(&self) -> Node {
        let row = &self.shown.execution;
        Node {
            label: text(row, "name"),
            status: text(row, "status"),
            duration_ns: number(row, "duration_ns"),
            ..Node::default()
        }
    }

    fn below(&self, span_id: &str, depth: usize) -> Vec<Node> {
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        let spans = self.children.get(span_id).into_iter().flatten();
        let joined = self.joins.get(span_id).into_iter().flatten();
        let mut nodes: Vec<Node> = spans
            .filter(|span| text(span, "span_id") != span_id)
            .map(|span| self.span(span, depth))
            .chain(joined.filter_map(|join| self.joined(join)))
            .collect();
        nodes.sort_by(|a, b| a.start.cmp(&b.start));
        nodes
    }

    fn span(&self, span: &Row, depth: usize) -> Node {
        let id = text(span, "span_id");
        let mut node = match (self.states.get(&id), self.attempts.get(&id)) {
            (Some(at), _) => {
                let redriven = self.redriven.get(&id).copied().unwrap_or(0);
                state(&self.shown.states[*at], redriven)
            }
            (_, Some(at)) => {
                let redriven = self.redriven.contains_key(&id);
                attempt(&self.shown.attempts[*at], redriven)
            }
            _ => Node {
                label: text(span, "name"),
                status: outcome(span),
                duration_ns: number(span, "duration_ns"),
                ..Node::default()
            },
        };
        node.start = text(span, "start_time");
        node.children = self.below(&id, depth + 1);
        node
    }

    fn joined(&self, join: &Row) -> Option<Node> {
        let mut node = match text(join, "child_kind").as_str() {
            "invocation" => {
                let at = self.invocations.get(&text(join, "child_trace_id"))?;
                invocation(&self.shown.invocations[*at])
            }
            "execution" => self.nested_execution(&text(join, "child_trace_id")),
            _ => return None,
        };
        let confidence = join.get("confidence").and_then(serde_json::Value::as_f64);
        let sure = confidence.is_some_and(|it| it >= 0.9) && !flag(join, "ambiguous");
        if !sure {
            node.notes.push(format!(
                "perhaps: {}",
                text(join, "method").replace('_', " ")
            ));
        }
        Some(node)
    }

    /// A nested execution: how it ended, and the id to open it with.
    fn nested_execution(&self, id: &str) -> Node {
        let Some(at) = self.nested.get(id) else {
            return Node {
                label: format!("execution {id}"),
                notes: vec!["not held".to_owned()],
                ..Node::default()
            };
        };
        let row = &self.shown.nested[*at];
        Node {
            label: format!("execution {}", text(row, "name")),
            status: text(row, "status"),
            duration_ns: number(row, "duration_ns"),
            notes: vec![text(row, "status"), format!("inquest show {id}")],
            error: error_of(row, "error", "cause"),
            start: text(row, "start_time"),
            ..Node::default()
        }
    }
}

fn state(row: &Row, redriven: usize) -> Node {
    let mut notes = Vec::new();
    if flag(row, "caught") {
        notes.push("caught".to_owned());
    }
    // As the tables count them: every try after a failure of the same visit, that of a redrive among them.
    let retries = number(row, "retries").unwrap_or(0).max(0) as u64;
    if retries > 0 {
        notes.push(counted(retries, "retry", "retries"));
    }
    if redriven > 0 {
        notes.push("redriven".to_owned());
    }
    Node {
        label: format!("{} ({})", text(row, "state"), text(row, "state_type")),
        status: text(row, "status"),
        duration_ns: number(row, "duration_ns"),
        notes,
        error: error_of(row, "error", "cause"),
        ..Node::default()
    }
}

fn attempt(row: &Row, redriven: bool) -> Node {
    let mut label = format!("attempt {}", number(row, "attempt").unwrap_or(1));
    let target = [text(row, "resource_type"), text(row, "resource")];
    let function = text(row, "function_name");
    match function.is_empty() {
        false => label += &format!(" λ {function}"),
        true => label += &format!(" {}", target.join(":").trim_matches(':')),
    }
    let mut notes = Vec::new();
    if redriven {
        notes.push("after a redrive".to_owned());
    } else if flag(row, "retry") {
        let backoff = number(row, "backoff_ns").map(model::time::human_duration);
        notes.push(match backoff {
            Some(wait) => format!("retry after {wait}"),
            None => "retry".to_owned(),
        });
    }
    let child = text(row, "child_execution_arn");
    if !child.is_empty() {
        notes.push(format!("started {child}"));
    }
    Node {
        label,
        status: text(row, "status"),
        duration_ns: number(row, "duration_ns"),
        notes,
        error: error_of(row, "error", "cause"),
        ..Node::default()
    }
}

fn invocation(row: &Row) -> Node {
    let mut notes = Vec::new();
    if flag(row, "cold_start") {
        let init = row
            .get("init_duration_ms")
            .and_then(serde_json::Value::as_f64);
        let kind = text(row, "cold_start_kind").replace('_', " ");
        notes.push(match init {
            Some(ms) => format!("cold start ({kind}, {ms} ms)"),
            None => format!("cold start ({kind})"),
        });
    }
    if let Some(memory) = number(row, "max_memory_used_mb") {
        notes.push(format!(
            "{memory} of {} MB",
            number(row, "memory_size_mb").unwrap_or(0)
        ));
    }
    Node {
        label: format!(
            "invocation {} {}",
            text(row, "function_name"),
            text(row, "request_id")
        ),
        status: text(row, "status"),
        duration_ns: number(row, "duration_ns"),
        notes,
        error: error_of(row, "error_type", "error_message"),
        start: text(row, "start_time"),
        ..Node::default()
    }
}

/// How an iteration or a branch ended: its own word, since one that was cut off has no failure of its own.
fn outcome(span: &Row) -> String {
    match (
        text(span, "outcome").as_str(),
        text(span, "status_code").as_str(),
    ) {
        ("", "error") => "FAILED".into(),
        ("", _) => "SUCCEEDED".into(),
        (word, _) => word.into(),
    }
}
