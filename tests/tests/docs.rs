//! The documentation says what is so.

use inquest_tests::{checkout, tables_page};
use std::path::{Path, PathBuf};

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
