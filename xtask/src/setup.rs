//! What a bare machine lacks: installed when needed, never twice, and always announced.

use crate::run;
use anyhow::{Context, Result, ensure};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// Makes sure that a program exists, from a Debian package if need be.
pub fn program(program: &str, package: &str, why: &str) -> Result<()> {
    if run::works(program, &["--version"]) {
        return Ok(());
    }
    apt(&[package], why)?;
    ensure!(
        run::works(program, &["--version"]),
        "{package} is installed, but `{program} --version` does not work"
    );
    Ok(())
}

/// Installs Debian packages.
fn apt(packages: &[&str], why: &str) -> Result<()> {
    println!("setup: installing {} with apt: {why}", packages.join(" "));
    let root = run::works("sh", &["-c", "test \"$(id -u)\" = 0"]);
    let mut words = if root { vec![] } else { vec!["sudo", "-n"] };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
    let mut update = words.clone();
    update.push("update");
    let mut install = words;
    install.extend(["install", "-y", "--no-install-recommends"]);
    install.extend(packages);
    let advice = || format!("install {} by hand, then try again", packages.join(" "));
    run::check(&mut run::command(update[0], &update[1..])).with_context(advice)?;
    run::check(&mut run::command(install[0], &install[1..])).with_context(advice)
}

/// Chromium, for the browser tests.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("INQUEST_CHROMIUM") {
        return Ok(path.into());
    }
    for name in [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ] {
        if Path::new(name).exists() {
            return Ok(name.into());
        }
    }
    apt(
        &["chromium", "fonts-dejavu-core"],
        "the browser tests drive it",
    )?;
    Ok("/usr/bin/chromium".into())
}

/// A virtual environment with the Python packages of a requirements file; returns its folder.
pub fn venv(requirements: &Path) -> Result<PathBuf> {
    let venv = run::target().join("inquest-venv");
    let wanted = fingerprint(&[requirements])?;
    if is_stamped(&venv, &wanted) {
        return Ok(venv);
    }
    println!(
        "setup: installing the Python packages of {} into {}",
        requirements.display(),
        venv.display()
    );
    let folder = venv.to_string_lossy();
    if !run::works("python3", &["-c", "import venv, ensurepip"]) {
        apt(
            &["python3-venv"],
            "the SDK tests need a virtual environment",
        )?;
    }
    run::check(&mut run::command("python3", &["-m", "venv", &folder]))?;
    let pip = venv.join("bin/pip");
    let list = requirements.to_string_lossy();
    let arguments = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        &list,
    ];
    run::check(&mut run::command(&pip.to_string_lossy(), &arguments))?;
    stamp(&venv, &wanted)?;
    Ok(venv)
}

/// Installs what the package-lock.json of a folder names; returns its node_modules.
pub fn node_modules(folder: &Path) -> Result<PathBuf> {
    program("npm", "npm", "the browser and SDK tests run on Node")?;
    let modules = folder.join("node_modules");
    let wanted = fingerprint(&[&folder.join("package-lock.json")])?;
    if !is_stamped(&modules, &wanted) {
        println!(
            "setup: installing the packages of {}",
            folder.join("package-lock.json").display()
        );
        let mut npm = run::command(
            "npm",
            &["ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        );
        run::check(npm.current_dir(folder))?;
        stamp(&modules, &wanted)?;
    }
    Ok(modules)
}

fn fingerprint(files: &[&Path]) -> Result<String> {
    let mut hash = DefaultHasher::new();
    for file in files {
        std::fs::read(file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hash);
    }
    Ok(format!("{:016x}", hash.finish()))
}

fn is_stamped(folder: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(folder.join(".inquest-stamp")).is_ok_and(|held| held == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result<()> {
    let file = folder.join(".inquest-stamp");
    std::fs::write(&file, wanted).with_context(|| format!("cannot write {}", file.display()))
}
