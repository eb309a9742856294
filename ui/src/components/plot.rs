//! Lines through time, with limits, stretches and marks.

use crate::format;
use crate::geometry::plot::{Frame, SIZE};
use leptos::html::Div;
use leptos::prelude::*;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Class that carries its colour: `line-1`, `line-2`…
    pub class: String,
    /// A value for each time; `None` where nothing is known.
    pub values: Vec<Option<f64>>,
}

/// A stretch of time or a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Class that carries its colour.
    pub class: String,
    /// Begin.
    pub from: i64,
    /// End; the same as the begin for a moment.
    pub to: i64,
    /// What it is.
    pub text: String,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawn {
    /// The times of all lines, nanoseconds, ascending.
    pub times: Vec<i64>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Horizontal limits with their names.
    pub limits: Vec<(String, f64)>,
    /// Alerts, deploys, experiments.
    pub marks: Vec<Mark>,
}

/// The chart. `value` writes a value for people.
#[component]
pub fn Plot(
    /// What to draw.
    drawn: Drawn,
    /// For screen readers.
    label: &'static str,
    /// Writes a value.
    value: fn(f64) -> String,
) -> impl IntoView {
    let from = drawn.times.first().copied().unwrap_or(0);
    let to = drawn.times.last().copied().unwrap_or(1);
    let all = drawn.lines.iter().flat_map(|line| &line.values);
    let limits = drawn.limits.iter().map(|(_, limit)| *limit);
    let frame = Frame::around(from, to, all.filter_map(|value| *value).chain(limits));
    let hover = RwSignal::new(None::<usize>);
    let node = NodeRef::<Div>::new();
    let drawn = StoredValue::new(drawn);
    let moved = move |event: web_sys::PointerEvent| {
        if let Some(element) = node.get_untracked() {
            let area = element.get_bounding_client_rect();
            let ratio = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
            hover.set(drawn.with_value(|drawn| frame.nearest(&drawn.times, ratio)));
        }
    };
    let text = move || drawn.with_value(|drawn| caption(drawn, hover.get(), value));
    let shapes = drawn.with_value(|drawn| shapes(drawn, frame));
    let cursor = move || {
        hover.get().and_then(|at| {
            let time = drawn.with_value(|drawn| drawn.times.get(at).copied())?;
            let x = frame.x(time);
            Some(view! { <line class="cursor" x1=x x2=x y1="0" y2=SIZE.1></line> })
        })
    };
    let legend = drawn.with_value(|drawn| {
        let lines = drawn.lines.iter();
        lines
            .map(|line| view! { <li><i class=line.class.clone() aria-hidden="true"></i> {line.name.clone()}</li> })
            .collect_view()
    });
    view! {
        <figure class="time-plot">
            <div class="axis" aria-hidden="true">
                <span>{value(frame.high)}</span>
                <span>{value(frame.low)}</span>
            </div>
            <div
                class="plot"
                node_ref=node
                on:pointermove=moved
                on:pointerleave=move |_| hover.set(None)
            >
                <svg role="img" aria-label=label viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) preserveAspectRatio="none">
                    {shapes}
                    {cursor}
                </svg>
            </div>
            <figcaption>{text}</figcaption>
            <ul class="legend">{legend}</ul>
        </figure>
    }
}

fn shapes(drawn: &Drawn, frame: Frame) -> impl IntoView + use<> {
    let marks: Vec<_> = drawn
        .marks
        .iter()
        .map(|mark| {
            let x = frame.x(mark.from);
            let width = (frame.x(mark.to) - x).max(2.0);
            view! {
                <rect class=format!("mark {}", mark.class) x=x y="0" width=width height=SIZE.1>
                    <title>{mark.text.clone()}</title>
                </rect>
            }
        })
        .collect();
    let limits: Vec<_> = drawn
        .limits
        .iter()
        .map(|(name, limit)| {
            let y = frame.y(*limit);
            view! { <line class="limit" x1="0" x2=SIZE.0 y1=y y2=y><title>{name.clone()}</title></line> }
        })
        .collect();
    let zero = frame.y(0.0);
    let lines: Vec<_> = drawn
        .lines
        .iter()
        .map(|line| {
            let path = frame.line(&drawn.times, &line.values);
            view! { <path class=format!("line {}", line.class) d=path></path> }
        })
        .collect();
    view! {
        {marks}
        <line class="zero" x1="0" x2=SIZE.0 y1=zero y2=zero></line>
        {limits}
        {lines}
    }
}

fn caption(drawn: &Drawn, at: Option<usize>, value: fn(f64) -> String) -> String {
    let Some((at, time)) = at.and_then(|at| Some((at, drawn.times.get(at)?))) else {
        return match (drawn.times.first(), drawn.times.last()) {
            (Some(from), Some(to)) => {
                format!("{} … {}", format::exact(*from), format::exact(*to))
            }
            _ => "Nothing has been measured yet.".to_owned(),
        };
    };
    let values = drawn.lines.iter().map(|line| {
        let text = line.values.get(at).copied().flatten();
        format!("{} {}", line.name, text.map_or("unknown".to_owned(), value))
    });
    let values: Vec<String> = values.collect();
    format!("{}: {}", format::exact(*time), values.join(" · "))
}
