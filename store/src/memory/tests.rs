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

#[test]
fn many_units_at_once_are_as_one_by_one() {
    let row = |unit: u16, version: u32| Execution {
        trace_id: TraceId(u128::from(unit).to_be_bytes()),
        events: version,
        ..Execution::default()
    };
    let id = |unit: u16| u128::from(unit).to_be_bytes();
    let (mut single, mut many) = (Derived::default(), Derived::default());
    let mut seed = 7u32;
    for round in 0..60u32 {
        let mut units: Vec<u16> = (0..40)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as u16 % 700
            })
            .collect();
        units.sort_unstable();
        units.dedup();
        // Every fifth has no rows any more.
        let rows: Vec<_> = units
            .iter()
            .filter(|u| *u % 5 != 0)
            .map(|u| row(*u, round))
            .collect();
        let batch = rows::executions(&rows).unwrap();
        let ids: Vec<_> = units.iter().map(|unit| id(*unit)).collect();
        let places = crate::identity::places(Table::Executions, &batch, &ids).unwrap();
        many.replace_all(Table::Executions, places, batch).unwrap();
        for unit in &units {
            let rows: Vec<_> = rows
                .iter()
                .filter(|it| it.trace_id.0 == id(*unit))
                .cloned()
                .collect();
            let batch = rows::executions(&rows).unwrap();
            single.replace(Table::Executions, id(*unit), batch).unwrap();
        }
    }
    let read = |derived: &Derived| {
        let batches = derived.batches(|_| false);
        let rows = batches
            .iter()
            .flat_map(|batch| rows::read_executions(batch).unwrap());
        let mut rows: Vec<_> = rows.map(|it| (it.trace_id, it.events)).collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(read(&many), read(&single));
    assert!(many.holds(&id(0)) == single.holds(&id(0)));
    let units: std::collections::HashSet<_> = many.units().collect();
    assert_eq!(units, single.units().collect());
    for unit in units {
        assert_eq!(many.rows_of(&unit), single.rows_of(&unit));
    }
}

#[test]
fn rows_of_a_unit_must_lie_together_and_be_of_a_named_one() {
    let row = |unit: u8| Execution {
        trace_id: TraceId([unit; 16]),
        ..Execution::default()
    };
    let check = |units: &[u8], named: &[u8], expect: bool| {
        let rows: Vec<_> = units.iter().map(|unit| row(*unit)).collect();
        let named: Vec<_> = named.iter().map(|unit| [*unit; 16]).collect();
        let batch = rows::executions(&rows).unwrap();
        let places = crate::identity::places(Table::Executions, &batch, &named);
        assert_eq!(places.is_ok(), expect, "{units:?}");
    };
    check(&[1, 1, 2], &[1, 2, 3], true);
    check(&[1, 2, 1], &[1, 2], false);
    check(&[1, 4], &[1, 2], false);
    check(&[], &[1], true);
}
