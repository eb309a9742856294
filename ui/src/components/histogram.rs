//! Executions over time, coloured by status; dragging over it selects a range.

use super::changes::Changes;
use super::status::{status_class, status_word};
use crate::browser::{Preferences, now};
use crate::format;
use crate::geometry::histogram::{Part, peak, range, stack};
use leptos::html::Div;
use leptos::prelude::*;
use model::api::Histogram;
use std::sync::Arc;

const HEIGHT: f64 = 56.0;

/// The histogram. `on_range` gets nanoseconds.
#[component]
pub fn TimeHistogram(
    /// The counts, once they are here.
    #[prop(into)]
    histogram: Signal<Option<Arc<Histogram>>>,
    /// Told a selected range.
    on_range: Callback<(i64, i64)>,
) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let drag = RwSignal::new(None::<(f64, f64)>);
    let hover = RwSignal::new(None::<usize>);
    let ratio = move |event: &web_sys::PointerEvent| {
        let element = node.get_untracked()?;
        let area = element.get_bounding_client_rect();
        Some(((f64::from(event.client_x()) - area.left()) / area.width()).clamp(0.0, 1.0))
    };
    let pressed = move |event: web_sys::PointerEvent| {
        if let (0, Some(at)) = (event.button(), ratio(&event)) {
            drag.set(Some((at, at)));
            if let Some(element) = node.get_untracked() {
                let _ = element.set_pointer_capture(event.pointer_id());
            }
        }
    };
    let moved = move |event: web_sys::PointerEvent| {
        let Some(at) = ratio(&event) else { return };
        drag.update(|drag| {
            if let Some((_, end)) = drag {
                *end = at;
            }
        });
        let buckets = histogram.with(|h| h.as_ref().map_or(0, |h| h.counts.len()));
        hover.set((buckets > 0).then(|| ((at * buckets as f64) as usize).min(buckets - 1)));
    };
    let released = move |_: web_sys::PointerEvent| {
        let Some((a, b)) = drag.get_untracked() else {
            return;
        };
        drag.set(None);
        if let Some(histogram) = histogram.get_untracked() {
            on_range.run(range(&histogram, a, b));
        }
    };
    let preferences = Preferences::get();
    let line = Signal::derive(move || {
        let histogram = histogram.get().filter(|it| !it.counts.is_empty())?;
        Some((format::nanos(&histogram.from), format::nanos(&histogram.to)))
    });
    view! {
        <figure class="histogram" aria-label="Executions over time; drag to select a range">
            <Changes line=line />
            <div
                class="bars"
                node_ref=node
                on:pointerdown=pressed
                on:pointermove=moved
                on:pointerup=released
                on:pointercancel=move |_| drag.set(None)
                on:pointerleave=move |_| hover.set(None)
            >
                {move || histogram.get().map(|h| columns(&h))}
                {move || {
                    drag.get()
                        .map(|(a, b)| {
                            let (low, high) = if a <= b { (a, b) } else { (b, a) };
                            view! {
                                <div
                                    class="selection"
                                    style:left=format!("{}%", low * 100.0)
                                    style:width=format!("{}%", (high - low) * 100.0)
                                ></div>
                            }
                        })
                }}
            </div>
            <figcaption>
                {move || {
                    let counted = histogram.get().filter(|h| !h.counts.is_empty());
                    counted.map(|h| axis(&h, preferences, hover.get()))
                }}
            </figcaption>
        </figure>
    }
}

fn columns(histogram: &Histogram) -> impl IntoView + use<> {
    let peak = peak(histogram);
    let count = histogram.counts.len().max(1) as f64;
    let statuses: Vec<&'static str> = histogram.statuses.iter().map(|s| status_class(s)).collect();
    let part = |at: usize, part: Part| {
        let class = statuses.get(part.status).copied().unwrap_or("unknown");
        view! {
            <rect
                class=class
                x=format!("{}", at as f64 / count * 1000.0 + 60.0 / count)
                width=format!("{}", 880.0 / count)
                y=format!("{}", part.y)
                height=format!("{}", part.height)
            ></rect>
        }
    };
    let bars: Vec<_> = histogram
        .counts
        .iter()
        .enumerate()
        .flat_map(|(at, counts)| {
            let parts = stack(counts, peak, HEIGHT);
            parts.into_iter().map(move |p| (at, p))
        })
        .map(|(at, p)| part(at, p))
        .collect();
    view! {
        <svg viewBox=format!("0 0 1000 {HEIGHT}") preserveAspectRatio="none" aria-hidden="true">
            {bars}
        </svg>
    }
}

/// Both ends of the axis and, between them, what is under the pointer.
fn axis(
    histogram: &Histogram,
    preferences: Preferences,
    hover: Option<usize>,
) -> impl IntoView + use<> {
    let from = format::nanos(&histogram.from);
    let to = format::nanos(&histogram.to);
    let point = |at: i64| {
        let offset = preferences.offset(at);
        format!(
            "{} {}",
            format::day(at, now(), offset),
            format::hour_minute(at, offset)
        )
    };
    let middle = match hover.and_then(|at| Some((at, histogram.counts.get(at)?))) {
        Some((at, counts)) => {
            let start = from.saturating_add((at as i64).saturating_mul(histogram.bucket_ns));
            let parts = histogram
                .statuses
                .iter()
                .zip(counts)
                .filter(|(_, n)| **n > 0);
            let parts: Vec<String> = parts
                .map(|(status, n)| {
                    format!(
                        "{} {}",
                        format::count(*n),
                        status_word(status).to_lowercase()
                    )
                })
                .collect();
            let parts = if parts.is_empty() {
                "none".to_owned()
            } else {
                parts.join(", ")
            };
            format!("{}: {parts}", point(start))
        }
        None => String::new(),
    };
    view! {
        <span>{point(from)}</span>
        <span class="middle">{middle}</span>
        <span>{point(to)}</span>
    }
}
