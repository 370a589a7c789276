//! Shells of jobs that a terminal can be opened to. In memory only: a server that starts again knows none, and
//! their jobs notice that the line is gone.

use crate::refusal::{Answer, Refusal};
use picloud_types::{Attempt, ErrorKind, Jid, terminal::Frame};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    select,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

/// Frames that wait in one direction. When so many do, the sender is not read from.
const WAITING_MAX: usize = 8;

type Table = Arc<Mutex<HashMap<Jid, Shell>>>;

#[derive(Debug, Default)]
pub(crate) struct Terminals {
    shells: Table,
}

/// What is known of a job whose shell is there.
#[derive(Debug)]
struct Shell {
    attempt: Attempt,
    to_job: mpsc::Sender<Frame>,
    /// The terminal that is open.
    person: Option<mpsc::Sender<Frame>>,
    /// Whether one is, for the job.
    is_open: watch::Sender<bool>,
    /// This line of the job is over, or was replaced by a later one.
    over: CancellationToken,
}

/// One end of a terminal. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct End {
    shells: Table,
    jid: Jid,
    is_job: bool,
    pub(crate) heard: mpsc::Receiver<Frame>,
    /// Whether a terminal is open.
    pub(crate) is_open: watch::Receiver<bool>,
    /// The line of the job is over.
    pub(crate) over: CancellationToken,
    to_job: mpsc::Sender<Frame>,
}

/// How one end speaks to the other.
#[derive(Debug)]
pub(crate) struct Mouth {
    shells: Table,
    jid: Jid,
    is_job: bool,
    over: CancellationToken,
    to_job: mpsc::Sender<Frame>,
}

impl Terminals {
    /// The job's end. One that was there before is given up: the job has lost it, or was started again.
    pub(crate) fn offer(&self, jid: Jid, attempt: Attempt) -> Answer<End> {
        let (to_job, heard) = mpsc::channel(WAITING_MAX);
        let (is_open, seen) = watch::channel(false);
        let over = CancellationToken::new();
        let shell = Shell {
            attempt,
            to_job: to_job.clone(),
            person: None,
            is_open,
            over: over.clone(),
        };
        let mut shells = lock(&self.shells);
        if shells.get(&jid).is_some_and(|s| s.attempt > attempt) {
            return Err(Refusal::new(ErrorKind::Conflict, "the attempt is over"));
        }
        if let Some(before) = shells.insert(jid, shell) {
            before.over.cancel();
        }
        Ok(End {
            shells: Arc::clone(&self.shells),
            jid,
            is_job: true,
            heard,
            is_open: seen,
            over,
            to_job,
        })
    }

    /// A person's end.
    pub(crate) fn open(&self, jid: Jid) -> Answer<End> {
        let mut shells = lock(&self.shells);
        let Some(shell) = shells.get_mut(&jid) else {
            let mut refusal = Refusal::new(
                ErrorKind::Conflict,
                format!("job {jid} has no shell that is ready"),
            )
            .hint("jobs of `picloud exec-shell` have one soon after they start");
            refusal.0.retry = true;
            return Err(refusal);
        };
        if shell.person.is_some() {
            let msg = format!("a terminal is open to job {jid}");
            return Err(Refusal::new(ErrorKind::Conflict, msg).hint("close that one first"));
        }
        let (to_person, heard) = mpsc::channel(WAITING_MAX);
        shell.person = Some(to_person);
        shell.is_open.send_replace(true);
        Ok(End {
            shells: Arc::clone(&self.shells),
            jid,
            is_job: false,
            heard,
            is_open: shell.is_open.subscribe(),
            over: shell.over.clone(),
            to_job: shell.to_job.clone(),
        })
    }
}

impl End {
    pub(crate) fn mouth(&self) -> Mouth {
        Mouth {
            shells: Arc::clone(&self.shells),
            jid: self.jid,
            is_job: self.is_job,
            over: self.over.clone(),
            to_job: self.to_job.clone(),
        }
    }
}

impl Mouth {
    /// Says something, once there is room for it. False when nobody will ever hear it. What a shell writes while
    /// no terminal is open goes nowhere.
    pub(crate) async fn say(&self, frame: Frame) -> bool {
        let to = if self.is_job {
            let shells = lock(&self.shells);
            let Some(shell) = shells.get(&self.jid).filter(|_| !self.over.is_cancelled()) else {
                return false;
            };
            match &shell.person {
                Some(person) => person.clone(),
                None => return true,
            }
        } else {
            self.to_job.clone()
        };
        select! {
            // A terminal that was closed meanwhile is no reason to end the shell.
            said = to.send(frame) => said.is_ok() || self.is_job,
            () = self.over.cancelled() => false,
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut shells = lock(&self.shells);
        // A line that is over has been replaced: what is in the table belongs to another.
        if self.over.is_cancelled() {
            return;
        }
        let Some(shell) = shells.get_mut(&self.jid) else {
            return;
        };
        if self.is_job {
            // With it goes the way to the person, who hears what is left and then that it is over.
            shells.remove(&self.jid);
            self.over.cancel();
        } else {
            shell.person = None;
            shell.is_open.send_replace(false);
        }
    }
}

fn lock(shells: &Table) -> MutexGuard<'_, HashMap<Jid, Shell>> {
    shells.lock().unwrap_or_else(PoisonError::into_inner)
}
