//! The terminal this command runs in: keys as they are pressed, and its size.

use anyhow::{Context as _, Result};
use nix::{
    libc,
    sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
};
use std::{
    io::{IsTerminal as _, stdin},
    os::fd::AsRawFd as _,
};

nix::ioctl_read_bad!(read_window, libc::TIOCGWINSZ, libc::winsize);

/// While it lives, keys go to the shell as they are, Ctrl-C among them. Dropped, also by a panic, all is as before.
#[derive(Debug)]
pub(super) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// None where stdin is no terminal.
    pub(super) fn enter() -> Result<Option<Self>> {
        if !stdin().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(stdin()).context("could not read the terminal's settings")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSADRAIN, &raw).context("could not change the terminal")?;
        Ok(Some(Self { before }))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// Columns and rows, where stdin is a terminal.
pub(super) fn window() -> Option<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: this request writes one `winsize`, which `size` is, and nothing keeps the pointer.
    unsafe { read_window(stdin().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}
