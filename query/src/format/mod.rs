//! Answers in the formats that people and programs ask for, written as the rows come.

mod grid;
mod names;
mod plain;
mod writers;

pub use grid::grid;
pub(crate) use grid::type_name;
pub use plain::plain_schema;

use crate::{Answer, Error};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use plain::plain;
use writers::Writer;

/// How an answer is written.
///
/// In JSON, whole numbers are numbers however large (readers that hold numbers as doubles lose digits
/// beyond 2^53), and times are RFC 3339 text with as many digits as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// An array of objects.
    #[default]
    Json,
    /// An object per line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// A table of text for a terminal.
    Table,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] = [
        Format::Json,
        Format::Ndjson,
        Format::Csv,
        Format::Arrow,
        Format::Parquet,
        Format::Table,
    ];

    /// Its name in `format=`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Arrow => "arrow",
            Format::Parquet => "parquet",
            Format::Table => "table",
        }
    }

    /// The format of that name, in any case.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let wanted = name.to_ascii_lowercase();
        let known = Format::ALL.into_iter().find(|f| f.name() == wanted);
        known.ok_or_else(|| {
            let names = Format::ALL.map(Format::name).join(", ");
            Error::Parameter(format!(
                "there is no format '{name}'; the formats are {names}"
            ))
        })
    }

    /// The first of the media types in an `Accept` header that is known.
    pub fn accepted(accept: &str) -> Option<Self> {
        accept.split(',').find_map(|range| {
            let media = range.split(';').next().unwrap_or_default().trim();
            Format::ALL
                .into_iter()
                .find(|format| format.media_type().split(';').next() == Some(media))
        })
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Arrow => "application/vnd.apache.arrow.stream",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Table => "text/plain; charset=utf-8",
        }
    }
}

/// The answer as bytes. Nothing is read ahead: who reads slowly slows the query down. The first item
/// comes when there are rows or the query has ended, so that an early error can still become a
/// status.
pub fn write(
    answer: Answer,
    format: Format,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let writing = Writing {
        answer,
        format,
        writer: None,
    };
    futures::stream::try_unfold(Some(writing), |writing| async move {
        let Some(mut writing) = writing else {
            return Ok(None);
        };
        let more = writing.step().await?;
        Ok(Some(match more {
            Some(bytes) => (bytes, Some(writing)),
            None => (writing.finish()?, None),
        }))
    })
    .filter(|bytes| {
        let empty = matches!(bytes, Ok(bytes) if bytes.is_empty());
        futures::future::ready(!empty)
    })
}

/// The answer as one piece of bytes.
pub async fn write_all(answer: Answer, format: Format) -> Result<Vec<u8>, Error> {
    let mut stream = Box::pin(write(answer, format));
    let mut all = Vec::new();
    while let Some(bytes) = stream.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

struct Writing {
    answer: Answer,
    format: Format,
    writer: Option<Writer>,
}

impl Writing {
    /// Bytes of the next batch; `None` after the last.
    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(batch) = self.answer.next().await else {
            return Ok(None);
        };
        let batch = plain(&batch?, self.format)?;
        let batch = names::distinct(&batch, self.format)?;
        let writer = self.writer()?;
        writer.write(&batch)?;
        Ok(Some(writer.take()))
    }

    fn finish(mut self) -> Result<Bytes, Error> {
        self.writer()?;
        match self.writer {
            Some(writer) => writer.finish(),
            None => Ok(Bytes::new()),
        }
    }

    fn writer(&mut self) -> Result<&mut Writer, Error> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let schema = plain_schema(&self.answer.schema(), self.format);
                Writer::new(self.format, &names::distinct_schema(&schema, self.format))?
            }
        };
        Ok(self.writer.insert(writer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_and_media_types() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()).ok(), Some(format));
            assert_eq!(Format::accepted(format.media_type()), Some(format));
        }
        assert!(Format::parse("xml").is_err());
        let accept = "text/html, application/x-ndjson;q=0.9, */*";
        assert_eq!(Format::accepted(accept), Some(Format::Ndjson));
        assert_eq!(Format::accepted("*/*"), None);
    }
}
