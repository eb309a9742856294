//! Which object store an address means.

use crate::Error;
use object_store::{
    ObjectStore, aws::AmazonS3Builder, local::LocalFileSystem, memory::InMemory, path::Path,
    prefix::PrefixStore,
};
use std::sync::Arc;

/// The object store at `url`: a folder, `file:///…`, `s3://bucket/prefix` (credentials from the usual
/// `AWS_…` variables) or `memory://`.
pub(crate) fn open(url: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let failed = |why: &dyn std::fmt::Display| Error::Address {
        url: url.to_owned(),
        why: why.to_string(),
    };
    if url.starts_with("memory:") {
        return Ok(Arc::new(InMemory::new()));
    }
    if let Some(rest) = url.strip_prefix("s3://") {
        let prefix = rest.split_once('/').map_or("", |(_, prefix)| prefix);
        let s3 = AmazonS3Builder::from_env().with_url(url).build();
        let s3 = s3.map_err(|e| failed(&e))?;
        let prefix = Path::parse(prefix).map_err(|e| failed(&e))?;
        return Ok(Arc::new(PrefixStore::new(s3, prefix)));
    }
    if let Some(folder) = folder(url) {
        std::fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
        let local = LocalFileSystem::new_with_prefix(&folder).map_err(|e| failed(&e))?;
        return Ok(Arc::new(local));
    }
    Err(failed(&"unknown kind of address"))
}

/// The folder on this machine that an address means, if it means one.
pub(crate) fn folder(url: &str) -> Option<std::path::PathBuf> {
    match url.split_once("://") {
        None if url.starts_with("memory:") => None,
        None => Some(url.into()),
        Some(("file", path)) => Some(path.into()),
        Some(_) => None,
    }
}
