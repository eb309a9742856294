//! The sheet: tools, zooming, moving, keys.

use super::view::{edge_view, node_view};
use super::{Chosen, Lens, amount, place};
use crate::browser::{on_keys, watch_size};
use crate::components::icon;
use crate::geometry::sheet::{View, towards};
use leptos::html::Div;
use leptos::prelude::*;
use model::api::graph::Graph;
use std::sync::Arc;

/// The pointers that are down: id and place in the window.
type Pointers = Vec<(i32, (f64, f64))>;

/// The drawing of a graph.
#[component]
pub fn Drawing(graph: Arc<Graph>, chosen: Chosen) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let window = RwSignal::new((0.0, 0.0));
    let view = RwSignal::new(None::<View>);
    let sheet = (graph.width, graph.height);
    let root = graph.nodes.iter().find(|node| node.root_cause);
    let worst = || {
        graph
            .nodes
            .iter()
            .find(|node| matches!(node.status.as_str(), "FAILED" | "TIMED_OUT"))
    };
    let focus = root.or_else(worst).map(place);
    Effect::new(move |_| {
        if let Some(element) = node.get() {
            watch_size(&element, move |width, height| {
                let _ = window.try_set((width, height));
            });
        }
    });
    Effect::new(move |_| {
        let size = window.get();
        if size.0 > 0.0 && view.with_untracked(Option::is_none) {
            view.set(Some(View::first(sheet, size, focus)));
        }
    });
    let change = move |next: &dyn Fn(View) -> View| {
        view.update(|view| *view = view.map(next));
    };
    let zoom = move |factor: f64| {
        let (width, height) = window.get_untracked();
        change(&|view| view.zoomed((width / 2.0, height / 2.0), factor));
    };
    let fit = move || view.set(Some(View::fit(sheet, window.get_untracked())));
    let places: Arc<Vec<_>> = Arc::new(graph.nodes.iter().map(place).collect());
    let show = {
        let places = Arc::clone(&places);
        move |at: usize| {
            chosen.node.set(Some(at));
            let size = window.get_untracked();
            change(&|view| view.showing(places[at], size));
            focus_node(at);
        }
    };
    let keyed = Arc::clone(&graph);
    on_keys(move |event| {
        let key = event.key();
        match (key.as_str(), chosen.node.get_untracked()) {
            ("+" | "=", _) => zoom(1.25),
            ("-", _) => zoom(0.8),
            ("0", _) => fit(),
            ("Escape", _) => chosen.open.set(false),
            ("Enter", Some(_)) => chosen.open.set(true),
            ("e" | "E", from) => match next_failure(&keyed, from, !event.shift_key()) {
                Some(at) => show(at),
                None => return false,
            },
            ("ArrowDown" | "ArrowUp" | "ArrowLeft" | "ArrowRight", from) => {
                let states = states(&keyed);
                let at = match from.and_then(|from| states.iter().position(|at| *at == from)) {
                    Some(from) => {
                        let boxes: Vec<_> = states.iter().map(|at| places[*at]).collect();
                        towards(&boxes, from, &key).map(|at| states[at])
                    }
                    None => states.first().copied(),
                };
                at.into_iter().for_each(&show);
            }
            _ => return false,
        }
        true
    });
    let (pressed, moved, released, wheel) = pointers(node, view, sheet, window);
    let drawn = Arc::clone(&graph);
    let nodes = move || {
        let lens = chosen.lens.get();
        let nodes = drawn.nodes.iter().enumerate();
        nodes
            .map(|(at, node)| node_view(&drawn, at, node, lens, chosen))
            .collect_view()
    };
    let (edges, labels): (Vec<_>, Vec<_>) = graph.edges.iter().map(edge_view).unzip();
    let held = Arc::clone(&graph);
    view! {
        <div class="graph-tools">
            <div class="switch" role="group" aria-label="Colour by">
                {Lens::ALL
                    .map(|(lens, word, _)| {
                        let none = lens != Lens::Status
                            && held.nodes.iter().all(|node| amount(node, lens).is_none());
                        view! {
                            <button
                                aria-pressed=move || (chosen.lens.get() == lens).to_string()
                                disabled=none
                                title=none.then_some("Nothing is known of it")
                                on:click=move |_| chosen.lens.set(lens)
                            >
                                {word}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <Legend lens=chosen.lens />
            <span class="zooms">
                <button class="plain" title="Smaller (-)" aria-label="Smaller" on:click=move |_| zoom(0.8)>"−"</button>
                <button class="plain" title="Larger (+)" aria-label="Larger" on:click=move |_| zoom(1.25)>"+"</button>
                <button class="plain" title="Everything (0)" aria-label="Show everything" on:click=move |_| fit()>
                    {icon("fit")}
                </button>
            </span>
        </div>
        <div
            class="sheet"
            node_ref=node
            on:pointerdown=pressed
            on:pointermove=moved
            on:pointerup=move |event| released(&event)
            on:pointercancel=move |event| released(&event)
            on:wheel=wheel
        >
            <svg
                role="group"
                aria-label="State machine; arrow keys go from state to state, Enter tells more"
                viewBox=move || view.get().unwrap_or(View::fit(sheet, (1.0, 1.0))).view_box(window.get())
                class:hidden=move || view.with(Option::is_none)
            >
                <defs>
                    {["arrow", "arrow-taken", "arrow-catch"]
                        .map(|name| {
                            view! {
                                <marker id=name class=name viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
                                    <path d="M0 .5 7.5 4 0 7.5z"></path>
                                </marker>
                            }
                        })
                        .collect_view()}
                </defs>
                {nodes}
                <g class="edges" aria-hidden="true">{edges} {labels}</g>
            </svg>
        </div>
    }
}

/// The nodes that are states.
fn states(graph: &Graph) -> Vec<usize> {
    let named = |at: &usize| !graph.nodes[*at].name.is_empty();
    (0..graph.nodes.len()).filter(named).collect()
}

/// The next or previous state where something failed; goes round.
fn next_failure(graph: &Graph, from: Option<usize>, forward: bool) -> Option<usize> {
    let failed = |at: &usize| {
        matches!(
            graph.nodes[*at].status.as_str(),
            "FAILED" | "TIMED_OUT" | "CAUGHT"
        )
    };
    let mut all: Vec<usize> = (0..graph.nodes.len()).filter(failed).collect();
    if !forward {
        all.reverse();
    }
    let root = all.iter().copied().find(|at| graph.nodes[*at].root_cause);
    let next = from.and_then(|from| {
        let after = |at: &usize| if forward { *at > from } else { *at < from };
        all.iter().copied().find(after)
    });
    match from {
        None => root.or(all.first().copied()),
        Some(_) => next.or(all.first().copied()),
    }
}

fn focus_node(at: usize) {
    use leptos::wasm_bindgen::JsCast;
    let element = document().get_element_by_id(&format!("node-{at}"));
    if let Some(element) = element {
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
}

#[expect(
    clippy::type_complexity,
    reason = "closures have no names that an alias could take"
)]
/// Dragging with one pointer, pinching with two, the wheel.
fn pointers(
    node: NodeRef<Div>,
    view: RwSignal<Option<View>>,
    sheet: (f64, f64),
    window: RwSignal<(f64, f64)>,
) -> (
    impl Fn(web_sys::PointerEvent) + Clone,
    impl Fn(web_sys::PointerEvent) + Clone,
    impl Fn(&web_sys::PointerEvent) + Copy,
    impl Fn(web_sys::WheelEvent) + Clone,
) {
    let down = StoredValue::new(Pointers::new());
    let at = move |event: &web_sys::MouseEvent| {
        let area = node
            .get_untracked()
            .map(|element| element.get_bounding_client_rect());
        area.map_or((0.0, 0.0), |area| {
            (
                f64::from(event.client_x()) - area.left(),
                f64::from(event.client_y()) - area.top(),
            )
        })
    };
    let pressed = move |event: web_sys::PointerEvent| {
        if event.button() == 0 {
            down.update_value(|down| down.push((event.pointer_id(), at(&event))));
        }
    };
    let moved = move |event: web_sys::PointerEvent| {
        let id = event.pointer_id();
        let now = at(&event);
        let before = down.get_value();
        let Some(own) = before
            .iter()
            .find(|(held, _)| *held == id)
            .map(|(_, at)| *at)
        else {
            return;
        };
        if event.pointer_type() == "mouse" && event.buttons() & 1 == 0 {
            return down.set_value(Pointers::new());
        }
        let by = (own.0 - now.0, own.1 - now.1);
        // A click may tremble.
        if before.len() == 1 && by.0.abs() + by.1.abs() < 3.0 {
            return;
        }
        if let (1, Some(element)) = (before.len(), node.get_untracked()) {
            let _ = element.set_pointer_capture(id);
        }
        let other = before
            .iter()
            .find(|(held, _)| *held != id)
            .map(|(_, at)| *at);
        let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1).max(1.0);
        view.update(|view| {
            *view = view.map(|view| match other {
                Some(other) => view.zoomed(other, distance(now, other) / distance(own, other)),
                None => view.moved(by, sheet, window.get_untracked()),
            })
        });
        down.update_value(|down| {
            down.iter_mut()
                .filter(|(held, _)| *held == id)
                .for_each(|(_, at)| *at = now);
        });
    };
    let released = move |event: &web_sys::PointerEvent| {
        down.update_value(|down| down.retain(|(held, _)| *held != event.pointer_id()));
    };
    let wheel = move |event: web_sys::WheelEvent| {
        event.prevent_default();
        let size = window.get_untracked();
        view.update(|view| {
            *view = view.map(|view| match event.ctrl_key() || event.meta_key() {
                true => view.zoomed(
                    at(&event),
                    (-event.delta_y() * 0.0025).clamp(-0.5, 0.5).exp(),
                ),
                false if event.shift_key() => view.moved((event.delta_y(), 0.0), sheet, size),
                false => view.moved((event.delta_x(), event.delta_y()), sheet, size),
            })
        });
    };
    (pressed, moved, released, wheel)
}

#[component]
fn Legend(lens: RwSignal<Lens>) -> impl IntoView {
    let words = [
        ("ok", "Succeeded"),
        ("failed", "Failed"),
        ("timed-out", "Timed out"),
        ("caught", "Caught"),
        ("aborted", "Aborted"),
        ("running", "Running"),
        ("never", "Not entered"),
    ];
    move || match lens.get() {
        Lens::Status => words
            .map(|(class, word)| view! { <span class=format!("key {class}")><i></i> {word}</span> })
            .collect_view()
            .into_any(),
        _ => view! { <span class="key heat">"less" <i></i> "more"</span> }.into_any(),
    }
}
