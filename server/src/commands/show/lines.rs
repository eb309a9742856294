//! The tree as lines of text.

use super::{
    Row, Shown,
    tree::{Node, Tree},
};
use model::{text::counted, time::human_duration};
use serde_json::Value;
use std::io::{self, Write};

/// Characters of an error's text; all of it is in `--format json`.
const ERROR_CHARACTERS: usize = 160;
/// Children of one node: a Map may have thousands of iterations.
const CHILDREN: usize = 100;

/// The text of a cell; empty for null.
pub(super) fn text(row: &Row, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The number of a cell.
pub(super) fn number(row: &Row, name: &str) -> Option<i64> {
    row.get(name).and_then(Value::as_i64)
}

/// The truth of a cell; null is false.
pub(super) fn flag(row: &Row, name: &str) -> bool {
    row.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Writes lines, with colour or without.
pub(super) struct Painter {
    pub colour: bool,
}

impl Painter {
    pub(super) fn head(&self, shown: &Shown, out: &mut impl Write) -> io::Result<()> {
        let row = &shown.execution;
        let word = |name| text(row, name);
        writeln!(out, "{}", self.paint("1", &word("execution_arn")))?;
        let duration = number(row, "duration_ns")
            .map(human_duration)
            .unwrap_or_default();
        writeln!(
            out,
            "{} {}  {}  {duration}",
            self.icon(&word("status")),
            word("status"),
            word("start_time")
        )?;
        for (name, label) in [
            ("error", "error"),
            ("cause", "cause"),
            ("failing_state", "failing state"),
        ] {
            if !word(name).is_empty() {
                writeln!(out, "{label}: {}", shortened(&word(name)))?;
            }
        }
        if !word("root_state").is_empty() && word("root_state") != word("failing_state") {
            writeln!(
                out,
                "root: {} in {}",
                word("root_error"),
                word("root_state")
            )?;
        }
        let number_of = |name| number(row, name).unwrap_or(0).max(0) as u64;
        let count = |name, one, many| counted(number_of(name), one, many);
        let counts = [
            count("states_entered", "state entered", "states entered"),
            count("attempts", "attempt", "attempts"),
            count("retries", "retry", "retries"),
            count("iterations", "iteration", "iterations"),
            count("caught_failures", "caught failure", "caught failures"),
            count("cold_starts", "cold start", "cold starts"),
        ];
        writeln!(out, "{}", counts.join(", "))?;
        if !flag(row, "complete") {
            writeln!(out, "partial: {}", word("incomplete_reason"))?;
        }
        writeln!(out, "trace {}\n", word("trace_id"))
    }

    pub(super) fn tree(&self, tree: &Tree, out: &mut impl Write) -> io::Result<()> {
        self.node(&tree.root, "", "", out)
    }

    fn node(&self, node: &Node, lead: &str, below: &str, out: &mut impl Write) -> io::Result<()> {
        let duration = node.duration_ns.map(human_duration).unwrap_or_default();
        let mut line = format!("{lead}{} {}", self.icon(&node.status), node.label);
        if !duration.is_empty() {
            line += &format!("  {}", self.paint("2", &duration));
        }
        if !node.notes.is_empty() {
            line += &format!(
                "  {}",
                self.paint("33", &format!("[{}]", node.notes.join(", ")))
            );
        }
        writeln!(out, "{line}")?;
        if let Some(error) = &node.error {
            writeln!(out, "{below}    {}", self.paint("31", &shortened(error)))?;
        }
        let shown = node.children.len().min(CHILDREN);
        for (n, child) in node.children[..shown].iter().enumerate() {
            let last = n + 1 == node.children.len();
            let (branch, pipe) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            self.node(
                child,
                &format!("{below}{branch}"),
                &format!("{below}{pipe}"),
                out,
            )?;
        }
        if node.children.len() > shown {
            writeln!(out, "{below}└─ … and {} more", node.children.len() - shown)?;
        }
        Ok(())
    }

    fn icon(&self, status: &str) -> String {
        let (icon, colour) = match status {
            "SUCCEEDED" | "success" => ("✓", "32"),
            "FAILED" | "error" => ("✗", "31"),
            "TIMED_OUT" | "timeout" => ("⧗", "31"),
            "ABORTED" => ("⊘", "35"),
            "RUNNING" | "PENDING_REDRIVE" => ("▶", "36"),
            _ => ("·", "2"),
        };
        self.paint(colour, icon)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Not too long; what a terminal would obey is written out already.
fn shortened(text: &str) -> String {
    let mut line: String = text.chars().take(ERROR_CHARACTERS + 1).collect();
    if line.chars().count() > ERROR_CHARACTERS {
        line = line.chars().take(ERROR_CHARACTERS).chain(['…']).collect();
    }
    line
}
