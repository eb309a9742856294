//! Formats beside OTLP, through the same door: requests over HTTP, streams over gRPC, datagrams.
//!
//! What the bytes mean is somebody else's knowledge (`collectors`); here they are bounded, unpacked, admitted
//! and acknowledged: the answer goes out when the facts are durable.

use crate::{
    door::{Door, Refusal},
    http::{BodyError, read_body, retry_after},
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use model::Batch;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// Largest datagram, bytes: what UDP can carry.
const DATAGRAM: usize = 65_536;
/// Datagrams that are put into one batch at most…
const GATHERED: usize = 1_000;
/// …and how long the first of them waits.
const GATHER: Duration = Duration::from_millis(100);

/// What was made of a body.
#[derive(Debug, Default)]
pub struct Read {
    /// The facts in it.
    pub batch: Batch,
    /// What the sender gets when they are durable; empty for no body.
    pub answer: String,
}

/// A format that comes as whole requests.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Where it is posted, such as `/api/v2/spans`.
    pub path: &'static str,
    /// Status of a request that was taken.
    pub taken: StatusCode,
    /// Reads a body of this media type; the error is said to the sender.
    pub read: fn(media_type: &str, body: &[u8]) -> Result<Read, String>,
}

/// Reads the messages of one stream, in order: later ones may build on earlier ones.
pub type Reader = Box<dyn FnMut(&[u8]) -> Result<Batch, String> + Send>;

/// A format that comes as messages of a gRPC stream from the client.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Path of the call, `/package.Service/Method`.
    pub path: &'static str,
    /// What reads the messages of one stream.
    pub open: fn() -> Reader,
}

/// The routes of some formats.
pub fn routes(door: Door, formats: &[Format]) -> Router {
    let mut router = Router::new();
    for format in formats {
        let format = *format;
        let taking = move |State(door): State<Door>, request: Request| take(door, format, request);
        router = router.route(format.path, post(taking));
    }
    router.with_state(door)
}

/// Serves only these formats on a listener of their own, until `shutdown`.
pub async fn serve_formats(
    listener: TcpListener,
    door: Door,
    formats: &[Format],
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), std::io::Error> {
    let paths: Vec<&str> = formats.iter().map(|format| format.path).collect();
    let expected = format!("there is nothing here: POST to {}", paths.join(", "));
    let router = routes(door, formats).fallback(move || {
        let text = expected.clone();
        async move { (StatusCode::NOT_FOUND, text) }
    });
    crate::http::serve_router(listener, router, shutdown).await
}

async fn take(door: Door, format: Format, request: Request) -> Response {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|it| it.to_str().ok()).unwrap_or("");
    let media_type = media_type.to_owned();
    let (body, _held) = match read_body(&door, request).await {
        Ok(read) => read,
        Err(BodyError::Refused(refusal)) => return refused(&refusal),
        Err(BodyError::Other(code, message)) => return (code, message).into_response(),
    };
    let reading = tokio::task::spawn_blocking(move || (format.read)(&media_type, &body));
    let read = match reading.await {
        Ok(Ok(read)) => read,
        Ok(Err(message)) => return (StatusCode::BAD_REQUEST, message).into_response(),
        Err(error) => {
            tracing::error!(%error, path = format.path, "reading a request ended badly");
            let message = "reading the request failed";
            return (StatusCode::BAD_REQUEST, message).into_response();
        }
    };
    match door.batch(read.batch).await {
        Ok(_) if read.answer.is_empty() => format.taken.into_response(),
        Ok(_) => {
            let json = HeaderValue::from_static("application/json");
            (format.taken, [(header::CONTENT_TYPE, json)], read.answer).into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let (code, delay) = crate::http::code(refusal);
    let mut response = (code, refusal.to_string()).into_response();
    if let Some(delay) = delay {
        retry_after(&mut response, delay);
    }
    response
}

/// Takes datagrams until `shutdown`. A sender of datagrams gets no answer, so what cannot be taken is lost;
/// it is counted and said in the log.
pub async fn serve_datagrams(
    socket: UdpSocket,
    door: Door,
    read: fn(&[u8]) -> Result<Batch, String>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), std::io::Error> {
    let mut buffer = vec![0; DATAGRAM];
    tokio::pin!(shutdown);
    loop {
        let first = tokio::select! {
            () = &mut shutdown => return Ok(()),
            received = socket.recv_from(&mut buffer) => received,
        };
        let mut batch = Batch::default();
        let mut illegible = 0;
        match first {
            Ok((size, _)) => add(&mut batch, &mut illegible, read(&buffer[..size])),
            // An earlier answer could not be delivered: nothing of ours is lost.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => continue,
            Err(error) => return Err(error),
        }
        let end = tokio::time::Instant::now() + GATHER;
        let mut gathered = 1;
        while gathered < GATHERED {
            match tokio::time::timeout_at(end, socket.recv_from(&mut buffer)).await {
                Ok(Ok((size, _))) => add(&mut batch, &mut illegible, read(&buffer[..size])),
                _ => break,
            }
            gathered += 1;
        }
        if illegible > 0 {
            tracing::warn!(illegible, "datagrams were not understood and are lost");
        }
        hand_on(&door, batch).await;
    }
}

fn add(batch: &mut Batch, illegible: &mut usize, read: Result<Batch, String>) {
    match read {
        Ok(read) => batch.append(read),
        Err(reason) => {
            tracing::debug!(reason, "a datagram was not understood");
            *illegible += 1;
        }
    }
}

/// A few times, since nobody will send it again.
async fn hand_on(door: &Door, batch: Batch) {
    const TRIES: usize = 3;
    for _ in 0..TRIES {
        match door.batch(batch.clone()).await {
            Ok(_) => return,
            Err(Refusal::Busy { retry_after, .. } | Refusal::Unavailable { retry_after, .. }) => {
                tokio::time::sleep(retry_after).await;
            }
            Err(error) => {
                tracing::warn!(%error, records = batch.len(), "what datagrams brought was refused and is lost");
                return;
            }
        }
    }
    tracing::warn!(
        records = batch.len(),
        "the door stayed busy: what datagrams brought is lost"
    );
}

/// Takes one message of a stream. It is durable when this returns, and only then the next one is read: a sender
/// that is too quick is held by flow control.
pub(crate) async fn message(door: Door, read: Result<Batch, String>) -> Result<(), tonic::Status> {
    let batch = read.map_err(tonic::Status::invalid_argument)?;
    loop {
        match door.batch(batch.clone()).await {
            Ok(_) => return Ok(()),
            Err(Refusal::Busy { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            Err(refusal) => return Err(crate::grpc::status(&refusal)),
        }
    }
}
