//! One warm interpreter per Python version, from which the processes of jobs are forked.

use crate::{
    children,
    frames::{
        self, BadFrame, ForkLimits, ForkNews, ForkRequest, ForkSandbox, ZygoteReady, ZygoteSetUp,
    },
    launch::{Launched, ZygotePlan, launch},
};
use bytes::{Bytes, BytesMut};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use picloud_sandbox::layout::{Layout, UID};
use picloud_types::api::service::Package;
use std::{
    collections::{HashMap, VecDeque},
    io::{self, IoSlice, Read as _},
    os::fd::{AsRawFd as _, OwnedFd},
    process::{Child, ChildStderr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    sync::{Mutex as AsyncMutex, oneshot},
    time::timeout,
};
use tracing::{debug, warn};

/// An interpreter that takes longer to start is not worth waiting for.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A fork that takes longer says that the zygote is stuck.
const FORK_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a zygote's standard error that are kept to explain its death.
const COMPLAINT_MAX_BYTES: usize = 4_096;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    /// Its zygote ended too, so nobody saw.
    Unknown,
}

/// How a process ended, and what the system said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) exit: Exit,
    pub(crate) syslog: String,
    /// Why it never came so far as to take jobs.
    pub(crate) unborn: Option<String>,
}

impl End {
    /// Nobody saw how.
    pub(crate) fn unknown() -> Self {
        Self {
            exit: Exit::Unknown,
            syslog: String::new(),
            unborn: None,
        }
    }
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZygoteError {
    #[error("could not start {executable}: {error}")]
    Spawn {
        executable: String,
        error: io::Error,
    },
    #[error("{executable} ended before it was ready{complaint}")]
    NotReady {
        executable: String,
        complaint: String,
    },
    #[error("the interpreter ended while a process was to be forked from it")]
    Gone,
    #[error("the interpreter does not answer")]
    Stuck,
    #[error("the process could not be forked: {0}")]
    Fork(String),
}

/// A forked process.
#[derive(Debug)]
pub(crate) struct Forked {
    /// Of its init.
    pub(crate) pid: i32,
    pub(crate) end: oneshot::Receiver<End>,
}

/// What a new process gets.
#[derive(Debug)]
pub(crate) struct ForkPlan {
    pub(crate) cwd: String,
    pub(crate) code_path: Option<String>,
    pub(crate) scratch: String,
    pub(crate) limits: ForkLimits,
    pub(crate) cores: u32,
    pub(crate) socket: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Control groups to enter.
    pub(crate) groups: Vec<OwnedFd>,
    /// Namespaces to join, by name; none for a plain process.
    pub(crate) namespaces: Option<Vec<(&'static str, OwnedFd)>>,
}

#[derive(Debug, Default)]
struct Waiting {
    forks: HashMap<u64, oneshot::Sender<Result<i32, String>>>,
    ends: HashMap<u64, oneshot::Sender<End>>,
    packages: VecDeque<oneshot::Sender<Vec<Package>>>,
    next_id: u64,
    gone: bool,
}

/// A living zygote. It ends when the last handle is dropped.
#[derive(Debug)]
pub(crate) struct Zygote {
    pub(crate) about: ZygoteReady,
    /// What sandboxes of its forks show of the system and of its interpreter.
    pub(crate) layout: OnceLock<Layout>,
    writer: AsyncMutex<OwnedWriteHalf>,
    waiting: Arc<Mutex<Waiting>>,
    reader: tokio::task::AbortHandle,
    child: Arc<Mutex<Child>>,
}

impl Drop for Zygote {
    fn drop(&mut self) {
        self.reader.abort();
        end(&self.child);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends and reaps the process. It leaves no work behind: forks hold their own state.
fn end(child: &Arc<Mutex<Child>>) {
    let mut child = lock(child);
    let _ = child.kill();
    let _ = child.wait();
    children::ended(child.id());
}

impl Zygote {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(filters: &[String], plan: &ZygotePlan) -> Result<Self, ZygoteError> {
        let executable = plan.executable.display().to_string();
        let spawn = |error| ZygoteError::Spawn {
            executable: executable.clone(),
            error,
        };
        let launched = children::start(|| launch(plan), |launched| &launched.child);
        let Launched { mut child, control } = launched.map_err(spawn)?;
        let complaint = child.stderr.take().map(listen);
        control.set_nonblocking(true).map_err(spawn)?;
        let (mut read, write) = UnixStream::from_std(control).map_err(spawn)?.into_split();
        let child = Arc::new(Mutex::new(child));
        let mut buffer = BytesMut::with_capacity(4_096);
        let first = timeout(START_TIMEOUT, next_frame(&mut read, &mut buffer)).await;
        let about = match first {
            Ok(Ok(frame)) if frame.first() == Some(&b'R') => frames::read_json(&frame[1..]).ok(),
            _ => None,
        };
        let Some(about) = about else {
            end(&child);
            let complaint = complaint.and_then(|c| c.join().ok()).unwrap_or_default();
            return Err(ZygoteError::NotReady {
                executable,
                complaint: match complaint.trim() {
                    "" => String::new(),
                    text => format!(": {}", text.lines().last().unwrap_or(text)),
                },
            });
        };
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let reader = tokio::spawn(listen_control(
            read,
            buffer,
            Arc::clone(&waiting),
            Arc::clone(&child),
        ));
        let zygote = Self {
            about,
            layout: OnceLock::new(),
            writer: AsyncMutex::new(write),
            waiting,
            reader: reader.abort_handle(),
            child,
        };
        let mut frame = BytesMut::new();
        frames::put_json(&mut frame, b'C', &ZygoteSetUp { seccomp: filters });
        zygote.send(&frame, &[]).await?;
        Ok(zygote)
    }

    /// Whether it ended.
    pub(crate) fn is_gone(&self) -> bool {
        lock(&self.waiting).gone
    }

    /// The distributions its interpreter has.
    pub(crate) async fn packages(&self) -> Result<Vec<Package>, ZygoteError> {
        let (send, receive) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.gone {
                return Err(ZygoteError::Gone);
            }
            waiting.packages.push_back(send);
        }
        let mut frame = BytesMut::new();
        frames::put_kind(&mut frame, b'P');
        self.send(&frame, &[]).await?;
        match timeout(START_TIMEOUT, receive).await {
            Ok(answer) => answer.map_err(|_| ZygoteError::Gone),
            Err(_) => Err(ZygoteError::Stuck),
        }
    }

    /// Forks a process.
    pub(crate) async fn fork(&self, plan: ForkPlan) -> Result<Forked, ZygoteError> {
        let (send_pid, pid) = oneshot::channel();
        let (send_end, end) = oneshot::channel();
        let id = {
            let mut waiting = lock(&self.waiting);
            if waiting.gone {
                return Err(ZygoteError::Gone);
            }
            let id = waiting.next_id;
            waiting.next_id += 1;
            waiting.forks.insert(id, send_pid);
            waiting.ends.insert(id, send_end);
            id
        };
        let mut frame = BytesMut::new();
        let named = plan.namespaces.as_deref();
        let names: Vec<_> = named.unwrap_or_default().iter().map(|(n, _)| *n).collect();
        let request = ForkRequest {
            groups: plan.groups.len(),
            limits: plan.limits,
            cores: plan.cores,
            sandbox: named.map(|_| ForkSandbox {
                namespaces: &names,
                uid: UID,
                gid: UID,
            }),
            id,
            cwd: &plan.cwd,
            code_path: plan.code_path.as_deref(),
            scratch: &plan.scratch,
        };
        frames::put_json(&mut frame, b'F', &request);
        let given = [&plan.socket, &plan.stdout, &plan.stderr].into_iter();
        let joined = named.unwrap_or_default().iter().map(|(_, fd)| fd);
        let fds: Vec<_> = given
            .chain(&plan.groups)
            .chain(joined)
            .map(|fd| fd.as_raw_fd())
            .collect();
        self.send(&frame, &fds).await?;
        match timeout(FORK_TIMEOUT, pid).await {
            Ok(Ok(Ok(pid))) => Ok(Forked { pid, end }),
            Ok(Ok(Err(error))) => Err(ZygoteError::Fork(error)),
            Ok(Err(_)) => Err(ZygoteError::Gone),
            Err(_) => {
                // It may be stopped, or hang in a system call: another one is cheaper than waiting.
                lock(&self.waiting).gone = true;
                Err(ZygoteError::Stuck)
            }
        }
    }

    /// Writes a frame, descriptors with its first byte.
    async fn send(&self, frame: &[u8], fds: &[i32]) -> Result<(), ZygoteError> {
        let writer = self.writer.lock().await;
        let stream: &UnixStream = writer.as_ref();
        let mut sent = 0;
        while sent < frame.len() {
            stream.writable().await.map_err(|_| ZygoteError::Gone)?;
            let step = stream.try_io(Interest::WRITABLE, || {
                let rights = [ControlMessage::ScmRights(fds)];
                let control: &[_] = match sent {
                    0 if !fds.is_empty() => &rights,
                    _ => &[],
                };
                let parts = [IoSlice::new(&frame[sent..])];
                let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                Ok(sendmsg::<()>(
                    stream.as_raw_fd(),
                    &parts,
                    control,
                    flags,
                    None,
                )?)
            });
            match step {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(ZygoteError::Gone),
            }
        }
        Ok(())
    }
}

/// Keeps the last of what it writes to standard error, and shows it in the worker's log.
fn listen(mut stderr: ChildStderr) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut chunk = [0; 1_024];
        while let Ok(count @ 1..) = stderr.read(&mut chunk) {
            let text = String::from_utf8_lossy(&chunk[..count]);
            warn!(target: "picloud_worker::zygote", "{}", text.trim_end());
            kept.extend_from_slice(&chunk[..count]);
            let excess = kept.len().saturating_sub(COMPLAINT_MAX_BYTES);
            kept.drain(..excess);
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

async fn next_frame(read: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<Bytes, BadFrame> {
    loop {
        if let Some(frame) = frames::next_frame(buffer)? {
            return Ok(frame);
        }
        match read.read_buf(buffer).await {
            Ok(1..) => {}
            _ => return Err(BadFrame::Short),
        }
    }
}

/// Hands what the zygote says to those who wait for it, until it ends.
async fn listen_control(
    mut read: OwnedReadHalf,
    mut buffer: BytesMut,
    waiting: Arc<Mutex<Waiting>>,
    child: Arc<Mutex<Child>>,
) {
    let reason = loop {
        let step = match next_frame(&mut read, &mut buffer).await {
            Ok(frame) => hand_over(&frame, &waiting),
            Err(error) => Err(error),
        };
        if let Err(error) = step {
            break error;
        }
    };
    debug!(%reason, "a zygote ended");
    end(&child);
    let mut waiting = lock(&waiting);
    waiting.gone = true;
    // Dropping the senders tells everybody.
    waiting.forks.clear();
    waiting.ends.clear();
    waiting.packages.clear();
}

fn hand_over(frame: &[u8], waiting: &Mutex<Waiting>) -> Result<(), BadFrame> {
    let (kind, body) = frame.split_first().ok_or(BadFrame::Empty)?;
    match kind {
        b'P' => {
            let packages = frames::read_json(body)?;
            if let Some(asker) = lock(waiting).packages.pop_front() {
                let _ = asker.send(packages);
            }
        }
        b'S' | b'!' => {
            let news: ForkNews = frames::read_json(body)?;
            let mut waiting = lock(waiting);
            let unborn = match kind {
                b'!' => waiting.ends.remove(&news.id),
                _ => None,
            };
            if let Some(asker) = unborn {
                let _ = asker.send(End {
                    unborn: Some(news.error.clone().unwrap_or_default()),
                    ..End::unknown()
                });
            }
            if let Some(asker) = waiting.forks.remove(&news.id) {
                let answer = match news.pid {
                    Some(pid) if *kind == b'S' => Ok(pid),
                    _ => Err(news.error.unwrap_or_default()),
                };
                let _ = asker.send(answer);
            }
        }
        b'E' => {
            let news: ForkNews = frames::read_json(body)?;
            let exit = match (news.code, news.signal) {
                (_, Some(signal)) => Exit::Signal(signal),
                (Some(code), None) => Exit::Code(code),
                (None, None) => Exit::Unknown,
            };
            if let Some(asker) = lock(waiting).ends.remove(&news.id) {
                let _ = asker.send(End {
                    exit,
                    syslog: news.syslog.unwrap_or_default(),
                    unborn: None,
                });
            }
        }
        other => return Err(BadFrame::Kind(char::from(*other))),
    }
    Ok(())
}
