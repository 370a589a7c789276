//! The built files of the dashboard, as bytes. What they are served with is the server's to say.

/// One file.
#[derive(Clone, Copy, Debug)]
pub struct File {
    pub content_type: &'static str,
    pub plain: &'static [u8],
    /// The same compressed, where that was worth it.
    pub br: Option<&'static [u8]>,
    pub gz: Option<&'static [u8]>,
    /// Its name has a hash of its content: under this name it never changes.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file with this path, such as `/index.html`.
pub fn find(path: &str) -> Option<File> {
    let at = FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    Some(FILES[at].1)
}

/// Whether this binary has a dashboard.
pub fn is_embedded() -> bool {
    !FILES.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_by_its_path_and_nothing_else_is() {
        for (path, file) in FILES {
            let found = find(path).unwrap_or_else(|| panic!("{path} is not found"));
            assert_eq!(found.plain, file.plain, "{path}");
            assert_eq!(found.immutable, path.starts_with("/assets/"), "{path}");
            for compressed in [found.br, found.gz].into_iter().flatten() {
                assert!(
                    compressed.len() < found.plain.len(),
                    "{path}: larger compressed"
                );
            }
        }
        assert_eq!(find("/index.html").is_some(), is_embedded());
        assert!(
            find("/").is_none() && find("index.html").is_none() && find("/../Cargo.toml").is_none()
        );
    }
}
