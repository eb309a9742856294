//! The browser's part: files embedded in the binary, precompressed, with the headers they need.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use rust_embed::RustEmbed;
use std::{borrow::Cow, path::Path, path::PathBuf};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../ui/dist"]
struct Embedded;

/// Where pages are read from.
#[derive(Debug, Clone)]
pub enum Assets {
    /// Out of the binary.
    Embedded,
    /// Out of a folder, for work on the pages.
    Folder(PathBuf),
}

impl Assets {
    /// Answers a GET for a path of the pages. A path without a file is a page of the application, which
    /// reads it in the browser; a missing asset is not found.
    pub async fn answer(&self, path: &str, request: &HeaderMap) -> Response<Body> {
        let name = path.trim_start_matches('/');
        let name = if name.is_empty() { "index.html" } else { name };
        if let Some(answer) = self.file(name, request).await {
            return answer;
        }
        let wants_asset = name
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains('.'))
            && !accepts(request, header::ACCEPT, "text/html");
        if wants_asset {
            return plain(StatusCode::NOT_FOUND, "no such file");
        }
        match self.file("index.html", request).await {
            Some(page) => page,
            None => plain(
                StatusCode::NOT_FOUND,
                "the pages are not built into this binary: run `cargo xtask ui` and build it again",
            ),
        }
    }

    async fn file(&self, name: &str, request: &HeaderMap) -> Option<Response<Body>> {
        if name.ends_with(".br") || !is_plain(name) {
            return None;
        }
        let brotli = accepts(request, header::ACCEPT_ENCODING, "br");
        let packed = match brotli {
            true => self.read(&format!("{name}.br")).await,
            false => None,
        };
        let encoding = packed.as_ref().map(|_| "br");
        let content = match packed {
            Some(content) => content,
            None => match self.read(name).await {
                Some(content) => content,
                None => unpack(&self.read(&format!("{name}.br")).await?)?,
            },
        };
        Some(respond(name, content, encoding))
    }

    async fn read(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        match self {
            Assets::Embedded => Embedded::get(name).map(|file| file.data),
            Assets::Folder(folder) => {
                let bytes = tokio::fs::read(folder.join(Path::new(name))).await.ok()?;
                Some(Cow::Owned(bytes))
            }
        }
    }
}

/// Only names below the folder: no `..`, no absolute path, no drive.
fn is_plain(name: &str) -> bool {
    !name.contains(['\\', ':', '\0'])
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != ".." && part != ".")
}

/// For the client that cannot read brotli when only that form is embedded.
fn unpack(packed: &[u8]) -> Option<Cow<'static, [u8]>> {
    let mut plain = Vec::new();
    brotli::BrotliDecompress(&mut &packed[..], &mut plain).ok()?;
    Some(Cow::Owned(plain))
}

fn respond(name: &str, content: Cow<'static, [u8]>, encoding: Option<&str>) -> Response<Body> {
    let body = match content {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let mime = match mime.type_() == mime_guess::mime::TEXT {
        true => format!("{mime}; charset=utf-8"),
        false => mime.to_string(),
    };
    if let Ok(value) = HeaderValue::from_str(&mime) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let cache = match is_hashed(name) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if encoding.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    answer
}

/// `inquest-1a2b3c4d5e6f7a8b_bg.wasm`: a part of at least eight hex digits says that the name changes with the content.
fn is_hashed(name: &str) -> bool {
    name.split(['-', '.', '_', '/']).any(|part| {
        part.len() >= 8
            && part.bytes().all(|byte| byte.is_ascii_hexdigit())
            && part.bytes().any(|byte| byte.is_ascii_digit())
    })
}

/// True when a header lists the token and does not refuse it with `q=0`.
fn accepts(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name);
    lists
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| {
            list.split(',').any(|item| {
                let mut parts = item.split(';').map(str::trim);
                parts.next() == Some(token)
                    && !parts.any(|weight| weight == "q=0" || weight == "q=0.0")
            })
        })
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn names_outside_the_folder_are_refused() {
        let check = |name: &str, expect: bool| assert_eq!(is_plain(name), expect, "{name}");
        check("index.html", true);
        check("a/b.js", true);
        check("../secret", false);
        check("a/../../secret", false);
        check("/etc/passwd", false);
        check("c:\\x", false);
        check("a//b", false);
    }

    #[test]
    fn hashed_names_are_told_from_others() {
        let check = |name: &str, expect: bool| assert_eq!(is_hashed(name), expect, "{name}");
        check("inquest-1a2b3c4d5e6f7a8b.js", true);
        check("app.0123abcd.css", true);
        check("index.html", false);
        check("facade.js", false);
    }

    #[test]
    fn encodings_are_negotiated() {
        let check = |value: &'static str, expect: bool| {
            let headers = headers(header::ACCEPT_ENCODING, value);
            assert_eq!(accepts(&headers, header::ACCEPT_ENCODING, "br"), expect);
        };
        check("gzip, br", true);
        check("br;q=0.5", true);
        check("br;q=0", false);
        check("gzip", false);
    }

    #[tokio::test]
    async fn a_folder_serves_packed_files_and_falls_back_to_the_page() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("index.html"), "page").expect("written");
        let mut packed = Vec::new();
        brotli::BrotliCompress(&mut &b"code"[..], &mut packed, &Default::default()).expect("packs");
        std::fs::write(folder.path().join("app-0123abcd.js.br"), &packed).expect("written");
        let assets = Assets::Folder(folder.path().to_owned());
        let check = async |path: &str, accept: &'static str, status: u16, expect: &[u8]| {
            let request = headers(header::ACCEPT_ENCODING, accept);
            let answer = assets.answer(path, &request).await;
            assert_eq!(answer.status().as_u16(), status, "{path}");
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
                .await
                .expect("a body");
            assert_eq!(&body[..], expect, "{path}");
        };
        check("/", "", 200, b"page").await;
        check("/x/some-execution", "", 200, b"page").await;
        check("/app-0123abcd.js", "br", 200, &packed).await;
        check("/app-0123abcd.js", "gzip", 200, b"code").await;
        check("/missing.js", "", 404, b"no such file").await;
        check("/%2e%2e/secret", "", 200, b"page").await;
    }
}
