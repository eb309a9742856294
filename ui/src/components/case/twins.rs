//! An execution beside the healthy one that is most like it.

use crate::components::{Empty, Status, icon};
use crate::format;
use leptos::prelude::*;
use model::compare::{AlignedState, AlignedVisit, Compared, Twins};
use model::time::human_duration;
use std::sync::Arc;

/// More rows than this are cut to those that differ.
const ROWS: usize = 60;

/// Rows worth showing, by place: all of a short alignment, those that differ of a long one.
fn rows(twins: &Twins) -> Vec<usize> {
    let all = 0..twins.states.len();
    if twins.states.len() <= ROWS {
        return all.collect();
    }
    let at = twins.diverges_at.map_or(usize::MAX, |at| at as usize);
    all.filter(|row| *row == at || !twins.states[*row].differences.is_empty())
        .take(ROWS)
        .collect()
}

/// The alignment as a table, with the place where they part.
#[component]
pub fn Beside(
    /// What is beside what.
    twins: Arc<Twins>,
    /// The page of the execution.
    base: String,
    /// Two that somebody chose: they are called A and B, and neither is healthy by being there.
    #[prop(optional)]
    chosen: bool,
) -> impl IntoView {
    let Some(twin) = twins.twins.first().cloned() else {
        return view! {
            <Empty title="No healthy twin yet">
                <p>"A twin is an execution of the same state machine that succeeded. Once one is held, it stands here."</p>
            </Empty>
        }
        .into_any();
    };
    let rows = rows(&twins);
    let left_out = twins.states.len() - rows.len();
    let longest = rows
        .iter()
        .flat_map(|row| {
            let state = &twins.states[*row];
            let twin = state.twins.first().and_then(Option::as_ref);
            [state.subject.as_ref(), twin].into_iter().flatten()
        })
        .filter_map(|visit| visit.duration_ns)
        .max()
        .unwrap_or(1);
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let parts = twins.diverges_at == Some(*row as u32);
            line(&twins.states[*row], parts, longest, &base, &twin.trace_id)
        })
        .collect();
    let compare = format!("/compare?a={}&b={}", twins.subject.trace_id, twin.trace_id);
    let head = match chosen {
        true => [
            format!("A: {}", twins.subject.name),
            format!("B: {}", twin.name),
        ],
        false => ["This execution".to_owned(), "Healthy twin".to_owned()],
    };
    let [own, other] = head;
    let intro = match chosen {
        true => pair(&twins).into_any(),
        false => nearest(&twins, &twin, &compare).into_any(),
    };
    view! {
        {intro}
        {twins.divergence.clone().map(|text| view! { <p class="parting">{icon("branch")} <span><b>"They part: "</b> {text}</span></p> })}
        <div class="scrolled" tabindex="0" role="group" aria-label="State by state">
            <table class="plain-table aligned">
                <thead>
                    <tr>
                        <th scope="col">"State"</th>
                        <th scope="col">{own}</th>
                        <th scope="col">{other}</th>
                        <th scope="col" class="number">{if chosen { "A − B" } else { "Difference to it" }}</th>
                        <th scope="col">"How it differs"</th>
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </table>
        </div>
        {(left_out > 0).then(|| view! { <p class="quiet">{format!("{} that do not differ are left out.", format::plural(left_out as u64, "state visit", "state visits"))}</p> })}
    }
    .into_any()
}

/// Two that were chosen, by what they are.
fn pair(twins: &Twins) -> impl IntoView + use<> {
    let side = |letter: &'static str, of: &Compared| {
        view! {
            <span class="of-pair">
                <b>{letter}</b> " " <a href=format!("/x/{}", of.trace_id)>{of.name.clone()}</a> " "
                <Status status=of.status.clone() /> " "
                {of.duration_ns.map_or("no end yet".to_owned(), human_duration)}
            </span>
        }
    };
    let other = twins.twins.first().cloned().unwrap_or_default();
    view! { <p class="pair">{side("A", &twins.subject)} {side("B", &other)}</p> }
}

fn nearest(twins: &Twins, twin: &Compared, compare: &str) -> impl IntoView + use<> {
    let against = (twins.twins.len() > 1).then(|| {
        format!(
            "How it differs is told against the {} nearest together: what none of them shows. ",
            twins.twins.len()
        )
    });
    let compare = compare.to_owned();
    view! {
        <p>
            "Most like " <a href=format!("/x/{}", twin.trace_id)>{twin.name.clone()}</a>
            {format!(
                ", which took {} against {}. {} looked at. ",
                twin.duration_ns.map_or("no time".into(), human_duration),
                twins.subject.duration_ns.map_or("no end yet".into(), human_duration),
                format::plural(twins.candidates.into(), "healthy execution", "healthy executions"),
            )} {against} <a href=compare>"Compare in full"</a>
        </p>
    }
}

/// How much longer the visit took than the one that is shown beside it.
fn difference(state: &AlignedState) -> Option<i64> {
    let of = |visit: Option<&AlignedVisit>| visit.and_then(|visit| visit.duration_ns);
    let other = state.twins.first().and_then(Option::as_ref);
    Some(of(state.subject.as_ref())?.saturating_sub(of(other)?))
}

/// Why a row says nothing of a visit that is missing here: some of the twins miss it, too.
fn words(state: &AlignedState) -> String {
    if state.subject.is_some() || !state.differences.is_empty() {
        return state.differences.join("; ");
    }
    let without = state.twins.iter().filter(|it| it.is_none()).count();
    match without {
        0 => "not visited".to_owned(),
        n => format!("not visited, as in {n} of {} twins", state.twins.len()),
    }
}

fn line(
    state: &AlignedState,
    parts: bool,
    longest: i64,
    base: &str,
    twin: &str,
) -> impl IntoView + use<> {
    let found = difference(state);
    let delta = found.map(|delta| match delta {
        0.. => format!("+{}", human_duration(delta)),
        _ => human_duration(delta),
    });
    let slower = found.is_some_and(|delta| delta > 0);
    let of_twin = state.twins.first().and_then(Option::as_ref);
    view! {
        <tr class:parts=parts>
            <th scope="row">
                {parts.then(|| icon("branch"))} {state.path.clone()} " " <small>{state.state_type.clone()}</small>
            </th>
            <td>{visit(state.subject.as_ref(), longest, base)}</td>
            <td>{visit(of_twin, longest, &format!("/x/{twin}"))}</td>
            <td class="number" class:slower=slower>{delta}</td>
            <td>{words(state)}</td>
        </tr>
    }
}

fn visit(visit: Option<&AlignedVisit>, longest: i64, base: &str) -> AnyView {
    let Some(visit) = visit else {
        return view! { <span class="quiet">"not entered"</span> }.into_any();
    };
    let length = visit.duration_ns.unwrap_or(0).max(0) as f64 / longest.max(1) as f64 * 100.0;
    let bad = !matches!(visit.status.as_str(), "SUCCEEDED" | "");
    let duration = visit
        .duration_ns
        .map_or("no end".to_owned(), human_duration);
    let error = visit.error.clone();
    view! {
        <a class="beside" href=format!("{base}?sel={}", visit.span_id)>
            <span class="in-bar" class:bad=bad><i style:width=format!("{length:.1}%") aria-hidden="true"></i></span>
            <span>{duration}</span>
            {bad.then(|| view! { <Status status=visit.status.clone() /> })}
            {(visit.retries > 0).then(|| view! { <span class="signal retry">{icon("retry")} {visit.retries}</span> })}
        </a>
        {error.map(|error| view! { <small class="wasted">{error}</small> })}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_to_the_twin_that_is_shown() {
        let visit = |ns: i64| {
            Some(AlignedVisit {
                duration_ns: Some(ns),
                ..AlignedVisit::default()
            })
        };
        let mut state = AlignedState {
            subject: visit(119),
            twins: vec![visit(95), visit(633), None],
            delta_ns: Some(-514),
            ..AlignedState::default()
        };
        assert_eq!(difference(&state), Some(24));
        assert_eq!(words(&state), "");
        state.subject = None;
        assert_eq!(difference(&state), None);
        assert_eq!(words(&state), "not visited, as in 1 of 3 twins");
    }

    #[test]
    fn long_alignments_keep_what_differs_and_where_they_part() {
        let state = |differs: bool| AlignedState {
            differences: if differs {
                vec!["slower".into()]
            } else {
                Vec::new()
            },
            ..AlignedState::default()
        };
        let mut twins = Twins {
            states: vec![state(false); 3],
            ..Twins::default()
        };
        assert_eq!(rows(&twins), [0, 1, 2]);
        twins.states = vec![state(false); 500];
        twins.states[7] = state(true);
        twins.diverges_at = Some(9);
        assert_eq!(rows(&twins), [7, 9]);
    }
}
