//! `/slos`: every objective, the worst first.

use crate::api::{Load, remote_json};
use crate::components::{Empty, Problem, Waiting, When};
use crate::format;
use crate::geometry::plot::{Frame, SIZE};
use crate::url::escape;
use leptos::prelude::*;
use model::api::slo::{SloFinding, SloPage, SloRow, SloStatus};
use std::{sync::Arc, time::Duration};

/// How often the page asks again until there was a first evaluation.
const EVERY: Duration = Duration::from_secs(2);

/// How an objective stands, in a word, and the class of its colour.
pub fn status_words(status: SloStatus) -> (&'static str, &'static str) {
    match status {
        SloStatus::Ok => ("Kept", "ok"),
        SloStatus::AtRisk => ("At risk", "timed-out"),
        SloStatus::Breached => ("Budget spent", "failed"),
        SloStatus::Unknown => ("Unknown", "unknown"),
        SloStatus::NotMeasured => ("Not measured", "unknown"),
        SloStatus::Evaluating => ("Evaluating…", "unknown"),
    }
}

/// A share as a percentage with as many digits as it needs: 99.95 %, never 100 % unless it is.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = match (1.0 - share).abs() {
        0.0 => 0,
        gap if gap < 0.0001 => 4,
        gap if gap < 0.01 => 3,
        gap if gap < 0.1 => 2,
        _ => 1,
    };
    format!("{value:.digits$} %")
}

/// A share of the budget.
pub fn budget(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A burn rate.
pub fn burn(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}×"),
        v if v >= 10.0 => format!("{v:.1}×"),
        v => format!("{v:.2}×"),
    }
}

/// The page.
#[component]
pub fn Slos() -> impl IntoView {
    let page = remote_json::<SloPage>(|| Some("/api/v1/slos".to_owned()));
    // Just started, the server does not know yet how they stand.
    let timer = set_interval_with_handle(
        move || {
            let waits = |page: &Arc<SloPage>| page.evaluated_at.is_none() && !page.rows.is_empty();
            if page.ready().as_ref().is_some_and(waits) {
                page.reload();
            }
        },
        EVERY,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let body = move || match page.state.get() {
        Load::Waiting => view! { <Waiting what="objectives" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(page) if page.rows.is_empty() && page.problems.is_empty() => {
            nothing().into_any()
        }
        Load::Ready(page) => list(&page).into_any(),
    };
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored("SLOs · Inquest".to_owned()) />
            <header class="page-head">
                <h1>"Service level objectives"</h1>
                <nav aria-label="About objectives">
                    <a href="/alerts">"Alerts"</a>
                    <a href="/slos/new">"New objective"</a>
                </nav>
            </header>
            {body}
        </div>
    }
}

fn nothing() -> impl IntoView {
    view! {
        <Empty title="No objectives yet">
            <p>"An objective says what share of executions must succeed, or be fast, in which time."</p>
            <pre>"slo: orders-succeed\nindicator: {workflow: orders}\ntarget: 99.5%\nwindow: 28d"</pre>
            <p>
                "Put such a file into the folder "<code>"slo"</code>" of the data, or "
                <a href="/slos/new">"write one here"</a>"."
            </p>
        </Empty>
    }
}

fn list(page: &SloPage) -> impl IntoView + use<> {
    let rows = page.rows.iter().map(row).collect_view();
    let when = page.evaluated_at.as_deref().map(format::nanos);
    view! {
        {findings(&page.problems)}
        <div class="scrolled" tabindex="0">
            <table class="plain-table slo-table">
                <thead>
                    <tr>
                        <th scope="col">"Objective"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col" class="number">"Target"</th>
                        <th scope="col" class="number">"Now"</th>
                        <th scope="col">"Budget left"</th>
                        <th scope="col">"Trend"</th>
                        <th scope="col" class="number">"Burn, 1 h"</th>
                        <th scope="col">"Firing"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {when.map(|when| view! { <p class="quiet">"Evaluated at " <When at=when /></p> })}
    }
}

fn row(row: &SloRow) -> impl IntoView + use<> {
    let (word, class) = status_words(row.status);
    let name = match row.display_name.is_empty() {
        true => row.name.clone(),
        false => row.display_name.clone(),
    };
    let about = [
        Some(row.brief.clone()),
        Some(row.window.clone()),
        row.service.clone(),
    ];
    let about: Vec<String> = about
        .into_iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    let reason = row
        .reason
        .clone()
        .map(|reason| view! { <small class="reason">{reason}</small> });
    let firing: Vec<_> = row
        .firing
        .iter()
        .map(|severity| view! { <span class=format!("badge severity-{severity}")>{severity.clone()}</span> })
        .collect();
    view! {
        <tr>
            <td>
                <a href=format!("/slo/{}", escape(&row.name))>{name}</a>
                <small class="about" title=row.indicator.clone()>{about.join(" · ")}</small>
            </td>
            <td><span class=format!("status {class}")>{word}</span> {reason}</td>
            <td class="number">{target(&row.target)}</td>
            <td class="number">{row.sli.map(percent)}</td>
            <td>{row.budget_remaining.map(budget_bar)}</td>
            <td>{spark(&row.trend)}</td>
            <td class="number">{row.burn_1h.map(burn)}</td>
            <td>{firing}</td>
        </tr>
    }
}

/// `0.995` → `99.5 %`, digit by digit: the target is exact.
pub fn target(text: &str) -> String {
    text.parse::<f64>().map_or(text.to_owned(), |share| {
        let shown = format!("{:.6}", share * 100.0);
        format!("{} %", shown.trim_end_matches('0').trim_end_matches('.'))
    })
}

/// What is left, as a bar and a number.
fn budget_bar(left: f64) -> impl IntoView {
    let class = match left {
        left if left <= 0.0 => "budget-bar spent",
        left if left < 0.25 => "budget-bar low",
        _ => "budget-bar",
    };
    view! {
        <span class=class>
            <i aria-hidden="true"><b style:width=format!("{:.1}%", left.clamp(0.0, 1.0) * 100.0)></b></i>
            {budget(left)}
        </span>
    }
}

/// A small line of what was left.
fn spark(values: &[Option<f64>]) -> impl IntoView + use<> {
    let first = values.iter().position(Option::is_some).unwrap_or(0);
    let values = &values[first..];
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    if known.len() < 2 {
        return ().into_any();
    }
    let times: Vec<i64> = (0..values.len() as i64).collect();
    let frame = Frame::around(0, values.len() as i64 - 1, known.into_iter());
    view! {
        <svg class="spark" aria-hidden="true" viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) preserveAspectRatio="none">
            <path class="line line-1" d=frame.line(&times, values)></path>
        </svg>
    }
    .into_any()
}

/// What the linter says.
pub fn findings(findings: &[SloFinding]) -> impl IntoView + use<> {
    let items: Vec<_> = findings
        .iter()
        .map(|finding| {
            let place = match finding.line {
                0 => finding.file.clone(),
                line => format!("{}:{line}", finding.file),
            };
            view! {
                <li class=format!("finding {}", finding.level)>
                    <b>{finding.level.clone()}</b>
                    " "
                    <code>{place}</code>
                    " "
                    {finding.text.clone()}
                    " "
                    <small>{finding.rule.clone()}</small>
                </li>
            }
        })
        .collect();
    (!items.is_empty()).then(|| view! { <ul class="findings">{items}</ul> })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        let check = |share, expect: &str| assert_eq!(percent(share), expect);
        check(1.0, "100 %");
        check(0.99995, "99.9950 %");
        check(0.995, "99.500 %");
        check(0.5, "50.0 %");
        assert_eq!(target("0.995"), "99.5 %");
        assert_eq!(target("0.9999"), "99.99 %");
        assert_eq!(target("?"), "?");
    }
}
