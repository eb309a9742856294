//! SQS queues that an EventBridge rule fills: state changes of executions, ECS tasks and Batch jobs. A
//! message is deleted after what it says is durable; one that says nothing known is deleted, too, and told.

use super::{
    api,
    call::{CallError, Calls},
    check::{self, Tries},
    session::Session,
};
use crate::{
    collect::{About, Advice, Check, Collector, Failure, Meter, Outlet, Round},
    import::{self, Chunk},
};
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use serde_json::Value;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Seconds that a call waits for a message.
const WAIT: i32 = 5;
/// Calls to one queue in a round.
const CALLS: usize = 100;

/// The collector of the queues of one source.
pub struct Queues {
    calls: Calls,
}

impl Queues {
    /// A collector over a session.
    pub fn new(session: Arc<Session>) -> Self {
        Queues {
            calls: Calls::new(session),
        }
    }

    fn urls(&self) -> Vec<String> {
        self.calls.session.source.queues.clone()
    }

    async fn go(&mut self, out: &Outlet) -> Result<Round, Failure> {
        let begun = out.now();
        let mut empty = true;
        for url in self.urls() {
            for _ in 0..CALLS {
                let messages = self.receive(&url).await?;
                if messages.is_empty() {
                    break;
                }
                empty = false;
                self.take(out, &messages).await?;
                self.delete(&url, &messages).await?;
            }
        }
        Ok(Round {
            wait: Duration::from_secs(1),
            following: self.urls().len() as u64,
            up_to: Some(begun),
            detail: format!("{} queues", self.urls().len()),
            caught_up: empty,
            behind: None,
        })
    }

    async fn receive(&self, url: &str) -> Result<Vec<Value>, Failure> {
        let answer = self
            .calls
            .ask(&api::RECEIVE, |clients, capture| {
                let call = clients.sqs.receive_message().queue_url(url);
                let call = call.max_number_of_messages(10).wait_time_seconds(WAIT);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await
            .map_err(|error| self.calls.failure(&api::RECEIVE, error))?;
        Ok(match answer.get("Messages") {
            Some(Value::Array(messages)) => messages.clone(),
            _ => Vec::new(),
        })
    }

    async fn take(&self, out: &Outlet, messages: &[Value]) -> Result<(), Failure> {
        let files: Vec<(PathBuf, Bytes)> = messages
            .iter()
            .enumerate()
            .filter_map(|(n, message)| {
                let body = unwrapped(message.get("Body")?.as_str()?);
                Some((PathBuf::from(format!("message-{n}")), Bytes::from(body)))
            })
            .collect();
        for chunk in chunks(&files)? {
            out.chunk(chunk).await?;
        }
        Ok(())
    }

    async fn delete(&self, url: &str, messages: &[Value]) -> Result<(), Failure> {
        let entry = |(n, message): (usize, &Value)| {
            let handle = message.get("ReceiptHandle")?.as_str()?;
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
            entry.receipt_handle(handle).build().ok()
        };
        let entries: Vec<_> = messages.iter().enumerate().filter_map(entry).collect();
        let deleted = self
            .calls
            .ask(&api::DELETE_MESSAGE, |clients, capture| {
                let call = clients.sqs.delete_message_batch().queue_url(url);
                let call = call.set_entries(Some(entries.clone()));
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        match deleted {
            Ok(_) => Ok(()),
            // A handle that is too old: the message comes again, and changes nothing.
            Err(CallError::Gone(_)) => Ok(()),
            Err(error) => Err(self.calls.failure(&api::DELETE_MESSAGE, error)),
        }
    }
}

/// What SNS has put around a message is taken off.
fn unwrapped(body: &str) -> String {
    let wrapped: Option<Value> = serde_json::from_str(body).ok();
    let inner = wrapped.as_ref().and_then(|value| {
        value.get("Type").filter(|kind| *kind == "Notification")?;
        value.get("Message")?.as_str()
    });
    inner.unwrap_or(body).to_owned()
}

/// What documents of any known kind hold, ready for the door.
///
/// # Errors
/// Never for what they hold: that is told in the log.
pub(super) fn chunks(files: &[(PathBuf, Bytes)]) -> Result<Vec<Chunk>, Failure> {
    let mut chunks = Vec::new();
    let mut sink = |chunk| {
        chunks.push(chunk);
        Ok(())
    };
    let report = import::import_files(files, &mut sink)
        .map_err(|error| Failure::new(Advice::Wait, error.to_string(), ""))?;
    for file in report.files.iter().filter(|file| file.taken.is_empty()) {
        let why = file.skipped.first().map_or("", |skip| skip.reason.as_str());
        tracing::warn!(why, "a message says nothing that is known");
    }
    Ok(chunks)
}

impl Collector for Queues {
    fn about(&self) -> About {
        let session = &self.calls.session;
        About {
            name: format!("{}/sqs/{}", session.source.name, session.region),
            kind: "sqs".to_owned(),
            place: session.region.clone(),
            stage: 0,
        }
    }

    fn remember(&mut self, _: Value) {}

    fn round<'a>(&'a mut self, out: &'a Outlet) -> BoxFuture<'a, Result<Round, Failure>> {
        Box::pin(self.go(out))
    }

    fn check(&mut self) -> BoxFuture<'_, Vec<Check>> {
        let tries = Tries::all(&self.calls);
        Box::pin(check::queues(tries).map(Tries::done))
    }

    fn reach(&mut self) -> BoxFuture<'_, Result<(), Failure>> {
        let tries = Tries::first(&self.calls);
        Box::pin(check::queues(tries).map(Tries::reached))
    }

    fn meter(&self) -> &Meter {
        &self.calls.meter
    }
}

#[cfg(test)]
mod tests {
    use super::unwrapped;

    #[test]
    fn messages_that_came_through_sns_are_unwrapped() {
        assert_eq!(
            unwrapped(r#"{"Type":"Notification","Message":"{\"a\":1}"}"#),
            r#"{"a":1}"#
        );
        assert_eq!(
            unwrapped(r#"{"source":"aws.states"}"#),
            r#"{"source":"aws.states"}"#
        );
        assert_eq!(unwrapped("text"), "text");
    }
}
