//! Findings about definitions: what does not hold, what is a trap, what was assumed.

use crate::{
    Ratio,
    definition::{Indicator, Slo, Source, Test},
    duration,
};
use model::text::counted;
use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It cannot be used as it stands.
    Error,
    /// It is used, and probably does not do what its author thinks.
    Warning,
    /// A choice that was made.
    Note,
}

/// Something that the author of a definition should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// Short name of the rule, such as `burn-unreachable`.
    pub rule: &'static str,
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// The objective, if it is about one.
    pub slo: Option<String>,
    /// What is wrong and what to do.
    pub text: String,
}

impl Level {
    /// The word as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.level.as_str())?;
        if let Some(slo) = &self.slo {
            write!(f, " {slo}")?;
        }
        write!(f, ": {} [{}]", self.text, self.rule)
    }
}

impl Finding {
    /// As the API tells it.
    pub fn to_api(&self) -> model::api::slo::SloFinding {
        model::api::slo::SloFinding {
            level: self.level.as_str().to_owned(),
            rule: self.rule.to_owned(),
            file: self.file.clone(),
            line: self.line,
            slo: self.slo.clone(),
            text: self.text.clone(),
        }
    }
}

/// Findings that any dialect can have, about a definition that was understood.
pub fn check(slo: &Slo) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |level, rule, text: String| {
        found.push(Finding {
            level,
            rule,
            file: slo.source.file.clone(),
            line: slo.source.line,
            slo: Some(slo.name.clone()),
            text,
        });
    };
    if !is_label(&slo.name) {
        let text =
            "the name is no RFC 1123 label (lower case, digits and -): OpenSLO's tools refuse it";
        say(Level::Warning, "name", text.to_owned());
    }
    match &slo.indicator {
        Indicator::NotMeasured { reason, .. } => {
            say(
                Level::Warning,
                "not-measured",
                format!("not measured: {reason}"),
            );
        }
        Indicator::Composite(parts) if parts.len() < 2 => {
            say(
                Level::Warning,
                "composite",
                "a composite of one part is that part".to_owned(),
            );
        }
        _ => {}
    }
    if slo.rules.is_empty() {
        say(
            Level::Note,
            "no-alerts",
            "nobody is told when the budget burns: it has no alerts".to_owned(),
        );
    }
    let ceiling = slo.ceiling();
    let period = slo.window.nominal_seconds();
    for rule in &slo.rules {
        for test in &rule.tests {
            let Test::Burn {
                windows,
                factor,
                or_equal,
            } = test
            else {
                continue;
            };
            if *factor > ceiling || *factor == ceiling && !or_equal {
                let text = format!(
                    "{} can never fire: at a target of {} the burn is at most {ceiling}, and it asks for {factor}; \
                     give a factor below {ceiling}",
                    rule.id, slo.target
                );
                say(Level::Warning, "burn-unreachable", text);
            }
            if factor.num() <= 0 {
                let text = format!(
                    "{} fires as soon as anything fails: its factor is {factor}",
                    rule.id
                );
                say(Level::Warning, "burn-always", text);
            }
            if rule.severity == "page" && *factor < Ratio::new(1, 1) {
                let text = format!(
                    "{} pages at a burn of {:.2}, at which the budget outlasts the window: an objective that is kept can page. \
                     Windows this short want rules of their own, or a longer window",
                    rule.id,
                    factor.to_f64()
                );
                say(Level::Warning, "pages-while-kept", text);
            }
            if let Some(long) = windows.iter().find(|it| **it > period) {
                let text = format!(
                    "{} looks at {}, which is longer than the objective's window of {}",
                    rule.id,
                    duration::words(*long),
                    slo.window.words()
                );
                say(Level::Warning, "window-too-long", text);
            }
            if windows.iter().any(|it| it % 60 != 0) {
                let text = format!("{}: windows are counted in whole minutes", rule.id);
                say(Level::Warning, "window-not-minutes", text);
            }
        }
    }
    if slo.target <= Ratio::new(1, 2) {
        let text = format!(
            "a target of {} allows more than half to fail: is it a percentage?",
            slo.target
        );
        say(Level::Warning, "target-low", text);
    }
    found
}

/// What one failure costs at this traffic, if that alone is enough to alert.
pub fn traffic(slo: &Slo, per_window: u64) -> Option<Finding> {
    let allowed = slo.allowed().to_f64() * per_window as f64;
    let share = 1.0 / allowed;
    let unguarded = slo.rules.iter().any(|rule| rule.min_bad < 2);
    (per_window > 0 && share > 0.1 && unguarded).then(|| Finding {
        level: Level::Warning,
        rule: "low-traffic",
        file: slo.source.file.clone(),
        line: slo.source.line,
        slo: Some(slo.name.clone()),
        text: format!(
            "with {} in its window one failure costs {:.0} % of the budget and can page: \
             set min_bad, and outage to be told when all fail",
            counted(per_window, "event", "events"),
            share * 100.0
        ),
    })
}

fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| inner(*byte))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// Collects findings while a file is read.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The file.
    pub file: String,
    /// What was found.
    pub all: Vec<Finding>,
}

impl Findings {
    /// Notes a finding.
    pub fn say(
        &mut self,
        level: Level,
        rule: &'static str,
        line: u64,
        slo: Option<&str>,
        text: impl Into<String>,
    ) {
        self.all.push(Finding {
            level,
            rule,
            file: self.file.clone(),
            line,
            slo: slo.map(str::to_owned),
            text: text.into(),
        });
    }

    /// Where something is written.
    pub fn source(&self, line: u64, dialect: &'static str) -> Source {
        Source {
            file: self.file.clone(),
            line,
            dialect,
        }
    }
}
