//! One request to a service: through the proxy, to a host, to what is behind it.

use super::{Dependency, Trouble, World};
use crate::chance;
use crate::facts::{Record, Spanned};
use demo::otel::Span;
use demo::run::{ACCOUNT, REGION};
use serde_json::{Value, json};

/// Why a request failed, as its client sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Failed {
    /// No answer in time.
    TimedOut {
        /// Of whom.
        address: String,
        /// The client's limit.
        after_ms: f64,
    },
    /// An answer that is an error.
    Status {
        /// Of whom.
        address: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// No such name.
    Unresolved {
        /// The name.
        address: String,
    },
    /// Nobody listens.
    Refused {
        /// Of whom.
        address: String,
    },
    /// Not permitted.
    Denied {
        /// Role of the caller.
        role: String,
        /// The caller.
        function: String,
        /// `service:Operation`.
        action: String,
        /// ARN.
        resource: String,
    },
}

/// A request from beginning to end.
#[derive(Debug, Clone)]
pub struct Called {
    /// Milliseconds until the client went on.
    pub took_ms: f64,
    /// Why it failed, if it did.
    pub failed: Option<Failed>,
    /// Tries that were made.
    pub tries: u32,
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Name of the function or service.
    pub actor: String,
    /// Language of its spans.
    pub language: &'static str,
    /// False when it exports no spans.
    pub traced: bool,
    /// Trace.
    pub trace_id: String,
    /// Span of the caller.
    pub span_id: String,
    /// Host it runs on.
    pub host: Option<String>,
    /// The same in the pair.
    pub key: String,
}

/// What came back from the other side of the client's socket.
struct Answer {
    /// When it came, milliseconds after the request.
    after_ms: f64,
    status: u16,
    text: String,
    /// Envoy's flags.
    flags: &'static str,
    host: Option<String>,
}

impl World {
    /// Makes a request, with the client's retries.
    pub fn request(&mut self, caller: &Caller, to: &Dependency, at_ms: f64) -> Called {
        let mut took = 0.0;
        for attempt in 0..=to.retries {
            let key = format!("{}>{}#{attempt}", caller.key, to.service);
            let (ms, failed) = self.one_try(caller, to, at_ms + took, &key);
            took += ms;
            let Some(failed) = failed else {
                return done(took, None, attempt + 1);
            };
            let last = attempt == to.retries || matches!(failed, Failed::Denied { .. });
            if last {
                return done(took, Some(failed), attempt + 1);
            }
            took += 100.0 * f64::from(1 << attempt.min(5));
        }
        done(took, None, 1)
    }

    fn one_try(
        &mut self,
        caller: &Caller,
        to: &Dependency,
        at_ms: f64,
        key: &str,
    ) -> (f64, Option<Failed>) {
        let service = self.services[&to.service].clone();
        let at = at_ms as i64;
        let mut dice = self.chance.of(key);
        let span_id = self.chance.of(&format!("{key}/client")).hex(16);
        let (took, failed, status) = if self.is_denied(&caller.actor, &service.name, at) {
            (
                chance::millis(&mut dice, 22.0, 0.2),
                Some(denied(caller, &service)),
                400,
            )
        } else if !service.mesh
            && service
                .troubled(at)
                .any(|t| matches!(t, Trouble::Unresolvable))
        {
            let address = service.address.clone();
            (
                chance::millis(&mut dice, 12.0, 0.3),
                Some(Failed::Unresolved { address }),
                0,
            )
        } else if !service.mesh && service.troubled(at).any(|t| matches!(t, Trouble::Refuses)) {
            let address = service.address.clone();
            (
                chance::millis(&mut dice, 3.0, 0.3),
                Some(Failed::Refused { address }),
                0,
            )
        } else {
            let from = Caller {
                span_id: span_id.clone(),
                key: key.to_owned(),
                ..caller.clone()
            };
            let answer = match service.mesh {
                true => self.through_proxy(&from, &service, at_ms + 0.6),
                false => self.serve(&from, &service, at_ms + 0.6),
            };
            let after = answer.after_ms + 1.2;
            let address = service.address.clone();
            if after > to.timeout_ms {
                let after_ms = to.timeout_ms;
                (after_ms, Some(Failed::TimedOut { address, after_ms }), 0)
            } else if answer.status >= 400 {
                let (status, text) = (answer.status, answer.text);
                (
                    after,
                    Some(Failed::Status {
                        address,
                        status,
                        text,
                    }),
                    status,
                )
            } else {
                (after, None, answer.status)
            }
        };
        if caller.traced {
            let error = failed.as_ref().map(plain);
            let span = Span {
                trace_id: caller.trace_id.clone(),
                span_id,
                parent_id: caller.span_id.clone(),
                name: service.operation.clone(),
                kind: 3,
                start_ns: (at_ms * 1e6) as i64,
                end_ns: ((at_ms + took) * 1e6) as i64,
                attributes: client_attributes(&service, status),
                error,
            };
            self.facts.spans.push(Spanned {
                service: caller.actor.clone(),
                host: caller.host.clone(),
                language: caller.language,
                version: None,
                key: format!("{key}/client"),
                span,
            });
        }
        (took, failed)
    }

    fn through_proxy(&mut self, from: &Caller, service: &super::Service, at_ms: f64) -> Answer {
        let at = at_ms as i64;
        let mut dice = self.chance.of(&format!("{}/proxy", from.key));
        let span_id = dice.hex(16);
        let (throw, hop) = (dice.unit(), chance::millis(&mut dice, 1.4, 0.3));
        let troubled = |wanted: fn(&Trouble) -> bool| service.troubled(at).any(wanted);
        let quick = |status, flags, text: &str| Answer {
            after_ms: hop,
            status,
            text: text.to_owned(),
            flags,
            host: None,
        };
        let hosts: Vec<bool> = service
            .hosts
            .iter()
            .map(|host| self.hosts[host].is_broken(at))
            .collect();
        let mut answer = if troubled(|t| matches!(t, Trouble::NoRoute)) {
            quick(404, "NR", "no route")
        } else if troubled(|t| matches!(t, Trouble::Unresolvable)) {
            quick(
                503,
                "DF",
                "upstream connect error or disconnect/reset before headers. reset reason: dns resolution failure",
            )
        } else if troubled(|t| matches!(t, Trouble::Refuses)) {
            quick(
                503,
                "UF",
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
            )
        } else if throw < service.overflow(at) {
            quick(
                503,
                "UO",
                "upstream connect error or disconnect/reset before headers. reset reason: overflow",
            )
        } else if !hosts.is_empty() && hosts.iter().all(|broken| *broken) {
            quick(503, "UH", "no healthy upstream")
        } else {
            let inner = Caller {
                span_id: span_id.clone(),
                ..from.clone()
            };
            let mut answer = self.serve(&inner, service, at_ms + hop * 0.5);
            answer.after_ms += hop;
            answer
        };
        if answer.after_ms > service.route_timeout_ms {
            answer = Answer {
                after_ms: service.route_timeout_ms,
                status: 504,
                text: "upstream request timeout".into(),
                flags: "UT",
                host: answer.host,
            };
        }
        let address = answer
            .host
            .as_ref()
            .map(|host| format!("{}:8080", self.hosts[host].address));
        let span = Span {
            trace_id: from.trace_id.clone(),
            span_id,
            parent_id: from.span_id.clone(),
            name: format!("router {} egress", service.name),
            kind: 3,
            start_ns: (at_ms * 1e6) as i64,
            end_ns: ((at_ms + answer.after_ms) * 1e6) as i64,
            attributes: proxy_attributes(service, &answer, address),
            error: (answer.status >= 500).then(String::new),
        };
        self.facts.spans.push(Spanned {
            service: "mesh-gateway".into(),
            host: None,
            language: "cpp",
            version: None,
            key: format!("{}/proxy", from.key),
            span,
        });
        answer
    }

    fn serve(&mut self, from: &Caller, service: &super::Service, at_ms: f64) -> Answer {
        let at = at_ms as i64;
        let mut dice = self.chance.of(&format!("{}/server", from.key));
        let span_id = dice.hex(16);
        let (pick, throw) = (dice.unit(), dice.unit());
        let plain = chance::millis(&mut dice, service.work_ms, 0.22);
        let index = (pick * service.hosts.len() as f64) as usize;
        let host = service.hosts.get(index).cloned();
        let factor = host
            .as_ref()
            .map_or(1.0, |host| self.hosts[host].factor(at));
        let mut answer = Answer {
            after_ms: service.work(at, plain) * factor,
            status: 200,
            text: String::new(),
            flags: "-",
            host: host.clone(),
        };
        if host
            .as_ref()
            .is_some_and(|host| self.hosts[host].is_broken(at))
        {
            answer = Answer {
                after_ms: 2.5,
                status: 500,
                text: "Internal Server Error".into(),
                flags: "-",
                host: host.clone(),
            };
        }
        for trouble in service.troubled(at) {
            match trouble {
                Trouble::Fails { rate, status, text } if throw < *rate => {
                    answer.status = *status;
                    answer.text.clone_from(text);
                    answer.after_ms = answer.after_ms.min(60.0);
                }
                Trouble::Limits { rate, retry_after } if throw < *rate => {
                    answer.status = 429;
                    answer.text = format!("Too Many Requests (Retry-After: {retry_after})");
                    answer.after_ms = answer.after_ms.min(25.0);
                }
                _ => {}
            }
        }
        let inner = Caller {
            actor: service.name.clone(),
            language: "java",
            traced: service.traced,
            trace_id: from.trace_id.clone(),
            span_id: span_id.clone(),
            host: host.clone(),
            key: format!("{}/server", from.key),
        };
        if let Some(backend) = service.backend.clone().filter(|_| answer.status < 400) {
            let to = Dependency {
                service: backend,
                timeout_ms: 60_000.0,
                retries: 0,
                optional: false,
            };
            let called = self.request(&inner, &to, at_ms + answer.after_ms * 0.5);
            answer.after_ms += called.took_ms;
            if let Some(failed) = called.failed {
                answer.status = 500;
                answer.text = "Internal Server Error".into();
                self.server_log(
                    &inner,
                    at_ms + answer.after_ms,
                    "ERROR",
                    &self::plain(&failed),
                );
            }
        }
        if service.traced {
            self.server_span(&inner, from, service, at_ms, &answer);
        }
        answer
    }

    fn server_span(
        &mut self,
        inner: &Caller,
        from: &Caller,
        service: &super::Service,
        at_ms: f64,
        answer: &Answer,
    ) {
        let mut attributes = vec![
            (
                "http.request.method",
                json!(service.operation.split(' ').next().unwrap_or("GET")),
            ),
            (
                "http.route",
                json!(service.operation.split(' ').nth(1).unwrap_or("/")),
            ),
            ("http.response.status_code", json!(i64::from(answer.status))),
        ];
        if service.system != "http" {
            attributes = vec![("db.system.name", json!(service.system))];
        }
        let error = (answer.status >= 500).then(|| answer.text.clone());
        if let Some(text) = &error {
            let at = at_ms + answer.after_ms;
            self.server_log(inner, at, "ERROR", &format!("request failed: {text}"));
        }
        let span = Span {
            trace_id: from.trace_id.clone(),
            span_id: inner.span_id.clone(),
            parent_id: from.span_id.clone(),
            name: service.operation.clone(),
            kind: 2,
            start_ns: ((at_ms + 0.3) * 1e6) as i64,
            end_ns: ((at_ms + 0.3 + answer.after_ms) * 1e6) as i64,
            attributes,
            error,
        };
        self.facts.spans.push(Spanned {
            service: service.name.clone(),
            host: inner.host.clone(),
            language: "java",
            version: Some("1.14.2".into()),
            key: inner.key.clone(),
            span,
        });
    }

    fn server_log(&mut self, inner: &Caller, at_ms: f64, level: &'static str, body: &str) {
        if !inner.traced {
            return;
        }
        self.facts.records.push(Record {
            service: inner.actor.clone(),
            host: inner.host.clone(),
            at_ns: (at_ms * 1e6) as i64,
            level,
            body: body.to_owned(),
            context: Some((inner.trace_id.clone(), inner.span_id.clone())),
        });
    }
}

fn done(took_ms: f64, failed: Option<Failed>, tries: u32) -> Called {
    Called {
        took_ms,
        failed,
        tries,
    }
}

fn denied(caller: &Caller, service: &super::Service) -> Failed {
    let (action, resource) = match service.system {
        "s3" => (
            "s3:GetObject",
            format!("arn:aws:s3:::{}/in/batch.json", service.name),
        ),
        "dynamodb" => (
            "dynamodb:UpdateItem",
            format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", service.name),
        ),
        _ => (
            "execute-api:Invoke",
            format!(
                "arn:aws:execute-api:{REGION}:{ACCOUNT}:{}/prod",
                service.name
            ),
        ),
    };
    Failed::Denied {
        role: format!("{}-role", caller.actor),
        function: caller.actor.clone(),
        action: action.into(),
        resource,
    }
}

/// A failure in the words of a log.
pub fn plain(failed: &Failed) -> String {
    match failed {
        Failed::TimedOut { address, after_ms } => {
            format!("request to {address} timed out after {after_ms:.0} ms")
        }
        Failed::Status {
            address,
            status,
            text,
        } => format!("{address} answered {status}: {text}"),
        Failed::Unresolved { address } => format!("getaddrinfo ENOTFOUND {address}"),
        Failed::Refused { address } => format!("connect ECONNREFUSED {address}:443"),
        Failed::Denied {
            action, resource, ..
        } => format!("AccessDenied: {action} on {resource}"),
    }
}

fn client_attributes(service: &super::Service, status: u16) -> Vec<(&'static str, Value)> {
    let address = ("server.address", json!(service.address));
    match service.system {
        "http" => {
            let mut all = vec![
                (
                    "http.request.method",
                    json!(service.operation.split(' ').next().unwrap_or("GET")),
                ),
                (
                    "url.full",
                    json!(format!(
                        "https://{}{}",
                        service.address,
                        service.operation.split(' ').nth(1).unwrap_or("/")
                    )),
                ),
                address,
            ];
            if status > 0 {
                all.push(("http.response.status_code", json!(i64::from(status))));
            }
            all
        }
        "s3" => vec![
            ("rpc.system", json!("aws-api")),
            ("rpc.service", json!("S3")),
            address,
        ],
        system => vec![
            ("db.system.name", json!(system)),
            ("db.operation.name", json!(service.operation)),
            ("peer.service", json!(service.name)),
            address,
        ],
    }
}

fn proxy_attributes(
    service: &super::Service,
    answer: &Answer,
    address: Option<String>,
) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("component", json!("proxy")),
        ("node_id", json!("router~10.4.1.7~mesh-gateway-5d8f")),
        (
            "http.url",
            json!(format!(
                "https://{}{}",
                service.address,
                service.operation.split(' ').nth(1).unwrap_or("/")
            )),
        ),
        (
            "http.method",
            json!(service.operation.split(' ').next().unwrap_or("GET")),
        ),
        ("http.protocol", json!("HTTP/1.1")),
        ("downstream_cluster", json!("-")),
        ("upstream_cluster", json!(service.name)),
        ("upstream_cluster.name", json!(service.name)),
        ("http.status_code", json!(answer.status.to_string())),
        ("response_flags", json!(answer.flags)),
    ];
    if let Some(address) = address {
        all.push(("upstream_address", json!(address)));
        all.push(("peer.address", json!(address)));
    }
    if answer.status >= 500 {
        all.push(("error", json!("true")));
    }
    all
}
