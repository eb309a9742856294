//! `cargo xtask ui`: Rust → WebAssembly → `ui/dist/`, with hashed names and compressed beside.
//!
//! Nothing is downloaded but what cargo (and, where rustup has no WebAssembly target, apt) needs.

use anyhow::{Context, Result, anyhow, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler with the sources of its standard library, and the linker for WebAssembly.
const PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-llvm", "lld-22"];
/// Where the module expects the scripts of dependencies.
const SNIPPETS: &str = "snippets/";
/// What the result depends on.
const INPUTS: [&str; 9] = [
    "ui/src",
    "ui/assets",
    "ui/vendor/codemirror.js",
    "ui/Cargo.toml",
    "model/src",
    "model/Cargo.toml",
    "Cargo.toml",
    "Cargo.lock",
    "xtask/src/ui.rs",
];

/// Builds the browser's part unless it is built already.
pub fn build() -> Result<()> {
    let root = &crate::run::root();
    let dist = root.join("ui/dist");
    let stamp = dist.join(".stamp");
    let inputs = fingerprint(root)?;
    if fs::read_to_string(&stamp).is_ok_and(|old| old == inputs) {
        println!("ui: up to date in {}", dist.display());
        return Ok(());
    }
    let wasm = compile(root)?;
    let assets = bind(&wasm, &dist.with_extension("parts"))?;
    let report = write(root, &dist, assets)?;
    fs::write(&stamp, inputs)?;
    println!("{report}");
    Ok(())
}

/// Names and contents of all inputs as one hash.
fn fingerprint(root: &Path) -> Result<String> {
    let mut files = BTreeSet::new();
    for input in INPUTS {
        list(&root.join(input), &mut files)?;
    }
    let mut all = Vec::new();
    for file in files {
        all.extend_from_slice(file.to_string_lossy().as_bytes());
        all.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(short_hash(&all))
}

fn list(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.insert(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        list(&entry?.path(), files)?;
    }
    Ok(())
}

/// 64 bits of FNV-1a: enough to tell builds apart, and no dependency.
fn short_hash(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{hash:016x}")
}

/// Which compiler can make WebAssembly here.
enum Compiler {
    /// The active toolchain has the target.
    Active,
    /// Debian's compiler, which builds the standard library from its sources.
    Debian,
}

fn compiler() -> Result<Compiler> {
    if has_target("rustc") {
        return Ok(Compiler::Active);
    }
    if !debian_ready() {
        install()?;
    }
    ensure!(
        debian_ready(),
        "no compiler for {TARGET}: run `rustup target add {TARGET}` or install {}",
        PACKAGES.join(" ")
    );
    Ok(Compiler::Debian)
}

fn has_target(rustc: &str) -> bool {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    asked.is_ok_and(|out| {
        out.status.success() && Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir()
    })
}

fn debian_ready() -> bool {
    let sysroot = Command::new("/usr/bin/rustc")
        .args(["--print", "sysroot"])
        .output();
    let Ok(out) = sysroot else { return false };
    let sysroot = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    sources.exists() && Path::new("/usr/bin/lld-22").exists()
}

fn install() -> Result<()> {
    println!(
        "ui: this toolchain has no {TARGET}; installing with apt-get: {}",
        PACKAGES.join(" ")
    );
    apt(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(PACKAGES);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let root = Command::new("id").arg("-u").output();
    let root = root.is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.args(["-n", "apt-get"]);
    }
    command.args(["-q"]).args(arguments);
    run(command.env("DEBIAN_FRONTEND", "noninteractive")).with_context(|| {
        format!("or do it by hand: `rustup target add {TARGET}`, then `cargo xtask ui` again")
    })
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(std::process::Stdio::null())
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Compiles `ui` in a target folder of its own, so that features never mix with the server's.
fn compile(root: &Path) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
        .join("web");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root).env("CARGO_TARGET_DIR", &target);
    // Views of one type instead of a type per view: smaller, and compiled sooner.
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env("RUSTFLAGS", "--cfg erase_components");
    cargo.args([
        "rustc",
        "--locked",
        "-p",
        "inquest-ui",
        "--bin",
        "inquest-ui",
    ]);
    cargo.args(["--target", TARGET, "--profile", "wasm-release"]);
    if matches!(compiler()?, Compiler::Debian) {
        cargo
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1");
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    // Stripping would drop the section that names the WebAssembly features in use.
    // The relocations tell the splitter what needs what.
    cargo.args(["--", "-Cstrip=none", "-Clink-args=--emit-relocs"]);
    run(&mut cargo)?;
    Ok(target.join(TARGET).join("wasm-release/inquest-ui.wasm"))
}

/// Splits the module and makes the JavaScript around its first part. The other parts share the first
/// one's memory and functions, so that a page opened later brings only what it needs itself.
fn bind(wasm: &Path, parts: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let _ = fs::remove_dir_all(parts);
    let whole = fs::read(wasm)?;
    let first = parts.join("first.wasm");
    let mut options = wasm_split_cli_support::Options::new(&whole);
    options.output_dir = parts;
    options.main_out_path = &first;
    options.link_name = "./parts.js";
    options.main_module = "./inquest.js";
    let split = wasm_split_cli_support::transform(options)
        .map_err(|error| anyhow!("cannot split {}: {error:#}", wasm.display()))?;
    let mut output = wasm_bindgen_cli_support::Bindgen::new()
        .input_path(&first)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .keep_lld_exports(true)
        .generate_output()?;
    let mut assets = BTreeMap::from([("inquest.js".to_owned(), squeeze(output.js()).into_bytes())]);
    let link = fs::read_to_string(parts.join("parts.js"))?;
    assets.insert("parts.js".to_owned(), squeeze(&link).into_bytes());
    for path in split.split_modules {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assets.insert(name.into_owned(), without_names(&fs::read(&path)?)?);
    }
    // Scripts of dependencies: their folders carry a hash already.
    for (folder, scripts) in output.snippets() {
        for (at, script) in scripts.iter().enumerate() {
            let name = format!("{SNIPPETS}{folder}/inline{at}.js");
            assets.insert(name, script.as_bytes().to_vec());
        }
    }
    for (path, script) in output.local_modules() {
        assets.insert(format!("{SNIPPETS}{path}"), script.as_bytes().to_vec());
    }
    let module = output.wasm_mut();
    drop_streams(module);
    assets.insert("inquest.wasm".to_owned(), module.emit_wasm());
    fs::remove_dir_all(parts)?;
    Ok(assets)
}

/// A later part without the names of its functions.
fn without_names(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = walrus::ModuleConfig::new()
        .generate_name_section(false)
        .generate_producers_section(false)
        .parse(wasm)?;
    Ok(module.emit_wasm())
}

/// Leptos always brings `wasm-streams`, whose exported classes keep code alive that these pages never
/// reach: only Rust makes such objects. Without the exports it can go.
fn drop_streams(module: &mut walrus::Module) {
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| export.name.contains("intounderlying"))
        .map(|export| export.id())
        .collect();
    unused.into_iter().for_each(|id| module.exports.delete(id));
    walrus::passes::gc::run(module);
}

/// Writes everything under hashed names, with the names put where `{…}` stands.
fn write(root: &Path, dist: &Path, mut assets: BTreeMap<String, Vec<u8>>) -> Result<String> {
    for name in ["favicon.svg", "style.css"] {
        let text = fs::read_to_string(root.join("ui/assets").join(name))?;
        assets.insert(name.into(), squeeze(&text).into_bytes());
    }
    let editor = fs::read(root.join("ui/vendor/codemirror.js"))?;
    assets.insert("codemirror.js".into(), editor);
    let mut names = names(&assets);
    link(&mut assets, &names)?;
    let boot = fill(fs::read_to_string(root.join("ui/assets/boot.js"))?, &names);
    names.insert("boot.js".into(), hashed("boot.js", boot.as_bytes()));
    assets.insert("boot.js".into(), boot.into_bytes());
    let index = fill(
        fs::read_to_string(root.join("ui/assets/index.html"))?,
        &names,
    );

    let fresh = dist.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    let mut first_load = compress(&fresh.join("index.html"), index.as_bytes())?;
    let mut later = Vec::new();
    for (name, bytes) in &assets {
        let size = compress(&fresh.join(names[name].trim_start_matches('/')), bytes)?;
        match name == "codemirror.js" || is_later(name) {
            true => later.push(format!("{name} {} kB", size.div_ceil(1_000))),
            false => first_load += size,
        }
    }
    let _ = fs::remove_dir_all(dist);
    fs::rename(&fresh, dist)?;
    Ok(format!(
        "ui: {} files in {}, first load {} kB compressed; later {}",
        assets.len() + 1,
        dist.display(),
        first_load.div_ceil(1_000),
        later.join(", ")
    ))
}

/// A part of the module that is fetched when a page of it is opened.
fn is_later(name: &str) -> bool {
    name.ends_with(".wasm") && name != "inquest.wasm"
}

/// What each file is called. The module and its parts only fit each other and name each other, so they
/// all carry the hash of all of them.
fn names(assets: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let together =
        |name: &str| name.ends_with(".wasm") || ["inquest.js", "parts.js"].contains(&name);
    let module: Vec<u8> = assets
        .iter()
        .filter(|(name, _)| together(name))
        .flat_map(|(_, bytes)| bytes.iter().copied())
        .collect();
    assets
        .iter()
        .map(|(name, bytes)| {
            (
                name.clone(),
                hashed(name, if together(name) { &module } else { bytes }),
            )
        })
        .collect()
}

/// Writes the names into the scripts that ask for each other and for the parts.
fn link(assets: &mut BTreeMap<String, Vec<u8>>, names: &BTreeMap<String, String>) -> Result<()> {
    for script in ["inquest.js", "parts.js"] {
        let mut text = String::from_utf8(assets[script].clone())?;
        for (name, path) in names {
            for before in ["from ", "new URL("] {
                text = text.replace(
                    &format!("{before}\"./{name}\""),
                    &format!("{before}\"{path}\""),
                );
            }
        }
        assets.insert(script.to_owned(), text.into_bytes());
    }
    Ok(())
}

/// Leaves out indentation and the lines that are comments as a whole: generated scripts are half
/// documentation.
fn squeeze(text: &str) -> String {
    let comment = |line: &&str| {
        let ends = line.starts_with("/*") && (line.ends_with("*/") || line.starts_with("/**"));
        line.is_empty()
            || ends
            || line.starts_with("//")
            || line.starts_with("* ")
            || *line == "*/"
            || *line == "*"
    };
    let lines = text.lines().map(str::trim).filter(|line| !comment(line));
    lines.fold(String::new(), |out, line| out + line + "\n")
}

fn hashed(name: &str, bytes: &[u8]) -> String {
    if name.starts_with(SNIPPETS) {
        return format!("/assets/{name}");
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("/assets/{stem}-{}.{extension}", short_hash(bytes))
}

fn fill(mut text: String, names: &BTreeMap<String, String>) -> String {
    for (name, path) in names {
        text = text.replace(&format!("{{{name}}}"), path);
    }
    text
}

/// Writes a file and, beside it, its Brotli form; answers the size of the latter in bytes.
fn compress(path: &Path, bytes: &[u8]) -> Result<usize> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut small = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut small, &parameters)?;
    fs::write(path, bytes)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".br");
    fs::write(beside, &small)?;
    Ok(small.len())
}
