//! Attribute columns: which names may become one, and one type per name over the whole store.

use crate::{
    Error, Table,
    block::PromotedType,
    shared::{of_type, stands_for},
    tables::{ATTRIBUTE_PREFIX, COMMENT},
};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, Schema, SchemaRef},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// Most attribute columns of a table; attributes beyond it stay in the JSON text.
pub const MOST_PROMOTED: usize = 200;
/// Longest attribute name that gets a column of its own, bytes.
const LONGEST_NAME: usize = 96;
/// The column of attributes that have none of their own.
const REST: &str = "attributes";

/// True when an attribute of this name may have a column: letters, digits and the punctuation that
/// every reader of Parquet and of open table formats takes in a name.
pub fn is_promotable(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(allowed)
}

impl PromotedType {
    /// The Arrow type of the column.
    pub fn data_type(self) -> DataType {
        match self {
            PromotedType::Utf8 => DataType::Utf8,
            PromotedType::Int64 => DataType::Int64,
            PromotedType::Float64 => DataType::Float64,
            PromotedType::Boolean => DataType::Boolean,
        }
    }

    /// The inverse; text of any layout is text.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => PromotedType::Utf8,
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::Int64 => PromotedType::Int64,
            DataType::Float64 => PromotedType::Float64,
            DataType::Boolean => PromotedType::Boolean,
            _ => return None,
        })
    }
}

/// The attribute columns of every table, by column name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promoted {
    tables: HashMap<Table, BTreeMap<String, PromotedType>>,
    /// Names in lower case: some engines cannot tell `HTTP.Route` from `http.route`.
    folded: HashSet<(Table, String)>,
    schemas: HashMap<Table, SchemaRef>,
}

impl Promoted {
    /// The table's schema: its own columns, then attribute columns by name.
    pub(crate) fn schema(&self, table: Table) -> SchemaRef {
        match self.schemas.get(&table) {
            Some(schema) => schema.clone(),
            None => table.schema(),
        }
    }

    /// Adds columns that a block has.
    pub(crate) fn add(&mut self, table: Table, columns: &BTreeMap<String, PromotedType>) {
        let known = self.tables.entry(table).or_default();
        let before = known.len();
        for (name, kind) in columns {
            if known.contains_key(name) {
                continue;
            }
            known.entry(name.clone()).or_insert(*kind);
            self.folded.insert((table, name.to_ascii_lowercase()));
        }
        if known.len() > before {
            self.schemas.insert(table, schema(table, known));
        }
    }

    /// The batch as the table takes it: every column of the table there and of its type, attribute
    /// columns of the types known for them. What does not fit goes to the JSON text, what is empty goes.
    pub(crate) fn conform(
        &mut self,
        table: Table,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, Error> {
        let base = base_columns(table, batch)?;
        let table_schema = table.schema();
        let typed = |(field, column): (&FieldRef, &ArrayRef)| match column.data_type() {
            held if held == field.data_type() => field.clone(),
            held => of_type(field, held.clone()),
        };
        let fields = table_schema.fields().iter().zip(&base).map(typed);
        let mut fields: Vec<FieldRef> = fields.collect();
        let mut columns = base;
        let mut misfits = Vec::new();
        let mut fresh = BTreeMap::new();
        let batch_schema = batch.schema();
        for (field, column) in batch_schema.fields().iter().zip(batch.columns()) {
            let Some(attribute) = field.name().strip_prefix(ATTRIBUTE_PREFIX) else {
                continue;
            };
            if column.null_count() == column.len() {
                continue;
            }
            match self.fit(table, field.name(), attribute, column, &mut fresh) {
                Some(kind) => {
                    fields.push(Arc::new(Field::new(field.name(), kind.data_type(), true)));
                    columns.push(cast_to(table, column, &kind.data_type())?);
                }
                None => misfits.push((attribute.to_owned(), column.clone())),
            }
        }
        if !misfits.is_empty() {
            demote(&fields, &mut columns, &misfits);
        }
        self.add(table, &fresh);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(rows_error(table))
    }

    /// The type under which the column is kept, if it is.
    fn fit(
        &self,
        table: Table,
        name: &str,
        attribute: &str,
        column: &ArrayRef,
        fresh: &mut BTreeMap<String, PromotedType>,
    ) -> Option<PromotedType> {
        let kind = PromotedType::of(column.data_type())?;
        let known = self.tables.get(&table);
        match known.and_then(|known| known.get(name)).or(fresh.get(name)) {
            Some(held) => (*held == kind).then_some(kind),
            None => {
                let count = known.map_or(0, BTreeMap::len) + fresh.len();
                let folded = name.to_ascii_lowercase();
                let taken = fresh.keys().any(|name| name.to_ascii_lowercase() == folded)
                    || self.folded.contains(&(table, folded));
                let new = count < MOST_PROMOTED && !taken && is_promotable(attribute);
                new.then(|| {
                    fresh.insert(name.to_owned(), kind);
                    kind
                })
            }
        }
    }
}

fn schema(table: Table, promoted: &BTreeMap<String, PromotedType>) -> SchemaRef {
    let attribute = |(name, kind): (&String, &PromotedType)| {
        let comment = format!("attribute {}", &name[ATTRIBUTE_PREFIX.len()..]);
        let metadata = HashMap::from([(COMMENT.to_owned(), comment)]);
        Arc::new(Field::new(name, kind.data_type(), true).with_metadata(metadata))
    };
    let base = table.schema();
    let fields = base.fields().iter().cloned();
    let fields: Vec<_> = fields.chain(promoted.iter().map(attribute)).collect();
    Arc::new(Schema::new(fields))
}

fn base_columns(table: Table, batch: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
    let schema = table.schema();
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) if stands_for(column.data_type(), field.data_type()) => Ok(column.clone()),
        Some(column) => cast_to(table, column, field.data_type()),
        None if field.is_nullable() => Ok(arrow::array::new_null_array(
            field.data_type(),
            batch.num_rows(),
        )),
        None => Err(Error::Refused {
            table: table.name(),
            why: format!("column {} is missing", field.name()),
        }),
    };
    schema.fields().iter().map(column).collect()
}

fn cast_to(table: Table, column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, Error> {
    if column.data_type() == data_type {
        return Ok(column.clone());
    }
    cast(column, data_type).map_err(rows_error(table))
}

/// Moves the values of columns that cannot stay into the JSON text of their rows.
fn demote(fields: &[FieldRef], columns: &mut [ArrayRef], misfits: &[(String, ArrayRef)]) {
    let Some(rest) = fields.iter().position(|field| field.name() == REST) else {
        return;
    };
    let old = columns[rest].as_string::<i32>();
    let mut new = StringBuilder::with_capacity(old.len(), old.value_data().len());
    for row in 0..old.len() {
        let additions = misfits
            .iter()
            .filter_map(|(name, column)| Some((name.clone(), value(column, row)?)));
        let additions: Vec<_> = additions.collect();
        let held = old.is_valid(row).then(|| old.value(row));
        if additions.is_empty() {
            new.append_option(held);
            continue;
        }
        let mut object: Map<String, Value> = held
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        object.extend(additions);
        new.append_value(Value::Object(object).to_string());
    }
    columns[rest] = Arc::new(new.finish());
}

fn value(column: &ArrayRef, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        _ => arrow::util::display::array_value_to_string(column, row)
            .ok()?
            .into(),
    })
}

fn rows_error(table: Table) -> impl FnOnce(arrow::error::ArrowError) -> Error {
    move |source| Error::Rows {
        table: table.name(),
        source,
    }
}
