//! `inquest serve`: bind, open, answer, drain.

use crate::{
    api::{self, App},
    assets::Assets,
    collect::{self, Asker, Surroundings},
    config::Config,
    core::Core,
    formats, retention,
};
use anyhow::{Context, Result, bail};
use collectors::collect::About;
use std::{io::ErrorKind, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, UdpSocket},
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How long requests that are being answered may take when the server ends.
const DRAIN: Duration = Duration::from_secs(20);

/// How long a round of work that nobody waits for may take when the server ends. What it derives is derived
/// again at the next start.
const LAST_ROUND: Duration = Duration::from_secs(2);

/// Does work that can be left off at any place, until a little after the end.
async fn until_ended(work: impl Future<Output = ()>, ending: CancellationToken) {
    let late = async {
        ending.cancelled().await;
        tokio::time::sleep(LAST_ROUND).await;
    };
    tokio::select! {
        () = work => {}
        () = late => {}
    }
}

/// The addresses, bound.
pub struct Bound {
    grpc: TcpListener,
    http: TcpListener,
    ui: TcpListener,
    zipkin: Option<TcpListener>,
    xray: Option<(UdpSocket, TcpListener)>,
}

impl Bound {
    /// Binds them, before anything else is touched.
    ///
    /// # Errors
    /// When an address is taken or not ours; it says which, and what to do.
    pub async fn bind(config: &Config) -> Result<Self> {
        Ok(Bound {
            grpc: listen("grpc_listen", config.grpc_listen).await?,
            http: listen("http_listen", config.http_listen).await?,
            ui: listen("ui_listen", config.ui_listen).await?,
            zipkin: match config.zipkin_listen {
                Some(address) => Some(listen("zipkin_listen", address).await?),
                None => None,
            },
            xray: match config.xray_listen {
                Some(address) => Some(listen_to_xray(address).await?),
                None => None,
            },
        })
    }

    /// Where the pages are, as a URL.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn pages(&self) -> Result<String> {
        Ok(url(self.ui.local_addr()?))
    }

    /// Where facts are taken, for a person to read.
    fn others(&self) -> Result<String> {
        let mut all = format!(
            "OTLP/gRPC {}, OTLP/HTTP {}",
            self.grpc.local_addr()?,
            url(self.http.local_addr()?)
        );
        if let Some(zipkin) = &self.zipkin {
            all += &format!(", Zipkin {}", url(zipkin.local_addr()?));
        }
        if let Some((_, calls)) = &self.xray {
            all += &format!(", X-Ray {} (UDP, HTTP)", calls.local_addr()?);
        }
        Ok(all)
    }
}

/// Writes to stdout. Whoever started the server may have stopped reading, which is no reason to end.
pub fn say(text: &str) {
    let _ = crate::terminal::say(text);
}

fn url(address: SocketAddr) -> String {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{reachable}")
}

async fn listen(key: &str, address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let flag = key.replace('_', "-");
            bail!(
                "{address} is in use by another program (perhaps another inquest, or an OpenTelemetry \
                 collector): stop it, or say --{flag} {}:PORT",
                address.ip()
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address} ({key})")),
    }
}

/// X-Ray's clients use one port for datagrams and for calls.
async fn listen_to_xray(address: SocketAddr) -> Result<(UdpSocket, TcpListener)> {
    let calls = listen("xray_listen", address).await?;
    let address = calls.local_addr()?;
    let datagrams = UdpSocket::bind(address).await;
    let datagrams = datagrams.with_context(|| {
        format!("cannot listen on {address} over UDP (xray_listen): perhaps an X-Ray daemon has it")
    })?;
    Ok((datagrams, calls))
}

/// Serves until it is told to end.
///
/// # Errors
/// When an address or the folder cannot be had, or the end is not clean.
pub async fn serve(config: Config) -> Result<ExitCode> {
    let bound = Bound::bind(&config).await?;
    let core = Core::open(&config).await?;
    let running = Running::start(&config, core, bound).await?;
    running.announce(&config);
    running.until_told().await
}

/// A running server.
pub struct Running {
    core: Core,
    pages: String,
    addresses: String,
    ending: CancellationToken,
    servers: JoinSet<Result<()>>,
    signals: Signals,
}

impl Running {
    /// Starts the servers.
    ///
    /// # Errors
    /// When the lock file cannot name this server.
    pub async fn start(config: &Config, core: Core, bound: Bound) -> Result<Self> {
        let signals = Signals::listen()?;
        let pages = bound.pages()?;
        let addresses = bound.others()?;
        core.store.announce(&pages)?;
        let ending = CancellationToken::new();
        let mut servers = JoinSet::new();
        let (door, end) = (core.door.clone(), ending.clone());
        servers.spawn(async move {
            ingest::serve_grpc(bound.grpc, door, &formats::STREAMS, end.cancelled_owned())
                .await
                .context("OTLP over gRPC")
        });
        let (door, end) = (core.door.clone(), ending.clone());
        let origins = ingest::Origins::default();
        servers.spawn(async move {
            let formats = formats::beside_otlp();
            ingest::serve_http(bound.http, door, origins, &formats, end.cancelled_owned())
                .await
                .context("OTLP over HTTP")
        });
        if let Some(listener) = bound.zipkin {
            let (door, end) = (core.door.clone(), ending.clone());
            servers.spawn(async move {
                ingest::serve_formats(listener, door, &formats::ZIPKIN, end.cancelled_owned())
                    .await
                    .context("Zipkin")
            });
        }
        if let Some((datagrams, calls)) = bound.xray {
            let (door, end) = (core.door.clone(), ending.clone());
            servers.spawn(async move {
                ingest::serve_datagrams(datagrams, door, formats::xray_datagram, end.cancelled())
                    .await
                    .context("X-Ray over UDP")
            });
            let (door, end) = (core.door.clone(), ending.clone());
            servers.spawn(async move {
                ingest::serve_formats(calls, door, &formats::XRAY, end.cancelled_owned())
                    .await
                    .context("X-Ray over HTTP")
            });
        }
        if let Some(days) = config.retention_days {
            let (store, end) = (core.store.clone(), ending.clone());
            servers.spawn(async move {
                retention::run(store, days, end).await;
                Ok(())
            });
        }
        let (court, assembler) = (core.court.clone(), core.assembler.clone());
        let (live, end) = (core.live.clone(), ending.clone());
        servers.spawn(async move {
            let work = court.serve(assembler, live, end.clone());
            until_ended(work, end).await;
            Ok(())
        });
        let (experiments, end) = (core.experiments.clone(), ending.clone());
        servers.spawn(async move {
            until_ended(experiments.run(end.clone()), end).await;
            Ok(())
        });
        let (alerts, end) = (core.alerts.clone(), ending.clone());
        servers.spawn(async move {
            alerts.run(end).await;
            Ok(())
        });
        let sources = core.sources.clone();
        for (name, kind) in [
            (api::push::FIREHOSE, "firehose"),
            (api::push::EVENTBRIDGE, "eventbridge"),
        ] {
            let about = About {
                name: name.to_owned(),
                kind: kind.to_owned(),
                place: format!("/api/v1/push/{kind}"),
                stage: 0,
            };
            sources.add_door(about, "takes what AWS delivers to this address");
        }
        let around = Surroundings {
            way: Arc::new(core.way()),
            state: Arc::new(core.state.clone()),
            asker: Asker::Here(core.store.clone(), core.engine.clone()),
            sources: sources.clone(),
            ending: ending.clone(),
        };
        for collector in collect::collectors(&config.collect).await? {
            let around = around.clone();
            servers.spawn(async move {
                collect::run(collector, around, false)
                    .await
                    .context("a collector")
            });
        }
        let (slos, end) = (core.slos.clone(), ending.clone());
        servers.spawn(async move {
            until_ended(slos.run(end.clone()), end).await;
            Ok(())
        });
        let app = App {
            court: core.court.clone(),
            push_keys: api::push::Keys::new(
                &config.push_access_keys,
                config.ui_listen.ip().is_loopback(),
            ),
            sources,
            store: core.store.clone(),
            engine: core.engine.clone(),
            entrance: core.entrance(),
            live: core.live.clone(),
            state: core.state.clone(),
            alerts: core.alerts.clone(),
            slos: core.slos.clone(),
            prices: core.prices.clone(),
            experiments: core.experiments.clone(),
            assets: Arc::new(match &config.ui_dir {
                Some(folder) => Assets::Folder(folder.clone()),
                None => Assets::Embedded,
            }),
            ending: ending.clone(),
        };
        let router = api::router(app, config);
        let end = ending.clone();
        servers.spawn(async move {
            axum::serve(bound.ui, router)
                .with_graceful_shutdown(end.cancelled_owned())
                .await
                .context("pages and API")
        });
        Ok(Running {
            core,
            pages,
            addresses,
            ending,
            servers,
            signals,
        })
    }

    /// The core, to import into while it runs.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Where the pages are.
    pub fn pages(&self) -> &str {
        &self.pages
    }

    /// Says where everything is, on stdout: scripts wait for the line that begins with `ready`.
    pub fn announce(&self, config: &Config) {
        say(&format!(
            "ready  pages and API {}\n       {}\n       data {}\n",
            self.pages,
            self.addresses,
            config.data.display()
        ));
    }

    /// Waits for ctrl-c or SIGTERM, answers what is being asked, and writes everything to blocks.
    ///
    /// # Errors
    /// When a server failed, or the blocks cannot be written.
    pub async fn until_told(mut self) -> Result<ExitCode> {
        let failed = tokio::select! {
            () = self.signals.told_to_end() => None,
            ended = self.servers.join_next() => ended,
        };
        tracing::info!("ending: answering what is being asked, then writing what is in memory");
        self.ending.cancel();
        let drained = tokio::time::timeout(DRAIN, async {
            while self.servers.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!("some requests were not answered in {} s", DRAIN.as_secs());
        }
        self.servers.shutdown().await;
        self.core.close().await?;
        if let Some(ended) = failed {
            ended.context("a server ended badly")??;
            bail!("a server ended by itself");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The signals that end a server. They are listened to before `ready` is said, so that whoever waits for
/// that line can end it cleanly from then on.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn told_to_end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
