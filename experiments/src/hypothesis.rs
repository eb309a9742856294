//! Whether a steady-state hypothesis held.

use crate::tolerance::within;
use model::api::experiments::Steady;
use model::text::counted;
use serde_json::Value;

/// Executions below which nothing is judged, unless the hypothesis says otherwise.
pub const MIN_SAMPLE: u64 = 1;

/// What was measured in one window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// The value; null if there was nothing to measure.
    pub value: Value,
    /// Executions that it was measured over; `None` if that cannot be said.
    pub sample: Option<u64>,
    /// Why there is no value.
    pub problem: Option<String>,
}

/// Judges one part of a hypothesis by what was measured before, during and after.
///
/// It is not met when what was measured during or after is not tolerated. It is unknown when too little or
/// nothing was measured during, or when it did not hold before, either: then the experiment shows nothing.
pub fn judge(steady: &mut Steady, before: &Measured, during: &Measured, after: Option<&Measured>) {
    steady.before = (!before.value.is_null()).then(|| before.value.clone());
    steady.during = (!during.value.is_null()).then(|| during.value.clone());
    steady.after = after.map(|it| it.value.clone()).filter(|it| !it.is_null());
    let least = steady.min_sample.unwrap_or(MIN_SAMPLE);
    let few = during.sample.filter(|sample| *sample < least);
    let (verdict, why) = if let Some(problem) = &during.problem {
        ("unknown", problem.clone())
    } else if let Some(sample) = few {
        (
            "unknown",
            format!(
                "{} during it, at least {least} needed",
                counted(sample, "execution", "executions")
            ),
        )
    } else if during.value.is_null() {
        ("unknown", "nothing was measured during it".to_owned())
    } else {
        compare(steady, before, during, after)
    };
    steady.verdict = verdict.to_owned();
    steady.why = why;
}

fn compare(
    steady: &Steady,
    before: &Measured,
    during: &Measured,
    after: Option<&Measured>,
) -> (&'static str, String) {
    let held = |it: &Measured| match it.value.is_null() {
        true => Ok(None),
        false => within(&steady.tolerance, &it.value).map(Some),
    };
    let outcomes = (held(before), held(during), after.map_or(Ok(None), held));
    let (before_held, during_held, after_held) = match outcomes {
        (Ok(before), Ok(during), Ok(after)) => (before, during, after),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return ("unknown", why),
    };
    let value = |it: Option<&Measured>| it.map(|it| it.value.to_string()).unwrap_or_default();
    match (before_held, during_held, after_held) {
        (Some(false), ..) => (
            "unknown",
            format!(
                "it did not hold before, either ({}): the experiment shows nothing",
                value(Some(before))
            ),
        ),
        (_, Some(false), _) => (
            "not_met",
            format!("{} during it is not tolerated", value(Some(during))),
        ),
        (.., Some(false)) => (
            "not_met",
            format!(
                "{} after it is not tolerated: it did not recover",
                value(after)
            ),
        ),
        _ => ("met", String::new()),
    }
}

/// The whole hypothesis: not met if a part is not, else unknown if a part is.
pub fn overall(parts: &[Steady]) -> String {
    let any = |word: &str| parts.iter().any(|it| it.verdict == word);
    match parts.is_empty() {
        true => "",
        false if any("not_met") => "not_met",
        false if any("unknown") => "unknown",
        false => "met",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hypothesis_is_met_not_met_or_unknown() {
        let measured = |value: Value| Measured {
            value,
            sample: Some(100),
            problem: None,
        };
        let check = |before: Value, during: Value, after: Option<Value>, expect: &str| {
            let mut steady = Steady {
                tolerance: json!([0.99, 1.0]),
                ..Steady::default()
            };
            let after = after.map(measured);
            judge(
                &mut steady,
                &measured(before),
                &measured(during),
                after.as_ref(),
            );
            assert_eq!(steady.verdict, expect, "{steady:?}");
        };
        check(json!(1.0), json!(0.995), None, "met");
        check(json!(1.0), json!(0.95), None, "not_met");
        check(json!(1.0), json!(0.995), Some(json!(0.9)), "not_met");
        check(json!(0.9), json!(0.995), None, "unknown");
        check(json!(null), json!(0.995), None, "met");
        check(json!(1.0), json!(null), None, "unknown");
    }

    #[test]
    fn too_little_is_not_judged() {
        let mut steady = Steady {
            min_sample: Some(50),
            tolerance: json!(1),
            ..Steady::default()
        };
        let few = Measured {
            value: json!(0),
            sample: Some(49),
            problem: None,
        };
        judge(&mut steady, &few, &few, None);
        assert_eq!(steady.verdict, "unknown");
        assert_eq!(overall(&[steady.clone()]), "unknown");
        steady.verdict = "met".into();
        assert_eq!(overall(&[steady]), "met");
        assert_eq!(overall(&[]), "");
    }
}
