//! A block: one Parquet file, sorted by the table's key.

use crate::Table;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the catalog knows about a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Where it is in the object store: `spans/day=2026-11-22/….parquet`.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Earliest time in it, nanoseconds since the epoch; 0 for tables without a time.
    pub min_time: i64,
    /// Latest time in it.
    pub max_time: i64,
    /// Smallest key ([`Table::key`]) in it.
    #[serde(with = "hex_bytes")]
    pub min_key: Vec<u8>,
    /// Largest key in it.
    #[serde(with = "hex_bytes")]
    pub max_key: Vec<u8>,
    /// True for rows that `replace` put there, false for appended ones.
    pub derived: bool,
    /// The UTC day of its rows, `2026-11-22`; `None` if the table has no time or its rows are of many
    /// days.
    pub day: Option<String>,
    /// Its attribute columns, with types.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub promoted: BTreeMap<String, PromotedType>,
    /// Row groups of each of its sorted runs: one run, or several where blocks were joined. Empty if it is not known; then
    /// it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<u32>,
    /// Columns whose rows are large: bytes that the average row of such a column takes, in the row group where they are
    /// largest. A reader decodes few of such rows at a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wide: BTreeMap<String, u64>,
}

/// Type of an attribute column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotedType {
    /// Text.
    Utf8,
    /// Whole numbers.
    Int64,
    /// Numbers.
    Float64,
    /// Truth values.
    Boolean,
}

impl PromotedType {
    /// The word in the catalog.
    pub(crate) fn word(self) -> &'static str {
        match self {
            PromotedType::Utf8 => "utf8",
            PromotedType::Int64 => "int64",
            PromotedType::Float64 => "float64",
            PromotedType::Boolean => "boolean",
        }
    }
}

impl Block {
    /// The table whose folder it is in.
    pub fn table(&self) -> Option<Table> {
        let folder = self.path.split('/').next()?;
        Table::ALL.into_iter().find(|table| table.name() == folder)
    }

    /// Row groups in it; 0 if it is not known.
    pub fn row_groups(&self) -> u64 {
        self.runs.iter().map(|groups| u64::from(*groups)).sum()
    }

    /// True when the key lies between the smallest and the largest.
    pub fn may_hold(&self, key: &[u8]) -> bool {
        self.min_key.as_slice() <= key && key <= self.max_key.as_slice()
    }
}

mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let hex = String::deserialize(d)?;
        let pair = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes = hex.as_bytes().chunks(2).map(pair).collect::<Option<_>>();
        bytes.ok_or_else(|| D::Error::custom("not hex"))
    }
}
