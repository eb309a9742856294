//! What a case file tells besides the verdict: where the time went, what it cost, how it goes when all is well. Made
//! into tables here, so that every form of the file says the same.

use model::{
    CostReport, Exhibit, Ledger, TimeCategory,
    compare::{AlignedState, AlignedVisit, Twins},
    cost::usd,
    time::human_duration,
};

/// Rows of a table at most.
const ROWS: usize = 12;
/// Rows of an alignment: more are cut to those that differ.
const STATES: usize = 30;

/// What is known besides; each may be missing.
#[derive(Debug, Clone, Default)]
pub struct Rest {
    /// Where the time went.
    pub ledger: Option<Ledger>,
    /// What it cost.
    pub cost: Option<CostReport>,
    /// How it goes when all is well.
    pub twins: Option<Twins>,
}

/// A table with its title, what is said above it, and what it is drawn from besides.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) words: Vec<String>,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    /// Place of the row that matters most.
    pub(super) marked: Option<usize>,
}

pub(super) fn share(part: i64, whole: i64) -> String {
    match part.max(0) as f64 / whole.max(1) as f64 * 100.0 {
        p if p > 0.0 && p < 1.0 => "< 1 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

impl Rest {
    /// The tables, in the order of the page.
    pub(super) fn tables(&self) -> Vec<Table> {
        let all = [
            self.ledger.as_ref().and_then(ledger),
            self.twins.as_ref().and_then(twins),
            self.cost.as_ref().map(cost),
        ];
        all.into_iter().flatten().collect()
    }

    /// Shares of the time by category, largest first, as they are drawn.
    pub(super) fn bar(&self) -> Vec<(TimeCategory, i64)> {
        let totals = self.ledger.iter().flat_map(|ledger| &ledger.totals);
        totals.copied().filter(|(_, ns)| *ns > 0).collect()
    }
}

fn ledger(ledger: &Ledger) -> Option<Table> {
    let whole = ledger.duration_ns;
    let entries = ledger.entries.iter().filter(|it| it.duration_ns > 0);
    let rows: Vec<Vec<String>> = entries
        .take(ROWS)
        .map(|it| {
            let state = match it.state.as_str() {
                "" => "between states".to_owned(),
                state => state.to_owned(),
            };
            let guess = if it.estimated { " (estimated)" } else { "" };
            vec![
                it.category.label().to_owned(),
                state,
                format!("{}{guess}", it.detail),
                human_duration(it.duration_ns),
                share(it.duration_ns, whole),
            ]
        })
        .collect();
    let totals = ledger.totals.iter().filter(|(_, ns)| *ns > 0);
    let totals: Vec<String> = totals
        .map(|(category, ns)| {
            let (time, share) = (human_duration(*ns), share(*ns, whole));
            format!("{} {time} ({share})", category.label())
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        title: "Where the time went",
        words: vec![totals.join(" · ")],
        head: vec!["Spent on", "State", "What", "Time", "Share"],
        rows,
        marked: None,
    })
}

fn cost(cost: &CostReport) -> Table {
    let mut words = Vec::new();
    match cost.is_priced() {
        true => words.push(format!("In all ${}", cost.usd)),
        false => words.push("Nothing of it could be priced".to_owned()),
    }
    if let Some(ratio) = cost.wasted_ratio.filter(|ratio| *ratio > 0.0) {
        let percent = ratio * 100.0;
        words.push(format!("${} ({percent:.0} %) for nothing", cost.wasted_usd));
    }
    let prices = [cost.price_book.as_str(), &cost.region, &cost.price_source];
    let prices: Vec<&str> = prices.into_iter().filter(|it| !it.is_empty()).collect();
    let mut words = vec![words.join(", "), format!("Prices: {}", prices.join(" · "))];
    if !cost.gaps.is_empty() {
        words.push(format!("Assumed or missing: {}", cost.gaps.join("; ")));
    }
    let states = cost.by_state.iter().filter(|(_, pico, _)| *pico > 0);
    let rows = states
        .take(ROWS)
        .map(|(state, pico, wasted)| {
            let state = match state.as_str() {
                "" => "the execution itself".to_owned(),
                state => state.to_owned(),
            };
            let wasted = if *wasted > 0 {
                format!("${}", usd(*wasted))
            } else {
                String::new()
            };
            vec![state, format!("${}", usd(*pico)), wasted]
        })
        .collect();
    Table {
        title: "What it cost",
        words,
        head: vec!["State", "Cost", "Wasted"],
        rows,
        marked: None,
    }
}

fn twins(twins: &Twins) -> Option<Table> {
    let twin = twins.twins.first()?;
    let took = |ns: Option<i64>, none: &str| ns.map_or(none.to_owned(), human_duration);
    let mut words = vec![format!(
        "Most like {}, which took {} against {}",
        twin.name,
        took(twin.duration_ns, "no time"),
        took(twins.subject.duration_ns, "no end yet")
    )];
    words.extend(
        twins
            .divergence
            .as_ref()
            .map(|it| format!("They part: {it}")),
    );
    let parts = twins.diverges_at.map(|at| at as usize);
    let few = twins.states.len() <= STATES;
    let shown = twins.states.iter().enumerate();
    let shown: Vec<(usize, &AlignedState)> = shown
        .filter(|(at, it)| few || parts == Some(*at) || !it.differences.is_empty())
        .take(STATES)
        .collect();
    if shown.len() < twins.states.len() {
        let out = twins.states.len() - shown.len();
        words.push(format!("{out} visits of states are left out"));
    }
    let rows = shown
        .iter()
        .map(|(_, it)| {
            let other = it.twins.first().and_then(Option::as_ref);
            vec![
                it.path.clone(),
                visit(it.subject.as_ref()),
                visit(other),
                difference(it.subject.as_ref(), other),
                told_of(it),
            ]
        })
        .collect();
    Some(Table {
        title: "Beside its healthy twin",
        words,
        head: vec![
            "State",
            "This execution",
            "Healthy twin",
            "Difference",
            "How it differs",
        ],
        rows,
        marked: shown.iter().position(|(at, _)| parts == Some(*at)),
    })
}

fn visit(visit: Option<&AlignedVisit>) -> String {
    let Some(visit) = visit else {
        return "not entered".to_owned();
    };
    let mut out = visit
        .duration_ns
        .map_or("no end".to_owned(), human_duration);
    if !matches!(visit.status.as_str(), "SUCCEEDED" | "") {
        out = format!("{out}, {}", visit.status.to_lowercase().replace('_', " "));
    }
    out
}

/// In what it differs; of a visit that is missing here, that some of the twins miss it, too.
fn told_of(state: &AlignedState) -> String {
    if state.subject.is_some() || !state.differences.is_empty() {
        return state.differences.join("; ");
    }
    match state.twins.iter().filter(|it| it.is_none()).count() {
        0 => "not visited".to_owned(),
        n => format!("not visited, as in {n} of {} twins", state.twins.len()),
    }
}

fn difference(own: Option<&AlignedVisit>, other: Option<&AlignedVisit>) -> String {
    let of = |it: Option<&AlignedVisit>| it.and_then(|it| it.duration_ns);
    match (of(own), of(other)) {
        (Some(own), Some(other)) => match own.saturating_sub(other) {
            delta @ 0.. => format!("+{}", human_duration(delta)),
            delta => human_duration(delta),
        },
        _ => String::new(),
    }
}

/// Where the exhibits lie on a line from the start of the execution to its end: 0 to 1, and whether beyond it.
pub(super) fn places(exhibits: &[Exhibit], start: i64, end: Option<i64>) -> Vec<(f64, bool)> {
    let time = |it: &Exhibit| {
        let at: Option<jiff::Timestamp> = it.at.parse().ok();
        at.and_then(|at| i64::try_from(at.as_nanosecond()).ok())
            .unwrap_or(start)
    };
    let times: Vec<i64> = exhibits.iter().map(time).collect();
    let last = times.iter().copied().max().unwrap_or(start);
    let end = end.unwrap_or(last).max(start.saturating_add(1));
    let length = end.saturating_sub(start) as f64;
    times
        .into_iter()
        .map(|at| {
            let place = at.saturating_sub(start) as f64 / length;
            (place.clamp(0.0, 1.0), at < start || at > end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::compare::Compared;

    #[test]
    fn the_difference_is_that_of_the_two_that_are_shown() {
        let visit = |ns| AlignedVisit {
            duration_ns: Some(ns),
            ..AlignedVisit::default()
        };
        let held = Twins {
            twins: vec![Compared::default(); 3],
            states: vec![AlignedState {
                path: "Pay".into(),
                subject: Some(visit(119_000_000)),
                twins: vec![
                    Some(visit(95_000_000)),
                    Some(visit(633_000_000)),
                    Some(visit(700_000_000)),
                ],
                delta_ns: Some(-514_000_000),
                ..AlignedState::default()
            }],
            diverges_at: Some(0),
            ..Twins::default()
        };
        let table = twins(&held).expect("a table");
        assert_eq!(table.rows[0], ["Pay", "119 ms", "95 ms", "+24 ms", ""]);
        assert_eq!(table.marked, Some(0));
    }

    #[test]
    fn exhibits_beyond_the_line_stand_at_its_ends() {
        let at = |at: &str| Exhibit {
            at: at.into(),
            ..Exhibit::default()
        };
        let all = [
            at("1970-01-01T00:00:05Z"),
            at("1970-01-01T00:00:15Z"),
            at("1970-01-01T00:01:00Z"),
        ];
        let found = places(&all, 10_000_000_000, Some(20_000_000_000));
        assert_eq!(found, [(0.0, true), (0.5, false), (1.0, true)]);
        assert_eq!(places(&[at("never")], 7, None), [(0.0, false)]);
    }
}
