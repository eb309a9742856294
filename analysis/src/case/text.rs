//! What the words of an error mean: families of mechanisms by the marks that runtimes, AWS, proxies and
//! client libraries leave in names and messages. Never an entity's name, always what the platform writes.

use model::Category;

/// What a message speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Topic {
    OutOfMemory,
    Init,
    FunctionTimeout,
    Throttled,
    Permission,
    TooLarge,
    Pool,
    Name,
    Connection,
    Pull,
    HostLost,
    Timeout,
    Heartbeat,
    HistoryLimit,
    Path,
    Data,
    Unavailable,
}

/// Marks in lower case, the telling families first.
const MARKS: [(Topic, &[&str]); 17] = [
    (
        Topic::HistoryLimit,
        &[
            "maximum number of history events",
            "history events exceeded",
            "exceeded the maximum number of events",
            "event history size",
            "maximum history",
            "history limit",
            "history size limit",
        ],
    ),
    (
        Topic::OutOfMemory,
        &[
            "outofmemory",
            "out of memory",
            "signal: killed",
            "memoryerror",
            "nomemoryerror",
            "cannot allocate memory",
            "failed to allocate memory",
            "oomkilled",
            "oom killed",
            "outofmemoryerror",
            "std::bad_alloc",
            "exit code 137",
            "exit status 137",
            "memory limit exceeded",
            "exceeded memory",
            "oom-kill",
            "memory usage exceeded",
            "exceeded memory limit",
        ],
    ),
    (
        Topic::Pull,
        &[
            "cannotpullcontainer",
            "cannotpullimage",
            "imagepullbackoff",
            "errimagepull",
            "failed to pull image",
            "pull image manifest",
            "pull access denied",
            "failed to resolve ref",
            "manifest unknown",
        ],
    ),
    (
        Topic::HostLost,
        &[
            "host ec2",
            "spot interruption",
            "spotinterruption",
            "spot instance",
            "spot capacity",
            "instance terminated",
            "host terminated",
            "node was terminated",
            "container instance has been",
            "your spot task was interrupted",
            "nodelost",
        ],
    ),
    (
        Topic::Init,
        &[
            "importmoduleerror",
            "usercodesyntaxerror",
            "handlernotfound",
            "handler not found",
            "invalidentrypoint",
            "invalidworkingdir",
            "extension.initerror",
            "extension.launcherror",
            "extension.crash",
            "unable to import module",
            "cannot find module",
            "error: cannot find package",
            "no module named",
            "modulenotfounderror",
            "err_module_not_found",
            "could not load file or assembly",
            "cannot open shared object file",
            "valid bootstrap",
            "could not find handler",
            "unable to load type",
            "unable to find a handler",
            "undefined symbol:",
            "classnotfoundexception",
            "noclassdeffounderror",
            "initerror",
            "error loading shared librar",
            "exec format error",
        ],
    ),
    (
        Topic::TooLarge,
        &[
            "datalimitexceeded",
            "responsesizetoolarge",
            "payload size exceeded",
            "exceeded the maximum number of bytes service limit",
            "exceeded maximum allowed payload",
            "exceeded max allowed payload",
            "maximum allowed payload size",
            "maximum allowed size",
            "exceeding the maximum number of characters",
            "requestentitytoolarge",
            "request entity too large",
            "payload too large",
            "messagetoolong",
            "message too large",
            "item size has exceeded",
        ],
    ),
    (
        Topic::Throttled,
        &[
            "toomanyrequests",
            "too many requests",
            "throttl",
            "rate exceeded",
            "rate limit",
            "ratelimit",
            "requestlimitexceeded",
            "limitexceededexception",
            "provisionedthroughputexceeded",
            "slowdown",
            "concurrentinvocationlimit",
            "reservedfunctionconcurren",
            "quota exceeded",
            "quotaexceeded",
            "retry-after",
            "status code 429",
            "status 429",
            "http 429",
            "429 client error",
            "429 too",
            "(429)",
            "429:",
            "code 429",
            "code: 429",
            "error 429",
            "answered 429",
            "status=429",
            "status: 429",
            "[429]",
            "too many calls",
            "concurrency limit",
            "exceeded your current quota",
            "resource_exhausted",
        ],
    ),
    (
        Topic::Permission,
        &[
            "accessdenied",
            "access denied",
            "not authorized",
            "unauthorized",
            "states.permissions",
            "permission denied",
            "not have permission",
            "insufficient permission",
            "insufficient privilege",
            "insufficient scope",
            "security token",
            "signaturedoesnotmatch",
            "authorizationerror",
            "authorizationexception",
            "not allowed to perform",
            "status code 403",
            "403 client error",
            "status code 401",
            "invalid api key",
            "permissiondenied",
            "forbidden",
            "expiredtoken",
            "invalidclienttokenid",
            "unrecognizedclient",
            "explicit deny",
            "no identity-based policy",
            "no resource-based policy",
            "notauthorized",
        ],
    ),
    (
        Topic::Pool,
        &[
            "upstream_rq_pending_overflow",
            "pending_overflow",
            "connection_overflow",
            "retry_overflow",
            "{overflow}",
            "reason: overflow",
            "pool exhausted",
            "pool is exhausted",
            "pool timeout",
            "queuepool limit",
            "connection pool",
            "connection is not available",
            "too many connections",
            "too many clients",
            "remaining connection slots",
            "no available connection",
            "could not get a resource from the pool",
            "timeout waiting for connection from pool",
            "circuit breaker",
            "circuitbreaker",
            "circuit is open",
            "brokencircuit",
            "circuit open",
            "pool size",
            "from the pool",
            "no idle connection",
            "poolexhausted",
            "pool is full",
            "rejectedexecution",
            "bulkhead",
        ],
    ),
    (
        Topic::Name,
        &[
            "enotfound",
            "nxdomain",
            "name or service not known",
            "getaddrinfo",
            "gaierror",
            "eai_again",
            "eai_noname",
            "servfail",
            "server misbehaving",
            "name does not resolve",
            "nodename nor servname",
            "host is known",
            "unresolvedaddress",
            "dns resolution",
            "dns lookup",
            "resolving host",
            "lookup failed",
            "no address associated",
            "no addresses",
            "name not resolved",
            "hostnotfound",
            "host not found",
            "name resolution",
            "nameresolutionerror",
            "no such host",
            "unknownhost",
            "could not resolve",
            "cannot resolve",
            "failed to resolve",
            "dns_resolution_failure",
            "dns failure",
            "dns error",
            "route_not_found",
            "no route",
            "host unreachable",
            "ehostunreach",
            "network is unreachable",
            "enetunreach",
        ],
    ),
    (
        Topic::Connection,
        &[
            "econnrefused",
            "actively refused",
            "failed to connect to all addresses",
            "could not connect to",
            "unable to connect",
            "cannot connect to",
            "failed to establish a new connection",
            "error trying to connect",
            "failed to connect",
            "endpointconnectionerror",
            "newconnectionerror",
            "x509",
            "pkix path",
            "handshake failure",
            "connection refused",
            "refused the connection",
            "econnreset",
            "connection reset",
            "connection_failure",
            "connection failure",
            "connect error",
            "connecttimeout",
            "connect timeout",
            "connection timed out",
            "certificate",
            "ssl handshake",
            "tls handshake",
            "upstream connect",
        ],
    ),
    (
        Topic::Heartbeat,
        &["heartbeattimeout", "heartbeat timeout", "missed heartbeat"],
    ),
    (
        Topic::FunctionTimeout,
        &[
            "task timed out after",
            "sandbox.timedout",
            "sandbox.timeout",
            "function timed out",
        ],
    ),
    (
        Topic::Path,
        &[
            "parameterpathfailure",
            "resultpathmatchfailure",
            "queryevaluationerror",
            "could not be found in the input",
            "invalid path",
            "jsonpath",
            "referencepathconflict",
            "unable to apply path",
            "states.runtime",
            "intrinsicfailure",
            "states.nochoicematched",
        ],
    ),
    (
        Topic::Timeout,
        &[
            "states.timeout",
            "timed out",
            "timedout",
            "timeout",
            "deadline exceeded",
            "deadline_exceeded",
            "deadlineexceeded",
            "did not respond within",
            "no response within",
            "operation was canceled due to",
            "canceled due to the configured",
            "time-out",
            "exceeded the time",
            "etimedout",
            "time limit",
            "504 gateway",
            "status code 504",
        ],
    ),
    (
        Topic::Unavailable,
        &[
            "service unavailable",
            "serviceunavailable",
            "internal server error",
            "internalservererror",
            "bad gateway",
            "no healthy upstream",
            "status code 50",
            "http 50",
            "upstream request",
        ],
    ),
    (
        Topic::Data,
        &[
            "keyerror",
            "valueerror",
            "typeerror",
            "jsondecodeerror",
            "validation",
            "validator",
            "invalid",
            "malformed",
            "unparsable",
            "parseexception",
            "parse error",
            "jsonparse",
            "nullpointer",
            "undefined",
            "cannot read propert",
            "nonetype",
            "illegalargument",
            "unexpected token",
            "decodeerror",
            "schema",
            "missing required",
            "numberformat",
            "unmarshal",
            "deserializ",
            "bad request",
        ],
    ),
];

/// The first family that the words belong to. Long messages are read at their beginning and end.
pub(crate) fn topic(words: &str) -> Option<Topic> {
    let lower = shortened(words).to_lowercase();
    MARKS
        .iter()
        .find(|(_, marks)| marks.iter().any(|mark| lower.contains(mark)))
        .map(|(topic, _)| *topic)
}

/// True when the words belong to a family, whatever else they belong to.
pub(crate) fn is(words: &str, wanted: Topic) -> bool {
    let lower = shortened(words).to_lowercase();
    MARKS
        .iter()
        .filter(|(topic, _)| *topic == wanted)
        .any(|(_, marks)| marks.iter().any(|mark| lower.contains(mark)))
}

/// The category of a fault in a dependency that is told by such words.
pub(crate) fn category(topic: Option<Topic>) -> Category {
    match topic {
        Some(Topic::OutOfMemory) => Category::Memory,
        Some(Topic::Init) => Category::BadDeploy,
        Some(Topic::FunctionTimeout | Topic::Timeout) => Category::Latency,
        Some(Topic::Throttled | Topic::Pool | Topic::HistoryLimit) => Category::Capacity,
        Some(Topic::Permission) => Category::Permission,
        Some(Topic::TooLarge) => Category::DataSize,
        Some(Topic::Name | Topic::Connection) => Category::NetworkConfig,
        Some(Topic::Pull | Topic::HostLost) => Category::Infrastructure,
        Some(Topic::Heartbeat) => Category::LostMessage,
        Some(Topic::Path | Topic::Data | Topic::Unavailable) | None => Category::Error,
    }
}

/// The beginning and the end of a long text, at character boundaries.
pub(crate) fn shortened(words: &str) -> String {
    const END: usize = 4_000;
    if words.len() <= 2 * END {
        return words.to_owned();
    }
    let head = floor(words, END);
    let tail = floor(words, words.len() - END);
    format!("{} … {}", &words[..head], &words[tail..])
}

fn floor(words: &str, mut at: usize) -> usize {
    while !words.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One line of at most so many characters, for a sentence.
pub(crate) fn brief(words: &str, most: usize) -> String {
    let line = words
        .split_whitespace()
        .take(60)
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A log message with what varies taken out, so that the same statement gives the same text.
pub(crate) fn template(body: &str) -> String {
    let mut out = String::new();
    for word in body.split_whitespace().take(24) {
        if !out.is_empty() {
            out.push(' ');
        }
        let varies = word.chars().any(|c| c.is_ascii_digit())
            || word.len() > 40
            || word.starts_with(['"', '{', '[']);
        out.push_str(if varies { "<*>" } else { word });
        if out.len() > 160 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_the_family() {
        let check =
            |words: &str, expect: Option<Topic>| assert_eq!(topic(words), expect, "{words}");
        check("Lambda.TooManyRequestsException", Some(Topic::Throttled));
        check(
            "RequestId: x Error: Runtime exited with error: signal: killed",
            Some(Topic::OutOfMemory),
        );
        check(
            "Runtime.ImportModuleError Unable to import module 'app'",
            Some(Topic::Init),
        );
        check(
            "2026 x Task timed out after 3.00 seconds",
            Some(Topic::FunctionTimeout),
        );
        check("States.HeartbeatTimeout", Some(Topic::Heartbeat));
        check("States.DataLimitExceeded", Some(Topic::TooLarge));
        check(
            "User: arn is not authorized to perform: s3:GetObject",
            Some(Topic::Permission),
        );
        check("getaddrinfo ENOTFOUND pay.internal", Some(Topic::Name));
        check(
            "ReadTimeout: read timed out. (read timeout=2)",
            Some(Topic::Timeout),
        );
        check(
            "Host EC2 (instance i-0abc) terminated.",
            Some(Topic::HostLost),
        );
        check(
            "CannotPullContainerError: pull image manifest has been retried",
            Some(Topic::Pull),
        );
        check("OrderRejected", None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(20_000);
        assert!(shortened(&text).len() < 9_000);
        assert_eq!(brief("a  b\nc", 3), "a b…");
        assert_eq!(template("order 4711 took 3 ms"), "order <*> took <*> ms");
    }
}
