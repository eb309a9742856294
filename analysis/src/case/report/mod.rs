//! The case file to send on: as text for a terminal, as Markdown for an incident channel, as one HTML file that
//! needs nothing else. Everything that came from outside is escaped.

mod html;
mod markdown;
mod plain;

pub use html::html;
pub use markdown::markdown;
pub use plain::plain;

use model::{Execution, Verdict, time};

/// What is said of the execution at the top: label and value.
fn head(execution: &Execution, verdict: &Verdict) -> Vec<(&'static str, String)> {
    // Of plain traces the question is all there is.
    if execution.execution_arn.is_empty() && execution.start_time.0 == 0 {
        return vec![("Symptom", verdict.execution.clone())];
    }
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
    all.push((
        "Confidence",
        format!(
            "{:.0} % ({})",
            verdict.confidence * 100.0,
            verdict.certainty()
        ),
    ));
    all.extend(verdict.changed.clone().map(|it| ("Changed", it)));
    all.extend(verdict.but_for.clone().map(|it| ("But for", it)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Cleared, Entity, Exhibit, Outcome};

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

    #[test]
    fn nothing_from_outside_is_markup() {
        let (execution, verdict) = hostile();
        let html = html(&execution, &verdict);
        assert!(!html.contains("<script") && !html.contains("javascript:b\""));
        assert!(html.contains("&lt;script&gt;"));
        let markdown = markdown(&execution, &verdict);
        assert!(!markdown.contains("<script"));
        assert!(!markdown.contains("\n# h"));
        assert!(!markdown.contains("[a](javascript"));
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
            markdown(&execution, &verdict),
            html(&execution, &verdict),
        ] {
            for part in ["pay", "memory", "95 %", "beyond reasonable doubt"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
    }
}
