//! One HTML file without scripts, links or anything to fetch.

use super::{Rest, Subject, rest};
use model::{Exhibit, TimeCategory, Verdict, time::human_duration};
use sha2::{Digest, Sha256};
use std::{fmt::Write, sync::LazyLock};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:light-dark(#d5dbe1,#39434e);--bad:light-dark(#c0281c,#ff8272)}\
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin-top:2rem}p{overflow-wrap:anywhere}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}li{margin:.4rem 0;overflow-wrap:anywhere}code,time{font:13px ui-monospace,monospace;opacity:.75}\
.t{overflow-x:auto}.t>*{min-width:34rem}table{border-collapse:collapse;width:100%;font-size:14px}\
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}\
thead th{font-size:12px;opacity:.75;white-space:nowrap}tbody th{font-weight:600}tr.m>*{border-top:2px solid var(--bad);border-bottom-color:var(--bad)}\
svg{display:block;width:100%;overflow:visible}.e{display:flex;justify-content:space-between;font-size:12px;opacity:.75}\
.k{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}.k li{margin:0;display:flex;gap:.4rem;align-items:center}.k svg{width:11px;flex:none}\
.l{stroke:var(--line);stroke-width:3}.x{fill:light-dark(#0b629f,#63b3ed)}.x.o{fill:light-dark(#8893a0,#626f7d)}.n{fill:light-dark(#fff,#08131c);font:650 12px system-ui,sans-serif}\
.orchestration{fill:light-dark(#9aa8b5,#5d6c7a)}.queueing{fill:light-dark(#c9b62b,#a8982a)}.cold_start{fill:light-dark(#2aa3b8,#2d95a8)}.compute{fill:light-dark(#3f86c6,#3f7fba)}\
.downstream{fill:light-dark(#27a17f,#24906f)}.backoff{fill:light-dark(#d98a1f,#c17f1e)}.wait{fill:light-dark(#c3cdd6,#3f4d5a)}.callback{fill:light-dark(#a888c8,#8668a8)}\
.map_slot{fill:light-dark(#c987b0,#a9688f)}.throttling{fill:light-dark(#c9432f,#d2604e)}.unobserved{fill:var(--line)}\
@media print{body{margin:0}}";

/// Width of drawings, units of their own.
const WIDTH: f64 = 1000.0;

/// What the file may do wherever it is opened: be styled by its own style sheet, which is named by its hash.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64(&Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
});

/// The content security policy of the file.
pub fn policy() -> &'static str {
    &POLICY
}

/// Base 64 with padding, as hashes are written in a policy.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let at = |n: usize| u32::from(part.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= part.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

/// The case file as one HTML document.
pub fn html<'a>(subject: impl Into<Subject<'a>>, verdict: &Verdict, more: &Rest) -> String {
    let subject = subject.into();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Case file: {title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{headline}</h1>\n<p>{mechanism}</p>\n<dl>",
        policy = policy(),
        title = escaped(subject.name()),
        headline = escaped(&verdict.headline()),
        mechanism = escaped(&super::mechanism(verdict)),
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
    let line = match subject {
        Subject::Execution(execution) => time_line(
            &verdict.exhibits,
            execution.start_time.0,
            execution.end_time.map(|end| end.0),
        ),
        Subject::Traces { .. } => String::new(),
    };
    list(&mut out, "Exhibits", "ol", &line, exhibits);
    let cleared = verdict.cleared.iter().map(|it| {
        let (name, reason, reference) = (
            escaped(&it.name),
            escaped(&it.reason),
            escaped(&it.reference),
        );
        format!("<b>{name}</b>: {reason}<br><code>{reference}</code>")
    });
    list(&mut out, "Cleared", "ul", "", cleared);
    let suspects = verdict.suspects.iter().map(|it| {
        let category = it.category.map_or("", |it| it.as_str());
        format!("{} ({category}, {:.2})", escaped(&it.name), it.score)
    });
    list(&mut out, "Suspects", "ol", "", suspects);
    let missing = verdict.missing.iter().map(|it| escaped(it));
    list(&mut out, "Missing", "ul", "", missing);
    for table in more.tables() {
        let bar = match table.title {
            "Where the time went" => bar(&more.bar()),
            _ => String::new(),
        };
        tabled(&mut out, &table, &bar);
    }
    out.push_str("</body></html>\n");
    out
}

fn list(out: &mut String, title: &str, tag: &str, above: &str, rows: impl Iterator<Item = String>) {
    let rows: String = rows.map(|row| format!("<li>{row}</li>")).collect();
    if !rows.is_empty() {
        let _ = writeln!(out, "<h2>{title}</h2>{above}<{tag}>{rows}</{tag}>");
    }
}

/// The exhibits by number on a line from start to end.
fn time_line(exhibits: &[Exhibit], start: i64, end: Option<i64>) -> String {
    const GAP: f64 = 26.0;
    let places = rest::places(exhibits, start, end);
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places[*a].0.total_cmp(&places[*b].0));
    let most = WIDTH - 12.0;
    let mut at = vec![0.0; places.len()];
    let mut before = 12.0 - GAP;
    for n in &order {
        at[*n] = f64::max(places[*n].0 * (most - 12.0) + 12.0, before + GAP);
        before = at[*n];
    }
    let mut after = most + GAP;
    for n in order.iter().rev() {
        at[*n] = f64::min(at[*n], after - GAP);
        after = at[*n];
    }
    let mut out = format!(
        "<div class=\"t\"><div><svg viewBox=\"0 0 {WIDTH} 26\" role=\"img\" aria-label=\"The exhibits by number, from the start of the execution to its end\">\
         <line class=\"l\" x1=\"0\" x2=\"{WIDTH}\" y1=\"13\" y2=\"13\"></line>"
    );
    for (n, (x, (_, outside))) in at.iter().zip(&places).enumerate() {
        let class = if *outside { "x o" } else { "x" };
        let _ = write!(
            out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"13\" r=\"11\"></circle>\
             <text class=\"n\" x=\"{x:.1}\" y=\"17.5\" text-anchor=\"middle\">{}</text>",
            n + 1
        );
    }
    let length = end.map_or("not ended".to_owned(), |end| {
        human_duration(end.saturating_sub(start))
    });
    let _ = write!(
        out,
        "</svg><div class=\"e\"><span>start</span><span>{length}</span></div></div></div>"
    );
    out
}

/// Time by category as one bar, with its legend.
fn bar(parts: &[(TimeCategory, i64)]) -> String {
    let whole: i64 = parts.iter().map(|(_, ns)| *ns).sum();
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} 26\" preserveAspectRatio=\"none\" height=\"26\" role=\"img\" aria-label=\"Time by category; the list below says the same\">"
    );
    let mut x = 0.0;
    for (category, ns) in parts {
        let width = *ns as f64 / whole.max(1) as f64 * WIDTH;
        let class = category.as_str();
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{x:.2}\" width=\"{width:.2}\" height=\"26\"></rect>"
        );
        x += width;
    }
    out.push_str("</svg><ul class=\"k\">");
    for (category, ns) in parts {
        let _ = write!(
            out,
            "<li><svg viewBox=\"0 0 11 11\" aria-hidden=\"true\"><rect class=\"{}\" width=\"11\" height=\"11\" rx=\"3\"></rect></svg>{} <b>{}</b> {}</li>",
            category.as_str(),
            category.label(),
            human_duration(*ns),
            escaped(&rest::share(*ns, whole))
        );
    }
    out.push_str("</ul>");
    out
}

fn tabled(out: &mut String, table: &rest::Table, drawn: &str) {
    let _ = write!(out, "<h2>{}</h2>", table.title);
    match drawn {
        "" => {
            let words = table.words.iter().filter(|it| !it.is_empty());
            words.for_each(|it| {
                let _ = write!(out, "<p>{}</p>", escaped(it));
            });
        }
        drawn => out.push_str(drawn),
    }
    if table.rows.is_empty() {
        return;
    }
    out.push_str("<div class=\"t\"><table><thead><tr>");
    for head in &table.head {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for (n, row) in table.rows.iter().enumerate() {
        out.push_str(if table.marked == Some(n) {
            "<tr class=\"m\">"
        } else {
            "<tr>"
        });
        for (m, cell) in row.iter().enumerate() {
            let cell = escaped(cell);
            let _ = match m {
                0 => write!(out, "<th scope=\"row\">{cell}</th>"),
                _ => write!(out, "<td>{cell}</td>"),
            };
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>\n");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in model::text::visible(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_in_base_64() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(base64(bytes), expect);
        check(b"", "");
        check(b"f", "Zg==");
        check(b"fo", "Zm8=");
        check(b"foo", "Zm9v");
        check(&[0xff, 0xfe, 0xfd, 0xfc], "//79/A==");
    }

    #[test]
    fn nothing_but_its_own_style_is_allowed() {
        let page = html(
            &model::Execution::default(),
            &Verdict::default(),
            &Rest::default(),
        );
        assert!(page.contains(policy()) && !page.contains("unsafe-inline"));
        // A policy by hash does not allow styles at elements.
        assert!(!page.contains(" style=\"") && !page.contains("<script"));
    }
}
