//! `cargo xtask …`: what a bare machine needs to build, show and test Inquest.

mod chromium;
mod demo;
mod run;
mod setup;
mod test;
mod ui;

const HELP: &str = "\
cargo xtask demo [ARGUMENTS]      build everything and run `inquest demo` with these arguments
cargo xtask test [--only STEP,…]  run all tests, or some steps of them (`--list` names them)
cargo xtask screenshots           take the pictures in docs/screenshots/ from a running demo
cargo xtask performance           time the pages, for docs/performance.md
cargo xtask docs                  write docs/tables.md from the tables themselves
cargo xtask ui                    build the browser's part into ui/dist/

Everything missing is installed by the task that needs it, which says so.";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    match arguments.first().map(String::as_str) {
        Some("demo") => demo::run(rest),
        Some("test") => test::run(rest),
        Some("screenshots") => chromium::take(rest),
        Some("performance") => chromium::time(),
        Some("docs") => docs(),
        Some("ui") => ui::build(),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => anyhow::bail!("there is no task '{other}'; there is:\n{HELP}"),
    }
}

/// The test that compares the page writes it when it is told to.
fn docs() -> anyhow::Result<()> {
    let mut test = run::cargo_command(&["test", "--package", "inquest-tests", "--test", "docs"]);
    run::check(test.arg("the_tables_page").env("INQUEST_WRITE_DOCS", "1"))
}
