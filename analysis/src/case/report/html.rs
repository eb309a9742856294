//! One HTML file without scripts, links or anything to fetch.

use super::Subject;
use model::Verdict;
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}li{margin:.4rem 0;overflow-wrap:anywhere}code,time{font:13px ui-monospace,monospace;opacity:.75}";

/// The case file as one HTML document.
pub fn html<'a>(subject: impl Into<Subject<'a>>, verdict: &Verdict) -> String {
    let subject = subject.into();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Case file: {title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{headline}</h1>\n<p>{mechanism}</p>\n<dl>",
        title = escaped(subject.name()),
        headline = escaped(&verdict.headline()),
        mechanism = escaped(&verdict.mechanism),
    );
    for (label, value) in super::findings(verdict)
        .iter()
        .chain(&super::head(subject, verdict))
    {
        let _ = write!(out, "<dt>{label}</dt><dd>{}</dd>", escaped(value));
    }
    out.push_str("</dl>\n");
    let exhibits = verdict.exhibits.iter().map(|it| {
        let (at, text, reference) = (escaped(&it.at), escaped(&it.text), escaped(&it.reference));
        format!("<time>{at}</time> {text}<br><code>{reference}</code>")
    });
    list(&mut out, "Exhibits", "ol", exhibits);
    let cleared = verdict.cleared.iter().map(|it| {
        let (name, reason, reference) = (
            escaped(&it.name),
            escaped(&it.reason),
            escaped(&it.reference),
        );
        format!("<b>{name}</b>: {reason}<br><code>{reference}</code>")
    });
    list(&mut out, "Cleared", "ul", cleared);
    let suspects = verdict.suspects.iter().map(|it| {
        let category = it.category.map_or("", |it| it.as_str());
        format!("{} ({category}, {:.2})", escaped(&it.name), it.score)
    });
    list(&mut out, "Suspects", "ol", suspects);
    list(
        &mut out,
        "Missing",
        "ul",
        verdict.missing.iter().map(|it| escaped(it)),
    );
    out.push_str("</body></html>\n");
    out
}

fn list(out: &mut String, title: &str, tag: &str, rows: impl Iterator<Item = String>) {
    let rows: String = rows.map(|row| format!("<li>{row}</li>")).collect();
    if !rows.is_empty() {
        let _ = writeln!(out, "<h2>{title}</h2><{tag}>{rows}</{tag}>");
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
