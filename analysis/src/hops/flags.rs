//! Envoy's response flags: what each says, and whose fault it is.
//!
//! Source: Envoy's documentation, "Access logging", `%RESPONSE_FLAGS%` and `%RESPONSE_FLAGS_LONG%`, and
//! `source/common/stream_info/utility.h`.

use model::HopOutcome::{self, Client, Failed, Injected, Ok, Refused};

/// A flag: short and long name, how a hop with it ended, and what happened. `{target}` stands for the upstream with
/// its address, `{cluster}` for its name.
pub(super) struct Flag {
    pub(super) short: &'static str,
    pub(super) long: &'static str,
    pub(super) outcome: HopOutcome,
    pub(super) words: &'static str,
}

const fn flag(
    short: &'static str,
    long: &'static str,
    outcome: HopOutcome,
    words: &'static str,
) -> Flag {
    Flag {
        short,
        long,
        outcome,
        words,
    }
}

/// All flags of Envoy 1.40, the older ones of which have been there since 1.0.
pub(super) const FLAGS: [Flag; 31] = [
    flag(
        "UH",
        "NoHealthyUpstream",
        Failed,
        "no healthy host of {cluster} was there to take it",
    ),
    flag(
        "UF",
        "UpstreamConnectionFailure",
        Failed,
        "could not connect to {target}",
    ),
    flag(
        "UO",
        "UpstreamOverflow",
        Failed,
        "the circuit breaker of {cluster} was open: too many connections, requests or retries at once",
    ),
    flag(
        "NR",
        "NoRouteFound",
        Refused,
        "no route matches the request",
    ),
    flag(
        "NC",
        "NoClusterFound",
        Refused,
        "the route names a cluster that does not exist",
    ),
    flag(
        "URX",
        "UpstreamRetryLimitExceeded",
        Failed,
        "the retries were used up",
    ),
    flag(
        "UT",
        "UpstreamRequestTimeout",
        Failed,
        "{target} did not answer within the time limit",
    ),
    flag(
        "DT",
        "DurationTimeout",
        Failed,
        "it took longer in all than a request may",
    ),
    flag(
        "SI",
        "StreamIdleTimeout",
        Failed,
        "nothing was sent for too long (stream idle timeout)",
    ),
    flag(
        "DC",
        "DownstreamConnectionTermination",
        Client,
        "the client went away before it had its answer",
    ),
    flag(
        "DR",
        "DownstreamRemoteReset",
        Client,
        "the client reset the stream",
    ),
    flag(
        "UC",
        "UpstreamConnectionTermination",
        Failed,
        "{target} cut the connection",
    ),
    flag(
        "UR",
        "UpstreamRemoteReset",
        Failed,
        "{target} reset the stream",
    ),
    flag(
        "LR",
        "LocalReset",
        Failed,
        "the proxy itself reset the stream to {target}",
    ),
    flag(
        "LH",
        "FailedLocalHealthCheck",
        Failed,
        "the proxy's own health check had failed",
    ),
    flag(
        "UPE",
        "UpstreamProtocolError",
        Failed,
        "{target} broke the protocol: its answer is cut or wrong",
    ),
    flag(
        "DPE",
        "DownstreamProtocolError",
        Client,
        "the client broke the protocol",
    ),
    flag(
        "DI",
        "DelayInjected",
        Injected,
        "a delay was injected on purpose",
    ),
    flag(
        "FI",
        "FaultInjected",
        Injected,
        "a fault was injected on purpose",
    ),
    flag("RL", "RateLimited", Refused, "the rate limit was reached"),
    flag(
        "RLSE",
        "RateLimitServiceError",
        Failed,
        "the rate limit service failed",
    ),
    flag(
        "UAEX",
        "UnauthorizedExternalService",
        Refused,
        "the authorisation service said no",
    ),
    flag(
        "IH",
        "InvalidEnvoyRequestHeaders",
        Client,
        "a header of the request had an invalid value",
    ),
    flag(
        "UMSDR",
        "UpstreamMaxStreamDurationReached",
        Failed,
        "the stream to {target} lasted longer than it may",
    ),
    flag(
        "OM",
        "OverloadManagerTerminated",
        Failed,
        "the proxy was overloaded and ended it",
    ),
    flag(
        "DF",
        "DnsResolutionFailed",
        Failed,
        "the name of {cluster} could not be resolved",
    ),
    flag(
        "NFCF",
        "NoFilterConfigFound",
        Failed,
        "a filter had no configuration yet",
    ),
    flag(
        "RFCF",
        "ResponseFromCacheFilter",
        Ok,
        "answered from the cache",
    ),
    flag(
        "DO",
        "DropOverload",
        Failed,
        "it was dropped: {cluster} is overloaded",
    ),
    flag(
        "UDO",
        "UnconditionalDropOverload",
        Failed,
        "it was dropped, as {cluster} is set to drop everything",
    ),
    flag(
        "UNC",
        "UpstreamNoConnection",
        Failed,
        "no connection to {cluster} could be had",
    ),
];

/// The flags of a field such as `UF,URX`, by short or long name; `-` is none. Unknown ones stay text.
pub(super) fn read(field: &str) -> impl Iterator<Item = Result<&'static Flag, &str>> {
    let words = field.split([',', ' ', '|']).map(str::trim);
    words
        .filter(|word| !word.is_empty() && *word != "-")
        .map(|word| {
            let known = |flag: &&Flag| flag.short == word || flag.long.eq_ignore_ascii_case(word);
            FLAGS.iter().find(known).ok_or(word)
        })
}

/// The short names, joined as Envoy does.
pub(super) fn short(field: &str) -> String {
    let names: Vec<&str> = read(field)
        .map(|flag| flag.map_or_else(|word| word, |flag| flag.short))
        .collect();
    names.join(",")
}
