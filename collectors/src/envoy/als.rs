//! `StreamAccessLogsMessage`. The first message of a stream says who sends; the others only what.
//!
//! Field numbers: envoyproxy/envoy `api/envoy/service/accesslog/v3/als.proto` and
//! `api/envoy/data/accesslog/v3/accesslog.proto`.

use crate::wire::{Broken, Fields, Wire};
use model::{Attributes, Batch, LogRecord, UnixNanos, Value};

/// The flags by their field number in `ResponseFlags`.
const FLAGS: [&str; 29] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC",
    "URX", "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR",
];
const METHODS: [&str; 10] = [
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];
const PROTOCOLS: [&str; 5] = ["", "HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"];
const TYPES: [&str; 12] = [
    "",
    "TcpUpstreamConnected",
    "TcpPeriodic",
    "TcpConnectionEnd",
    "DownstreamStart",
    "DownstreamPeriodic",
    "DownstreamEnd",
    "UpstreamPoolReady",
    "UpstreamPeriodic",
    "UpstreamEnd",
    "DownstreamTunnelSuccessfullyEstablished",
    "UdpTunnelUpstreamConnected",
];

/// Reads the messages of one stream.
#[derive(Debug, Default)]
pub struct Als {
    sender: Attributes,
}

impl Als {
    /// The entries of the next message.
    ///
    /// # Errors
    /// When it is not the service's message.
    pub fn read(&mut self, message: &[u8]) -> Result<Batch, String> {
        let logs = self.entries(message);
        let logs = logs.map_err(|error| format!("not a StreamAccessLogsMessage: {error}"))?;
        Ok(Batch {
            logs,
            ..Batch::default()
        })
    }

    fn entries(&mut self, message: &[u8]) -> Result<Vec<LogRecord>, Broken> {
        let mut entries = Vec::new();
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.sender = identifier(field.bytes())?,
                2 | 3 => {
                    let mut list = Fields(field.bytes());
                    while let Some((number_inside, entry)) = list.next()? {
                        if number_inside == 1 {
                            entries.push((number == 2, entry.bytes()));
                        }
                    }
                }
                _ => {}
            }
        }
        let record = |(http, bytes): (bool, &[u8])| {
            let entry = entry(bytes, http)?;
            Ok(super::record(
                entry.start,
                entry.attributes,
                self.sender.clone(),
            ))
        };
        entries.into_iter().map(record).collect()
    }
}

fn identifier(message: &[u8]) -> Result<Attributes, Broken> {
    let mut sender = Attributes::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => node(field.bytes(), &mut sender)?,
            2 => put(&mut sender, "log_name", field.text()),
            _ => {}
        }
    }
    Ok(sender)
}

fn node(message: &[u8], sender: &mut Attributes) -> Result<(), Broken> {
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => put(sender, "node_name", field.text()),
            2 => put(sender, "cluster_name", field.text()),
            4 => {
                let mut locality = Fields(field.bytes());
                while let Some((number, field)) = locality.next()? {
                    match number {
                        1 => put(sender, "cloud.region", field.text()),
                        2 => put(sender, "zone_name", field.text()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn put(of: &mut Attributes, name: &str, text: String) {
    if !text.is_empty() {
        of.insert(name.to_owned(), text.into());
    }
}

#[derive(Default)]
struct Entry {
    start: UnixNanos,
    attributes: Attributes,
    /// The longest time that the entry tells, if it tells no duration.
    longest: i64,
}

fn entry(message: &[u8], http: bool) -> Result<Entry, Broken> {
    let mut entry = Entry::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match (number, http) {
            (1, _) => entry.common(field.bytes())?,
            (2, true) => entry.word("protocol", &PROTOCOLS, field),
            (3, true) => entry.request(field.bytes())?,
            (4, true) => entry.response(field.bytes())?,
            (2, false) => entry.connection(field.bytes())?,
            _ => {}
        }
    }
    let longest = entry.longest;
    let of = &mut entry.attributes;
    of.entry("duration_ns".to_owned()).or_insert(longest.into());
    of.entry("response_flags".to_owned()).or_insert("-".into());
    Ok(entry)
}

impl Entry {
    fn text(&mut self, name: &str, field: Wire) {
        put(&mut self.attributes, name, field.text());
    }

    fn number(&mut self, name: &str, number: u64) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.attributes.insert(name.to_owned(), number.into());
    }

    fn word(&mut self, name: &str, words: &[&str], field: Wire) {
        let word = usize::try_from(field.number()).ok();
        let word = word.and_then(|at| words.get(at)).copied();
        put(
            &mut self.attributes,
            name,
            word.unwrap_or_default().to_owned(),
        );
    }

    fn common(&mut self, message: &[u8]) -> Result<(), Broken> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => self.address("downstream_remote_address", field)?,
                3 => self.address("downstream_local_address", field)?,
                5 => self.start = UnixNanos(duration(field)?),
                6..=12 => self.longest = self.longest.max(duration(field)?),
                13 => self.address("upstream_host", field)?,
                14 => self.address("upstream_local_address", field)?,
                15 => self.text("upstream_cluster", field),
                16 => self.flags(field.bytes())?,
                18 => self.text("upstream_transport_failure_reason", field),
                19 => self.text("route_name", field),
                22 => {
                    let (key, value) = pair(field)?;
                    put(&mut self.attributes, &key, value);
                }
                23 => self.number("duration_ns", duration(field)?.cast_unsigned()),
                24 => self.number("upstream_request_attempt_count", field.number()),
                25 => self.text("connection_termination_details", field),
                26 => self.text("stream_id", field),
                28 => self.text("downstream_transport_failure_reason", field),
                33 => self.word("access_log_type", &TYPES, field),
                _ => {}
            }
        }
        Ok(())
    }

    fn flags(&mut self, message: &[u8]) -> Result<(), Broken> {
        let mut set: Vec<&str> = Vec::new();
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            // All are booleans but the 13th, which holds the reason.
            let is_set = field.number() != 0 || matches!(field, Wire::Bytes(_));
            let flag = usize::try_from(number - 1)
                .ok()
                .and_then(|at| FLAGS.get(at));
            set.extend(flag.filter(|_| is_set));
        }
        put(&mut self.attributes, "response_flags", set.join(","));
        Ok(())
    }

    fn request(&mut self, message: &[u8]) -> Result<(), Broken> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.word("method", &METHODS, field),
                2 => self.text("scheme", field),
                3 => self.text("authority", field),
                5 => self.text("path", field),
                6 => self.text("user_agent", field),
                8 => self.text("x_forwarded_for", field),
                9 => self.text("request_id", field),
                10 => self.text("original_path", field),
                12 => self.number("bytes_received", field.number()),
                13 => self.header("http.request.header.", field)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn response(&mut self, message: &[u8]) -> Result<(), Broken> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => {
                    let mut code = Fields(field.bytes());
                    while let Some((1, field)) = code.next()? {
                        self.number("response_code", field.number());
                    }
                }
                3 => self.number("bytes_sent", field.number()),
                4 => self.header("http.response.header.", field)?,
                6 => self.text("response_code_details", field),
                _ => {}
            }
        }
        Ok(())
    }

    fn connection(&mut self, message: &[u8]) -> Result<(), Broken> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.number("bytes_received", field.number()),
                2 => self.number("bytes_sent", field.number()),
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&mut self, prefix: &str, field: Wire) -> Result<(), Broken> {
        let (name, value) = pair(field)?;
        put(&mut self.attributes, &format!("{prefix}{name}"), value);
        Ok(())
    }

    fn address(&mut self, name: &str, field: Wire) -> Result<(), Broken> {
        let mut fields = Fields(field.bytes());
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => {
                    let (mut host, mut port) = (String::new(), 0);
                    let mut socket = Fields(field.bytes());
                    while let Some((number, field)) = socket.next()? {
                        match number {
                            2 => host = field.text(),
                            3 => port = field.number(),
                            _ => {}
                        }
                    }
                    let host = if host.contains(':') {
                        format!("[{host}]")
                    } else {
                        host
                    };
                    let address = Value::from(format!("{host}:{port}"));
                    self.attributes.insert(name.to_owned(), address);
                }
                2 => {
                    if let Some((1, path)) = Fields(field.bytes()).next()? {
                        self.text(name, path);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// `Timestamp` or `Duration`, nanoseconds.
fn duration(field: Wire) -> Result<i64, Broken> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    let mut fields = Fields(field.bytes());
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => seconds = field.number().cast_signed(),
            2 => nanos = field.number().cast_signed(),
            _ => {}
        }
    }
    Ok(seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanos)
        .max(0))
}

/// An entry of a `map<string, string>`.
fn pair(field: Wire) -> Result<(String, String), Broken> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Fields(field.bytes());
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text(),
            2 => value = field.text(),
            _ => {}
        }
    }
    Ok((key, value))
}
