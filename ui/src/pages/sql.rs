//! `/sql`: questions in SQL.

use crate::api::{Abort, Failure, ask_bytes, ask_json, remote_json};
use crate::browser::{copy, save, store, stored};
use crate::components::chart::Chart;
use crate::components::editor::SqlEditor;
use crate::components::grid::{Order, ResultGrid};
use crate::components::icon;
use crate::format;
use crate::geometry::grid::{Series, guess, order, series};
use crate::router::Router;
use crate::url::query_string;
use leptos::prelude::*;
use model::api::{Grid, Schema};
use std::sync::Arc;

const LIMIT: u32 = 5_000;
const HISTORY: usize = 50;
const FIRST: &str = "SELECT state_machine, status, count(*) AS executions,\n       round(avg(duration_ns) / 1e9, 2) AS mean_s\nFROM executions\nGROUP BY state_machine, status\nORDER BY executions DESC";

/// Questions to begin with.
const EXAMPLES: [(&str, &str); 5] = [
    ("Executions by status", FIRST),
    (
        "What fails, and where",
        "SELECT root_error, root_state, count(*) AS executions\nFROM executions\nWHERE root_error IS NOT NULL\nGROUP BY root_error, root_state\nORDER BY executions DESC",
    ),
    (
        "Slowest states",
        "SELECT state_machine, state, count(*) AS visits,\n       round(approx_percentile_cont(duration_ns, 0.95) / 1e6, 1) AS p95_ms\nFROM states\nGROUP BY state_machine, state\nORDER BY p95_ms DESC\nLIMIT 20",
    ),
    (
        "Cold starts by function",
        "SELECT function_name, cold_start_kind, count(*) AS invocations,\n       round(avg(init_duration_ms), 1) AS mean_init_ms\nFROM invocations\nGROUP BY function_name, cold_start_kind\nORDER BY invocations DESC",
    ),
    (
        "Spans per service and minute",
        "SELECT date_trunc('minute', start_time) AS minute, service_name, count(*) AS spans\nFROM spans\nGROUP BY 1, 2\nORDER BY 1",
    ),
];

/// How the last run stands.
#[derive(Clone)]
enum Run {
    Never,
    Running(Abort),
    Done(Arc<Grid>),
    Failed(Failure),
}

#[derive(Clone, Copy)]
struct Console {
    text: RwSignal<String>,
    run: RwSignal<Run>,
    sort: RwSignal<Order>,
    history: RwSignal<Vec<String>>,
}

impl Console {
    fn start(self) {
        let query = self.text.get_untracked();
        if query.trim().is_empty() {
            return;
        }
        self.cancel();
        let abort = Abort::new();
        self.run.set(Run::Running(abort.clone()));
        self.remember(&query);
        let body = request(&query, "grid", Some(LIMIT));
        let url = "/api/sql".to_owned();
        ask_json(
            url,
            Some(body),
            abort,
            move |answer: Result<Grid, Failure>| {
                let _ = self.sort.try_set(None);
                let _ = self.run.try_set(match answer {
                    Ok(grid) => Run::Done(Arc::new(grid)),
                    Err(failure) => Run::Failed(failure),
                });
            },
        );
    }

    fn cancel(self) {
        if let Some(Run::Running(abort)) = self.run.try_get_untracked() {
            abort.abort();
            self.run.set(Run::Never);
        }
    }

    fn remember(self, query: &str) {
        self.history.update(|history| {
            history.retain(|old| old != query);
            history.insert(0, query.to_owned());
            history.truncate(HISTORY);
        });
        let text = self.history.with_untracked(serde_json::to_string);
        if let Ok(text) = text {
            store("sql.history", &text);
        }
    }

    fn export(self, kind: &'static str, failed: RwSignal<Option<String>>) {
        let body = request(&self.text.get_untracked(), kind, None);
        failed.set(None);
        ask_bytes(
            "/api/sql".to_owned(),
            Some(body),
            move |answer| match answer {
                Ok(bytes) => save(&bytes, &format!("inquest.{kind}")),
                Err(failure) => {
                    let _ = failed.try_set(Some(failure.problem.error));
                }
            },
        );
    }
}

fn request(query: &str, format: &str, limit: Option<u32>) -> String {
    let mut body = serde_json::json!({"query": query, "format": format});
    if let Some(limit) = limit {
        body["limit"] = limit.into();
    }
    body.to_string()
}

/// The page.
#[component]
pub fn Sql() -> impl IntoView {
    let router = Router::get();
    let asked = router.query_now("q");
    let history =
        stored("sql.history").and_then(|text| serde_json::from_slice(text.as_bytes()).ok());
    let history: Vec<String> = history.unwrap_or_default();
    let untouched = asked.is_none() && history.is_empty();
    let first = asked.or_else(|| history.first().cloned());
    let console = Console {
        text: RwSignal::new(first.unwrap_or_else(|| FIRST.to_owned())),
        run: RwSignal::new(Run::Never),
        sort: RwSignal::new(None),
        history: RwSignal::new(history),
    };
    let run = Callback::new(move |()| {
        console.start();
        let link = query_string(&[("q", &console.text.get_untracked())]);
        router.go(&format!("/sql{link}"), router.query_now("q").is_none());
    });
    // A link runs at once; so do Back and Forward.
    Effect::new(move |before: Option<Option<String>>| {
        let query = router.query("q");
        if before.is_none() && query.is_none() && untouched {
            console.start();
        }
        if let Some(query) = query.clone() {
            let known = before.is_some() && console.text.get_untracked() == query;
            if !known {
                console.text.set(query);
                console.start();
            }
        }
        query
    });
    on_cleanup(move || console.cancel());
    let schema = remote_json::<Schema>(|| Some("/api/v1/schema".to_owned()));
    let problem = Signal::derive(move || match console.run.get() {
        Run::Failed(failure) => Some(failure.problem),
        _ => None,
    });
    view! {
        <super::Title text="SQL · Inquest".to_owned() />
        <div class="page sql-page">
            <h1 class="visually-hidden">"SQL"</h1>
            <Side console=console schema=Signal::derive(move || schema.ready()) />
            <div class="console">
                <SqlEditor
                    text=console.text
                    schema=Signal::derive(move || schema.ready())
                    problem=problem
                    run=run
                />
                <Toolbar console=console run=run />
                <div class="result">{move || outcome(console)}</div>
            </div>
        </div>
    }
}

#[component]
fn Toolbar(console: Console, run: Callback<()>) -> impl IntoView {
    let running = Memo::new(move |_| console.run.with(|run| matches!(run, Run::Running(_))));
    let copied = RwSignal::new(false);
    let export_failed = RwSignal::new(None::<String>);
    let done = Memo::new(move |_| console.run.with(|run| matches!(run, Run::Done(_))));
    let told = move || match console.run.get() {
        Run::Running(_) => "Running…".to_owned(),
        Run::Done(grid) => {
            let rows = format::plural(grid.rows.len() as u64, "row", "rows");
            let cut = if grid.truncated {
                ", cut there: export for all"
            } else {
                ""
            };
            format!("{rows} in {:.0} ms{cut}", grid.elapsed_ms)
        }
        _ => String::new(),
    };
    let link = move |_| {
        let query = query_string(&[("q", &console.text.get_untracked())]);
        let origin = window().location().origin().unwrap_or_default();
        copy(&format!("{origin}/sql{query}"));
        copied.set(true);
    };
    view! {
        <div class="toolbar">
            <Show
                when=move || running.get()
                fallback=move || {
                    view! {
                        <button class="primary run" title="Ctrl+Enter" on:click=move |_| run.run(())>
                            {icon("play")}
                            "Run"
                        </button>
                    }
                }
            >
                <button class="run" on:click=move |_| console.cancel()>
                    {icon("stop")}
                    "Cancel"
                </button>
            </Show>
            <button on:click=link title="Copy a link to this query">
                {icon("link")}
                {move || if copied.get() { "Copied" } else { "Share" }}
            </button>
            <Show when=move || done.get()>
                <span class="exports" role="group" aria-label="Export">
                    {[("csv", "CSV"), ("json", "JSON"), ("parquet", "Parquet")]
                        .map(|(kind, word)| {
                            view! {
                                <button
                                    title=format!("Save the whole result as {word}")
                                    on:click=move |_| console.export(kind, export_failed)
                                >
                                    {word}
                                </button>
                            }
                        })
                        .collect_view()}
                </span>
            </Show>
            <output role="status">{told}</output>
            {move || export_failed.get().map(|text| view! { <p class="error-line" role="alert">{text}</p> })}
        </div>
    }
}

fn outcome(console: Console) -> impl IntoView {
    match console.run.get() {
        Run::Never => view! {
            <p class="quiet hint">"Ctrl+Enter runs the query. Tables and columns complete as you type."</p>
        }
        .into_any(),
        Run::Running(_) => view! { <crate::components::Waiting what="the result" /> }.into_any(),
        Run::Failed(failure) => {
            let place = failure.problem.line.map(|line| match failure.problem.column {
                Some(column) => format!("Line {line}, column {column}: "),
                None => format!("Line {line}: "),
            });
            view! {
                <div class="query-problem" role="alert">
                    {icon("failed")}
                    <p><b>{place}</b> {failure.problem.error}</p>
                </div>
            }
            .into_any()
        }
        Run::Done(grid) if grid.columns.is_empty() || grid.rows.is_empty() => {
            view! { <p class="quiet hint">"No rows."</p> }.into_any()
        }
        Run::Done(grid) => view! { <Result grid=grid sort=console.sort /> }.into_any(),
    }
}

#[component]
fn Result(grid: Arc<Grid>, sort: RwSignal<Order>) -> impl IntoView {
    let charting = RwSignal::new(stored("sql.chart").unwrap_or_default());
    let columns = grid.columns.len();
    let axes = RwSignal::new(guess(&grid.rows, columns));
    let names: Vec<String> = grid
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let data = Arc::clone(&grid);
    let drawn = Memo::new(move |_| {
        let rows = match sort.get() {
            Some((column, descending)) => order(&data.rows, column, descending),
            None => (0..data.rows.len() as u32).collect(),
        };
        Arc::new(match axes.get() {
            Some((x, y)) => series(&data.rows, &rows, x, y),
            None => Series::default(),
        })
    });
    let choose = move |kind: &'static str| {
        charting.set(kind.to_owned());
        store("sql.chart", kind);
    };
    let pick = move |which: bool, label: &'static str| {
        let now = move || axes.get().map(|(x, y)| if which { y } else { x });
        let options = names.iter().enumerate().map(|(at, name)| {
            view! { <option value=at.to_string() selected=move || now() == Some(at)>{name.clone()}</option> }
        });
        view! {
            <label>
                {label} " "
                <select on:change=move |event| {
                    if let Ok(at) = event_target_value(&event).parse() {
                        axes.update(|axes| {
                            let (x, y) = axes.unwrap_or((at, at));
                            *axes = Some(if which { (x, at) } else { (at, y) });
                        });
                    }
                }>{options.collect_view()}</select>
            </label>
        }
    };
    view! {
        <div class="views">
            <div class="chips" role="group" aria-label="View">
                {[("", "Table"), ("bar", "Bars"), ("line", "Line")]
                    .map(|(kind, word)| {
                        view! {
                            <button
                                class="chip"
                                aria-pressed=move || (charting.get() == kind).to_string()
                                on:click=move |_| choose(kind)
                            >
                                {word}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <Show when=move || !charting.with(String::is_empty)>
                <span class="axes">{pick(false, "x")} {pick(true, "y")}</span>
            </Show>
        </div>
        <Show when=move || !charting.with(String::is_empty)>
            <Chart series=drawn line=Signal::derive(move || charting.get() == "line") />
        </Show>
        <ResultGrid grid=grid sort=sort />
    }
}

#[component]
fn Side(console: Console, schema: Signal<Option<Arc<Schema>>>) -> impl IntoView {
    let tables = move || {
        let tables = schema
            .get()
            .map(|schema| schema.tables.clone())
            .unwrap_or_default();
        tables
            .into_iter()
            .map(|table| {
                let columns = table.columns.into_iter().map(|column| {
                    view! {
                        <li title=column.comment>
                            <code>{column.name}</code>
                            " "
                            <small>{column.data_type}</small>
                        </li>
                    }
                });
                view! {
                    <details>
                        <summary title=table.comment.clone()>
                            <code>{table.name}</code>
                            " "
                            <small>{table.rows.map(format::count)}</small>
                        </summary>
                        <p class="quiet">{table.comment.clone()}</p>
                        <ul>{columns.collect_view()}</ul>
                    </details>
                }
            })
            .collect_view()
    };
    let use_query = move |query: String| console.text.set(query);
    let past =
        move || {
            console.history.get().into_iter().take(20).map(|query| {
            let line: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let title = query.clone();
            view! {
                <li>
                    <button class="link" title=title on:click=move |_| use_query(query.clone())>
                        {line}
                    </button>
                </li>
            }
        }).collect_view()
        };
    view! {
        <aside class="sql-side" aria-label="Tables, examples and history">
            <details open class="group">
                <summary><h2>"Tables"</h2></summary>
                {tables}
            </details>
            <details open class="group">
                <summary><h2>"Examples"</h2></summary>
                <ul class="queries">
                    {EXAMPLES
                        .map(|(name, query)| {
                            view! {
                                <li>
                                    <button class="link" on:click=move |_| use_query(query.to_owned())>
                                        {name}
                                    </button>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </details>
            <details class="group">
                <summary><h2>"History"</h2></summary>
                <ul class="queries past">{past}</ul>
            </details>
        </aside>
    }
}
