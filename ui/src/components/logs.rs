//! Log records: a short list in the side panel, all of them on their own tab.

use super::{Empty, JsonTree, Problem, Rows, Waiting, icon};
use crate::api::{Load, remote_json};
use crate::browser::Preferences;
use crate::format;
use crate::router::Router;
use crate::url::query_string;
use leptos::prelude::*;
use model::api::{LogPage, LogRow};
use std::sync::Arc;
use std::time::Duration;

/// The class of a severity: OTLP numbers 1–24, four each.
fn severity_class(row: &LogRow) -> &'static str {
    match row.severity_number {
        17.. => "sev-error",
        13..=16 => "sev-warn",
        9..=12 => "sev-info",
        1..=8 => "sev-debug",
        0 => "sev-none",
    }
}

fn severity_word(row: &LogRow) -> String {
    match (row.severity_text.as_str(), row.severity_number) {
        ("", 0) => "–".to_owned(),
        ("", 1..=4) => "TRACE".to_owned(),
        ("", 5..=8) => "DEBUG".to_owned(),
        ("", 9..=12) => "INFO".to_owned(),
        ("", 13..=16) => "WARN".to_owned(),
        ("", _) => "ERROR".to_owned(),
        (text, _) => text.to_owned(),
    }
}

/// The logs of one span, in full.
#[component]
pub fn SpanLogs(
    /// The trace that the page shows.
    trace_id: String,
    /// The span.
    span_id: String,
) -> impl IntoView {
    let address = format!(
        "/api/v1/traces/{trace_id}/logs{}",
        query_string(&[("span_id", &span_id), ("limit", "100")])
    );
    let page = remote_json::<LogPage>(move || Some(address.clone()));
    let preferences = Preferences::get();
    move || match page.state.get() {
        Load::Waiting => view! { <p class="quiet">"Loading…"</p> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(page) if page.rows.is_empty() => {
            view! { <p class="quiet">"No logs of this row."</p> }.into_any()
        }
        Load::Ready(page) => {
            let left = page.total.saturating_sub(page.rows.len() as u64);
            let rows = page.rows.iter().map(|row| {
                let at = format::nanos(&row.time);
                view! {
                    <li class=severity_class(row)>
                        <time title=format::exact(at)>{format::clock(at, preferences.offset(at))}</time>
                        <b>{severity_word(row)}</b>
                        <pre>{row.body.clone()}</pre>
                    </li>
                }
            });
            view! {
                <ol class="span-logs">{rows.collect_view()}</ol>
                {(left > 0).then(|| view! { <p class="quiet">{format::count(left)} " more: see the Logs tab."</p> })}
            }
            .into_any()
        }
    }
}

/// All logs of a trace, with a search.
#[component]
pub fn TraceLogs(
    /// The trace.
    #[prop(into)]
    trace_id: Signal<String>,
) -> impl IntoView {
    let search = RwSignal::new(String::new());
    let mut typed = debounce(Duration::from_millis(250), move |text| search.set(text));
    let limit = RwSignal::new(1_000u32);
    let page = remote_json::<LogPage>(move || {
        let limit = limit.get().to_string();
        let query = search.with(|q| query_string(&[("q", q), ("limit", &limit)]));
        Some(format!("/api/v1/traces/{}/logs{query}", trace_id.get()))
    });
    let rows = Memo::new(move |_| {
        page.ready()
            .map(|page| page.rows.clone())
            .unwrap_or_default()
    });
    let count = Memo::new(move |_| rows.with(Vec::len));
    let chosen = RwSignal::new(None::<usize>);
    // The record that the address names, once it is here.
    let wanted = RwSignal::new(None::<usize>);
    let named = Router::get().query_now("log");
    Effect::new(move |_| {
        let place = rows.with(|rows| {
            rows.iter()
                .position(|row| Some(&row.log_id) == named.as_ref())
        });
        if let (Some(at), None) = (place, chosen.get_untracked()) {
            chosen.set(Some(at));
            wanted.set(Some(at));
        }
    });
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 44.0 } else { 26.0 });
    let total = move || {
        page.ready()
            .map(|page| format::plural(page.total, "record", "records"))
    };
    let cut = move || {
        let page = page.ready()?;
        let shown = page.rows.len() as u64;
        (page.total > shown).then(|| {
            format!(
                "the first {} are shown: search for the rest",
                format::count(shown)
            )
        })
    };
    let slot = move |index: Signal<usize>| {
        let row = Memo::new(move |_| rows.with(|rows| rows.get(index.get()).cloned()));
        view! { <LogLine row=row index=index chosen=chosen /> }
    };
    let state = move || {
        match page.state.get() {
        Load::Waiting => view! { <Waiting what="logs" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(page) if page.rows.is_empty() => view! {
            <Empty title="No logs">
                <p>"Import the log groups of the functions, or send logs by OTLP: they join by themselves, even days later."</p>
            </Empty>
        }
        .into_any(),
        Load::Ready(_) => ().into_any(),
    }
    };
    view! {
        <div class="with-panel" class:open=move || chosen.get().is_some()>
            <div class="list">
                <div class="list-head">
                    <label class="find">
                        {icon("search")} <span class="visually-hidden">"Search logs"</span>
                        <input
                            type="search"
                            id="search"
                            placeholder="Search messages"
                            on:input=move |event| typed(event_target_value(&event))
                        />
                    </label>
                    <p class="total" role="status">{total} " " {cut}</p>
                </div>
                {state}
                <div
                    class="table logs"
                    role="table"
                    aria-label="Logs"
                    aria-rowcount=move || count.get().to_string()
                    class:hidden=move || count.get() == 0
                >
                    <Rows count=count row_height=row_height row=slot wanted=wanted />
                </div>
            </div>
            {move || {
                let row = chosen.get().and_then(|at| rows.with(|rows| rows.get(at).cloned()))?;
                Some(view! { <LogDetail row=Arc::new(row) chosen=chosen /> })
            }}
        </div>
    }
}

#[component]
fn LogLine(
    row: Memo<Option<LogRow>>,
    index: Signal<usize>,
    chosen: RwSignal<Option<usize>>,
) -> impl IntoView {
    let preferences = Preferences::get();
    let get = move |pick: fn(&LogRow) -> String| {
        move || row.with(|row| row.as_ref().map(pick).unwrap_or_default())
    };
    let clock = move || {
        let at = row.with(|row| row.as_ref().map_or(0, |row| format::nanos(&row.time)));
        format::clock(at, preferences.offset(at))
    };
    view! {
        <div
            class=move || {
                format!("row {}", row.with(|row| row.as_ref().map_or("", severity_class)))
            }
            class:active=move || chosen.get() == Some(index.get())
            role="row"
            aria-rowindex=move || (index.get() + 1).to_string()
        >
            <time role="cell">{clock}</time>
            <b role="cell">{get(severity_word)}</b>
            <span role="cell" class="service">{get(|row| row.service.clone())}</span>
            <span role="cell" class="body">
                <button
                    class="link"
                    on:click=move |_| chosen.set(Some(index.get_untracked()))
                >
                    {get(|row| row.body.lines().next().unwrap_or_default().to_owned())}
                </button>
            </span>
        </div>
    }
}

#[component]
fn LogDetail(row: Arc<LogRow>, chosen: RwSignal<Option<usize>>) -> impl IntoView {
    let attributes = row.attributes.to_string();
    let some = row
        .attributes
        .as_object()
        .is_some_and(|map| !map.is_empty());
    view! {
        <aside class="panel" aria-label="Log record">
            <header>
                <h2>{severity_word(&row)} " from " {row.service.clone()}</h2>
                <button class="plain" aria-label="Close" on:click=move |_| chosen.set(None)>
                    {icon("close")}
                </button>
            </header>
            <div class="panel-body" tabindex="0">
                <p class="quiet">{format::exact(format::nanos(&row.time))} " · " {row.source.clone()}</p>
                <JsonTree text=row.body.clone() />
                {some.then(|| view! { <h3>"Attributes"</h3> <JsonTree text=attributes /> })}
            </div>
        </aside>
    }
}
