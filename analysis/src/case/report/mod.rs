//! The case file to send on: as text for a terminal, as Markdown for an incident channel, as one HTML file that
//! needs nothing else. Everything that came from outside is escaped.

mod html;
mod markdown;
mod plain;
mod rest;

pub use html::{html, policy};
pub use markdown::markdown;
pub use plain::plain;
pub use rest::Rest;

use model::{Execution, Outcome, Sentence, Verdict, time};

/// What a verdict is about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// One execution.
    Execution(&'a Execution),
    /// Traces without a workflow: which are ill, and which they were compared with, as it was asked.
    Traces {
        /// The trouble.
        symptom: &'a str,
        /// The healthy time.
        baseline: &'a str,
    },
}

impl<'a> From<&'a Execution> for Subject<'a> {
    fn from(execution: &'a Execution) -> Self {
        Subject::Execution(execution)
    }
}

impl Subject<'_> {
    /// Its name in a title.
    fn name(&self) -> &str {
        match self {
            Subject::Execution(execution) => &execution.name,
            Subject::Traces { symptom, .. } => symptom,
        }
    }
}

/// What is said of the subject at the top: label and value.
fn head(subject: Subject<'_>, verdict: &Verdict) -> Vec<(&'static str, String)> {
    let execution = match subject {
        Subject::Execution(execution) => execution,
        Subject::Traces { symptom, baseline } => {
            return vec![
                ("Symptom", symptom.to_owned()),
                ("Compared with", baseline.to_owned()),
                ("Verdict", format!("version {}", verdict.version)),
            ];
        }
    };
    let mut head = vec![
        ("Execution", verdict.execution.clone()),
        ("State machine", execution.state_machine.clone()),
        ("Status", execution.status.as_str().to_owned()),
        ("Started", time::rfc3339(execution.start_time)),
    ];
    if let Some(took) = execution.duration_ns {
        head.push(("Took", time::human_duration(took)));
    }
    head.push(("Verdict", format!("version {}", verdict.version)));
    head.retain(|(_, value)| !value.is_empty());
    head
}

/// How it came about, with the numbers of the exhibits that prove it.
fn mechanism(verdict: &Verdict) -> String {
    verdict.with_citations(&verdict.mechanism, Sentence::Mechanism)
}

/// What is said of the verdict: label and value.
fn findings(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if let Some(culprit) = &verdict.culprit {
        all.push((
            "Culprit",
            format!("{} {}", culprit.kind.replace('_', " "), culprit.name),
        ));
        all.push(("Where", culprit.path.join(" → ")));
    }
    if let Some(category) = verdict.category {
        all.push(("Category", category.as_str().replace('_', " ")));
    }
    all.push(("Fatality", verdict.fatality.as_str().to_owned()));
    if verdict.outcome != Outcome::ColdCase {
        let percent = verdict.confidence * 100.0;
        all.push((
            "Confidence",
            format!("{percent:.0} % ({})", verdict.certainty()),
        ));
    }
    let said = |text: &Option<String>, of: Sentence| {
        let text = text.as_deref()?;
        Some(verdict.with_citations(text, of))
    };
    all.extend(said(&verdict.changed, Sentence::Changed).map(|it| ("Changed", it)));
    all.extend(said(&verdict.but_for, Sentence::ButFor).map(|it| ("But for", it)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        Category, Cleared, CostReport, Entity, Exhibit, Ledger, LedgerEntry, Outcome,
        compare::{AlignedState, Compared, Twins},
    };

    fn hostile() -> (Execution, Verdict) {
        let nasty = "<script>alert(1)</script> `x` | [a](javascript:b) *b*\n# h".to_owned();
        let verdict = Verdict {
            execution: nasty.clone(),
            outcome: Outcome::Verdict,
            culprit: Some(Entity {
                kind: "function".into(),
                name: nasty.clone(),
                path: vec![nasty.clone()],
            }),
            category: Some(Category::Error),
            mechanism: nasty.clone(),
            confidence: 0.95,
            exhibits: vec![Exhibit {
                text: nasty.clone(),
                reference: nasty.clone(),
                ..Exhibit::default()
            }],
            cleared: vec![Cleared {
                name: nasty.clone(),
                reason: nasty.clone(),
                ..Cleared::default()
            }],
            missing: vec![nasty.clone()],
            ..Verdict::default()
        };
        let execution = Execution {
            state_machine: nasty,
            ..Execution::default()
        };
        (execution, verdict)
    }

    /// The same in what is told besides the verdict.
    fn hostile_rest() -> Rest {
        let nasty = hostile().1.mechanism;
        Rest {
            ledger: Some(Ledger {
                duration_ns: 7,
                totals: vec![(model::TimeCategory::Compute, 7)],
                entries: vec![LedgerEntry {
                    state: nasty.clone(),
                    detail: nasty.clone(),
                    duration_ns: 7,
                    ..LedgerEntry::default()
                }],
                ..Ledger::default()
            }),
            cost: Some(CostReport {
                by_state: vec![(nasty.clone(), 7, 7)],
                gaps: vec![nasty.clone()],
                ..CostReport::default()
            }),
            twins: Some(Twins {
                twins: vec![Compared {
                    name: nasty.clone(),
                    ..Compared::default()
                }],
                states: vec![AlignedState {
                    path: nasty.clone(),
                    differences: vec![nasty.clone()],
                    ..AlignedState::default()
                }],
                divergence: Some(nasty),
                diverges_at: Some(0),
                ..Twins::default()
            }),
        }
    }

    #[test]
    fn every_part_is_in_the_file() {
        let (execution, verdict) = hostile();
        for text in [
            html(&execution, &verdict, &hostile_rest()),
            markdown(&execution, &verdict, &hostile_rest()),
        ] {
            for part in [
                "Where the time went",
                "Beside its healthy twin",
                "What it cost",
                "They part",
                "Compute",
            ] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
    }

    #[test]
    fn the_direction_of_writing_is_not_turned() {
        let verdict = Verdict {
            mechanism: "pay \u{202e}dias\u{2066}".into(),
            ..Verdict::default()
        };
        let execution = Execution::default();
        for text in [
            plain(&execution, &verdict),
            html(&execution, &verdict, &Rest::default()),
            markdown(&execution, &verdict, &Rest::default()),
        ] {
            assert!(!text.contains(['\u{202e}', '\u{2066}']), "{text:?}");
        }
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        let (execution, verdict) = hostile();
        let html = html(&execution, &verdict, &hostile_rest());
        assert!(!html.contains("<script") && !html.contains("javascript:b\""));
        assert!(html.contains("&lt;script&gt;"));
        let markdown = markdown(&execution, &verdict, &hostile_rest());
        assert!(!markdown.contains("<script"));
        assert!(!markdown.contains("\n# h"));
        assert!(!markdown.contains("[a](javascript"));
    }

    #[test]
    fn traces_are_no_execution() {
        let (_, verdict) = hostile();
        let subject = Subject::Traces {
            symptom: "status_code = 'error' <b>",
            baseline: "status_code <> 'error'",
        };
        let (html, markdown) = (
            html(subject, &verdict, &Rest::default()),
            markdown(subject, &verdict, &Rest::default()),
        );
        for text in [&plain(subject, &verdict), &html, &markdown] {
            for part in ["Symptom", "Compared with", "version"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
            for part in ["Execution", "State machine", "RUNNING", "1970"] {
                assert!(!text.contains(part), "{part} is in {text}");
            }
        }
        assert!(
            !html.contains("<b>") || html.contains("&lt;b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn every_form_says_who_and_why() {
        let verdict = Verdict {
            execution: "arn:x".into(),
            outcome: Outcome::Verdict,
            culprit: Some(Entity {
                kind: "function".into(),
                name: "pay".into(),
                path: vec!["orders".into()],
            }),
            category: Some(Category::Memory),
            mechanism: "pay ran out of memory".into(),
            confidence: 0.95,
            ..Verdict::default()
        };
        let execution = Execution::default();
        for text in [
            plain(&execution, &verdict),
            markdown(&execution, &verdict, &Rest::default()),
            html(&execution, &verdict, &Rest::default()),
        ] {
            for part in ["pay", "memory", "95 %", "beyond reasonable doubt"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
    }
}
