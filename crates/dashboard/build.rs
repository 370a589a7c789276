//! Writes the table of the files below `web/dist` that the library includes. Needs no Node: where
//! nothing was built, the table is empty.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Endings of the compressed siblings that the build of `web/` writes.
const COMPRESSED: [&str; 2] = ["br", "gz"];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_EMBED").is_some() {
        let web = variable("CARGO_MANIFEST_DIR").join("../../web");
        let dist = web.join("dist");
        if dist.join("index.html").is_file() {
            println!("cargo:rerun-if-changed={}", dist.display());
            collect(&fs::canonicalize(dist)?, &mut files)?;
        } else {
            // Cargo takes a path that is not there for changed each time; its directory is.
            if web.is_dir() {
                println!("cargo:rerun-if-changed={}", web.display());
            }
            println!(
                "cargo:warning=web/dist/index.html is not there: this binary has no dashboard; `make build` builds it"
            );
        }
    }
    files.sort();
    fs::write(variable("OUT_DIR").join("files.rs"), table(&files))
}

fn variable(name: &str) -> PathBuf {
    env::var_os(name)
        .unwrap_or_else(|| panic!("cargo sets {name}"))
        .into()
}

/// Paths as browsers ask for them, with the files they are.
fn collect(dist: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let mut directories = vec![dist.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if !is_compressed(&path) {
                let below = path.strip_prefix(dist).map_err(io::Error::other)?;
                files.push((format!("/{}", below.display()), path));
            }
        }
    }
    Ok(())
}

fn is_compressed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| COMPRESSED.iter().any(|c| e == *c))
}

fn table(files: &[(String, PathBuf)]) -> String {
    let mut text = String::from("static FILES: &[(&str, File)] = &[\n");
    for (path, file) in files {
        let [br, gz] = COMPRESSED.map(|ending| {
            let sibling = PathBuf::from(format!("{}.{ending}", file.display()));
            is_smaller(&sibling, file).then(|| format!("include_bytes!({sibling:?})"))
        });
        let option =
            |bytes: Option<String>| bytes.map_or("None".to_owned(), |b| format!("Some({b})"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "    ({path:?}, File {{ content_type: {:?}, plain: include_bytes!({file:?}), br: {}, gz: {}, immutable: {} }}),",
            content_type(file),
            option(br),
            option(gz),
            path.starts_with("/assets/"),
        );
    }
    text.push_str("];\n");
    text
}

/// Tiny files only grow when they are compressed.
fn is_smaller(sibling: &Path, file: &Path) -> bool {
    let size = |path| fs::metadata(path).map(|about| about.len());
    matches!((size(sibling), size(file)), (Ok(less), Ok(all)) if less < all)
}

fn content_type(file: &Path) -> &'static str {
    match file
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
    {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
