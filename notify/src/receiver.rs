//! Who is told: the receivers in `receivers.toml`.

use crate::{
    address::Allowed,
    error::{Error, Result},
    notification::{Effect, Kind, Notification},
    secret::{Place, Secret},
    silence::fits,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use url::Url;

/// Most receivers.
const MOST: usize = 200;

/// What a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// CloudEvents 1.0, structured: one JSON object.
    Cloudevents,
    /// CloudEvents 1.0, binary: attributes in `ce-` headers.
    CloudeventsBinary,
    /// The envelope of Standard Webhooks: type, timestamp, data.
    Webhook,
    /// What Alertmanager sends to its webhooks, version 4.
    Alertmanager,
    /// What Alertmanager itself takes at `/api/v2/alerts`, to route it further.
    AlertmanagerApi,
    /// PagerDuty Events v2.
    Pagerduty,
    /// A Slack incoming webhook.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// Opsgenie alerts.
    Opsgenie,
}

impl Format {
    /// The word in `receivers.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Cloudevents => "cloudevents",
            Format::CloudeventsBinary => "cloudevents-binary",
            Format::Webhook => "webhook",
            Format::Alertmanager => "alertmanager",
            Format::AlertmanagerApi => "alertmanager-api",
            Format::Pagerduty => "pagerduty",
            Format::Slack => "slack",
            Format::Teams => "teams",
            Format::Opsgenie => "opsgenie",
        }
    }

    /// Where it usually is, if there is one place.
    fn usual_url(self) -> Option<&'static str> {
        match self {
            Format::Pagerduty => Some("https://events.pagerduty.com/v2/enqueue"),
            Format::Opsgenie => Some("https://api.opsgenie.com/v2/alerts"),
            _ => None,
        }
    }

    /// Least time from one message to the next, milliseconds: what the services bear.
    pub fn spacing_ms(self) -> u64 {
        match self {
            Format::Slack => 1_000,
            Format::Teams => 300,
            Format::Pagerduty => 150,
            _ => 0,
        }
    }
}

/// A receiver as it is written. The settings are documented in `docs/alerts.md`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    format: Format,
    url: Option<String>,
    url_file: Option<String>,
    url_env: Option<String>,
    key_file: Option<String>,
    key_env: Option<String>,
    secret_file: Option<String>,
    secret_env: Option<String>,
    authorization_file: Option<String>,
    authorization_env: Option<String>,
    #[serde(default)]
    slos: Vec<String>,
    #[serde(default)]
    severities: Vec<String>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    ca_file: Option<String>,
    timeout_s: Option<u64>,
    fallback: Option<String>,
    fallback_after: Option<u32>,
    #[serde(default = "yes")]
    send_resolved: bool,
    #[serde(default)]
    resolve_undelivered: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    external_url: Option<String>,
    #[serde(default)]
    receiver: Vec<Written>,
}

/// One who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// What it understands.
    pub format: Format,
    /// What it trusts beyond the public internet.
    pub allowed: Allowed,
    /// Certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Longest time of an attempt, seconds.
    pub timeout_s: u64,
    /// Who is told instead after [`Receiver::fallback_after`] failures.
    pub fallback: Option<String>,
    /// Failures of one message before the fallback is told, too.
    pub fallback_after: u32,
    /// Whether an end is told although the beginning never arrived.
    pub resolve_undelivered: bool,
    /// Changes with every change of its settings.
    pub fingerprint: String,
    url: UrlPlace,
    key: Option<Place>,
    secret: Option<Place>,
    authorization: Option<Place>,
    slos: Vec<String>,
    severities: Vec<String>,
    kinds: Vec<String>,
    send_resolved: bool,
    folder: PathBuf,
}

#[derive(Debug, Clone, PartialEq)]
enum UrlPlace {
    Plain(Secret),
    Held(Place),
}

impl Receiver {
    /// Where to post, read now.
    ///
    /// # Errors
    /// When it cannot be had, or is no URL of HTTP.
    pub fn url(&self) -> Result<Url> {
        let secret = match &self.url {
            UrlPlace::Plain(url) => url.clone(),
            UrlPlace::Held(place) => place.read("url", &self.folder)?,
        };
        parse_url(&self.name, secret.expose())
    }

    /// Scheme and host of the URL, which is all of it that may be shown; empty if it cannot be had.
    pub fn shown_url(&self) -> String {
        let Ok(url) = self.url() else {
            return String::new();
        };
        let port = url.port().map(|port| format!(":{port}"));
        let host = url.host_str().unwrap_or_default();
        format!("{}://{host}{}/…", url.scheme(), port.unwrap_or_default())
    }

    /// Routing or API key.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn key(&self) -> Result<Option<Secret>> {
        read(self.key.as_ref(), "key", &self.folder)
    }

    /// Keys that sign.
    ///
    /// # Errors
    /// When they cannot be had.
    pub fn secret(&self) -> Result<Option<Secret>> {
        read(self.secret.as_ref(), "secret", &self.folder)
    }

    /// Value of the `Authorization` header.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn authorization(&self) -> Result<Option<Secret>> {
        read(self.authorization.as_ref(), "authorization", &self.folder)
    }

    /// Whether messages to it are signed.
    pub fn signs(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether it wants this message. `named`: the objective asks for it, so its own choice of objectives
    /// does not count.
    pub fn wants(&self, message: &Notification, named: bool) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, text))
        };
        let ends = message.kind.effect() == Effect::Resolve;
        (self.send_resolved || !ends)
            && (named || any(&self.slos, &message.slo.name))
            && any(&self.severities, &message.severity)
            && (any(&self.kinds, message.kind.as_str())
                || (ends && !self.kinds.is_empty() && any(&self.kinds, Kind::Firing.as_str())))
    }

    /// What it is told about, for people.
    pub fn route(&self) -> String {
        let part = |name: &str, of: &[String]| match of.is_empty() {
            true => None,
            false => Some(format!("{name} {}", of.join(", "))),
        };
        let parts: Vec<String> = [
            part("slos", &self.slos),
            part("severities", &self.severities),
            part("kinds", &self.kinds),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.is_empty() {
            true => "everything".into(),
            false => parts.join("; "),
        }
    }
}

fn read(place: Option<&Place>, what: &str, folder: &Path) -> Result<Option<Secret>> {
    place.map(|place| place.read(what, folder)).transpose()
}

/// All receivers, as of one reading of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receivers {
    /// In the order of the file.
    pub list: Vec<Receiver>,
    /// Where people reach our pages, for links; without a slash at the end.
    pub external_url: String,
}

impl Receivers {
    /// Reads the text of `receivers.toml`. Relative paths in it are taken from `folder`.
    ///
    /// # Errors
    /// Says which receiver is wrong, and what to write instead.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let file: WrittenFile = toml::from_str(text)
            .map_err(|error| Error::Receivers(format!("receivers.toml: {}", error.message())))?;
        if file.receiver.len() > MOST {
            return Err(Error::Receivers(format!("more than {MOST} receivers")));
        }
        let mut list = Vec::new();
        for written in file.receiver {
            list.push(checked(written, folder)?);
        }
        let names: BTreeSet<&str> = list.iter().map(|it: &Receiver| it.name.as_str()).collect();
        if names.len() < list.len() {
            return Err(Error::Receivers("two receivers have the same name".into()));
        }
        for receiver in &list {
            let lost = receiver
                .fallback
                .as_deref()
                .filter(|it| !names.contains(it) || *it == receiver.name);
            if let Some(fallback) = lost {
                return Err(Error::Receivers(format!(
                    "receiver {}: its fallback '{fallback}' is not another receiver",
                    receiver.name
                )));
            }
        }
        let external_url = file.external_url.unwrap_or_default();
        if !external_url.is_empty() && Url::parse(&external_url).is_err() {
            return Err(Error::Receivers(
                "external_url is no URL such as https://inquest.example.com".into(),
            ));
        }
        Ok(Receivers {
            list,
            external_url: external_url.trim_end_matches('/').to_owned(),
        })
    }

    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&Receiver> {
        self.list.iter().find(|it| it.name == name)
    }
}

fn checked(written: Written, folder: &Path) -> Result<Receiver> {
    let name = written.name.clone();
    let wrong = |why: &str| Error::Receivers(format!("receiver {name}: {why}"));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
        return Err(wrong(
            "a name has 1 to 100 letters, digits, '-', '_' and '.'",
        ));
    }
    let one = |file: &Option<String>, env: &Option<String>, what: &str| match (file, env) {
        (Some(_), Some(_)) => Err(wrong(&format!("give {what}_file or {what}_env, not both"))),
        (Some(path), None) => Ok(Some(Place::File(path.clone()))),
        (None, Some(variable)) => Ok(Some(Place::Env(variable.clone()))),
        (None, None) => Ok(None),
    };
    let held = one(&written.url_file, &written.url_env, "url")?;
    let url = match (&written.url, held, written.format.usual_url()) {
        (Some(_), Some(_), _) => return Err(wrong("give one of url, url_file and url_env")),
        (Some(url), None, _) => {
            parse_url(&name, url)?;
            UrlPlace::Plain(Secret::new(url.clone()))
        }
        (None, Some(place), _) => UrlPlace::Held(place),
        (None, None, Some(usual)) => UrlPlace::Plain(Secret::new(usual)),
        (None, None, None) => return Err(wrong("give url, url_file or url_env")),
    };
    let key = one(&written.key_file, &written.key_env, "key")?;
    let needs_key = matches!(written.format, Format::Pagerduty | Format::Opsgenie);
    if needs_key != key.is_some() {
        return Err(wrong(match needs_key {
            true => "give its routing or API key by key_file or key_env",
            false => "key_file and key_env are for pagerduty and opsgenie",
        }));
    }
    let allowed =
        Allowed::parse(written.allow.iter().map(String::as_str)).map_err(|it| wrong(&it))?;
    let timeout_s = written.timeout_s.unwrap_or(15);
    if !(1..=60).contains(&timeout_s) {
        return Err(wrong("timeout_s is from 1 to 60"));
    }
    if written.fallback_after == Some(0) {
        return Err(wrong("fallback_after is 1 or more"));
    }
    for severity in &written.severities {
        if !["page", "ticket", "info"].contains(&severity.as_str()) && !severity.contains('*') {
            return Err(wrong(&format!(
                "'{severity}' is no severity: page, ticket, info"
            )));
        }
    }
    let seen = format!("{written:?}");
    Ok(Receiver {
        fingerprint: crate::payload::digest(&[&seen])[..16].to_owned(),
        format: written.format,
        allowed,
        ca_file: written.ca_file.as_ref().map(|path| folder.join(path)),
        timeout_s,
        fallback: written.fallback.clone(),
        fallback_after: written.fallback_after.unwrap_or(5),
        resolve_undelivered: written.resolve_undelivered,
        url,
        key,
        secret: one(&written.secret_file, &written.secret_env, "secret")?,
        authorization: one(
            &written.authorization_file,
            &written.authorization_env,
            "authorization",
        )?,
        slos: written.slos,
        severities: written.severities,
        kinds: written.kinds,
        send_resolved: written.send_resolved,
        folder: folder.to_owned(),
        name,
    })
}

/// Errors here never quote the URL: that of a chat is a secret.
fn parse_url(name: &str, text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::Receivers(format!("receiver {name}: {why}"));
    let url = Url::parse(text.trim()).map_err(|_| wrong("its url is no URL"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(wrong(
            "its url must begin with https:// (or http:// where allow says so)",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "its url holds a user or password: give them by authorization_file, as in `Basic …`",
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::SloRef;

    fn parse(text: &str) -> Result<Receivers> {
        Receivers::parse(text, Path::new("/etc/inquest"))
    }

    #[test]
    fn routes_choose_by_objective_severity_and_kind() {
        let check = |route: &str, expect: bool| {
            let text = format!(
                "[[receiver]]\nname='a'\nformat='webhook'\nurl='https://x.example'\n{route}"
            );
            let message = Notification {
                severity: "page".into(),
                slo: SloRef {
                    name: "checkout".into(),
                    ..SloRef::default()
                },
                ..Notification::default()
            };
            let receivers = parse(&text).expect("parses");
            assert_eq!(receivers.list[0].wants(&message, false), expect, "{route}");
        };
        check("", true);
        check("severities=['ticket']", false);
        check("severities=['ticket','page']", true);
        check("slos=['check*']", true);
        check("slos=['orders']", false);
        check("kinds=['slo.burn.*']", true);
        check("kinds=['experiment.*']", false);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_quoted() {
        let check = |body: &str, expect: &str| {
            let error = parse(&format!("[[receiver]]\nname='a'\n{body}")).expect_err("refused");
            let text = error.to_string();
            assert!(text.contains(expect), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        };
        check("format='slack'", "give url");
        check("format='slack'\nurl='ftp://x/hunter2'", "https://");
        check(
            "format='slack'\nurl='https://me:hunter2@x/'",
            "authorization_file",
        );
        check("format='slack'\nurl='https://x/'\nurl_file='y'", "one of");
        check("format='pagerduty'", "key_file");
        check("format='fax'\nurl='https://x/'", "fax");
        check(
            "format='slack'\nurl='https://x/'\nsecret='hunter2'",
            "secret",
        );
        check("format='slack'\nurl='https://x/'\nfallback='b'", "fallback");
        check(
            "format='slack'\nurl='https://x/'\nseverities=['loud']",
            "loud",
        );
    }

    #[test]
    fn nothing_of_a_url_but_its_host_is_shown() {
        let receivers = parse("[[receiver]]\nname='a'\nformat='slack'\nurl='https://hooks.slack.com/services/T0/B0/hunter2'").expect("parses");
        assert_eq!(receivers.list[0].shown_url(), "https://hooks.slack.com/…");
        assert!(!format!("{receivers:?}").contains("hunter2"));
    }
}
