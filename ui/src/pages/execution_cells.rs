//! What the cells of the list of executions say.

use crate::components::icon;
use crate::format;
use leptos::prelude::*;
use model::Outcome;
use model::api::ExecutionRow;

/// The error that explains the end, and where.
pub fn error_text(row: &ExecutionRow) -> impl IntoView + use<> {
    let error = row.root_error.clone().or_else(|| row.error.clone());
    let place = row.root_state.clone();
    view! {
        <b>{error}</b>
        {place.map(|state| view! { <small>" in " {state}</small> })}
    }
}

/// Somebody is named, or the case is cold.
pub fn accused(row: &ExecutionRow) -> bool {
    let outcome = row.verdict.as_ref().map(|verdict| verdict.outcome);
    outcome.is_some_and(|outcome| outcome != Outcome::NoCrime)
}

/// Whose fault it was, and of which kind.
pub fn culprit(row: &ExecutionRow) -> Option<AnyView> {
    let verdict = row.verdict.as_ref()?;
    let word = |text: &'static str| Some(view! { <small>{text}</small> }.into_any());
    match (verdict.outcome, &verdict.culprit) {
        (Outcome::Verdict, Some(name)) => {
            let kind = verdict.category.map(|it| it.as_str().replace('_', " "));
            let sure = format!("{name}: {:.0} % sure", verdict.confidence * 100.0);
            Some(
                view! {
                    <b title=sure>{name.clone()}</b>
                    " "
                    <small>{kind}</small>
                }
                .into_any(),
            )
        }
        (Outcome::ColdCase, _) if row.status == "RUNNING" => None,
        (Outcome::ColdCase, _) => word("cold case"),
        _ if row.status == "SUCCEEDED" || row.status == "RUNNING" => None,
        _ => word("no crime"),
    }
}

/// What makes an execution worth a look, each with its icon, its number and, for hovers, its name.
pub fn signals(row: &ExecutionRow) -> impl IntoView + use<> {
    let all = [
        (row.cold_starts, "cold", "cold start", "cold starts"),
        (row.retries, "retry", "retry", "retries"),
        (
            row.caught_failures,
            "caught",
            "caught failure",
            "caught failures",
        ),
    ];
    all.into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, name, one, many)| {
            let words = format::plural(n.into(), one, many);
            view! {
                <span class=format!("signal {name}") title=words.clone()>
                    {icon(name)} {n} <span class="visually-hidden">{words.clone()}</span>
                </span>
            }
        })
        .collect_view()
}
