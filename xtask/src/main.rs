//! `cargo xtask …`: what a bare machine needs to build, show and test Inquest.

mod ui;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("ui") => ui::build(),
        other => anyhow::bail!("unknown task {:?}; there is: ui", other.unwrap_or_default()),
    }
}
