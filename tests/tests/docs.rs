//! The documentation says what is so.

use inquest_tests::{checkout, tables_page};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

#[test]
fn the_tables_page_is_what_the_tables_say() {
    let path = checkout::root().join("docs/tables.md");
    let page = tables_page::page();
    if std::env::var_os("INQUEST_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/tables.md can be written");
    }
    let held = checkout::read("docs/tables.md");
    assert!(
        held == page,
        "docs/tables.md is out of date: run `cargo xtask docs`"
    );
}

#[test]
fn every_route_is_documented_and_every_documented_route_is_there() {
    let routes = routes(&checkout::read("server/src/api/mod.rs"));
    assert!(routes.len() > 50, "{routes:?}");
    let page = checkout::read("docs/api.md");
    let page = page.split("## OTLP").next().unwrap_or_default();
    let documented: BTreeSet<String> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|it| {
            METHODS
                .iter()
                .any(|method| it.starts_with(&method.to_uppercase()))
        })
        .map(|it| without_names(it.split('?').next().unwrap_or_default()))
        .collect();
    let missing: Vec<&String> = routes.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
    let gone: Vec<&String> = documented.difference(&routes).collect();
    assert!(
        gone.is_empty(),
        "docs/api.md names what is not there: {gone:?}"
    );
}

/// Methods as the router spells them.
const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// Every route of the router's source, as `GET /path/{}`.
fn routes(source: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for part in source.split(".route(").skip(1) {
        let mut depth = 1;
        let end = part.find(|letter| {
            depth += match letter {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        let route = &part[..end.expect("the route ends")];
        let path = without_names(route.split('"').nth(1).expect("a path"));
        let words = route.split(|letter: char| !letter.is_alphanumeric() && letter != '(');
        let words: Vec<&str> = words.flat_map(|it| it.split_inclusive('(')).collect();
        for method in METHODS {
            if words.iter().any(|it| it.strip_suffix('(') == Some(method)) {
                all.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    all
}

/// `/a/{}/b` for `/a/{name}/b`.
fn without_names(path: &str) -> String {
    let mut parts = path.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "{}";
        text += part.split_once('}').map_or("", |(_, rest)| rest);
    }
    text
}

#[test]
fn the_two_commands_stand_in_the_readme() {
    let readme = checkout::read("README.md");
    for command in ["cargo xtask demo", "cargo xtask test"] {
        assert!(
            readme.contains(command),
            "README.md does not name `{command}`"
        );
    }
}

#[test]
fn every_decision_is_in_the_index() {
    let index = checkout::read("docs/decisions/README.md");
    let folder = Path::new("docs/decisions");
    let decisions: Vec<PathBuf> = checkout::files("md")
        .expect("the checkout can be listed")
        .into_iter()
        .filter(|path| path.starts_with(folder) && !path.ends_with("README.md"))
        .collect();
    assert!(!decisions.is_empty());
    for decision in decisions {
        let name = decision.file_name().unwrap_or_default().to_string_lossy();
        assert!(
            index.contains(&format!("({name})")),
            "{name} is not in the index"
        );
        let number = name.get(..4).and_then(|digits| digits.parse::<u32>().ok());
        assert!(number.is_some(), "{name} does not begin with a number");
    }
}

#[test]
fn no_link_is_dead() {
    let mut links = 0;
    for page in checkout::files("md").expect("the checkout can be listed") {
        let folder = page.parent().unwrap_or(Path::new("")).to_owned();
        for target in targets(&checkout::read(&page)) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let path = checkout::root().join(&folder).join(file);
            assert!(path.exists(), "{}: {target} does not exist", page.display());
        }
    }
    assert!(links > 10, "only {links} links were looked at");
}

/// The targets of `[…](target)`, outside of code.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, tail)) = after.split_once(')') else {
                break;
            };
            targets.push(target.to_owned());
            rest = tail;
        }
    }
    targets
}
