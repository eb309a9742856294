//! The state machine of an execution as it ran.

mod drawing;
mod panel;
mod view;

use crate::api::{Live, Load, remote_json};
use crate::components::{Problem, Waiting};
use crate::geometry::sheet::Place;
use crate::router::Router;
use crate::url::{escape, query_string};
use leptos::prelude::*;
use model::api::graph::{Graph, GraphNode};
use std::sync::Arc;

/// What the colour of a state says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lens {
    /// How its visits ended.
    Status,
    /// How much time they took.
    Time,
    /// What they cost.
    Cost,
}

impl Lens {
    const ALL: [(Lens, &'static str, &'static str); 3] = [
        (Lens::Status, "Status", ""),
        (Lens::Time, "Time", "time"),
        (Lens::Cost, "Cost", "cost"),
    ];

    fn read(key: &str) -> Self {
        let found = Lens::ALL.iter().find(|(_, _, held)| *held == key);
        found.map_or(Lens::Status, |(lens, ..)| *lens)
    }

    fn key(self) -> &'static str {
        Lens::ALL
            .iter()
            .find(|(lens, ..)| *lens == self)
            .map_or("", |(_, _, key)| key)
    }
}

/// The amount that a lens looks at; `None` where it sees nothing.
fn amount(node: &GraphNode, lens: Lens) -> Option<i64> {
    match lens {
        Lens::Status => None,
        Lens::Time => (node.visits > 0).then_some(node.time_ns),
        Lens::Cost => node.picodollars.filter(|cost| *cost > 0),
    }
}

/// How hot a node is, 0 to 1: its amount beside the greatest of those that hold no others.
fn heat(graph: &Graph, node: &GraphNode, lens: Lens) -> Option<f64> {
    let amounts = graph.nodes.iter().filter(|node| !node.container);
    let most = amounts.filter_map(|node| amount(node, lens)).max()?.max(1);
    Some((amount(node, lens)? as f64 / most as f64).clamp(0.0, 1.0))
}

/// What is chosen.
#[derive(Clone, Copy)]
struct Chosen {
    /// The node that the keys and the panel are about.
    node: RwSignal<Option<usize>>,
    /// The panel is open.
    open: RwSignal<bool>,
    lens: RwSignal<Lens>,
}

fn place(node: &GraphNode) -> Place {
    (node.x, node.y, node.width, node.height)
}

/// The graph with its side panel.
#[component]
pub fn GraphView(
    /// ARN or trace id of the execution.
    id: String,
    /// Its trace id.
    trace_id: String,
) -> impl IntoView {
    let address = format!("/api/v1/executions/{}/graph", escape(&id));
    let graph = remote_json::<Graph>(move || Some(address.clone()));
    let live = Live::get();
    Effect::new(move |_| {
        let update = live.update.get();
        let named = |update: Arc<model::api::LiveUpdate>| {
            update.rows.iter().any(|row| row.trace_id == trace_id)
        };
        if update.is_some_and(named) {
            graph.reload();
        }
    });
    let router = Router::get();
    let query = |key: &str| router.query_now(key).unwrap_or_default();
    let chosen = Chosen {
        node: RwSignal::new(None),
        open: RwSignal::new(false),
        lens: RwSignal::new(Lens::read(&query("by"))),
    };
    let wanted = query("state");
    let id = StoredValue::new(id);
    move || match graph.state.get() {
        Load::Waiting => view! { <Waiting what="the graph" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || graph.reload() /> }.into_any()
        }
        Load::Ready(graph) => {
            let named = |node: &GraphNode| !wanted.is_empty() && node.name == wanted;
            if let (None, Some(at)) = (
                chosen.node.get_untracked(),
                graph.nodes.iter().position(named),
            ) {
                chosen.node.set(Some(at));
                chosen.open.set(true);
            }
            view! { <Shown graph=graph chosen=chosen id=id.get_value() /> }.into_any()
        }
    }
}

#[component]
fn Shown(graph: Arc<Graph>, chosen: Chosen, id: String) -> impl IntoView {
    let router = Router::get();
    // The address follows what is chosen.
    let held = Arc::clone(&graph);
    Effect::new(move |before: Option<()>| {
        let name = chosen.node.get().filter(|_| chosen.open.get());
        let name = name
            .and_then(|at| held.nodes.get(at))
            .map_or("", |node| &node.name);
        let pairs = [
            ("tab", "graph"),
            ("state", name),
            ("by", chosen.lens.get().key()),
        ];
        if before.is_some() {
            let path = untrack(|| router.path());
            router.go(&format!("{path}{}", query_string(&pairs)), true);
        }
    });
    let notes = graph.notes.clone();
    let drawn = Arc::clone(&graph);
    let panel = move || {
        let at = chosen.node.get().filter(|_| chosen.open.get())?;
        let node = graph.nodes.get(at)?.clone();
        Some(view! { <panel::StatePanel node=node chosen=chosen id=id.clone() /> })
    };
    view! {
        <div class="with-panel graph-view" class:open=move || chosen.open.get()>
            <div class="graph-frame">
                <drawing::Drawing graph=drawn chosen=chosen />
                {(!notes.is_empty()).then(|| view! { <p class="graph-notes quiet">{notes.join(" ")}</p> })}
            </div>
            {panel}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_is_relative_to_the_hottest_state_not_to_containers() {
        let node = |container, time_ns, visits| GraphNode {
            container,
            time_ns,
            visits,
            ..GraphNode::default()
        };
        let graph = Graph {
            nodes: vec![
                node(true, 1_000, 1),
                node(false, 400, 1),
                node(false, 100, 1),
                node(false, 0, 0),
            ],
            ..Graph::default()
        };
        let check =
            |at: usize, expect| assert_eq!(heat(&graph, &graph.nodes[at], Lens::Time), expect);
        check(0, Some(1.0));
        check(1, Some(1.0));
        check(2, Some(0.25));
        check(3, None);
        assert_eq!(heat(&graph, &graph.nodes[1], Lens::Cost), None);
    }

    #[test]
    fn lenses_round_trip() {
        for (lens, _, key) in Lens::ALL {
            assert_eq!((Lens::read(key), lens.key()), (lens, key));
        }
        assert_eq!(Lens::read("colour"), Lens::Status);
    }
}
