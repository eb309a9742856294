//! Which addresses a webhook may connect to.
//!
//! Whoever can name a webhook's address could make us call what only we can reach: a metadata service, a
//! database, a neighbour's admin page. So every address that a name resolves to is checked, the
//! connection goes to the address that was checked, and what is not public is refused unless the
//! receiver says `allow`. The list follows the IANA special-purpose address registries (RFC 6890) and the
//! webhook server of the Standard Webhooks authors.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Never connected to, whatever is allowed: they hand out credentials.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Blocks of IPv4 that are not the public internet.
const SPECIAL_V4: [([u8; 4], u8, &str); 16] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared address space of carriers"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "protocol assignments"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 88, 99, 0], 24, "6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([255, 255, 255, 255], 32, "broadcast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// Blocks of IPv6 that are not the public internet, or that wrap IPv4.
const SPECIAL_V6: [([u16; 8], u8, &str); 12] = [
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible"),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "NAT64"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard-only"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "protocol assignments"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 9, "link-local or site-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

/// What a receiver says it trusts beyond the public internet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Allowed {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Entry {
    Net(IpNet),
    Host { name: String, port: Option<u16> },
}

impl Allowed {
    /// Reads entries: an address, a network (`10.0.0.0/8`), a name, or any but a network with `:port`.
    ///
    /// # Errors
    /// Says which entry is none of these.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let entries = entries.into_iter().map(parse_entry);
        Ok(Allowed {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// Whether this host, on this port, is trusted by name or by address: it may be reached without
    /// TLS, on any port that the entry covers, and lie in a private network.
    pub fn trusts_host(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.');
        let address: Option<IpAddr> = host.parse().ok();
        self.entries.iter().any(|entry| match entry {
            Entry::Net(net) => address.is_some_and(|it| net.contains(&it)),
            Entry::Host { name, port: only } => {
                name.eq_ignore_ascii_case(host) && only.is_none_or(|only| only == port)
            }
        })
    }

    /// Whether this name is trusted, on whatever port.
    pub(crate) fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        let mut entries = self.entries.iter();
        entries.any(
            |entry| matches!(entry, Entry::Host { name, .. } if name.eq_ignore_ascii_case(host)),
        )
    }

    fn covers(&self, address: IpAddr) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| matches!(entry, Entry::Net(net) if net.contains(&address)))
    }
}

fn parse_entry(text: &str) -> Result<Entry, String> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(Entry::Net(net));
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(Entry::Net(IpNet::from(address)));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => {
            let port = port
                .parse::<u16>()
                .map_err(|_| format!("'{text}' in allow: '{port}' is not a port"))?;
            (name.trim_matches(['[', ']']), Some(port))
        }
        None => (text, None),
    };
    let fits = |letter: char| letter.is_ascii_alphanumeric() || ".-_:".contains(letter);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!(
            "'{text}' in allow is no address, no network such as 10.0.0.0/8 and no host such as hooks.internal:8443"
        ));
    }
    Ok(Entry::Host {
        name: name.to_owned(),
        port,
    })
}

/// Says why an address must not be connected to; `trusted_host` when its name was allowed.
pub fn refusal(address: IpAddr, allowed: &Allowed, trusted_host: bool) -> Option<String> {
    let inner = embedded(address);
    if METADATA.contains(&address) || inner.is_some_and(|it| METADATA.contains(&it)) {
        return Some(format!(
            "{address} is a metadata service of the cloud, which hands out credentials: it is never called"
        ));
    }
    if trusted_host || allowed.covers(address) {
        return None;
    }
    if let Some(plain) = mapped(address) {
        return refusal(plain, allowed, trusted_host);
    }
    special(address).map(|what| {
        format!(
            "{address} is not a public address ({what}): if this receiver may be there, say \
             allow = [\"{address}\"] in its settings"
        )
    })
}

/// The IPv4 address in `::ffff:a.b.c.d`, which is what the system connects to.
fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    }
}

/// The IPv4 address that an IPv6 address carries, in any of the ways to carry one.
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return None;
    };
    let part = v6.segments();
    let join = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match part {
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        _ => None,
    }
}

fn special(address: IpAddr) -> Option<&'static str> {
    let within =
        |base: IpAddr, length: u8| IpNet::new(base, length).is_ok_and(|net| net.contains(&address));
    match address {
        IpAddr::V4(_) => SPECIAL_V4
            .iter()
            .find(|(base, length, _)| within(Ipv4Addr::from(*base).into(), *length))
            .map(|(.., what)| *what),
        IpAddr::V6(_) => SPECIAL_V6
            .iter()
            .find(|(base, length, _)| within(Ipv6Addr::from(*base).into(), *length))
            .map(|(.., what)| *what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, allow: &[&str]) -> bool {
        let allowed = Allowed::parse(allow.iter().copied()).expect("parses");
        refusal(address.parse().expect("an address"), &allowed, false).is_some()
    }

    #[test]
    fn only_the_public_internet_is_called() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12:3456::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(refused(address, &[]), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "::ffff:8.8.8.8",
            "2a00:1450::1",
        ] {
            assert!(!refused(address, &[]), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_called_but_never_a_metadata_service() {
        assert!(!refused("10.1.2.3", &["10.0.0.0/8"]));
        assert!(refused("11.1.2.3", &["127.0.0.1"]) == refused("11.1.2.3", &[]));
        assert!(!refused("127.0.0.1", &["127.0.0.1"]));
        assert!(!refused("::ffff:10.0.0.1", &["10.0.0.0/8"]));
        assert!(refused("192.168.0.1", &["10.0.0.0/8"]));
        for metadata in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
        ] {
            assert!(refused(metadata, &["0.0.0.0/0", "::/0"]), "{metadata}");
            let trusted = refusal(metadata.parse().expect("one"), &Allowed::default(), true);
            assert!(trusted.is_some(), "{metadata}");
        }
    }

    #[test]
    fn hosts_are_trusted_by_name_and_port() {
        let check = |allow: &str, host: &str, port: u16, expect: bool| {
            let allowed = Allowed::parse([allow]).expect("parses");
            assert_eq!(
                allowed.trusts_host(host, port),
                expect,
                "{allow} {host}:{port}"
            );
        };
        check("hooks.internal", "Hooks.Internal", 80, true);
        check("hooks.internal:8443", "hooks.internal", 8443, true);
        check("hooks.internal:8443", "hooks.internal", 443, false);
        check("127.0.0.0/8", "127.0.0.1", 9093, true);
        check("127.0.0.1:9093", "127.0.0.1", 9093, true);
        check("127.0.0.1:9093", "127.0.0.1", 9094, false);
        check("::1", "[::1]", 1, true);
        check("internal", "hooks.internal", 80, false);
        assert!(Allowed::parse(["http://x/"]).is_err());
        assert!(Allowed::parse([""]).is_err());
        assert!(Allowed::parse(["x:99999"]).is_err());
    }
}
