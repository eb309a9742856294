//! Where in the text an SQL error is, and what the writer may have meant.

use crate::Error;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use model::text::nearest;

/// A place in a text: line and column from 1.
type Place = (u64, u64);

/// Names that can be suggested.
#[derive(Default)]
pub(crate) struct Known {
    pub tables: Vec<String>,
    pub functions: Vec<String>,
}

/// An error of planning `text`, with its place and a suggestion.
pub(crate) fn explain(error: DataFusionError, text: &str, known: &Known) -> Error {
    let place = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| (span.start.line, span.start.column));
    let (message, named) = describe(&error, known);
    let place = place
        .or_else(|| place_in_message(&message))
        .or_else(|| named.and_then(|name| place_of_word(text, &name)));
    Error::Sql {
        message: without_place(&message),
        line: place.map(|place| place.0),
        column: place.map(|place| place.1),
    }
}

/// The message, and the word of the text that it is about.
fn describe(error: &DataFusionError, known: &Known) -> (String, Option<String>) {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => describe_column(schema),
        DataFusionError::SQL(parser, _) => (plain_parser_words(&parser.to_string()), None),
        DataFusionError::Plan(message) => describe_plan(message, known),
        other => (strip_catalog(&other.strip_backtrace()), None),
    }
}

fn describe_column(error: &SchemaError) -> (String, Option<String>) {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let wanted = field.name().to_owned();
            // Of a table that is named, only its own columns are meant.
            let table = field.relation.as_ref();
            let own: Vec<Column> = valid_fields
                .iter()
                .filter(|held| table.is_some() && held.relation.as_ref() == table)
                .cloned()
                .collect();
            let (fields, place) = match table {
                Some(table) if !own.is_empty() => (&own, format!("in {}", table.table())),
                _ => (valid_fields, "here".to_owned()),
            };
            let message = match nearest(&wanted, fields.iter().map(Column::name)) {
                Some(near) => {
                    format!("there is no column '{wanted}' {place}; did you mean '{near}'?")
                }
                None if fields.is_empty() => {
                    format!("there is no column '{wanted}': nothing is selected from")
                }
                None => format!(
                    "there is no column '{wanted}' {place}; the columns are {}",
                    listing(fields)
                ),
            };
            (message, Some(wanted))
        }
        SchemaError::AmbiguousReference { field } => (
            format!(
                "the column '{}' is in more than one table here; write the table's name before it",
                field.name()
            ),
            Some(field.name().to_owned()),
        ),
        other => (strip_catalog(&other.to_string()), None),
    }
}

fn describe_plan(message: &str, known: &Known) -> (String, Option<String>) {
    let message = strip_catalog(message);
    let missing = message
        .strip_prefix("table '")
        .and_then(|rest| rest.strip_suffix("' not found"));
    if let Some(name) = missing {
        let hint = match nearest(name, known.tables.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("the tables are {}", known.tables.join(", ")),
        };
        return (
            format!("there is no table '{name}'; {hint}"),
            Some(name.to_owned()),
        );
    }
    let function = message
        .strip_prefix("Invalid function '")
        .and_then(|rest| rest.split('\'').next());
    if let Some(name) = function {
        let hint = match nearest(name, known.functions.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "SHOW FUNCTIONS lists them".to_owned(),
        };
        let message = format!("there is no function '{name}'; {hint}");
        return (message, Some(name.to_owned()));
    }
    (message, None)
}

fn listing(fields: &[Column]) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = fields.iter().map(Column::name).take(SHOWN).collect();
    match fields.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", names.join(", ")),
        _ => names.join(", "),
    }
}

fn strip_catalog(message: &str) -> String {
    message.replace("inquest.public.", "").trim().to_owned()
}

fn plain_parser_words(message: &str) -> String {
    message
        .trim_start_matches("sql parser error: ")
        .replace("TokenizerError: ", "")
        .replace("ParserError: ", "")
}

/// The parser writes `… at Line: 1, Column: 8`.
fn place_in_message(message: &str) -> Option<Place> {
    let rest = &message[message.find("Line: ")? + "Line: ".len()..];
    let (line, rest) = rest.split_once(", Column: ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, digits.parse().ok()?))
}

fn without_place(message: &str) -> String {
    match message.find(" at Line: ") {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

/// The first place where `word` stands as a word of its own.
fn place_of_word(text: &str, word: &str) -> Option<Place> {
    if word.is_empty() {
        return None;
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let lower = text.to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    let at = lower.match_indices(&word).find_map(|(at, found)| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + found.len()..].chars().next();
        (!before.is_some_and(is_part) && !after.is_some_and(is_part)).then_some(at)
    })?;
    let head = &text[..at];
    let line = head.matches('\n').count() as u64 + 1;
    let column = head.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Some((line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_as_a_word() {
        let check = |text: &str, word: &str, expect: Option<Place>| {
            assert_eq!(place_of_word(text, word), expect, "{word} in {text}");
        };
        check("select\n  naame from x", "naame", Some((2, 3)));
        check("select names, name from x", "name", Some((1, 15)));
        check("select 'é', Foo", "foo", Some((1, 13)));
        check("select 1", "foo", None);
    }

    #[test]
    fn a_table_that_is_named_has_its_own_columns() {
        let check = |wanted: Column, expect: &str| {
            let of = |table: &str, name: &str| Column::new(Some(table.to_owned()), name);
            let error = SchemaError::FieldNotFound {
                field: Box::new(wanted),
                valid_fields: vec![
                    of("v", "execution"),
                    of("v", "outcome"),
                    of("e", "execution_arn"),
                ],
            };
            assert_eq!(describe_column(&error).0, expect);
        };
        check(
            Column::new(Some("v"), "execution_arn"),
            "there is no column 'execution_arn' in v; did you mean 'execution'?",
        );
        check(
            Column::new(Some("v"), "name"),
            "there is no column 'name' in v; the columns are execution, outcome",
        );
        check(
            Column::new_unqualified("executon_arn"),
            "there is no column 'executon_arn' here; did you mean 'execution_arn'?",
        );
    }

    #[test]
    fn the_parsers_place_is_read() {
        let check = |text: &str, expect| assert_eq!(place_in_message(text), expect);
        check(
            "Expected: x, found: y at Line: 3, Column: 14",
            Some((3, 14)),
        );
        check("Line: , Column: ", None);
        check("nothing", None);
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["start_time", "end_time", "name"];
        let check = |wanted: &str, expect| {
            assert_eq!(nearest(wanted, names.into_iter()), expect);
        };
        check("start_tme", Some("start_time"));
        check("NAME", Some("name"));
        check("banana", None);
    }
}
