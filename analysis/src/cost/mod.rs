//! What an execution cost: list prices, first tier, exact in pico-dollars.
//!
//! Every position has a quantity, a price for a unit, and how sure both are. What has no price is a position
//! without an amount, never a guess from another region. Free tiers, volume tiers and discounts belong to a
//! month of an account and are not in it.
//!
//! | Bill | Module |
//! |---|---|
//! | Lambda: compute, init, requests, /tmp, restore, provisioned; log ingestion | `lambda` |
//! | Step Functions: transitions, Express | `states` |
//! | Fargate and Batch | `containers` |
//! | prices | `book` |

mod book;
mod containers;
mod lambda;
mod states;
mod wasted;

pub use book::{BookError, FunctionFacts, PriceBook};

use crate::ledger::Facts;
use model::{
    CostConfidence, CostItem, CostReport, Execution, SpanId, Waste, cost::usd, text::counted,
};
use std::collections::{BTreeMap, BTreeSet};

/// The positions of one execution's bill, in the order of states and attempts.
pub fn bill(facts: &Facts<'_>, book: &PriceBook) -> Vec<CostItem> {
    let region = region(facts).unwrap_or_default();
    let mut bill = Bill {
        facts,
        book,
        region,
        items: Vec::new(),
    };
    let wasted = wasted::Wasted::of(facts);
    states::bill(&mut bill, &wasted);
    lambda::bill(&mut bill, &wasted);
    containers::bill(&mut bill, &wasted);
    bill.items
}

/// That of the execution's ARN; of a history that names none, that of the resources which its tasks call, if it
/// is one: Step Functions does not call functions and activities of other regions.
fn region<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    if let Some(region) = facts
        .execution
        .region
        .as_deref()
        .filter(|it| !it.is_empty())
    {
        return Some(region);
    }
    let mut called = facts.attempts.iter().filter_map(|it| {
        let mut parts = it.resource.strip_prefix("arn:")?.split(':');
        parts.nth(2).filter(|region| !region.is_empty())
    });
    let first = called.next()?;
    called.all(|other| other == first).then_some(first)
}

/// A bill being written.
struct Bill<'a> {
    facts: &'a Facts<'a>,
    book: &'a PriceBook,
    region: &'a str,
    items: Vec<CostItem>,
}

/// What a position is for.
#[derive(Debug, Clone, Default)]
struct Place {
    state: String,
    path: String,
    attempt: Option<u32>,
    span_id: SpanId,
    invocation: Option<SpanId>,
    resource: String,
    waste: Waste,
}

/// How much of something: `amount / per` units, both whole numbers, so that nothing is lost.
#[derive(Debug, Clone, Copy)]
struct Quantity {
    amount: i128,
    per: i128,
}

impl Quantity {
    fn whole(amount: i64) -> Self {
        Quantity {
            amount: i128::from(amount),
            per: 1,
        }
    }

    fn as_f64(self) -> f64 {
        self.amount as f64 / self.per as f64
    }

    /// Times a price, rounded half up.
    fn times(self, price: i64) -> Option<i64> {
        let product = self.amount.checked_mul(i128::from(price))?;
        let rounded = product
            .checked_mul(2)?
            .checked_add(self.per)?
            .div_euclid(self.per * 2);
        i64::try_from(rounded).ok()
    }
}

impl Bill<'_> {
    /// Writes a position. `note` says what is assumed; empty if nothing is.
    fn add(
        &mut self,
        place: &Place,
        item: &str,
        price: &str,
        unit: &str,
        quantity: Quantity,
        note: &str,
    ) {
        let execution = self.facts.execution;
        let unit_price = self.book.price(self.region, price);
        let (confidence, note) = match unit_price {
            None => (CostConfidence::Partial, unpriced(self.region, price, note)),
            Some(_) if note.is_empty() => (CostConfidence::Exact, String::new()),
            Some(_) => (CostConfidence::Estimated, note.to_owned()),
        };
        self.items.push(CostItem {
            quantity: quantity.as_f64(),
            unit: unit.to_owned(),
            unit_price_picodollars: unit_price,
            picodollars: unit_price.and_then(|price| quantity.times(price)),
            confidence,
            note,
            ..blank(execution, place, item, self.region, &self.book.date)
        });
    }

    /// Writes a position whose quantity nobody knows.
    fn missing(&mut self, place: &Place, item: &str, unit: &str, note: String) {
        self.items.push(CostItem {
            unit: unit.to_owned(),
            confidence: CostConfidence::Partial,
            note,
            ..blank(
                self.facts.execution,
                place,
                item,
                self.region,
                &self.book.date,
            )
        });
    }
}

fn blank(execution: &Execution, place: &Place, item: &str, region: &str, date: &str) -> CostItem {
    CostItem {
        execution_arn: execution.execution_arn.clone(),
        trace_id: execution.trace_id,
        state_machine: execution.state_machine.clone(),
        start_time: execution.start_time,
        state: place.state.clone(),
        path: place.path.clone(),
        attempt: place.attempt,
        span_id: place.span_id,
        invocation_span_id: place.invocation,
        resource: place.resource.clone(),
        item: item.to_owned(),
        waste: place.waste,
        region: region.to_owned(),
        price_book: date.to_owned(),
        ..CostItem::default()
    }
}

fn unpriced(region: &str, price: &str, note: &str) -> String {
    let why = match region {
        "" => format!("no region is known, so {price} has no price"),
        region => format!("the price book has no {price} for {region}"),
    };
    if note.is_empty() {
        why
    } else {
        format!("{why}; {note}")
    }
}

/// Sums of a bill.
pub fn report(execution: &Execution, items: Vec<CostItem>, book: &PriceBook) -> CostReport {
    let mut by_item: BTreeMap<&str, i64> = BTreeMap::new();
    let mut by_state: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut gaps = BTreeSet::new();
    for item in &items {
        let pico = item.picodollars.unwrap_or(0);
        let of_item = by_item.entry(&item.item).or_default();
        *of_item = of_item.saturating_add(pico);
        let state = by_state.entry(&item.state).or_default();
        state.0 = state.0.saturating_add(pico);
        let wasted = if item.waste == Waste::None { 0 } else { pico };
        state.1 = state.1.saturating_add(wasted);
        if !item.note.is_empty() {
            gaps.insert(item.note.clone());
        }
    }
    let (total, wasted) = totals(&items);
    let wasted_unpriced = items
        .iter()
        .filter(|it| it.waste != Waste::None && it.picodollars.is_none())
        .count();
    if wasted_unpriced > 0 {
        let positions = counted(wasted_unpriced as u64, "position", "positions");
        gaps.insert(format!(
            "more was wasted than is told: {positions} of it without a price"
        ));
    }
    let priced = items.iter().filter(|it| it.picodollars.is_some()).count();
    let mut by_item: Vec<(String, i64)> = by_item
        .into_iter()
        .map(|(item, pico)| (item.to_owned(), pico))
        .collect();
    by_item.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let mut by_state: Vec<(String, i64, i64)> = by_state
        .into_iter()
        .map(|(state, (pico, wasted))| (state.to_owned(), pico, wasted))
        .collect();
    by_state.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    CostReport {
        execution_arn: execution.execution_arn.clone(),
        trace_id: execution.trace_id,
        picodollars: total,
        usd: usd(total),
        wasted_picodollars: wasted,
        wasted_usd: usd(wasted),
        // Of a waste without any price the share is not known.
        wasted_ratio: (total > 0 && (wasted > 0 || wasted_unpriced == 0))
            .then(|| wasted as f64 / total as f64),
        confidence: confidence(&items),
        gaps: gaps.into_iter().collect(),
        price_book: book.date.clone(),
        price_source: book.source.clone(),
        region: items
            .iter()
            .map(|it| it.region.clone())
            .find(|it| !it.is_empty())
            .unwrap_or_default(),
        by_item,
        by_state,
        priced: priced as u64,
        unpriced: (items.len() - priced) as u64,
        wasted_unpriced: wasted_unpriced as u64,
        items,
    }
}

/// So many whole units as cover `amount`; nothing for less than nothing.
fn units_of(amount: i64, unit: i64) -> i64 {
    (amount.max(0) as u64).div_ceil(unit.max(1) as u64) as i64
}

/// Pico-dollars in all, and of these wasted.
pub fn totals(items: &[CostItem]) -> (i64, i64) {
    let sum = |wasted: bool| {
        items
            .iter()
            .filter(|item| !wasted || item.waste != Waste::None)
            .fold(0i64, |sum, item| {
                sum.saturating_add(item.picodollars.unwrap_or(0))
            })
    };
    (sum(false), sum(true))
}

/// The worst of the items'.
pub fn confidence(items: &[CostItem]) -> CostConfidence {
    items
        .iter()
        .map(|item| item.confidence)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
