//! What a definition says, whatever the dialect it was written in.

use crate::{Measure, Ratio, Window, duration};
use std::collections::BTreeMap;

/// A service level objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Unique name.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// What is promised.
    pub description: String,
    /// The service it belongs to.
    pub service: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations, foreign ones included.
    pub annotations: BTreeMap<String, String>,
    /// What is counted.
    pub indicator: Indicator,
    /// How the budget is counted.
    pub method: Method,
    /// Over which time.
    pub window: Window,
    /// The share that must be good.
    pub target: Ratio,
    /// When to tell somebody.
    pub rules: Vec<Rule>,
    /// What an unknown burn means for a rule.
    pub no_data: NoData,
    /// The share of a rule's window that must be covered by data; `None` leaves it to the caller.
    pub coverage: Option<Ratio>,
    /// One objective per value of this column or attribute.
    pub group_by: Option<String>,
    /// Time that does not count.
    pub exclusions: Vec<Exclusion>,
    /// Names of receivers of its alerts; empty for the usual ones.
    pub receivers: Vec<String>,
    /// True when a page speaks for the tickets of the same objective.
    pub inhibit: bool,
    /// Shares of the budget whose spending is told, ascending.
    pub budget_alerts: Vec<Ratio>,
    /// Seconds without events after which somebody is told: 0 for never, `None` for what is unusual here.
    pub silent_after: Option<i64>,
    /// Whether the end of an incident is told.
    pub send_resolved: bool,
    /// Where it is written.
    pub source: Source,
}

/// Where a definition is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The file.
    pub file: String,
    /// Line of the objective, from 1.
    pub line: u64,
    /// The dialect: `inquest`, `openslo/v1`, `sloth`…
    pub dialect: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Indicator {
    /// Rows of a table.
    Measured(Measure),
    /// Other objectives together.
    Composite(Vec<Part>),
    /// It addresses data that is not here.
    NotMeasured {
        /// Why, and what to do.
        reason: String,
        /// What it asks for, as written.
        query: String,
    },
}

/// A part of a composite.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Name of the objective.
    pub slo: String,
    /// Its weight, at least 1.
    pub weight: u64,
}

/// How a budget is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Bad events over all events.
    Occurrences,
    /// Bad slices of time over all slices.
    Timeslices(Slices),
    /// The mean of the slices' ratios.
    RatioTimeslices(Slices),
}

/// Slices of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Slices {
    /// Length, seconds; a whole number of minutes.
    pub length: i64,
    /// A slice is good when at least this share of its events is. Not used by RatioTimeslices.
    pub target: Ratio,
    /// What a slice without events is.
    pub empty: Empty,
}

/// What a slice without events counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// Good: nothing failed.
    Good,
    /// Nothing: the denominator shrinks.
    Ignored,
    /// Bad: something should have happened.
    Bad,
}

/// What an unknown burn means for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// It neither fires nor resolves.
    Hold,
    /// As if the burn were below.
    False,
    /// As if it were above.
    True,
}

/// When to tell somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name, unique in the objective.
    pub id: String,
    /// `page`, `ticket`, or any other word.
    pub severity: String,
    /// All of these must be true.
    pub tests: Vec<Test>,
    /// How long it must be true without a break, seconds.
    pub for_s: i64,
    /// How long it must be false before it is resolved, seconds.
    pub hold_s: i64,
    /// Bad events that the longest window must hold.
    pub min_bad: u64,
    /// Valid events that the longest window must hold.
    pub min_total: u64,
}

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Burn over each of the windows compared with the factor.
    Burn {
        /// Windows, seconds, the longest first.
        windows: Vec<i64>,
        /// Factor.
        factor: Ratio,
        /// True for `>=`.
        or_equal: bool,
    },
    /// The budget left is at most this share: 0 for exhausted.
    BudgetAtMost(Ratio),
    /// At the burn of `lookback` the budget ends within this time.
    ExhaustsWithin {
        /// Seconds until the end.
        within: i64,
        /// Seconds over which the burn is taken.
        lookback: i64,
    },
    /// The last events all failed, at least so many: a total outage, however quiet.
    Outage {
        /// Failures in a row, slice by slice.
        events: u64,
        /// How far back they may lie, seconds.
        within: i64,
    },
    /// No event for so long, seconds.
    Silence(i64),
}

/// Time that does not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclusion {
    /// Begin of the first, seconds since the epoch.
    pub from: i64,
    /// End of the first.
    pub to: i64,
    /// Begins again after so many days of local time; `None` for once.
    pub every_days: Option<i64>,
    /// Zone of the local time.
    pub zone: jiff::tz::TimeZone,
    /// Why.
    pub reason: String,
}

impl Method {
    /// The word as stored.
    pub fn word(&self) -> &'static str {
        match self {
            Method::Occurrences => "occurrences",
            Method::Timeslices(_) => "timeslices",
            Method::RatioTimeslices(_) => "ratio_timeslices",
        }
    }

    /// Its slices.
    pub fn slices(&self) -> Option<&Slices> {
        match self {
            Method::Occurrences => None,
            Method::Timeslices(slices) | Method::RatioTimeslices(slices) => Some(slices),
        }
    }
}

impl Rule {
    /// A rule of the workbook: two windows and a factor.
    pub fn burn(severity: &str, long: i64, short: i64, factor: Ratio) -> Self {
        Rule {
            id: format!(
                "{severity}-{}-{}",
                duration::words(long),
                duration::words(short)
            ),
            severity: severity.to_owned(),
            tests: vec![Test::Burn {
                windows: vec![long, short],
                factor,
                or_equal: false,
            }],
            for_s: 0,
            hold_s: 0,
            min_bad: 1,
            min_total: 1,
        }
    }

    /// The longest window it looks at, seconds.
    pub fn longest(&self) -> i64 {
        let each = self.tests.iter().map(|test| match test {
            Test::Burn { windows, .. } => windows.iter().copied().max().unwrap_or(0),
            Test::ExhaustsWithin { lookback, .. } => *lookback,
            Test::Outage { within, .. } => *within,
            Test::Silence(length) => *length,
            Test::BudgetAtMost(_) => 0,
        });
        each.max().unwrap_or(0)
    }

    /// In words.
    pub fn words(&self) -> String {
        let tests: Vec<String> = self.tests.iter().map(Test::words).collect();
        let mut text = tests.join(" and ");
        if self.for_s > 0 {
            text += &format!(", for {}", duration::words(self.for_s));
        }
        if self.min_bad > 1 {
            text += &format!(", with at least {} bad events", self.min_bad);
        }
        if self.min_total > 1 {
            text += &format!(", with at least {} events", self.min_total);
        }
        text
    }
}

impl Test {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Test::Burn {
                windows,
                factor,
                or_equal,
            } => {
                let windows: Vec<String> = windows.iter().map(|it| duration::words(*it)).collect();
                let than = if *or_equal { "at least" } else { "above" };
                format!("burn over {} {than} {factor}", windows.join(" and "))
            }
            Test::BudgetAtMost(share) if share.num() == 0 => "the budget is spent".to_owned(),
            Test::BudgetAtMost(share) => {
                let percent = share.times(Ratio::new(100, 1));
                format!("at most {percent} % of the budget left")
            }
            Test::ExhaustsWithin { within, lookback } => format!(
                "at the burn of the last {} the budget ends within {}",
                duration::words(*lookback),
                duration::words(*within)
            ),
            Test::Outage { events, within } => format!(
                "the last {events} or more events all failed, within {}",
                duration::words(*within)
            ),
            Test::Silence(length) => format!("no event for {}", duration::words(*length)),
        }
    }
}

/// Shares of the budget whose spending is told, percent, unless a definition says otherwise.
pub const BUDGET_ALERTS: [i128; 4] = [50, 75, 90, 100];

/// The four pairs of the SRE workbook for this period, seconds: shares of the budget 2, 5, 10 and 10 %
/// over 1 h, 6 h, 1 d and 3 d of 30 days. Factors are `share * period / long window`, so that a rule
/// means the same share of the budget in a period of 28 days. Pairs that are longer than half of the
/// period are left out.
pub fn workbook(period: i64) -> Vec<Rule> {
    const PAIRS: [(&str, i64, i64, i128); 4] = [
        ("page", 3_600, 300, 2),
        ("page", 21_600, 1_800, 5),
        ("ticket", 86_400, 7_200, 10),
        ("ticket", 259_200, 21_600, 10),
    ];
    let fits = |long: i64| long * 2 <= period;
    PAIRS
        .into_iter()
        .filter(|(_, long, _, _)| fits(*long))
        .map(|(severity, long, short, percent)| {
            Rule::burn(
                severity,
                long,
                short,
                factor(Ratio::new(percent, 100), period, long),
            )
        })
        .collect()
}

/// Burn at which `share` of the budget of `period` goes in `long`.
pub fn factor(share: Ratio, period: i64, long: i64) -> Ratio {
    share.times(Ratio::new(i128::from(period), i128::from(long)))
}

impl Slo {
    /// The greatest burn there can be: everything fails.
    pub fn ceiling(&self) -> Ratio {
        Ratio::ONE.over(self.target.complement())
    }

    /// What the error ratio may be.
    pub fn allowed(&self) -> Ratio {
        self.target.complement()
    }

    /// Every burn window of its rules, seconds, the shortest first.
    pub fn windows(&self) -> Vec<i64> {
        let tests = self.rules.iter().flat_map(|rule| &rule.tests);
        let mut all: Vec<i64> = tests
            .flat_map(|test| match test {
                Test::Burn { windows, .. } => windows.clone(),
                Test::ExhaustsWithin { lookback, .. } => vec![*lookback],
                _ => Vec::new(),
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// How far back its evaluation looks, seconds.
    pub fn reach(&self) -> i64 {
        let rules = self.rules.iter().map(Rule::longest).max().unwrap_or(0);
        self.window.longest_seconds().max(rules)
    }

    /// Changes when what it measures changes: an edit of the text, the target or the rules keeps history.
    pub fn generation(&self) -> String {
        use sha2::{Digest, Sha256};
        let text = format!("{:?}|{:?}|{:?}", self.indicator, self.method, self.group_by);
        let hash = Sha256::digest(text.as_bytes());
        hash.iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
