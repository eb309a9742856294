//! `inquest sim make`.

use super::Make;
use anyhow::{Context, Result, bail};
use model::text::counted;
use sim::{Order, Truth};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn make(command: &Make) -> Result<ExitCode> {
    let order = Order {
        seed: command.seed,
        tier: command.tier,
        fault: command.kind.fault.clone(),
        family: command.kind.family.into(),
        healthy: command.kind.healthy,
        began_ms: None,
    };
    let Some(mystery) = sim::make(&order) else {
        bail!(
            "seed {} has no such mystery: take another seed, or a fault that `inquest sim faults` lists (tier 0: {})",
            command.seed,
            sim::faults::nothing::KINDS.join(", ")
        );
    };
    write(&command.out, &mystery.files, &mystery.truth)?;
    let truth = &mystery.truth;
    println!(
        "{} in {}",
        counted(mystery.files.len() as u64, "file", "files"),
        command.out.display()
    );
    println!(
        "{}: {} to explain; the answer is in truth.json",
        truth.fault,
        counted(truth.cases.len() as u64, "execution", "executions")
    );
    println!("try: inquest import {}", command.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The answer lies beside the folder's files, where an import leaves it out as something it does not know.
pub(super) fn write(folder: &Path, files: &[sim::emit::File], truth: &Truth) -> Result<()> {
    for (path, bytes) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let path = folder.join("truth.json");
    let text = serde_json::to_string_pretty(truth)?;
    std::fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
