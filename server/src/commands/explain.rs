//! `inquest explain`: the verdict on one execution.

use crate::{
    accounts,
    ask::Source,
    case::services,
    cli::{Explain, ExplainFormat},
    client::Client,
    compare,
    config::Config,
    core::Core,
    terminal,
};
use analysis::case::report::{self, Rest, Subject};
use anyhow::{Context, Result};
use model::{TraceId, Verdict};
use std::process::ExitCode;

/// Explains it.
///
/// # Errors
/// When there is no such execution, or several.
pub async fn explain(config: &Config, command: Explain) -> Result<ExitCode> {
    if let (Some(symptom), Some(baseline)) = (&command.symptom, &command.baseline) {
        let verdict = match command.url.as_deref() {
            None => {
                let core = Core::open_read_only(config).await?;
                services::explain((&core).into(), symptom, baseline).await?
            }
            Some(url) => {
                let sides = [("symptom", symptom), ("baseline", baseline)];
                Client::new(url)?.ask("api/v1/explain", &sides).await?
            }
        };
        let subject = Subject::Traces { symptom, baseline };
        write(command.format, subject, &verdict, &Rest::default())?;
        return Ok(ExitCode::SUCCESS);
    }
    let source = Source::open(config, command.url.as_deref()).await?;
    let wanted = command.execution.as_deref().unwrap_or_default();
    let row = super::show::find(&source, wanted).await?;
    let text = |name: &str| {
        row.get(name)
            .and_then(|it| it.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let id: TraceId = text("trace_id")
        .parse()
        .context("the execution has no trace")?;
    let (execution, verdict) = match &source {
        Source::Folder(core) => core.court.verdict(id).await?,
        Source::Server(client) => {
            let verdict: Verdict = client
                .get(&format!("api/v1/executions/{id}/verdict"))
                .await?;
            let detail: model::api::ExecutionDetail =
                client.get(&format!("api/v1/executions/{id}")).await?;
            (detail.execution, verdict)
        }
    };
    let more = match command.format {
        ExplainFormat::Html | ExplainFormat::Markdown => rest(&source, id).await?,
        ExplainFormat::Json | ExplainFormat::Text => Rest::default(),
    };
    write(command.format, (&execution).into(), &verdict, &more)?;
    Ok(ExitCode::SUCCESS)
}

/// What the file tells besides the verdict.
async fn rest(source: &Source, id: TraceId) -> Result<Rest> {
    match source {
        Source::Folder(core) => {
            let snapshot = core.store.snapshot();
            let facts = accounts::load(&snapshot, &[id]).await?.pop();
            let facts = facts.context("nothing is held of the execution")?;
            compare::told_besides(&core.engine, &snapshot, facts, core.prices.clone()).await
        }
        Source::Server(client) => {
            let of = |part: &str| format!("api/v1/executions/{id}/{part}");
            Ok(Rest {
                ledger: Some(client.get(&of("ledger")).await?),
                cost: Some(client.get(&of("cost")).await?),
                twins: Some(client.get(&of("twins")).await?),
            })
        }
    }
}

fn write(
    format: ExplainFormat,
    subject: Subject<'_>,
    verdict: &Verdict,
    more: &Rest,
) -> Result<()> {
    let text = match format {
        ExplainFormat::Json => {
            let json = serde_json::to_string_pretty(verdict)? + "\n";
            return Ok(terminal::exactly(&json)?);
        }
        ExplainFormat::Text => report::plain(subject, verdict),
        ExplainFormat::Markdown => report::markdown(subject, verdict, more),
        ExplainFormat::Html => report::html(subject, verdict, more),
    };
    Ok(terminal::say(&text)?)
}
