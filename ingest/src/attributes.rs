//! Attributes as columns: a typed one each where the [`Promotion`] gives one, the rest as one JSON
//! object a row.

use crate::{
    columns::{BoolColumn, BytesColumn, NumberColumn},
    promotion::{AttributeType, Promotion, attribute_field},
    value::{AnyValue, KeyValue, write_json_text},
    wire::WireError,
};
use arrow::{array::ArrayRef, datatypes::Field};
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Text of an attribute is rarely longer than this, bytes; it sizes the columns.
const USUAL_TEXT: usize = 16;
/// Largest whole number up to which every one is a double.
const EXACT_DOUBLE: u64 = 1 << 53;

/// The attributes of the rows of one batch.
pub(crate) struct AttributeColumns<'a> {
    promotion: Promotion,
    slots: HashMap<&'a [u8], Option<usize>, KeyHash>,
    columns: Vec<(Field, Column)>,
    rest: BytesColumn,
    /// The JSON object of this row has been opened.
    open: bool,
    rows: usize,
    /// How many rows are expected.
    capacity: usize,
}

impl<'a> AttributeColumns<'a> {
    pub(crate) fn new(promotion: Promotion, rows: usize) -> Self {
        AttributeColumns {
            promotion,
            slots: HashMap::with_hasher(KeyHash(RandomState::new().hash_one(0))),
            columns: Vec::new(),
            rest: BytesColumn::new(rows, 0),
            open: false,
            rows: 0,
            capacity: rows,
        }
    }

    /// Adds an attribute to this row. The second one of a name stays beside the first, in the rest.
    #[inline]
    pub(crate) fn add(&mut self, pair: KeyValue<'a>) -> Result<(), WireError> {
        let row = self.rows;
        if let Some(column) = self.column(&pair)
            && column.push(pair.value, row)
        {
            return Ok(());
        }
        self.add_rest(pair.key, pair.value)
    }

    /// Adds an attribute to the JSON object of this row.
    pub(crate) fn add_rest(&mut self, key: &[u8], value: AnyValue) -> Result<(), WireError> {
        let out = self.rest.open();
        out.push(if self.open { b',' } else { b'{' });
        self.open = true;
        write_json_text(key, out);
        out.push(b':');
        value.write_json(out)
    }

    /// How many attributes have a column so far.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Ends this row.
    pub(crate) fn end_row(&mut self) {
        if self.open {
            self.rest.open().push(b'}');
            self.rest.commit();
        } else {
            self.rest.push_nulls(1);
        }
        self.open = false;
        self.rows += 1;
    }

    /// The columns with their fields, and the column of the rest.
    pub(crate) fn finish(mut self, replaced: &mut u64) -> (Vec<(Field, ArrayRef)>, ArrayRef) {
        let finish = |(field, mut column): (Field, Column)| {
            column.pad(self.rows);
            (field, column.finish(replaced))
        };
        let columns = self.columns.drain(..).map(finish).collect();
        (columns, self.rest.text(replaced))
    }

    #[inline]
    fn column(&mut self, pair: &KeyValue<'a>) -> Option<&mut Column> {
        let slot = match self.slots.get(pair.key) {
            Some(slot) => *slot,
            None => self.assign(pair),
        };
        self.columns.get_mut(slot?).map(|(_, column)| column)
    }

    /// A column for a name not met in this batch yet.
    fn assign(&mut self, pair: &KeyValue<'a>) -> Option<usize> {
        // Only a plain value decides the type; after a list the name may still get a column.
        let kind = type_of(pair.value)?;
        let promoted = std::str::from_utf8(pair.key)
            .ok()
            .and_then(|name| Some((name, self.promotion.promote(name, kind)?)));
        let slot = promoted.map(|(name, kind)| {
            self.columns.push((
                attribute_field(name, kind),
                Column::new(kind, self.capacity),
            ));
            self.columns.len() - 1
        });
        self.slots.insert(pair.key, slot);
        slot
    }
}

fn type_of(value: AnyValue) -> Option<AttributeType> {
    match value {
        AnyValue::Text(_) => Some(AttributeType::Text),
        AnyValue::Int(_) => Some(AttributeType::Int),
        AnyValue::Double(_) => Some(AttributeType::Double),
        AnyValue::Bool(_) => Some(AttributeType::Bool),
        _ => None,
    }
}

enum Column {
    Text(BytesColumn),
    Int(NumberColumn<i64>),
    Double(NumberColumn<f64>),
    Bool(BoolColumn),
}

impl Column {
    fn new(kind: AttributeType, rows: usize) -> Self {
        match kind {
            AttributeType::Text => Column::Text(BytesColumn::new(rows, USUAL_TEXT)),
            AttributeType::Int => Column::Int(NumberColumn::new(rows)),
            AttributeType::Double => Column::Double(NumberColumn::new(rows)),
            AttributeType::Bool => Column::Bool(BoolColumn::new(rows)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Column::Text(column) => column.len(),
            Column::Int(column) => column.len(),
            Column::Double(column) => column.len(),
            Column::Bool(column) => column.len(),
        }
    }

    /// Nulls up to `rows`.
    #[inline]
    fn pad(&mut self, rows: usize) {
        let missing = rows - self.len();
        if missing == 0 {
            return;
        }
        match self {
            Column::Text(column) => column.push_nulls(missing),
            Column::Int(column) => column.push_nulls(missing),
            Column::Double(column) => column.push_nulls(missing),
            Column::Bool(column) => column.push_nulls(missing),
        }
    }

    /// Puts the value into `row`; false when it is of another type or the row has one already.
    #[inline]
    fn push(&mut self, value: AnyValue, row: usize) -> bool {
        if self.len() > row {
            return false;
        }
        self.pad(row);
        match (self, value) {
            (Column::Text(column), AnyValue::Text(text)) => column.push(text),
            (Column::Int(column), AnyValue::Int(number)) => column.push(number),
            (Column::Double(column), AnyValue::Double(number)) => column.push(number),
            // JavaScript sends 5.0 as the whole number 5.
            (Column::Double(column), AnyValue::Int(number))
                if number.unsigned_abs() <= EXACT_DOUBLE =>
            {
                column.push(number as f64);
            }
            (Column::Bool(column), AnyValue::Bool(truth)) => column.push(truth),
            _ => return false,
        }
        true
    }

    fn finish(self, replaced: &mut u64) -> ArrayRef {
        match self {
            Column::Text(column) => column.text(replaced),
            Column::Int(column) => column.finish(),
            Column::Double(column) => column.finish(),
            Column::Bool(column) => column.finish(),
        }
    }
}

/// A fast hash of short keys, seeded so that nobody can prepare collisions.
struct KeyHash(u64);

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.0)
    }
}

struct KeyHasher(u64);

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }
    fn write_usize(&mut self, _length: usize) {
        // The length of the one key that is hashed adds nothing.
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
