//! Which blocks there are: one small object per commit, over all tables at once.
//!
//! `catalog/<number>.json` is the whole list; the highest number counts. A commit creates the next
//! number and fails if somebody else has, so it is atomic on every object store, and two writers of
//! the same place cannot overwrite each other.

use crate::{
    Error, Table,
    block::{Block, PromotedType},
    objects::Objects,
    state::Blocks,
};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

const FOLDER: &str = "catalog";
/// Format of the objects.
const VERSION: u32 = 1;
/// Times that opening looks again when the newest object goes away under its hands.
const TRIES: usize = 20;

/// The catalog of one object store.
pub(crate) struct Catalog {
    objects: Objects,
    number: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    /// Attribute columns; blocks name them by their place here.
    columns: Vec<(String, PromotedType)>,
    blocks: Vec<StoredBlock>,
}

#[derive(Serialize, Deserialize)]
struct StoredBlock {
    #[serde(flatten)]
    block: Block,
    columns: Vec<usize>,
}

impl Catalog {
    /// Reads the newest list.
    pub(crate) async fn open(objects: &Objects) -> Result<(Catalog, Blocks), Error> {
        let mut attempt = 0;
        loop {
            let number = numbers(objects).await?.into_iter().max();
            let catalog = Catalog {
                objects: objects.clone(),
                number: number.unwrap_or(0),
            };
            let Some(number) = number else {
                return Ok((catalog, Blocks::new()));
            };
            let path = path(number);
            match objects.get(&path).await {
                Ok(bytes) => return Ok((catalog, decode(&path, &bytes)?)),
                // Two commits happened between listing and reading.
                Err(error) if error.is_gone() && attempt < TRIES => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Number of the newest list.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Makes this the list of blocks.
    pub(crate) async fn commit(&mut self, blocks: &Blocks) -> Result<(), Error> {
        let next = self.number + 1;
        let path = path(next);
        self.objects.create(&path, encode(blocks)).await?;
        self.number = next;
        // The one before stays for readers that have just listed it.
        for number in numbers(&self.objects).await.unwrap_or_default() {
            if number + 1 < next {
                let old = self::path(number);
                if let Err(error) = self.objects.delete(&old).await {
                    tracing::warn!(%error, "an old catalog stays; the next commit tries again");
                }
            }
        }
        Ok(())
    }
}

fn path(number: u64) -> Path {
    Path::from(format!("{FOLDER}/{number:020}.json"))
}

async fn numbers(objects: &Objects) -> Result<Vec<u64>, Error> {
    let paths = objects.list(&Path::from(FOLDER)).await?;
    let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
    Ok(paths.iter().filter_map(number).collect())
}

fn encode(blocks: &Blocks) -> Vec<u8> {
    let mut places: BTreeMap<(&str, &'static str), usize> = BTreeMap::new();
    let mut columns = Vec::new();
    let mut stored = Vec::new();
    for block in blocks.values().flatten() {
        let mut own = Vec::with_capacity(block.promoted.len());
        for (name, kind) in &block.promoted {
            let key = (name.as_str(), kind.word());
            let place = *places.entry(key).or_insert_with(|| {
                columns.push((name.clone(), *kind));
                columns.len() - 1
            });
            own.push(place);
        }
        stored.push(StoredBlock {
            block: Block {
                promoted: BTreeMap::new(),
                ..block.as_ref().clone()
            },
            columns: own,
        });
    }
    let stored = Stored {
        version: VERSION,
        columns,
        blocks: stored,
    };
    serde_json::to_vec(&stored).expect("plain data has a JSON form")
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Blocks, Error> {
    let failed = |why: String| Error::Catalog {
        path: path.to_string(),
        why,
    };
    let stored: Stored = serde_json::from_slice(bytes).map_err(|e| failed(e.to_string()))?;
    if stored.version != VERSION {
        return Err(failed(format!(
            "its format {} is not the format {VERSION} of this program; open it with the program that wrote it",
            stored.version
        )));
    }
    let mut blocks = Blocks::new();
    for StoredBlock { mut block, columns } in stored.blocks {
        for place in columns {
            let column = stored.columns.get(place);
            let (name, kind) = column.ok_or_else(|| failed("a column is missing".to_owned()))?;
            block.promoted.insert(name.clone(), *kind);
        }
        let table = block.table();
        let table: Table = table.ok_or_else(|| failed(format!("no table for {}", block.path)))?;
        blocks.entry(table).or_default().push(Arc::new(block));
    }
    Ok(blocks)
}
