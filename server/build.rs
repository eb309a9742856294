//! Makes sure that there is a `ui/dist` to embed, so that the server builds without the browser part.

use std::{fs, path::Path};

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
<title>Inquest</title>\n<h1>The pages are not built</h1>\n\
<p>This binary was built without them. Run <code>cargo xtask ui</code> and build it again. \
The API and SQL work meanwhile: see <code>/api/v1/schema</code>.</p>\n</html>\n";

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/dist");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(&dist)?;
        fs::write(&index, PLACEHOLDER)?;
    }
    // Hashed names come and go, so the folder itself is watched besides what `include_bytes` names.
    println!("cargo:rerun-if-changed=../ui/dist");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
