//! An open terminal: what is typed goes, what is written comes, until the shell ends.

use super::raw_mode::{RawMode, window};
use anyhow::{Context as _, Result};
use picloud_client::Terminal;
use picloud_types::terminal::{FRAME_MAX_BYTES, Frame};
use std::{
    io::{Read as _, Write as _, stdin, stdout},
    thread,
    time::Duration,
};
use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
    time::interval,
};

/// So often something is said, or the server takes it that this end is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pieces that were written and are not shown yet.
const WAITING_MAX: usize = 8;

/// Why it is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Exited(u32),
    /// This process was asked to end: the code to do so with.
    Signal(u8),
    /// The shell is gone, or the way to it.
    Lost,
}

pub(super) struct Session {
    terminal: Terminal,
    raw: Option<RawMode>,
    resized: Signal,
    interrupted: Signal,
    terminated: Signal,
    hung_up: Signal,
}

impl Session {
    pub(super) fn begin(terminal: Terminal) -> Result<Self> {
        let listen = |kind| signal(kind).context("could not listen for signals");
        Ok(Self {
            terminal,
            resized: listen(SignalKind::window_change())?,
            interrupted: listen(SignalKind::interrupt())?,
            terminated: listen(SignalKind::terminate())?,
            hung_up: listen(SignalKind::hangup())?,
            raw: RawMode::enter()?,
        })
    }

    /// To its end, with all shown that was written.
    pub(super) async fn run(mut self) -> Result<End> {
        let (show, shown) = show()?;
        type_into(self.terminal.say.clone())?;
        let end = self.talk(show).await;
        if !matches!(end, Ok(End::Signal(_))) {
            // A pipe that nobody reads any more has shown all it ever will.
            let _ = shown.await;
        }
        drop(self.raw.take());
        end
    }

    async fn talk(&mut self, show: mpsc::Sender<Vec<u8>>) -> Result<End> {
        let say = self.terminal.say.clone();
        let mut tick = interval(KEEP_ALIVE);
        let mut size_is_news = self.raw.is_some();
        let mut waiting: Option<Vec<u8>> = None;
        loop {
            select! {
                Some(()) = self.interrupted.recv() => return Ok(End::Signal(130)),
                Some(()) = self.terminated.recv() => return Ok(End::Signal(143)),
                Some(()) = self.hung_up.recv() => return Ok(End::Signal(129)),
                Some(()) = self.resized.recv() => size_is_news = self.raw.is_some(),
                Ok(room) = say.reserve(), if size_is_news => {
                    size_is_news = false;
                    if let Some((columns, rows)) = window() {
                        room.send(Frame::Window { columns, rows });
                    }
                }
                // When others wait to be sent, nothing is needed to show that this end is there.
                _ = tick.tick() => drop(say.try_send(Frame::KeepAlive)),
                // Nothing more is heard until this is taken: a shell must not write faster than is shown.
                room = show.reserve(), if waiting.is_some() => match (room, waiting.take()) {
                    (Ok(room), Some(piece)) => room.send(piece),
                    // Nobody reads what is written, as with `| head`.
                    _ => return Ok(End::Signal(141)),
                },
                frame = self.terminal.hear(), if waiting.is_none() => match frame? {
                    Some(Frame::Data(piece)) => waiting = Some(piece.into()),
                    Some(Frame::Exit(status)) => return Ok(End::Exited(status)),
                    Some(_) => {}
                    None => return Ok(End::Lost),
                },
            }
        }
    }
}

/// A thread that shows pieces; the second tells when it has shown the last one. A terminal that stands still
/// holds up that thread alone.
fn show() -> Result<(mpsc::Sender<Vec<u8>>, oneshot::Receiver<()>)> {
    let (show, mut pieces) = mpsc::channel::<Vec<u8>>(WAITING_MAX);
    let (done, shown) = oneshot::channel();
    thread::Builder::new()
        .name("show".to_owned())
        .spawn(move || {
            let mut out = stdout().lock();
            while let Some(piece) = pieces.blocking_recv() {
                if out.write_all(&piece).and_then(|()| out.flush()).is_err() {
                    break;
                }
            }
            drop(done);
        })
        .context("could not start a thread")?;
    Ok((show, shown))
}

/// A thread that reads what is typed. It is left behind at the end: nothing wakes a read of stdin.
fn type_into(say: mpsc::Sender<Frame>) -> Result<()> {
    thread::Builder::new()
        .name("type".to_owned())
        .spawn(move || {
            let mut piece = vec![0; FRAME_MAX_BYTES];
            // Without a lock and without a buffer that nobody would empty.
            while let Ok(count) = stdin().read(&mut piece) {
                let frame = Frame::Data(piece[..count].to_vec().into());
                if say.blocking_send(frame).is_err() || count == 0 {
                    break;
                }
            }
        })
        .context("could not start a thread")?;
    Ok(())
}
