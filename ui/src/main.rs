//! Entry of the WebAssembly module.
fn main() {
    inquest_ui::run();
}
