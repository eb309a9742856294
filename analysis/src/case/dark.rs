//! Failures of which what is held does not tell the cause: a case that stays cold, and the one piece of evidence that would
//! decide it.

use super::{
    clue::Clue,
    clues,
    failures::{self, Failure},
    lacks,
    scene::Scene,
    text,
};
use model::Category;

/// What weighs less is said of whoever failed last, because nothing else is known.
const NOBODY_ELSE: f64 = 0.7;

/// Why a case stays cold.
pub(super) struct Dark {
    /// What can be said.
    pub mechanism: String,
    /// What would decide.
    pub missing: Vec<String>,
    /// What the missing evidence is about, if others may name it, too.
    pub about: Option<String>,
}

/// Why nobody can be named for a failure, if that is so. Where nothing but histories is ever collected, the names in them are
/// all that there will be, and they are told.
pub(super) fn of(scene: &Scene, fatal: &Failure, clues: &[Clue]) -> Option<Dark> {
    let case = scene.case;
    let known = scene.healthy.iter();
    let known = known
        .into_iter()
        .any(|it| !it.templates.is_empty() || !it.charges.is_empty());
    let watched =
        known || !case.invocations.is_empty() || !case.spans.is_empty() || !case.logs.is_empty();
    let nobody = watched && clues.iter().all(|it| it.weight <= NOBODY_ELSE);
    if let Some((child, silent)) = clues::untold(scene, fatal).filter(|it| it.1 || nobody) {
        return Some(Dark {
            mechanism: match silent {
                true => format!(
                    "the execution that {} started failed, and nothing that is held tells of what",
                    fatal.state()
                ),
                false => format!(
                    "the execution that {} started failed, and all that is held of it is \"{}\"",
                    fatal.state(),
                    text::brief(&failures::message(&fatal.cause), 120)
                ),
            },
            missing: vec![format!("the history of the child execution {child}")],
            about: Some(child),
        });
    }
    if let Some(name) = lacks::everything(scene, fatal, clues) {
        return Some(Dark {
            mechanism: format!("{name} failed, and nothing that is held tells of what"),
            missing: vec![format!(
                "the log of {name} for this invocation, or its spans"
            )],
            about: None,
        });
    }
    if let Some(name) = clues::unheard(scene, fatal, clues).filter(|_| watched) {
        return Some(Dark {
            mechanism: format!(
                "nobody sent back the token of {}, and of whoever takes what {name} brings nothing is held",
                fatal.state()
            ),
            missing: vec![format!("the log of the worker behind {name}")],
            about: None,
        });
    }
    let name = lacks::wordless(scene, fatal, clues).filter(|_| watched)?;
    Some(Dark {
        mechanism: format!(
            "the worker behind {name} answered {} with a failure without a word, and nothing that is held tells of what",
            fatal.state()
        ),
        missing: vec![format!("the log of the worker behind {name}")],
        about: None,
    })
}

/// Why it cannot be told what a function did in its time: healthy runs have its log, this one has none, nor a span. It may
/// have started cold, waited for somebody or worked.
pub(super) fn of_time(scene: &Scene, lead: &Clue) -> Option<Dark> {
    const ENOUGH: usize = 3;
    let name = &lead.suspect.name;
    let told = lead.exhibits.iter().any(|it| it.source != "event");
    let wrote = scene.case.logs.iter().any(|it| it.service_name == *name)
        || scene.case.spans.iter().any(|it| it.service_name == *name);
    let ran = scene.case.invocations.iter();
    let ran = ran.into_iter().any(|it| it.function_name == *name);
    let logged = scene.healthy.iter().filter(|it| {
        let ran = it.functions.get(name);
        ran.is_some_and(|it| it.size_mb > 0)
    });
    let logged = logged.count();
    let usual = logged >= ENOUGH && logged * 10 >= scene.healthy.len() * 9;
    let dark = lead.category == Category::Latency
        && lead.suspect.kind == "function"
        && !told
        && !wrote
        && !ran
        && usual;
    dark.then(|| Dark {
        mechanism: format!("{}; what it did meanwhile is not held", lead.mechanism),
        missing: vec![format!("the log of {name} for this invocation")],
        about: None,
    })
}

/// True for words of a failure that tell of no cause, whatever the kind of failure: those that send the reader somewhere
/// else, and those that frameworks write where they know nothing.
pub(super) fn says_nothing(words: &str) -> bool {
    const ELSEWHERE: [&str; 7] = [
        "see ",
        "refer to",
        "consult ",
        "check ",
        "look at",
        "details in",
        "more in",
    ];
    const PLACES: [&str; 8] = [
        "log",
        "cloudwatch",
        "detail",
        "console",
        "history",
        "output above",
        "dashboard",
        "trace",
    ];
    const EMPTY: [&str; 16] = [
        "step failed",
        "steps failed",
        "tasks failed",
        "one or more errors occurred",
        "without providing a reason",
        "something went wrong",
        "unknown error",
        "unexpected error",
        "unspecified error",
        "internal error",
        "an error occurred",
        "an error has occurred",
        "execution failed",
        "workflow failed",
        "task failed",
        "job failed",
    ];
    const MOST_WORDS: usize = 14;
    let lower = words.to_lowercase();
    let count = lower.split_whitespace().count();
    let elsewhere =
        ELSEWHERE.iter().any(|it| lower.contains(it)) && PLACES.iter().any(|it| lower.contains(it));
    let empty = EMPTY.iter().any(|it| lower.contains(it));
    count <= MOST_WORDS && (elsewhere || empty)
}

#[cfg(test)]
mod tests {
    use super::says_nothing;

    #[test]
    fn words_that_tell_something_are_not_nothing() {
        for words in [
            "see backend log",
            "One or more errors occurred.",
            "Runtime exited without providing a reason",
            "Job failed, check the logs for details",
        ] {
            assert!(says_nothing(words), "{words}");
        }
        for words in [
            "",
            "connection to ledger refused",
            "order 4711 has no lines",
            "TypeError: see of undefined",
        ] {
            assert!(!says_nothing(words), "{words}");
        }
    }
}
