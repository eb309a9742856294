//! What a table is made of: batches in memory and Parquet blocks, as a snapshot holds them.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use object_store::ObjectStore;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use store::{Snapshot, Table};

/// A Parquet file and what is known of it without opening it.
#[derive(Debug, Clone)]
pub(crate) struct BlockFile {
    /// Where it lies in the object store.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Least and greatest value of the table's time column, if it has one.
    pub time: Option<(i64, i64)>,
    /// Least and greatest value of the table's key column.
    pub key: (Vec<u8>, Vec<u8>),
    /// True when its rows were derived and so may have been replaced since.
    pub derived: bool,
    /// Columns whose rows are large, and the bytes that an average one takes.
    pub wide: BTreeMap<String, u64>,
}

/// Everything a scan of one table needs.
#[derive(Debug, Clone)]
pub(crate) struct TableSource {
    /// Which table.
    pub table: Table,
    /// Physical columns, attribute columns included.
    pub schema: SchemaRef,
    /// Rows not yet in blocks.
    pub memory: Vec<RecordBatch>,
    /// The blocks.
    pub blocks: Vec<BlockFile>,
    /// Units whose rows in derived blocks are outdated.
    pub hidden: Arc<HashSet<[u8; 16]>>,
    /// Where the blocks lie.
    pub objects: Arc<dyn ObjectStore>,
}

impl TableSource {
    /// The table as the snapshot has it.
    pub fn of(snapshot: &Snapshot, table: Table) -> Self {
        TableSource {
            table,
            schema: snapshot.schema(table),
            memory: snapshot.memory(table),
            blocks: snapshot
                .blocks(table)
                .iter()
                .map(|block| block_file(table, block))
                .collect(),
            hidden: snapshot.hidden(table),
            objects: snapshot.object_store(),
        }
    }
}

fn block_file(table: Table, block: &store::Block) -> BlockFile {
    BlockFile {
        path: block.path.to_string(),
        rows: block.rows,
        bytes: block.bytes,
        time: table.time().map(|_| (block.min_time, block.max_time)),
        key: (block.min_key.clone(), block.max_key.clone()),
        derived: block.derived,
        wide: block.wide.clone(),
    }
}
