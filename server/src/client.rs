//! The client of `--url`: asks a running server over its API.

use crate::{
    assembler::Counts,
    importer::{ChunkKind, Turned},
};
use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use collectors::import::Refused;
use model::api::Problem;
use reqwest::{Response, StatusCode, Url, header};
use serde::Deserialize;
use std::time::Duration;

/// Times that a request is sent again when the server asks to wait.
const TRIES: u32 = 20;

/// What any server reads to the end, bytes.
const HEARD_OUT: usize = 256 << 10;

/// A server at an address.
#[derive(Debug, Clone)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
}

/// What the server says after an import.
#[derive(Debug, Deserialize)]
struct Imported {
    new: Counts,
    /// What of the chunk was refused while the rest was taken.
    #[serde(default)]
    partial: Option<String>,
}

impl Client {
    /// For a server at `url`, such as `http://127.0.0.1:4319`.
    ///
    /// # Errors
    /// When that is not a URL.
    pub fn new(url: &str) -> Result<Self> {
        let base = Url::parse(url).with_context(|| {
            format!("'{url}' is not the address of a server, such as http://127.0.0.1:4319")
        })?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("inquest/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Client { base, http })
    }

    /// Asks in SQL; the answer comes as it is written.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses the question.
    pub async fn sql(&self, query: &str, format: &str) -> Result<Response> {
        let body = serde_json::json!({ "query": query, "format": format });
        let request = self
            .http
            .post(self.url("api/sql")?)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = request.send().await.with_context(|| self.unreachable())?;
        match answer.status().is_success() {
            true => Ok(answer),
            false => bail!("{}", problem(answer).await),
        }
    }

    /// What the API answers at a path, to these parameters, as JSON.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &String)],
    ) -> Result<T> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(parameters);
        self.answer(url).await
    }

    /// What the API answers at a path, as JSON.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.answer(self.url(path)?).await
    }

    async fn answer<T: serde::de::DeserializeOwned>(&self, url: Url) -> Result<T> {
        let request = self.http.get(url);
        let answer = request.send().await.with_context(|| self.unreachable())?;
        match answer.status().is_success() {
            true => Ok(serde_json::from_slice(&answer.bytes().await?)?),
            false => bail!("{}", problem(answer).await),
        }
    }

    /// Hands over a chunk of an import, waiting while the server is busy; says what was new, and what of it was refused
    /// while the rest was taken.
    ///
    /// # Errors
    /// When the chunk is refused, or the server is gone.
    pub async fn import_chunk(
        &self,
        kind: ChunkKind,
        bytes: Bytes,
    ) -> Result<(Counts, Option<String>), Turned> {
        let stop = |error: anyhow::Error| Turned::from(Refused::Stop(format!("{error:#}")));
        let mut url = self.url("api/import").map_err(stop)?;
        let word = serde_json::to_value(kind).map_err(|error| stop(error.into()))?;
        url.query_pairs_mut()
            .append_pair("kind", word.as_str().unwrap_or_default());
        let mut broken = false;
        for attempt in 1..=TRIES {
            let request = self
                .http
                .post(url.clone())
                .header(header::CONTENT_TYPE, "application/octet-stream")
                .body(bytes.clone());
            let answer = match request.send().await {
                Ok(answer) => answer,
                // A connection that was kept may have been closed meanwhile: once more on a new one. Facts are known again.
                Err(error) if !error.is_connect() && !broken => {
                    broken = true;
                    continue;
                }
                // A server that has read enough to say that it is too much may hang up before it was heard.
                Err(error) if !error.is_connect() && bytes.len() > HEARD_OUT => {
                    return Err(Turned::TooLarge(format!("{:#}", anyhow!(error))));
                }
                Err(error) => return Err(stop(anyhow!(error).context(self.unreachable()))),
            };
            let wait = matches!(
                answer.status(),
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            );
            if wait && attempt < TRIES {
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                continue;
            }
            if !answer.status().is_success() {
                let status = answer.status();
                let text = problem(answer).await;
                return Err(match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Turned::TooLarge(text),
                    bad if bad.is_client_error() && !wait => Refused::Skip(text).into(),
                    _ => Refused::Stop(text).into(),
                });
            }
            let body = answer.bytes().await.map_err(|error| stop(error.into()))?;
            let imported: Imported =
                serde_json::from_slice(&body).map_err(|error| stop(error.into()))?;
            return Ok((imported.new, imported.partial));
        }
        let why = format!("{} is busy; import again later", self.base);
        Err(Refused::Stop(why).into())
    }

    fn url(&self, path: &str) -> Result<Url> {
        Ok(self.base.join(path)?)
    }

    fn unreachable(&self) -> String {
        format!(
            "there is no answer from {}: is the server running?",
            self.base
        )
    }
}

/// What a refusal says.
async fn problem(answer: Response) -> String {
    let status = answer.status();
    let body = answer.bytes().await.unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => match (problem.line, problem.column) {
            (Some(line), Some(column)) => {
                format!("{} (line {line}, column {column})", problem.error)
            }
            _ => problem.error,
        },
        Err(_) => format!("the server answers {status}"),
    }
}
