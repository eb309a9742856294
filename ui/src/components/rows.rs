//! A list of any length with as many elements as fit on the screen.

use crate::browser::watch_size;
use crate::geometry::slice::{Slice, reveal, slice};
use leptos::html::Div;
use leptos::prelude::*;
use std::sync::Arc;

/// Makes the view of a slot for the signal of its row number.
#[derive(Clone)]
pub struct Slot(Arc<dyn Fn(Signal<usize>) -> AnyView + Send + Sync>);

impl<F, V> From<F> for Slot
where
    F: Fn(Signal<usize>) -> V + Send + Sync + 'static,
    V: IntoAny,
{
    fn from(make: F) -> Self {
        Slot(Arc::new(move |index| make(index).into_any()))
    }
}

/// A recycled pool of rows in a scrolling box. `row` makes the view of a slot once; the slot's row
/// number changes as the user scrolls.
#[component]
pub fn Rows(
    /// How many rows there are.
    #[prop(into)]
    count: Signal<usize>,
    /// Height of each, pixels.
    #[prop(into)]
    row_height: Signal<f64>,
    /// Set to a row to bring it into view.
    #[prop(optional)]
    wanted: Option<RwSignal<Option<usize>>>,
    /// Told the last row in view, so that more can be fetched.
    #[prop(optional)]
    on_last: Option<Callback<usize>>,
    /// Told the scroll position.
    #[prop(optional)]
    on_scroll: Option<Callback<f64>>,
    /// Makes a slot.
    #[prop(into)]
    row: Slot,
) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let top = RwSignal::new(0.0);
    let viewport = RwSignal::new(0.0);
    Effect::new(move |_| {
        if let Some(element) = node.get() {
            viewport.set(f64::from(element.client_height()));
            watch_size(&element, move |_, height| {
                let _ = viewport.try_set(height);
            });
        }
    });
    let shown: Memo<Slice> =
        Memo::new(move |_| slice(top.get(), viewport.get(), count.get(), row_height.get()));
    if let Some(tell) = on_last {
        Effect::new(move |_| {
            let slice = shown.get();
            tell.run(slice.first + slice.slots);
        });
    }
    if let Some(wanted) = wanted {
        Effect::new(move |_| {
            let (Some(row), Some(element)) = (wanted.get(), node.get()) else {
                return;
            };
            let (height, count) = (viewport.get(), count.get());
            if height <= 0.0 || row >= count {
                return;
            }
            wanted.set(None);
            let now = f64::from(element.scroll_top());
            let target = reveal(row, now, height, count, row_height.get_untracked());
            if target != now {
                // The content has its new height only after this run.
                request_animation_frame(move || {
                    element.set_scroll_top(target.round() as i32);
                });
            }
        });
    }
    let slots = Memo::new(move |_| shown.with(|slice| slice.slots));
    let slot = move |k: usize| {
        let index = Memo::new(move |_| shown.with(|slice| slice.first) + k);
        let exists = Memo::new(move |_| index.get() < count.get());
        let row = row.clone();
        move || exists.get().then(|| (row.0)(index.into()))
    };
    view! {
        <div
            class="scroller"
            node_ref=node
            on:scroll=move |_| {
                if let Some(element) = node.get_untracked() {
                    let at = f64::from(element.scroll_top());
                    top.set(at);
                    if let Some(tell) = on_scroll {
                        tell.run(at);
                    }
                }
            }
        >
            <div
                class="spacer"
                style:height=move || format!("{}px", shown.with(|slice| slice.height))
            >
                <div
                    class="pool"
                    style:transform=move || {
                        format!("translateY({}px)", shown.with(|slice| slice.offset))
                    }
                >
                    <For each=move || 0..slots.get() key=|k| *k children=slot />
                </div>
            </div>
        </div>
    }
}
