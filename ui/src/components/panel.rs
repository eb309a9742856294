//! Everything about the selected row.

use super::logs::SpanLogs;
use super::waterfall::Waterfall;
use super::{JsonTree, Problem, Status, Waiting, icon};
use crate::api::{Load, remote_json};
use crate::browser::{Preferences, copy};
use crate::format;
use crate::geometry::tree::{flag_words, kind_word};
use crate::geometry::window::human_offset;
use leptos::prelude::*;
use model::Join;
use model::api::SpanDetail;
use model::time::human_duration;
use std::sync::Arc;

/// The panel of a waterfall's selection.
#[component]
pub fn SpanPanel(
    /// The waterfall.
    waterfall: Waterfall,
    /// The trace that the page shows.
    trace_id: String,
) -> impl IntoView {
    let detail = remote_json::<SpanDetail>(move || {
        let row = waterfall.selected.get().filter(|_| waterfall.open.get())?;
        waterfall.tree.with_value(|tree| {
            let (trace, span) = (tree.trace_id(row), tree.span_id(row)?);
            Some(format!("/api/v1/traces/{trace}/spans/{span}"))
        })
    });
    let head = move || {
        let row = waterfall.selected.get()?;
        waterfall.tree.with_value(|tree| {
            let data = tree.row(row);
            let mut words = flag_words(data.flags);
            words.insert(0, kind_word(data.kind));
            let name = tree.name(row).to_owned();
            let start = human_offset(data.start);
            Some(view! {
                <h2>{name}</h2>
                <p class="quiet">{format!("{} · at {start}", words.join(" · "))}</p>
            })
        })
    };
    let logs_of = move || {
        let row = waterfall.selected.get()?;
        waterfall.tree.with_value(|tree| tree.span_id(row))
    };
    let body = move || match detail.state.get() {
        _ if logs_of().is_none() => view! {
            <p>"The engine waited before it tried again, as the Retry of the state asks for."</p>
        }
        .into_any(),
        Load::Waiting => view! { <Waiting what="details" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || detail.reload() /> }.into_any()
        }
        Load::Ready(detail) => view! { <Details detail=detail waterfall=waterfall /> }.into_any(),
    };
    view! {
        <aside class="panel" aria-label="Details of the selected row">
            <header>
                <div>{head}</div>
                <button
                    class="plain"
                    title="Close (Esc)"
                    aria-label="Close"
                    on:click=move |_| waterfall.open.set(false)
                >
                    {icon("close")}
                </button>
            </header>
            <div class="panel-body" tabindex="0">
                {body}
                {move || {
                    let trace_id = trace_id.clone();
                    logs_of()
                        .map(|span_id| {
                            view! {
                                <h3>"Logs"</h3>
                                <SpanLogs trace_id=trace_id span_id=span_id />
                            }
                        })
                }}
            </div>
        </aside>
    }
}

#[component]
fn Details(detail: Arc<SpanDetail>, waterfall: Waterfall) -> impl IntoView {
    let preferences = Preferences::get();
    let start = format::nanos(&detail.start_time);
    let offset = preferences.offset(start);
    let fact = |name: &'static str, value: String| {
        (!value.is_empty()).then(|| view! { <dt>{name}</dt> <dd>{value}</dd> })
    };
    let payload = |title: &'static str, text: &Option<String>| {
        text.clone()
            .map(|text| view! { <h3>{title}</h3> <JsonTree text=text /> })
    };
    let child = detail.child_execution.clone().map(|child| {
        view! {
            <h3>"Execution it started"</h3>
            <p>
                <a href=format!("/x/{}", child.trace_id)>{child.execution_arn.clone()}</a>
                " "
                {child.status.map(|status| view! { <Status status=status /> })}
            </p>
        }
    });
    let events = detail.events.iter().map(|(time, name, attributes)| {
        let at = format::nanos(time);
        let some = attributes.as_object().is_some_and(|map| !map.is_empty());
        let text = attributes.to_string();
        view! {
            <li>
                <b>{name.clone()}</b>
                " "
                <small title=format::exact(at)>
                    {format!("+{}", human_duration(at.saturating_sub(start)))}
                </small>
                {some.then(|| view! { <JsonTree text=text depth=1 /> })}
            </li>
        }
    });
    let links = detail.links.iter().map(|(trace, span, _)| {
        view! { <li><a href=format!("/t/{trace}?sel={span}")>{trace.clone()}</a> " " <small>{span.clone()}</small></li> }
    });
    let id = detail.span_id.clone();
    view! {
        {detail.error.clone().map(|error| view! { <p class="error-line">{icon("failed")} <b>{error}</b></p> })}
        {detail.cause.clone().map(|cause| view! { <JsonTree text=cause /> })}
        <dl class="facts">
            <dt>"Status"</dt>
            <dd>
                <Status status=detail.status.clone() />
            </dd>
            {fact("Duration", detail.duration_ns.map_or("still running".into(), human_duration))}
            <dt>"Started"</dt>
            <dd title=format::exact(start)>
                {format!("{} {}", format::date(start, offset), format::clock(start, offset))}
            </dd>
            {fact("Service", detail.service.clone())}
            <dt>"Span"</dt>
            <dd>
                <code>{detail.span_id.clone()}</code>
                <button class="plain copy" title="Copy" aria-label="Copy span id" on:click=move |_| copy(&id)>
                    {icon("copy")}
                </button>
            </dd>
        </dl>
        {child}
        {(!detail.joins.is_empty())
            .then(|| {
                view! {
                    <h3>"Joins"</h3>
                    <ul class="joins">
                        {detail.joins.iter().map(|join| join_view(join, waterfall)).collect_view()}
                    </ul>
                }
            })}
        {cold_starts_of(&detail.attributes)}
        {payload("Input", &detail.input)}
        {payload("Output", &detail.output)}
        {attribute_table("Attributes", &detail.attributes)}
        {attribute_table("Resource", &detail.resource)}
        {(!detail.events.is_empty())
            .then(|| view! { <h3>"Events"</h3> <ul class="span-events">{events.collect_view()}</ul> })}
        {(!detail.links.is_empty())
            .then(|| view! { <h3>"Links"</h3> <ul class="links">{links.collect_view()}</ul> })}
    }
}

/// How sure a join is, in words; an ambiguous one is never shown as certain.
fn sureness(join: &Join) -> (&'static str, String) {
    let percent = (join.confidence.clamp(0.0, 1.0) * 100.0).round();
    if join.ambiguous() {
        let others = join.candidates.saturating_sub(1).into();
        let text = format::plural(others, "other record fits", "other records fit");
        (
            "ambiguous",
            format!("ambiguous: {text} as well ({percent} %)"),
        )
    } else if percent >= 100.0 {
        ("certain", "certain".to_owned())
    } else {
        ("likely", format!("likely ({percent} %)"))
    }
}

fn join_view(join: &Join, waterfall: Waterfall) -> impl IntoView + use<> {
    let (class, words) = sureness(join);
    let method = join.method.as_str().replace('_', " ");
    let find = |id: String| waterfall.tree.with_value(|tree| tree.find_span(&id));
    let go = |end: &model::JoinEnd| {
        let row = find(end.span_id.to_string());
        let kind = end.kind.clone();
        match row {
            Some(row) => {
                view! { <button class="link" on:click=move |_| waterfall.show(row)>{kind}</button> }
                    .into_any()
            }
            None => view! { <span>{kind}</span> }.into_any(),
        }
    };
    view! {
        <li class=class>
            <p>
                {go(&join.child)} " in " {go(&join.parent)} " by " <b>{method}</b> ", "
                <span class="sure">{words}</span>
            </p>
            <p class="quiet">{join.evidence.clone()}</p>
        </li>
    }
}

/// Where the cold starts of a function are, on an invocation.
fn cold_starts_of(attributes: &[(String, serde_json::Value)]) -> impl IntoView + use<> {
    let of = |key: &str| attributes.iter().find(|(name, _)| name == key);
    let name = of("faas.name").or_else(|| of("aws.lambda.function_name"));
    let name = name.and_then(|(_, value)| value.as_str());
    name.map(|name| {
        let href = format!("/cold-starts?function={}", crate::url::escape(name));
        view! { <p><a href=href>{icon("cold")} " Cold starts of " {name.to_owned()}</a></p> }
    })
}

fn attribute_table(
    title: &'static str,
    attributes: &[(String, serde_json::Value)],
) -> impl IntoView + use<> {
    (!attributes.is_empty()).then(|| {
        let rows = attributes.iter().map(|(key, value)| {
            let value = match value {
                serde_json::Value::String(text) => view! { <span>{text.clone()}</span> }.into_any(),
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                    view! { <JsonTree text=value.to_string() depth=1 /> }.into_any()
                }
                other => view! { <span class="number-value">{other.to_string()}</span> }.into_any(),
            };
            view! { <dt>{key.clone()}</dt> <dd>{value}</dd> }
        });
        view! { <h3>{title}</h3> <dl class="attributes">{rows.collect_view()}</dl> }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ambiguous_join_is_never_certain() {
        let end = || model::JoinEnd {
            kind: "attempt".into(),
            trace_id: Default::default(),
            span_id: Default::default(),
        };
        let join = |confidence, candidates| Join {
            execution_arn: String::new(),
            parent: end(),
            child: end(),
            method: model::JoinMethod::FunctionAndTime,
            confidence,
            candidates,
            evidence: String::new(),
        };
        assert_eq!(sureness(&join(1.0, 1)).0, "certain");
        assert_eq!(sureness(&join(1.0, 2)).0, "ambiguous");
        assert_eq!(sureness(&join(0.7, 1)), ("likely", "likely (70 %)".into()));
    }
}
