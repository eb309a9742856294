//! One call: wait for a turn, ask, and ask again when that may help.
//!
//! What comes back is the answer's own JSON, byte for byte as AWS sent it, and not what the SDK has made
//! of it: so collected data takes the same way as the same data in files, words that the SDK does not know
//! yet are kept, and both give the same rows.

use super::{
    api::{self, Api},
    session::{Clients, Session},
};
use crate::collect::{Advice, Failure, Meter};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept, context::AfterDeserializationInterceptorContextRef, dyn_dispatch_hint,
        },
        orchestrator::HttpResponse,
        result::SdkError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{config_bag::ConfigBag, error::metadata::ProvideErrorMetadata};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Times that a call is made before it is given up for this round.
const TRIES: u32 = 10;
/// The same when somebody waits for the end and there is no way to it.
const HURRIED_TRIES: u32 = 2;
/// First wait after a failure; it doubles, and the true wait is a random part of it.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Longest message of an error.
const MESSAGE: usize = 300;

/// Keeps the bytes of an answer.
#[derive(Debug, Clone, Default)]
pub struct Capture(Arc<Mutex<Vec<u8>>>);

#[dyn_dispatch_hint]
impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "InquestCapture"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.clone_into(&mut kept);
        }
        Ok(())
    }
}

impl Capture {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a call failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Not allowed.
    Denied(String),
    /// What was asked for does not exist (any more).
    Gone(String),
    /// The token of a page is not good any more: begin again.
    StaleToken,
    /// The request is refused for what it says.
    Refused(String),
    /// Busy, away or broken, however often it was asked.
    Away(String),
    /// There is no way to it: no such name, no connection, or no answer in time.
    Unreachable(String),
    /// There are no credentials to sign a call with.
    NoCredentials,
}

/// What became of one try.
enum Trouble {
    Throttled(String),
    Expired(String),
    Passing(String),
    Unreachable(String),
    Final(CallError),
}

/// Calls of one collector.
#[derive(Debug, Clone)]
pub struct Calls {
    /// The account and Region.
    pub session: Arc<Session>,
    /// What has been asked.
    pub meter: Meter,
    tries: u32,
}

impl Calls {
    /// Calls over a session.
    pub fn new(session: Arc<Session>) -> Self {
        Calls {
            session,
            meter: Meter::default(),
            tries: TRIES,
        }
    }

    /// The same, with another number of tries.
    pub fn with_tries(self, tries: u32) -> Self {
        Calls {
            tries: tries.max(1),
            ..self
        }
    }

    /// Makes a call and gives its answer as JSON.
    ///
    /// # Errors
    /// When it fails for good, or for longer than it is worth waiting.
    pub async fn ask<T, E, F>(
        &self,
        api: &'static Api,
        call: impl Fn(Clients, Capture) -> F,
    ) -> Result<Value, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut wait = FIRST_WAIT;
        let (mut last, mut unreachable) = (String::new(), false);
        let mut unreached = 0;
        for left in (0..self.tries).rev() {
            self.turn(api).await;
            let (age, clients) = self.session.clients().await;
            let capture = Capture::default();
            let outcome = call(clients, capture.clone()).await;
            self.meter.count(api.action, |counts| counts.calls += 1);
            let trouble = match outcome {
                Ok(_) => match read(&capture.take()) {
                    Ok(answer) => {
                        self.session.note_answer();
                        return Ok(answer);
                    }
                    Err(error) => Trouble::Passing(format!("an answer that is not JSON: {error}")),
                },
                Err(error) => judge(&error),
            };
            unreachable = matches!(trouble, Trouble::Unreachable(_));
            if !unreachable {
                self.session.note_answer();
            }
            last = match trouble {
                Trouble::Final(error) => return Err(error),
                Trouble::Throttled(why) => {
                    self.meter.count(api.action, |counts| counts.throttled += 1);
                    if let Some(bucket) = self.session.bucket(api) {
                        bucket.throttled(Instant::now());
                    }
                    why
                }
                Trouble::Expired(why) => {
                    self.session.renew(age).await;
                    why
                }
                Trouble::Passing(why) | Trouble::Unreachable(why) => why,
            };
            unreached += u32::from(unreachable);
            // Whoever is in a hurry does not wait for a way to open.
            let hurried = self.session.is_hurried() && unreached >= HURRIED_TRIES;
            if left == 0 || (unreachable && (self.tries < TRIES || hurried)) {
                break;
            }
            tracing::debug!(api = api.action, why = last, "a call is made again");
            tokio::time::sleep(wait.mul_f64(fastrand::f64())).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(match unreachable {
            true => CallError::Unreachable(last),
            false => CallError::Away(last),
        })
    }

    /// `DescribeStateMachine`: the revision, the definition and the logging of a state machine as they are now.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn describe_machine(&self, machine: &str) -> Result<Value, CallError> {
        self.ask(&api::DESCRIBE_MACHINE, |clients, capture| {
            let call = clients
                .sfn
                .describe_state_machine()
                .state_machine_arn(machine);
            async move { call.customize().interceptor(capture).send().await }
        })
        .await
    }

    /// How many calls could be made at once.
    pub fn free(&self, api: &'static Api) -> usize {
        let bucket = self.session.bucket(api);
        bucket.map_or(usize::MAX / 2, |bucket| bucket.free(Instant::now()))
    }

    /// True when a call would not have to wait.
    pub fn is_free(&self, api: &'static Api) -> bool {
        self.free(api) > 0
    }

    async fn turn(&self, api: &'static Api) {
        let Some(bucket) = self.session.bucket(api) else {
            return;
        };
        self.meter
            .count(api.action, |counts| counts.allowed_per_s = bucket.per_s());
        while let Err(wait) = bucket.take(Instant::now()) {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.meter.count(api.action, |counts| {
                counts.waited_ms = counts.waited_ms.saturating_add(millis);
            });
            tokio::time::sleep(wait).await;
        }
    }

    /// What an error means for the round.
    pub fn failure(&self, api: &'static Api, error: CallError) -> Failure {
        let action = api.action;
        match error {
            CallError::Denied(why) => Failure::new(
                Advice::Change,
                format!("{action} is not allowed: {why}"),
                format!(
                    "allow it with the statement {}",
                    api.statement(&self.session.region, "*")
                ),
            ),
            CallError::Gone(why) => Failure::new(
                Advice::Wait,
                format!("{action}: {why}"),
                "what was asked for is gone, or the name in the configuration is wrong",
            ),
            CallError::StaleToken => Failure::new(
                Advice::Wait,
                format!("{action}: the page token is not good any more"),
                "the list is read again from its beginning",
            ),
            CallError::Refused(why) => Failure::new(
                Advice::Change,
                format!("{action} was refused: {why}"),
                "look at the source's configuration, and at its credentials",
            ),
            CallError::NoCredentials => Failure::new(
                Advice::Change,
                format!("{action}: no credentials were found"),
                self.session.looked_in(),
            ),
            CallError::Unreachable(why) => Failure::new(
                match self.session.is_hurried() {
                    true => Advice::Unreachable,
                    false => Advice::Wait,
                },
                format!("could not be reached: {action}: {why}"),
                "it is tried again; if it stays so, look at the network and at the endpoint",
            ),
            CallError::Away(why) => Failure::new(
                Advice::Wait,
                match self.tries {
                    1 => format!("{action} failed: {why}"),
                    tries => format!("{action} failed {tries} times: {why}"),
                },
                "it is tried again; if it stays so, look at the network and at the endpoint",
            ),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    match bytes {
        [] => Ok(Value::Null),
        // The only service that answers in XML is asked only whether it answers.
        [b'<', ..] => Ok(Value::String(String::from_utf8_lossy(bytes).into_owned())),
        _ => serde_json::from_slice(bytes),
    }
}

fn judge<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let status = error
        .raw_response()
        .map_or(0, |answer| answer.status().as_u16());
    let words = match error {
        SdkError::ServiceError(_) => error.message().unwrap_or_default().to_owned(),
        other => in_words(other),
    };
    let message = match (code.as_str(), words.as_str()) {
        ("", "") => format!("HTTP status {status}"),
        ("", words) => harmless(words),
        (code, words) => harmless(&format!("{code}: {words}")),
    };
    let is = |names: &[&str]| names.iter().any(|name| code.contains(name));
    if is(&[
        "Throttl",
        "TooManyRequests",
        "RequestLimitExceeded",
        "LimitExceededException",
    ]) || status == 429
    {
        return Trouble::Throttled(message);
    }
    if is(&["ExpiredToken", "RequestExpired", "TokenRefreshRequired"]) {
        return Trouble::Expired(message);
    }
    if is(&["InvalidToken", "InvalidNextToken"]) {
        return Trouble::Final(CallError::StaleToken);
    }
    if is(&["AccessDenied", "UnauthorizedOperation", "NotAuthorized"])
        || (status == 403 && !is(&["Signature"]))
    {
        return Trouble::Final(CallError::Denied(message));
    }
    if is(&[
        "DoesNotExist",
        "ResourceNotFound",
        "NotFoundException",
        "NonExistent",
    ]) {
        return Trouble::Final(CallError::Gone(message));
    }
    match error {
        SdkError::ServiceError(_) if status < 500 => Trouble::Final(CallError::Refused(message)),
        SdkError::ConstructionFailure(_) => Trouble::Final(CallError::Refused(message)),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            Trouble::Final(CallError::Refused(message))
        }
        SdkError::DispatchFailure(_) if message.contains("credentials") => {
            Trouble::Final(CallError::NoCredentials)
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Trouble::Unreachable(message),
        _ => Trouble::Passing(message),
    }
}

/// What an error and its sources say, the outermost first; what only repeats is left out.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    const DEEPEST: usize = 10;
    let mut words: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |error| error.source()).take(DEEPEST) {
        let word = error.to_string();
        if word != "dispatch failure" && !words.iter().any(|held| held.contains(&word)) {
            words.push(word);
        }
    }
    words.join(": ")
}

/// The message without anything that could be a secret: some services repeat the signed request, session
/// token included, in what they say about a wrong signature.
pub(super) fn harmless(message: &str) -> String {
    let mut clean = String::new();
    for word in message.split_inclusive(|c: char| c.is_whitespace() || "\"',;:&?".contains(c)) {
        let core = word.trim_end_matches(|c: char| c.is_whitespace() || "\"',;:&?".contains(c));
        let key = ["AKIA", "ASIA"].iter().any(|start| core.contains(start)) && core.len() >= 16;
        let has = |kind: fn(&char) -> bool| core.chars().any(|c| kind(&c));
        let random = has(char::is_ascii_digit) && has(char::is_ascii_uppercase);
        let tail = &word[core.len()..];
        if key || (core.len() >= 32 && random && !core.contains('-')) || core.len() >= 120 {
            clean.push_str("***");
            clean.push_str(tail);
        } else {
            clean.push_str(word);
        }
    }
    match clean.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &clean[..at]),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn messages_carry_no_secrets() {
        let check = |message: &str, secret: &str| {
            let text = harmless(message);
            assert!(!text.contains(secret), "{text}");
        };
        check(
            "bad signature of AKIAIOSFODNN7EXAMPLE here",
            "AKIAIOSFODNN7EXAMPLE",
        );
        let token = "FwoGZXIvYXdzEBYaDK1234567890abcdefghijklmnopqrstuvwxyz0987654321ABCDEFG==";
        check(
            &format!("canonical string:\nx-amz-security-token:{token}\n"),
            token,
        );
        check(
            "key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYaa x",
            "wJalrXUtn",
        );
    }

    #[test]
    fn what_helps_stays() {
        let text = "User: arn:aws:sts::123456789012:assumed-role/inquest/inquest is not authorized to perform: states:ListExecutions";
        assert_eq!(harmless(text), text);
        assert!(harmless(&"a b ".repeat(500)).chars().count() <= 301);
    }
}
