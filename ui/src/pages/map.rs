//! `/map`: who calls whom, how often, how slowly, and how often in vain.

use super::map_drawing::{Chosen, Drawing};
use crate::api::{Load, remote_json};
use crate::browser;
use crate::components::{Empty, Problem, Waiting};
use crate::format;
use crate::router::Router;
use crate::url::{escape, query_string};
use leptos::prelude::*;
use model::api::map::{MapEdge, MapExample, MapNode, NodeKind, ServiceMap};
use model::time::human_duration;
use std::sync::Arc;

/// Lengths of time to look at: value in the address, words, nanoseconds.
const RANGES: [(&str, &str, i64); 5] = [
    ("1h", "1 hour", 3_600_000_000_000),
    ("24h", "24 hours", 86_400_000_000_000),
    ("7d", "7 days", 604_800_000_000_000),
    ("30d", "30 days", 2_592_000_000_000_000),
    ("all", "any time", 0),
];

pub(super) fn kind_word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Service => "service",
        NodeKind::Proxy => "proxy",
        NodeKind::StateMachine => "state machine",
        NodeKind::Function => "function",
        NodeKind::Queue => "queue",
        NodeKind::Database => "database",
        NodeKind::External => "external",
    }
}

/// A name; a history that came alone does not tell that of its state machine.
pub(super) fn named(name: &str) -> &str {
    if name.is_empty() {
        "(name not known)"
    } else {
        name
    }
}

/// Where the range begins; empty for any time.
fn begin(range: &str, now: i64) -> String {
    match RANGES.iter().find(|(key, ..)| *key == range) {
        Some((_, _, 0)) => String::new(),
        Some((_, _, length)) => now.saturating_sub(*length).to_string(),
        None => now.saturating_sub(RANGES[1].2).to_string(),
    }
}

/// The page.
#[component]
pub fn Map() -> impl IntoView {
    let router = Router::get();
    let range = Memo::new(move |_| router.query("range").unwrap_or_else(|| "24h".to_owned()));
    let map = remote_json::<ServiceMap>(move || {
        let from = begin(&range.get(), browser::now());
        Some(format!("/api/v1/map{}", query_string(&[("from", &from)])))
    });
    let chosen = Chosen {
        edge: Memo::new(move |_| router.query("edge").unwrap_or_default()),
        node: Memo::new(move |_| router.query("node").unwrap_or_default()),
        range,
    };
    let body = move || {
        match map.state.get() {
        Load::Waiting => view! { <Waiting what="the map" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || map.reload() /> }.into_any()
        }
        Load::Ready(map) if map.nodes.is_empty() => view! {
            <Empty title="Nobody called anybody">
                <p>"No span and no attempt lies in this time. " <a href="/map?range=all">"Look at any time"</a></p>
            </Empty>
        }
        .into_any(),
        Load::Ready(map) => content(&map, chosen).into_any(),
    }
    };
    let ranges = RANGES.map(|(key, word, _)| {
        view! {
            <a href=format!("/map?range={key}") aria-current=move || (range.get() == key).then_some("true")>{word}</a>
        }
    });
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored("Service map · Inquest".to_owned()) />
            <header class="page-head">
                <h1>"Service map"</h1>
                <nav aria-label="Time">{ranges}</nav>
            </header>
            {body}
        </div>
    }
}

fn content(map: &Arc<ServiceMap>, chosen: Chosen) -> impl IntoView + use<> {
    let held = Arc::clone(map);
    let edges = move || {
        let (edge, node) = (chosen.edge.get(), chosen.node.get());
        let rows = held.edges.iter().enumerate();
        rows.filter(|(_, it)| node.is_empty() || it.from == node || it.to == node)
            .map(|(at, it)| row(&held, at, it, &edge, &chosen.range.get()))
            .collect_view()
    };
    let held = Arc::clone(map);
    let about = move || {
        let id = chosen.node.get();
        let node = held.nodes.iter().find(|node| node.id == id)?;
        Some(view! {
            " of " <b>{node.name.clone()}</b> " "
            <a href=move || format!("/map?range={}", chosen.range.get())>"show all"</a>
        })
    };
    let nodes: Vec<_> = map.nodes.iter().map(node).collect();
    view! {
        {map.truncated.then(|| view! { <p class="notice">"There is more than is shown: choose a shorter time."</p> })}
        <Drawing map=Arc::clone(map) chosen=chosen />
        <section class="card">
            <h2>"Calls" {about}</h2>
            <div class="scrolled" tabindex="0">
                <table class="plain-table map-table">
                    <thead>
                        <tr>
                            <th scope="col">"Caller"</th>
                            <th scope="col">"Called"</th>
                            <th scope="col" class="number">"Calls"</th>
                            <th scope="col" class="number">"Failed"</th>
                            <th scope="col" class="number">"p50"</th>
                            <th scope="col" class="number">"p95"</th>
                            <th scope="col">"Look at"</th>
                        </tr>
                    </thead>
                    <tbody>{edges}</tbody>
                </table>
            </div>
        </section>
        <section class="card">
            <h2>"Who takes part"</h2>
            <div class="scrolled" tabindex="0">
                <table class="plain-table">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Kind"</th>
                            <th scope="col" class="number">"Calls"</th>
                            <th scope="col" class="number">"Failed"</th>
                            <th scope="col" class="number">"p50"</th>
                            <th scope="col" class="number">"p95"</th>
                        </tr>
                    </thead>
                    <tbody>{nodes}</tbody>
                </table>
            </div>
        </section>
    }
}

fn failed(errors: u64, calls: u64) -> impl IntoView {
    let share = errors as f64 / calls.max(1) as f64 * 100.0;
    (errors > 0).then(
        || view! { <b class="wasted">{format!("{} ({share:.1} %)", format::count(errors))}</b> },
    )
}

fn row(
    map: &ServiceMap,
    at: usize,
    edge: &MapEdge,
    chosen: &str,
    range: &str,
) -> impl IntoView + use<> {
    let name = |id: &str| {
        let node = map.nodes.iter().find(|node| node.id == id);
        node.map_or(id.to_owned(), |node| named(&node.name).to_owned())
    };
    let open = chosen == at.to_string();
    let href = match open {
        true => format!("/map?range={range}"),
        false => format!("/map?range={range}&edge={at}"),
    };
    let examples: Vec<_> = edge.examples.iter().map(example).collect();
    let first = edge.examples.first().map(address);
    view! {
        <tr id=format!("edge-{at}") class:chosen=open>
            <td>{name(&edge.from)}</td>
            <td>{name(&edge.to)}</td>
            <td class="number">{format::count(edge.calls)}</td>
            <td class="number">{failed(edge.errors, edge.calls)}</td>
            <td class="number">{edge.p50_ns.map(human_duration)}</td>
            <td class="number">{edge.p95_ns.map(human_duration)}</td>
            <td>
                {first.map(|href| view! { <a href=href>{if edge.errors > 0 { "a failed one" } else { "a slow one" }}</a> " · " })}
                <a href=href aria-expanded=open.to_string()>{format::plural(edge.examples.len() as u64, "example", "examples")}</a>
                {open.then(|| view! { <ul class="map-examples">{examples}</ul> })}
            </td>
        </tr>
    }
}

/// The page on which a call can be seen.
fn address(example: &MapExample) -> String {
    match &example.execution_arn {
        Some(arn) => format!("/x/{}?sel={}", escape(arn), example.span_id),
        None => format!("/t/{}?sel={}", example.trace_id, example.span_id),
    }
}

fn example(example: &MapExample) -> impl IntoView + use<> {
    let name = match &example.execution_arn {
        Some(arn) => arn.rsplit(':').next().unwrap_or(arn).to_owned(),
        None => example.trace_id.clone(),
    };
    view! {
        <li>
            <a href=address(example)>{name}</a>
            " "
            {human_duration(example.duration_ns)}
            {example.failed.then(|| view! { <b class="wasted">" failed"</b> })}
        </li>
    }
}

fn node(node: &MapNode) -> impl IntoView + use<> {
    let href = match node.kind {
        NodeKind::StateMachine if !node.name.is_empty() => Some(format!(
            "/{}",
            query_string(&[("state_machine", &node.name)])
        )),
        NodeKind::Service => Some(format!(
            "/traces{}",
            query_string(&[("service", &node.name)])
        )),
        _ => None,
    };
    let name = named(&node.name).to_owned();
    view! {
        <tr>
            <td>{match href {
                Some(href) => view! { <a href=href>{name}</a> }.into_any(),
                None => name.into_any(),
            }}</td>
            <td>{kind_word(node.kind)}</td>
            <td class="number">{format::count(node.calls)}</td>
            <td class="number">{failed(node.errors, node.calls)}</td>
            <td class="number">{node.p50_ns.map(human_duration)}</td>
            <td class="number">{node.p95_ns.map(human_duration)}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_begins_before_now() {
        assert_eq!(begin("1h", 7_200_000_000_000), "3600000000000");
        assert_eq!(begin("all", 1), "");
        assert_eq!(begin("?", 86_400_000_000_001), "1");
    }
}
