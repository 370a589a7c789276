//! What jobs say.

use super::fixture::{World, assert_refused, done};
use crate::{AttemptOf, Output, OutputSlice, Report, Store, StoreError};
use bytes::Bytes;
use picloud_types::{
    Jid, Stream,
    limits::{LOG_HEAD_KEEP_BYTES, LOG_TAIL_KEEP_BYTES},
};

fn piece(of: AttemptOf, stream: Stream, offset: u64, bytes: impl Into<Bytes>) -> Output {
    Output {
        of,
        stream,
        offset,
        bytes: bytes.into(),
    }
}

async fn say(world: &World<'_>, of: AttemptOf, offset: u64, text: &'static str) {
    let output = vec![piece(of, Stream::Stdout, offset, text)];
    assert_eq!(
        world
            .report(Report {
                output,
                ..Report::default()
            })
            .await
            .refused,
        []
    );
}

async fn read(world: &World<'_>, offset: u64, limit: u64) -> OutputSlice {
    world
        .store
        .output_read(world.account, Jid(1), Stream::Stdout, offset, limit)
        .await
        .expect("a known job")
}

async fn one_job(world: &World<'_>) -> AttemptOf {
    world.submit(world.jobs(1)).await;
    world.claim_one().await
}

pub async fn a_stream_is_read_from_any_position(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    let empty = OutputSlice {
        offset: 0,
        bytes: vec![],
        total: 0,
        finished: false,
    };
    assert_eq!(read(&world, 5, 10).await, empty);
    say(&world, job, 0, "hello ").await;
    say(&world, job, 6, "world").await;
    let slice = |offset, bytes: &str| OutputSlice {
        offset,
        bytes: bytes.into(),
        total: 11,
        finished: false,
    };
    assert_eq!(read(&world, 0, 100).await, slice(0, "hello world"));
    assert_eq!(read(&world, 3, 5).await, slice(3, "lo wo"));
    assert_eq!(read(&world, 6, 100).await, slice(6, "world"));
    assert_eq!(read(&world, 11, 100).await, slice(11, ""));
    assert_eq!(read(&world, 99, 100).await, slice(11, ""));
    let other = store
        .output_read(world.account, Jid(1), Stream::Stderr, 0, 9)
        .await
        .expect("known");
    assert_eq!(other.total, 0, "streams are apart");
}

pub async fn repeated_bytes_are_stored_once(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    say(&world, job, 0, "hello").await;
    say(&world, job, 0, "hello").await;
    say(&world, job, 2, "llo world").await;
    say(&world, job, 1, "ell").await;
    assert_eq!(read(&world, 0, 100).await.bytes, b"hello world");
}

pub async fn a_new_attempt_writes_behind_the_old_one(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    say(&world, job, 0, "first try;").await;
    world
        .report(Report {
            returned: vec![job],
            ..Report::default()
        })
        .await;
    let again = world.claim_one().await;
    say(&world, again, 0, "second").await;
    say(&world, again, 6, " try").await;
    say(&world, again, 0, "second try").await;
    assert_eq!(read(&world, 0, 100).await.bytes, b"first try;second try");
}

pub async fn the_middle_of_a_long_stream_is_dropped(store: &dyn Store) {
    const PIECE: u64 = 100_000;
    let world = World::new(store).await;
    let job = one_job(&world).await;
    let pieces = (LOG_HEAD_KEEP_BYTES + 2 * LOG_TAIL_KEEP_BYTES) / PIECE;
    for n in 0..pieces {
        let bytes =
            vec![u8::try_from(n % 251).expect("below 251"); usize::try_from(PIECE).expect("small")];
        world
            .report(Report {
                output: vec![piece(job, Stream::Stdout, n * PIECE, bytes)],
                ..Report::default()
            })
            .await;
    }
    let total = pieces * PIECE;
    let whole = read(&world, 0, u64::MAX).await;
    assert_eq!((whole.offset, whole.total), (0, total));
    let head = whole.bytes.len() as u64;
    assert!(
        (LOG_HEAD_KEEP_BYTES..LOG_HEAD_KEEP_BYTES + PIECE).contains(&head),
        "{head} bytes of the beginning"
    );
    let rest = read(&world, head, u64::MAX).await;
    assert_eq!(
        rest.offset + rest.bytes.len() as u64,
        total,
        "it begins later than asked, and says so"
    );
    let tail = rest.bytes.len() as u64;
    assert!(
        (LOG_TAIL_KEEP_BYTES..LOG_TAIL_KEEP_BYTES + 2 * PIECE).contains(&tail),
        "{tail} bytes of the end"
    );
    for slice in [whole, rest] {
        for (position, byte) in (slice.offset..).zip(slice.bytes).step_by(977) {
            assert_eq!(u64::from(byte), position / PIECE % 251, "at {position}");
        }
    }
}

pub async fn tails_are_the_ends_of_all_streams(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    let output = vec![
        piece(job, Stream::Stdout, 0, "a long story"),
        piece(job, Stream::Stdout, 12, ", told"),
        piece(job, Stream::Syslog, 0, "no"),
    ];
    world
        .report(Report {
            output,
            ..Report::default()
        })
        .await;
    let tails = store
        .output_tails(world.account, Jid(1), 8)
        .await
        .expect("known");
    assert_eq!(
        tails,
        [
            (Stream::Stdout, b"ry, told".to_vec()),
            (Stream::Syslog, b"no".to_vec())
        ]
    );
    assert_refused!(
        store.output_tails(world.account, Jid(2), 8).await,
        StoreError::JobUnknown(Jid(2))
    );
}

pub async fn output_of_a_lost_attempt_is_refused(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    world
        .report(Report {
            returned: vec![job],
            ..Report::default()
        })
        .await;
    let again = world.claim_one().await;
    let output = vec![
        piece(job, Stream::Stdout, 0, "late"),
        piece(job, Stream::Stderr, 0, "late"),
        piece(again, Stream::Stdout, 0, "good"),
    ];
    assert_eq!(
        world
            .report(Report {
                output,
                ..Report::default()
            })
            .await
            .refused,
        [job]
    );
    assert_eq!(read(&world, 0, 100).await.bytes, b"good");
}

pub async fn a_reader_learns_that_no_more_will_come(store: &dyn Store) {
    let world = World::new(store).await;
    let job = one_job(&world).await;
    let output = vec![piece(job, Stream::Stdout, 0, "last words")];
    world
        .report(Report {
            output,
            finished: vec![done(job)],
            ..Report::default()
        })
        .await;
    let slice = read(&world, 0, 100).await;
    assert!(slice.finished);
    assert_eq!(
        slice.bytes, b"last words",
        "output of the report that ends the job counts"
    );
}
