//! `cargo xtask demo`: from a bare checkout to a running demo.

use crate::{run, ui};
use anyhow::Result;
use std::path::PathBuf;

/// Builds the browser's part and the server, and runs `inquest demo`.
pub fn run(arguments: &[String]) -> Result<()> {
    let binary = build()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut demo = run::command(&binary.to_string_lossy(), &["demo"]);
    run::check(demo.args(arguments))
}

/// Builds the binary with the browser's part in it.
pub fn build() -> Result<PathBuf> {
    println!(
        "building the browser's part and the server into {}\n\
         (the first time this takes a quarter of an hour on two cores, mostly DataFusion)",
        run::target().display()
    );
    ui::build()?;
    run::cargo(&["build", "--package", "inquest"])?;
    Ok(run::target().join("debug/inquest"))
}
