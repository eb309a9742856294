//! The configuration that holds: flags over environment over file over defaults.
//!
//! Every key has one name in three spellings: `ui_listen` in the file, `INQUEST_UI_LISTEN` in the
//! environment, `--ui-listen` as a flag.

use crate::cli::{Global, Settings};
use anyhow::{Context, Result, bail};
use collectors::aws::config::AwsSource;
use figment::{
    Figment, Source,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the write-ahead log and, unless `blocks` says otherwise, of the blocks.
    pub data: PathBuf,
    /// Where blocks lie, if not in `data`.
    pub blocks: Option<String>,
    /// OTLP over gRPC.
    pub grpc_listen: SocketAddr,
    /// OTLP over HTTP.
    pub http_listen: SocketAddr,
    /// Zipkin alone.
    pub zipkin_listen: Option<SocketAddr>,
    /// X-Ray's daemon, UDP and HTTP.
    pub xray_listen: Option<SocketAddr>,
    /// Pages and API.
    pub ui_listen: SocketAddr,
    /// Whether addresses beyond this machine are allowed.
    pub allow_remote: bool,
    /// Names in `Host` that are answered besides those of the loopback.
    pub allowed_hosts: Vec<String>,
    /// Memory for rows that are not yet in blocks, MB.
    pub memory_mb: u64,
    /// Memory of all queries together, MB.
    pub query_memory_mb: u64,
    /// Time limit of a query, seconds.
    pub query_timeout_s: u64,
    /// Largest OTLP request, unpacked, MB.
    pub max_request_mb: u64,
    /// Largest import request, MB.
    pub max_import_mb: u64,
    /// Age at which data is forgotten, days; kept for ever if not set.
    pub retention_days: Option<u64>,
    /// Price book to bill by; the built-in one if not set.
    pub price_book: Option<PathBuf>,
    /// OTLP endpoint for our own traces.
    pub self_telemetry: Option<String>,
    /// Log filter.
    pub log: String,
    /// Folder to serve pages from.
    pub ui_dir: Option<PathBuf>,
    /// Files and folders of objectives, besides those of the data folder.
    pub slo_files: Vec<PathBuf>,
    /// Who is told about alerts; `receivers.toml` in the data folder if not set.
    pub receivers: Option<PathBuf>,
    /// Keys of which a sender to `/api/v1/push/…` must give one.
    pub push_access_keys: Vec<String>,
    /// What is taken out before anything is written: `[[redact]]` tables.
    pub redact: Vec<ingest::Rule>,
    /// AWS accounts to collect from: `[[collect]]` tables.
    pub collect: Vec<AwsSource>,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Config {
            data: xdg("XDG_DATA_HOME", ".local/share").unwrap_or_else(|| "inquest-data".into()),
            blocks: None,
            grpc_listen: loopback(4317),
            http_listen: loopback(4318),
            zipkin_listen: None,
            xray_listen: None,
            ui_listen: loopback(4319),
            allow_remote: false,
            allowed_hosts: Vec::new(),
            memory_mb: 512,
            query_memory_mb: 512,
            query_timeout_s: 60,
            max_request_mb: 64,
            max_import_mb: 256,
            retention_days: None,
            price_book: None,
            self_telemetry: None,
            log: "info".into(),
            ui_dir: None,
            slo_files: Vec::new(),
            receivers: None,
            push_access_keys: Vec::new(),
            redact: Vec::new(),
            collect: Vec::new(),
        }
    }
}

/// The keys, in the order in which `inquest config` prints them.
const KEYS: [&str; 24] = [
    "data",
    "blocks",
    "grpc_listen",
    "http_listen",
    "zipkin_listen",
    "xray_listen",
    "ui_listen",
    "allow_remote",
    "allowed_hosts",
    "memory_mb",
    "query_memory_mb",
    "query_timeout_s",
    "max_request_mb",
    "max_import_mb",
    "retention_days",
    "price_book",
    "self_telemetry",
    "log",
    "ui_dir",
    "slo_files",
    "receivers",
    "push_access_keys",
    "redact",
    "collect",
];

/// A configuration and where its values came from.
pub struct Loaded {
    /// The values.
    pub config: Config,
    figment: Figment,
}

impl Config {
    /// Puts the layers together and checks the result.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unknown key in it, a value of the wrong kind; each
    /// names the layer it came from.
    pub fn load(global: &Global, settings: &Settings) -> Result<Loaded> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        if let Some(path) = config_file(global)? {
            figment = figment.merge(Toml::file_exact(path));
        }
        let figment = figment
            .merge(Env::prefixed("INQUEST_").only(&KEYS))
            .merge(Serialized::defaults(settings))
            .merge(Serialized::defaults(GlobalLayer::of(global)));
        let config: Config = figment
            .extract()
            .context("the configuration does not hold together")?;
        config.check()?;
        Ok(Loaded { config, figment })
    }

    fn check(&self) -> Result<()> {
        for (key, address) in self.listeners() {
            if !address.ip().is_loopback() && !self.allow_remote {
                bail!(
                    "{key} {address} can be reached from other machines, and there is no login. \
                     Listen on 127.0.0.1, or say --allow-remote if the network or a proxy in front \
                     keeps strangers out"
                );
            }
        }
        for (key, value) in [
            ("memory_mb", self.memory_mb),
            ("query_memory_mb", self.query_memory_mb),
            ("query_timeout_s", self.query_timeout_s),
            ("max_request_mb", self.max_request_mb),
            ("max_import_mb", self.max_import_mb),
        ] {
            if value == 0 || value > 1 << 30 {
                bail!("{key} is {value}: give a number from 1 to {}", 1u64 << 30);
            }
        }
        if self.retention_days == Some(0) {
            bail!(
                "retention_days is 0, which would forget everything: give 1 or more, or leave it out"
            );
        }
        crate::collect::checked(self)?;
        ingest::Redactor::new(&self.redact)?;
        Ok(())
    }

    /// The addresses with their keys.
    pub fn listeners(&self) -> Vec<(&'static str, SocketAddr)> {
        let all = [
            ("grpc_listen", Some(self.grpc_listen)),
            ("http_listen", Some(self.http_listen)),
            ("zipkin_listen", self.zipkin_listen),
            ("xray_listen", self.xray_listen),
            ("ui_listen", Some(self.ui_listen)),
        ];
        let set = |(key, address): (&'static str, Option<SocketAddr>)| Some((key, address?));
        all.into_iter().filter_map(set).collect()
    }

    /// The file that says who is told about alerts.
    pub fn receivers_path(&self) -> PathBuf {
        let usual = || self.data.join("receivers.toml");
        self.receivers.clone().unwrap_or_else(usual)
    }

    /// Time limit of a query.
    pub fn query_timeout(&self) -> Duration {
        Duration::from_secs(self.query_timeout_s)
    }
}

impl Loaded {
    /// The configuration as a TOML file with the origin of each value beside it.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn describe(&self) -> Result<String> {
        let values = toml::Table::try_from(&self.config)?;
        let mut text = String::from(
            "# What holds, and where it came from. Flags win over the environment, the\n\
             # environment over the file, the file over the defaults.\n",
        );
        for key in KEYS {
            let line = match values.get(key) {
                Some(toml::Value::Array(keys)) if key == "push_access_keys" => {
                    format!("{key} = [] # {} keys, not shown", keys.len())
                }
                Some(value) => format!("{key} = {}", without_secret(value)),
                None => format!("# {key} is not set"),
            };
            text += &format!("{line:<46} # {}\n", self.origin(key));
        }
        Ok(text)
    }

    fn origin(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else {
            return "default".into();
        };
        match &metadata.source {
            Some(Source::File(path)) => format!("file {}", path.display()),
            _ if metadata.name.contains("environment") => {
                format!("environment INQUEST_{}", key.to_uppercase())
            }
            _ if metadata.name.contains("Settings") || metadata.name.contains("GlobalLayer") => {
                format!("flag --{}", key.trim_end_matches('s').replace('_', "-"))
            }
            _ => "default".into(),
        }
    }
}

/// The global flags that are settings, too.
#[derive(Serialize)]
struct GlobalLayer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_book: Option<&'a Path>,
}

impl<'a> GlobalLayer<'a> {
    fn of(global: &'a Global) -> Self {
        GlobalLayer {
            data: global.data.as_deref(),
            log: global.log.as_deref(),
            price_book: global.price_book.as_deref(),
        }
    }
}

/// The file that was named, or the one in the usual place if there is one.
fn config_file(global: &Global) -> Result<Option<PathBuf>> {
    let named = global
        .config
        .clone()
        .or_else(|| std::env::var_os("INQUEST_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        std::fs::metadata(&path)
            .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
        return Ok(Some(path));
    }
    let usual = xdg("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("config.toml"));
    Ok(usual.filter(|path| path.exists()))
}

fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match set(variable) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(set("HOME")?).join(below_home),
    };
    base.is_absolute().then(|| base.join("inquest"))
}

/// A URL may carry a user and password: they are not printed.
fn without_secret(value: &toml::Value) -> String {
    let text = value.to_string();
    match (text.find("://"), text.find('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}***{}", &text[..scheme + 3], &text[at..])
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, settings: Settings) -> Result<Loaded> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.toml");
        std::fs::write(&path, file).expect("written");
        let global = Global {
            config: Some(path),
            ..Global::default()
        };
        Config::load(&global, &settings)
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let settings = Settings {
            memory_mb: Some(7),
            ..Settings::default()
        };
        let loaded = load("memory_mb = 5\nquery_memory_mb = 6\n", settings).expect("loads");
        assert_eq!(loaded.config.memory_mb, 7);
        assert_eq!(loaded.config.query_memory_mb, 6);
        assert_eq!(loaded.config.query_timeout_s, 60);
        let text = loaded.describe().expect("prints");
        let origin = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            line.expect("a line").rsplit("# ").next().map(str::to_owned)
        };
        assert_eq!(origin("memory_mb").as_deref(), Some("flag --memory-mb"));
        assert!(
            origin("query_memory_mb")
                .expect("an origin")
                .starts_with("file ")
        );
        assert_eq!(origin("query_timeout_s").as_deref(), Some("default"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |file: &str, expect: &str| {
            let error = load(file, Settings::default()).err().expect("an error");
            let text = format!("{error:#}");
            assert!(text.contains(expect), "{text}");
        };
        check("memory = 5", "memory");
        check("ui_listen = \"nowhere\"", "ui_listen");
        check("ui_listen = \"0.0.0.0:4319\"", "--allow-remote");
        check("memory_mb = 0", "memory_mb is 0");
        check("retention_days = 0", "retention_days is 0");
    }

    #[test]
    fn secrets_in_urls_are_not_printed() {
        let check = |url: &str, expect: &str| {
            assert_eq!(without_secret(&toml::Value::from(url)), expect);
        };
        check("https://me:word@host/x", "\"https://***@host/x\"");
        check("s3://bucket/a", "\"s3://bucket/a\"");
    }
}
