//! What happened at a hop, in a sentence for a person who has never read Envoy's documentation.

use super::flags::{self, Flag};
use model::HopOutcome;

/// What is known of how a hop ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending<'a> {
    pub(super) flags: &'a str,
    pub(super) details: &'a str,
    /// Why connecting failed, as the transport says it.
    pub(super) transport: &'a str,
    pub(super) cluster: &'a str,
    pub(super) address: &'a str,
    pub(super) status: i64,
    pub(super) grpc_status: Option<i64>,
    /// The span says that it failed.
    pub(super) error: bool,
    pub(super) attempts: i64,
    pub(super) retry: i64,
}

impl Ending<'_> {
    /// How it ended, and the sentence.
    pub(super) fn judge(&self) -> (HopOutcome, String) {
        let mut clauses: Vec<String> = Vec::new();
        let mut outcome: Option<HopOutcome> = None;
        // Retries used up say why it ended; what went wrong in each comes first.
        let mut flags: Vec<Result<&Flag, &str>> = flags::read(self.flags).collect();
        flags.sort_by_key(|flag| flag.as_ref().is_ok_and(|flag| flag.short == "URX"));
        for flag in flags {
            match flag {
                Ok(flag) => {
                    outcome = Some(worse(outcome, self.outcome_of(flag)));
                    clauses.push(self.clause(flag));
                }
                Err(word) => clauses.push(format!("response flag {word}")),
            }
        }
        if clauses.is_empty() || self.flags == "URX" {
            let (own, clause) = self.without_flags();
            outcome = Some(worse(outcome, own));
            clauses.insert(0, clause);
        }
        if let Some(details) = self.telling_details() {
            clauses.push(details);
        }
        if self.attempts > 1 {
            clauses.push(format!("{} tries", self.attempts));
        }
        if self.retry > 0 {
            clauses.push(format!("try number {}", self.retry + 1));
        }
        let outcome = outcome.unwrap_or_default();
        let mut text = clauses.join("; ");
        let flags = flags::short(self.flags);
        if !flags.is_empty() {
            text += &format!(" ({flags})");
        }
        (outcome, text)
    }

    /// A flag says the worst that it can say; what was answered may say less.
    fn outcome_of(&self, flag: &Flag) -> HopOutcome {
        match flag.short {
            "URX" if self.details == "via_upstream" => HopOutcome::UpstreamError,
            _ => flag.outcome,
        }
    }

    fn clause(&self, flag: &Flag) -> String {
        let slow = self
            .details
            .replace(' ', "_")
            .contains("connection_timeout");
        let try_over = self.details.contains("per_try_timeout");
        let mut clause = match flag.short {
            "UF" if slow => format!("connecting to {} took too long", self.target()),
            "UT" if try_over => {
                format!(
                    "{} did not answer within the time limit of a try",
                    self.target()
                )
            }
            _ => flag
                .words
                .replace("{target}", &self.target())
                .replace("{cluster}", &self.cluster()),
        };
        if flag.short == "UF"
            && let Some(why) = self.why_no_connection()
        {
            clause += &format!(": {why}");
        }
        clause
    }

    fn without_flags(&self) -> (HopOutcome, String) {
        let status = self.status;
        match self.details {
            "direct_response" => {
                let outcome = match status {
                    500.. => HopOutcome::Refused,
                    _ => HopOutcome::Ok,
                };
                return (
                    outcome,
                    format!("the proxy itself answered {status}, as configured"),
                );
            }
            "" | "via_upstream" => {}
            _ if status >= 400 => {
                let outcome = match status {
                    500.. => HopOutcome::Failed,
                    _ => HopOutcome::Refused,
                };
                return (outcome, format!("the proxy answered {status}"));
            }
            _ => {}
        }
        let grpc = self.grpc_status.filter(|status| *status > 0);
        match (status, grpc) {
            (500.., _) => (
                HopOutcome::UpstreamError,
                format!("{} itself answered {status}", self.target()),
            ),
            (_, Some(grpc)) => (
                HopOutcome::UpstreamError,
                format!("{} itself answered gRPC status {grpc}", self.target()),
            ),
            (1.., None) => (
                HopOutcome::Ok,
                format!("{} answered {status}", self.target()),
            ),
            (_, None) if self.error => (
                HopOutcome::Failed,
                format!("no answer of {} came", self.target()),
            ),
            (_, None) => (HopOutcome::Ok, format!("passed on to {}", self.target())),
        }
    }

    /// Why no connection was had, from what the transport said or the details hold.
    fn why_no_connection(&self) -> Option<String> {
        let said = match self.transport {
            "" | "-" => self.details.split_once('|')?.1.trim_end_matches('}'),
            said => said,
        };
        let plain = said.replace('_', " ");
        let plain = plain.trim_start_matches("delayed connect error:").trim();
        let errno = [
            ("111", "connection refused"),
            ("110", "connection timed out"),
            ("113", "no route to host"),
            ("104", "connection reset"),
        ];
        let known = errno.iter().find(|(number, _)| *number == plain);
        Some(known.map_or_else(|| plain.to_lowercase(), |(_, words)| (*words).to_owned()))
    }

    /// Details that say more than the flags do.
    fn telling_details(&self) -> Option<String> {
        let known = [
            "",
            "-",
            "via_upstream",
            "direct_response",
            "route_not_found",
            "cluster_not_found",
            "response_timeout",
            "upstream_per_try_timeout",
            "upstream_response_timeout",
            "no_healthy_upstream",
            "downstream_remote_disconnect",
            "fault_filter_abort",
            "local_rate_limited",
            "request_rate_limited",
            "ext_authz_denied",
            "dns_resolution_failure",
            "overflow",
            "connection_timeout",
            "connection_failure",
            "local_connection_failure",
            "remote_connection_failure",
            "connection_termination",
            "protocol_error",
            "remote_reset",
            "local_reset",
            "stream_idle_timeout",
            "duration_timeout",
        ];
        // The tracer writes reasons with blanks, the access log with underscores.
        let details = &*self.details.replace(' ', "_");
        let covered = details.starts_with("upstream_reset_before_response_started{")
            || details.starts_with("upstream_reset_after_response_started{");
        let policy = details
            .strip_prefix("rbac_access_denied_matched_policy[")
            .map(|rest| rest.trim_end_matches(']'));
        if let Some(policy) = policy {
            return Some(format!("the access policy {policy} forbids it"));
        }
        if details.starts_with("upstream_reset_after_response_started{") {
            return Some("the answer had begun".to_owned());
        }
        let plain = || format!("Envoy says {}", details.replace('_', " "));
        (!known.contains(&details) && !covered).then(plain)
    }

    fn cluster(&self) -> String {
        match self.cluster {
            "" | "-" => "the upstream".to_owned(),
            cluster => destination(cluster),
        }
    }

    fn target(&self) -> String {
        match self.address {
            "" | "-" => self.cluster(),
            address => format!("{} at {address}", self.cluster()),
        }
    }
}

/// The worse of two ends.
fn worse(a: Option<HopOutcome>, b: HopOutcome) -> HopOutcome {
    use HopOutcome::{Client, Failed, Injected, Ok, Refused, UpstreamError};
    let rank = |outcome: HopOutcome| match outcome {
        Ok => 0,
        Client => 1,
        Refused => 2,
        UpstreamError => 3,
        Failed => 4,
        // What was done on purpose explains everything else.
        Injected => 5,
    };
    match a {
        Some(a) if rank(a) >= rank(b) => a,
        _ => b,
    }
}

/// The name of a cluster for people: Istio's `outbound|9080||reviews.default.svc.cluster.local` is
/// `reviews.default.svc.cluster.local:9080`, App Mesh's `cds_egress_shop_cart_http_8080` is `cart of mesh shop`.
pub(super) fn destination(cluster: &str) -> String {
    let parts: Vec<&str> = cluster.split('|').collect();
    if let [_, port, subset, host] = parts[..] {
        let host = if host.is_empty() {
            "this workload"
        } else {
            host
        };
        return match subset {
            "" => format!("{host}:{port}"),
            subset => format!("{host}:{port} ({subset})"),
        };
    }
    for prefix in ["cds_egress_", "cds_ingress_"] {
        if let Some(rest) = cluster.strip_prefix(prefix)
            && let Some((mesh, rest)) = rest.split_once('_')
            && let [node, ..] = rest.rsplitn(3, '_').collect::<Vec<_>>()[..]
                .iter()
                .rev()
                .copied()
                .collect::<Vec<_>>()[..]
        {
            return format!("{node} of mesh {mesh}");
        }
    }
    cluster.to_owned()
}
