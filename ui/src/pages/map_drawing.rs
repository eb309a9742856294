//! The service map as a drawing: boxes and lines as the server laid them out.

use super::map::{kind_word, named};
use crate::browser::text_width;
use crate::format;
use crate::geometry::sheet::cut;
use crate::router::Router;
use crate::url::query_string;
use leptos::prelude::*;
use model::api::map::{MapEdge, MapNode, ServiceMap};
use model::time::human_duration;
use std::sync::Arc;

/// What the address says of the map.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// Place of the edge whose calls are shown.
    pub edge: Memo<String>,
    /// Id of the node whose calls are shown.
    pub node: Memo<String>,
    /// The time that is looked at.
    pub range: Memo<String>,
}

/// The drawing; a box or a line leads to its calls.
#[component]
pub fn Drawing(
    /// What is drawn.
    map: Arc<ServiceMap>,
    /// What is chosen.
    chosen: Chosen,
) -> impl IntoView {
    let (width, height) = (map.width, map.height);
    let edges: Vec<_> = (0..map.edges.len())
        .map(|at| edge(&map, at, chosen))
        .collect();
    let nodes: Vec<_> = map
        .nodes
        .iter()
        .map(|it| node(Arc::clone(&map), it, chosen))
        .collect();
    view! {
        <div class="map-drawing" tabindex="0" role="group" aria-label="Who calls whom, from left to right; the table below says the same">
            <svg width=width height=height viewBox=format!("0 0 {width} {height}")>
                <defs>
                    {["well", "ill"]
                        .map(|name| {
                            view! {
                                <marker id=format!("call-{name}") class=name viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
                                    <path d="M0 .5 7.5 4 0 7.5z"></path>
                                </marker>
                            }
                        })
                        .collect_view()}
                </defs>
                {edges}
                {nodes}
            </svg>
        </div>
    }
}

/// Whether an edge has to do with what is chosen.
fn concerned(edge: &MapEdge, at: usize, chosen: Chosen) -> bool {
    let (line, node) = (chosen.edge.get(), chosen.node.get());
    match (line.is_empty(), node.is_empty()) {
        (false, _) => line == at.to_string(),
        (true, false) => edge.from == node || edge.to == node,
        (true, true) => true,
    }
}

fn share(errors: u64, calls: u64) -> f64 {
    errors as f64 / calls.max(1) as f64
}

fn edge(map: &Arc<ServiceMap>, at: usize, chosen: Chosen) -> AnyView {
    let held = Arc::clone(map);
    let edge = &map.edges[at];
    if edge.path.is_empty() {
        return ().into_any();
    }
    let router = Router::get();
    // Few that fail among many do not colour the line.
    let ill = share(edge.errors, edge.calls) >= 0.01;
    let class = if ill { "call ill" } else { "call" };
    let marker = if ill {
        "url(#call-ill)"
    } else {
        "url(#call-well)"
    };
    let name = |id: &str| {
        let node = map.nodes.iter().find(|node| node.id == id);
        node.map_or_else(|| id.to_owned(), |node| node.name.clone())
    };
    let title = format!(
        "{} → {}: {}, {} failed{}",
        name(&edge.from),
        name(&edge.to),
        format::plural(edge.calls, "call", "calls"),
        format::count(edge.errors),
        edge.p95_ns
            .map(|p95| format!(", p95 {}", human_duration(p95)))
            .unwrap_or_default(),
    );
    let thick = 1.0 + (1.0 + edge.calls as f64).log10() * 0.7;
    let faint = move || !concerned(&held.edges[at], at, chosen);
    let go = move |_| {
        let query = [
            ("range", chosen.range.get_untracked()),
            ("edge", at.to_string()),
        ];
        let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
        router.go(&format!("/map{}", query_string(&query)), false);
    };
    view! {
        <g aria-hidden="true">
            <path class=class class:faint=faint d=edge.path.clone() stroke-width=format!("{thick:.1}") marker-end=marker></path>
            <path class="hit" d=edge.path.clone() on:click=go><title>{title}</title></path>
        </g>
    }
    .into_any()
}

fn node(map: Arc<ServiceMap>, node: &MapNode, chosen: Chosen) -> impl IntoView + use<> {
    let router = Router::get();
    let ill = share(node.errors, node.calls) >= 0.01;
    let id = node.id.clone();
    let about = match node.errors {
        0 => format!("{} · {}", kind_word(node.kind), format::count(node.calls)),
        errors => format!(
            "{} · {} · {:.1} % failed",
            kind_word(node.kind),
            format::count(node.calls),
            share(errors, node.calls) * 100.0
        ),
    };
    let title = format!(
        "{}, {about}{}",
        node.name,
        node.p95_ns
            .map(|p95| format!(", p95 {}", human_duration(p95)))
            .unwrap_or_default()
    );
    let faint = {
        let id = id.clone();
        move || {
            let all = chosen.edge.get().is_empty() && chosen.node.get().is_empty();
            !all && chosen.node.get() != id
                && !map.edges.iter().enumerate().any(|(at, edge)| {
                    (edge.from == id || edge.to == id) && concerned(edge, at, chosen)
                })
        }
    };
    let picked = {
        let id = id.clone();
        move || chosen.node.get() == id
    };
    let go = move || {
        let other = if chosen.node.get_untracked() == id {
            ""
        } else {
            id.as_str()
        };
        let range = chosen.range.get_untracked();
        let query = query_string(&[("range", &range), ("node", other)]);
        router.go(&format!("/map{query}"), false);
    };
    let keyed = go.clone();
    let (x, y) = (node.x, node.y);
    view! {
        <g
            class="box"
            class:ill=ill
            class:faint=faint
            class:picked=picked
            role="button"
            tabindex="0"
            on:click=move |_| go()
            on:keydown=move |event| {
                if matches!(event.key().as_str(), "Enter" | " ") {
                    event.prevent_default();
                    keyed();
                }
            }
        >
            <title>{title}</title>
            <rect x=x y=y width=node.width height=node.height rx="7"></rect>
            <text x=x + 12.0 y=y + 20.0>{cut(named(&node.name), node.width - 22.0, |text| text_width(text, 600, 12.5))}</text>
            <text class="kind" x=x + 12.0 y=y + 36.0>{cut(&about, node.width - 16.0, |text| text_width(text, 400, 11.0))}</text>
        </g>
    }
}
