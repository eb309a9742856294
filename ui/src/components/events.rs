//! The raw events of an execution, as the engine recorded them.

use super::{JsonTree, Problem, Rows, icon};
use crate::api::{Abort, Failure, ask_json};
use crate::browser::Preferences;
use crate::format;
use crate::router::Router;
use crate::url::escape;
use leptos::prelude::*;
use model::api::{EventPage, EventRow};
use model::time::human_duration;
use std::sync::Arc;

const PAGE: usize = 500;

/// What was fetched so far.
#[derive(Clone, Copy)]
struct Events {
    rows: RwSignal<Vec<Arc<EventRow>>>,
    total: RwSignal<u64>,
    busy: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
}

impl Events {
    fn more(self, id: &str) {
        let held = self.rows.with_untracked(Vec::len);
        if self.busy.get_untracked() || (held > 0 && held as u64 >= self.total.get_untracked()) {
            return;
        }
        self.busy.set(true);
        let after = self
            .rows
            .with_untracked(|rows| rows.last().map(|row| row.event_id));
        let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
        let url = format!(
            "/api/v1/executions/{}/events?limit={PAGE}{after}",
            escape(id)
        );
        ask_json(
            url,
            None,
            Abort::new(),
            move |answer: Result<EventPage, Failure>| {
                let _ = self.busy.try_set(false);
                match answer {
                    Ok(page) => {
                        // An empty page ends the list, whatever the total says.
                        let end = page.rows.is_empty();
                        let _ = self
                            .rows
                            .try_update(|rows| rows.extend(page.rows.into_iter().map(Arc::new)));
                        let held = self.rows.try_with_untracked(Vec::len).unwrap_or(0) as u64;
                        let _ = self.total.try_set(if end { held } else { page.total });
                    }
                    Err(failure) => {
                        let _ = self.failure.try_set(Some(failure));
                    }
                }
            },
        );
    }
}

/// The class of an event type, for its colour; the type is written beside it.
fn event_class(kind: &str) -> &'static str {
    if kind.contains("Failed") {
        "failed"
    } else if kind.contains("TimedOut") {
        "timed-out"
    } else if kind.contains("Aborted") {
        "aborted"
    } else if kind.ends_with("Succeeded") {
        "ok"
    } else if kind.starts_with("Execution") {
        "running"
    } else {
        "plain"
    }
}

/// The list with the details of one event beside it.
#[component]
pub fn EventList(
    /// ARN or trace id.
    id: String,
    /// Start of the execution, nanoseconds: offsets count from there.
    start: i64,
) -> impl IntoView {
    let events = Events {
        rows: RwSignal::new(Vec::new()),
        total: RwSignal::new(0),
        busy: RwSignal::new(false),
        failure: RwSignal::new(None),
    };
    events.more(&id);
    let id = StoredValue::new(id);
    let count = Memo::new(move |_| events.rows.with(Vec::len));
    let on_last = Callback::new(move |last: usize| {
        if last + 50 >= count.get_untracked() && count.get_untracked() > 0 {
            id.with_value(|id| events.more(id));
        }
    });
    let chosen = RwSignal::new(None::<usize>);
    // The event that the address names is looked for page by page.
    let wanted = RwSignal::new(None::<usize>);
    let named = Router::get()
        .query_now("event")
        .and_then(|text| text.parse::<u64>().ok());
    Effect::new(move |_| {
        let Some(named) = named.filter(|_| chosen.get_untracked().is_none()) else {
            return;
        };
        let find = |rows: &Vec<Arc<EventRow>>| rows.iter().position(|row| row.event_id == named);
        match events.rows.with(find) {
            Some(at) => {
                chosen.set(Some(at));
                wanted.set(Some(at));
            }
            None if count.get() > 0 => id.with_value(|id| events.more(id)),
            None => (),
        }
    });
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 44.0 } else { 28.0 });
    let slot = move |index: Signal<usize>| {
        let row = Memo::new(move |_| events.rows.with(|rows| rows.get(index.get()).cloned()));
        view! { <EventLine row=row index=index chosen=chosen start=start /> }
    };
    view! {
        <div class="with-panel" class:open=move || chosen.get().is_some()>
            <div class="list">
                <div class="list-head">
                    <p class="total" role="status">
                        {move || format::plural(events.total.get(), "event", "events")}
                    </p>
                </div>
                {move || {
                    let failure = events.failure.get()?;
                    let retry = move || {
                        events.failure.set(None);
                        id.with_value(|id| events.more(id));
                    };
                    Some(view! { <Problem failure=failure retry=retry /> })
                }}
                <div
                    class="table events"
                    role="table"
                    aria-label="Events"
                    aria-rowcount=move || events.total.get().to_string()
                >
                    <div class="row head" role="row">
                        <span role="columnheader" class="number">"Id"</span>
                        <span role="columnheader">"Type"</span>
                        <span role="columnheader">"State"</span>
                        <span role="columnheader" class="number">"Offset"</span>
                        <span role="columnheader" class="number">"After"</span>
                        <span role="columnheader" class="number">"Time"</span>
                    </div>
                    <Rows count=count row_height=row_height wanted=wanted on_last=on_last row=slot />
                </div>
            </div>
            {move || {
                let row = chosen.get().and_then(|at| events.rows.with(|rows| rows.get(at).cloned()))?;
                Some(view! { <EventDetail row=row chosen=chosen /> })
            }}
        </div>
    }
}

#[component]
fn EventLine(
    row: Memo<Option<Arc<EventRow>>>,
    index: Signal<usize>,
    chosen: RwSignal<Option<usize>>,
    start: i64,
) -> impl IntoView {
    let preferences = Preferences::get();
    let get = move |pick: fn(&EventRow) -> String| {
        move || row.with(|row| row.as_deref().map(pick).unwrap_or_default())
    };
    let at = move || row.with(|row| row.as_deref().map_or(0, |row| format::nanos(&row.time)));
    view! {
        <div
            class="row"
            class:active=move || chosen.get() == Some(index.get())
            role="row"
            aria-rowindex=move || (index.get() + 2).to_string()
        >
            <span role="cell" class="number id">{get(|row| row.event_id.to_string())}</span>
            <span role="cell" class="type">
                <i
                    class=move || {
                        format!("dot {}", row.with(|row| row.as_deref().map_or("", |row| event_class(&row.event_type))))
                    }
                    aria-hidden="true"
                ></i>
                <button class="link" on:click=move |_| chosen.set(Some(index.get_untracked()))>
                    {get(|row| row.event_type.clone())}
                </button>
            </span>
            <span role="cell" class="state">{get(|row| row.state.clone().unwrap_or_default())}</span>
            <span role="cell" class="number offset">
                {move || format!("+{}", human_duration(at().saturating_sub(start)))}
            </span>
            <span role="cell" class="number previous">
                {get(|row| match row.previous_event_id {
                    0 => String::new(),
                    id => format!("#{id}"),
                })}
            </span>
            <time role="cell" class="number" title=move || format::exact(at())>
                {move || format::clock(at(), preferences.offset(at()))}
            </time>
        </div>
    }
}

#[component]
fn EventDetail(row: Arc<EventRow>, chosen: RwSignal<Option<usize>>) -> impl IntoView {
    view! {
        <aside class="panel" aria-label="Event">
            <header>
                <h2>{row.event_type.clone()}</h2>
                <button class="plain" aria-label="Close" on:click=move |_| chosen.set(None)>
                    {icon("close")}
                </button>
            </header>
            <div class="panel-body" tabindex="0">
                <p class="quiet">
                    {format!("Event {} after event {}", row.event_id, row.previous_event_id)}
                    {(row.redrive_count > 0).then(|| format!(", redrive {}", row.redrive_count))} " · "
                    {format::exact(format::nanos(&row.time))}
                </p>
                <JsonTree text=row.details.clone() depth=3 />
            </div>
        </aside>
    }
}
