//! One file, two names: where the worker sees it and where a job does.

use std::path::{Path, PathBuf};

/// How paths below a directory of the worker look to a process of jobs.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Outside and inside; none where they are the same.
    prefix: Option<(PathBuf, PathBuf)>,
}

impl View {
    /// What is below `outside` is seen below `inside`.
    pub(crate) fn new(outside: PathBuf, inside: PathBuf) -> Self {
        Self {
            prefix: Some((outside, inside)),
        }
    }

    /// The name a job knows.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        self.exchanged(path, |(outside, inside)| (outside, inside))
    }

    /// The worker's name of what a job names. A path that leads elsewhere stays what it is.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        self.exchanged(path, |(outside, inside)| (inside, outside))
    }

    fn exchanged(
        &self,
        path: &Path,
        direction: impl Fn(&(PathBuf, PathBuf)) -> (&PathBuf, &PathBuf),
    ) -> PathBuf {
        let Some((from, to)) = self.prefix.as_ref().map(direction) else {
            return path.to_owned();
        };
        match path.strip_prefix(from) {
            Ok(rest) => to.join(rest),
            Err(_) => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_there_and_back() {
        let view = View::new("/state".into(), "/run/picloud".into());
        let inside = view.inside(Path::new("/state/blobs/7/abc"));
        assert_eq!(inside, Path::new("/run/picloud/blobs/7/abc"));
        assert_eq!(view.outside(&inside), Path::new("/state/blobs/7/abc"));
        assert_eq!(
            view.inside(Path::new("/etc/passwd")),
            Path::new("/etc/passwd")
        );
    }
}
