//! The shape of the code: which crate may use what, and how long a file may get.

use inquest_tests::checkout;
use std::collections::BTreeSet;
use std::process::Command;

/// Longer than 600 lines, for a reason.
const LONG: [(&str, &str); 1] = [(
    "collectors/src/import/tests.rs",
    "one short case for each kind of file, which are best read side by side",
)];

fn manifest(folder: &str) -> toml::Table {
    checkout::read(format!("{folder}/Cargo.toml"))
        .parse()
        .expect("a manifest is TOML")
}

fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

/// The arrows of docs/architecture.md, and no others.
#[test]
fn crates_depend_on_each_other_as_drawn() {
    let ours = [
        "model",
        "analysis",
        "store",
        "ingest",
        "collectors",
        "query",
        "state",
        "notify",
        "experiments",
        "slo",
    ];
    let check = |folder: &str, expect: &[&str]| {
        let held: BTreeSet<String> = dependencies(folder)
            .into_iter()
            .filter(|name| ours.contains(&name.as_str()))
            .collect();
        let allowed: BTreeSet<String> = expect.iter().map(|name| (*name).to_owned()).collect();
        assert!(
            held.is_subset(&allowed),
            "{folder} uses {held:?}, allowed is {allowed:?}"
        );
    };
    check("model", &[]);
    check("analysis", &["model"]);
    check("store", &["model"]);
    check("ingest", &["model", "store"]);
    check("collectors", &["model", "ingest"]);
    check("query", &["model", "store"]);
    check("state", &[]);
    check("notify", &["model", "state"]);
    check("experiments", &["model"]);
    check("ui", &["model"]);
    check("demo", &[]);
    check("slo", &["model"]);
    check("sim", &["model", "demo"]);
}

#[test]
fn heavy_libraries_stay_where_they_belong() {
    let check = |library: &str, only: &[&str]| {
        let members = [
            "model",
            "analysis",
            "store",
            "ingest",
            "collectors",
            "query",
            "state",
            "notify",
            "experiments",
            "server",
            "ui",
            "demo",
        ];
        for folder in members.iter().filter(|folder| !only.contains(*folder)) {
            let held = dependencies(folder);
            assert!(!held.contains(library), "{folder} must not use {library}");
        }
    };
    check("datafusion", &["query"]);
    check("parquet", &["store", "query"]);
    check("rusqlite", &["state"]);
    check("prost", &["ingest"]);
    check("tonic", &["ingest"]);
    check("leptos", &["ui"]);
    check("anyhow", &["server"]);
    check("clap", &["server"]);
}

#[test]
fn the_browser_holds_no_server_libraries() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--prefix", "none", "--edges", "normal"])
        .args([
            "--package",
            "inquest-ui",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .current_dir(checkout::root())
        .output()
        .expect("cargo tree runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.contains("leptos"));
    for library in ["tokio", "arrow", "datafusion", "parquet", "axum", "tonic"] {
        let held = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(library));
        assert!(!held, "the browser's part pulls in {library}");
    }
}

#[test]
fn files_stay_short() {
    let mut lengths = Vec::new();
    for path in checkout::files("rs").expect("the checkout can be listed") {
        let name = path.to_string_lossy().into_owned();
        let lines = checkout::read(&path).lines().count();
        let excused = LONG
            .iter()
            .any(|(long, reason)| *long == name && !reason.is_empty());
        assert!(
            lines <= 600 || excused,
            "{name} has {lines} lines: split it, or say why not in LONG"
        );
        lengths.push(lines);
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(
        median <= 200,
        "half of the files are longer than {median} lines"
    );
}

#[test]
fn nothing_is_called_a_drawer() {
    for path in checkout::files("rs").expect("the checkout can be listed") {
        for part in path.iter().map(|part| part.to_string_lossy()) {
            let stem = part.trim_end_matches(".rs");
            let drawer = ["common", "utils", "util", "helpers", "helper", "misc"].contains(&stem);
            assert!(!drawer, "{}: say what is in it", path.display());
        }
    }
}

#[test]
fn the_clock_is_in_one_file() {
    for path in checkout::files("rs").expect("the checkout can be listed") {
        let name = path.to_string_lossy();
        let allowed = [
            "server/src/clock.rs",
            "tests/",
            "xtask/",
            "/tests/",
            "/examples/",
            "/benches/",
        ];
        if allowed.iter().any(|part| name.contains(part)) {
            continue;
        }
        let asks = checkout::read(&path).contains(concat!("SystemTime", "::now("));
        assert!(
            !asks,
            "{name} asks for the time: only server/src/clock.rs may"
        );
    }
}
