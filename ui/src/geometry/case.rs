//! What a case file points at, and where its exhibits go on a line of time.

use crate::url::escape;

/// A fact that an exhibit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An event of an execution: ARN and id.
    Event(String, u64),
    /// A log record: its id.
    Log(String),
    /// A span: trace id and span id.
    Span(String, String),
    /// A join: span ids of parent and child.
    Join(String, String),
    /// A change: its id.
    Change(String),
    /// Something else, as it stands.
    Other(String),
}

impl Reference {
    /// Reads `event:<arn>#<id>`, `log:<id>`, `span:<trace id>/<span id>`, `join:<span id>/<span id>`.
    pub fn read(text: &str) -> Self {
        let other = || Reference::Other(text.to_owned());
        let Some((kind, rest)) = text.split_once(':') else {
            return other();
        };
        let pair = |make: fn(String, String) -> Reference| match rest.split_once('/') {
            Some((a, b)) => make(a.to_owned(), b.to_owned()),
            None => other(),
        };
        match kind {
            "event" => match rest
                .rsplit_once('#')
                .and_then(|(arn, id)| Some((arn, id.parse().ok()?)))
            {
                Some((arn, id)) => Reference::Event(arn.to_owned(), id),
                None => other(),
            },
            "log" => Reference::Log(rest.to_owned()),
            "span" => pair(Reference::Span),
            "join" => pair(Reference::Join),
            "change" => Reference::Change(rest.to_owned()),
            _ => other(),
        }
    }

    /// The page that shows it, seen from an execution with this ARN or trace id.
    pub fn page(&self, execution: &str) -> Option<String> {
        let base = format!("/x/{}", escape(execution));
        Some(match self {
            Reference::Event(arn, id) => format!("/x/{}?tab=events&event={id}", escape(arn)),
            Reference::Span(_, span) | Reference::Join(_, span) => {
                format!("{base}?sel={}", escape(span))
            }
            Reference::Log(id) => format!("{base}?tab=logs&log={}", escape(id)),
            Reference::Change(_) | Reference::Other(_) => return None,
        })
    }

    /// The query that finds it.
    pub fn sql(&self) -> Option<String> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        Some(match self {
            Reference::Event(arn, id) => format!(
                "select * from events where execution_arn = {} and event_id = {id}",
                quoted(arn)
            ),
            Reference::Log(id) => format!("select * from logs where log_id = {}", quoted(id)),
            Reference::Span(trace, span) => format!(
                "select * from spans where trace_id = {} and span_id = {}",
                quoted(trace),
                quoted(span)
            ),
            Reference::Join(parent, child) => format!(
                "select * from joins where parent_span_id = {} and child_span_id = {}",
                quoted(parent),
                quoted(child)
            ),
            Reference::Change(id) => {
                format!("select * from changes where trace_id = {}", quoted(id))
            }
            Reference::Other(_) => return None,
        })
    }
}

/// Where the marks of times go on a line from `from` to `to`, percent. Marks keep `gap` percent apart, in the order
/// of their times; what is before or after the line stands at its ends.
pub fn marks(times: &[i64], from: i64, to: i64, gap: f64) -> Vec<f64> {
    let length = (to.saturating_sub(from)).max(1) as f64;
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|at| times[*at]);
    let mut out = vec![0.0; times.len()];
    let mut before = -gap;
    for at in &order {
        let place = (times[*at].saturating_sub(from) as f64 / length * 100.0).clamp(0.0, 100.0);
        out[*at] = place.max(before + gap);
        before = out[*at];
    }
    let mut after = 100.0 + gap;
    for at in order.iter().rev() {
        out[*at] = out[*at].min(after - gap);
        after = out[*at];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_their_page() {
        let check = |text: &str, page: Option<&str>| {
            assert_eq!(Reference::read(text).page("t1").as_deref(), page, "{text}");
        };
        check(
            "event:arn:aws:a:b#7",
            Some("/x/arn%3Aaws%3Aa%3Ab?tab=events&event=7"),
        );
        check("span:00ff/0a0b", Some("/x/t1?sel=0a0b"));
        check("log:l/1", Some("/x/t1?tab=logs&log=l%2F1"));
        check("join:a/b", Some("/x/t1?sel=b"));
        check("change:c", None);
        check("event:no number#x", None);
        check("span:alone", None);
        check("", None);
    }

    #[test]
    fn references_cannot_break_out_of_their_query() {
        let sql = Reference::read("log:x' or 'a'='a").sql();
        assert_eq!(
            sql.as_deref(),
            Some("select * from logs where log_id = 'x'' or ''a''=''a'")
        );
    }

    #[test]
    fn marks_never_cover_each_other() {
        let check = |times: &[i64], expect: &[f64]| assert_eq!(marks(times, 0, 100, 5.0), expect);
        check(&[0, 50, 100], &[0.0, 50.0, 100.0]);
        check(&[50, 51, 52], &[50.0, 55.0, 60.0]);
        check(&[100, 99, 98], &[100.0, 95.0, 90.0]);
        check(&[-7, 900], &[0.0, 100.0]);
        check(&[], &[]);
        assert_eq!(marks(&[5, 5], 7, 7, 5.0), [0.0, 5.0]);
    }
}
