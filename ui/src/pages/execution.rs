//! `/x/:id`: one execution.

use crate::api::{Live, Load, remote_json};
use crate::browser::{Preferences, copy};
use crate::components::case::{CaseFile, VerdictBand};
use crate::components::events::EventList;
use crate::components::graph::GraphView;
use crate::components::logs::TraceLogs;
use crate::components::trace_view::TraceView;
use crate::components::{Empty, JsonTree, Problem, Status, Waiting, icon};
use crate::format;
use crate::router::Router;
use crate::url::escape;
use leptos::prelude::*;
use model::api::{ChildExecution, ExecutionDetail};
use model::time::human_duration;
use model::{Execution, Verdict};
use std::sync::Arc;

const TABS: [(&str, &str); 7] = [
    ("case", "Case file"),
    ("", "Waterfall"),
    ("graph", "Graph"),
    ("events", "Events"),
    ("logs", "Logs"),
    ("io", "Input / Output"),
    ("definition", "Definition"),
];

/// The page.
#[component]
pub fn ExecutionPage(
    /// ARN or trace id.
    id: String,
) -> impl IntoView {
    let id = Memo::new(move |_| id.clone());
    let detail = remote_json::<ExecutionDetail>(move || {
        Some(format!("/api/v1/executions/{}", escape(&id.get())))
    });
    let verdict = remote_json::<Verdict>(move || {
        Some(format!("/api/v1/executions/{}/verdict", escape(&id.get())))
    });
    let live = Live::get();
    Effect::new(move |_| {
        let Some(update) = live.update.get() else {
            return;
        };
        let mine = |detail: Arc<ExecutionDetail>| {
            let trace_id = detail.execution.trace_id.to_string();
            update.rows.iter().any(|row| row.trace_id == trace_id)
        };
        if untrack(|| detail.ready()).is_some_and(mine) {
            detail.reload();
            verdict.reload();
        }
    });
    // The parts below the head stay while the head changes.
    let trace = Memo::new(move |_| {
        detail.state.with(|state| {
            let detail = state.ready()?;
            Some((
                detail.execution.trace_id.to_string(),
                detail.execution.start_time.0,
            ))
        })
    });
    let router = Router::get();
    let tab = Memo::new(move |_| router.query("tab").unwrap_or_default());
    let body = move || {
        let (trace_id, start) = trace.get()?;
        Some(match tab.get().as_str() {
            "case" => view! { <CaseFile detail=detail.ready()? verdict=verdict /> }.into_any(),
            "graph" => view! { <GraphView id=id.get() trace_id=trace_id /> }.into_any(),
            "events" => view! { <EventList id=trace_id start=start /> }.into_any(),
            "logs" => view! { <TraceLogs trace_id=trace_id /> }.into_any(),
            "io" => view! { <Payloads detail=detail.ready()? /> }.into_any(),
            "definition" => view! { <Definition detail=detail.ready()? /> }.into_any(),
            _ => view! { <TraceView trace_id=trace_id follow=true /> }.into_any(),
        })
    };
    let head = move || match detail.state.get() {
        Load::Waiting => view! { <Waiting what="the execution" /> }.into_any(),
        Load::Failed(failure) => view! {
            <Problem failure=failure retry=move || detail.reload() />
            <p class="back"><a href="/">"All executions"</a></p>
        }
        .into_any(),
        Load::Ready(detail) => {
            let href = Signal::derive(move || format!("/x/{}?tab=case", escape(&id.get())));
            let below = Signal::derive(move || tab.get() == "case");
            let band = view! { <VerdictBand verdict=verdict href=href below=below /> }.into_any();
            view! { <Head detail=detail band=band /> }.into_any()
        }
    };
    let title = move || {
        let name = detail.ready().map(|detail| detail.execution.name.clone());
        format!(
            "{} · Inquest",
            name.unwrap_or_else(|| "Execution".to_owned())
        )
    };
    view! {
        <div class="page detail-page">
            <super::Title text=Signal::derive(title) />
            {head}
            <Show when=move || trace.get().is_some()>
                <nav class="tabs" aria-label="Views of this execution">
                    {TABS
                        .map(|(key, word)| {
                            let href = move || match key {
                                "" => format!("/x/{}", escape(&id.get())),
                                key => format!("/x/{}?tab={key}", escape(&id.get())),
                            };
                            view! {
                                <a
                                    href=href
                                    aria-current=move || (tab.get() == key).then_some("page")
                                >
                                    {word}
                                    {move || count_of(key, detail.ready())}
                                </a>
                            }
                        })
                        .collect_view()}
                </nav>
            </Show>
            <div class="detail-body">{body}</div>
        </div>
    }
}

fn count_of(tab: &str, detail: Option<Arc<ExecutionDetail>>) -> Option<impl IntoView> {
    let detail = detail?;
    let n = match tab {
        "events" => detail.execution.events.into(),
        "logs" => detail.logs,
        _ => return None,
    };
    Some(view! { <small>{format::count(n)}</small> })
}

#[component]
fn Head(detail: Arc<ExecutionDetail>, band: AnyView) -> impl IntoView {
    let execution = &detail.execution;
    let arn = execution.execution_arn.clone();
    let machine = format!("/?machine={}", escape(&execution.state_machine));
    let failed = execution.root_error.is_some() || execution.error.is_some();
    // That a running execution has no end yet needs no saying.
    let told = execution.status.is_terminal()
        || execution.incomplete_reason.as_deref() != Some("still running");
    let partial = (!execution.complete && told).then(|| {
        let why = execution.incomplete_reason.clone();
        let why = why.unwrap_or_else(|| "some of its history is missing".to_owned());
        view! { <p class="notice">{icon("partial")} <span><b>"Partial: "</b> {why}</span></p> }
    });
    let parent = execution.parent_execution_arn.clone().map(|arn| {
        let href = format!("/x/{}", escape(&arn));
        view! { <p class="quiet">"Started by " <a href=href>{arn}</a></p> }
    });
    view! {
        <header class="execution-head" class:failed=failed>
            <div class="title">
                <Status status=execution.status.as_str().to_owned() />
                <h1>{execution.name.clone()}</h1>
                <button
                    class="plain copy"
                    title=format!("Copy {arn}")
                    aria-label="Copy the ARN"
                    on:click=move |_| copy(&arn)
                >
                    {icon("copy")}
                </button>
                <span class="of">
                    <a href=machine>{execution.state_machine.clone()}</a>
                    {execution.state_machine_version.clone().map(|v| format!(" version {v}"))}
                    {execution.state_machine_alias.clone().map(|a| format!(" ({a})"))}
                    <small>{execution.engine.clone()}</small>
                </span>
            </div>
            <p class="summary">{detail.summary.clone()}</p>
            {band}
            {partial}
            {parent}
            {children(&detail.children)}
            <Facts detail=Arc::clone(&detail) />
        </header>
    }
}

fn children(children: &[ChildExecution]) -> impl IntoView + use<> {
    const MOST: usize = 6;
    let more = children.len().saturating_sub(MOST);
    let links = children.iter().take(MOST).map(|child| {
        let name = child
            .execution_arn
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .to_owned();
        view! {
            <a href=format!("/x/{}", child.trace_id) title=child.execution_arn.clone()>{name}</a>
            {child.status.clone().map(|status| view! { <Status status=status /> })}
        }
    });
    (!children.is_empty()).then(|| {
        view! {
            <p class="children">
                <span class="quiet">"Started"</span>
                {links.collect_view()}
                {(more > 0).then(|| format!("and {more} more"))}
            </p>
        }
    })
}

/// Numbers worth a look; what is zero is left out, except the first three.
fn facts(execution: &Execution, invocations: u32) -> Vec<(&'static str, String)> {
    let duration = execution
        .duration_ns
        .map_or("running".to_owned(), human_duration);
    let mut out = vec![
        ("Duration", duration),
        ("States", format::count(execution.states_entered.into())),
        ("Attempts", format::count(execution.attempts.into())),
    ];
    let iterations = match execution.iterations_failed {
        0 => format::count(execution.iterations.into()),
        n => format!("{}, {n} failed", format::count(execution.iterations.into())),
    };
    let optional = [
        ("Retries", execution.retries, None),
        ("Block retries", execution.block_retries, None),
        ("Caught", execution.caught_failures, None),
        ("Iterations", execution.iterations, Some(iterations)),
        ("Map runs", execution.map_runs, None),
        ("Invocations", invocations, None),
        ("Cold starts", execution.cold_starts, None),
        ("Redrives", execution.redrive_count, None),
    ];
    for (name, n, text) in optional {
        if n > 0 {
            out.push((name, text.unwrap_or_else(|| format::count(n.into()))));
        }
    }
    out
}

#[component]
fn Facts(detail: Arc<ExecutionDetail>) -> impl IntoView {
    let preferences = Preferences::get();
    let start = detail.execution.start_time.0;
    let started = move || {
        let offset = preferences.offset(start);
        format!(
            "{} {}",
            format::date(start, offset),
            format::clock(start, offset)
        )
    };
    let facts = facts(&detail.execution, detail.invocations);
    view! {
        <dl class="fact-strip">
            <div>
                <dt>"Started"</dt>
                <dd title=format::exact(start)>{started}</dd>
            </div>
            {facts
                .into_iter()
                .map(|(name, value)| {
                    let value = match name {
                        "Cold starts" => view! { <a href="/cold-starts">{value}</a> }.into_any(),
                        _ => value.into_any(),
                    };
                    view! { <div><dt>{name}</dt><dd>{value}</dd></div> }
                })
                .collect_view()}
        </dl>
    }
}

#[component]
fn Payloads(detail: Arc<ExecutionDetail>) -> impl IntoView {
    let execution = &detail.execution;
    let part = |title: &'static str, text: &Option<String>, why: &'static str| {
        let body = match text.clone() {
            Some(text) => view! { <JsonTree text=text depth=4 /> }.into_any(),
            None => view! { <p class="quiet">{why}</p> }.into_any(),
        };
        view! { <section class="card"><h2>{title}</h2>{body}</section> }
    };
    let none = match execution.status.is_terminal() {
        true => "There is none: the execution did not succeed, or its data was not recorded.",
        false => "There is none yet: the execution is still running.",
    };
    view! {
        <div class="payloads">
            {part("Input", &execution.input, "Not recorded: the history was read without execution data.")}
            {part("Output", &execution.output, none)}
            {execution.cause.is_some().then(|| part("Cause", &execution.cause, ""))}
        </div>
    }
}

#[component]
fn Definition(detail: Arc<ExecutionDetail>) -> impl IntoView {
    match detail.execution.definition.clone() {
        Some(text) => {
            view! { <div class="payloads"><section class="card"><JsonTree text=text depth=4 /></section></div> }
                .into_any()
        }
        None => view! {
            <Empty title="The definition is not known">
                <p>"Import it beside the history:"</p>
                <pre>"aws stepfunctions describe-state-machine-for-execution --execution-arn ARN > definition.json\ninquest import definition.json"</pre>
            </Empty>
        }
        .into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out() {
        let execution = Execution {
            duration_ns: Some(1_000_000),
            iterations: 5,
            iterations_failed: 2,
            ..Execution::default()
        };
        let facts = facts(&execution, 0);
        let names: Vec<&str> = facts.iter().map(|fact| fact.0).collect();
        assert_eq!(names, ["Duration", "States", "Attempts", "Iterations"]);
        assert_eq!(facts[3].1, "5, 2 failed");
    }
}
