//! An indicator in a short sentence, for lists. What it says exactly is in [`Measure::words`].

use crate::{
    definition::Indicator,
    duration,
    measure::{Condition, Good, Measure, Op},
};

/// `executions of orders succeed within 30 s`.
pub fn brief(indicator: &Indicator) -> String {
    match indicator {
        Indicator::Measured(measure) => measured(measure),
        Indicator::Composite(parts) => {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| match part.weight {
                    1 => part.slo.clone(),
                    weight => format!("{weight} × {}", part.slo),
                })
                .collect();
            format!("{} together", parts.join(", "))
        }
        Indicator::NotMeasured { query, .. } => query.clone(),
    }
}

fn measured(measure: &Measure) -> String {
    let mut names = Vec::new();
    let mut further = Vec::new();
    for condition in &measure.valid {
        match named(condition) {
            Some(name) => names.extend(name),
            None if condition.column == "status" || matches!(condition.op, Op::IsNotNull) => (),
            None => further.push(condition.sql()),
        }
    }
    further.extend(measure.valid_sql.clone());
    let mut out = measure.over.table().to_owned();
    if !names.is_empty() {
        out += &format!(" of {}", names.join(", "));
    }
    if !further.is_empty() {
        out += &format!(" where {}", further.join(" and "));
    }
    match &measure.good {
        Good::All(conditions) => format!("{out} {}", all(conditions)),
        Good::Not(conditions)
            if conditions
                .iter()
                .all(|it| it.column == "cold_start" && matches!(it.op, Op::IsTrue)) =>
        {
            format!("{out} start warm")
        }
        Good::Not(conditions) => format!("{out} do not fulfil: {}", all(conditions)),
        Good::Sql(sql) => format!("{out} are good if {sql}"),
        Good::Fresh { within, .. } => {
            format!(
                "{out} were good within the last {}",
                duration::words(*within)
            )
        }
    }
}

/// The value of a column that names something; nothing where every name fits.
fn named(condition: &Condition) -> Option<Option<String>> {
    let naming = [
        "state_machine",
        "state_machine_version",
        "state",
        "function_name",
        "service_name",
        "name",
    ];
    if !naming.contains(&condition.column.as_str()) {
        return None;
    }
    match &condition.op {
        Op::In(values) => Some(Some(values.join(" or "))),
        Op::Like(pattern) if pattern == "*" => Some(None),
        Op::Like(pattern) => Some(Some(pattern.clone())),
        _ => None,
    }
}

fn all(conditions: &[Condition]) -> String {
    let said: Vec<String> = conditions
        .iter()
        .map(
            |condition| match (condition.column.as_str(), &condition.op) {
                ("status", Op::In(values)) if values == &["SUCCEEDED"] => "succeed".to_owned(),
                ("duration_ns", Op::AtMost(most)) => format!("take at most {}", time(*most)),
                ("retries", Op::AtMost(1)) => "need at most 1 retry".to_owned(),
                ("retries", Op::AtMost(most)) => format!("need at most {most} retries"),
                _ => format!("have {}", condition.sql()),
            },
        )
        .collect();
    said.join(" and ")
}

/// Nanoseconds as `250 ms` or `30s`.
fn time(nanos: i64) -> String {
    match nanos % 1_000_000_000 {
        0 => duration::words(nanos / 1_000_000_000),
        _ => format!("{} ms", nanos as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Over;

    #[test]
    fn an_indicator_is_said_in_a_sentence() {
        let check = |valid: Vec<Condition>, good: Good, expect: &str| {
            let measure = Measure {
                over: Over::Executions,
                valid,
                valid_sql: None,
                good,
                overdue_ns: None,
            };
            assert_eq!(brief(&Indicator::Measured(measure)), expect);
        };
        let ended = Condition::new("status", Op::NotIn(vec!["RUNNING".into()]));
        let succeeded = Condition::is("status", "SUCCEEDED");
        let fast = Condition::new("duration_ns", Op::AtMost(30_000_000_000));
        check(
            vec![Condition::is("state_machine", "orders"), ended.clone()],
            Good::All(vec![succeeded.clone(), fast]),
            "executions of orders succeed and take at most 30s",
        );
        check(
            vec![Condition::is("state_machine", "*"), ended],
            Good::All(vec![succeeded]),
            "executions succeed",
        );
        check(
            vec![Condition::new("attempts", Op::AtLeast(2))],
            Good::Sql("cost < 1".into()),
            &format!(
                "executions where {} are good if cost < 1",
                Condition::new("attempts", Op::AtLeast(2)).sql()
            ),
        );
    }
}
