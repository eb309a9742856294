//! Tests of SQL over tables that lie in memory, in blocks, or in both.

mod data;
mod hostile;
mod limits;
mod queries;

use crate::{Answer, Engine, Error, Format, Limits, Options, format, source::TableSource};

/// The answer as CSV, or the error with its place.
async fn csv(engine: &Engine, tables: Vec<TableSource>, text: &str) -> Result<String, String> {
    let answer = engine
        .sql_over(tables, text, &Options::default())
        .await
        .map_err(|error| told(&error))?;
    written(answer, Format::Csv).await
}

async fn written(answer: Answer, format: Format) -> Result<String, String> {
    let bytes = format::write_all(answer, format)
        .await
        .map_err(|error| told(&error))?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn told(error: &Error) -> String {
    let problem = error.problem();
    match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!("error at {line}:{column}: {}", problem.error),
        _ => format!("error: {}", problem.error),
    }
}

fn engine() -> Engine {
    Engine::new(Limits::default()).expect("an engine")
}
