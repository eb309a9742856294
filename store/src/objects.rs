//! The object store that an address means, with writes that last.

use crate::{
    Error, Table,
    error::{log_error, object_error},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, aws::AmazonS3Builder,
    local::LocalFileSystem, memory::InMemory, path::Path, prefix::PrefixStore,
};
use std::{
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
};

/// Where blocks and catalog are.
#[derive(Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The folder, if they are files of this machine: `LocalFileSystem` does not sync what it writes.
    folder: Option<PathBuf>,
}

impl Objects {
    /// The object store at `url`: a folder, `file:///…`, `s3://bucket/prefix` (credentials from the
    /// usual `AWS_…` variables) or `memory://`.
    /// A folder is made if it is not there and `create` says so.
    pub(crate) fn open(url: &str, create: bool) -> Result<Self, Error> {
        let failed = |why: &dyn std::fmt::Display| Error::Address {
            url: url.to_owned(),
            why: why.to_string(),
        };
        if url.starts_with("memory:") {
            return Ok(Self::new(Arc::new(InMemory::new())));
        }
        if let Some(rest) = url.strip_prefix("s3://") {
            let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix);
            let s3 = AmazonS3Builder::from_env().with_url(url).build();
            let s3 = s3.map_err(|e| failed(&e))?;
            let prefix = Path::parse(prefix).map_err(|e| failed(&e))?;
            return Ok(Self::new(Arc::new(PrefixStore::new(s3, prefix))));
        }
        let folder = match url.split_once("://") {
            None => PathBuf::from(url),
            Some(("file", path)) => PathBuf::from(path),
            Some(_) => return Err(failed(&"unknown kind of address")),
        };
        if create {
            fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
        } else if !folder.is_dir() {
            return Err(failed(&"there is no such folder"));
        }
        let local = LocalFileSystem::new_with_prefix(&folder).map_err(|e| failed(&e))?;
        Ok(Objects {
            store: Arc::new(local),
            folder: Some(folder),
        })
    }

    /// Any object store.
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Objects {
            store,
            folder: None,
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// Writes an object that is not there yet; it is durable when this returns.
    pub(crate) async fn create(&self, path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
        let options = PutOptions::from(PutMode::Create);
        let bytes = Bytes::from(bytes);
        let payload = PutPayload::from(bytes.clone());
        match self.store.put_opts(path, payload, options).await {
            Ok(_) => {}
            // An earlier try whose answer was lost.
            Err(object_store::Error::AlreadyExists { .. }) if self.get(path).await? == bytes => {}
            Err(error) => return Err(object_error("write", path)(error)),
        }
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let file = folder.join(path.as_ref());
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || sync(&folder, &file))
            .await
            .map_err(|_| Error::Closed)?
    }

    pub(crate) async fn get(&self, path: &Path) -> Result<Bytes, Error> {
        let failed = || object_error("read", path);
        let answer = self.store.get(path).await.map_err(failed())?;
        answer.bytes().await.map_err(failed())
    }

    /// Paths below a prefix.
    pub(crate) async fn list(&self, prefix: &Path) -> Result<Vec<Path>, Error> {
        let listing = self.store.list(Some(prefix));
        listing
            .map(|object| object.map(|object| object.location))
            .try_collect()
            .await
            .map_err(object_error("list", prefix))
    }

    /// Deletes files that a crash left half written, in the folders that are ours.
    pub(crate) fn delete_unfinished(&self) -> Result<(), Error> {
        let Some(root) = &self.folder else {
            return Ok(());
        };
        let names = Table::ALL.map(Table::name);
        for name in names.into_iter().chain(["catalog"]) {
            let folder = root.join(name);
            match delete_unfinished(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(log_error("clean", &folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes an object; it is no error if it has gone already.
    pub(crate) async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.store.delete(path).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(object_error("delete", path)(error)),
        }
    }
}

/// Deletes what [`LocalFileSystem`] calls its files until they are whole: `name#1`.
fn delete_unfinished(folder: &std::path::Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let unfinished = path.extension().and_then(|ending| ending.to_str());
        let unfinished = unfinished.and_then(|ending| ending.rsplit_once('#'));
        if entry.file_type()?.is_dir() {
            delete_unfinished(&path)?;
        } else if unfinished.is_some_and(|(kind, _)| ["parquet", "json"].contains(&kind)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Syncs a file and the folders down to it, so that its name lasts, too.
fn sync(root: &std::path::Path, file: &std::path::Path) -> Result<(), Error> {
    let sync = |path: &std::path::Path| {
        File::open(path)
            .and_then(|file| file.sync_all())
            .map_err(log_error("sync", path))
    };
    sync(file)?;
    let folders = file.ancestors().skip(1);
    for folder in folders.take_while(|folder| folder.starts_with(root)) {
        sync(folder)?;
    }
    Ok(())
}
