//! Finding jobs again: every filter of the list, through the API.

use crate::world::{Worker, World, ended, header, inline, refused, spec, submit_one};
use picloud_client::ApiClient;
use picloud_types::{
    ErrorKind, Jid, JobSpec, JobState,
    api::{
        info::{InfoPart, JobInfo},
        jobs::{JobRow, ListQuery},
        workers::ReportHeader,
    },
};

async fn list(client: &ApiClient, query: ListQuery) -> Vec<JobRow> {
    let (mut rows, mut query) = (Vec::new(), query);
    loop {
        let page = client.list(&query).await.expect("a page");
        rows.extend(page.jobs);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return rows,
        }
    }
}

async fn jids(client: &ApiClient, query: ListQuery) -> Vec<Jid> {
    let rows = list(client, query).await;
    rows.into_iter().map(|row| row.jid).collect()
}

async fn submit_as(client: &ApiClient, count: usize, change: impl FnOnce(&mut JobSpec)) -> Jid {
    let mut spec = spec();
    change(&mut spec);
    let args = vec![inline(b"args"); count];
    let (header, function) = (header(spec, count), inline(b"function"));
    let made = client.submit(&header, &function, &args).await;
    made.expect("taken").first_jid
}

/// Lets the oldest queued job end this way, with these words.
async fn end(worker: &Worker, state: JobState, words: &str) -> Jid {
    let job = worker.one().await;
    worker.start(&job).await;
    let mut finished = ended(job.jid, job.attempt, state);
    finished.usage.cpu_user_us = 1_250;
    finished.usage.cpu_system_us = 250;
    finished.usage.runtime_us = 3_600_000_000;
    if let Some(failure) = &mut finished.failure {
        failure.exception = format!("Traceback\n{words}");
    }
    let report = ReportHeader {
        finished: vec![finished],
        ..ReportHeader::default()
    };
    worker.report(&report, &[inline(b"r")]).await;
    job.jid
}

fn one(change: impl FnOnce(&mut ListQuery)) -> ListQuery {
    let mut query = ListQuery::default();
    change(&mut query);
    query
}

#[tokio::test]
async fn jobs_are_found_by_several_statuses_by_core_type_and_by_time() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let done = submit_one(&client).await;
    assert_eq!(end(&worker, JobState::Done, "").await, done);
    let failed = submit_one(&client).await;
    assert_eq!(
        end(&worker, JobState::Error, "ValueError: no").await,
        failed
    );
    let queued = submit_as(&client, 1, |spec| spec.core_type = "m1".into()).await;
    for (statuses, expected) in [
        ("done", vec![done]),
        ("error,done", vec![failed, done]),
        ("queued, error", vec![queued, failed]),
        ("killed,stalled", vec![]),
    ] {
        let query = one(|q| q.status = Some(statuses.to_owned()));
        assert_eq!(jids(&client, query).await, expected, "{statuses}");
    }
    for (kind, expected) in [
        ("m1", vec![queued]),
        ("c1", vec![failed, done]),
        ("c2", vec![]),
    ] {
        let query = one(|q| q.core_type = Some(kind.to_owned()));
        assert_eq!(jids(&client, query).await, expected, "{kind}");
    }
    let rows = list(&client, ListQuery::default()).await;
    let created = rows[1].created.0;
    assert_eq!(rows[1].jid, failed);
    let later = jids(&client, one(|q| q.created_from = Some(created + 1))).await;
    let earlier = jids(&client, one(|q| q.created_until = Some(created))).await;
    let then = one(|q| (q.created_from, q.created_until) = (Some(created), Some(created + 1)));
    let then = jids(&client, then).await;
    assert!(then.contains(&failed), "from is part of it: {then:?}");
    assert!(
        !later.contains(&failed) && !earlier.contains(&failed),
        "until is not"
    );
    assert_eq!(then.len() + later.len() + earlier.len(), 3);
}

#[tokio::test]
async fn jobs_are_found_by_a_text_in_their_name_label_or_error() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let failed = submit_one(&client).await;
    end(&worker, JobState::Error, "ZeroDivisionError: 100% _wrong").await;
    let named = submit_as(&client, 1, |spec| spec.function_name = "Train_Model".into()).await;
    let labelled = submit_as(&client, 1, |spec| spec.label = Some("nightly".into())).await;
    for (text, expected) in [
        ("zerodivision", vec![failed]),
        ("100% _", vec![failed]),
        ("train_m", vec![named]),
        ("NIGHT", vec![labelled]),
        ("t\" OR *", vec![]),
        ("", vec![labelled, named, failed]),
    ] {
        let query = one(|q| q.text = Some(text.to_owned()));
        assert_eq!(jids(&client, query).await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_map_is_one_row_with_its_statuses_and_its_jobs_are_found_by_it() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let first = submit_as(&client, 3, |_| {}).await;
    let mut pulled = worker.pull().await.header.jobs;
    let job = pulled.remove(0);
    worker.start(&job).await;
    worker.finish(&job, b"r").await;
    let single = submit_one(&client).await;
    let rows = list(&client, one(|q| q.grouped = true)).await;
    let of_map = &rows[1];
    assert_eq!((rows.len(), rows[0].jid), (2, single));
    assert!(rows[0].map.is_none());
    let map = of_map.map.as_ref().expect("a map");
    assert_eq!((map.first, map.count), (first, 3));
    let statuses = map.statuses.as_ref().expect("statuses");
    assert_eq!(statuses["done"], 1);
    assert_eq!(statuses.values().sum::<u64>(), 3);
    let of = jids(&client, one(|q| q.map = Some(first.0))).await;
    assert_eq!(of, [Jid(first.0 + 2), Jid(first.0 + 1), first]);
    let rows = list(&client, one(|q| q.map = Some(first.0))).await;
    assert!(
        rows.iter()
            .all(|row| row.map.as_ref().is_some_and(|m| m.statuses.is_none()))
    );
}

#[tokio::test]
async fn a_row_has_processor_time_and_cost_once_the_job_has_ended() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    submit_one(&client).await;
    let row = &list(&client, ListQuery::default()).await[0];
    assert_eq!(
        (row.cpu_user_ms, row.cpu_system_ms, row.cost),
        (None, None, None)
    );
    end(&worker, JobState::Done, "").await;
    let row = &list(&client, ListQuery::default()).await[0];
    assert_eq!(
        (row.cpu_user_ms, row.cpu_system_ms),
        (Some(1.25), Some(0.25))
    );
    let cost = row.cost.expect("a cost");
    assert!((cost - 0.05).abs() < 1e-5, "an hour of c1, not {cost}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let world = World::new().await;
    let client = world.client();
    for (query, words) in [
        (one(|q| q.status = Some("done,odd".into())), "odd"),
        (one(|q| q.status = Some("done,,error".into())), "\"\""),
        (one(|q| q.text = Some("x".repeat(201))), "200 characters"),
        (one(|q| q.queue = Some("a b".into())), "a b"),
        (
            one(|q| (q.created_from, q.created_until) = (Some(2), Some(1))),
            "after",
        ),
        (one(|q| q.limit = Some(0)), "1 to 1000"),
    ] {
        let error = refused(client.list(&query).await, ErrorKind::BadRequest);
        assert!(error.to_string().contains(words), "{error} has no {words}");
    }
    let most = one(|q| q.text = Some("ä".repeat(200)));
    assert!(client.list(&most).await.expect("taken").jobs.is_empty());
}

async fn info(client: &ApiClient, jid: Jid) -> JobInfo {
    let with = vec![InfoPart::Profile];
    let mut found = client
        .info(crate::world::only(jid), with)
        .await
        .expect("info");
    found.remove(&jid).expect("the job")
}

#[tokio::test]
async fn info_tells_dependencies_the_map_and_earlier_attempts() {
    let world = World::new().await;
    let client = world.client();
    let first = submit_as(&client, 2, |_| {}).await;
    let mut dependent = header(spec(), 1);
    dependent.depends_on = crate::world::only(first);
    let (function, args) = (inline(b"function"), [inline(b"args")]);
    let made = client.submit(&dependent, &function, &args).await;
    let dependent = made.expect("taken").first_jid;
    assert_eq!(
        info(&client, dependent).await.depends_on,
        crate::world::only(first)
    );
    let worker = world.worker("lost").await;
    let job = worker.pull().await.header.jobs.remove(0);
    worker.start(&job).await;
    worker.line.bye(worker.id).await.expect("gone");
    let about = info(&client, job.jid).await;
    let map = about.map.expect("a map");
    assert_eq!((map.first, map.count), (first, 2));
    assert_eq!(about.earlier_attempts.len(), 1);
    let past = &about.earlier_attempts[0];
    assert_eq!((past.attempt, past.worker.as_deref()), (1, Some("lost")));
    assert!(past.because.contains("lost or stopped"), "{past:?}");
}

#[tokio::test]
async fn a_profile_is_told_as_text_and_as_data_if_it_came_as_both() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let both = r#"{"text": "1 call", "calls": {"functions": [{"file": "a.py", "line": 1, "name": "f",
        "calls": 1, "primitive_calls": 1, "own_s": 0.5, "total_s": 0.5}], "edges": []}}"#;
    for (sent, text, functions) in [(both, "1 call", Some(1)), ("plain", "plain", None)] {
        let jid = submit_one(&client).await;
        let job = worker.one().await;
        let mut finished = ended(job.jid, job.attempt, JobState::Done);
        finished.profile = Some(sent.to_owned());
        let report = ReportHeader {
            finished: vec![finished],
            ..ReportHeader::default()
        };
        worker.report(&report, &[inline(b"r")]).await;
        let about = info(&client, jid).await;
        assert_eq!(about.profile.as_deref(), Some(text));
        assert_eq!(
            about.profile_calls.map(|calls| calls.functions.len()),
            functions
        );
        let bare = client.info(crate::world::only(jid), Vec::new()).await;
        let bare = &bare.expect("info")[&jid];
        assert!(
            bare.profile.is_none() && bare.profile_calls.is_none(),
            "not asked for"
        );
    }
}
