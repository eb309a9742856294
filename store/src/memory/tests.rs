use super::*;
use crate::rows;
use model::{Execution, TraceId};

fn execution(unit: u8, version: u32) -> RecordBatch {
    rows::executions(&[Execution {
        trace_id: TraceId([unit; 16]),
        events: version,
        ..Execution::default()
    }])
    .unwrap()
}

fn versions(batches: Vec<RecordBatch>) -> Vec<(u8, u32)> {
    let rows = batches
        .iter()
        .flat_map(|batch| rows::read_executions(batch).unwrap());
    let mut versions: Vec<_> = rows.map(|row| (row.trace_id.0[0], row.events)).collect();
    versions.sort_unstable();
    versions
}

#[test]
fn only_the_newest_version_of_each_unit_shows() {
    let mut derived = Derived::default();
    for round in 0..3 {
        for unit in 0..200u8 {
            let batch = execution(unit, round * 1000 + u32::from(unit));
            derived
                .replace(Table::Executions, [unit; 16], batch)
                .unwrap();
        }
    }
    let empty = RecordBatch::new_empty(Table::Executions.schema());
    derived.replace(Table::Executions, [7; 16], empty).unwrap();
    let expect: Vec<_> = (0..200u8)
        .filter(|unit| *unit != 7)
        .map(|unit| (unit, 2000 + u32::from(unit)))
        .collect();
    assert_eq!(versions(derived.batches(|_| false)), expect);
    assert_eq!(versions(derived.batches(|unit| unit[0] != 9)), [(9, 2009)]);
    assert_eq!(derived.rows_of(&[7; 16]).unwrap().num_rows(), 0);
    assert_eq!(
        versions(vec![derived.rows_of(&[8; 16]).unwrap()]),
        [(8, 2008)]
    );
    assert!(derived.holds(&[7; 16]) && !derived.holds(&[250; 16]));
}

#[test]
fn small_batches_are_put_together_and_none_is_lost() {
    let mut facts = Facts::default();
    for n in 0..1000u32 {
        let log = model::LogRecord {
            log_id: TraceId(u128::from(n).to_be_bytes()),
            attributes: [(format!("a{}", n % 5), i64::from(n).into())].into(),
            ..Default::default()
        };
        assert!(facts.note(u128::from(n)) && !facts.note(u128::from(n)));
        facts
            .push(Table::Logs, rows::logs(&[log]).unwrap())
            .unwrap();
    }
    assert!(facts.batches().count() < 80);
    let all = concat(Table::Logs, facts.batches().map(AsRef::as_ref)).unwrap();
    let mut ids: Vec<_> = rows::read_logs(&all).unwrap();
    ids.sort_by_key(|log| log.log_id);
    assert_eq!(ids.len(), 1000);
    assert_eq!(ids[999].attributes["a4"], 999i64.into());
}
