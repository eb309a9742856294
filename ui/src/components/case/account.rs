//! What an execution cost, and how much of it for nothing.

use leptos::prelude::*;
use model::{CostConfidence, CostReport};
use std::sync::Arc;

/// States told below the sum.
const STATES: usize = 8;

fn item_word(item: &str) -> String {
    let mut words = item.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn confidence_words(confidence: CostConfidence) -> &'static str {
    match confidence {
        CostConfidence::Exact => "every quantity is recorded",
        CostConfidence::Estimated => "estimated: some quantities are assumed",
        CostConfidence::Partial => "partial: something is missing",
    }
}

/// The bill.
#[component]
pub fn Cost(cost: Arc<CostReport>, base: String) -> impl IntoView {
    let usd = |picodollars: i64| format!("${}", model::cost::usd(picodollars));
    let most = cost
        .by_item
        .iter()
        .map(|(_, pico)| *pico)
        .max()
        .unwrap_or(0)
        .max(1);
    let items = cost.by_item.iter().filter(|(_, pico)| *pico > 0).map(|(item, pico)| {
        let width = *pico as f64 / most as f64 * 100.0;
        view! {
            <tr>
                <td>{item_word(item)}</td>
                <td class="in-bar"><i style:width=format!("{width:.1}%") aria-hidden="true"></i></td>
                <td class="number">{usd(*pico)}</td>
            </tr>
        }
    });
    let states = cost.by_state.iter().filter(|(_, pico, _)| *pico > 0).take(STATES).map(|(state, pico, wasted)| {
        let name = match state.is_empty() {
            true => view! { <span class="quiet">"the execution itself"</span> }.into_any(),
            false => view! { <a href=format!("{base}?tab=graph&by=cost&state={}", crate::url::escape(state))>{state.clone()}</a> }.into_any(),
        };
        view! {
            <tr>
                <td>{name}</td>
                <td class="number">{usd(*pico)}</td>
                <td class="number wasted">{(*wasted > 0).then(|| usd(*wasted))}</td>
            </tr>
        }
    });
    let wasted = cost.wasted_ratio.filter(|ratio| *ratio > 0.0).map(|ratio| {
        view! { <div><dt>"For nothing"</dt> <dd class="wasted">{format!("${} ({:.0} %)", cost.wasted_usd, ratio * 100.0)}</dd></div> }
    });
    let gaps: Vec<_> = cost
        .gaps
        .iter()
        .map(|gap| view! { <li>{gap.clone()}</li> })
        .collect();
    let source = [cost.price_book.as_str(), &cost.region, &cost.price_source];
    let source: Vec<&str> = source.into_iter().filter(|part| !part.is_empty()).collect();
    view! {
        <dl class="fact-strip">
            <div><dt>"In all"</dt> <dd>{match cost.is_priced() { true => format!("${}", cost.usd), false => "not priced".to_owned() }}</dd></div>
            {wasted}
            <div><dt>"Confidence"</dt> <dd>{confidence_words(cost.confidence)}</dd></div>
        </dl>
        <div class="two-tables">
            <table class="plain-table"><caption class="visually-hidden">"By kind"</caption>
                <thead><tr><th scope="col">"Billed"</th><th scope="col"><span class="visually-hidden">"Share"</span></th><th scope="col" class="number">"Cost"</th></tr></thead>
                <tbody>{items.collect_view()}</tbody>
            </table>
            <table class="plain-table"><caption class="visually-hidden">"By state"</caption>
                <thead><tr><th scope="col">"State"</th><th scope="col" class="number">"Cost"</th><th scope="col" class="number">"Wasted"</th></tr></thead>
                <tbody>{states.collect_view()}</tbody>
            </table>
        </div>
        {(!gaps.is_empty()).then(|| view! { <h3>"Assumed or missing"</h3> <ul class="gaps">{gaps}</ul> })}
        <p class="quiet">{format!("Prices: {}", source.join(" · "))}</p>
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn items_read_well() {
        assert_eq!(super::item_word("lambda_compute"), "Lambda compute");
        assert_eq!(super::item_word(""), "");
    }
}
