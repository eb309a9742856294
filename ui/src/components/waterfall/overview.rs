//! The whole trace in miniature above the rows, and the ruler. Dragging selects a range.

use super::Waterfall;
use crate::browser::{Preferences, computed, watch_size};
use crate::components::changes::Changes;
use crate::geometry::tree::{self, CELL_COLD, CELL_ERROR, CELL_PLAIN, CELL_WAIT};
use crate::geometry::window::{Window, ticks};
use leptos::html::{Canvas, Div};
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;

const LANES: usize = 40;

/// Miniature and ruler.
#[component]
pub fn Overview(waterfall: Waterfall, track: NodeRef<Div>) -> impl IntoView {
    let canvas = NodeRef::<Canvas>::new();
    let size = RwSignal::new((0.0, 0.0));
    let preferences = Preferences::get();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            watch_size(&canvas, move |width, height| {
                let _ = size.try_set((width, height));
            });
        }
    });
    Effect::new(move |_| {
        preferences.colours.track();
        let (width, _) = size.get();
        if let (Some(canvas), true) = (canvas.get(), width > 0.0) {
            draw(&canvas, waterfall, width);
        }
    });
    let drag = RwSignal::new(None::<(f64, f64)>);
    let ratio = move |event: &web_sys::PointerEvent| {
        let element = track.get_untracked()?;
        let area = element.get_bounding_client_rect();
        Some(((f64::from(event.client_x()) - area.left()) / area.width()).clamp(0.0, 1.0))
    };
    let pressed = move |event: web_sys::PointerEvent| {
        if let (0, Some(at), Some(element)) = (event.button(), ratio(&event), track.get_untracked())
        {
            drag.set(Some((at, at)));
            let _ = element.set_pointer_capture(event.pointer_id());
        }
    };
    let moved = move |event: web_sys::PointerEvent| {
        if let Some(at) = ratio(&event) {
            drag.update(|drag| {
                if let Some((_, end)) = drag {
                    *end = at;
                }
            });
        }
    };
    let released = move |_| {
        let Some((a, b)) = drag.get_untracked() else {
            return;
        };
        drag.set(None);
        let total = waterfall.total();
        let window = waterfall.window.get_untracked();
        waterfall.window.set(match (b - a).abs() < 0.005 {
            // A click moves the view there; when everything is in view, it does nothing.
            true => {
                let half = window.length() / 2.0;
                Window::between(a * total - half, a * total + half, total)
            }
            false => Window::between(a * total, b * total, total),
        });
    };
    let frame = move || {
        let total = waterfall.total();
        let window = waterfall.window.get();
        let (from, to) = match drag.get() {
            Some((a, b)) => (a.min(b), a.max(b)),
            None => (window.from / total, window.to / total),
        };
        (from * 100.0, (1.0 - to) * 100.0)
    };
    let origin = waterfall.tree.with_value(|tree| tree.origin());
    let at = move |micros: f64| origin.saturating_add((micros * 1_000.0) as i64);
    let line = Signal::derive(move || {
        let window = waterfall.window.get();
        Some((at(window.from), at(window.to)))
    });
    let whole = (at(0.0), at(waterfall.total()));
    view! {
        <Changes line=line whole=whole />
        <div
            class="overview"
            node_ref=track
            on:pointerdown=pressed
            on:pointermove=moved
            on:pointerup=released
            on:pointercancel=move |_| drag.set(None)
        >
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            <div class="shade left" style:width=move || format!("{}%", frame().0)></div>
            <div class="shade right" style:width=move || format!("{}%", frame().1)></div>
        </div>
        <div class="ruler" aria-hidden="true">
            {move || {
                let (width, _) = size.get();
                ticks(waterfall.window.get(), (width / 110.0) as usize)
                    .into_iter()
                    .map(|tick| {
                        view! {
                            <span style:left=format!("{:.3}%", tick.ratio * 100.0)>{tick.label}</span>
                        }
                    })
                    .collect_view()
            }}
        </div>
    }
}

fn draw(canvas: &web_sys::HtmlCanvasElement, waterfall: Waterfall, width: f64) {
    let scale = window().device_pixel_ratio().clamp(1.0, 2.0);
    let columns = (width * scale) as usize;
    let lane = scale;
    canvas.set_width(columns as u32);
    canvas.set_height((LANES as f64 * lane) as u32);
    let context = canvas.get_context("2d").ok().flatten();
    let Some(context) =
        context.and_then(|c| c.dyn_into::<web_sys::CanvasRenderingContext2d>().ok())
    else {
        return;
    };
    let cells = waterfall
        .tree
        .with_value(|tree| tree::overview(tree, columns, LANES));
    // The style sheet names the colours through properties that a canvas does not use itself.
    for (cell, property) in [
        (CELL_PLAIN, "border-top-color"),
        (CELL_WAIT, "border-right-color"),
        (CELL_COLD, "border-bottom-color"),
        (CELL_ERROR, "border-left-color"),
    ] {
        context.set_fill_style_str(&computed(canvas, property));
        for (line, row) in cells.chunks(columns.max(1)).enumerate() {
            for (from, to) in runs(row, cell) {
                context.fill_rect(from as f64, line as f64 * lane, (to - from) as f64, lane);
            }
        }
    }
}

/// The stretches of a value in a line, as half-open ranges.
fn runs(row: &[u8], cell: u8) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut at = 0;
    for part in row.chunk_by(|a, b| a == b) {
        if part[0] == cell {
            out.push((at, at + part.len()));
        }
        at += part.len();
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_are_the_stretches_of_a_value() {
        let check = |row: &[u8], expect: &[(usize, usize)]| assert_eq!(super::runs(row, 1), expect);
        check(&[0, 1, 1, 0, 1], &[(1, 3), (4, 5)]);
        check(&[], &[]);
        check(&[1, 1], &[(0, 2)]);
    }
}
