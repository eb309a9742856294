//! Everything about one span: what it says itself, and what the tables add.

use super::execution::{child, with_statuses};
use super::trace::{json, kind, kind_word, only_span, service_of};
use crate::Error;
use model::api::SpanDetail;
use model::{Attempt, Span, StatusCode, Value};
use store::{Snapshot, Table, rows};

/// What a proxy did there, in words.
pub(super) async fn add_hop(
    snapshot: &Snapshot,
    span: &Span,
    detail: &mut SpanDetail,
) -> Result<(), Error> {
    for batch in snapshot.find(Table::Hops, &[span.trace_id]).await? {
        let hops = rows::read_hops(&only_span(&batch, span.span_id)?)?;
        let Some(hop) = hops.into_iter().next() else {
            continue;
        };
        let words = [
            ("inquest.hop.outcome", hop.outcome.as_str().to_owned()),
            ("inquest.hop.reason", hop.reason.clone()),
            ("inquest.hop.source", hop.source.clone()),
            ("inquest.hop.details", hop.details.clone()),
        ];
        for (name, word) in words.into_iter().filter(|(_, word)| !word.is_empty()) {
            detail.attributes.retain(|(key, _)| key != name);
            detail.attributes.push((name.to_owned(), word.into()));
        }
        if hop.outcome.is_failure() {
            detail.status = "error".to_owned();
            let flags = Some(hop.response_flags).filter(|flags| !flags.is_empty());
            detail.error = detail.error.take().or(flags);
            detail.cause = Some(hop.reason);
        }
        break;
    }
    Ok(())
}

pub(super) async fn describe_attempt(
    snapshot: &Snapshot,
    detail: &mut SpanDetail,
    attempt: Attempt,
) -> Result<(), Error> {
    detail.status = attempt.status.as_str().to_owned();
    detail.duration_ns = attempt.duration_ns;
    detail.service = service_of(&attempt);
    set_failure(detail, attempt.error, attempt.cause);
    detail.input = attempt.input;
    detail.output = attempt.output;
    if let Some(arn) = attempt.child_execution_arn {
        let started = vec![child(&detail.span_id, arn)];
        detail.child_execution = with_statuses(snapshot, started).await?.pop();
    }
    Ok(())
}

pub(super) fn set_failure(detail: &mut SpanDetail, error: Option<String>, cause: Option<String>) {
    detail.error = error.or(detail.error.take());
    detail.cause = cause.or(detail.cause.take());
}

/// What the span itself says.
pub(super) fn received(span: &Span) -> SpanDetail {
    let pairs = |attributes: &model::Attributes| {
        let pair = |(key, value): (&String, &Value)| (key.clone(), json(value));
        attributes.iter().map(pair).collect()
    };
    let running = span.attributes.get("inquest.running") == Some(&Value::Bool(true));
    let text = |name: &str| match span.attributes.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let message = Some(span.status_message.clone()).filter(|text| !text.is_empty());
    SpanDetail {
        trace_id: span.trace_id.to_string(),
        span_id: span.span_id.to_string(),
        name: span.name.clone(),
        kind: kind_word(kind(span)).to_owned(),
        service: span.service_name.clone(),
        status: match span.status_code {
            StatusCode::Unset => "unset",
            StatusCode::Ok => "ok",
            StatusCode::Error => "error",
        }
        .to_owned(),
        start_time: span.start_time.0.to_string(),
        duration_ns: (!running).then(|| span.end_time.since(span.start_time)),
        error: text("error.type").or_else(|| text("exception.type")),
        cause: message.or_else(|| text("exception.message")),
        attributes: pairs(&span.attributes),
        resource: pairs(&span.resource),
        events: span
            .events
            .iter()
            .map(|event| {
                let attributes = json(&Value::Map(event.attributes.clone()));
                (event.time.0.to_string(), event.name.clone(), attributes)
            })
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| {
                let attributes = json(&Value::Map(link.attributes.clone()));
                (
                    link.trace_id.to_string(),
                    link.span_id.to_string(),
                    attributes,
                )
            })
            .collect(),
        ..SpanDetail::default()
    }
}
