//! `inquest sql`.

use crate::{
    ask::Source,
    cli::{Sql, SqlFormat},
    config::Config,
};
use anyhow::{Context, Result, bail};
use futures::StreamExt;
use query::Format;
use std::{
    fs::File,
    io::{BufWriter, ErrorKind, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
};

/// Asks and prints.
///
/// # Errors
/// When the question is wrong or cannot be answered.
pub async fn sql(mut config: Config, command: Sql) -> Result<ExitCode> {
    config.query_memory_mb = command.query_memory_mb.unwrap_or(config.query_memory_mb);
    config.query_timeout_s = command.query_timeout_s.unwrap_or(config.query_timeout_s);
    if config.query_memory_mb == 0 || config.query_timeout_s == 0 {
        bail!("--query-memory-mb and --query-timeout-s are at least 1");
    }
    let query = text(command.query.as_deref(), command.file.as_deref())?;
    let format = format(command.format);
    let to_terminal = command.output.is_none() && std::io::stdout().is_terminal();
    if to_terminal && matches!(format, Format::Parquet | Format::Arrow) {
        bail!(
            "{} is not for a terminal: say --output FILE, or pipe it",
            format.name()
        );
    }
    let source = Source::open(&config, command.url.as_deref()).await?;
    let mut answer = source.answer(&query, format).await?;
    let mut out: Box<dyn Write> = match &command.output {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    while let Some(part) = answer.next().await {
        match out.write_all(&part?) {
            // The reader has seen enough: `inquest sql … | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("cannot write the answer")?,
        }
    }
    if format == Format::Json {
        let _ = out.write_all(b"\n");
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn text(query: Option<&str>, file: Option<&Path>) -> Result<String> {
    match (query, file) {
        (Some("-"), _) => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the question from stdin")?;
            Ok(text)
        }
        (Some(query), _) => Ok(query.to_owned()),
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the question from {}", file.display())),
        (None, None) => bail!("give a question, or a file with -f"),
    }
}

fn format(format: SqlFormat) -> Format {
    match format {
        SqlFormat::Table => Format::Table,
        SqlFormat::Json => Format::Json,
        SqlFormat::Ndjson => Format::Ndjson,
        SqlFormat::Csv => Format::Csv,
        SqlFormat::Parquet => Format::Parquet,
        SqlFormat::Arrow => Format::Arrow,
    }
}
