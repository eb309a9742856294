//! `/traces`: OTLP traces that belong to no execution.

use crate::api::{Abort, Failure, Live, ask_json};
use crate::browser::{self, Preferences};
use crate::components::filters::FilterNames;
use crate::components::{Empty, FilterBar, Problem, Rows, Waiting, icon};
use crate::format;
use crate::router::Router;
use crate::url::Filters;
use leptos::prelude::*;
use model::api::{TracePage as Page, TraceRow};
use model::time::human_duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NAMES: FilterNames = FilterNames {
    group: "Service",
    error: "Root span name",
    text: "Search names and services",
};

#[derive(Clone, Copy)]
struct List {
    rows: RwSignal<Vec<Arc<TraceRow>>>,
    cursor: RwSignal<Option<String>>,
    busy: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    /// Arrived by themselves, but are not on the page yet.
    arrived: RwSignal<Vec<Arc<TraceRow>>>,
    turn: StoredValue<u32>,
}

impl List {
    fn reload(self, filters: &Filters) {
        self.turn.update_value(|turn| *turn += 1);
        self.arrived.set(Vec::new());
        self.fetch(filters, None);
    }

    /// Looks what has come since. Rows that changed change in place; new ones come on top, or wait until they
    /// are asked for, so that nothing moves under the pointer.
    fn look(self, filters: &Filters, show: bool) {
        let turn = self.turn.get_value();
        let query = filters.api_query(browser::now(), ("service", "name"), &[("limit", "100")]);
        let url = format!("/api/v1/traces{query}");
        ask_json(
            url,
            None,
            Abort::new(),
            move |answer: Result<Page, Failure>| {
                let (Ok(page), true) = (answer, self.turn.try_get_value() == Some(turn)) else {
                    return;
                };
                let mut fresh = Vec::new();
                self.rows.update(|rows| {
                    for row in page.rows {
                        match rows.iter_mut().find(|held| held.trace_id == row.trace_id) {
                            Some(held) => *held = Arc::new(row),
                            None => fresh.push(Arc::new(row)),
                        }
                    }
                });
                // What is older than all that is shown comes with the next page.
                let oldest = self
                    .rows
                    .with_untracked(|rows| rows.last().map(|row| format::nanos(&row.start_time)));
                fresh.retain(|row| {
                    oldest.is_none_or(|oldest| format::nanos(&row.start_time) >= oldest)
                });
                self.arrived.set(fresh);
                if show {
                    self.show_arrived();
                }
            },
        );
    }

    fn show_arrived(self) {
        let mut fresh = std::mem::take(&mut *self.arrived.write());
        if !fresh.is_empty() {
            self.rows.update(|rows| {
                fresh.append(rows);
                fresh.sort_by_key(|row| std::cmp::Reverse(format::nanos(&row.start_time)));
                *rows = fresh;
            });
        }
    }

    fn more(self, filters: &Filters) {
        if let (false, Some(cursor)) = (self.busy.get_untracked(), self.cursor.get_untracked()) {
            self.fetch(filters, Some(cursor));
        }
    }

    fn fetch(self, filters: &Filters, cursor: Option<String>) {
        self.busy.set(true);
        self.failure.set(None);
        let turn = self.turn.get_value();
        let more = [
            ("limit", "100"),
            ("cursor", cursor.as_deref().unwrap_or("")),
        ];
        let query = filters.api_query(browser::now(), ("service", "name"), &more);
        let url = format!("/api/v1/traces{query}");
        ask_json(
            url,
            None,
            Abort::new(),
            move |answer: Result<Page, Failure>| {
                if self.turn.try_get_value() != Some(turn) {
                    return;
                }
                self.busy.set(false);
                match answer {
                    Ok(page) => {
                        self.rows.update(|rows| {
                            if cursor.is_none() {
                                rows.clear();
                            }
                            rows.extend(page.rows.into_iter().map(Arc::new));
                        });
                        self.cursor.set(page.next_cursor);
                    }
                    Err(failure) => self.failure.set(Some(failure)),
                }
            },
        );
    }
}

/// The services of what is on the page: the API has no list of its own for traces.
fn services(rows: &[Arc<TraceRow>]) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for service in rows.iter().flat_map(|row| &row.services) {
        *counts.entry(service.clone()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// The page.
#[component]
pub fn Traces() -> impl IntoView {
    let router = Router::get();
    let filters = Memo::new(move |_| Filters::read(|key| router.query(key), browser::iso_time));
    let change = Callback::new(move |next: Filters| {
        router.go(&format!("/traces{}", next.to_query()), false);
    });
    let list = List {
        rows: RwSignal::new(Vec::new()),
        cursor: RwSignal::new(None),
        busy: RwSignal::new(false),
        failure: RwSignal::new(None),
        arrived: RwSignal::new(Vec::new()),
        turn: StoredValue::new(0),
    };
    Effect::new(move |_| list.reload(&filters.get()));
    let live = Live::get();
    let spans = Memo::new(move |_| {
        live.update
            .with(|update| update.as_ref().map_or(0, |update| update.spans))
    });
    let pointed = RwSignal::new(false);
    let mut look = debounce(Duration::from_millis(1_500), move |()| {
        if let Some(filters) = filters.try_get_untracked() {
            list.look(&filters, !pointed.get_untracked());
        }
    });
    Effect::new(move |before: Option<u64>| {
        let now = spans.get();
        if before.is_some_and(|before| before > 0 && before != now) {
            look(());
        }
        now
    });
    let count = Memo::new(move |_| list.rows.with(Vec::len));
    let on_last = Callback::new(move |last: usize| {
        if last + 20 >= count.get_untracked() {
            list.more(&filters.get_untracked());
        }
    });
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 52.0 } else { 38.0 });
    let wanted = RwSignal::new(None::<usize>);
    let current = RwSignal::new(None::<usize>);
    super::executions::begin_anew(filters, current, wanted);
    browser::on_keys(move |event| {
        let Some(last) = count.get_untracked().checked_sub(1) else {
            return false;
        };
        let next = match (event.key().as_str(), current.get_untracked()) {
            ("j" | "ArrowDown", None) => 0,
            ("j" | "ArrowDown", Some(at)) => (at + 1).min(last),
            ("k" | "ArrowUp", Some(at)) => at.saturating_sub(1),
            ("Enter", Some(at)) => {
                let row = list.rows.with_untracked(|rows| rows.get(at).cloned());
                if let Some(row) = row {
                    router.go(&format!("/t/{}", row.trace_id), false);
                }
                return true;
            }
            ("/", _) => return super::executions::focus_search(),
            _ => return false,
        };
        current.set(Some(next));
        wanted.set(Some(next));
        true
    });
    let slot = move |index: Signal<usize>| {
        let row = Memo::new(move |_| list.rows.with(|rows| rows.get(index.get()).cloned()));
        let active = Signal::derive(move || current.get() == Some(index.get()));
        view! { <Row row=row index=index active=active /> }
    };
    let body = move || {
        if let Some(failure) = list.failure.get() {
            let retry = move || list.reload(&filters.get_untracked());
            return view! { <Problem failure=failure retry=retry /> }.into_any();
        }
        match (count.get(), list.busy.get(), filters.with(Filters::active)) {
            (1.., ..) => ().into_any(),
            (0, true, _) => view! { <Waiting what="traces" /> }.into_any(),
            (0, false, 1..) => view! {
                <Empty title="No trace matches">
                    <p>"Try a longer time or fewer filters."</p>
                    <button on:click=move |_| change.run(Filters::default())>"Clear all filters"</button>
                </Empty>
            }
            .into_any(),
            (0, false, 0) => view! {
                <Empty title="No traces yet">
                    <p>"Point an OpenTelemetry SDK or collector here. What belongs to an execution is shown there instead."</p>
                    <pre>"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317   # gRPC\nOTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318   # HTTP"</pre>
                </Empty>
            }
            .into_any(),
        }
    };
    let none = Signal::stored(Vec::new());
    view! {
        <super::Title text="Traces · Inquest".to_owned() />
        <div class="page list-page traces-page">
            <h1 class="visually-hidden">"Traces"</h1>
            <FilterBar
                filters=filters
                change=change
                names=NAMES
                groups=Signal::derive(move || list.rows.with(|rows| services(rows)))
                statuses=none
                errors=none
            />
            <div class="list-head">
                <p class="total" role="status">
                    {move || {
                        let more = if list.cursor.with(Option::is_some) { " so far" } else { "" };
                        format!("{}{more}", format::plural(count.get() as u64, "trace", "traces"))
                    }}
                </p>
                <Show when=move || list.arrived.with(|rows| !rows.is_empty())>
                    <button class="pill" on:click=move |_| list.show_arrived()>
                        {move || {
                            let n = list.arrived.with(Vec::len) as u64;
                            format!("↑ {}", format::plural(n, "new trace", "new traces"))
                        }}
                    </button>
                </Show>
                <button
                    aria-pressed=move || filters.with(|f| f.status == "error").to_string()
                    on:click=move |_| {
                        let mut next = filters.get_untracked();
                        next.status = if next.status == "error" { String::new() } else { "error".into() };
                        change.run(next);
                    }
                >
                    {icon("failed")}
                    "Only with errors"
                </button>
            </div>
            {body}
            <div
                class="table traces"
                role="table"
                aria-label="Traces"
                class:hidden=move || count.get() == 0
                class:stale=move || list.busy.get()
                on:pointerenter=move |_| pointed.set(true)
                on:pointerleave=move |_| pointed.set(false)
            >
                <div class="row head" role="row">
                    <span role="columnheader">"Service"</span>
                    <span role="columnheader">"Root span"</span>
                    <span role="columnheader">"Services"</span>
                    <span role="columnheader" class="number">"Errors"</span>
                    <span role="columnheader" class="number">"Spans"</span>
                    <span role="columnheader" class="number">"Duration"</span>
                    <span role="columnheader" class="number">"Started"</span>
                </div>
                <Rows count=count row_height=row_height wanted=wanted on_last=on_last row=slot />
            </div>
        </div>
    }
}

#[component]
fn Row(
    row: Memo<Option<Arc<TraceRow>>>,
    index: Signal<usize>,
    active: Signal<bool>,
) -> impl IntoView {
    let get = move |pick: fn(&TraceRow) -> String| {
        move || row.with(|row| row.as_deref().map(pick).unwrap_or_default())
    };
    let preferences = Preferences::get();
    let at = move || {
        row.with(|row| {
            row.as_deref()
                .map_or(0, |row| format::nanos(&row.start_time))
        })
    };
    let errors = move || {
        let errors = row.with(|row| row.as_deref().map_or(0, |row| row.errors));
        (errors > 0).then(|| {
            view! { <span class="status failed">{icon("failed")} {format::count(errors)}</span> }
        })
    };
    view! {
        <div
            class="row"
            role="row"
            class:active=move || active.get()
            aria-rowindex=move || (index.get() + 2).to_string()
        >
            <span role="cell" class="cell-service">{get(|row| row.root_service.clone())}</span>
            <span role="cell" class="cell-name">
                <a href=get(|row| format!("/t/{}", row.trace_id))>
                    {get(|row| match row.root_name.as_str() {
                        "" => row.trace_id.clone(),
                        name => name.to_owned(),
                    })}
                </a>
            </span>
            <span role="cell" class="cell-services">{get(|row| row.services.join(", "))}</span>
            <span role="cell" class="cell-errors number">{errors}</span>
            <span role="cell" class="cell-spans number">{get(|row| format::count(row.spans))}</span>
            <span role="cell" class="cell-duration number">{get(|row| human_duration(row.duration_ns))}</span>
            <span role="cell" class="cell-start number" title=move || format::exact(at())>
                <small>{move || format::day(at(), browser::now(), preferences.offset(at()))}</small>
                " "
                {move || format::clock(at(), preferences.offset(at()))}
            </span>
        </div>
    }
}
