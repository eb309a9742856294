//! `cargo xtask screenshots` and `cargo xtask performance`: the demo in Chromium, looked at and timed.

use crate::{demo, run, setup};
use anyhow::Result;

/// Takes the pictures in docs/screenshots/, all or those that are named.
pub fn take(names: &[String]) -> Result<()> {
    in_chromium("tests/e2e/screenshots.mjs", names)
}

/// Times the pages and prints rows for docs/performance.md.
pub fn time() -> Result<()> {
    in_chromium("tests/e2e/performance.mjs", &[])
}

/// Runs a script of the browser tests with everything that it needs.
pub fn in_chromium(script: &str, arguments: &[String]) -> Result<()> {
    let binary = demo::build()?;
    let modules = setup::node_modules(&run::root().join("tests/e2e"))?;
    let chromium = setup::chromium()?;
    let mut node = run::command("node", &[script]);
    node.args(arguments)
        .env("INQUEST_BIN", binary)
        .env("INQUEST_NODE_MODULES", modules)
        .env("INQUEST_CHROMIUM", chromium);
    run::check(&mut node)
}
