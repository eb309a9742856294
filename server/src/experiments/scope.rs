//! Which rows an experiment touches, in SQL.

use experiments::Scope;
use model::UnixNanos;
use slo::measure::{Cell, Condition, Op, Over, quote};

/// Attribute that marks the executions of an experiment exactly.
pub const MARK: &str = "chaos.experiment.id";
/// A row that began so long before the time that is asked for is not looked for, nanoseconds.
const LONGEST: i64 = 86_400 * 1_000_000_000;

/// The rows of a table that are in scope: a condition on a row, and questions for the traces it must be in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// On columns of the row.
    pub condition: Vec<String>,
    /// Each gives `trace_id`s; a row must be in all of them.
    pub traces: Vec<String>,
}

/// A time in SQL.
pub fn time(at: UnixNanos) -> String {
    format!("to_timestamp_nanos({})", at.0)
}

/// Whether nothing is said.
pub fn is_empty(scope: &Scope) -> bool {
    let parts = [
        &scope.workflow,
        &scope.state,
        &scope.function,
        &scope.version,
        &scope.az,
    ];
    parts.iter().all(|it| it.is_empty()) && scope.attributes.is_empty()
}

/// Whether rows of a measure can be in scope at all: most objectives name a workflow or a function, and then
/// no question is needed to know that they are others.
pub fn may_meet(scope: &Scope, measure: &slo::Measure) -> bool {
    let columns = [
        ("state_machine", &scope.workflow),
        ("function_name", &scope.function),
    ];
    columns
        .into_iter()
        .filter(|(_, wanted)| !wanted.is_empty())
        .all(|(column, wanted)| {
            let named = measure
                .valid
                .iter()
                .find_map(|condition| match &condition.op {
                    Op::In(values) if condition.column == column => Some(values),
                    _ => None,
                });
            let fits = |value: &String| Condition::is(column, wanted).holds(Cell::Text(value));
            named.is_none_or(|values| values.iter().any(fits))
        })
}

/// The rows of `over` that are in scope, among those between two times.
pub fn rows(scope: &Scope, over: Over, from: UnixNanos, to: UnixNanos) -> Rows {
    let mut rows = Rows::default();
    let around = format!(
        "start_time >= {} AND start_time < {}",
        time(UnixNanos(from.0.saturating_sub(LONGEST))),
        time(to)
    );
    let traces = |table: &str, condition: &str| match over {
        // An invocation has a trace of its own; joins say whose it is.
        Over::Invocations => format!(
            "SELECT child_trace_id AS trace_id FROM joins WHERE parent_trace_id IN \
             (SELECT trace_id FROM {table} WHERE {condition} AND {around})"
        ),
        _ => format!("SELECT trace_id FROM {table} WHERE {condition} AND {around}"),
    };
    let mut add = |value: &str, column: &str, own: &[Over], table: &str| {
        if value.is_empty() {
            return;
        }
        let condition = Condition::is(column, value).sql();
        match own.contains(&over) {
            true => rows.condition.push(condition),
            false => rows.traces.push(traces(table, &condition)),
        }
    };
    let workflows = [Over::Executions, Over::States, Over::Attempts];
    add(&scope.workflow, "state_machine", &workflows, "executions");
    add(
        &scope.version,
        "state_machine_version",
        &[Over::Executions],
        "executions",
    );
    add(
        &scope.state,
        "state",
        &[Over::States, Over::Attempts],
        "states",
    );
    add(
        &scope.function,
        "function_name",
        &[Over::Attempts, Over::Invocations],
        "attempts",
    );
    let mut attributes: Vec<(String, String)> = scope.attributes.clone().into_iter().collect();
    if !scope.az.is_empty() {
        attributes.push(("cloud.availability_zone".into(), scope.az.clone()));
    }
    for (name, value) in attributes {
        let condition = Condition::new(&attribute(&name), Op::In(vec![value])).sql();
        rows.traces.push(traces("spans", &condition));
    }
    rows
}

/// The rows that carry the mark of an experiment.
pub fn marked(id: &str, over: Over, from: UnixNanos, to: UnixNanos) -> Rows {
    let scope = Scope {
        attributes: [(MARK.to_owned(), id.to_owned())].into(),
        ..Scope::default()
    };
    rows(&scope, over, from, to)
}

/// An attribute as SQL names it.
pub fn attribute(name: &str) -> String {
    format!("attributes[{}]", quote(name))
}

impl Rows {
    /// The traces as one question, `None` where rows are not chosen by trace.
    pub fn traces_sql(&self) -> Option<String> {
        let mut parts = self.traces.iter();
        let first = parts.next()?.clone();
        let all = parts.fold(first, |sql, next| format!("{sql} INTERSECT {next}"));
        Some(format!(
            "SELECT DISTINCT trace_id AS held_trace FROM ({all})"
        ))
    }

    /// The condition on a row.
    pub fn condition_sql(&self) -> String {
        match self.condition.is_empty() {
            true => "true".into(),
            false => self.condition.join(" AND "),
        }
    }

    /// As one condition, for a question that needs no membership as a column.
    pub fn as_filter(&self) -> String {
        let mut parts = self.condition.clone();
        parts.extend(
            self.traces
                .iter()
                .map(|traces| format!("trace_id IN ({traces})")),
        );
        match parts.is_empty() {
            true => "true".into(),
            false => parts.join(" AND "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_of_other_workflows_are_not_asked_about() {
        let check = |workflow: &str, expect: bool| {
            let scope = Scope {
                workflow: workflow.to_owned(),
                ..Scope::default()
            };
            let text = "slo: a\ntarget: 99%\nindicator: {workflow: [pay-eu, pay-us]}\n";
            let read = slo::read::read(&[("a.yaml".to_owned(), text.to_owned())]);
            let slo::Indicator::Measured(measure) = &read.slos[0].indicator else {
                panic!("it is measured");
            };
            assert_eq!(may_meet(&scope, measure), expect, "{workflow}");
        };
        check("pay-us", true);
        check("pay-*", true);
        check("orders", false);
        check("", true);
    }

    #[test]
    fn a_scope_becomes_conditions_on_rows_and_traces() {
        let scope = Scope {
            workflow: "orders*".into(),
            function: "pay's".into(),
            ..Scope::default()
        };
        let held = rows(&scope, Over::Executions, UnixNanos(0), UnixNanos(1));
        assert_eq!(held.condition, ["state_machine LIKE 'orders%'"]);
        assert_eq!(held.traces.len(), 1);
        assert!(held.traces[0].contains("FROM attempts WHERE function_name IN ('pay''s')"));
        let held = rows(&scope, Over::Attempts, UnixNanos(0), UnixNanos(1));
        assert!(held.traces.is_empty());
        let held = rows(&scope, Over::Invocations, UnixNanos(0), UnixNanos(1));
        assert!(held.traces[0].starts_with("SELECT child_trace_id"));
        assert_eq!(Rows::default().as_filter(), "true");
    }
}
