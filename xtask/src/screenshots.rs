//! `cargo xtask screenshots`: the pictures in the documentation, from the demo as it is.

use crate::{demo, run, setup};
use anyhow::Result;

/// Takes them all.
pub fn take(names: &[String]) -> Result<()> {
    let binary = demo::build()?;
    let modules = setup::node_modules(&run::root().join("tests/e2e"))?;
    let chromium = setup::chromium()?;
    let mut node = run::command("node", &["tests/e2e/screenshots.mjs"]);
    node.args(names)
        .env("INQUEST_BIN", binary)
        .env("INQUEST_NODE_MODULES", modules)
        .env("INQUEST_CHROMIUM", chromium);
    run::check(&mut node)
}
