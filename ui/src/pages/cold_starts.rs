//! `/cold-starts`: which functions start cold, why, what it really cost, and what would help.

use crate::api::{Load, remote_json};
use crate::browser::{self, Preferences};
use crate::components::changes::Changes;
use crate::components::{Empty, Problem, Waiting, When, icon, moment};
use crate::format;
use crate::router::Router;
use crate::url::{Filters, escape, query_string};
use leptos::prelude::*;
use model::api::cold_starts::{ColdStartRow, ColdStarts, FunctionColdStarts};
use model::time::human_duration;
use std::sync::Arc;

const RANGES: [(&str, &str); 5] = [
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("", "Any time"),
];
/// Single cold starts asked for.
const MOST: usize = 500;

/// What a cause is called.
fn cause_word(cause: &str) -> String {
    match cause {
        "scale_out" => "more at once than runtimes",
        "new_version" => "new version",
        "runtime_killed" => "runtime killed",
        "idle" => "unused for a while",
        "unknown" => "unknown",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

fn kind_word(kind: &str) -> String {
    match kind {
        "suppressed_init" => "init inside the call",
        "failed_init" => "init failed",
        "snapstart_restore" => "SnapStart restore",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

fn millis(ms: f64) -> String {
    human_duration((ms.clamp(0.0, 9e12) * 1e6) as i64)
}

/// The page.
#[component]
pub fn ColdStartsPage() -> impl IntoView {
    let router = Router::get();
    let filters = Memo::new(move |_| Filters::read(|key| router.query(key), browser::iso_time));
    let function = Memo::new(move |_| router.query("function").unwrap_or_default());
    let found = remote_json::<ColdStarts>(move || {
        let (from, to) = filters.with(|filters| filters.bounds(browser::now()));
        let text = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
        let (from, to, limit) = (text(from), text(to), MOST.to_string());
        Some(format!(
            "/api/v1/cold-starts{}",
            query_string(&[
                ("function", &function.get()),
                ("from", &from),
                ("to", &to),
                ("limit", &limit)
            ])
        ))
    });
    let go = move |range: &str, function: &str| {
        let query = query_string(&[("range", range), ("function", function)]);
        router.go(&format!("/cold-starts{query}"), false);
    };
    let body = move || match found.state.get() {
        Load::Waiting => view! { <Waiting what="cold starts" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || found.reload() /> }.into_any()
        }
        Load::Ready(found) => shown(found),
    };
    let options = move || {
        let chosen = filters.with(|filters| filters.range.clone());
        RANGES
            .map(|(value, word)| view! { <option value=value selected=value == chosen>{word}</option> })
            .collect_view()
    };
    view! {
        <super::Title text="Cold starts · Inquest".to_owned() />
        <div class="page scroll-page cold-page">
            <div class="page-head">
                <h1>"Cold starts"</h1>
                <search class="filters open">
                    <label class="field">
                        <span class="visually-hidden">"Time"</span>
                        <select on:change=move |event| go(&event_target_value(&event), &function.get_untracked())>{options}</select>
                    </label>
                    {move || {
                        let name = function.get();
                        (!name.is_empty()).then(|| view! {
                            <button on:click=move |_| go(&filters.with_untracked(|filters| filters.range.clone()), "")>
                                {name.clone()} {icon("close")} <span class="visually-hidden">"Show all functions"</span>
                            </button>
                        })
                    }}
                </search>
            </div>
            {body}
        </div>
    }
}

fn shown(found: Arc<ColdStarts>) -> AnyView {
    let cold: Vec<&FunctionColdStarts> = found.functions.iter().filter(|it| it.cold > 0).collect();
    let starts: u64 = cold.iter().map(|it| it.cold).sum();
    let added: f64 = cold.iter().map(|it| it.added_ms).sum();
    let known: u64 = found.functions.iter().map(|it| it.invocations).sum();
    let hint = found
        .hint
        .clone()
        .map(|hint| view! { <p class="notice">{icon("partial")} <span>{hint}</span></p> });
    if cold.is_empty() {
        return view! {
            {hint}
            <Empty title="No cold start">
                <p>{match found.invocations {
                    0 => "No invocation of this time is held. Import the logs of the functions, or choose a longer time.".to_owned(),
                    n => format!("{} of this time found a runtime that was ready, or nothing says so.", format::plural(n, "invocation", "invocations")),
                }}</p>
            </Empty>
        }
        .into_any();
    }
    let share = starts as f64 / known.max(1) as f64 * 100.0;
    let cards: Vec<_> = cold.iter().map(|it| card(it)).collect();
    let quiet = found.functions.len() - cold.len();
    let rows: Vec<_> = found.rows.iter().map(row).collect();
    let cut = (found.rows.len() as u64) < starts;
    view! {
        {hint}
        <dl class="fact-strip">
            <div><dt>"Cold starts"</dt><dd>{format::count(starts)}</dd></div>
            <div><dt>"Of the invocations"</dt><dd>{format!("{share:.1} %")}</dd></div>
            <div><dt>"Added end to end"</dt><dd>{millis(added)}</dd></div>
            <div><dt>"Invocations looked at"</dt><dd>{format::count(found.invocations)}{found.truncated.then_some(", the newest")}</dd></div>
        </dl>
        <p class="quiet">"Added end to end is how much shorter executions would have been without it: an init that others outlasted added nothing."</p>
        <div class="cold-functions">{cards}</div>
        {(quiet > 0).then(|| view! { <p class="quiet">{format!("{} without a cold start in this time.", format::plural(quiet as u64, "version", "versions"))}</p> })}
        <section class="card">
            <h2>"One by one" <small>{cut.then(|| format!(" the newest {}", format::count(found.rows.len() as u64)))}</small></h2>
            <div class="scrolled" tabindex="0" role="group" aria-label="Cold starts, newest first">
                <table class="plain-table">
                    <thead><tr>
                        <th scope="col">"When"</th><th scope="col">"Function"</th><th scope="col">"Kind"</th><th scope="col">"Cause"</th>
                        <th scope="col" class="number">"Until ready"</th><th scope="col" class="number">"Added"</th><th scope="col">"Execution"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn card(of: &FunctionColdStarts) -> impl IntoView + use<> {
    let version = match of.version.as_str() {
        "" => "version unknown".to_owned(),
        version => format!("version {version}"),
    };
    let causes = of.causes.iter().map(|(cause, n)| {
        view! { <li><b>{format::count(*n)}</b> " " {cause_word(cause)}</li> }
    });
    let advice: Vec<_> = of
        .advice
        .iter()
        .map(|text| view! { <li>{text.clone()}</li> })
        .collect();
    let ready = of.init_ms_p50.map(|half| {
        let most = of
            .init_ms_p95
            .map(|most| format!(", 95 % within {}", millis(most)));
        format!("{}{}", millis(half), most.unwrap_or_default())
    });
    let unknown = (of.unknown > 0).then(|| {
        view! { <div><dt>"Not known of"</dt><dd>{format::count(of.unknown)}</dd></div> }
    });
    let sql = format!(
        "select start_time, function_version, cold_start_kind, cold_start_reason, init_duration_ms, status, request_id, trace_id\nfrom invocations where function_name = '{}' and cold_start\norder by start_time desc",
        of.function.replace('\'', "''")
    );
    view! {
        <section class="card cold-function" aria-label=format!("{} {version}", of.function)>
            <h2>
                {icon("cold")} " " <a href=format!("/cold-starts?function={}", escape(&of.function))>{of.function.clone()}</a> " " <small>{version.clone()}</small>
            </h2>
            <dl class="fact-strip">
                <div><dt>"Cold"</dt><dd>{format!("{} of {} ({:.0} %)", format::count(of.cold), format::count(of.invocations), of.ratio * 100.0)}</dd></div>
                {ready.map(|ready| view! { <div><dt>"Until ready, median"</dt><dd>{ready}</dd></div> })}
                <div><dt>"Added end to end"</dt><dd>{millis(of.added_ms)}</dd></div>
                {unknown}
            </dl>
            {rates(of)}
            <ul class="causes" aria-label="Causes">{causes.collect_view()}</ul>
            {(!advice.is_empty()).then(|| view! { <h3>"What would help"</h3> <ul class="gaps">{advice}</ul> })}
            <p class="exhibit-links"><a href=format!("/sql{}", query_string(&[("q", &sql)]))>"SQL"</a></p>
        </section>
    }
}

/// Invocations over time, the cold ones coloured, with the changes of the function above.
fn rates(of: &FunctionColdStarts) -> AnyView {
    let preferences = Preferences::get();
    let count = of.buckets.len();
    let times: Vec<i64> = of
        .buckets
        .iter()
        .map(|(at, ..)| format::nanos(at))
        .collect();
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        return ().into_any();
    };
    let width = match count {
        0 | 1 => 1,
        _ => (last - first) / (count as i64 - 1),
    };
    let end = last.saturating_add(width);
    let peak = of
        .buckets
        .iter()
        .map(|(_, all, _)| *all)
        .max()
        .unwrap_or(1)
        .max(1);
    let bars: Vec<_> = of
        .buckets
        .iter()
        .enumerate()
        .filter(|(_, (_, all, _))| *all > 0)
        .map(|(at, (_, all, cold))| {
            let height = |n: u64| match n {
                0 => 0.0,
                n => (n as f64 / peak as f64 * 46.0).max(2.0),
            };
            let (whole, part) = (height(*all).max(height(*cold)), height(*cold));
            let x = format!("{:.2}", at as f64 / count as f64 * 1000.0);
            let wide = format!("{:.2}", 1000.0 / count as f64 * 0.86);
            view! {
                <rect class="warm" x=x.clone() width=wide.clone() y=format!("{:.1}", 48.0 - whole) height=format!("{:.1}", whole - part)></rect>
                <rect class="cold" x=x width=wide y=format!("{:.1}", 48.0 - part) height=format!("{part:.1}")></rect>
            }
        })
        .collect();
    let label = format!(
        "Invocations over time: {} cold of {}",
        format::count(of.cold),
        format::count(of.invocations)
    );
    let point = move |at: i64| moment(at, preferences);
    view! {
        <figure class="rates">
            <Changes line=Signal::derive(move || Some((first, end))) of=vec![of.function.clone()] />
            <svg viewBox="0 0 1000 49" preserveAspectRatio="none" role="img" aria-label=label>
                <path d="M0 48.5h1000"></path>
                {bars}
            </svg>
            <figcaption><span>{move || point(first)}</span> <span class="keys"><i class="cold"></i> "cold " <i class="warm"></i> "warm"</span> <span>{move || point(end)}</span></figcaption>
        </figure>
    }
    .into_any()
}

fn row(of: &ColdStartRow) -> impl IntoView + use<> {
    let at = format::nanos(&of.time);
    let added = of.added_ms.map(|ms| match ms > 0.0 {
        true => millis(ms),
        false => "nothing".to_owned(),
    });
    let execution = match &of.execution_arn {
        Some(arn) => {
            let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
            let path = of.on_critical_path.unwrap_or(false).then(|| view! { " " <small>"on its critical path"</small> });
            view! { <a href=format!("/x/{}?sel={}", escape(arn), of.span_id)>{name}</a> {path} }.into_any()
        }
        None => view! { <a href=format!("/t/{}?sel={}", of.trace_id, of.span_id) class="quiet">"none; the invocation"</a> }.into_any(),
    };
    let version =
        (!of.version.is_empty()).then(|| view! { " " <small>{of.version.clone()}</small> });
    view! {
        <tr>
            <td><When at=at /></td>
            <td>{of.function.clone()} {version}</td>
            <td>{kind_word(&of.kind)}</td>
            <td>{cause_word(&of.cause)} <small class="reason">{of.reason.clone()}</small></td>
            <td class="number">{of.init_ms.map(millis)}</td>
            <td class="number">{added}</td>
            <td>{execution}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_kinds_are_words() {
        assert_eq!(cause_word("idle"), "unused for a while");
        assert_eq!(cause_word("of_its_own"), "of its own");
        assert_eq!(kind_word("init"), "init");
        assert_eq!(millis(1_500.0), "1.5 s");
        assert_eq!(millis(f64::NAN), "0 ns");
    }
}
