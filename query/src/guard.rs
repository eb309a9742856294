//! What may be asked: reading, and nothing else.

use crate::Error;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Sql;

/// Longest SQL text, bytes.
pub(crate) const MAX_TEXT: usize = 256 * 1024;

/// Functions that make gigabytes of a single row, outside the memory budget. They are left out;
/// the table function `generate_series`, which gives its rows one by one, stays.
pub(crate) const UNBOUNDED: &[&str] = &[
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "array_resize",
    "range",
    "generate_series",
];

/// Refuses everything that is not a question about the tables. What passes is checked once more as
/// a plan, by DataFusion, for changes hidden inside it.
pub(crate) fn check(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(sql) => check_sql(sql),
        Statement::Explain(explain) => check(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {
            Err(refusal())
        }
    }
}

fn check_sql(sql: &Sql) -> Result<(), Error> {
    match sql {
        Sql::Query(_)
        | Sql::ExplainTable { .. }
        | Sql::ShowTables { .. }
        | Sql::ShowColumns { .. }
        | Sql::ShowFunctions { .. } => Ok(()),
        Sql::Explain { statement, .. } => check_sql(statement),
        _ => Err(refusal()),
    }
}

/// True for a query whose rows can be limited.
pub(crate) fn is_query(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(sql) if matches!(**sql, Sql::Query(_)))
}

/// True for statements whose tables are those that the text names. `SHOW` reads others by itself.
pub(crate) fn names_tables(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(sql) => matches!(**sql, Sql::Query(_) | Sql::Explain { .. }),
        Statement::Explain(explain) => names_tables(&explain.statement),
        _ => false,
    }
}

/// Refuses tables that tell about the machine rather than about what is held.
pub(crate) fn check_table(name: &str) -> Result<(), Error> {
    if name.eq_ignore_ascii_case("df_settings") {
        return Err(Error::sql("the engine's settings cannot be read"));
    }
    Ok(())
}

fn refusal() -> Error {
    Error::sql(
        "only reading is allowed: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW TABLES, SHOW COLUMNS or SHOW FUNCTIONS",
    )
}
