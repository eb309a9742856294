//! Markdown, for an incident channel.

use super::Subject;
use model::Verdict;
use std::fmt::Write;

/// The case file as Markdown.
pub fn markdown<'a>(subject: impl Into<Subject<'a>>, verdict: &Verdict) -> String {
    let subject = subject.into();
    let mut out = format!(
        "## {}\n\n{}\n\n",
        escaped(&verdict.headline()),
        escaped(&verdict.mechanism)
    );
    for (label, value) in super::findings(verdict)
        .iter()
        .chain(&super::head(subject, verdict))
    {
        let _ = writeln!(out, "- **{label}**: {}", escaped(value));
    }
    if !verdict.exhibits.is_empty() {
        out.push_str("\n### Exhibits\n\n");
        for (n, it) in verdict.exhibits.iter().enumerate() {
            let _ = writeln!(
                out,
                "{}. {} {} ({})",
                n + 1,
                escaped(&it.at),
                escaped(&it.text),
                escaped(&it.reference)
            );
        }
    }
    if !verdict.cleared.is_empty() {
        out.push_str("\n### Cleared\n\n");
        for it in &verdict.cleared {
            let _ = writeln!(
                out,
                "- **{}**: {} ({})",
                escaped(&it.name),
                escaped(&it.reason),
                escaped(&it.reference)
            );
        }
    }
    if !verdict.missing.is_empty() {
        out.push_str("\n### Missing\n\n");
        for it in &verdict.missing {
            let _ = writeln!(out, "- {}", escaped(it));
        }
    }
    out
}

/// Text in one line that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
