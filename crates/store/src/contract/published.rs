//! Published functions: their versions, what those need, and calls of them.

use super::{
    fixture::{NOW, assert_refused, bytes},
    queue_fixture::{Queues, later},
};
use crate::{
    Published, PublishedCall, PublishedNew, PublishedSet, Result, Store, StoreError, Submitted,
};
use picloud_types::{
    Hash, Jid, JidSet, JobState, Payload,
    api::published::{Access, Parameter, PublishedVersions, Signature},
    result_form::ResultForm,
};

/// The shortest ways to publish and to call.
struct Functions<'s> {
    q: Queues<'s>,
}

impl<'s> Functions<'s> {
    async fn new(store: &'s dyn Store) -> Self {
        Self {
            q: Queues::new(store).await,
        }
    }

    /// A function that returns JSON, whose only parameter is `x`.
    fn new_one(&self, label: &str, function: Payload) -> PublishedNew {
        let mut spec = self.q.jobs(1).spec;
        spec.function_name = "addition".to_owned();
        spec.result = ResultForm::Json;
        PublishedNew {
            account: self.q.account,
            label: label.to_owned(),
            spec,
            function,
            blobs: Vec::new(),
            description: format!("what {label} is for"),
            signature: signature("x"),
            now: NOW,
        }
    }

    async fn put(&self, new: PublishedNew) -> u32 {
        let put = self.q.store.published_put(new).await;
        put.expect("in order")
    }

    /// Publishes another version of `f`, whose function is this text.
    async fn publish(&self, function: &str) -> u32 {
        self.put(self.new_one("f", bytes(function))).await
    }

    async fn find(&self, label: &str) -> Option<Published> {
        let found = self.q.store.published_find(self.q.account, label).await;
        found.expect("a read")
    }

    async fn versions(&self) -> Result<PublishedVersions> {
        self.q.store.published_versions(self.q.account, "f").await
    }

    async fn numbers(&self) -> (u32, Vec<u32>) {
        let list = self.versions().await.expect("published");
        let numbers = list.versions.iter().map(|v| v.version).collect();
        (list.current, numbers)
    }

    async fn rollback(&self, version: Option<u32>) -> Result<u32> {
        let store = self.q.store;
        store.published_rollback(self.q.account, "f", version).await
    }

    fn calling(&self, version: u32, key: &str, args: &[&str]) -> PublishedCall {
        PublishedCall {
            account: self.q.account,
            label: "f".to_owned(),
            version,
            args: args.iter().map(|text| bytes(text)).collect(),
            key: key.to_owned(),
            parent: None,
            now: NOW,
        }
    }

    async fn call(&self, version: u32, key: &str, args: &[&str]) -> Result<Submitted> {
        let call = self.calling(version, key, args);
        self.q.store.published_call(call).await
    }

    async fn function_of(&self, jid: Jid) -> Payload {
        let pickles = self.q.store.job_pickles(self.q.account, jid).await;
        pickles.expect("a known job").0
    }

    async fn delete(&self, jid: Jid) {
        let deleted = self
            .q
            .store
            .job_delete(self.q.account, JidSet::range(jid, 1));
        assert_eq!(deleted.await.expect("deleted"), 1);
    }
}

fn signature(parameter: &str) -> Signature {
    Signature {
        parameters: vec![Parameter {
            name: parameter.to_owned(),
            required: false,
            default: Some(serde_json::json!([1, "two"])),
            schema: None,
        }],
        ..Signature::default()
    }
}

pub async fn a_published_function_is_found_as_it_was_stored(store: &dyn Store) {
    let f = Functions::new(store).await;
    assert!(f.find("f").await.is_none());
    let new = f.new_one("f", bytes("function"));
    assert_eq!(f.put(new.clone()).await, 1);
    let found = f.find("f").await.expect("published");
    assert_eq!(
        (found.label.as_str(), found.account, found.version),
        ("f", f.q.account, 1)
    );
    assert_eq!(
        (found.access, found.token_hash, found.calls_per_minute),
        (Access::Account, None, 0)
    );
    assert_eq!((found.created, found.published), (NOW, NOW));
    assert_eq!(*found.spec, new.spec);
    assert_eq!(found.description, new.description);
    assert_eq!(*found.signature, new.signature);
    let rows = store.spec_get(vec![found.spec_id]).await.expect("a read");
    assert_eq!(rows[0].function, new.function);
}

pub async fn published_functions_are_listed_by_label(store: &dyn Store) {
    let f = Functions::new(store).await;
    for label in ["zeta", "f", "alpha", "f"] {
        f.put(f.new_one(label, bytes(label))).await;
    }
    let listed = store.published_list(f.q.account).await.expect("a list");
    let seen: Vec<_> = listed
        .iter()
        .map(|p| (p.label.as_str(), p.version, p.description.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("alpha", 1, "what alpha is for"),
            ("f", 2, "what f is for"),
            ("zeta", 1, "what zeta is for")
        ]
    );
}

pub async fn a_label_in_use_gets_another_version(store: &dyn Store) {
    let f = Functions::new(store).await;
    assert_refused!(f.versions().await, StoreError::NotFound(_));
    f.publish("one").await;
    let second = PublishedNew {
        description: "another".to_owned(),
        signature: signature("y"),
        now: later(7),
        ..f.new_one("f", bytes("two"))
    };
    assert_eq!(f.put(second).await, 2);
    let found = f.find("f").await.expect("published");
    assert_eq!(
        (found.version, found.created, found.published),
        (2, NOW, later(7))
    );
    assert_eq!(
        (found.description.as_str(), (*found.signature).clone()),
        ("another", signature("y"))
    );
    let list = f.versions().await.expect("published");
    assert_eq!(f.numbers().await, (2, vec![2, 1]));
    let (new, old) = (&list.versions[0].of, &list.versions[1].of);
    assert_eq!(new.signature, "f(y=[1, 'two'])");
    assert_eq!(old.signature, "f(x=[1, 'two'])");
    assert_eq!((new.published, old.published), (later(7), NOW));
    assert_eq!(
        (old.description.as_str(), old.function.as_str()),
        ("what f is for", "addition")
    );
    assert_eq!(
        (old.output_encoding, old.core_type.as_str(), old.cores),
        (ResultForm::Json, "c1", 1)
    );
}

pub async fn calls_use_the_version_they_name(store: &dyn Store) {
    let f = Functions::new(store).await;
    f.publish("one").await;
    f.publish("two").await;
    let old = f.call(1, "a", &["args"]).await.expect("called").first_jid;
    let new = f.call(2, "b", &["args"]).await.expect("called").first_jid;
    assert_eq!(f.function_of(old).await, bytes("one"));
    assert_eq!(f.function_of(new).await, bytes("two"));
    assert_refused!(f.call(3, "c", &["args"]).await, StoreError::NotFound(_));
    let jobs = f.q.claim(9).await;
    assert_eq!(
        jobs.iter().map(|job| job.jid).collect::<Vec<_>>(),
        [old, new]
    );
    assert_eq!(jobs[0].args, bytes("args"));
}

pub async fn a_rollback_makes_an_earlier_version_current(store: &dyn Store) {
    let f = Functions::new(store).await;
    assert_refused!(f.rollback(None).await, StoreError::NotFound(_));
    for function in ["one", "two", "three"] {
        f.publish(function).await;
    }
    assert_eq!(f.rollback(None).await.expect("rolled back"), 2);
    assert_eq!(f.find("f").await.expect("published").version, 2);
    assert_eq!(f.rollback(None).await.expect("rolled back"), 1);
    assert_refused!(f.rollback(None).await, StoreError::NotFound(_));
    assert_refused!(f.rollback(Some(4)).await, StoreError::NotFound(_));
    assert_refused!(f.rollback(Some(0)).await, StoreError::NotFound(_));
    assert_eq!(f.numbers().await, (1, vec![3, 2, 1]));
    assert_eq!(f.rollback(Some(3)).await.expect("forward"), 3);
    f.rollback(Some(1)).await.expect("rolled back");
    assert_eq!(f.publish("four").await, 4, "no number is used twice");
    assert_eq!(f.numbers().await, (4, vec![4, 3, 2, 1]));
}

pub async fn the_last_two_hundred_versions_are_kept(store: &dyn Store) {
    let f = Functions::new(store).await;
    let old = PublishedNew {
        function: f.q.blob("the first function").await,
        ..f.new_one("f", bytes(""))
    };
    f.put(old).await;
    let job = f.call(1, "a", &["args"]).await.expect("called").first_jid;
    for version in 2..=200 {
        assert_eq!(f.publish("same").await, version);
    }
    f.rollback(Some(1)).await.expect("the first is kept");
    f.publish("same").await;
    f.publish("same").await;
    let (current, numbers) = f.numbers().await;
    assert_eq!(current, 202);
    assert_eq!(numbers, (3..=202).rev().collect::<Vec<_>>());
    assert_refused!(f.rollback(Some(1)).await, StoreError::NotFound(_));
    assert_refused!(f.call(2, "b", &["args"]).await, StoreError::NotFound(_));
    assert_eq!(f.q.swept().await, 0, "its job needs it");
    f.q.run_all().await;
    assert_eq!(f.q.state(job).await, JobState::Done);
    f.delete(job).await;
    assert_eq!(f.q.swept().await, 1);
}

pub async fn access_token_and_limit_stay_over_versions(store: &dyn Store) {
    let f = Functions::new(store).await;
    let set = |set| store.published_change(f.q.account, "f", set);
    let shape = async || {
        let found = f.find("f").await.expect("published");
        (found.access, found.token_hash, found.calls_per_minute)
    };
    assert_refused!(set(PublishedSet::default()).await, StoreError::NotFound(_));
    f.publish("one").await;
    let (token, another) = (Hash::of(b"token"), Hash::of(b"another token"));
    let first = PublishedSet {
        access: Some(Access::Token),
        token_hash: Some(token),
        calls_per_minute: Some(60),
    };
    set(first).await.expect("changed");
    assert_eq!(shape().await, (Access::Token, Some(token), 60));
    f.publish("two").await;
    assert_eq!(shape().await, (Access::Token, Some(token), 60));
    f.rollback(None).await.expect("rolled back");
    assert_eq!(shape().await, (Access::Token, Some(token), 60));
    let access = PublishedSet {
        access: Some(Access::Public),
        ..PublishedSet::default()
    };
    set(access).await.expect("changed");
    let renewed = PublishedSet {
        token_hash: Some(another),
        ..PublishedSet::default()
    };
    set(renewed).await.expect("changed");
    let limit = PublishedSet {
        calls_per_minute: Some(0),
        ..PublishedSet::default()
    };
    set(limit).await.expect("changed");
    assert_eq!(shape().await, (Access::Public, Some(another), 0));
    store
        .published_remove(f.q.account, "f")
        .await
        .expect("removed");
    assert_eq!(f.publish("new").await, 1, "another publication");
    assert_eq!(shape().await, (Access::Account, None, 0));
}

pub async fn a_removed_function_leaves_its_jobs(store: &dyn Store) {
    let f = Functions::new(store).await;
    assert_refused!(
        store.published_remove(f.q.account, "f").await,
        StoreError::NotFound(_)
    );
    f.publish("one").await;
    f.publish("two").await;
    let job = f.call(1, "a", &["args"]).await.expect("called").first_jid;
    store
        .published_remove(f.q.account, "f")
        .await
        .expect("removed");
    assert!(f.find("f").await.is_none());
    assert_refused!(f.versions().await, StoreError::NotFound(_));
    assert_refused!(f.call(2, "b", &["args"]).await, StoreError::NotFound(_));
    f.q.run_all().await;
    assert_eq!(f.q.state(job).await, JobState::Done);
    assert_eq!(f.function_of(job).await, bytes("one"));
}

pub async fn blobs_are_kept_as_long_as_a_version_or_a_job_needs_them(store: &dyn Store) {
    let f = Functions::new(store).await;
    let (function, module) = (f.q.blob("function").await, f.q.blob("module").await);
    let new = PublishedNew {
        blobs: module.blob().map(|(hash, _)| hash).into_iter().collect(),
        ..f.new_one("f", function)
    };
    f.put(new.clone()).await;
    f.put(new).await;
    f.publish("another").await;
    assert_eq!(f.q.swept().await, 0, "one may roll back to it");
    let large = PublishedCall {
        args: vec![f.q.blob("arguments").await],
        ..f.calling(1, "a", &[])
    };
    let called = store.published_call(large).await.expect("called");
    store
        .published_remove(f.q.account, "f")
        .await
        .expect("removed");
    assert_eq!(f.q.swept().await, 0, "the job needs them");
    f.q.run_all().await;
    f.delete(called.first_jid).await;
    assert_eq!(f.q.swept().await, 3);
}

pub async fn a_missing_blob_publishes_and_calls_nothing(store: &dyn Store) {
    let f = Functions::new(store).await;
    let missing = Hash::of(b"nobody uploaded it");
    let nowhere = Payload::Blob {
        hash: missing,
        size: 7,
    };
    let new = f.new_one("f", nowhere.clone());
    assert_refused!(
        store.published_put(new).await,
        StoreError::BlobMissing(hash) if hash == missing
    );
    assert!(f.find("f").await.is_none());
    f.publish("one").await;
    let call = PublishedCall {
        args: vec![bytes("in order"), nowhere],
        ..f.calling(1, "a", &[])
    };
    assert_refused!(
        store.published_call(call).await,
        StoreError::BlobMissing(hash) if hash == missing
    );
    assert_eq!(f.q.claim(9).await.len(), 0);
    let called = f.call(1, "a", &["args"]).await;
    assert_eq!(called.expect("the key is free").count, 1);
}

pub async fn a_repeated_call_changes_nothing(store: &dyn Store) {
    let f = Functions::new(store).await;
    f.publish("one").await;
    let first = f.call(1, "a", &["args"]).await.expect("called");
    assert!(first.queued);
    assert_eq!(f.call(1, "a", &["args"]).await.expect("repeated"), first);
    assert_refused!(f.call(1, "a", &["1", "2"]).await, StoreError::Conflict(_));
    f.publish("two").await;
    assert_eq!(f.call(2, "a", &["args"]).await.expect("repeated"), first);
    store
        .published_remove(f.q.account, "f")
        .await
        .expect("removed");
    let again = f.call(1, "a", &["args"]).await;
    assert_eq!(again.expect("it was answered once"), first);
    assert_eq!(f.q.claim(9).await.len(), 1);
}

pub async fn a_call_without_arguments_for_any_job_is_refused(store: &dyn Store) {
    let f = Functions::new(store).await;
    f.publish("one").await;
    assert_refused!(f.call(1, "a", &[]).await, StoreError::Conflict(_));
    f.call(1, "a", &["args"]).await.expect("the key is free");
}

pub async fn several_arguments_make_a_map(store: &dyn Store) {
    let f = Functions::new(store).await;
    f.publish("one").await;
    let parent = f.q.make_one(f.q.jobs(1)).await;
    let call = PublishedCall {
        parent: Some(parent),
        ..f.calling(1, "a", &["0", "1", "2"])
    };
    let made = store.published_call(call).await.expect("called");
    assert_eq!(made.count, 3);
    let jobs = store
        .job_find(f.q.account, JidSet::range(made.first_jid, 3))
        .await
        .expect("known jobs");
    for job in &jobs {
        let map = job.map.as_ref().expect("it is of a map");
        assert_eq!((map.first, map.count), (made.first_jid, 3));
        assert_eq!(job.parent, Some(parent));
    }
    let pickles = store.job_pickles(f.q.account, jobs[2].jid).await;
    assert_eq!(pickles.expect("known"), (bytes("one"), bytes("2")));
    let single = f.call(1, "b", &["args"]).await.expect("called").first_jid;
    let job = store
        .job_find(f.q.account, JidSet::range(single, 1))
        .await
        .expect("a known job");
    assert!(job[0].map.is_none());
}

pub async fn published_functions_of_accounts_are_apart(store: &dyn Store) {
    let f = Functions::new(store).await;
    let eve = f.q.another_account().await;
    f.publish("ada's").await;
    f.publish("ada's").await;
    assert!(store.published_list(eve).await.expect("a list").is_empty());
    assert!(
        store
            .published_find(eve, "f")
            .await
            .expect("a read")
            .is_none()
    );
    assert_refused!(
        store.published_versions(eve, "f").await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store
            .published_change(eve, "f", PublishedSet::default())
            .await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.published_rollback(eve, "f", None).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.published_remove(eve, "f").await,
        StoreError::NotFound(_)
    );
    let hers = PublishedCall {
        account: eve,
        ..f.calling(1, "a", &["args"])
    };
    assert_refused!(
        store.published_call(hers.clone()).await,
        StoreError::NotFound(_)
    );
    let new = PublishedNew {
        account: eve,
        ..f.new_one("f", bytes("eve's"))
    };
    assert_eq!(f.put(new).await, 1, "the same label is another to her");
    let his = f.call(2, "a", &["args"]).await.expect("called").first_jid;
    let hers = store.published_call(hers).await.expect("called").first_jid;
    assert_ne!(his, hers, "the same key is another to her");
    let pickles = store.job_pickles(eve, hers).await.expect("her job");
    assert_eq!(pickles.0, bytes("eve's"));
    store.published_remove(eve, "f").await.expect("hers");
    assert_eq!(f.numbers().await, (2, vec![2, 1]));
}
