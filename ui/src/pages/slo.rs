//! `/slo/:name`: one objective: what is left, who burns it, what fired.

use super::slo_editor::Editor;
use super::slos::{budget, burn, findings, percent, status_words, target};
use crate::api::{Load, Remote, remote_json};
use crate::browser::Preferences;
use crate::components::plot::{Drawn, Line, Mark, Plot};
use crate::components::{Problem, Waiting, When, moment};
use crate::format;
use crate::router::Router;
use crate::url::escape;
use leptos::prelude::*;
use model::api::slo::{AlertRow, Contributor, EventBar, RuleState, SloDetail};
use model::time::human_duration;
use std::sync::Arc;

/// The page.
#[component]
pub fn SloView(
    /// Name of the objective.
    name: String,
) -> impl IntoView {
    let router = Router::get();
    let path = format!("/api/v1/slos/{}", escape(&name));
    let detail: Remote<SloDetail> = {
        let path = path.clone();
        remote_json(move || Some(path.clone()))
    };
    let editing = Memo::new(move |_| router.query("edit").is_some());
    let held = name.clone();
    let body = move || match detail.state.get() {
        Load::Waiting => view! { <Waiting what="the objective" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || detail.reload() /> }.into_any()
        }
        Load::Ready(_) if editing.get() => view! { <Editor name=held.clone() /> }.into_any(),
        Load::Ready(detail) => content(&detail).into_any(),
    };
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored(format!("{name} · SLO · Inquest")) />
            {body}
        </div>
    }
}

fn content(detail: &Arc<SloDetail>) -> impl IntoView + use<> {
    let preferences = Preferences::get();
    let row = &detail.row;
    let (word, class) = status_words(row.status);
    let facts = [
        ("Target", Some(target(&row.target))),
        ("Window", Some(row.window.clone())),
        ("Good means", Some(row.brief.clone())),
        ("Now", row.sli.map(percent)),
        ("Budget left", row.budget_remaining.map(budget)),
        (
            "Bad events",
            Some(match row.budget_allowed {
                Some(allowed) => format!("{} of {allowed:.1} allowed", format::count(row.bad)),
                None => format::count(row.bad),
            }),
        ),
        ("Valid events", Some(format::count(row.total))),
        ("One failure costs", row.one_failure_costs.map(budget)),
        (
            "Spent at this burn",
            row.exhausts_at
                .as_deref()
                .map(|at| moment(format::nanos(at), preferences)),
        ),
        ("Forecast at the end", detail.forecast_remaining.map(budget)),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| {
        value.map(|value| view! { <div><dt>{name}</dt> <dd>{value}</dd></div> })
    });
    let edit = detail.editable.then(|| {
        view! { <a href=format!("/slo/{}?edit", escape(&row.name))>"Edit"</a> }
    });
    view! {
        <header class="page-head">
            <div>
                <h1>{row.name.clone()}</h1>
                <span class=format!("status {class}")>{word}</span>
                {row.reason.clone().map(|reason| view! { <small>" " {reason}</small> })}
            </div>
            <nav aria-label="About this objective"><a href="/slos">"All objectives"</a> {edit}</nav>
        </header>
        {(!detail.description.is_empty()).then(|| view! { <p>{detail.description.clone()}</p> })}
        <dl class="fact-strip">{facts.collect_view()}</dl>
        {findings(&detail.findings)}
        <section class="card"><h2>"Budget left"</h2> {budget_plot(detail)}</section>
        <section class="card"><h2>"Burn rate"</h2> {burn_plot(detail)}</section>
        <section class="card"><h2>"Good and bad events"</h2> {bars(&detail.events, detail.bar_s)}</section>
        <section class="card"><h2>"Who burns it"</h2> {contributors(&detail.contributors)}</section>
        <section class="card"><h2>"Rules"</h2> {rules(&detail.rules)}</section>
        <section class="card"><h2>"Alerts"</h2> {alerts(&detail.alerts)}</section>
        <section class="card">
            <h2>"How these numbers come about"</h2>
            <ul class="explain">{detail.explain.iter().map(|line| view! { <li>{line.clone()}</li> }).collect_view()}</ul>
        </section>
    }
}

/// Alerts and whatever happened, as marks.
fn marks(detail: &SloDetail) -> Vec<Mark> {
    let end = detail
        .budget
        .last()
        .map_or(i64::MAX, |point| format::nanos(&point.t));
    let alerts = detail.alerts.iter().map(|alert| Mark {
        class: format!("alert severity-{}", alert.severity),
        from: format::nanos(&alert.fired_at),
        to: alert.resolved_at.as_deref().map_or(end, format::nanos),
        text: format!("{}: {}", alert.severity, alert.explain),
    });
    let notes = detail.annotations.iter().map(|note| Mark {
        class: note.kind.clone(),
        from: format::nanos(&note.from),
        to: format::nanos(note.to.as_ref().unwrap_or(&note.from)),
        text: format!("{}: {}", note.kind, note.text),
    });
    alerts.chain(notes).collect()
}

/// The first point at which something is known: charts begin there.
fn first_known(detail: &SloDetail) -> usize {
    let known = |at: &usize| {
        detail.budget[*at].remaining.is_some()
            || detail
                .burn_series
                .iter()
                .any(|series| series.burn.get(*at).copied().flatten().is_some())
    };
    let first = (0..detail.budget.len()).find(known).unwrap_or(0);
    first.saturating_sub(1)
}

fn times(detail: &SloDetail) -> Vec<i64> {
    detail
        .budget
        .iter()
        .skip(first_known(detail))
        .map(|point| format::nanos(&point.t))
        .collect()
}

fn budget_plot(detail: &SloDetail) -> impl IntoView + use<> {
    let drawn = Drawn {
        times: times(detail),
        lines: vec![Line {
            name: "budget left".to_owned(),
            class: "line-1".to_owned(),
            values: detail
                .budget
                .iter()
                .skip(first_known(detail))
                .map(|point| point.remaining)
                .collect(),
            shown: true,
        }],
        limits: Vec::new(),
        marks: marks(detail),
    };
    view! { <Plot drawn=drawn label="Budget left through time" value=budget /> }
}

fn burn_plot(detail: &SloDetail) -> impl IntoView + use<> {
    // The long window of each rule tells enough; the short ones are there to be switched on.
    let long: Vec<&str> = detail
        .rules
        .iter()
        .filter_map(|rule| rule.text.strip_prefix("burn over ")?.split(' ').next())
        .collect();
    let lines = detail
        .burn_series
        .iter()
        .enumerate()
        .map(|(at, series)| Line {
            name: series.window.clone(),
            class: format!("line-{}", at % 8 + 1),
            values: series
                .burn
                .iter()
                .skip(first_known(detail))
                .copied()
                .collect(),
            shown: long.contains(&series.window.as_str()),
        });
    let mut limits: Vec<(String, f64)> = detail
        .rules
        .iter()
        .filter_map(|rule| Some((rule.text.clone(), rule.threshold?)))
        .collect();
    limits.dedup_by(|a, b| a.1 == b.1);
    let drawn = Drawn {
        times: times(detail),
        lines: lines.collect(),
        limits,
        marks: marks(detail),
    };
    view! { <Plot drawn=drawn label="Burn rate through time by window, with the thresholds of the rules" value=burn /> }
}

fn bars(events: &[EventBar], width_s: i64) -> impl IntoView + use<> {
    let preferences = Preferences::get();
    let first = events.iter().position(|bar| bar.good + bar.bad > 0);
    let events = &events[first.unwrap_or(0).saturating_sub(1)..];
    let peak = events
        .iter()
        .map(|bar| bar.good + bar.bad)
        .max()
        .unwrap_or(0);
    if peak == 0 {
        return view! { <p class="quiet">"No valid events in this time."</p> }.into_any();
    }
    let step = 1_000.0 / events.len() as f64;
    let height = |count: u64| count as f64 / peak as f64 * 80.0;
    let drawn: Vec<_> = events
        .iter()
        .enumerate()
        .map(|(at, bar)| {
            let (good, bad) = (height(bar.good), height(bar.bad));
            let title = format!(
                "{}: {} good, {} bad",
                moment(format::nanos(&bar.t), preferences),
                bar.good,
                bar.bad
            );
            let x = at as f64 * step;
            view! {
                <g>
                    <title>{title}</title>
                    <rect class="bad" x=x y=80.0 - bad width=step * 0.86 height=bad></rect>
                    <rect class="good" x=x y=80.0 - bad - good width=step * 0.86 height=good></rect>
                </g>
            }
        })
        .collect();
    let bad: u64 = events.iter().map(|bar| bar.bad).sum();
    let words = format!(
        "{} bad among {} in bars of {}",
        format::count(bad),
        format::count(events.iter().map(|bar| bar.good + bar.bad).sum()),
        human_duration(width_s.saturating_mul(1_000_000_000))
    );
    view! {
        <figure class="event-bars">
            <svg role="img" aria-label=words.clone() viewBox="0 0 1000 80" preserveAspectRatio="none">{drawn}</svg>
            <figcaption>{words}</figcaption>
        </figure>
    }
    .into_any()
}

fn contributors(list: &[Contributor]) -> impl IntoView + use<> {
    if list.is_empty() {
        return view! { <p class="quiet">"Nobody: there is no bad event in the window."</p> }
            .into_any();
    }
    let rows: Vec<_> = list
        .iter()
        .map(|one| {
            let examples: Vec<_> = one
                .examples
                .iter()
                .map(|example| {
                    let name = match example.name.is_empty() {
                        true => example.trace_id.clone(),
                        false => example.name.clone(),
                    };
                    view! { <a href=format!("/x/{}?tab=case", escape(&example.execution))>{name}</a> " " }
                })
                .collect();
            view! {
                <tr>
                    <td><small>{one.kind.replace('_', " ")}</small> " " <b>{one.name.clone()}</b></td>
                    <td class="number">{format::count(one.bad)}</td>
                    <td class="number">{budget(one.share)}</td>
                    <td class="number">{one.lift.map_or("only in bad ones".to_owned(), |lift| format!("{lift:.1}×"))}</td>
                    <td class="examples">{examples}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <div class="scrolled" tabindex="0">
            <table class="plain-table">
                <thead>
                    <tr>
                        <th scope="col">"Suspect"</th>
                        <th scope="col" class="number">"Bad events"</th>
                        <th scope="col" class="number">"Of all bad"</th>
                        <th scope="col" class="number" title="How much more often among bad events than among good ones">"Lift"</th>
                        <th scope="col">"Examples"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn rules(list: &[RuleState]) -> impl IntoView + use<> {
    let rows: Vec<_> = list
        .iter()
        .map(|rule| {
            let class = match rule.state.as_str() {
                "firing" => "failed",
                "pending" => "timed-out",
                "unknown" => "unknown",
                _ => "ok",
            };
            view! {
                <tr>
                    <td><span class=format!("badge severity-{}", rule.severity)>{rule.severity.clone()}</span></td>
                    <td>{rule.text.clone()}</td>
                    <td><span class=format!("status {class}")>{rule.state.clone()}</span></td>
                    <td>{rule.since.as_deref().map(|since| view! { <When at=format::nanos(since) /> })}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <div class="scrolled" tabindex="0">
            <table class="plain-table">
                <thead>
                    <tr>
                        <th scope="col">"Severity"</th>
                        <th scope="col">"Rule"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Since"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// Incidents, each with the numbers at which it fired and the changes of its rules.
pub fn alerts(list: &[AlertRow]) -> impl IntoView + use<> {
    if list.is_empty() {
        return view! { <p class="quiet">"None."</p> }.into_any();
    }
    let items: Vec<_> = list.iter().map(alert).collect();
    view! { <ol class="alerts">{items}</ol> }.into_any()
}

/// The numbers; that it was late is said beside the time.
fn told(explain: &str) -> String {
    let late = explain.rfind("; detected late by ");
    explain[..late.unwrap_or(explain.len())].to_owned()
}

fn alert(alert: &AlertRow) -> impl IntoView + use<> {
    let class = match alert.state.as_str() {
        "firing" => "failed",
        "resolved" => "ok",
        _ => "unknown",
    };
    let fired = format::nanos(&alert.fired_at);
    let lasted = alert.resolved_at.as_deref().map(|end| {
        format!(
            " for {}",
            human_duration(format::nanos(end).saturating_sub(fired))
        )
    });
    let timeline: Vec<_> = alert
        .timeline
        .iter()
        .map(|change| {
            let when = format::nanos(&change.t);
            view! { <li><When at=when /> " " {change.rule.clone()} " " <b>{change.state.clone()}</b></li> }
        })
        .collect();
    view! {
        <li>
            <p>
                <span class=format!("badge severity-{}", alert.severity)>{alert.severity.clone()}</span>
                " "
                <span class=format!("status {class}")>{alert.state.clone()}</span>
                " "
                <a href=format!("/slo/{}", escape(&alert.slo))>{alert.slo.clone()}</a>
                " since "
                <When at=fired />
                {lasted}
                {alert.inhibited.then_some(" (inhibited: a graver alert speaks for it)")}
                {alert.detected_late_s.map(|late| format!(", detected {} late", human_duration(late.saturating_mul(1_000_000_000))))}
            </p>
            <p class="quiet">{told(&alert.explain)}</p>
            <details>
                <summary>{format::plural(alert.timeline.len() as u64, "change", "changes")}</summary>
                <ol class="timeline">{timeline}</ol>
            </details>
            <a href=format!("/alerts?incident={}", escape(&alert.incident))>"Who was told"</a>
        </li>
    }
}
