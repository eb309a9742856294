//! Request bodies: read within the budget, decompressed within the limit.

use crate::{
    budget::Held,
    door::{Door, Refusal},
};
use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use std::{io::Read, time::Duration};

/// How long a sender may take to send one request.
const TIME_TO_SEND: Duration = Duration::from_secs(60);
/// Bodies larger than this are decompressed where they cannot hold up others, bytes.
const LARGE: usize = 256 << 10;

/// Why there is no body.
pub(crate) enum BodyError {
    /// The door does not take it.
    Refused(Refusal),
    /// The sender has to change something, with the HTTP status.
    Other(StatusCode, String),
}

impl From<Refusal> for BodyError {
    fn from(refusal: Refusal) -> Self {
        BodyError::Refused(refusal)
    }
}

/// The body as it was before the sender compressed it, and the room held for it as it was sent.
pub(crate) async fn read(door: &Door, request: Request) -> Result<(Bytes, Vec<Held>), BodyError> {
    let compression = Compression::of(request.headers())?;
    let body = request.into_body();
    let reading = tokio::time::timeout(TIME_TO_SEND, collect(door, body));
    let (sent, held) = reading.await.map_err(|_| {
        let message = format!("the request took longer than {TIME_TO_SEND:?} to arrive");
        BodyError::Other(StatusCode::REQUEST_TIMEOUT, message)
    })??;
    let limit = door.limits().request_bytes;
    let too_large = || BodyError::Refused(door.too_large(limit));
    let decompressed = if compression == Compression::None {
        return Ok((sent, held));
    } else if sent.len() > LARGE {
        let work = move || compression.decompress(&sent, limit);
        let joined = tokio::task::spawn_blocking(work).await;
        joined.map_err(|error| BodyError::Other(StatusCode::BAD_REQUEST, error.to_string()))?
    } else {
        compression.decompress(&sent, limit)
    };
    let body = decompressed.map_err(|error| {
        let message = format!("the body is not {compression:?} data: {error}");
        BodyError::Other(StatusCode::BAD_REQUEST, message)
    })?;
    let body = body.map(Bytes::from).ok_or_else(too_large)?;
    Ok((body, held))
}

async fn collect(door: &Door, body: Body) -> Result<(Bytes, Vec<Held>), BodyError> {
    let expected = body.size_hint().lower();
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let mut held = vec![door.admit(expected)?];
    let mut reserved = expected;
    let mut frames = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| {
            BodyError::Other(
                StatusCode::BAD_REQUEST,
                format!("the request was cut off: {error}"),
            )
        })?;
        let size = whole.len() + frame.len();
        if size > door.limits().request_bytes {
            return Err(door.too_large(size).into());
        }
        if size > reserved {
            let more = size.max(64 << 10);
            held.push(door.admit(more)?);
            reserved += more;
        }
        if whole.is_empty() {
            whole.reserve(expected.max(frame.len()));
        }
        whole.extend_from_slice(&frame);
    }
    Ok((whole.freeze(), held))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
    Deflate,
}

impl Compression {
    fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let Some(name) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Compression::None);
        };
        match name.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Compression::None),
            b"gzip" | b"x-gzip" => Ok(Compression::Gzip),
            b"zstd" => Ok(Compression::Zstd),
            b"deflate" => Ok(Compression::Deflate),
            other => Err(BodyError::Other(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "content-encoding {} is not known: send gzip, zstd, deflate or none",
                    String::from_utf8_lossy(other)
                ),
            )),
        }
    }

    /// The data, `None` if it is larger than `limit`.
    fn decompress(self, data: &[u8], limit: usize) -> std::io::Result<Option<Vec<u8>>> {
        let mut reader: Box<dyn Read + '_> = match self {
            Compression::None => Box::new(data),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(data)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(data)?),
            Compression::Deflate => Box::new(flate2::read::ZlibDecoder::new(data)),
        };
        let mut out = Vec::with_capacity((data.len() * 4).min(limit));
        let most = limit as u64 + 1;
        reader.by_ref().take(most).read_to_end(&mut out)?;
        Ok((out.len() <= limit).then_some(out))
    }
}
