//! `cargo xtask test`: everything that must hold, from the format to the browser.

use crate::{chromium, run, setup, ui};
use anyhow::{Context, Result, bail};
use std::time::Instant;

/// A part of the tests that can be run alone.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

/// In this order. The browser tests come last, so that their count is the last line.
const STEPS: [Step; 7] = [
    Step {
        name: "format",
        what: "cargo fmt --check",
        run: format,
    },
    Step {
        name: "ui",
        what: "the browser's part builds for WebAssembly",
        run: ui::build,
    },
    Step {
        name: "build",
        what: "the binary builds",
        run: build,
    },
    Step {
        name: "rust",
        what: "unit and integration tests, with real SDKs and DuckDB",
        run: rust,
    },
    Step {
        name: "clippy",
        what: "clippy finds nothing",
        run: clippy,
    },
    Step {
        name: "doc",
        what: "the documentation has no dead links",
        run: doc,
    },
    Step {
        name: "e2e",
        what: "the demo in Chromium",
        run: e2e,
    },
];

/// Runs the steps that are asked for, all of them by default.
pub fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => steps(STEPS.iter().collect()),
        [list] if list == "--list" => {
            STEPS
                .iter()
                .for_each(|step| println!("{:8} {}", step.name, step.what));
            Ok(())
        }
        [only, names] if only == "--only" => steps(chosen(names)?),
        _ => bail!("usage: cargo xtask test [--list | --only STEP,STEP…]"),
    }
}

fn chosen(names: &str) -> Result<Vec<&'static Step>> {
    names
        .split(',')
        .map(|name| {
            STEPS
                .iter()
                .find(|step| step.name == name)
                .with_context(|| {
                    format!("there is no step '{name}'; `cargo xtask test --list` names them")
                })
        })
        .collect()
}

/// Every step runs, even after one failed: a broken format should not hide a broken test.
fn steps(steps: Vec<&Step>) -> Result<()> {
    let mut failed = Vec::new();
    let start = Instant::now();
    for step in steps {
        let after = start.elapsed().as_secs();
        println!("\n━━ {}: {} (after {after} s)", step.name, step.what);
        if let Err(error) = (step.run)() {
            eprintln!("━━ {} failed: {error:#}", step.name);
            failed.push(step.name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn format() -> Result<()> {
    run::cargo(&["fmt", "--all", "--check"])
}

fn build() -> Result<()> {
    run::cargo(&["build", "--package", "inquest"])
}

/// The server's crates, with the very features that `--package inquest` gives, so that nothing is
/// compiled twice; the browser's part and xtask bring other features of the same libraries.
fn server(task: &'static str) -> Vec<&'static str> {
    vec![
        task,
        "--workspace",
        "--exclude",
        "inquest-ui",
        "--exclude",
        "xtask",
    ]
}

/// The crates left out by [`server`].
fn others(task: &'static str) -> Vec<&'static str> {
    vec![task, "--package", "inquest-ui", "--package", "xtask"]
}

fn clippy() -> Result<()> {
    for mut arguments in [server("clippy"), others("clippy")] {
        arguments.extend(["--all-targets", "--", "-D", "warnings"]);
        run::cargo(&arguments)?;
    }
    Ok(())
}

fn doc() -> Result<()> {
    for mut arguments in [server("doc"), others("doc")] {
        arguments.extend(["--no-deps", "--document-private-items"]);
        // The pages are built with private items, so links to them are not dead.
        let flags = "-D warnings -A rustdoc::private_intra_doc_links";
        run::check(run::cargo_command(&arguments).env("RUSTDOCFLAGS", flags))?;
    }
    Ok(())
}

fn rust() -> Result<()> {
    build()?;
    let binary = run::target().join("debug/inquest");
    let why = "the tests let it scrape and route what Inquest says";
    setup::program("prometheus", "prometheus", why)?;
    setup::program("prometheus-alertmanager", "prometheus-alertmanager", why)?;
    let venv = setup::venv(&run::root().join("tests/requirements.txt"))?;
    let modules = setup::node_modules(&run::root().join("tests/e2e"))?;
    for mut arguments in [server("test"), others("test")] {
        arguments.push("--no-fail-fast");
        let mut tests = run::cargo_command(&arguments);
        tests
            .env("INQUEST_BIN", &binary)
            .env("INQUEST_VENV", &venv)
            .env("INQUEST_NODE_MODULES", &modules);
        run::check(&mut tests)?;
    }
    Ok(())
}

fn e2e() -> Result<()> {
    chromium::in_chromium("tests/e2e/run.mjs", &[])
}
