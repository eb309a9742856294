//! The proof: exhibits in causal order, on the line of time and as raw facts.

use crate::api::{Abort, Failure, ask_json};
use crate::browser::{Preferences, on_keys};
use crate::components::changes::Changes;
use crate::components::{JsonTree, icon};
use crate::format;
use crate::geometry::case::{Reference, marks};
use crate::url::query_string;
use leptos::prelude::*;
use model::api::{ExecutionDetail, Grid};
use model::time::human_duration;
use model::{Exhibit, Verdict};
use std::sync::Arc;

/// The exhibits of a verdict.
#[component]
pub fn Exhibits(verdict: Arc<Verdict>, detail: Arc<ExecutionDetail>) -> impl IntoView {
    let execution = &detail.execution;
    let start = execution.start_time.0;
    let times: Vec<i64> = verdict
        .exhibits
        .iter()
        .map(|exhibit| format::parse_time(&exhibit.at).unwrap_or(start))
        .collect();
    let last = times.iter().copied().max().unwrap_or(start);
    let end = execution.end_time.map_or(last, |end| end.0).max(start + 1);
    let narrow = Preferences::get().narrow.get_untracked();
    let places = marks(&times, start, end, if narrow { 8.0 } else { 2.6 });
    let dots: Vec<_> = places
        .iter()
        .enumerate()
        .map(|(at, place)| {
            let outside = times[at] < start || times[at] > end;
            view! { <i class:outside=outside style:left=format!("{place:.2}%")>{at + 1}</i> }
        })
        .collect();
    let trace_id = execution.trace_id.to_string();
    let rows: Vec<_> = verdict
        .exhibits
        .iter()
        .zip(times)
        .map(|(exhibit, time)| view! { <Line exhibit=exhibit.clone() offset=time - start time=time trace_id=trace_id.clone() /> })
        .collect();
    on_keys(|event| match event.key().as_str() {
        "j" => step(1),
        "k" => step(-1),
        "e" | "E" => press(".exhibit-links a[href^='/x/']"),
        "Enter" => current().is_some() && press(".exhibit-links button"),
        _ => false,
    });
    view! {
        <div class="exhibit-changes">
            <Changes line=Signal::derive(move || Some((start, end))) />
        </div>
        <div class="exhibit-line" aria-hidden="true">
            <span></span>
            {dots}
        </div>
        <div class="exhibit-ends" aria-hidden="true">
            <small>"start"</small>
            <small>{human_duration(end - start)}</small>
        </div>
        <ol class="exhibits">{rows}</ol>
    }
}

/// The exhibits on the page.
fn all() -> Vec<web_sys::HtmlElement> {
    use leptos::wasm_bindgen::JsCast;
    let Ok(list) = document().query_selector_all(".exhibits > li") else {
        return Vec::new();
    };
    let nodes = (0..list.length()).filter_map(|at| list.item(at));
    nodes.filter_map(|node| node.dyn_into().ok()).collect()
}

/// Moves the focus to an exhibit, by its number from 1.
pub(super) fn go_to(number: usize) {
    if let Some(node) = all().get(number.saturating_sub(1)) {
        // It stays where it is if it cannot have the focus.
        let _ = node.focus();
    }
}

/// The exhibit that has the focus itself.
fn current() -> Option<usize> {
    let now = document().active_element()?;
    all().iter().position(|node| node.is_same_node(Some(&now)))
}

/// Moves the focus from exhibit to exhibit, from wherever in one it is.
fn step(by: isize) -> bool {
    let all = all();
    let now = document().active_element();
    let within =
        |node: &web_sys::HtmlElement| now.as_ref().is_some_and(|now| node.contains(Some(now)));
    let next = match all.iter().position(within) {
        Some(at) => at
            .saturating_add_signed(by)
            .min(all.len().saturating_sub(1)),
        None => 0,
    };
    match all.get(next) {
        Some(node) => node.focus().is_ok(),
        None => false,
    }
}

/// Presses what is at this place of the current exhibit, of the first if none is current.
fn press(selector: &str) -> bool {
    use leptos::wasm_bindgen::JsCast;
    let all = all();
    let Some(node) = all.get(current().unwrap_or(0)) else {
        return false;
    };
    let found = node.query_selector(selector).ok().flatten();
    match found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
        Some(found) => {
            found.click();
            true
        }
        None => false,
    }
}

/// Time from the start of the execution; what was before it says so.
fn offset_words(offset: i64) -> String {
    match offset {
        0.. => format!("+{}", human_duration(offset)),
        _ => format!("{} before", human_duration(offset.saturating_neg())),
    }
}

#[component]
fn Line(exhibit: Exhibit, offset: i64, time: i64, trace_id: String) -> impl IntoView {
    let reference = Reference::read(&exhibit.reference);
    let page = reference.page(&trace_id);
    let sql = reference.sql();
    let raw = RwSignal::new(None::<Result<Arc<Grid>, Failure>>);
    let open = RwSignal::new(false);
    let asked = StoredValue::new(false);
    let query = sql.clone();
    let toggle = move |_| {
        open.update(|open| *open = !*open);
        let Some(query) = query.clone().filter(|_| !asked.get_value()) else {
            return;
        };
        asked.set_value(true);
        let body = serde_json::json!({ "query": query, "format": "grid", "limit": 5 }).to_string();
        ask_json(
            "/api/sql".to_owned(),
            Some(body),
            Abort::new(),
            move |answer: Result<Grid, Failure>| {
                let _ = raw.try_set(Some(answer.map(Arc::new)));
            },
        );
    };
    let shown = move || {
        open.get().then(|| match raw.get() {
            None => view! { <p class="quiet">"Looking it up…"</p> }.into_any(),
            Some(Err(failure)) => {
                view! { <p class="error-line">{failure.problem.error}</p> }.into_any()
            }
            Some(Ok(grid)) => raw_view(&grid).into_any(),
        })
    };
    let console = sql
        .clone()
        .map(|sql| format!("/sql{}", query_string(&[("q", &sql)])));
    view! {
        <li tabindex="-1">
            <div class="exhibit-head">
                <small class="source">{exhibit.source.clone()}</small>
                <time title=format::exact(time)>{offset_words(offset)}</time>
            </div>
            <p>{exhibit.text.clone()}</p>
            <p class="exhibit-links">
                {page.map(|href| view! { <a href=href>{icon("link")} " Show"</a> })}
                {sql.is_some().then(|| view! {
                    <button class="link" aria-expanded=move || open.get().to_string() on:click=toggle>
                        {move || if open.get() { "Hide the raw record" } else { "Raw record" }}
                    </button>
                })}
                {console.map(|href| view! { <a href=href>"SQL"</a> })}
            </p>
            {shown}
        </li>
    }
}

/// The rows of a fact as they are held, without what is empty.
fn raw_view(grid: &Grid) -> impl IntoView + use<> {
    let rows: Vec<_> = grid
        .rows
        .iter()
        .map(|row| {
            let cells = grid.columns.iter().zip(row);
            let held = cells.filter(|(_, cell)| !cell.is_null() && cell.as_str() != Some(""));
            let map: serde_json::Map<String, serde_json::Value> = held
                .map(|(column, cell)| (column.name.clone(), cell.clone()))
                .collect();
            view! { <JsonTree text=serde_json::Value::Object(map).to_string() depth=1 /> }
        })
        .collect();
    match rows.is_empty() {
        true => view! { <p class="quiet">"It is not held any more."</p> }.into_any(),
        false => rows.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_start_says_so() {
        let check = |offset, expect: &str| assert_eq!(offset_words(offset), expect);
        check(1_500_000_000, "+1.5 s");
        check(0, "+0 ns");
        check(-3_000_000, "3 ms before");
        check(i64::MIN, "106751 d 23 h before");
    }
}
