//! Verdicts: lists lie as JSON text, and the culprit's kind and name are columns of their own.

use super::{read::Rows, refused, write};
use crate::{Error, Table};
use arrow::array::RecordBatch;
use model::{Category, Entity, Execution, Fatality, Outcome, TraceId, UnixNanos, Verdict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A verdict with what the table says of its execution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judged {
    /// The execution's trace.
    pub trace_id: TraceId,
    /// Name of its state machine.
    pub state_machine: String,
    /// Its name.
    pub name: String,
    /// When it started.
    pub start_time: UnixNanos,
    /// What was found.
    pub verdict: Verdict,
}

impl Judged {
    /// The verdict of an execution.
    pub fn new(execution: &Execution, verdict: Verdict) -> Self {
        Judged {
            trace_id: execution.trace_id,
            state_machine: execution.state_machine.clone(),
            name: execution.name.clone(),
            start_time: execution.start_time,
            verdict,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Row {
    trace_id: TraceId,
    execution: String,
    state_machine: String,
    name: String,
    start_time: UnixNanos,
    version: u32,
    outcome: Outcome,
    culprit_kind: Option<String>,
    culprit_name: Option<String>,
    culprit: Option<String>,
    category: Option<Category>,
    mechanism: String,
    fatality: Fatality,
    confidence: f64,
    changed: Option<String>,
    but_for: Option<String>,
    exhibits: String,
    cleared: String,
    suspects: String,
    missing: String,
}

/// Rows of `verdicts`.
pub fn verdicts(rows: &[Judged]) -> Result<RecordBatch, Error> {
    let rows: Result<Vec<Row>, Error> = rows.iter().map(row).collect();
    write(Table::Verdicts, Table::Verdicts.schema(), &rows?)
}

/// The inverse of [`verdicts`].
pub fn read_verdicts(batch: &RecordBatch) -> Result<Vec<Judged>, Error> {
    let rows: Vec<Row> = Rows::new(Table::Verdicts, batch)?.collect()?;
    rows.into_iter().map(judged).collect()
}

fn row(judged: &Judged) -> Result<Row, Error> {
    let verdict = &judged.verdict;
    let culprit = verdict.culprit.as_ref();
    Ok(Row {
        trace_id: judged.trace_id,
        execution: verdict.execution.clone(),
        state_machine: judged.state_machine.clone(),
        name: judged.name.clone(),
        start_time: judged.start_time,
        version: verdict.version,
        outcome: verdict.outcome,
        culprit_kind: culprit.map(|it| it.kind.clone()),
        culprit_name: culprit.map(|it| it.name.clone()),
        culprit: culprit.map(json).transpose()?,
        category: verdict.category,
        mechanism: verdict.mechanism.clone(),
        fatality: verdict.fatality,
        confidence: verdict.confidence,
        changed: verdict.changed.clone(),
        but_for: verdict.but_for.clone(),
        exhibits: json(&verdict.exhibits)?,
        cleared: json(&verdict.cleared)?,
        suspects: json(&verdict.suspects)?,
        missing: json(&verdict.missing)?,
    })
}

fn judged(row: Row) -> Result<Judged, Error> {
    Ok(Judged {
        trace_id: row.trace_id,
        state_machine: row.state_machine,
        name: row.name,
        start_time: row.start_time,
        verdict: Verdict {
            execution: row.execution,
            version: row.version,
            outcome: row.outcome,
            culprit: row.culprit.as_deref().map(parse::<Entity>).transpose()?,
            category: row.category,
            mechanism: row.mechanism,
            fatality: row.fatality,
            confidence: row.confidence,
            changed: row.changed,
            but_for: row.but_for,
            exhibits: parse(&row.exhibits)?,
            cleared: parse(&row.cleared)?,
            suspects: parse(&row.suspects)?,
            missing: parse(&row.missing)?,
        },
    })
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| refused(Table::Verdicts, error))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| refused(Table::Verdicts, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Exhibit, Suspect};

    #[test]
    fn verdicts_come_back_as_they_went() {
        let judged = Judged {
            trace_id: TraceId([7; 16]),
            state_machine: "orders".into(),
            name: "order-1".into(),
            start_time: UnixNanos(5),
            verdict: Verdict {
                execution: "arn:x".into(),
                version: 2,
                outcome: Outcome::Verdict,
                culprit: Some(Entity {
                    kind: "function".into(),
                    name: "pay".into(),
                    path: vec!["orders".into(), "Pay".into()],
                }),
                category: Some(Category::ColdStart),
                mechanism: "it was cold".into(),
                fatality: Fatality::None,
                confidence: 0.75,
                exhibits: vec![Exhibit {
                    reference: "event:arn:x#3".into(),
                    ..Exhibit::default()
                }],
                suspects: vec![Suspect {
                    score: 0.5,
                    ..Suspect::default()
                }],
                missing: vec!["the log of pay".into()],
                ..Verdict::default()
            },
        };
        for judged in [judged, Judged::default()] {
            let batch = verdicts(std::slice::from_ref(&judged)).expect("rows");
            assert_eq!(read_verdicts(&batch).expect("verdicts"), [judged]);
        }
    }
}
