//! Lines through time, with limits, stretches and marks, and the changes above them.

use crate::browser::Preferences;
use crate::components::changes::Changes;
use crate::components::moment;
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
    /// Whether it is shown at first; the legend switches it.
    pub shown: bool,
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
    let measured = drawn.times.len() > 1;
    let all = drawn.lines.iter().flat_map(|line| &line.values);
    let limits = drawn.limits.iter().map(|(_, limit)| *limit);
    let frame = Frame::around(from, to, all.filter_map(|value| *value).chain(limits));
    let preferences = Preferences::get();
    let shown: RwSignal<Vec<bool>> =
        RwSignal::new(drawn.lines.iter().map(|line| line.shown).collect());
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
    let text = move || {
        drawn.with_value(|drawn| caption(drawn, &shown.get(), hover.get(), value, preferences))
    };
    let below = drawn.with_value(|drawn| shapes(drawn, frame));
    let lines = move || drawn.with_value(|drawn| lines(drawn, &shown.get(), frame));
    let names = drawn.with_value(|drawn| limit_names(drawn, frame, value));
    let cursor = move || {
        hover.get().and_then(|at| {
            let time = drawn.with_value(|drawn| drawn.times.get(at).copied())?;
            let x = frame.x(time);
            Some(view! { <line class="cursor" x1=x x2=x y1="0" y2=SIZE.1></line> })
        })
    };
    let legend = drawn.with_value(|drawn| {
        let several = drawn.lines.len() > 1;
        let lines = drawn.lines.iter().enumerate();
        lines
            .map(|(at, line)| entry(at, line, several, shown))
            .collect_view()
    });
    view! {
        <figure class="time-plot">
            <div class="above">
                <Changes line=Signal::derive(move || measured.then_some((from, to))) />
            </div>
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
                    {below}
                    {lines}
                    {cursor}
                </svg>
                {names}
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
    view! {
        {marks}
        <line class="zero" x1="0" x2=SIZE.0 y1=zero y2=zero></line>
        {limits}
    }
}

fn lines(drawn: &Drawn, shown: &[bool], frame: Frame) -> impl IntoView + use<> {
    let lines = drawn.lines.iter().zip(shown).filter(|(_, shown)| **shown);
    lines
        .map(|(line, _)| {
            let path = frame.line(&drawn.times, &line.values);
            view! { <path class=format!("line {}", line.class) d=path></path> }
        })
        .collect_view()
}

/// What limits say, beside their lines and not stretched like them.
fn limit_names(drawn: &Drawn, frame: Frame, value: fn(f64) -> String) -> impl IntoView + use<> {
    let mut limits: Vec<_> = drawn.limits.iter().collect();
    limits.sort_by(|a, b| b.1.total_cmp(&a.1));
    // Names that would lie on each other are left to the lines' titles.
    let mut free = f64::MIN;
    limits.retain(|(_, limit)| {
        let y = frame.y(*limit);
        let fits = y >= free;
        if fits {
            free = y + SIZE.1 * 0.09;
        }
        fits
    });
    limits
        .into_iter()
        .map(|(name, limit)| {
            let top = format!("{:.2}%", frame.y(*limit) / SIZE.1 * 100.0);
            view! { <span class="limit-name" style:top=top title=name.clone()>{value(*limit)}</span> }
        })
        .collect_view()
}

/// A line's name; where there are several, it switches the line.
fn entry(
    at: usize,
    line: &Line,
    several: bool,
    shown: RwSignal<Vec<bool>>,
) -> impl IntoView + use<> {
    let name = line.name.clone();
    let mark = view! { <i class=line.class.clone() aria-hidden="true"></i> };
    if !several {
        return view! { <li>{mark} " " {name}</li> }.into_any();
    }
    let on = move || shown.with(|shown| shown.get(at).copied().unwrap_or(false));
    let switch = move |_| {
        shown.update(|shown| {
            if let Some(line) = shown.get_mut(at) {
                *line = !*line;
            }
        });
    };
    view! {
        <li>
            <button class="plain" aria-pressed=move || on().to_string() on:click=switch>{mark} " " {name}</button>
        </li>
    }
    .into_any()
}

fn caption(
    drawn: &Drawn,
    shown: &[bool],
    at: Option<usize>,
    value: fn(f64) -> String,
    preferences: Preferences,
) -> String {
    let moment = |at: i64| moment(at, preferences);
    let Some((at, time)) = at.and_then(|at| Some((at, drawn.times.get(at)?))) else {
        return match (drawn.times.first(), drawn.times.last()) {
            (Some(from), Some(to)) => {
                format!("{} … {}", moment(*from), moment(*to))
            }
            _ => "Nothing has been measured yet.".to_owned(),
        };
    };
    let lines = drawn.lines.iter().zip(shown).filter(|(_, shown)| **shown);
    let values = lines.map(|(line, _)| {
        let text = line.values.get(at).copied().flatten();
        format!("{} {}", line.name, text.map_or("unknown".to_owned(), value))
    });
    let values: Vec<String> = values.collect();
    format!("{}: {}", moment(*time), values.join(" · "))
}
