//! Columns of one name, as `select a.id, b.id` has them: for a program that reads by name all but one would be lost, so the
//! later ones get a number, as in DuckDB: `id`, `id_1`.

use super::Format;
use crate::Error;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The schema with names that occur once. A table for people keeps what was asked for.
pub(super) fn distinct_schema(schema: &SchemaRef, format: Format) -> SchemaRef {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let Some(names) = distinct_names(names).filter(|_| format != Format::Table) else {
        return schema.clone();
    };
    let fields = schema.fields().iter().zip(names);
    let fields: Vec<Field> = fields
        .map(|(field, name)| Field::clone(field).with_name(name))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The same of a batch.
pub(super) fn distinct(batch: &RecordBatch, format: Format) -> Result<RecordBatch, Error> {
    let schema = distinct_schema(batch.schema_ref(), format);
    if Arc::ptr_eq(&schema, batch.schema_ref()) {
        return Ok(batch.clone());
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &options).map_err(|cause| {
        Error::Format {
            format: format.name(),
            cause: cause.to_string(),
        }
    })
}

/// `None` if every name occurs once. A name that is taken, by a column before or behind, is passed over.
fn distinct_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Vec<String>> {
    let mut taken: HashSet<String> = names.clone().map(str::to_owned).collect();
    let total = names.clone().count();
    if taken.len() == total {
        return None;
    }
    // Where the search for a name went on, so that many of one name cost no more than few.
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::with_capacity(total);
    for name in names {
        let Some(number) = next.get_mut(name) else {
            next.insert(name, 1);
            all.push(name.to_owned());
            continue;
        };
        let free = loop {
            let candidate = format!("{name}_{number}");
            *number += 1;
            if taken.insert(candidate.clone()) {
                break candidate;
            }
        };
        all.push(free);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ones_of_a_name_get_a_number() {
        let check = |names: &[&str], expect: Option<&[&str]>| {
            let expect = expect.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(distinct_names(names.iter().copied()), expect, "{names:?}");
        };
        check(&["a", "b"], None);
        check(&[], None);
        check(&["a", "b", "a", "a"], Some(&["a", "b", "a_1", "a_2"]));
        check(&["a", "a", "a_1"], Some(&["a", "a_2", "a_1"]));
        check(&["a_1", "a", "a"], Some(&["a_1", "a", "a_2"]));
    }
}
