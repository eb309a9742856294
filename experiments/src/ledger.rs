//! Who spent what of a budget: the rows of an objective add up to what is spent.

use model::api::experiments::LedgerRow;

/// What somebody spent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spender {
    /// `experiment`, `incident`, `deploy`.
    pub kind: &'static str,
    /// Id of the experiment, key of the incident.
    pub spender: String,
    /// For people.
    pub name: String,
    /// Bad events.
    pub bad: f64,
}

/// The period of a budget, and what is spent of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Period {
    /// The objective.
    pub slo: String,
    /// Nanoseconds since the epoch, as decimal text.
    pub start: String,
    /// The same.
    pub end: String,
    /// All bad events.
    pub spent: f64,
    /// Bad events that are allowed.
    pub allowed: f64,
}

/// Rows for the spenders and for the rest, largest first. Where the spenders claim more than was spent,
/// because an event belongs to an experiment and to an incident, the incidents give way.
pub fn ledger(period: &Period, spenders: &[Spender]) -> Vec<LedgerRow> {
    let mut left = period.spent.max(0.0);
    let mut rows = Vec::new();
    let order = |it: &&Spender| match it.kind {
        "experiment" => 0,
        _ => 1,
    };
    let mut sorted: Vec<&Spender> = spenders.iter().filter(|it| it.bad > 0.0).collect();
    sorted.sort_by_key(order);
    for spender in sorted {
        let bad = spender.bad.min(left);
        if bad > 0.0 {
            left -= bad;
            rows.push(row(
                period,
                spender.kind,
                &spender.spender,
                &spender.name,
                bad,
            ));
        }
    }
    if left > 1e-9 || rows.is_empty() {
        rows.push(row(period, "unattributed", "", "everything else", left));
    }
    rows.sort_by(|a, b| b.bad.total_cmp(&a.bad));
    rows
}

fn row(period: &Period, kind: &str, spender: &str, name: &str, bad: f64) -> LedgerRow {
    let charge = match period.allowed > 0.0 {
        true => bad / period.allowed,
        false if bad > 0.0 => 1.0,
        false => 0.0,
    };
    LedgerRow {
        slo: period.slo.clone(),
        period_start: period.start.clone(),
        period_end: period.end.clone(),
        kind: kind.to_owned(),
        spender: spender.to_owned(),
        name: name.to_owned(),
        bad,
        charge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_add_up_to_what_is_spent() {
        let check = |spent: f64, spenders: &[(&'static str, f64)], expect: &[(&str, f64)]| {
            let period = Period {
                spent,
                allowed: 100.0,
                ..Period::default()
            };
            let spenders: Vec<Spender> = spenders
                .iter()
                .map(|(kind, bad)| Spender {
                    kind,
                    bad: *bad,
                    ..Spender::default()
                })
                .collect();
            let rows = ledger(&period, &spenders);
            let held: Vec<(&str, f64)> = rows.iter().map(|it| (it.kind.as_str(), it.bad)).collect();
            assert_eq!(held, expect);
            let sum: f64 = rows.iter().map(|it| it.charge).sum();
            assert!((sum - spent / 100.0).abs() < 1e-9);
        };
        check(10.0, &[], &[("unattributed", 10.0)]);
        check(0.0, &[], &[("unattributed", 0.0)]);
        check(
            10.0,
            &[("incident", 3.0), ("experiment", 4.0)],
            &[
                ("experiment", 4.0),
                ("incident", 3.0),
                ("unattributed", 3.0),
            ],
        );
        check(
            10.0,
            &[("incident", 9.0), ("experiment", 4.0)],
            &[("incident", 6.0), ("experiment", 4.0)],
        );
    }
}
