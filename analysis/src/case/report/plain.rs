//! Plain text.

use super::Subject;
use model::Verdict;
use std::fmt::Write;

/// The case file for a terminal. Control characters are taken out.
pub fn plain<'a>(subject: impl Into<Subject<'a>>, verdict: &Verdict) -> String {
    let subject = subject.into();
    let mut out = String::new();
    line(&mut out, &verdict.headline());
    line(&mut out, &format!("  {}", super::mechanism(verdict)));
    out.push('\n');
    for (label, value) in super::findings(verdict)
        .iter()
        .chain(&super::head(subject, verdict))
    {
        line(&mut out, &format!("{label:<14} {value}"));
    }
    section(
        &mut out,
        "Exhibits",
        verdict
            .exhibits
            .iter()
            .map(|it| (&it.at, format!("{}\n      {}", it.text, it.reference))),
    );
    section(
        &mut out,
        "Cleared",
        verdict
            .cleared
            .iter()
            .map(|it| (&it.name, format!("{}\n      {}", it.reason, it.reference))),
    );
    let suspects = verdict.suspects.iter().map(|it| {
        let category = it.category.map_or("", |it| it.as_str());
        (&it.name, format!("{category}, {:.2}", it.score))
    });
    section(&mut out, "Suspects", suspects);
    for missing in &verdict.missing {
        line(&mut out, &format!("missing: {missing}"));
    }
    out
}

fn section<'a>(out: &mut String, title: &str, rows: impl Iterator<Item = (&'a String, String)>) {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "\n{title}\n");
    for (n, (first, rest)) in rows.iter().enumerate() {
        for (m, part) in rest.split("\n      ").enumerate() {
            match m {
                0 => line(out, &format!("  {:>2}  {first}  {part}", n + 1)),
                _ => line(out, &format!("      {part}")),
            }
        }
    }
}

fn line(out: &mut String, text: &str) {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    out.push_str(&model::text::visible(&text));
    out.push('\n');
}
