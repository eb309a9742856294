//! Joins by Lambda's request id: the only key that identifies.

use super::Match;
use model::{Attempt, Invocation, JoinMethod};
use std::collections::HashMap;

/// Every invocation whose request id an attempt carries. An asynchronous request that Lambda ran again
/// has several invocations, and all of them are its own.
pub(super) fn by_request_id(attempts: &[Attempt], invocations: &[Invocation]) -> Vec<Match> {
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, invocation) in invocations.iter().enumerate() {
        by_id.entry(&invocation.request_id).or_default().push(n);
    }
    let mut claims: HashMap<&str, u32> = HashMap::new();
    attempts
        .iter()
        .filter_map(id)
        .for_each(|id| *claims.entry(id).or_default() += 1);
    let mut matches = Vec::new();
    for (attempt, id) in attempts
        .iter()
        .enumerate()
        .filter_map(|(n, attempt)| Some((n, id(attempt)?)))
    {
        for invocation in by_id.get(id).into_iter().flatten() {
            let candidates = claims[id];
            let in_cause = attempts[attempt].request_id_in_cause;
            matches.push(Match {
                attempt,
                invocation: *invocation,
                method: if in_cause {
                    JoinMethod::RequestIdInCause
                } else {
                    JoinMethod::RequestId
                },
                confidence: 1.0 / f64::from(candidates),
                candidates,
                evidence: format!("request id {id}"),
            });
        }
    }
    matches
}

fn id(attempt: &Attempt) -> Option<&str> {
    attempt.request_id.as_deref().filter(|id| !id.is_empty())
}
