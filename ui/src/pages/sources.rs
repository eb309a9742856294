//! `/sources`: where facts come from, and how each of these stands.

use crate::api::{Load, remote_json};
use crate::browser::Preferences;
use crate::components::{Empty, Problem, Waiting, When, moment};
use crate::format;
use leptos::prelude::*;
use model::api::sources::{QuotaUse, SourcePage, SourceRow, SourceState};
use model::time::human_duration;
use std::time::Duration;

/// How often the page asks again.
const EVERY: Duration = Duration::from_secs(5);

fn class(state: SourceState) -> &'static str {
    match state {
        SourceState::Working => "ok",
        SourceState::Behind => "timed-out",
        SourceState::Failing => "failed",
        SourceState::Starting => "running",
        SourceState::Waiting | SourceState::Stopped => "unknown",
    }
}

/// The page.
#[component]
pub fn Sources() -> impl IntoView {
    let page = remote_json::<SourcePage>(|| Some("/api/v1/sources".to_owned()));
    let timer = set_interval_with_handle(move || page.reload(), EVERY);
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let body = move || match page.state.get() {
        Load::Waiting => view! { <Waiting what="sources" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(page) if page.rows.is_empty() => nothing().into_any(),
        Load::Ready(page) => {
            let cards: Vec<_> = page.rows.iter().map(source).collect();
            view! { <ul class="sources">{cards}</ul> }.into_any()
        }
    };
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored("Sources · Inquest".to_owned()) />
            <header class="page-head"><h1>"Sources"</h1></header>
            {body}
        </div>
    }
}

fn nothing() -> impl IntoView {
    view! {
        <Empty title="No sources yet">
            <p>"Facts come by OTLP, from files, or are fetched from AWS:"</p>
            <pre>"[[collect]]\nname = \"production\"\nregions = [\"eu-west-1\"]"</pre>
            <p>"Put this into the configuration file; " <code>"inquest collect --check"</code> " tries it."</p>
        </Empty>
    }
}

fn source(row: &SourceRow) -> impl IntoView + use<> {
    let preferences = Preferences::get();
    let when = |time: &Option<String>| {
        time.as_deref()
            .map(|time| moment(format::nanos(time), preferences))
    };
    let facts = [
        ("Lag", row.lag_ns.map(human_duration)),
        (
            "Taken",
            Some(format!(
                "{} ({:.1}/s)",
                format::count(row.records),
                row.records_per_s
            )),
        ),
        (
            "Following",
            (row.following > 0).then(|| format::count(row.following)),
        ),
        ("Last taken", when(&row.last_taken)),
        ("Last round", when(&row.last_poll)),
        ("Next round", when(&row.next_poll)),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| {
        value.map(|value| view! { <div><dt>{name}</dt> <dd>{value}</dd></div> })
    });
    let error = row.last_error.as_ref().map(|error| {
        view! {
            <div class="source-error">
                <p class="error-line">{error.message.clone()}</p>
                <p>{error.advice.clone()}</p>
                <small><When at=format::nanos(&error.time) /> {format!(", {} in a row", error.times)}</small>
            </div>
        }
    });
    let quotas: Vec<_> = row.quotas.iter().map(quota).collect();
    view! {
        <li class="card">
            <header>
                <h2>{row.name.clone()}</h2>
                <span class=format!("status {}", class(row.state))>{row.state.as_str()}</span>
                <small>{format!("{} · {} · {}", row.kind.replace('_', " "), row.mode, row.place)}</small>
            </header>
            {(!row.detail.is_empty()).then(|| view! { <p>{row.detail.clone()}</p> })}
            <dl class="fact-strip">{facts.collect_view()}</dl>
            {error}
            {(!quotas.is_empty()).then(|| view! { <ul class="quotas">{quotas}</ul> })}
        </li>
    }
}

fn quota(quota: &QuotaUse) -> impl IntoView + use<> {
    let share = quota.used_per_s / quota.allowed_per_s.max(f64::MIN_POSITIVE);
    let words = format!(
        "{:.2} of {:.2} calls a second, {}, {} throttled",
        quota.used_per_s,
        quota.allowed_per_s,
        format::plural(quota.calls, "call", "calls"),
        format::count(quota.throttled)
    );
    view! {
        <li>
            <code>{quota.api.clone()}</code>
            <span class="budget-bar">
                <i aria-hidden="true"><b style:width=format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0)></b></i>
                {words}
            </span>
        </li>
    }
}
