//! Which attributes the decoder writes into a column of their own, and of which type.
//!
//! The first value seen of an attribute decides the type of its column; values of another type stay
//! in the JSON column `attributes`. The number of columns is bounded, and so are their names, so
//! that no sender can widen the tables without end. The store has the last word: a column of a type
//! that differs from the one it holds goes back into the JSON there.

use arrow::datatypes::{DataType, Field, Schema};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
};
use store::tables::ATTRIBUTE_PREFIX;

/// How many attributes of one table get a column.
pub const MAX_PROMOTED: usize = 200;
/// Longest name of a promoted attribute, bytes.
const MAX_NAME: usize = 96;

/// Type of a promoted attribute's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// `Utf8`.
    Text,
    /// `Int64`.
    Int,
    /// `Float64`.
    Double,
    /// `Boolean`.
    Bool,
}

impl AttributeType {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            AttributeType::Text => DataType::Utf8,
            AttributeType::Int => DataType::Int64,
            AttributeType::Double => DataType::Float64,
            AttributeType::Bool => DataType::Boolean,
        }
    }

    /// The type whose column `data_type` is; `None` for a type that no attribute column has.
    pub fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(AttributeType::Text),
            DataType::Dictionary(_, value) => Self::of(value),
            DataType::Int64 => Some(AttributeType::Int),
            DataType::Float64 => Some(AttributeType::Double),
            DataType::Boolean => Some(AttributeType::Bool),
            _ => None,
        }
    }
}

/// The column `attributes.<name>`.
pub fn attribute_field(name: &str, kind: AttributeType) -> Field {
    Field::new(format!("{ATTRIBUTE_PREFIX}{name}"), kind.data_type(), true)
}

/// The promoted attributes of one table. Clones share.
#[derive(Debug, Clone)]
pub struct Promotion {
    held: Arc<RwLock<Held>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Held {
    types: HashMap<String, AttributeType>,
    /// Names in lower case: some engines cannot tell `HTTP.Route` from `http.route`.
    folded: HashSet<String>,
}

impl Default for Promotion {
    fn default() -> Self {
        Promotion::new(MAX_PROMOTED)
    }
}

impl Promotion {
    /// Nothing promoted yet, at most `limit` in the end.
    pub fn new(limit: usize) -> Self {
        Promotion {
            held: Arc::default(),
            limit,
        }
    }

    /// Takes over the attribute columns that `schema` has, whatever the limit.
    pub fn adopt(&self, schema: &Schema) {
        for field in schema.fields() {
            let name = field.name().strip_prefix(ATTRIBUTE_PREFIX);
            if let (Some(name), Some(kind)) = (name, AttributeType::of(field.data_type())) {
                self.write(|held| held.insert(name, kind));
            }
        }
    }

    /// The type of the column of `name`, which gets one of type `kind` if it has none, its name is
    /// fit for a column and there is room.
    pub fn promote(&self, name: &str, kind: AttributeType) -> Option<AttributeType> {
        if let Some(kind) = self.get(name) {
            return Some(kind);
        }
        if !is_column_name(name) {
            return None;
        }
        self.write(|held| {
            if let Some(&kind) = held.types.get(name) {
                return Some(kind);
            }
            let taken = held.folded.contains(&name.to_ascii_lowercase());
            if taken || held.types.len() >= self.limit {
                return None;
            }
            held.insert(name, kind);
            Some(kind)
        })
    }

    /// The type of the column of `name`, if it has one.
    pub fn get(&self, name: &str) -> Option<AttributeType> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.types.get(name).copied()
    }

    fn write<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    fn insert(&mut self, name: &str, kind: AttributeType) {
        self.folded.insert(name.to_ascii_lowercase());
        self.types.entry(name.to_owned()).or_insert(kind);
    }
}

/// Letters, digits and the punctuation that every reader of Parquet and Delta takes in a name.
fn is_column_name(name: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_type_seen_stays() {
        let promotion = Promotion::default();
        let check = |name, kind, expect| assert_eq!(promotion.promote(name, kind), expect);
        check("http.status", AttributeType::Int, Some(AttributeType::Int));
        check("http.status", AttributeType::Text, Some(AttributeType::Int));
        check("HTTP.status", AttributeType::Int, None);
        check("a b", AttributeType::Int, None);
        check("", AttributeType::Int, None);
    }

    #[test]
    fn the_number_is_bounded_but_columns_at_rest_are_adopted() {
        let promotion = Promotion::new(1);
        promotion.promote("a", AttributeType::Bool);
        assert_eq!(promotion.promote("b", AttributeType::Bool), None);
        promotion.adopt(&Schema::new(vec![attribute_field(
            "b",
            AttributeType::Double,
        )]));
        assert_eq!(promotion.get("b"), Some(AttributeType::Double));
    }
}
