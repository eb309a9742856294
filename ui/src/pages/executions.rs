//! `/`: executions, newest first, endless.

use super::execution_cells::{accused, culprit, error_text, signals};
use crate::api::{Abort, Failure, Live, Remote, ask_json, remote_json};
use crate::browser::{self, Preferences};
use crate::components::filters::FilterNames;
use crate::components::{Empty, FilterBar, Problem, Rows, Status, TimeHistogram, Waiting, icon};
use crate::format;
use crate::geometry::histogram::dense;
use crate::router::Router;
use crate::url::Filters;
use leptos::prelude::*;
use model::api::{ExecutionPage, ExecutionRow, Facets, Histogram, LiveUpdate};
use model::time::human_duration;
use std::sync::Arc;
use std::time::Duration;

const NAMES: FilterNames = FilterNames {
    group: "State machine",
    error: "Error",
    text: "Search names, errors, input, output",
};
const API: (&str, &str) = ("state_machine", "error");
const PAGE: &str = "100";
/// How often the histogram closes in on where most executions are.
const MOST_ZOOMS: u32 = 5;

/// What was fetched so far.
#[derive(Clone, Copy)]
struct List {
    rows: RwSignal<Vec<Arc<ExecutionRow>>>,
    cursor: RwSignal<Option<String>>,
    total: RwSignal<u64>,
    /// Why there may be nothing.
    hint: RwSignal<Option<String>>,
    state: RwSignal<State>,
    /// Arrived by themselves, but are not on the page yet.
    arrived: RwSignal<Vec<Arc<ExecutionRow>>>,
    /// Requests of an older filter are not for this page any more.
    turn: StoredValue<u32>,
}

#[derive(Clone, PartialEq)]
enum State {
    Loading,
    Ready,
    Failed(Failure),
}

impl List {
    fn new() -> Self {
        List {
            rows: RwSignal::new(Vec::new()),
            cursor: RwSignal::new(None),
            total: RwSignal::new(0),
            hint: RwSignal::new(None),
            state: RwSignal::new(State::Loading),
            arrived: RwSignal::new(Vec::new()),
            turn: StoredValue::new(0),
        }
    }

    /// From the first page on. What is on the screen stays until the answer is here.
    fn reload(self, filters: &Filters) {
        self.turn.update_value(|turn| *turn += 1);
        self.state.set(State::Loading);
        self.arrived.set(Vec::new());
        self.fetch(filters, None);
    }

    fn more(self, filters: &Filters) {
        let ready = self.state.with_untracked(|state| *state == State::Ready);
        if let (true, Some(cursor)) = (ready, self.cursor.get_untracked()) {
            self.state.set(State::Loading);
            self.fetch(filters, Some(cursor));
        }
    }

    fn fetch(self, filters: &Filters, cursor: Option<String>) {
        let turn = self.turn.get_value();
        let more = [("limit", PAGE), ("cursor", cursor.as_deref().unwrap_or(""))];
        let query = filters.api_query(browser::now(), API, &more);
        let url = format!("/api/v1/executions{query}");
        ask_json(url, None, Abort::new(), move |answer| {
            if self.turn.try_get_value() == Some(turn) {
                self.take(answer, cursor.is_none());
            }
        });
    }

    fn take(self, answer: Result<ExecutionPage, Failure>, first: bool) {
        let page = match answer {
            Ok(page) => page,
            Err(failure) => return self.state.set(State::Failed(failure)),
        };
        self.rows.update(|rows| {
            if first {
                rows.clear();
            }
            rows.extend(page.rows.into_iter().map(Arc::new));
        });
        self.cursor.set(page.next_cursor);
        self.total.set(page.total);
        self.hint.set(page.hint);
        self.state.set(State::Ready);
    }

    /// Rows that changed change in place; new ones wait, so that nothing moves under the cursor.
    fn update(self, update: &LiveUpdate, filters: &Filters) -> bool {
        let now = browser::now();
        let mut fresh = Vec::new();
        self.rows.update(|rows| {
            for row in &update.rows {
                let same = |held: &&mut Arc<ExecutionRow>| held.trace_id == row.trace_id;
                match rows.iter_mut().find(same) {
                    Some(held) => *held = Arc::new(row.clone()),
                    None if filters.admits(row, now) => fresh.push(Arc::new(row.clone())),
                    None => (),
                }
            }
        });
        let any = !fresh.is_empty();
        self.arrived.update(|arrived| {
            arrived.retain(|old| fresh.iter().all(|new| new.trace_id != old.trace_id));
            arrived.extend(fresh);
        });
        any
    }

    /// Puts what arrived on top.
    fn show_arrived(self) {
        let mut arrived = std::mem::take(&mut *self.arrived.write());
        if arrived.is_empty() {
            return;
        }
        arrived.sort_by_key(|row| std::cmp::Reverse(format::nanos(&row.start_time)));
        self.total.update(|total| *total += arrived.len() as u64);
        self.rows.update(|rows| {
            arrived.append(rows);
            arrived.sort_by_key(|row| std::cmp::Reverse(format::nanos(&row.start_time)));
            *rows = arrived;
        });
    }
}

/// The page.
#[component]
pub fn Executions() -> impl IntoView {
    let router = Router::get();
    let filters = Memo::new(move |_| Filters::read(|key| router.query(key), browser::iso_time));
    let change = Callback::new(move |next: Filters| {
        router.go(&format!("/{}", next.to_query()), false);
    });
    let list = List::new();
    Effect::new(move |_| list.reload(&filters.get()));

    let tick = RwSignal::new(0u32);
    // Without bounds, old outliers are left out of the picture: it shows where most are.
    let zoom = RwSignal::new(None::<(i64, i64)>);
    let zooms = StoredValue::new(0u32);
    Effect::new(move |_| {
        filters.track();
        zooms.set_value(0);
        zoom.set(None);
    });
    let histogram: Remote<Histogram> = remote_json(move || {
        tick.track();
        let mut shown = filters.get();
        if let Some((from, _)) = zoom.get() {
            // Up to now: what arrives belongs to it.
            shown.from = from.to_string();
        }
        let query = shown.api_query(browser::now(), API, &[("buckets", "80")]);
        Some(format!("/api/v1/executions/histogram{query}"))
    });
    let facets: Remote<Facets> = remote_json(move || {
        tick.track();
        let all = filters.with(|f| Filters {
            group: String::new(),
            status: String::new(),
            error: String::new(),
            culprit: String::new(),
            ..f.clone()
        });
        let query = all.api_query(browser::now(), API, &[]);
        Some(format!("/api/v1/executions/facets{query}"))
    });
    // The last histogram stays on the screen until the next is here.
    let drawn = RwSignal::new(None::<Arc<Histogram>>);
    let offered = RwSignal::new(Arc::new(Facets::default()));
    Effect::new(move |_| {
        let Some(histogram) = histogram.ready() else {
            return;
        };
        let unbounded = filters.with_untracked(|f| f.bounds(browser::now()) == (None, None));
        // What begins where this one begins would be asked for by the same address, and never come.
        let begins = zoom.get_untracked().map(|(from, _)| from);
        let closer = |part: &(i64, i64)| {
            unbounded && zooms.get_value() < MOST_ZOOMS && begins != Some(part.0)
        };
        match dense(&histogram).filter(closer) {
            Some(part) => {
                zooms.update_value(|n| *n += 1);
                zoom.set(Some(part));
            }
            None => drawn.set(Some(histogram)),
        }
    });
    let older = move || {
        let drawn = drawn.get()?;
        let counted: u64 = drawn.counts.iter().flatten().sum();
        let left = list.total.get().saturating_sub(counted);
        (zoom.get().is_some() && left > 0).then(|| {
            view! {
                <p class="older quiet">
                    {format!("{} earlier not in the picture · ", format::plural(left, "execution", "executions"))}
                    <button
                        class="link"
                        on:click=move |_| {
                            zooms.set_value(MOST_ZOOMS);
                            zoom.set(None);
                        }
                    >
                        "Show all"
                    </button>
                </p>
            }
        })
    };
    Effect::new(move |_| {
        if let Some(facets) = facets.ready() {
            offered.set(facets);
        }
    });

    let at_top = RwSignal::new(true);
    let pointed = RwSignal::new(false);
    let live = Live::get();
    let mut recount = debounce(Duration::from_millis(1500), move |()| {
        let _ = tick.try_update(|n| *n += 1);
        histogram.reload();
        facets.reload();
    });
    Effect::new(move |_| {
        let Some(update) = live.update.get() else {
            return;
        };
        let fresh = untrack(|| list.update(&update, &filters.get()));
        if fresh {
            recount(());
            if at_top.get_untracked() && !pointed.get_untracked() {
                list.show_arrived();
            }
        }
    });
    let on_range = Callback::new(move |(from, to): (i64, i64)| {
        change.run(Filters {
            range: String::new(),
            from: from.to_string(),
            to: to.to_string(),
            ..filters.get_untracked()
        })
    });
    let choices = move |pick: fn(&Facets) -> &Vec<(String, u64)>| {
        Signal::derive(move || offered.with(|facets| pick(facets).clone()))
    };
    view! {
        <super::Title text="Executions · Inquest".to_owned() />
        <div class="page list-page">
            <h1 class="visually-hidden">"Executions"</h1>
            <FilterBar
                filters=filters
                change=change
                names=NAMES
                groups=choices(|facets| &facets.state_machines)
                statuses=choices(|facets| &facets.statuses)
                errors=choices(|facets| &facets.errors)
                culprits=choices(|facets| &facets.culprits)
            />
            <div class="over-time">
                <TimeHistogram histogram=drawn on_range=on_range /> {older}
            </div>
            <Table list=list filters=filters at_top=at_top pointed=pointed change=change />
        </div>
    }
}

#[component]
fn Table(
    list: List,
    filters: Memo<Filters>,
    at_top: RwSignal<bool>,
    pointed: RwSignal<bool>,
    change: Callback<Filters>,
) -> impl IntoView {
    let count = Memo::new(move |_| list.rows.with(Vec::len));
    let narrow = Preferences::get().narrow;
    let row_height = Signal::derive(move || if narrow.get() { 68.0 } else { 38.0 });
    let wanted = RwSignal::new(None::<usize>);
    let current = RwSignal::new(None::<usize>);
    begin_anew(filters, current, wanted);
    let router = Router::get();
    browser::on_keys(move |event| {
        let last = count.get_untracked().checked_sub(1);
        let (Some(last), now) = (last, current.get_untracked()) else {
            return false;
        };
        let next = match (event.key().as_str(), now) {
            ("j" | "ArrowDown", None) => 0,
            ("j" | "ArrowDown", Some(at)) => (at + 1).min(last),
            ("k" | "ArrowUp", Some(at)) => at.saturating_sub(1),
            ("Home", _) => 0,
            ("End", _) => last,
            ("Enter", Some(at)) => {
                let row = list.rows.with_untracked(|rows| rows.get(at).cloned());
                if let Some(row) = row {
                    router.go(&format!("/x/{}", row.trace_id), false);
                }
                return true;
            }
            ("/", _) => return focus_search(),
            _ => return false,
        };
        current.set(Some(next));
        wanted.set(Some(next));
        true
    });
    let on_last = Callback::new(move |last: usize| {
        if last + 20 >= count.get_untracked() {
            list.more(&filters.get_untracked());
        }
    });
    // A short list never scrolls: look for more whenever rows came.
    Effect::new(move |_| {
        if count.get() < 60 && list.state.with(|state| *state == State::Ready) {
            list.more(&filters.get_untracked());
        }
    });
    let body = move || {
        let state = list.state.get();
        match (count.get() > 0, state) {
            (false, State::Loading) => view! { <Waiting what="executions" /> }.into_any(),
            (false, State::Ready) => nothing(filters, change, list.hint).into_any(),
            (_, State::Failed(failure)) => {
                let retry = move || list.reload(&filters.get_untracked());
                view! { <Problem failure=failure retry=retry /> }.into_any()
            }
            _ => ().into_any(),
        }
    };
    let slot = move |index: Signal<usize>| {
        let row = Memo::new(move |_| list.rows.with(|rows| rows.get(index.get()).cloned()));
        let active = Signal::derive(move || current.get() == Some(index.get()));
        view! { <Row row=row index=index active=active /> }
    };
    view! {
        <div class="list-head">
            <p class="total" role="status" aria-live="polite">
                {move || match list.total.get() {
                    0 => String::new(),
                    n => format::plural(n, "execution", "executions"),
                }}
            </p>
            <Show when=move || list.arrived.with(|rows| !rows.is_empty())>
                <button
                    class="pill"
                    on:click=move |_| {
                        list.show_arrived();
                        wanted.set(Some(0));
                    }
                >
                    {move || {
                        let n = list.arrived.with(Vec::len) as u64;
                        format!("↑ {}", format::plural(n, "new execution", "new executions"))
                    }}
                </button>
            </Show>
        </div>
        {body}
        <div
            class="table executions"
            role="table"
            aria-label="Executions"
            aria-rowcount=move || list.total.get().to_string()
            class:hidden=move || count.get() == 0
            class:stale=move || list.state.with(|state| *state == State::Loading)
            on:pointerenter=move |_| {
                pointed.set(true);
                crate::lazy::expect_execution();
            }
            on:pointerleave=move |_| pointed.set(false)
        >
            <div class="row head" role="row">
                <span role="columnheader">"Status"</span>
                <span role="columnheader">"State machine"</span>
                <span role="columnheader">"Execution"</span>
                <span role="columnheader">"Error"</span>
                <span role="columnheader">"Culprit"</span>
                <span role="columnheader" class="number">"Signals"</span>
                <span role="columnheader" class="number">"Duration"</span>
                <span role="columnheader" class="number">"Started"</span>
            </div>
            <Rows
                count=count
                row_height=row_height
                wanted=wanted
                on_last=on_last
                on_scroll=Callback::new(move |at: f64| at_top.set(at < 4.0))
                row=slot
            />
        </div>
    }
}

/// Other filters ask another question: the list begins at its first answer again.
pub fn begin_anew(
    filters: Memo<Filters>,
    current: RwSignal<Option<usize>>,
    wanted: RwSignal<Option<usize>>,
) {
    Effect::new(move |again: Option<()>| {
        filters.track();
        if again.is_some() {
            current.set(None);
            wanted.set(Some(0));
        }
    });
}

/// Puts the cursor in the search field.
pub fn focus_search() -> bool {
    use leptos::wasm_bindgen::JsCast;
    let field = document().get_element_by_id("search");
    match field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
        Some(field) => field.focus().is_ok(),
        None => false,
    }
}

fn nothing(
    filters: Memo<Filters>,
    change: Callback<Filters>,
    hint: RwSignal<Option<String>>,
) -> impl IntoView {
    if filters.with(Filters::active) > 0 {
        return view! {
            <Empty title="No execution matches">
                {move || hint.get().map(|hint| view! { <p class="hint">{hint}</p> })}
                <p>"Try a longer time or fewer filters."</p>
                <button on:click=move |_| change.run(Filters::default())>"Clear all filters"</button>
            </Empty>
        }
        .into_any();
    }
    view! {
        <Empty title="No executions yet">
            <p>"Give Inquest what you have: histories, log exports, OTLP files."</p>
            <pre>"aws stepfunctions get-execution-history --execution-arn ARN > history.json\ninquest import history.json"</pre>
            <p>"They appear here by themselves. For an example, run " <code>"inquest demo"</code> "."</p>
        </Empty>
    }
    .into_any()
}

#[component]
fn Row(
    row: Memo<Option<Arc<ExecutionRow>>>,
    index: Signal<usize>,
    active: Signal<bool>,
) -> impl IntoView {
    let text = move |pick: fn(&ExecutionRow) -> String| {
        Signal::derive(move || row.with(|row| row.as_deref().map(pick).unwrap_or_default()))
    };
    let name = text(|row| row.name.clone());
    let preferences = Preferences::get();
    let start = text(|row| row.start_time.clone());
    let started = move || {
        let at = format::nanos(&start.get());
        let offset = preferences.offset(at);
        (
            format::day(at, browser::now(), offset),
            format::clock(at, offset),
        )
    };
    view! {
        <div
            class="row"
            role="row"
            class:active=move || active.get()
            class:accused=move || row.with(|row| row.as_deref().is_some_and(accused))
            aria-rowindex=move || (index.get() + 2).to_string()
        >
            <span role="cell" class="cell-status">
                <Status status=text(|row| row.status.clone()) />
                {move || {
                    row.with(|row| row.as_deref().is_some_and(|row| !row.complete && row.status != "RUNNING"))
                        .then(|| {
                            view! {
                                <span class="badge partial" title="Some of its history is missing">
                                    {icon("partial")}
                                    <span>"partial"</span>
                                </span>
                            }
                        })
                }}
            </span>
            <span role="cell" class="cell-machine">{text(|row| row.state_machine.clone())}</span>
            <span role="cell" class="cell-name">
                <a
                    href=move || {
                        row.with(|row| row.as_deref().map(|row| format!("/x/{}", row.trace_id)))
                    }
                    title=text(|row| row.execution_arn.clone())
                >
                    {name}
                </a>
            </span>
            <span role="cell" class="cell-error">
                {move || row.with(|row| row.as_deref().map(error_text))}
            </span>
            <span role="cell" class="cell-culprit">
                {move || row.with(|row| row.as_deref().and_then(culprit))}
            </span>
            <span role="cell" class="cell-signals">
                {move || row.with(|row| row.as_deref().map(signals))}
            </span>
            <span role="cell" class="cell-duration number">
                {text(|row| row.duration_ns.map_or("–".into(), human_duration))}
            </span>
            <span
                role="cell"
                class="cell-start number"
                title=move || format::exact(format::nanos(&start.get()))
            >
                <small>{move || started().0}</small>
                " "
                {move || started().1}
            </span>
        </div>
    }
}
