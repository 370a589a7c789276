//! Names: given, changed, taken away.

use crate::{
    caller::Caller,
    errors::{Answer, child, key, patiently},
    files::{Files, Seen},
    objects::Fault,
};
use fuser::{Errno, FileAttr};
use std::ffi::OsStr;

impl Files {
    pub(crate) async fn unlink(&self, caller: &Caller, folder: u64, name: &OsStr) -> Answer<()> {
        let path = child(&self.nodes.get(folder)?.path, name)?;
        match self.see(caller.owner(), &path).await? {
            None => return Err(Errno::ENOENT),
            Some(Seen::Folder) => return Err(Errno::EISDIR),
            Some(_) => {}
        }
        self.drop_drafts(caller, &path).await;
        let of = key(&path)?;
        match patiently(|| self.objects.remove(&of)).await {
            // Not closed yet, removed by somebody else, or by an attempt whose answer was lost.
            Err(Fault::Missing) => {}
            removed => removed?,
        }
        self.names.went(&path);
        Ok(())
    }

    /// What a sandbox wrote at a path will be nothing.
    async fn drop_drafts(&self, caller: &Caller, path: &str) {
        for draft in self.drafts_at_or_below(path, Some(caller.owner())) {
            // What is becoming an object now would be there again afterwards.
            let _held = draft.publishing.lock().await;
            let mut state = draft.state();
            if state.key.as_ref().is_some_and(|key| key.as_str() == path) {
                state.key = None;
            }
        }
    }

    pub(crate) async fn make_folder(
        &self,
        caller: &Caller,
        folder: u64,
        name: &OsStr,
    ) -> Answer<FileAttr> {
        let path = child(&self.nodes.get(folder)?.path, name)?;
        if self.see(caller.owner(), &path).await?.is_some() {
            return Err(Errno::EEXIST);
        }
        self.names.make(&path)?;
        Ok(self.tell(caller, &path, &Seen::Folder))
    }

    pub(crate) async fn remove_folder(
        &self,
        caller: &Caller,
        folder: u64,
        name: &OsStr,
    ) -> Answer<()> {
        let path = child(&self.nodes.get(folder)?.path, name)?;
        match self.see(caller.owner(), &path).await? {
            None => return Err(Errno::ENOENT),
            Some(Seen::Folder) => {}
            Some(_) => return Err(Errno::ENOTDIR),
        }
        let written = self.drafts_in(&path, caller.owner()).next().is_some();
        if written || !self.names.is_empty(&path).await? {
            return Err(Errno::ENOTEMPTY);
        }
        self.names.unmake(&path);
        self.names.went(&path);
        Ok(())
    }

    pub(crate) async fn rename(
        &self,
        caller: &Caller,
        from: (u64, &OsStr),
        to: (u64, &OsStr),
        replaces: bool,
    ) -> Answer<()> {
        let from = child(&self.nodes.get(from.0)?.path, from.1)?;
        let to = child(&self.nodes.get(to.0)?.path, to.1)?;
        if from == to {
            return Ok(());
        }
        let owner = caller.owner();
        let source = self.see(owner, &from).await?.ok_or(Errno::ENOENT)?;
        let target = self.see(owner, &to).await?;
        if target.is_some() && !replaces {
            return Err(Errno::EEXIST);
        }
        match (&source, &target) {
            (Seen::Folder, None) => self.rename_folder(&from, &to).await?,
            (Seen::Folder, Some(Seen::Folder)) => {
                let written = self.drafts_in(&to, owner).next().is_some();
                if written || !self.names.is_empty(&to).await? {
                    return Err(Errno::ENOTEMPTY);
                }
                self.names.unmake(&to);
                self.rename_folder(&from, &to).await?;
            }
            (Seen::Folder, Some(_)) => return Err(Errno::ENOTDIR),
            (_, Some(Seen::Folder)) => return Err(Errno::EISDIR),
            (_, _) => self.rename_file(caller, &from, &to).await?,
        }
        self.nodes.moved(&from, &to);
        self.names.moved(&from, &to);
        self.names.went(&from);
        Ok(())
    }

    async fn rename_file(&self, caller: &Caller, from: &str, to: &str) -> Answer<()> {
        let new = key(to)?;
        self.drop_drafts(caller, to).await;
        let drafts = self.drafts_at_or_below(from, Some(caller.owner()));
        let mut held = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            held.push(draft.publishing.lock().await);
        }
        match patiently(|| self.objects.rename(from, to, false)).await {
            Err(Fault::Missing) if !drafts.is_empty() => {}
            renamed => drop(renamed?),
        }
        for draft in &drafts {
            let mut state = draft.state();
            if state.key.as_ref().is_some_and(|key| key.as_str() == from) {
                state.key = Some(new.clone());
            }
        }
        Ok(())
    }

    async fn rename_folder(&self, from: &str, to: &str) -> Answer<()> {
        let drafts = self.drafts_at_or_below(from, None);
        let mut held = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            held.push(draft.publishing.lock().await);
        }
        let (old, new) = (format!("{from}/"), format!("{to}/"));
        let renamed = match patiently(|| self.objects.rename(&old, &new, true)).await {
            Err(Fault::Missing) => 0,
            renamed => renamed?,
        };
        for draft in &drafts {
            let mut state = draft.state();
            let below = state
                .key
                .as_ref()
                .and_then(|k| k.as_str().strip_prefix(&old));
            if let Some(rest) = below {
                // A name that became too long has no object.
                state.key = key(&format!("{new}{rest}")).ok();
            }
        }
        match renamed {
            // A folder that is only remembered goes on being that.
            0 => self.names.make(to),
            _ => Ok(()),
        }
    }
}
