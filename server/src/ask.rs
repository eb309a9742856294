//! SQL for the commands that only read: over the folder, or over a running server.

use crate::{client::Client, config::Config, core::Core};
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use query::{Format, Options};
use serde_json::{Map, Value};

/// Who answers.
pub enum Source {
    /// The folder, read without a lock.
    Folder(Box<Core>),
    /// A server.
    Server(Client),
}

impl Source {
    /// The server if one was named, else the folder.
    ///
    /// # Errors
    /// When there is nothing to read, or it cannot be read.
    pub async fn open(config: &Config, url: Option<&str>) -> Result<Self> {
        Ok(match url {
            Some(url) => Source::Server(Client::new(url)?),
            None => Source::Folder(Box::new(Core::open_read_only(config).await?)),
        })
    }

    /// The answer in a format, as it comes.
    ///
    /// # Errors
    /// When the question is wrong; with the place in it.
    pub async fn answer(
        &self,
        query: &str,
        format: Format,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        match self {
            Source::Server(client) => {
                let answer = client.sql(query, format.name()).await?;
                let parts = futures::stream::try_unfold(answer, |mut answer| async move {
                    Ok(answer.chunk().await?.map(|bytes| (bytes, answer)))
                });
                Ok(parts.boxed())
            }
            Source::Folder(core) => {
                let snapshot = core.store.snapshot();
                let answer = core.engine.sql(&snapshot, query, &Options::default()).await;
                let answer = answer.map_err(|error| with_place(&error, query))?;
                let query = query.to_owned();
                let bytes = query::format::write(answer, format);
                Ok(bytes
                    .map_err(move |error| with_place(&error, &query))
                    .boxed())
            }
        }
    }

    /// The rows of an answer as JSON objects, for short answers.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn rows(&self, query: &str) -> Result<Vec<Map<String, Value>>> {
        let mut bytes = self.answer(query, Format::Json).await?;
        let mut all = Vec::new();
        while let Some(part) = bytes.next().await {
            all.extend_from_slice(&part?);
        }
        serde_json::from_slice(&all).context("the answer is not a JSON array of objects")
    }
}

/// The error, and under it the line of the query with a mark at the place.
fn with_place(error: &query::Error, query: &str) -> anyhow::Error {
    let problem = error.problem();
    let (Some(line), Some(column)) = (problem.line, problem.column) else {
        return anyhow!("{}", problem.error);
    };
    let text = query
        .lines()
        .nth((line as usize).saturating_sub(1))
        .unwrap_or_default();
    let indent = " ".repeat(
        (column as usize)
            .saturating_sub(1)
            .min(text.chars().count()),
    );
    anyhow!(
        "{} (line {line}, column {column})\n  {text}\n  {indent}^",
        problem.error
    )
}
