//! Families of words that tell more than what an error is about: code that stumbled, a process that ended, what ran out with
//! time, a pass that was turned down.

use super::text::shortened;

/// Words of somebody to whom something is denied: IAM, KMS, databases, and what is behind a token.
pub(super) const DENIED: &[&str] = &[
    "login failed for user",
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
    "not authorised",
    // MySQL (errors 1044, 1142, 1143, 1227), SQL Server (229), IAM's short words.
    "command denied to user",
    "permission was denied on",
    "privilege(s) for this operation",
    // OAuth 2 (RFC 6749, 6750) and who issues its tokens, gRPC, Redis, MongoDB, Elasticsearch, Azure, Google.
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "insufficient_scope",
    "access_denied",
    "invalid_token",
    "aadsts7000",
    "unauthenticated",
    "permission_denied",
    "authentication failed",
    "authenticationfailed",
    "authenticationexception",
    "authentication required",
    "requires authentication",
    "authorizationfailed",
    "invalid credentials",
    "bad credentials",
    "wrongpass",
    "noperm ",
    "invalid_api_key",
    "incorrect api key",
    "api key not valid",
    "api key expired",
];

/// True for words with which somebody turns down what a caller shows him: a token, a signature, a signed address. JOSE
/// libraries, API gateways, S3, OAuth.
pub(crate) fn is_of_pass(words: &str) -> bool {
    const WHAT: [&str; 10] = [
        "jwt",
        "token",
        "signature",
        "bearer",
        "assertion",
        "presigned",
        "credential",
        "session",
        "ticket",
        "request has expired",
    ];
    const HOW: [&str; 19] = [
        "expired",
        "invalid",
        "malformed",
        "audience",
        "issuer",
        "not yet valid",
        "not active",
        "does not match",
        "mismatch",
        "doesnotmatch",
        "verification failed",
        "could not be verified",
        "not valid",
        "unknown kid",
        "no matching key",
        "in the future",
        "issued at",
        "revoked",
        "rejected",
    ];
    let lower = shortened(words).to_lowercase();
    WHAT.iter().any(|it| lower.contains(it)) && HOW.iter().any(|it| lower.contains(it))
}

/// True for words of a process that came to its end against its will, or gave up, as runtimes, kernels, orchestrators and
/// supervisors write them. Not of one that is told to go.
pub(crate) fn is_death(words: &str) -> bool {
    const MARKS: [&str; 27] = [
        "oomkill",
        "oom-kill",
        "oom killed",
        "out of memory",
        "outofmemory",
        "signal: killed",
        "sigkill",
        "killed by signal",
        "signal 9",
        "exit code 137",
        "exited with code 137",
        "exit status 137",
        "exit code 139",
        "exit code 134",
        "sigsegv",
        "sigabrt",
        "segmentation fault",
        "core dumped",
        "panicked at",
        "panic: ",
        "fatal error",
        "crashloopbackoff",
        "back-off restarting",
        "process exited",
        "worker exited",
        "uncorrectable ecc",
        "heap out of memory",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of a machine that is ill itself, as kernels, drivers and file systems write them.
pub(crate) fn of_machine(words: &str) -> bool {
    const MARKS: [&str; 26] = [
        "read-only file system",
        "erofs",
        "i/o error",
        "input/output error",
        "blk_update_request",
        "ext4-fs error",
        "xfs_force_shutdown",
        "journal has aborted",
        "medium error",
        "bad sector",
        "disk failure",
        "uncorrectable",
        "ecc error",
        "memory failure:",
        "machine check",
        "hardware error",
        "hardware failure",
        "kernel panic",
        "soft lockup",
        "hung_task",
        "link is down",
        "carrier lost",
        "temperature above threshold",
        "fallen off the bus",
        "nvrm: xid",
        "stale file handle",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of somebody who waits for what another one holds, as databases, drivers and careful code write them.
pub(crate) fn of_waiting(words: &str) -> bool {
    const MARKS: [&str; 14] = [
        "waiting for lock",
        "waiting for a lock",
        "waiting for the lock",
        "waiting to acquire",
        "still waiting",
        "lock wait",
        "lock request",
        "blocked by",
        "waits for sharelock",
        "waiting for exclusive",
        "waiting for table metadata lock",
        "waiting on lock",
        "wait for lock",
        "no answer yet",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of code that broke off where its authors did not think it would come to, as runtimes write them: Rust,
/// Go, Python, JavaScript, Java, .NET, Ruby, C, C++, PHP, Elixir, Scala, Swift.
pub(crate) fn stumbles(words: &str) -> bool {
    const MARKS: [&str; 56] = [
        "argumentoutofrange",
        "index was out",
        "dividebyzero",
        "divide by zero",
        "division by zero",
        "divided by zero",
        "/ by zero",
        "zerodivisionerror",
        "slice bounds out",
        "range end index",
        "range start index",
        "indexerror",
        "keynotfoundexception",
        "nosuchelementexception",
        "on a `none` value",
        "is not a function",
        "undefined method",
        "sequence contains no",
        "panicked at",
        "panic: ",
        "index out of bounds",
        "index out of range",
        "indexoutofbounds",
        "indexoutofrange",
        "list index out",
        "nil pointer dereference",
        "nullpointerexception",
        "nullreferenceexception",
        "object reference not set",
        "typeerror",
        "attributeerror",
        "keyerror",
        "unboundlocalerror",
        "nameerror",
        "nomethoderror",
        "referenceerror",
        "classcastexception",
        "nosuchmethoderror",
        "invalidcastexception",
        "segmentation fault",
        "sigsegv",
        "stack overflow",
        "values to unpack",
        "cannot be cast to",
        "invalid memory address",
        "entry in nil map",
        "undefined array key",
        "call to a member function",
        "functionclauseerror",
        "matcherror",
        "std::out_of_range",
        "bad_optional_access",
        "unexpectedly found nil",
        "recursionerror",
        "stackoverflowerror",
        "maximum call stack",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of a registry or a runtime about an image, a tag or a repository that does not exist, or a name that is
/// none: containerd, Docker, ECR, Kubernetes, GHCR.
pub(crate) fn no_such_image(words: &str) -> bool {
    const MARKS: [&str; 13] = [
        ": not found",
        "not found: manifest unknown",
        "manifest unknown",
        "manifest_unknown",
        "name unknown",
        "name_unknown",
        "image not found",
        "imagenotfound",
        "repository does not exist",
        "repositorynotfound",
        "does not exist in the registry",
        "no matching manifest",
        "invalid reference format",
    ];
    let lower = shortened(words).to_lowercase();
    let named = lower.contains("invalidimagename") || lower.contains("manifest for ");
    MARKS.iter().any(|mark| lower.contains(mark)) || named && lower.contains("not found")
}

/// True for words of something whose time is over: a licence, a key, an entry of a calendar.
pub(crate) fn ran_out(words: &str) -> bool {
    const MARKS: [&str; 14] = [
        "for the current ",
        "for this week",
        "for this month",
        "for this quarter",
        "for this year",
        "not yet valid",
        "expired",
        "expiry",
        "expiration",
        "past its validity",
        "no longer valid",
        "out of date",
        "has run out",
        "not valid after",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of a reader about data that ends too early or is not what it should be inside, as decompressors, archives,
/// parsers of columns and pictures, and checksums write them.
pub(crate) fn of_damage(words: &str) -> bool {
    const MARKS: [&str; 48] = [
        "unexpected end of",
        "unexpected eof",
        "unexpectedeof",
        "eofexception",
        "eoferror",
        "premature end",
        "premature eof",
        "prematurely",
        "ended before the end-of-stream",
        "truncated",
        "incompleteread",
        "incomplete file",
        "incomplete archive",
        "not in gzip format",
        "not a gzip",
        "not a gzipped file",
        "invalid gzip",
        "bad magic",
        "invalid magic",
        "magic number",
        "badzipfile",
        "bad zip",
        "not a zip file",
        "zip file is empty",
        "central directory",
        "corrupt",
        "checksum mismatch",
        "checksum error",
        "checksum does not match",
        "crc check failed",
        "crc error",
        "crc mismatch",
        "bad crc",
        "digest mismatch",
        "hash mismatch",
        "md5 mismatch",
        "etag mismatch",
        "incorrect data check",
        "incorrect header check",
        "invalid block type",
        "invalid stored block",
        "not a parquet file",
        "invalid parquet",
        "moov atom not found",
        "invalid data found when processing input",
        "cannot identify image",
        "malformed archive",
        "unterminated string",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words of somebody who goes on with something else than what he was to work with: a default, what he kept,
/// nothing. In a line that warns weaker words are enough. Not where the work was done already, or is not needed.
pub(crate) fn falls_back(words: &str, warns: bool) -> bool {
    const MARKS: [&str; 18] = [
        "fallback",
        "falling back",
        "fall back",
        "fell back",
        "using default",
        "use default",
        "defaulting",
        "defaulted",
        "default used",
        "last known",
        "last good",
        "serving stale",
        "using stale",
        "giving up",
        "gave up",
        "gives up",
        "best effort",
        "best-effort",
    ];
    const WEAK: [&str; 21] = [
        "failing over",
        "default",
        "instead of",
        "previous value",
        "cached",
        "from cache",
        "stale",
        "assuming",
        "assume ",
        "substitut",
        "placeholder",
        "estimate",
        "degraded",
        "going on without",
        "continuing without",
        "continue without",
        "proceeding without",
        "proceeding with",
        "continuing with",
        "returning empty",
        "hard-coded",
    ];
    const DONE: [&str; 8] = [
        "already",
        "duplicate",
        "idempoten",
        "up to date",
        "up-to-date",
        "unchanged",
        "not needed",
        "not required",
    ];
    // `no rate for EUR, using 1.0`, `4 rows not found, skipping`
    const LACKS: [&str; 8] = [
        "no ",
        "missing",
        "not found",
        "unavailable",
        "empty",
        "failed",
        "cannot ",
        "could not",
    ];
    const GOES_ON: [&str; 6] = [
        "using ",
        "skip",
        "ignor",
        "returning ",
        "taking ",
        "set to ",
    ];
    let lower = shortened(words).to_lowercase();
    if DONE.iter().any(|mark| lower.contains(mark)) {
        return false;
    }
    let lacking = || {
        let mut places = GOES_ON.iter().flat_map(|it| lower.match_indices(it));
        places.any(|(at, _)| LACKS.iter().any(|it| lower[..at].contains(it)))
    };
    let weak = || warns && (WEAK.iter().any(|mark| lower.contains(mark)) || lacking());
    MARKS.iter().any(|mark| lower.contains(mark)) || weak()
}
