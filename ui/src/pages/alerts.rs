//! `/alerts`: what fired, who was told, and what is held back.

use super::slo::alerts;
use crate::api::{Failure, Load, change, remote_json};
use crate::browser::Preferences;
use crate::components::{Problem, Waiting, When, moment};
use crate::format;
use crate::router::Router;
use crate::url::{escape, query_string};
use leptos::prelude::*;
use model::api::deliveries::{Delivery, DeliveryPage, ReceiverPage, ReceiverView};
use model::api::slo::AlertPage;

/// The page.
#[component]
pub fn Alerts() -> impl IntoView {
    let router = Router::get();
    let incident = Memo::new(move |_| router.query("incident").unwrap_or_default());
    let page = remote_json::<AlertPage>(|| Some("/api/v1/alerts?limit=200".to_owned()));
    let receivers = remote_json::<ReceiverPage>(|| Some("/api/v1/receivers".to_owned()));
    let deliveries = remote_json::<DeliveryPage>(move || {
        let query = query_string(&[("incident", &incident.get()), ("limit", "100")]);
        Some(format!("/api/v1/deliveries{query}"))
    });
    let fired = move || match page.state.get() {
        Load::Waiting => view! { <Waiting what="alerts" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(page) => {
            let chosen = incident.get();
            let rows = page.rows.iter();
            let rows = rows.filter(|row| chosen.is_empty() || row.incident == chosen);
            let rows: Vec<_> = rows.cloned().collect();
            alerts(&rows).into_any()
        }
    };
    let told = move || match deliveries.state.get() {
        Load::Waiting => view! { <Waiting what="deliveries" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || deliveries.reload() /> }.into_any()
        }
        Load::Ready(page) if page.rows.is_empty() => {
            view! { <p class="quiet">"Nothing has been sent."</p> }.into_any()
        }
        Load::Ready(page) => {
            let again = Callback::new(move |()| deliveries.reload());
            let rows: Vec<_> = page.rows.iter().map(|row| delivery(row, again)).collect();
            view! { <ol class="alerts">{rows}</ol> }.into_any()
        }
    };
    let who = move || match receivers.state.get() {
        Load::Waiting => view! { <Waiting what="receivers" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || receivers.reload() /> }.into_any()
        }
        Load::Ready(page) => receiver_list(&page).into_any(),
    };
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored("Alerts · Inquest".to_owned()) />
            <header class="page-head">
                <h1>"Alerts"</h1>
                <nav aria-label="About alerts">
                    <a href="/slos">"Objectives"</a>
                    {move || (!incident.get().is_empty()).then(|| view! { <a href="/alerts">"All alerts"</a> })}
                </nav>
            </header>
            <section class="card"><h2>"What fired"</h2> {fired}</section>
            <section class="card"><h2>"What was sent"</h2> {told}</section>
            <section class="card"><h2>"Who is told"</h2> {who}</section>
        </div>
    }
}

fn delivery(row: &Delivery, again: Callback<()>) -> impl IntoView + use<> {
    let class = match row.status.as_str() {
        "delivered" => "ok",
        "dead" => "failed",
        "waiting" => "running",
        _ => "unknown",
    };
    let preferences = Preferences::get();
    let failure = RwSignal::new(None::<Failure>);
    let url = format!("/api/v1/deliveries/{}/replay", escape(&row.id));
    let replay = move |_| {
        change(
            url.clone(),
            "POST",
            Some("{}".to_owned()),
            move |answer| match answer {
                Ok(_) => again.run(()),
                Err(error) => failure.set(Some(error)),
            },
        );
    };
    let log: Vec<_> = row
        .log
        .iter()
        .map(|attempt| {
            let status = attempt.status.map_or("no answer".to_owned(), |it| it.to_string());
            let when = format::nanos(&attempt.at);
            view! { <li><When at=when /> " " {status} ", " {attempt.took_ms} " ms " {attempt.error.clone()}</li> }
        })
        .collect();
    view! {
        <li>
            <p>
                <span class=format!("status {class}")>{row.status.clone()}</span>
                " "
                <b>{row.receiver.clone()}</b>
                " "
                {row.summary.clone()}
            </p>
            <p class="quiet">
                <When at=format::nanos(&row.enqueued) />
                {(!row.note.is_empty()).then(|| format!(" · {}", row.note))}
                {row.due.as_deref().map(|due| format!(" · next try {}", moment(format::nanos(due), preferences)))}
            </p>
            <details>
                <summary>{format::plural(u64::from(row.attempts), "attempt", "attempts")}</summary>
                <ol class="timeline">{log}</ol>
                {(row.status == "dead").then(|| view! { <button on:click=replay>"Send again"</button> })}
                {move || failure.get().map(|failure| view! { <p class="error-line">{failure.problem.error}</p> })}
            </details>
        </li>
    }
}

fn receiver_list(page: &ReceiverPage) -> impl IntoView + use<> {
    let problem = page
        .problem
        .clone()
        .map(|problem| view! { <p class="error-line">{problem}</p> });
    if page.receivers.is_empty() {
        return view! {
            {problem}
            <p class="quiet">"Nobody: name receivers in " <code>{page.file.clone()}</code> "."</p>
        }
        .into_any();
    }
    let rows: Vec<_> = page.receivers.iter().map(receiver).collect();
    view! {
        {problem}
        <div class="scrolled" tabindex="0">
            <table class="plain-table">
                <thead>
                    <tr>
                        <th scope="col">"Receiver"</th>
                        <th scope="col">"Format"</th>
                        <th scope="col">"Address"</th>
                        <th scope="col">"Told about"</th>
                        <th scope="col">"Health"</th>
                        <th scope="col" class="number">"Delivered"</th>
                        <th scope="col" class="number">"Waiting"</th>
                        <th scope="col" class="number">"Given up"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn receiver(row: &ReceiverView) -> impl IntoView + use<> {
    let class = match row.health.as_str() {
        "ok" => "ok",
        "failing" | "gone" => "failed",
        _ => "unknown",
    };
    view! {
        <tr>
            <td><b>{row.name.clone()}</b> {row.signed.then(|| view! { <small>" signed"</small> })}</td>
            <td>{row.format.clone()}</td>
            <td><code>{row.url.clone()}</code></td>
            <td>{row.route.clone()}</td>
            <td>
                <span class=format!("status {class}")>{row.health.clone()}</span>
                {row.last_error.clone().map(|error| view! { <small class="reason">{error}</small> })}
            </td>
            <td class="number">{format::count(row.delivered)}</td>
            <td class="number">{format::count(row.waiting)}</td>
            <td class="number">{format::count(row.dead)}</td>
        </tr>
    }
}
