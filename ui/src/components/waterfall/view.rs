//! The frame of the waterfall: tools, overview, rows; wheel and dragging.

use super::overview::Overview;
use super::row::WaterfallRow;
use super::{Waterfall, keys};
use crate::browser::{Preferences, on_keys};
use crate::components::{Rows, icon};
use crate::format;
use crate::geometry::window::Window;
use leptos::html::Div;
use leptos::prelude::*;

/// The waterfall.
#[component]
pub fn WaterfallView(waterfall: Waterfall) -> impl IntoView {
    let track = NodeRef::<Div>::new();
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 40.0 } else { 27.0 });
    let count = Memo::new(move |_| waterfall.visible.with(|visible| visible.len()));
    let culprit = waterfall.tree().culprit();
    let names = RwSignal::new(None::<f64>);
    on_keys(move |event| keys::press(waterfall, event));

    let wheel = move |event: web_sys::WheelEvent| {
        let sideways = event.shift_key() || event.delta_x().abs() > event.delta_y().abs();
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            let Some(element) = track.get_untracked() else {
                return;
            };
            let area = element.get_bounding_client_rect();
            let at = (f64::from(event.client_x()) - area.left()) / area.width();
            let factor = (event.delta_y() * 0.0025).clamp(-0.5, 0.5).exp();
            waterfall.zoom(at.clamp(0.0, 1.0), factor);
        } else if sideways {
            event.prevent_default();
            let by = if event.delta_x() == 0.0 {
                event.delta_y()
            } else {
                event.delta_x()
            };
            waterfall.pan(by / 1_000.0);
        }
    };
    let drag = StoredValue::new(None::<i32>);
    let pressed = move |event: web_sys::PointerEvent| {
        if event.button() == 0 && event.pointer_type() == "mouse" && over_track(&event) {
            drag.set_value(Some(event.client_x()));
        }
    };
    let moved = move |event: web_sys::PointerEvent| {
        let (Some(from), Some(element)) = (drag.get_value(), track.get_untracked()) else {
            return;
        };
        if event.buttons() & 1 == 0 {
            return drag.set_value(None);
        }
        let width = element.get_bounding_client_rect().width().max(1.0);
        waterfall.pan(f64::from(from - event.client_x()) / width);
        drag.set_value(Some(event.client_x()));
    };
    let slot = move |index: Signal<usize>| {
        view! { <WaterfallRow waterfall=waterfall index=index culprit=culprit /> }
    };
    let active = move || {
        let selected = waterfall.selected.get();
        selected.map(|row| format!("row-{row}"))
    };
    view! {
        <div
            class="waterfall"
            style=("--names", move || names.get().map(|width| format!("{width}px")))
            on:wheel=wheel
        >
            <div class="head">
                <Tools waterfall=waterfall />
                <div class="times">
                    <Overview waterfall=waterfall track=track />
                </div>
                <Divider names=names />
            </div>
            <div
                class="rows"
                on:pointerdown=pressed
                on:pointermove=moved
                on:pointerup=move |_| drag.set_value(None)
            >
                <Rows
                    count=count
                    row_height=row_height
                    wanted=waterfall.wanted
                    row=slot
                    attr:role="treegrid"
                    attr:tabindex="0"
                    attr:aria-label="Waterfall"
                    attr:aria-rowcount=move || count.get().to_string()
                    attr:aria-activedescendant=active
                />
            </div>
        </div>
    }
}

fn over_track(event: &web_sys::PointerEvent) -> bool {
    use leptos::wasm_bindgen::JsCast;
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|element| element.closest(".track").ok().flatten().is_some())
}

/// The handle between names and bars.
#[component]
fn Divider(names: RwSignal<Option<f64>>) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let moved = move |event: web_sys::PointerEvent| {
        if event.buttons() & 1 == 0 {
            return;
        }
        let head = node
            .get_untracked()
            .and_then(|element| element.parent_element());
        if let Some(head) = head {
            let area = head.get_bounding_client_rect();
            let width = f64::from(event.client_x()) - area.left();
            names.set(Some(width.clamp(120.0, (area.width() - 160.0).max(120.0))));
        }
    };
    view! {
        <div
            class="divider"
            node_ref=node
            aria-hidden="true"
            on:pointerdown=move |event| {
                if let Some(element) = node.get_untracked() {
                    let _ = element.set_pointer_capture(event.pointer_id());
                }
            }
            on:pointermove=moved
            on:dblclick=move |_| names.set(None)
        ></div>
    }
}

#[component]
fn Tools(waterfall: Waterfall) -> impl IntoView {
    let total = waterfall.total();
    let rows = waterfall.tree.with_value(|tree| tree.len());
    let culprit = waterfall.tree.with_value(|tree| tree.culprit());
    let zoomed = Memo::new(move |_| !waterfall.window.get().is_all(total));
    let matches = move || {
        if waterfall.search.with(|text| text.trim().is_empty()) {
            return String::new();
        }
        let selected = waterfall.selected.get();
        waterfall.hits.with(|hits| {
            let at = selected.and_then(|row| hits.binary_search(&(row as u32)).ok());
            match at {
                Some(at) => format!("{} of {}", at + 1, format::count(hits.len() as u64)),
                None => format::plural(hits.len() as u64, "match", "matches"),
            }
        })
    };
    view! {
        <div class="tools">
            <div class="find">
                {icon("search")}
                <input
                    type="search"
                    id="search"
                    aria-label="Search rows"
                    placeholder=format!("Search {}", format::plural(rows as u64, "row", "rows"))
                    prop:value=move || waterfall.search.get()
                    on:input=move |event| waterfall.search.set(event_target_value(&event))
                    on:keydown=move |event| {
                        if event.key() == "Enter" {
                            waterfall.next_hit(!event.shift_key());
                        }
                    }
                />
                <output role="status">{matches}</output>
            </div>
            <div class="buttons">
                <Show when=move || culprit.is_some()>
                    <button class="jump" title="Next failure (E)" on:click=move |_| waterfall.next_error(true)>
                        {icon("failed")}
                        "Failure"
                    </button>
                    <button
                        title="Only failures and what is above them"
                        aria-pressed=move || waterfall.failures.get().to_string()
                        on:click=move |_| waterfall.only_failures(!waterfall.failures.get_untracked())
                    >
                        "Only failures"
                    </button>
                </Show>
                <button title="Fold one level ([)" on:click=move |_| waterfall.level(false)>
                    "Fold"
                </button>
                <button title="Unfold one level (])" on:click=move |_| waterfall.level(true)>
                    "Unfold"
                </button>
                <Show when=move || waterfall.critical.with(|rows| !rows.is_empty())>
                    <span class="key critical-key"><i aria-hidden="true"></i> "critical path"</span>
                </Show>
                <Show when=move || zoomed.get()>
                    <button
                        title="Show the whole trace (0)"
                        on:click=move |_| waterfall.window.set(Window::all(total))
                    >
                        {icon("fit")}
                        "Whole trace"
                    </button>
                </Show>
            </div>
        </div>
    }
}
