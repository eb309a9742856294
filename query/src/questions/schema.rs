//! The tables and their columns, for completion and for `docs/tables.md`.

use crate::{Engine, format::type_name, view::View};
use model::api::{ColumnInfo, Schema, TableInfo};
use store::{Snapshot, Table, tables};

impl Engine {
    /// What can be asked.
    pub fn schema(&self, snapshot: &Snapshot) -> Schema {
        let tables = Table::ALL.map(|table| {
            let stored = snapshot.schema(table);
            table_info(table, &stored, Some(snapshot.rows(table)))
        });
        let extras = self.extras().all();
        let extras = extras.iter().map(|extra| extra.info());
        Schema {
            tables: tables.into_iter().chain(extras).collect(),
        }
    }
}

/// A table as SQL shows it, with the columns of `stored`.
pub fn table_info(table: Table, stored: &arrow::datatypes::Schema, rows: Option<u64>) -> TableInfo {
    let view = View::new(table, stored);
    let columns = view.logical.fields().iter().map(|field| ColumnInfo {
        name: field.name().clone(),
        data_type: type_name(field.data_type()),
        comment: comment(stored, field.name()),
    });
    TableInfo {
        name: table.name().to_owned(),
        comment: table.comment().to_owned(),
        rows,
        columns: columns.collect(),
    }
}

fn comment(stored: &arrow::datatypes::Schema, column: &str) -> String {
    let written = stored
        .field_with_name(column)
        .ok()
        .and_then(|field| field.metadata().get(tables::COMMENT).cloned());
    if let Some(comment) = written {
        return comment;
    }
    match column.strip_prefix(tables::ATTRIBUTE_PREFIX) {
        Some(attribute) => format!("attribute {attribute}; also attributes['{attribute}']"),
        None if column == "end_time" => "when it ended: start_time plus duration_ns".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_explained() {
        for table in Table::ALL {
            let info = table_info(table, &table.schema(), None);
            for column in info.columns {
                assert!(
                    !column.comment.is_empty(),
                    "{}.{}",
                    table.name(),
                    column.name
                );
            }
        }
    }
}
