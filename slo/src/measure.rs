//! What counts as an event and what as a good one: conditions on the columns of a table.

use std::fmt::Write;

/// The tables that hold events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Over {
    /// Workflow executions, at their end.
    Executions,
    /// Visits of states.
    States,
    /// Tries of tasks.
    Attempts,
    /// Invocations of functions.
    Invocations,
    /// Spans.
    Spans,
}

impl Over {
    /// All of them.
    pub const ALL: [Over; 5] = [
        Over::Executions,
        Over::States,
        Over::Attempts,
        Over::Invocations,
        Over::Spans,
    ];

    /// Name of the table.
    pub fn table(self) -> &'static str {
        match self {
            Over::Executions => "executions",
            Over::States => "states",
            Over::Attempts => "attempts",
            Over::Invocations => "invocations",
            Over::Spans => "spans",
        }
    }

    /// The table of this name, or of its singular.
    pub fn parse(word: &str) -> Option<Self> {
        Over::ALL
            .into_iter()
            .find(|over| over.table() == word || over.table().trim_end_matches('s') == word)
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number; times are nanoseconds since the epoch.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth.
    Bool(bool),
}

/// How a column is compared.
#[derive(Debug, Clone)]
pub enum Op {
    /// One of these.
    In(Vec<String>),
    /// None of these; also true where there is nothing, as in PromQL.
    NotIn(Vec<String>),
    /// A pattern with `*`.
    Like(String),
    /// A regular expression that matches all of it (PromQL).
    Matches(regex::Regex),
    /// The opposite.
    NotMatches(regex::Regex),
    /// At most so much.
    AtMost(i64),
    /// At least so much.
    AtLeast(i64),
    /// True.
    IsTrue,
    /// Nothing there.
    IsNull,
    /// Something there.
    IsNotNull,
}

/// A condition on a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column, or the attribute as `attributes['http.route']`.
    pub column: String,
    /// How it is compared.
    pub op: Op,
}

/// What makes an event good.
#[derive(Debug, Clone, PartialEq)]
pub enum Good {
    /// All of these.
    All(Vec<Condition>),
    /// Not all of these: they say what is bad.
    Not(Vec<Condition>),
    /// A predicate in SQL.
    Sql(String),
    /// A slice of one minute is good when a good event ended in the last so many seconds before its
    /// end. The conditions say which events are.
    Fresh {
        /// Greatest age, seconds.
        within: i64,
        /// What counts.
        of: Vec<Condition>,
    },
}

/// An indicator that can be measured here.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Where the events are.
    pub over: Over,
    /// What an event must fulfil to count at all.
    pub valid: Vec<Condition>,
    /// The same in SQL, besides.
    pub valid_sql: Option<String>,
    /// What makes it good.
    pub good: Good,
    /// A limit of time, nanoseconds: what runs longer is bad although it has not ended.
    pub overdue_ns: Option<i64>,
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Condition {
    /// A column that has one of some values; a pattern where the only value has a `*`.
    pub fn is(column: &str, value: &str) -> Self {
        let op = match value.contains('*') {
            true => Op::Like(value.to_owned()),
            false => Op::In(vec![value.to_owned()]),
        };
        Condition::new(column, op)
    }

    /// A condition.
    pub fn new(column: &str, op: Op) -> Self {
        Condition {
            column: column.to_owned(),
            op,
        }
    }

    /// Whether a value meets it.
    pub fn holds(&self, cell: Cell<'_>) -> bool {
        match (&self.op, cell) {
            (Op::IsNull, cell) => cell == Cell::Null,
            (Op::IsNotNull, cell) => cell != Cell::Null,
            (Op::IsTrue, cell) => cell == Cell::Bool(true),
            (Op::NotIn(_), Cell::Null) => true,
            (Op::Matches(pattern), Cell::Null) => pattern.is_match(""),
            (Op::NotMatches(pattern), Cell::Null) => !pattern.is_match(""),
            (_, Cell::Null) => false,
            (Op::AtMost(most), cell) => cell.number().is_some_and(|it| it <= *most as f64),
            (Op::AtLeast(least), cell) => cell.number().is_some_and(|it| it >= *least as f64),
            (Op::In(values), cell) => cell.with_text(|text| values.iter().any(|it| it == text)),
            (Op::NotIn(values), cell) => cell.with_text(|text| values.iter().all(|it| it != text)),
            (Op::Like(pattern), cell) => cell.with_text(|text| like(pattern, text)),
            (Op::Matches(pattern), cell) => cell.with_text(|text| pattern.is_match(text)),
            (Op::NotMatches(pattern), cell) => cell.with_text(|text| !pattern.is_match(text)),
        }
    }

    /// The same in SQL.
    pub fn sql(&self) -> String {
        let column = &self.column;
        let list = |values: &[String]| {
            let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
            quoted.join(", ")
        };
        match &self.op {
            Op::In(values) => format!("{column} IN ({})", list(values)),
            Op::NotIn(values) => {
                format!("({column} IS NULL OR {column} NOT IN ({}))", list(values))
            }
            Op::Like(pattern) => {
                let escaped = pattern.replace('\\', "\\\\").replace('%', "\\%");
                let escaped = escaped.replace('_', "\\_").replace('*', "%");
                format!("{column} LIKE {}", quote(&escaped))
            }
            Op::Matches(pattern) => {
                format!("coalesce({column}, '') ~ {}", quote(pattern.as_str()))
            }
            Op::NotMatches(pattern) => {
                format!("coalesce({column}, '') !~ {}", quote(pattern.as_str()))
            }
            Op::AtMost(most) => format!("{column} <= {most}"),
            Op::AtLeast(least) => format!("{column} >= {least}"),
            Op::IsTrue => format!("{column} IS TRUE"),
            Op::IsNull => format!("{column} IS NULL"),
            Op::IsNotNull => format!("{column} IS NOT NULL"),
        }
    }
}

impl Cell<'_> {
    fn number(self) -> Option<f64> {
        match self {
            Cell::Int(number) => Some(number as f64),
            Cell::Float(number) => Some(number),
            Cell::Bool(truth) => Some(f64::from(u8::from(truth))),
            Cell::Text(text) => text.parse().ok(),
            Cell::Null => None,
        }
    }

    fn with_text(self, test: impl Fn(&str) -> bool) -> bool {
        match self {
            Cell::Text(text) => test(text),
            Cell::Int(number) => test(&number.to_string()),
            Cell::Float(number) => test(&number.to_string()),
            Cell::Bool(truth) => test(if truth { "true" } else { "false" }),
            Cell::Null => false,
        }
    }
}

/// True when `*` stands for anything and the rest for itself.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// A text in SQL.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn all_sql(conditions: &[Condition]) -> String {
    match conditions {
        [] => "true".to_owned(),
        some => some
            .iter()
            .map(Condition::sql)
            .collect::<Vec<_>>()
            .join(" AND "),
    }
}

impl Measure {
    /// Which rows are events, in SQL. Rows without an end are none.
    pub fn valid_sql(&self) -> String {
        let mut text = all_sql(&self.valid);
        if let Some(sql) = &self.valid_sql {
            let _ = write!(text, " AND ({sql})");
        }
        text
    }

    /// Which events are good, in SQL; nothing is bad that is not known to be.
    pub fn good_sql(&self) -> String {
        match &self.good {
            Good::All(conditions) => format!("coalesce({}, false)", all_sql(conditions)),
            Good::Not(conditions) => format!("NOT coalesce({}, false)", all_sql(conditions)),
            Good::Sql(sql) => format!("coalesce(({sql}), false)"),
            Good::Fresh { of, .. } => format!("coalesce({}, false)", all_sql(of)),
        }
    }

    /// True when rows can be judged one by one without SQL.
    pub fn is_plain(&self) -> bool {
        self.valid_sql.is_none() && !matches!(self.good, Good::Sql(_)) && {
            self.columns().iter().all(|column| !column.contains('['))
        }
    }

    /// The columns it looks at, sorted.
    pub fn columns(&self) -> Vec<&str> {
        let good: &[Condition] = match &self.good {
            Good::All(it) | Good::Not(it) | Good::Fresh { of: it, .. } => it,
            Good::Sql(_) => &[],
        };
        let all = self.valid.iter().chain(good);
        let mut columns: Vec<&str> = all.map(|it| it.column.as_str()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether a row is good; `None` if it is no event. `cell` gives the values of its columns.
    pub fn judge<'a>(&self, cell: impl Fn(&str) -> Cell<'a>) -> Option<bool> {
        let holds = |condition: &Condition| condition.holds(cell(&condition.column));
        self.valid.iter().all(holds).then(|| match &self.good {
            Good::All(conditions) => conditions.iter().all(holds),
            Good::Not(conditions) => !conditions.iter().all(holds),
            Good::Fresh { of, .. } => of.iter().all(holds),
            Good::Sql(_) => false,
        })
    }

    /// In words, near to SQL.
    pub fn words(&self) -> String {
        let good = match &self.good {
            Good::All(conditions) => all_sql(conditions),
            Good::Not(conditions) => format!("not ({})", all_sql(conditions)),
            Good::Sql(sql) => sql.clone(),
            Good::Fresh { within, of } => format!(
                "{} within the last {}",
                all_sql(of),
                crate::duration::words(*within)
            ),
        };
        let valid = self.valid_sql();
        match valid.as_str() {
            "true" => format!("{}: good if {good}", self.over.table()),
            valid => format!("{} where {valid}: good if {good}", self.over.table()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_a_star() {
        let check =
            |pattern, text, expect| assert_eq!(like(pattern, text), expect, "{pattern} {text}");
        check("orders", "orders", true);
        check("orders", "orders2", false);
        check("orders-*", "orders-eu", true);
        check("*-eu", "orders-eu", true);
        check("o*-*u", "orders-eu", true);
        check("o*x*u", "orders-eu", false);
        check("*", "", true);
        check("aa*aa", "aaa", false);
    }

    #[test]
    fn values_with_quotes_stay_values() {
        let condition = Condition::is("name", "o'clock");
        assert_eq!(condition.sql(), "name IN ('o''clock')");
        assert_eq!(
            Condition::is("name", "50%_*").sql(),
            "name LIKE '50\\%\\_%'"
        );
    }

    #[test]
    fn a_row_is_judged() {
        let measure = Measure {
            over: Over::Executions,
            valid: vec![Condition::is("state_machine", "orders")],
            valid_sql: None,
            good: Good::All(vec![
                Condition::is("status", "SUCCEEDED"),
                Condition::new("duration_ns", Op::AtMost(30)),
            ]),
            overdue_ns: None,
        };
        let check = |machine: &str, status: &str, duration: Option<i64>, expect| {
            let judged = measure.judge(|column| match column {
                "state_machine" => Cell::Text(machine),
                "status" => Cell::Text(status),
                _ => duration.map_or(Cell::Null, Cell::Int),
            });
            assert_eq!(judged, expect);
        };
        check("orders", "SUCCEEDED", Some(30), Some(true));
        check("orders", "SUCCEEDED", Some(31), Some(false));
        check("orders", "SUCCEEDED", None, Some(false));
        check("orders", "FAILED", Some(1), Some(false));
        check("other", "FAILED", Some(1), None);
    }
}
