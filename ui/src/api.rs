//! The only place that talks to the server.

use crate::geometry::tree::Tree;
use leptos::prelude::*;
use model::api::{LiveUpdate, Problem};
use model::trace_file::TraceFile;
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::sync::Arc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Why an answer did not come, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status; 0 when the server was not reached.
    pub status: u16,
    /// What was wrong and what to do, with the place in a query.
    pub problem: Problem,
}

impl Failure {
    fn new(status: u16, error: String) -> Self {
        let problem = Problem {
            error,
            line: None,
            column: None,
        };
        Failure { status, problem }
    }

    /// The code of a page could not be fetched.
    pub fn page_missing() -> Self {
        let text = "This page cannot be fetched. Is `inquest serve` still running? If it was updated, reload.";
        Failure::new(0, text.to_owned())
    }

    fn unreachable() -> Self {
        let text = "The server cannot be reached. Is `inquest serve` still running?";
        Failure::new(0, text.to_owned())
    }
}

/// Stops a request that nobody waits for any more.
#[derive(Clone)]
pub struct Abort(SendWrapper<Option<web_sys::AbortController>>);

impl Abort {
    /// A fresh one.
    pub fn new() -> Self {
        Abort(SendWrapper::new(web_sys::AbortController::new().ok()))
    }

    /// Stops the request.
    pub fn abort(&self) {
        if let Some(controller) = self.0.as_ref() {
            controller.abort();
        }
    }

    /// True after [`abort`](Self::abort).
    pub fn aborted(&self) -> bool {
        self.signal().is_some_and(|signal| signal.aborted())
    }

    fn signal(&self) -> Option<web_sys::AbortSignal> {
        self.0.as_ref().map(web_sys::AbortController::signal)
    }
}

impl Default for Abort {
    fn default() -> Self {
        Abort::new()
    }
}

/// Bytes of an answer.
async fn fetch(
    url: &str,
    method: &'static str,
    body: Option<String>,
    abort: &Abort,
) -> Result<Vec<u8>, Failure> {
    let options = web_sys::RequestInit::new();
    options.set_signal(abort.signal().as_ref());
    options.set_method(method);
    if let Some(body) = body {
        options.set_body(&JsValue::from_str(&body));
        if let Ok(headers) = web_sys::Headers::new() {
            let _ = headers.set("content-type", "application/json");
            options.set_headers(&headers);
        }
    }
    let answer = JsFuture::from(window().fetch_with_str_and_init(url, &options)).await;
    let answer: web_sys::Response = answer.map_err(|_| Failure::unreachable())?.unchecked_into();
    let buffer = answer.array_buffer().map_err(|_| Failure::unreachable())?;
    let buffer = JsFuture::from(buffer)
        .await
        .map_err(|_| Failure::unreachable())?;
    let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
    if answer.ok() {
        return Ok(bytes);
    }
    Err(refusal(answer.status(), &bytes))
}

/// What a refusal says; a proxy's answer may not be ours.
fn refusal(status: u16, bytes: &[u8]) -> Failure {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => Failure { status, problem },
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            let text: String = text.trim().chars().take(300).collect();
            Failure::new(status, format!("The server answered {status}. {text}"))
        }
    }
}

/// Fetches in the background. Once for all kinds of answers, because each kind of future would be
/// compiled anew.
fn ask(
    url: String,
    method: &'static str,
    body: Option<String>,
    abort: Abort,
    done: Box<dyn FnOnce(Result<Vec<u8>, Failure>)>,
) {
    spawn_local(async move {
        let answer = fetch(&url, method, body, &abort).await;
        if !abort.aborted() {
            done(answer);
        }
    });
}

fn method_of(body: Option<&String>) -> &'static str {
    match body {
        Some(_) => "POST",
        None => "GET",
    }
}

/// Changes something: `PUT`, `POST` or `DELETE`. The answer is read only for its outcome.
pub fn change(
    url: String,
    method: &'static str,
    body: Option<String>,
    done: impl FnOnce(Result<Vec<u8>, Failure>) + 'static,
) {
    ask(url, method, body, Abort::new(), Box::new(done));
}

/// Asks for a JSON answer; `done` is not called when the request was stopped.
pub fn ask_json<T: DeserializeOwned + 'static>(
    url: String,
    body: Option<String>,
    abort: Abort,
    done: impl FnOnce(Result<T, Failure>) + 'static,
) {
    let done = move |answer: Result<Vec<u8>, Failure>| done(answer.and_then(|bytes| read(&bytes)));
    ask(url, method_of(body.as_ref()), body, abort, Box::new(done));
}

/// Asks for bytes.
pub fn ask_bytes(
    url: String,
    body: Option<String>,
    done: impl FnOnce(Result<Vec<u8>, Failure>) + 'static,
) {
    let method = method_of(body.as_ref());
    ask(url, method, body, Abort::new(), Box::new(done));
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(&straight(bytes)).map_err(|error| {
        let text = format!(
            "The answer is not what this page expects ({error}). Reload: the server may be newer."
        );
        Failure::new(200, text)
    })
}

/// JSON in which marks that turn the direction of writing are written out, `\u202e`: whatever is drawn of an answer,
/// and wherever, reads from left to right as it was sent. JSON inside of a text means the same as before.
fn straight(bytes: &[u8]) -> Cow<'_, [u8]> {
    // In UTF-8: U+202A to U+202E, and U+2066 to U+2069.
    let turns = |part: &[u8]| match part {
        [0xe2, 0x80, last @ 0xaa..=0xae] => Some(0x2000 + u32::from(*last) - 0x80),
        [0xe2, 0x81, last @ 0xa6..=0xa9] => Some(0x2040 + u32::from(*last) - 0x80),
        _ => None,
    };
    if !bytes.windows(3).any(|part| turns(part).is_some()) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        match rest.get(..3).and_then(turns) {
            Some(letter) => {
                // An escape of the escape: it shall be read as text.
                out.extend(format!("\\\\u{letter:04x}").bytes());
                rest = &rest[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

/// A trace's rows.
fn read_tree(bytes: &[u8]) -> Result<Tree, Failure> {
    let straightened = |mut file: TraceFile| {
        for text in &mut file.header.strings {
            if let Cow::Owned(shown) = model::text::visible_line(text) {
                *text = shown;
            }
        }
        file
    };
    TraceFile::decode(bytes)
        .map(|file| Tree::new(straightened(file)))
        .map_err(|error| Failure::new(200, format!("The trace cannot be read: {error}.")))
}

/// An answer that comes, came or failed.
pub enum Load<T> {
    /// On its way.
    Waiting,
    /// Here.
    Ready(Arc<T>),
    /// Failed.
    Failed(Failure),
}

impl<T> Clone for Load<T> {
    fn clone(&self) -> Self {
        match self {
            Load::Waiting => Load::Waiting,
            Load::Ready(value) => Load::Ready(Arc::clone(value)),
            Load::Failed(failure) => Load::Failed(failure.clone()),
        }
    }
}

impl<T> Load<T> {
    /// The value, if it is here.
    pub fn ready(&self) -> Option<Arc<T>> {
        match self {
            Load::Ready(value) => Some(Arc::clone(value)),
            _ => None,
        }
    }
}

/// A signal that follows an address.
pub struct Remote<T: Send + Sync + 'static> {
    /// How it stands.
    pub state: RwSignal<Load<T>>,
    again: RwSignal<u32>,
}

impl<T: Send + Sync + 'static> Clone for Remote<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for Remote<T> {}

impl<T: Send + Sync + 'static> Remote<T> {
    /// Asks again.
    pub fn reload(self) {
        self.again.update(|n| *n += 1);
    }

    /// The value, if it is here.
    pub fn ready(self) -> Option<Arc<T>> {
        self.state.with(Load::ready)
    }
}

/// Fetches an address whenever it changes and reads the answer. The older answer stays while the
/// address only gets asked again. `None` is nothing to ask.
fn remote<T: Send + Sync + 'static>(
    address: Box<dyn Fn() -> Option<String>>,
    read: fn(&[u8]) -> Result<T, Failure>,
) -> Remote<T> {
    let remote = Remote {
        state: RwSignal::new(Load::Waiting),
        again: RwSignal::new(0),
    };
    let take = move |answer: Result<Vec<u8>, Failure>| {
        let value = answer.and_then(|bytes| read(&bytes));
        let _ = remote.state.try_set(match value {
            Ok(value) => Load::Ready(Arc::new(value)),
            Err(failure) => Load::Failed(failure),
        });
    };
    let wait = move || remote.state.set(Load::Waiting);
    follow(address, remote.again, Box::new(wait), Arc::new(take));
    remote
}

/// The part of [`remote`] that is the same for all kinds of answers.
fn follow(
    address: Box<dyn Fn() -> Option<String>>,
    again: RwSignal<u32>,
    wait: Box<dyn Fn()>,
    take: Arc<dyn Fn(Result<Vec<u8>, Failure>)>,
) {
    let address = SendWrapper::new(address);
    let current = Memo::new(move |_| address());
    Effect::new(move |before: Option<(Option<String>, Abort)>| {
        again.track();
        let address = current.get();
        let (old_address, old_abort) = before.map_or((None, None), |(a, b)| (a, Some(b)));
        if let Some(abort) = old_abort {
            abort.abort();
        }
        if old_address != address {
            wait();
        }
        let abort = Abort::new();
        if let Some(url) = address.clone() {
            let take = Arc::clone(&take);
            ask(
                url,
                "GET",
                None,
                abort.clone(),
                Box::new(move |answer| take(answer)),
            );
        }
        (address, abort)
    });
}

/// A JSON answer that follows its address.
pub fn remote_json<T>(address: impl Fn() -> Option<String> + 'static) -> Remote<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    remote(Box::new(address), read::<T>)
}

/// The rows of a trace that follow their address.
pub fn remote_tree(address: impl Fn() -> Option<String> + 'static) -> Remote<Tree> {
    remote(Box::new(address), read_tree)
}

/// What arrives by itself; in the context of every page.
#[derive(Clone, Copy)]
pub struct Live {
    /// The stream is open; `None` until the first try ends.
    pub connected: RwSignal<Option<bool>>,
    /// The last update.
    pub update: RwSignal<Option<Arc<LiveUpdate>>>,
}

impl Live {
    /// Opens the stream; the browser opens it again when it breaks.
    pub fn open() -> Self {
        let live = Live {
            connected: RwSignal::new(None),
            update: RwSignal::new(None),
        };
        let Ok(source) = web_sys::EventSource::new("/api/v1/live") else {
            return live;
        };
        let opened = Closure::<dyn Fn()>::new(move || live.connected.set(Some(true)));
        let broken = Closure::<dyn Fn()>::new(move || live.connected.set(Some(false)));
        let message =
            Closure::<dyn Fn(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                if let Ok(update) = read::<LiveUpdate>(text.as_bytes()) {
                    live.update.set(Some(Arc::new(update)));
                }
            });
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(broken.as_ref().unchecked_ref()));
        let named =
            source.add_event_listener_with_callback("executions", message.as_ref().unchecked_ref());
        debug_assert!(named.is_ok());
        opened.forget();
        broken.forget();
        message.forget();
        live
    }

    /// From the context.
    pub fn get() -> Self {
        use_context().expect("the app provides the live stream to every page")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_turn_the_direction_of_writing_are_written_out() {
        let check = |text: &str, expect: &str| {
            let json = serde_json::to_string(text).expect("JSON");
            let read: String = read(json.as_bytes()).expect("read");
            assert_eq!(read, expect);
        };
        check("pay\u{202e}dias", "pay\\u202edias");
        check("a\u{2066}b\u{2069}\u{202a}", "a\\u2066b\\u2069\\u202a");
        check("… – Überweisung 💶 \u{2060}", "… – Überweisung 💶 \u{2060}");
        // JSON inside of a text stays the same JSON.
        let inner = serde_json::json!({ "a": "x\u{202e}y" });
        let outer = serde_json::to_string(&inner.to_string()).expect("JSON");
        let text: String = read(outer.as_bytes()).expect("read");
        let again: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again, inner);
    }
}
