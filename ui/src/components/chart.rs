//! A bar or line chart of two columns of a result.

use crate::geometry::grid::{Series, round_up};
use leptos::prelude::*;
use std::sync::Arc;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 220.0;

/// The chart.
#[component]
pub fn Chart(
    /// What to draw.
    #[prop(into)]
    series: Signal<Arc<Series>>,
    /// A line instead of bars.
    #[prop(into)]
    line: Signal<bool>,
) -> impl IntoView {
    let hover = RwSignal::new(None::<usize>);
    let node = NodeRef::<leptos::html::Div>::new();
    let moved = move |event: web_sys::PointerEvent| {
        let count = series.with(|series| series.values.len());
        if let (Some(element), true) = (node.get_untracked(), count > 0) {
            let area = element.get_bounding_client_rect();
            let ratio = (f64::from(event.client_x()) - area.left()) / area.width();
            hover.set(Some(((ratio * count as f64) as usize).min(count - 1)));
        }
    };
    let text = move || {
        series.with(|series| {
            let at = hover.get()?;
            let value = series.values.get(at)?;
            Some(format!("{}: {}", series.labels.get(at)?, number(*value)))
        })
    };
    view! {
        <figure class="chart">
            <div class="axis" aria-hidden="true">
                <span>{move || series.with(|s| number(top(s)))}</span>
                <span>{move || series.with(|s| if low(s) < 0.0 { number(low(s)) } else { "0".into() })}</span>
            </div>
            <div
                class="plot"
                node_ref=node
                on:pointermove=moved
                on:pointerleave=move |_| hover.set(None)
            >
                {move || series.with(|series| marks(series, line.get(), hover.get()))}
            </div>
            <figcaption>
                {move || {
                    text()
                        .unwrap_or_else(|| {
                            series
                                .with(|s| match (s.labels.first(), s.labels.last()) {
                                    (Some(a), Some(b)) => format!("{a} … {b}"),
                                    _ => "Nothing to draw: choose a column of numbers.".to_owned(),
                                })
                        })
                }}
            </figcaption>
        </figure>
    }
}

fn top(series: &Series) -> f64 {
    round_up(series.values.iter().copied().fold(0.0, f64::max))
}

fn low(series: &Series) -> f64 {
    match series.values.iter().copied().fold(0.0, f64::min) {
        low if low < 0.0 => -round_up(-low),
        _ => 0.0,
    }
}

/// Up to three decimals, without trailing zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn marks(series: &Series, line: bool, hover: Option<usize>) -> impl IntoView + use<> {
    let count = series.values.len().max(1) as f64;
    let (top, low) = (top(series), low(series));
    let y = |value: f64| (top - value) / (top - low) * HEIGHT;
    let x = |at: usize| at as f64 / count * WIDTH;
    let shape = if line {
        let points = series.values.iter().enumerate();
        let points: Vec<String> = points
            .map(|(at, value)| format!("{:.2},{:.2}", x(at) + WIDTH / count / 2.0, y(*value)))
            .collect();
        view! { <polyline points=points.join(" ")></polyline> }.into_any()
    } else {
        let bars = series.values.iter().enumerate().map(|(at, value)| {
            let (from, to) = (y(value.max(0.0)), y(value.min(0.0)));
            view! {
                <rect
                    x=format!("{:.2}", x(at) + WIDTH / count * 0.08)
                    width=format!("{:.2}", WIDTH / count * 0.84)
                    y=format!("{from:.2}")
                    height=format!("{:.2}", (to - from).max(0.5))
                    class:hover=hover == Some(at)
                ></rect>
            }
        });
        bars.collect_view().into_any()
    };
    let cursor = hover.filter(|_| line).map(|at| {
        let x = format!("{:.2}", x(at) + WIDTH / count / 2.0);
        view! { <line x1=x.clone() x2=x y1="0" y2=HEIGHT.to_string()></line> }
    });
    view! {
        <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" aria-hidden="true">
            {shape}
            {cursor}
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_all_values() {
        let series = |values: &[f64]| Series {
            labels: vec![String::new(); values.len()],
            values: values.to_vec(),
        };
        let check = |values: &[f64], expect| {
            let series = series(values);
            assert_eq!((low(&series), top(&series)), expect);
        };
        check(&[1.0, 7.0], (0.0, 8.0));
        check(&[-12.0, 3.0], (-15.0, 3.0));
        check(&[], (0.0, 1.0));
        assert_eq!(number(1.5), "1.5");
        assert_eq!(number(100.0), "100");
    }
}
