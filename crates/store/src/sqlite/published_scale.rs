//! Tests that calls cost the same however much is published: as for jobs, the steps of SQLite's virtual machine are counted.

use super::{Options, SqliteStore, Writing, published, readers::Size, scale::steps, specs};
use crate::{
    PublishedCall, PublishedNew, PublishedStore, Store,
    contract::{NOW, World},
};
use picloud_types::{Payload, api::published::Signature};

fn new_one(world: &World<'_>, label: &str) -> PublishedNew {
    let submission = world.jobs(1);
    PublishedNew {
        account: world.account,
        label: label.to_owned(),
        spec: submission.spec,
        function: submission.function,
        blobs: Vec::new(),
        description: String::new(),
        signature: Signature::default(),
        now: NOW,
    }
}

/// What it costs to find, call and publish the function `counted` on a store as it is.
async fn costs(store: &SqliteStore, world: &World<'_>, key: &str) -> [u64; 3] {
    let account = world.account;
    let finding = store.read(Size::Many, move |r| {
        steps(|| published::find(r, account, "counted"))
    });
    let (found, finding) = finding.await.expect("a read");
    let call = PublishedCall {
        account,
        label: "counted".to_owned(),
        version: found.expect("published").version,
        args: vec![Payload::empty(); 3],
        key: key.to_owned(),
        parent: None,
        now: NOW,
    };
    let calling = store.write(true, move |w: &mut Writing<'_>| {
        steps(|| published::call(w, &call))
    });
    let (called, calling) = calling.await.expect("called");
    assert_eq!(called.count, 3);
    let new = new_one(world, "counted");
    let prepared = specs::Prepared::new(&new.spec, &new.function, &new.blobs);
    let putting = store.write(true, move |w: &mut Writing<'_>| {
        steps(|| published::put(w, &new, &prepared))
    });
    let (_, putting) = putting.await.expect("published");
    [finding, calling, putting]
}

#[tokio::test]
async fn a_call_costs_the_same_beside_thousands_of_functions_versions_and_jobs() {
    let directory = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::open(&Options::new(directory.path().join("picloud.db"))).expect("a store");
    let world = World::new(&store).await;
    let put = async |label: &str| {
        let new = new_one(&world, label);
        store.published_put(new).await.expect("in order")
    };
    // As many as are kept: one goes with each that comes.
    for _ in 0..210 {
        put("counted").await;
    }
    for key in ["first", "second"] {
        costs(&store, &world, key).await;
    }
    let small = costs(&store, &world, "third").await;
    for n in 0..500 {
        for _ in 0..4 {
            put(&format!("function {n}")).await;
        }
    }
    world.submit(world.jobs(3_000)).await;
    let large = costs(&store, &world, "fourth").await;
    for (verb, (small, large)) in ["find", "call", "put"].iter().zip(small.iter().zip(large)) {
        assert!(*small > 10, "{verb} is counted");
        assert!(
            large <= small + small / 10,
            "{verb} took {small} steps, then {large}"
        );
    }
    store.close().await;
}
