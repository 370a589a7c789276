//! What programs are told: the errors of files.

use crate::objects::Fault;
use fuser::Errno;
use picloud_types::{ObjectKey, object_key::BadKey};
use std::{ffi::OsStr, future::Future, time::Duration};

/// An answer that takes longer is an error.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Between attempts to reach a server that is away.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) type Answer<T> = Result<T, Errno>;

impl From<Fault> for Errno {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing => Self::ENOENT,
            Fault::Invalid => Self::EINVAL,
            Fault::TooLarge => Self::EFBIG,
            Fault::OverQuota => Self::from_i32(nix::libc::EDQUOT),
            Fault::DiskFull => Self::ENOSPC,
            Fault::Denied => Self::EACCES,
            Fault::Unreachable | Fault::Failed => Self::EIO,
        }
    }
}

/// The key that a path is, if it can be one.
pub(crate) fn key(path: &str) -> Answer<ObjectKey> {
    path.parse().map_err(|bad| match bad {
        BadKey::TooLong => Errno::ENAMETOOLONG,
        _ => Errno::EINVAL,
    })
}

/// The path of what is called `name` in a folder.
pub(crate) fn child(folder: &str, name: &OsStr) -> Answer<String> {
    let name = name.to_str().ok_or(Errno::EINVAL)?;
    let path = match folder.is_empty() {
        true => name.to_owned(),
        false => format!("{folder}/{name}"),
    };
    key(&path).map(String::from)
}

/// The folder that a path is in; the root is empty.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a path is below a folder.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
}

/// Asks until there is an answer, but not for ever: a server that is started anew is back in time.
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let asking = async {
        loop {
            match ask().await {
                Err(Fault::Unreachable) => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    };
    let answer = tokio::time::timeout(DEADLINE, asking).await;
    answer.unwrap_or(Err(Fault::Unreachable))
}
