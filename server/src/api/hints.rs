//! What is said beside an empty answer: a name that nobody has is probably misspelt.

use super::App;
use model::text::nearest;
use query::{Format, Options};
use serde_json::{Map, Value};

/// Most names that are looked at, and that are listed.
const MOST: usize = 10_000;
const LISTED: usize = 10;

/// What a name in a filter is, and where the names that there are stand.
pub struct Kind {
    /// For people: `state machine`.
    word: &'static str,
    column: &'static str,
    table: &'static str,
}

/// Names of state machines.
pub const STATE_MACHINES: Kind = Kind {
    word: "state machine",
    column: "state_machine",
    table: "executions",
};
/// Names of services.
pub const SERVICES: Kind = Kind {
    word: "service",
    column: "service_name",
    table: "spans",
};
/// Names of functions.
pub const FUNCTIONS: Kind = Kind {
    word: "function",
    column: "function_name",
    table: "invocations",
};

/// Says it if one of the names, which are separated by commas, is none of those that are held. Only empty answers are
/// worth the look.
pub async fn of_data(app: &App, kind: &Kind, wanted: Option<&str>) -> Option<String> {
    let wanted = wanted.filter(|it| !it.trim().is_empty())?;
    let query = format!(
        "SELECT DISTINCT {0} AS name FROM {1} WHERE {0} IS NOT NULL LIMIT {MOST}",
        kind.column, kind.table
    );
    let snapshot = app.store.snapshot();
    let answer = app.engine.sql(&snapshot, &query, &Options::default()).await;
    let bytes = query::format::write_all(answer.ok()?, Format::Json).await;
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(&bytes.ok()?).ok()?;
    let names: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get("name").and_then(Value::as_str))
        .collect();
    of_names(kind.word, Some(wanted), &names)
}

/// The same of names that are at hand.
pub fn of_names(word: &str, wanted: Option<&str>, names: &[&str]) -> Option<String> {
    let parts = wanted?.split(',').map(str::trim);
    let unknown = parts.filter(|it| !it.is_empty() && !names.contains(it));
    let first = unknown
        .map(|it| it.chars().take(100).collect::<String>())
        .next()?;
    let instead = match nearest(&first, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => "there is none at all".to_owned(),
        None => {
            let mut sorted: Vec<&str> = names.iter().copied().filter(|it| !it.is_empty()).collect();
            sorted.sort_unstable();
            sorted.dedup();
            let more = if sorted.len() > LISTED { "…" } else { "" };
            sorted.truncate(LISTED);
            format!("there are {}{more}", sorted.join(", "))
        }
    };
    Some(format!("there is no {word} '{first}': {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_with_what_is_like_it() {
        let check = |wanted: &str, names: &[&str], expect: Option<&str>| {
            assert_eq!(of_names("service", Some(wanted), names).as_deref(), expect);
        };
        let names = &["orders", "payments"];
        check("orders", names, None);
        check("orders,payments", names, None);
        check("", names, None);
        check(
            "order",
            names,
            Some("there is no service 'order': did you mean orders?"),
        );
        check(
            "orders,zebra",
            &["payments", "orders", "", "payments"],
            Some("there is no service 'zebra': there are orders, payments"),
        );
        check(
            "x",
            &[],
            Some("there is no service 'x': there is none at all"),
        );
    }
}
