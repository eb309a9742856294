//! Everything about the chosen state.

use super::Chosen;
use super::view::money;
use crate::components::status::{status_class, status_word};
use crate::components::{Status, icon};
use crate::format;
use crate::url::escape;
use leptos::prelude::*;
use model::api::graph::{GraphNode, GraphVisit, IterationGroup};
use model::time::human_duration;

/// The panel.
#[component]
pub fn StatePanel(node: GraphNode, chosen: Chosen, id: String) -> impl IntoView {
    let what = match node.subject.is_empty() {
        true => node.kind.clone(),
        false => format!("{} · {}", node.kind, node.subject),
    };
    let fact = |name: &'static str, value: Option<String>| {
        value.map(|value| view! { <dt>{name}</dt> <dd>{value}</dd> })
    };
    let counted = |n: u32| (n > 0).then(|| format::count(n.into()));
    let many = node.visits > 1;
    let base = format!("/x/{}", escape(&id));
    let visits: Vec<_> = node
        .some
        .iter()
        .map(|visit| visit_line(visit, &base))
        .collect();
    let more = (node.visits as usize).saturating_sub(node.some.len());
    let errors: Vec<_> = node
        .errors
        .iter()
        .take(8)
        .map(|(error, n)| view! { <li class="error-line">{icon("failed")} <b>{error.clone()}</b> {format!(" {n} ×")}</li> })
        .collect();
    view! {
        <aside class="panel" aria-label="Details of the state">
            <header>
                <div>
                    <h2>{node.name.clone()}</h2>
                    <p class="quiet">{what}</p>
                </div>
                <button
                    class="plain"
                    title="Close (Esc)"
                    aria-label="Close"
                    on:click=move |_| chosen.open.set(false)
                >
                    {icon("close")}
                </button>
            </header>
            <div class="panel-body" tabindex="0">
                {node.root_cause.then(|| view! { <p class="error-line">{icon("failed")} <b>"The failure that explains the end"</b></p> })}
                {(node.visits == 0).then(|| view! { <p class="quiet">"This execution did not come here."</p> })}
                <ul class="outcomes">
                    {node
                        .outcomes
                        .iter()
                        .map(|(word, n)| view! { <li>{outcome(word, *n)}</li> })
                        .collect_view()}
                </ul>
                <dl class="facts">
                    {fact(if many { "Time in all" } else { "Time" }, (node.visits > 0).then(|| human_duration(node.time_ns)))}
                    {fact("Longest", many.then(|| human_duration(node.longest_ns)))}
                    {fact("Visits", counted(node.visits).filter(|_| many))}
                    {fact("Attempts", counted(node.attempts))}
                    {fact("Retries", counted(node.retries))}
                    {fact("Cost", node.picodollars.map(money))}
                    {fact("Retry", (!node.retry.is_empty()).then(|| node.retry.clone()))}
                </dl>
                {(!errors.is_empty()).then(|| view! { <h3>"Errors"</h3> <ul>{errors}</ul> })}
                {(!node.iterations.is_empty()).then(|| iterations(&node.iterations, &base))}
                {(!visits.is_empty()).then(|| view! { <h3>{if many { "Visits, worst first" } else { "Visit" }}</h3> <ul class="visits">{visits}</ul> })}
                {(more > 0).then(|| view! { <p class="quiet">{format!("and {} more", format::count(more as u64))}</p> })}
            </div>
        </aside>
    }
}

fn outcome(word: &str, n: u32) -> impl IntoView + use<> {
    let text = format!(
        "{} {}",
        format::count(n.into()),
        status_word(word).to_lowercase()
    );
    match word {
        "CAUGHT" => view! { <span class="signal caught">{icon("caught")} {text}</span> }.into_any(),
        other => {
            let class = status_class(other);
            let name = if class == "timed-out" { "clock" } else { class };
            view! { <span class=format!("status {class}")>{icon(name)} {text}</span> }.into_any()
        }
    }
}

/// The page of the execution that something is in: of an item of a distributed Map it is one of its own.
fn page(execution: Option<&str>, base: &str) -> String {
    execution.map_or(base.to_owned(), |trace| format!("/x/{}", escape(trace)))
}

fn visit_line(visit: &GraphVisit, base: &str) -> impl IntoView + use<> {
    let href = format!(
        "{}?sel={}",
        page(visit.execution.as_deref(), base),
        visit.span_id
    );
    let status = match visit.status.as_str() {
        "CAUGHT" => {
            view! { <span class="signal caught">{icon("caught")} "Caught"</span> }.into_any()
        }
        other => view! { <Status status=other.to_owned() /> }.into_any(),
    };
    view! {
        <li>
            <a href=href title="Show in the waterfall">{visit.path.clone()}</a>
            <span class="of-visit">
                {status}
                " "
                {visit.duration_ns.map(human_duration)}
                {visit.error.clone().map(|error| view! { " " <b>{error}</b> })}
            </span>
        </li>
    }
}

fn iterations(groups: &[IterationGroup], base: &str) -> impl IntoView + use<> {
    let lines: Vec<_> = groups
        .iter()
        .map(|group| {
            let more = u64::from(group.count).saturating_sub(group.indices.len() as u64);
            let mut indices: Vec<String> = group.indices.iter().map(u32::to_string).collect();
            if more > 0 {
                indices.push("…".to_owned());
            }
            view! {
                <li>
                    {outcome(&group.status, group.count)}
                    {group.error.clone().map(|error| view! { " with " <b>{error}</b> })}
                    <a
                        class="of-visit"
                        href=format!("{}?sel={}", page(group.execution.as_deref(), base), group.span_id)
                        title="Show the first in its waterfall"
                    >
                        {format!("items {}", indices.join(", "))}
                    </a>
                </li>
            }
        })
        .collect();
    view! { <h3>"Iterations"</h3> <ul class="visits">{lines}</ul> }
}
