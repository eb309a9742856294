//! Where the time of an execution went.

use crate::format;
use leptos::prelude::*;
use model::time::human_duration;
use model::{Ledger, PathSegment, TimeCategory};
use std::sync::Arc;

/// Entries told below the bar.
const ENTRIES: usize = 8;
/// Pieces of the critical path that are drawn.
const PIECES: usize = 400;

fn percent(part: i64, whole: i64) -> f64 {
    part.max(0) as f64 / whole.max(1) as f64 * 100.0
}

fn share(part: i64, whole: i64) -> String {
    match percent(part, whole) {
        p if p > 0.0 && p < 1.0 => "< 1 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

/// The ledger as a bar, the critical path below it, and the largest entries.
#[component]
pub fn TimeLedger(ledger: Arc<Ledger>, base: String) -> impl IntoView {
    let whole = ledger.duration_ns;
    let totals: Vec<_> = ledger
        .totals
        .iter()
        .copied()
        .filter(|(_, ns)| *ns > 0)
        .collect();
    if totals.is_empty() {
        return view! { <p class="quiet">"No time has passed, or nothing says when the execution began and ended."</p> }.into_any();
    }
    let bar = totals.iter().map(|(category, ns)| {
        view! {
            <i
                class=format!("cat-{}", category.as_str())
                style:width=format!("{:.4}%", percent(*ns, whole))
                title=format!("{}: {}", category.label(), human_duration(*ns))
            ></i>
        }
    });
    let legend = totals.iter().map(|(category, ns)| {
        view! {
            <li>
                <i class=format!("cat-{}", category.as_str()) aria-hidden="true"></i>
                {match category {
                    TimeCategory::ColdStart => view! { <a href="/cold-starts">{category.label()}</a> }.into_any(),
                    _ => category.label().into_any(),
                }}
                " "
                <b>{human_duration(*ns)}</b>
                " "
                <small>{share(*ns, whole)}</small>
            </li>
        }
    });
    let pieces = ledger
        .critical_path
        .iter()
        .take(PIECES)
        .map(|piece| piece_view(piece, whole, &base));
    let entries = ledger.entries.iter().filter(|entry| entry.duration_ns > 0).take(ENTRIES).map(|entry| {
        let state = match entry.state.is_empty() {
            true => view! { <span class="quiet">"between states"</span> }.into_any(),
            false => entry.state.clone().into_any(),
        };
        view! {
            <tr>
                <td><i class=format!("swatch cat-{}", entry.category.as_str()) aria-hidden="true"></i> {entry.category.label()}</td>
                <td>{state}</td>
                <td>{entry.detail.clone()} {entry.estimated.then_some(" (estimated)")}</td>
                <td class="number">{human_duration(entry.duration_ns)}</td>
                <td class="number">{share(entry.duration_ns, whole)}</td>
            </tr>
        }
    });
    view! {
        <div class="bar-line" role="img" aria-label="Time by category; the list below says the same">{bar.collect_view()}</div>
        <ul class="legend">{legend.collect_view()}</ul>
        <h3>
            "Critical path" <small class="quiet">{format!(" {} from start to end, to scale", format::plural(ledger.critical_path.len() as u64, "piece", "pieces"))}</small>
        </h3>
        <div class="bar-line thin">{pieces.collect_view()}</div>
        <div class="scrolled" tabindex="0" role="group" aria-label="Where the time went">
            <table class="plain-table">
                <thead>
                    <tr>
                        <th scope="col">"Spent on"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"What"</th>
                        <th scope="col" class="number">"Time"</th>
                        <th scope="col" class="number">"Share"</th>
                    </tr>
                </thead>
                <tbody>{entries.collect_view()}</tbody>
            </table>
        </div>
        {(!ledger.ended).then(|| view! { <p class="quiet">"The execution has not ended: this is the account so far."</p> })}
    }
    .into_any()
}

fn piece_view(piece: &PathSegment, whole: i64, base: &str) -> impl IntoView + use<> {
    let state = if piece.path.is_empty() {
        "between states"
    } else {
        &piece.path
    };
    let title = format!(
        "{}: {} {} {}",
        state,
        piece.category.label(),
        human_duration(piece.duration_ns),
        piece.detail
    );
    view! {
        <a
            class=format!("cat-{}", piece.category.as_str())
            href=format!("{base}?sel={}", piece.span_id)
            style:width=format!("{:.4}%", percent(piece.duration_ns, whole))
            title=title.clone()
            aria-label=title
            tabindex="-1"
        ></a>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_nothing() {
        let check = |part, whole, expect: &str| assert_eq!(share(part, whole), expect);
        check(0, 0, "0 %");
        check(1, 1_000, "< 1 %");
        check(500, 1_000, "50 %");
        check(-5, 1_000, "0 %");
    }
}
