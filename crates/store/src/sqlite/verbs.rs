//! The verbs of `Store`, each handed to the file of its subject.

use super::{
    SqliteStore, accounts, blobs, claim, delete, housekeeping, kill, ledger, list, look,
    object_rows, objects, output, readers::Size, report, samples, specs::Prepared, submit, volumes,
    workers,
};
use crate::{
    Account, AttemptOf, Backlog, BucketSums, Claimed, Ended, JobDetail, JobFilter, JobLive,
    JobPage, JobResult, Key, Kill, Object, ObjectFilter, ObjectNew, ObjectPage, OutputSlice, Pick,
    Progress, Report, Reported, Result, Series, SpecRow, StatusRun, Store, Submission, Submitted,
    TreeNew, UsageFilter, UsageSums, VolumeNew, Worker, WorkerNew, WorkerRegistered,
};
use async_trait::async_trait;
use picloud_types::{
    AccountId, ApiKey, Attempt, Hash, Jid, JidSet, JobState, ObjectKey, Payload, SpecId, Stream,
    Timestamp, WorkerId, api::volumes::Volume,
};
use std::collections::BTreeMap;

/// The caller hears of it once it is on disk.
pub(super) const SYNCED: bool = true;
/// The caller hears of it once it is committed.
pub(super) const COMMITTED: bool = false;

/// Up to this many rows a read runs where it is called.
const FEW: u64 = 64;

pub(super) fn size(rows: u64) -> Size {
    if rows <= FEW { Size::Few } else { Size::Many }
}

#[async_trait]
impl Store for SqliteStore {
    async fn setting_get_or_insert(&self, name: &str, value: &str) -> Result<String> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(SYNCED, move |w| accounts::setting(w, &name, &value))
            .await
    }

    async fn account_create(&self, name: &str, admin: bool, now: Timestamp) -> Result<Account> {
        let name = name.to_owned();
        self.write(SYNCED, move |w| accounts::create(w, name, admin, now))
            .await
    }

    async fn account_list(&self) -> Result<Vec<Account>> {
        self.read(Size::Many, |r| accounts::list(&r.db)).await
    }

    async fn account_find(&self, account: AccountId) -> Result<Option<Account>> {
        self.read(Size::Few, move |r| accounts::find(&r.db, account))
            .await
    }

    async fn key_create(
        &self,
        account: AccountId,
        secret_hash: Hash,
        note: &str,
        now: Timestamp,
    ) -> Result<Key> {
        let note = note.to_owned();
        self.write(SYNCED, move |w| {
            accounts::key_create(w, account, secret_hash, note, now)
        })
        .await
    }

    async fn key_find(&self, key: ApiKey) -> Result<Option<Key>> {
        self.read(Size::Few, move |r| accounts::key_find(&r.db, key))
            .await
    }

    async fn key_list(&self, account: AccountId) -> Result<Vec<Key>> {
        self.read(Size::Few, move |r| accounts::key_list(&r.db, account))
            .await
    }

    async fn key_set_active(&self, account: AccountId, key: ApiKey, active: bool) -> Result<()> {
        self.write(SYNCED, move |w| {
            accounts::key_set_active(w, account, key, active)
        })
        .await
    }

    async fn job_submit(&self, submission: Submission) -> Result<Submitted> {
        let prepared = Prepared::new(&submission.spec, &submission.function, &submission.blobs);
        self.write(SYNCED, move |w| submit::submit(w, &submission, &prepared))
            .await
    }

    async fn backlog(&self, count_cap: u32) -> Result<Vec<Backlog>> {
        // Few rows unless the fleet is large; and the scheduler, which asks, has to be prompt.
        self.read(Size::Few, move |r| claim::backlog(r, count_cap))
            .await
    }

    async fn job_claim(
        &self,
        worker: WorkerId,
        picks: Vec<Pick>,
        _now: Timestamp,
    ) -> Result<Claimed> {
        self.write(COMMITTED, move |w| claim::claim(w, worker, &picks))
            .await
    }

    async fn job_report(
        &self,
        worker: WorkerId,
        report: Report,
        now: Timestamp,
    ) -> Result<Reported> {
        self.write(SYNCED, move |w| report::report(w, worker, &report, now))
            .await
    }

    async fn worker_register(
        &self,
        worker: WorkerNew,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<WorkerRegistered> {
        self.write(SYNCED, move |w| {
            workers::register(w, &worker, lease_until, now)
        })
        .await
    }

    async fn worker_renew(
        &self,
        workers: Vec<WorkerId>,
        lease_until: Timestamp,
    ) -> Result<Vec<WorkerId>> {
        self.write(COMMITTED, move |w| workers::renew(w, workers, lease_until))
            .await
    }

    async fn worker_end(&self, worker: WorkerId, now: Timestamp) -> Result<Ended> {
        self.write(SYNCED, move |w| workers::end(w, worker, now))
            .await
    }

    async fn worker_expire(&self, now: Timestamp) -> Result<Ended> {
        self.write(SYNCED, move |w| workers::expire(w, now)).await
    }

    async fn worker_list(&self, since: Timestamp) -> Result<Vec<Worker>> {
        self.read(Size::Many, move |r| workers::list(&r.db, since))
            .await
    }

    async fn worker_kills(&self, worker: WorkerId) -> Result<Vec<AttemptOf>> {
        self.read(Size::Few, move |r| workers::kills(&r.db, worker))
            .await
    }

    async fn worker_holds(&self, worker: WorkerId) -> Result<Vec<AttemptOf>> {
        self.read(Size::Many, move |r| workers::holds(&r.db, worker))
            .await
    }

    async fn worker_serves(&self, worker: WorkerId, account: AccountId) -> Result<bool> {
        self.read(Size::Few, move |r| workers::serves(&r.db, worker, account))
            .await
    }

    async fn job_kill(
        &self,
        account: AccountId,
        jids: Option<JidSet>,
        now: Timestamp,
    ) -> Result<Kill> {
        let mut done = Kill::default();
        let mut rest = Some(
            self.write(SYNCED, move |w| kill::begin(w, account, jids.as_ref()))
                .await?,
        );
        while let Some(part) = rest {
            let killed;
            (killed, rest) = self
                .write(SYNCED, move |w| kill::step(w, account, part, now))
                .await?;
            done.add(killed);
        }
        Ok(done)
    }

    async fn job_delete(&self, account: AccountId, jids: JidSet) -> Result<u64> {
        self.write(SYNCED, move |w| delete::delete(w, account, &jids))
            .await
    }

    async fn job_statuses(&self, account: AccountId, jids: JidSet) -> Result<Vec<StatusRun>> {
        self.read_synced(size(jids.len()), move |r| {
            look::statuses(&r.db, account, &jids)
        })
        .await
    }

    async fn job_progress(&self, account: AccountId, jids: JidSet) -> Result<Progress> {
        self.read_synced(size(jids.len()), move |r| {
            look::progress(&r.db, account, &jids)
        })
        .await
    }

    async fn job_finished(&self, account: AccountId, jids: JidSet, limit: u64) -> Result<JidSet> {
        self.read_synced(size(jids.len()), move |r| {
            look::finished(&r.db, account, &jids, limit)
        })
        .await
    }

    async fn job_results(
        &self,
        account: AccountId,
        jids: JidSet,
        max_count: u64,
        max_bytes: u64,
    ) -> Result<Vec<JobResult>> {
        let size = size(jids.len().min(max_count));
        self.read_synced(size, move |r| {
            look::results(&r.db, account, &jids, max_count, max_bytes)
        })
        .await
    }

    async fn job_find(&self, account: AccountId, jids: JidSet) -> Result<Vec<JobDetail>> {
        self.read_synced(size(jids.len()), move |r| look::find(r, account, &jids))
            .await
    }

    async fn job_pickles(&self, account: AccountId, jid: Jid) -> Result<(Payload, Payload)> {
        self.read(Size::Few, move |r| look::pickles(&r.db, account, jid))
            .await
    }

    async fn job_list(&self, account: AccountId, filter: JobFilter, limit: u32) -> Result<JobPage> {
        self.read_synced(Size::Many, move |r| list::list(r, account, &filter, limit))
            .await
    }

    async fn job_counts(&self) -> Result<Vec<(JobState, u64)>> {
        self.read(Size::Few, |r| look::counts(&r.db)).await
    }

    async fn attempt_alive(&self, jid: Jid, attempt: Attempt) -> Result<Option<AccountId>> {
        self.read(Size::Few, move |r| look::attempt_alive(&r.db, jid, attempt))
            .await
    }

    async fn spec_get(&self, specs: Vec<SpecId>) -> Result<Vec<SpecRow>> {
        self.read(Size::Few, move |r| look::specs(&r.db, &specs))
            .await
    }

    async fn output_read(
        &self,
        account: AccountId,
        jid: Jid,
        stream: Stream,
        offset: u64,
        limit: u64,
    ) -> Result<OutputSlice> {
        self.read_synced(Size::Many, move |r| {
            output::read(&r.db, account, jid, stream, offset, limit)
        })
        .await
    }

    async fn output_tails(
        &self,
        account: AccountId,
        jid: Jid,
        limit: u64,
    ) -> Result<Vec<(Stream, Vec<u8>)>> {
        self.read_synced(Size::Many, move |r| {
            output::tails(&r.db, account, jid, limit)
        })
        .await
    }

    async fn series_read(
        &self,
        account: AccountId,
        jid: Jid,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Series> {
        self.read_synced(Size::Many, move |r| {
            samples::series(&r.db, account, jid, after, limit)
        })
        .await
    }

    async fn job_live(&self, account: AccountId, jids: JidSet) -> Result<BTreeMap<Jid, JobLive>> {
        self.read_synced(Size::Many, move |r| samples::running(&r.db, account, &jids))
            .await
    }

    async fn usage_read(&self, filter: UsageFilter) -> Result<Vec<UsageSums>> {
        self.read_synced(Size::Many, move |r| ledger::read(&r.db, &filter))
            .await
    }

    async fn blob_missing(
        &self,
        account: AccountId,
        hashes: Vec<Hash>,
        keep_until: Timestamp,
    ) -> Result<Vec<Hash>> {
        self.write(SYNCED, move |w| {
            blobs::missing(w, account, hashes, keep_until)
        })
        .await
    }

    async fn blob_add(
        &self,
        account: AccountId,
        blobs: Vec<(Hash, u64)>,
        keep_until: Timestamp,
    ) -> Result<()> {
        self.write(SYNCED, move |w| blobs::add(w, account, &blobs, keep_until))
            .await
    }

    async fn blob_size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>> {
        self.read(Size::Few, move |r| blobs::size(&r.db, account, hash))
            .await
    }

    async fn blob_unknown(&self, account: AccountId, hashes: Vec<Hash>) -> Result<Vec<Hash>> {
        self.read(size(hashes.len() as u64), move |r| {
            blobs::unknown(&r.db, account, hashes)
        })
        .await
    }

    async fn blob_sweep(&self, now: Timestamp, limit: u32) -> Result<Vec<(AccountId, Hash)>> {
        self.write(SYNCED, move |w| blobs::sweep(w, now, limit))
            .await
    }

    async fn object_put(
        &self,
        account: AccountId,
        new: Vec<ObjectNew>,
        quota_bytes: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<Object>> {
        self.write(SYNCED, move |w| {
            objects::put(w, account, new, quota_bytes, now)
        })
        .await
    }

    async fn object_md5_put(&self, account: AccountId, hash: Hash, md5: [u8; 16]) -> Result<()> {
        self.write(SYNCED, move |w| objects::md5_put(w, account, hash, md5))
            .await
    }

    async fn object_find(
        &self,
        account: AccountId,
        keys: Vec<ObjectKey>,
    ) -> Result<Vec<Option<Object>>> {
        self.read_synced(size(keys.len() as u64), move |r| {
            object_rows::find_all(&r.db, account, &keys)
        })
        .await
    }

    async fn object_list(
        &self,
        account: AccountId,
        filter: ObjectFilter,
        limit: u32,
    ) -> Result<ObjectPage> {
        self.read_synced(size(u64::from(limit)), move |r| {
            object_rows::list(&r.db, account, &filter, limit)
        })
        .await
    }

    async fn object_remove(&self, account: AccountId, keys: Vec<ObjectKey>) -> Result<u64> {
        self.write(SYNCED, move |w| objects::remove(w, account, &keys))
            .await
    }

    async fn object_remove_prefix(
        &self,
        account: AccountId,
        prefix: &str,
        limit: u32,
    ) -> Result<u64> {
        let prefix = prefix.to_owned();
        self.write(SYNCED, move |w| {
            objects::remove_prefix(w, account, &prefix, limit)
        })
        .await
    }

    async fn object_rename(
        &self,
        account: AccountId,
        from: ObjectKey,
        to: ObjectKey,
    ) -> Result<()> {
        self.write(SYNCED, move |w| objects::rename(w, account, from, to))
            .await
    }

    async fn object_rename_prefix(&self, account: AccountId, from: &str, to: &str) -> Result<u64> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(SYNCED, move |w| {
            objects::rename_prefix(w, account, &from, &to)
        })
        .await
    }

    async fn object_publish(
        &self,
        account: AccountId,
        key: ObjectKey,
        content_type: Option<String>,
        headers: BTreeMap<String, String>,
        reset_headers: bool,
    ) -> Result<Object> {
        self.write(SYNCED, move |w| {
            objects::publish(w, account, &key, content_type, headers, reset_headers)
        })
        .await
    }

    async fn object_unpublish(&self, account: AccountId, key: ObjectKey) -> Result<Object> {
        self.write(SYNCED, move |w| objects::unpublish(w, account, &key))
            .await
    }

    async fn bucket_sums(&self, account: AccountId) -> Result<BucketSums> {
        self.read(Size::Few, move |r| object_rows::sums(&r.db, account))
            .await
    }

    async fn bucket_folder(&self, account: AccountId, folder: &str) -> Result<String> {
        let folder = folder.to_owned();
        self.write(SYNCED, move |w| objects::folder(w, account, &folder))
            .await
    }

    async fn bucket_by_folder(&self, folder: &str) -> Result<Option<AccountId>> {
        let folder = folder.to_owned();
        self.read(Size::Few, move |r| object_rows::by_folder(&r.db, &folder))
            .await
    }

    async fn volume_create(
        &self,
        account: AccountId,
        new: VolumeNew,
        now: Timestamp,
    ) -> Result<Volume> {
        self.write(SYNCED, move |w| volumes::create(w, account, new, now))
            .await
    }

    async fn volume_list(&self, account: AccountId) -> Result<Vec<Volume>> {
        self.read_synced(Size::Many, move |r| volumes::list(&r.db, account))
            .await
    }

    async fn volume_find(
        &self,
        account: AccountId,
        names: Vec<String>,
    ) -> Result<Vec<Option<Volume>>> {
        self.read_synced(size(names.len() as u64), move |r| {
            volumes::find(&r.db, account, &names)
        })
        .await
    }

    async fn volume_delete(&self, account: AccountId, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(SYNCED, move |w| volumes::delete(w, account, &name))
            .await
    }

    async fn volume_tree_put(&self, new: TreeNew) -> Result<Volume> {
        volumes::tree_put(self, new).await
    }

    async fn housekeep(&self, before: Timestamp) -> Result<()> {
        self.write(SYNCED, move |w| housekeeping::housekeep(w, before))
            .await
    }

    async fn ping(&self) -> Result<()> {
        self.write(SYNCED, housekeeping::ping).await
    }

    async fn close(&self) {
        self.shut().await;
    }
}
