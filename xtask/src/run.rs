//! Running other programs: told beforehand, without input, and with an error that names the command.

use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The workspace. Cargo says where it is when it runs us: a target folder may serve several checkouts,
/// so that the path at compile time can be that of another.
pub fn root() -> PathBuf {
    let told = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
        .parent()
        .expect("xtask lies in the workspace")
        .to_owned()
}

/// Where cargo builds; what the tests install lies there as well, so that the checkout stays clean.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(folder).expect("the folder's name is not empty"),
        None => root().join("target"),
    }
}

/// A command in the workspace, without input.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// `cargo` as it runs us.
pub fn cargo_command(arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = command(&cargo, arguments);
    command.env("CARGO_TARGET_DIR", target());
    // What cargo says about xtask when it runs it would be taken for a change by build scripts that look at it
    // (ring's does, and with it everything down to DataFusion is compiled again).
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs cargo to its good end.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    check(&mut cargo_command(arguments))
}

/// Runs a command to its good end.
pub fn check(command: &mut Command) -> Result<()> {
    let text = words(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{text}`"))?;
    ensure!(status.success(), "`{text}` failed ({status})");
    Ok(())
}

/// True when the command can be started and ends well; what it prints is dropped.
pub fn works(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
