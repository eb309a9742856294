//! Whether an experiment may begin.

use model::api::experiments::GateAnswer;

/// What is known of the objective.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// Share of the budget that is left; `None` when that is not known.
    pub remaining: Option<f64>,
    /// Whether a page fires.
    pub page_firing: bool,
    /// Why it is not known.
    pub unknown: Option<String>,
}

/// Rounding of decimal shares, which is no reason to deny.
const ROUNDING: f64 = 1e-9;

/// Allows when a budget is known, no page fires, and after spending `spend` at least `reserve` is left.
pub fn gate(slo: &str, standing: &Standing, spend: f64, reserve: f64) -> GateAnswer {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let after = standing.remaining.map(|it| it - spend);
    let (reason, text) = match (standing.remaining, after) {
        _ if standing.unknown.is_some() => (
            "unknown",
            format!(
                "the budget of {slo} is not known: {}",
                standing.unknown.as_deref().unwrap_or_default()
            ),
        ),
        (Some(_), Some(_)) if standing.page_firing => (
            "page_firing",
            format!("a page of {slo} fires: end the incident first"),
        ),
        (Some(remaining), Some(after)) if after < -ROUNDING => (
            "budget",
            format!(
                "{} of the budget of {slo} is left, {} is asked for",
                percent(remaining),
                percent(spend)
            ),
        ),
        (Some(remaining), Some(after)) if after < reserve - ROUNDING => (
            "reserve",
            format!(
                "{} of the budget of {slo} is left; spending {} would leave {}, less than the reserve of {}",
                percent(remaining),
                percent(spend),
                percent(after),
                percent(reserve)
            ),
        ),
        (Some(remaining), Some(after)) => (
            "ok",
            format!(
                "{} of the budget of {slo} is left, {} would stay",
                percent(remaining),
                percent(after)
            ),
        ),
        _ => ("unknown", format!("the budget of {slo} is not known")),
    };
    GateAnswer {
        allow: reason == "ok",
        reason: reason.into(),
        text,
        slo: slo.to_owned(),
        budget_remaining: standing.remaining,
        after,
        spend,
        reserve,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_or_not_there_is_not_spent() {
        let check =
            |remaining: Option<f64>, page_firing: bool, spend: f64, reserve: f64, expect: &str| {
                let standing = Standing {
                    remaining,
                    page_firing,
                    unknown: None,
                };
                let answer = gate("s", &standing, spend, reserve);
                assert_eq!(answer.reason, expect, "{answer:?}");
                assert_eq!(answer.allow, expect == "ok");
            };
        check(Some(0.5), false, 0.05, 0.10, "ok");
        check(Some(0.15), false, 0.05, 0.10, "ok");
        check(Some(0.149), false, 0.05, 0.10, "reserve");
        check(Some(0.04), false, 0.05, 0.10, "budget");
        check(Some(0.05), false, 0.05, 0.0, "ok");
        check(Some(-0.2), false, 0.0, 0.0, "budget");
        check(Some(0.9), true, 0.05, 0.10, "page_firing");
        check(None, false, 0.05, 0.10, "unknown");
        check(None, true, 0.05, 0.10, "unknown");
    }

    #[test]
    fn a_budget_that_is_doubted_is_not_spent() {
        let standing = Standing {
            remaining: Some(1.0),
            page_firing: false,
            unknown: Some("no data for an hour".into()),
        };
        assert_eq!(gate("s", &standing, 0.0, 0.0).reason, "unknown");
    }
}
