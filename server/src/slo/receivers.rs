//! Receivers that objectives ask for and nobody has.

use model::text::nearest;
use notify::Receivers;
use slo::{Finding, Level, Slo};

/// Most names that are listed.
const MOST: usize = 20;

/// Names of receivers in a definition that are not among the known ones; `place` is the file of those.
pub fn unknown(slo: &Slo, known: &Receivers, place: &str) -> Vec<Finding> {
    let is_known = |name: &String| known.named(name).is_some();
    let missing = slo.receivers.iter().filter(|name| !is_known(name));
    let instead = match slo.receivers.iter().any(is_known) {
        true => "it is told nothing",
        false => "the alerts go to the receivers whose own settings fit",
    };
    missing
        .map(|name| Finding {
            level: Level::Warning,
            rule: "unknown-receiver",
            file: slo.source.file.clone(),
            line: slo.source.line,
            slo: Some(slo.name.clone()),
            text: format!(
                "there is no receiver {name} in {place}: {}; until then {instead}",
                hint(name, known)
            ),
        })
        .collect()
}

fn hint(name: &str, known: &Receivers) -> String {
    let names: Vec<&str> = known.list.iter().map(|it| it.name.as_str()).collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}"),
        None if names.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", names[..names.len().min(MOST)].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn unknown_receivers_are_told_with_the_known_ones() {
        let known = "[[receiver]]\nname='ops-chat'\nformat='webhook'\nurl='https://x.example'\n\
                     [[receiver]]\nname='night'\nformat='webhook'\nurl='https://x.example'\n";
        let check = |names: &str, receivers: &str, expect: &[&str]| {
            let text =
                format!("slo: a\ntarget: 99%\nindicator: {{workflow: w}}\nreceivers: [{names}]\n");
            let loaded = slo::read::read(&[("a.yaml".to_owned(), text)]);
            let known = Receivers::parse(receivers, Path::new("/")).expect("parses");
            let found = unknown(&loaded.slos[0], &known, "receivers.toml");
            let found: Vec<&str> = found.iter().map(|it| it.text.as_str()).collect();
            assert_eq!(found, expect);
        };
        check("night, ops-chat", known, &[]);
        check(
            "ops-chta, night",
            known,
            &[
                "there is no receiver ops-chta in receivers.toml: did you mean ops-chat; until then it is told nothing",
            ],
        );
        check(
            "pigeon",
            known,
            &[
                "there is no receiver pigeon in receivers.toml: it has ops-chat, night; until then the alerts go to the \
                 receivers whose own settings fit",
            ],
        );
        check(
            "pigeon",
            "",
            &[
                "there is no receiver pigeon in receivers.toml: it has none; until then the alerts go to the receivers \
                 whose own settings fit",
            ],
        );
    }
}
