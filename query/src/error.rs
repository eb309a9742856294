//! What can go wrong with a question, in words for the one who asked.

use datafusion::error::DataFusionError;
use model::api::Problem;
use std::time::Duration;

/// Whose fault an error is, and so which HTTP status or exit code it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The question is wrong; asking again will not help.
    Invalid,
    /// What was asked for is not held.
    NotFound,
    /// It took too long.
    TimedOut,
    /// It needs more memory than its budget.
    TooLarge,
    /// Something here failed.
    Internal,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQL text is wrong.
    #[error("{message}")]
    Sql {
        /// What is wrong and what to do.
        message: String,
        /// Line in the text, from 1.
        line: Option<u64>,
        /// Column in the line, from 1.
        column: Option<u64>,
    },
    /// A parameter of a typed question is wrong.
    #[error("{0}")]
    Parameter(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The time limit was reached.
    #[error("the query ran longer than {} s and was stopped; ask for a shorter time range or fewer columns", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The memory budget was reached.
    #[error("the query needs more memory than the {} MB it may use; ask for fewer groups, columns or rows ({detail})", .budget / 1_000_000)]
    Memory {
        /// The budget, bytes.
        budget: usize,
        /// What needed it.
        detail: String,
    },
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] store::Error),
    /// The engine failed.
    #[error("the query failed: {0}")]
    Engine(String),
    /// The answer could not be written in the format asked for.
    #[error("the answer cannot be written as {format}: {cause}")]
    Format {
        /// Name of the format.
        format: &'static str,
        /// The reason.
        cause: String,
    },
}

impl Error {
    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Sql { .. } | Error::Parameter(_) | Error::Format { .. } => Kind::Invalid,
            Error::NotFound(_) => Kind::NotFound,
            Error::TimedOut(_) => Kind::TimedOut,
            Error::Memory { .. } => Kind::TooLarge,
            Error::Store(_) | Error::Engine(_) => Kind::Internal,
        }
    }

    /// The same as the API tells it.
    pub fn problem(&self) -> Problem {
        let (line, column) = match self {
            Error::Sql { line, column, .. } => (*line, *column),
            _ => (None, None),
        };
        Problem {
            error: self.to_string(),
            line,
            column,
        }
    }

    /// There is no execution of this name or id.
    pub fn no_execution(id: &str) -> Self {
        let id: String = id.chars().take(400).collect();
        Error::NotFound(format!(
            "no execution '{id}' is held: give its ARN or trace id, as GET /api/v1/executions lists them"
        ))
    }

    /// There is no trace of this id.
    pub fn no_trace(id: impl std::fmt::Display) -> Self {
        Error::NotFound(format!(
            "no trace '{id}' is held: GET /api/v1/traces and GET /api/v1/executions list what is"
        ))
    }

    /// An error of the SQL text without a place.
    pub(crate) fn sql(message: impl Into<String>) -> Self {
        Error::Sql {
            message: message.into(),
            line: None,
            column: None,
        }
    }

    /// An error met while a plan ran; `budget` is the memory it had.
    pub(crate) fn running(error: DataFusionError, budget: usize) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(detail) => Error::Memory {
                budget,
                detail: first_line(detail),
            },
            DataFusionError::ArrowError(cause, _) => Error::sql(cause.to_string()),
            DataFusionError::Execution(message) => Error::sql(message.clone()),
            DataFusionError::Plan(message) => Error::sql(message.clone()),
            other => Error::Engine(first_line(&other.strip_backtrace())),
        }
    }
}

impl From<DataFusionError> for Error {
    /// For plans made here, where nobody else's text can be wrong.
    fn from(error: DataFusionError) -> Self {
        Error::Engine(error.strip_backtrace())
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
