//! One attempt over HTTP.

use crate::{
    address::{Allowed, refusal},
    error::{Error, Result},
    notification::Notification,
    outbox::{Attempt, Outcome},
    payload::{self, Context, Path, Payload},
    receiver::{Format, Receiver},
    secret::Secret,
    sign::Signer,
};
use model::UnixNanos;
use reqwest::{
    Certificate, Client, Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use url::{Host, Url};

/// Most of an answer that is read, bytes.
const ANSWER: usize = 64 << 10;

/// Everything an attempt needs, prepared once per reading of the settings.
pub struct Sender {
    receiver: Receiver,
    external_url: String,
    client: Client,
}

/// How an attempt ended, and what to note of it. Nothing in it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What follows.
    pub outcome: Outcome,
    /// Status of HTTP, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong; empty if nothing.
    pub error: String,
    /// Whether it may have arrived nevertheless.
    pub uncertain: bool,
}

impl Sent {
    /// As it is remembered.
    pub fn attempt(&self, at: UnixNanos, took: Duration) -> Attempt {
        Attempt {
            at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: self.status,
            error: self.error.clone(),
            uncertain: self.uncertain,
        }
    }
}

impl Sender {
    /// For a receiver.
    ///
    /// # Errors
    /// When its certificates cannot be read.
    pub fn new(receiver: &Receiver, external_url: &str) -> Result<Self> {
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(receiver.timeout_s))
            .connect_timeout(Duration::from_secs(receiver.timeout_s.min(5)))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("inquest/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Checked {
                allowed: receiver.allowed.clone(),
            }));
        if let Some(path) = &receiver.ca_file {
            let wrong = |why: String| {
                Error::Receivers(format!("receiver {}: ca_file: {why}", receiver.name))
            };
            let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .map_err(|_| wrong("it holds no certificates in PEM".into()))?;
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let client = builder.build().map_err(|_| {
            Error::Receivers(format!(
                "receiver {}: cannot prepare a client of HTTP",
                receiver.name
            ))
        })?;
        Ok(Sender {
            receiver: receiver.clone(),
            external_url: external_url.to_owned(),
            client,
        })
    }

    /// Tries once. `now` is when, for the signature.
    pub async fn send(&self, id: &str, message: &Notification, now: UnixNanos) -> Sent {
        match self.try_send(id, message, now).await {
            Ok(sent) => sent,
            // A secret that is missing or an address that is refused now may be there or fine later.
            Err(error) => Sent {
                outcome: Outcome::Again { asked_s: None },
                status: None,
                error: error.to_string(),
                uncertain: false,
            },
        }
    }

    async fn try_send(&self, id: &str, message: &Notification, now: UnixNanos) -> Result<Sent> {
        let receiver = &self.receiver;
        let url = receiver.url()?;
        check(&url, &receiver.allowed)?;
        let key = receiver.key()?;
        let signer = receiver
            .secret()?
            .map(|it| Signer::parse(&it))
            .transpose()?;
        let authorization = receiver.authorization()?;
        let context = Context {
            id,
            receiver: &receiver.name,
            external_url: &self.external_url,
            key: key.as_ref(),
        };
        let payloads = payload::payloads(receiver.format, message, &context);
        let count = payloads.len();
        let mut last = None;
        for (index, payload) in payloads.into_iter().enumerate() {
            let part = match count {
                1 => id.to_owned(),
                _ => format!("{id}_{index}"),
            };
            let mut headers = headers(&payload, &part, signer.as_ref(), now)?;
            if let Some(value) = &authorization {
                headers.insert(reqwest::header::AUTHORIZATION, header(value)?);
            }
            let sent = self
                .post(target(&url, &payload), headers, payload.body)
                .await;
            if sent.outcome != Outcome::Delivered {
                return Ok(sent);
            }
            last = Some(sent);
        }
        last.ok_or_else(|| Error::Refused("there is nothing to say in this format".into()))
    }

    async fn post(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Sent {
        let request = self.client.post(url).headers(headers).body(body);
        match request.send().await {
            Ok(answer) => judge(self.receiver.format, answer).await,
            Err(error) => Sent {
                outcome: Outcome::Again { asked_s: None },
                status: None,
                error: told(&error, self.receiver.timeout_s),
                uncertain: !error.is_connect() && !error.is_builder(),
            },
        }
    }
}

/// Refuses what must not be called, before anything is looked up.
fn check(url: &Url, allowed: &Allowed) -> Result<()> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let trusted = allowed.trusts_host(host, port);
    let refuse = |why: String| Err(Error::Address(why));
    let place = host.trim_matches(['[', ']']);
    let address = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        _ => None,
    };
    if let Some(why) = address.and_then(|it| refusal(it, allowed, trusted)) {
        return refuse(why);
    }
    if url.scheme() != "https" && !trusted {
        return refuse(format!(
            "{place} would be called without TLS: use https, or say allow = [\"{place}\"] in its settings"
        ));
    }
    if !matches!(port, 80 | 443) && !trusted {
        return refuse(format!(
            "port {port} of {place} is neither 443 nor 80: say allow = [\"{place}:{port}\"] in its settings if it is meant"
        ));
    }
    Ok(())
}

/// Looks names up, and gives out only addresses that may be called: the connection goes to one of
/// these, there is no second look-up.
struct Checked {
    allowed: Allowed,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // The port is not known here; `check` has held it against the entry.
            let trusted = allowed.names(&host);
            for address in &found {
                // One bad address among good ones is how a check is got round.
                if let Some(why) = refusal(address.ip(), &allowed, trusted) {
                    return Err(format!("{host} is at an address that is not called: {why}").into());
                }
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn headers(
    payload: &Payload,
    id: &str,
    signer: Option<&Signer>,
    now: UnixNanos,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(
        reqwest::header::CONTENT_TYPE,
        HeaderValue::from_static(payload.content_type),
    );
    for (name, value) in &payload.headers {
        headers.insert(HeaderName::from_static(name), header(value)?);
    }
    let seconds = now.0.div_euclid(1_000_000_000);
    headers.insert("webhook-id", header(&Secret::new(id))?);
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    if let Some(signer) = signer {
        let signature = signer.sign(id, seconds, &payload.body);
        headers.insert("webhook-signature", header(&Secret::new(signature))?);
    }
    Ok(headers)
}

fn header(value: &Secret) -> Result<HeaderValue> {
    let mut held = HeaderValue::from_str(value.expose()).map_err(|_| Error::Secret {
        what: "a header".into(),
        why: "it holds what no header can hold".into(),
    })?;
    held.set_sensitive(true);
    Ok(held)
}

fn target(url: &Url, payload: &Payload) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        match &payload.path {
            Path::Same => {}
            Path::Below(parts) => {
                path.pop_if_empty().extend(parts);
            }
            Path::Beside(parts) => {
                path.pop_if_empty().pop().extend(parts);
            }
        }
    }
    if !payload.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&payload.query);
    }
    url
}

async fn judge(format: Format, mut answer: Response) -> Sent {
    let status = answer.status();
    let asked_s = asked(answer.headers());
    let body = read(&mut answer).await;
    let (outcome, error) = match status {
        _ if status.is_success() => match format == Format::Slack && !slack_is_happy(&body) {
            true => (Outcome::Refused, "Slack did not answer ok".to_owned()),
            false => (Outcome::Delivered, String::new()),
        },
        StatusCode::GONE => (
            Outcome::Gone,
            "the receiver says that it is gone (410)".to_owned(),
        ),
        _ if status.is_redirection() => (
            Outcome::Again { asked_s },
            format!("the receiver answers {status}; redirections are not followed"),
        ),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => (
            Outcome::Again { asked_s },
            format!("the receiver answers {status}"),
        ),
        _ if status.is_client_error() => {
            (Outcome::Refused, format!("the receiver answers {status}"))
        }
        _ => (
            Outcome::Again { asked_s },
            format!("the receiver answers {status}"),
        ),
    };
    Sent {
        outcome,
        status: Some(status.as_u16()),
        error,
        uncertain: false,
    }
}

fn slack_is_happy(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    text.is_empty() || text == "ok" || text.replace(' ', "").contains("\"ok\":true")
}

/// Seconds in `Retry-After`. A date is taken as a minute: it is rare, and clocks differ.
fn asked(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(text.parse().unwrap_or(60))
}

/// The beginning of an answer; the rest is not waited for.
async fn read(answer: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body.truncate(ANSWER);
    body
}

/// What was wrong, without the URL: that of a chat is a secret.
fn told(error: &reqwest::Error, timeout_s: u64) -> String {
    if error.is_timeout() {
        return format!("there was no answer within {timeout_s} s");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = match error.is_connect() {
        true => "cannot connect",
        false => "the connection broke",
    };
    // The innermost cause is the system's or the TLS library's, or ours of the resolver.
    format!("{what}: {cause}")
}

#[cfg(test)]
mod tests;
