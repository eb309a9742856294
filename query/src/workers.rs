//! Threads of their own for queries: a query that keeps a processor busy must not keep requests and
//! timers waiting, and deep expressions need a deep stack.

use crate::Error;
use std::{future::Future, sync::Arc};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Stack of a thread, bytes. It is address space until it is used.
const STACK: usize = 64 * 1024 * 1024;

/// The threads. They end when the last clone goes.
#[derive(Debug, Clone)]
pub(crate) struct Workers(Arc<Owned>);

#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        // Waiting for the threads is not allowed where this may happen.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Workers {
    /// So many threads.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_stack_size(STACK)
            .thread_name("query")
            .enable_all()
            .build()
            .map_err(|error| Error::Engine(format!("no threads for queries: {error}")))?;
        Ok(Workers(Arc::new(Owned(Some(runtime)))))
    }

    /// Runs the task there. Dropping what is returned stops it.
    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<Task<T>, Error> {
        match &self.0.0 {
            Some(runtime) => Ok(Task(runtime.spawn(task))),
            None => Err(Error::Engine("the query threads have ended".to_owned())),
        }
    }
}

/// A running task, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// What the task gives.
    pub async fn join(mut self) -> Result<T, Error> {
        let outcome = (&mut self.0).await;
        outcome.map_err(|error| Error::Engine(format!("a query thread failed: {error}")))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
