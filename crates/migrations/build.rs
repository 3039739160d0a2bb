//! Puts the migrations of `companion/migrations` into the library.

use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../companion/migrations");
    let mut code = String::new();
    for (constant, name) in [("WORKSPACE", "workspace"), ("TP_CAPITAL", "tp-capital")] {
        let folder = folder.join(name);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
        files.sort();
        code += &format!("pub(super) const {constant}: &[(&str, &str)] = &[\n");
        for file in files {
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            code +=
                &format!("    ({name:?}, include_str!({:?})),\n", file.canonicalize()?.display().to_string());
        }
        code += "];\n";
    }
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("built_in.rs"), code)?;
    Ok(())
}
