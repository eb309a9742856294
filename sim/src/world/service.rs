//! A service that functions call: its hosts, its own dependency, the proxy before it, and its troubles.

use super::Window;

/// A machine that services run on.
#[derive(Debug, Clone)]
pub struct Host {
    /// Name.
    pub name: String,
    /// Address.
    pub address: String,
    /// A neighbour takes processor time: everything here takes so many times as long.
    pub contended: Vec<(Window, f64)>,
    /// Its process answers 500 at once.
    pub broken: Vec<Window>,
}

impl Host {
    /// By how much work takes longer here.
    pub fn factor(&self, at: i64) -> f64 {
        let held = self.contended.iter().filter(|(window, _)| window.holds(at));
        held.map(|(_, factor)| factor).product()
    }

    /// True when what runs here is broken.
    pub fn is_broken(&self, at: i64) -> bool {
        self.broken.iter().any(|window| window.holds(at))
    }
}

/// What a service can suffer from.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Its work takes so many times as long, and so much more.
    Slow {
        /// Times as long.
        factor: f64,
        /// Milliseconds more.
        added_ms: f64,
    },
    /// A share of the requests fails with a status and a text.
    Fails {
        /// Share of requests.
        rate: f64,
        /// HTTP status.
        status: u16,
        /// What it answers.
        text: String,
    },
    /// The name cannot be resolved.
    Unresolvable,
    /// The proxy has no route to it.
    NoRoute,
    /// Nothing listens at its address.
    Refuses,
    /// It counts requests, and refuses those over its limit: a share.
    Limits {
        /// Share of requests that are over it.
        rate: f64,
        /// `Retry-After`, seconds.
        retry_after: u32,
    },
    /// Requests per second rise to this.
    Load(f64),
    /// The proxy's pool is this large.
    Pool(f64),
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name; also the name of its Envoy cluster.
    pub name: String,
    /// `http`, `dynamodb`, `postgresql`, `redis`, `s3`.
    pub system: &'static str,
    /// Its host name in the network.
    pub address: String,
    /// What is asked of it, such as `POST /v1/charges`.
    pub operation: String,
    /// Median of its own work.
    pub work_ms: f64,
    /// The hosts it runs on; none for what somebody else runs.
    pub hosts: Vec<String>,
    /// Another service that it calls for each request.
    pub backend: Option<String>,
    /// True when its requests go through an Envoy that exports spans.
    pub mesh: bool,
    /// The proxy's route timeout.
    pub route_timeout_ms: f64,
    /// Requests per second that it gets from everybody.
    pub load_rps: f64,
    /// Requests that the proxy lets be open at once.
    pub pool: f64,
    /// True when it exports spans itself.
    pub traced: bool,
    /// What it suffers from, and when.
    pub troubles: Vec<(Window, Trouble)>,
}

impl Service {
    /// An HTTP service behind a proxy.
    pub fn http(name: &str, operation: &str, work_ms: f64) -> Self {
        Service {
            name: name.to_owned(),
            system: "http",
            address: format!("{name}.internal"),
            operation: operation.to_owned(),
            work_ms,
            hosts: Vec::new(),
            backend: None,
            mesh: true,
            route_timeout_ms: 15_000.0,
            load_rps: 40.0,
            pool: 100_000.0,
            traced: true,
            troubles: Vec::new(),
        }
    }

    /// What it suffers from at a moment.
    pub fn troubled(&self, at: i64) -> impl Iterator<Item = &Trouble> {
        let held = self
            .troubles
            .iter()
            .filter(move |(window, _)| window.holds(at));
        held.map(|(_, trouble)| trouble)
    }

    /// How long its own work takes at a moment, when it takes `plain_ms` otherwise.
    pub fn work(&self, at: i64, plain_ms: f64) -> f64 {
        let mut work = plain_ms;
        for trouble in self.troubled(at) {
            if let Trouble::Slow { factor, added_ms } = trouble {
                work = work * factor + added_ms;
            }
        }
        work
    }

    /// The share of requests that find the proxy's pool full: those that do not fit when arrivals times
    /// time in service (Little's law) is more than the pool holds.
    pub fn overflow(&self, at: i64) -> f64 {
        let (mut load, mut pool) = (self.load_rps, self.pool);
        for trouble in self.troubled(at) {
            match trouble {
                Trouble::Load(rps) => load = *rps,
                Trouble::Pool(size) => pool = *size,
                _ => {}
            }
        }
        let open = load * self.work(at, self.work_ms) / 1000.0;
        (1.0 - pool / open.max(0.001)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_service_fills_its_pool() {
        let mut service = Service::http("quotes", "GET /", 100.0);
        service.pool = 10.0;
        assert_eq!(
            service.overflow(5),
            0.0,
            "40 a second for 0.1 s are 4 at once"
        );
        let slow = Trouble::Slow {
            factor: 5.0,
            added_ms: 0.0,
        };
        service.troubles.push((Window::since(0), slow));
        assert!(
            (service.overflow(5) - 0.5).abs() < 1e-9,
            "20 at once, room for 10"
        );
    }
}
