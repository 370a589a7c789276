//! Tells whoever started us that jobs can be sent.

use crate::{failure::Failure, files::write_private, profile::Profile};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::{
    fs::File,
    io::Write as _,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    path::PathBuf,
};

/// Where to say it.
#[derive(Debug)]
pub(super) struct Ready {
    file: Option<PathBuf>,
    descriptor: Option<OwnedFd>,
}

impl Ready {
    /// Takes over the descriptor, so that nobody writes to what it was after us.
    pub(super) fn new(file: Option<PathBuf>, descriptor: Option<RawFd>) -> Result<Self> {
        let descriptor = match descriptor {
            None => None,
            Some(number) => {
                let open = number > 2
                    && nix::fcntl::fcntl(borrow(number), nix::fcntl::FcntlArg::F_GETFD).is_ok();
                if !open {
                    return Err(Failure::usage(
                        format!("--ready-fd {number} is no open descriptor above 2"),
                        "pass one end of a pipe",
                    )
                    .into());
                }
                // SAFETY: it is open and not one of the standard three; nothing else in this
                // process was told of it, since it was inherited for this purpose.
                Some(unsafe { OwnedFd::from_raw_fd(number) })
            }
        };
        Ok(Self { file, descriptor })
    }

    /// Says it, with all that a client needs.
    pub(super) fn announce(
        self,
        url: &str,
        access: Option<&Profile>,
        dashboard_link: Option<&str>,
    ) -> Result<()> {
        let mut word = json!({
            "url": url,
            "api_key": access.map(|a| a.api_key),
            "api_secretkey": access.map(|a| &a.api_secretkey),
            "ca_file": access.and_then(|a| a.ca_file.as_ref()),
            "pid": std::process::id(),
        });
        if let Some(link) = dashboard_link {
            word["dashboard_link"] = link.into();
        }
        let line = format!("{word}\n");
        if let Some(path) = &self.file {
            write_private(path, line.as_bytes())?;
        }
        if let Some(descriptor) = self.descriptor {
            File::from(descriptor)
                .write_all(line.as_bytes())
                .context("could not write to --ready-fd")?;
        }
        Ok(())
    }
}

fn borrow(number: RawFd) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: only asked whether it is open, which is also a fair question for a closed one.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(number) }
}
