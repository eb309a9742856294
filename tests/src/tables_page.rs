//! `docs/tables.md`, written from the tables themselves.

use arrow::datatypes::Schema;
use store::StateTable;
use store::tables::{COMMENT, HEX, LOGICAL, TIMESTAMP, Table};

const HEAD: &str = "\
# Tables

<!-- Written by `cargo xtask docs` from store/src/tables.rs; a test compares them. -->

What `inquest sql`, `POST /api/sql` and the SQL page ask. One row is what the table's line says. Rows are
never shown twice: what is imported, retried or delivered again keeps its identity.

Ids are lower-case hex text, times are timestamps with nanoseconds in UTC; in the Parquet files the same
columns are `binary` and `int64` nanoseconds since the epoch. Columns of JSON are text.

**Attributes.** `attributes['http.route']` works in `spans` and `logs` for every attribute. One that was
promoted has a typed column of its own, `\"attributes.http.route\"`, which is faster; the others lie
together in the JSON column `attributes`. `spans.end_time` is computed.

**Joins are facts.** `joins` says which invocation happened inside which attempt, by which method and how
sure that is. `confidence` is 1 only for a key that identifies; where `ambiguous` is true, something else
would have fitted as well.

**Tables of state** (from `slos` on) do not lie in Parquet files: they show how things stand now.
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    page += "\n| Table | A row is |\n|---|---|\n";
    for table in Table::ALL {
        page += &format!("| [{0}](#{0}) | {1} |\n", table.name(), table.comment());
    }
    for table in StateTable::ALL {
        page += &format!("| [{0}](#{0}) | {1} |\n", table.name(), table.comment());
    }
    for table in Table::ALL {
        page += &section(table.name(), table.comment(), &table.schema());
    }
    for table in StateTable::ALL {
        page += &section(table.name(), table.comment(), &table.schema());
    }
    page
}

fn section(name: &str, comment: &str, schema: &Schema) -> String {
    let mut text = format!("\n## {name}\n\n{}.\n\n", sentence(comment));
    text += "| Column | Type | Null | Meaning |\n|---|---|---|---|\n";
    for field in schema.fields() {
        let comment = field.metadata().get(COMMENT).map_or("", String::as_str);
        let kind = match field.metadata().get(LOGICAL).map(String::as_str) {
            Some(HEX) => "text (hex)".to_owned(),
            Some(TIMESTAMP) => "timestamp".to_owned(),
            _ => sql_type(&field.data_type().to_string()),
        };
        let null = if field.is_nullable() { "yes" } else { "" };
        text += &format!(
            "| `{}` | {kind} | {null} | {} |\n",
            field.name(),
            comment.replace('|', "\\|")
        );
    }
    text
}

fn sql_type(arrow: &str) -> String {
    match arrow {
        "Utf8" => "text",
        "Int64" => "bigint",
        "Float64" => "double",
        "Boolean" => "boolean",
        other => other,
    }
    .to_owned()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
