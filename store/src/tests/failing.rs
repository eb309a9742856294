use super::*;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as Answer, memory::InMemory,
    path::Path as ObjectPath,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// An object store that fails every so often: before doing what it was asked, or after.
#[derive(Debug)]
struct Failing {
    inner: InMemory,
    random: AtomicU64,
    /// One call in so many fails; 0 for none.
    one_in: AtomicU64,
}

impl Failing {
    fn fails(&self) -> bool {
        let next = |x: u64| {
            x.wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407)
        };
        let random = self
            .random
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |x| Some(next(x)));
        let one_in = self.one_in.load(Ordering::SeqCst);
        one_in > 0 && (random.unwrap_or(0) >> 33).is_multiple_of(one_in)
    }

    fn trouble(&self) -> Answer<()> {
        if self.fails() {
            return Err(object_store::Error::Generic {
                store: "failing",
                source: "made to fail".into(),
            });
        }
        Ok(())
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Failing {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Answer<PutResult> {
        self.trouble()?;
        let result = self.inner.put_opts(location, payload, options).await?;
        self.trouble()?;
        Ok(result)
    }
    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> Answer<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }
    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Answer<GetResult> {
        self.trouble()?;
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(
        &self,
        locations: BoxStream<'static, Answer<ObjectPath>>,
    ) -> BoxStream<'static, Answer<ObjectPath>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Answer<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Answer<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> Answer<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_failing_object_store_loses_nothing_and_doubles_nothing() {
    for seed in 1..=8u64 {
        let dir = tempfile::tempdir().unwrap();
        let failing = Arc::new(Failing {
            inner: InMemory::new(),
            random: AtomicU64::new(seed),
            one_in: AtomicU64::new(4),
        });
        let (store, _) = Store::open_on(small(dir.path()), failing.clone())
            .await
            .unwrap();
        let mut failures = 0;
        for n in 0..40u64 {
            let spans = format!("spans {} {}", n * 20, n * 20 + 20);
            // An entry that is logged but cannot be applied yet is applied later: here by sending again.
            while submit(&store, &spans).await.is_err() {
                failures += 1;
            }
            submit(&store, &format!("unit {} {n}", n % 10))
                .await
                .unwrap();
            failures += u32::from(store.flush().await.is_err());
            if n % 8 == 0 {
                failures += u32::from(store.compact().await.is_err());
            }
        }
        assert!(failures > 0);
        failing.one_in.store(0, Ordering::SeqCst);
        store.flush().await.unwrap();
        store.compact().await.unwrap();
        let snapshot = store.snapshot();
        assert_eq!(snapshot.rows(Table::Spans), 800 + 20, "seed {seed}");
        let units: Vec<_> = (0..10).map(|n| unit(n, 0).id).collect();
        let found = snapshot.find(Table::Executions, &units).await.unwrap();
        let expect: Vec<_> = (0..10).map(|n| (n, n as u32 + 30)).collect();
        assert_eq!(versions(&found), expect, "seed {seed}");
        drop(snapshot);
        store.close().await.unwrap();
        // Opened again: the catalog names exactly what there is.
        let (store, _) = Store::open_on(small(dir.path()), failing.clone())
            .await
            .unwrap();
        assert_eq!(store.snapshot().rows(Table::Spans), 820, "seed {seed}");
        let all: Vec<_> = (0..80).map(trace).collect();
        let found = store.snapshot().find(Table::Spans, &all).await.unwrap();
        assert_eq!(found.iter().map(|b| b.num_rows()).sum::<usize>(), 800);
    }
}
