//! Markdown, for an incident channel.

use super::{Rest, Subject};
use model::Verdict;
use std::fmt::Write;

/// The case file as Markdown.
pub fn markdown<'a>(subject: impl Into<Subject<'a>>, verdict: &Verdict, more: &Rest) -> String {
    let subject = subject.into();
    let mut out = format!(
        "## {}\n\n{}\n\n",
        escaped(&verdict.headline()),
        escaped(&super::mechanism(verdict))
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
    for table in more.tables() {
        tabled(&mut out, &table);
    }
    out
}

fn tabled(out: &mut String, table: &super::rest::Table) {
    let _ = write!(out, "\n### {}\n\n", table.title);
    for words in table.words.iter().filter(|it| !it.is_empty()) {
        let _ = write!(out, "{}\n\n", escaped(words));
    }
    if table.rows.is_empty() {
        return;
    }
    let rule = vec!["---"; table.head.len()];
    let _ = writeln!(
        out,
        "| {} |\n| {} |",
        table.head.join(" | "),
        rule.join(" | ")
    );
    for (n, row) in table.rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        let cells = match table.marked == Some(n) {
            true => format!("**{}** | {}", cells[0], cells[1..].join(" | ")),
            false => cells.join(" | "),
        };
        let _ = writeln!(out, "| {cells} |");
    }
}

/// Text in one line that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in model::text::visible(text).chars() {
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
