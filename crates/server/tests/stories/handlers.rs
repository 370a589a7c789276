//! Handlers attached to queues, and what their jobs exchange with the server.

use crate::{
    queue_world::{
        Handler, attach, attach_header, handled, info, pop, push, push_numbers, queue, settings,
        value, values,
    },
    world::{World, ended, inline, only, refused, spec, status, submit_one, until},
};
use picloud_types::{
    ErrorKind, JobState,
    api::{
        jobs::{KillRequest, ListQuery},
        queues::{AttachmentSettings, Finish, MessageError, MoveRequest, PeekQuery, QueueChange},
        workers::ReportHeader,
    },
    message::{Delivered, MessageOutcome, Settled},
};
use serde_json::json;

fn sends_to(names: &[&str]) -> AttachmentSettings {
    AttachmentSettings {
        output_queues: names.iter().map(|name| queue(name)).collect(),
        ..settings()
    }
}

fn with_errors(crash: bool) -> AttachmentSettings {
    serde_json::from_value(json!({
        "on_error": [{"exception": "builtins.Exception", "queue": "errors"}],
        "on_crash": crash.then_some(0),
        "max_crashes": 1,
    }))
    .expect("settings")
}

fn failed(message: &Delivered, jid: i64) -> Settled {
    let error: MessageError = serde_json::from_value(json!({
        "source_queue": "q",
        "exception_type": "builtins.ValueError",
        "exception_text": "no",
        "traceback": "Traceback\nValueError: no",
        "cur_retry": 0,
        "jid": jid,
    }))
    .expect("an error");
    Settled {
        outcome: MessageOutcome::Failed {
            on_error: Some(0),
            error: serde_json::to_string(&error).expect("JSON"),
        },
        ..handled(message, vec![])
    }
}

#[tokio::test]
async fn a_handler_takes_messages_and_sends_on_what_it_made_of_them() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    push_numbers(&client, "q", 3).await;
    let attached = attach(&client, "q", 1, sends_to(&["a", "b"])).await;
    assert_eq!((attached.version, attached.max_parallel_jobs), (1, 1));
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    assert_eq!(taken.len(), 3);
    let held = info(&client, "q").await;
    assert_eq!((held.count, held.in_flight), (3, 3));
    assert_eq!(held.attachment.map(|a| a.jobs), Some(1));
    let settled: Vec<_> = taken
        .iter()
        .map(|m| handled(m, vec![json!([value(m), "made"])]))
        .collect();
    let (reply, more) = handler.exchange(&settled, 10, 0).await;
    assert_eq!((reply.finish, more.len()), (None, 0));
    assert_eq!(info(&client, "q").await.count, 0);
    for name in ["a", "b"] {
        let mut made = values(&pop(&client, name, 10).await);
        made.sort_by_key(|m| m[0].as_u64());
        let expected: Vec<_> = (0..3).map(|n| json!([n, "made"])).collect();
        assert_eq!(made, expected, "{name}");
    }
    let query = ListQuery {
        queue: Some("q".into()),
        ..ListQuery::default()
    };
    submit_one(&client).await;
    let jobs = client.list(&query).await.expect("listed").jobs;
    assert_eq!(jobs.len(), 1, "only the one that handles it");
    assert_eq!(jobs[0].jid, handler.jid);
    assert_eq!(jobs[0].queue, Some(queue("q")));
}

#[tokio::test]
async fn a_repeated_exchange_settles_once_and_brings_the_same_messages() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, sends_to(&["out"])).await;
    push_numbers(&client, "q", 4).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let first = handler.take(2).await;
    let settled: Vec<_> = first.iter().map(|m| handled(m, vec![json!(1)])).collect();
    let mut header = handler.next(2, 0);
    header.settled = 2;
    let (_, once) = handler.try_exchange(&header, &settled).await.expect("done");
    for _ in 0..3 {
        let (_, again) = handler.try_exchange(&header, &settled).await.expect("done");
        assert_eq!(again, once);
    }
    assert_eq!(info(&client, "out").await.count, 2);
    let held = info(&client, "q").await;
    assert_eq!((held.count, held.in_flight), (2, 2));
}

#[tokio::test]
async fn an_exchange_waits_for_messages_and_hears_of_them_at_once() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    let settled = [handled(&taken[0], vec![])];
    let waits = tokio::spawn(async move {
        let taken = handler.exchange(&settled, 10, 20_000).await.1;
        (taken, tokio::time::Instant::now())
    });
    until("what was settled is, though the answer waits", || async {
        info(&client, "q").await.count == 0
    })
    .await;
    assert!(!waits.is_finished());
    let began = tokio::time::Instant::now();
    push_numbers(&client, "q", 1).await;
    let (taken, at) = waits.await.expect("no panic");
    assert_eq!(taken.len(), 1);
    let took = at.duration_since(began);
    // Long before it looks by itself.
    assert!(took < std::time::Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn an_attempt_that_is_over_changes_nothing() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, sends_to(&["out"])).await;
    push_numbers(&client, "q", 2).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    handler.end(&worker, JobState::Error).await;
    let settled: Vec<_> = taken.iter().map(|m| handled(m, vec![json!(1)])).collect();
    let mut header = handler.next(10, 0);
    header.settled = 2;
    let late = handler.try_exchange(&header, &settled).await;
    let error = refused(late, ErrorKind::Conflict);
    assert!(error.to_string().contains("over"), "{error}");
    assert_eq!(info(&client, "out").await.count, 0);
    until("the messages are back", || async {
        let now = info(&client, "q").await;
        (now.count, now.in_flight) == (2, 0)
    })
    .await;
    let next = Handler::begun(&world, &worker, "q").await;
    assert!(next.jid > handler.jid, "a new job, not the old one again");
}

#[tokio::test]
async fn the_messages_of_a_lost_worker_go_to_the_next_job() {
    let world = World::with(|o| o.lease = std::time::Duration::from_millis(300)).await;
    let (client, lost) = (world.client(), world.worker("lost").await);
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut first = Handler::begun(&world, &lost, "q").await;
    assert_eq!(first.take(10).await.len(), 1);
    // It says nothing any more.
    until("its job ended", || async {
        status(&client, first.jid).await == "error"
    })
    .await;
    let worker = world.worker("w").await;
    let mut next = Handler::begun(&world, &worker, "q").await;
    let again = next.take(10).await;
    assert_eq!((again.len(), again[0].deliveries), (1, 2));
    let late = first.next(1, 0);
    refused(first.try_exchange(&late, &[]).await, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_killed_handler_job_gives_its_messages_back() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    assert_eq!(handler.take(10).await.len(), 1);
    let request = KillRequest {
        jids: only(handler.jid),
        all: false,
    };
    let work = async {
        let news = worker.pull().await;
        assert_eq!(news.header.kills.len(), 1);
        let header = ReportHeader {
            kills_seen: news.header.kills,
            finished: vec![ended(handler.jid, handler.attempt, JobState::Killed)],
            ..ReportHeader::default()
        };
        worker.report(&header, &[inline(b"")]).await;
    };
    let (killed, ()) = tokio::join!(client.kill(&request), work);
    assert_eq!(killed.expect("killed"), 1);
    let mut next = Handler::begun(&world, &worker, "q").await;
    assert_eq!(next.take(10).await.len(), 1);
}

#[tokio::test]
async fn errors_go_where_they_are_wanted_and_back_again() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, with_errors(false)).await;
    push(&client, "q", [json!({"id": 7})]).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    let settled = [failed(&taken[0], handler.jid.0)];
    handler.exchange(&settled, 0, 0).await;
    assert_eq!(info(&client, "q").await.count, 0);
    let errors = queue("errors");
    let peeked = client.queue_peek(&errors, &PeekQuery::default()).await;
    let peeked = peeked.expect("peeked").messages;
    assert_eq!(peeked.len(), 1);
    assert_eq!(peeked[0].message, Some(json!({"id": 7})), "as it was");
    let error = peeked[0].error.as_ref().expect("an error");
    assert_eq!(error.source_queue, queue("q"));
    assert_eq!(error.exception_type, "builtins.ValueError");
    let redriven = client.queue_redrive(&errors, &MoveRequest::default()).await;
    assert_eq!(redriven.expect("redriven"), 1);
    let back = handler.take(10).await;
    assert_eq!(value(&back[0]), json!({"id": 7}));
    assert_eq!((back[0].cur_retry, &back[0].error), (0, &None));
}

#[tokio::test]
async fn a_retry_comes_back_counted() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    let again = Settled {
        outcome: MessageOutcome::Retry {
            delay_s: 0,
            max_retries: Some(3),
        },
        ..handled(&taken[0], vec![])
    };
    let (_, back) = handler.exchange(&[again], 10, 5_000).await;
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].cur_retry, back[0].max_retries), (1, Some(3)));
    let (_, none) = handler.exchange(&[], 10, 0).await;
    assert!(none.is_empty(), "it is held");
    let mut header = handler.next(10, 0);
    header.give_back = vec![back[0].id];
    let (_, given) = handler.try_exchange(&header, &[]).await.expect("done");
    assert!(given.len() <= 1);
    until("a message that was given back can be taken", || async {
        info(&client, "q").await.count == 1
    })
    .await;
}

#[tokio::test]
async fn a_message_that_ends_processes_ends_as_an_error_and_its_neighbours_do_not() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, with_errors(true)).await;
    push(&client, "q", ["good", "poison", "fine"].map(|m| json!(m))).await;
    let mut handled_once = Vec::new();
    // Each life of the process ends when it meets the poison.
    while handled_once.len() < 2 || info(&client, "q").await.count > 0 {
        let mut handler = Handler::begun(&world, &worker, "q").await;
        loop {
            let taken = handler.take(10).await;
            if taken.iter().any(|m| value(m) == json!("poison")) {
                handler.end(&worker, JobState::Error).await;
                break;
            }
            if taken.is_empty() {
                handler.end(&worker, JobState::Done).await;
                break;
            }
            handled_once.extend(values(&taken));
            let settled: Vec<_> = taken.iter().map(|m| handled(m, vec![])).collect();
            let (reply, rest) = handler.exchange(&settled, 0, 0).await;
            assert!(rest.is_empty() && reply.finish.is_none());
            if handled_once.len() == 2 && info(&client, "q").await.count == 0 {
                handler.end(&worker, JobState::Done).await;
                break;
            }
        }
        let over = handled_once.len() == 2;
        until("what it held is released", || async {
            let now = info(&client, "q").await;
            now.in_flight == 0 && (!over || now.count <= 1)
        })
        .await;
    }
    handled_once.sort_by_key(|v| v.as_str().map(str::to_owned));
    assert_eq!(handled_once, [json!("fine"), json!("good")]);
    let peeked = client
        .queue_peek(&queue("errors"), &PeekQuery::default())
        .await;
    let errors = peeked.expect("peeked").messages;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, Some(json!("poison")));
    let error = serde_json::to_value(errors[0].error.as_ref().expect("an error"));
    let error = error.expect("JSON").to_string();
    assert!(error.contains("raised"), "the verdict of the job: {error}");
}

#[tokio::test]
async fn a_new_version_ends_jobs_of_the_old_one_and_a_rollback_brings_it_back() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let q = queue("q");
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut old = Handler::begun(&world, &worker, "q").await;
    let taken = old.take(10).await;
    let waits = {
        let settled = [handled(&taken[0], vec![])];
        tokio::spawn(async move {
            let reply = old.exchange(&settled, 10, 20_000).await.0;
            (reply, old)
        })
    };
    until("it waits", || async { info(&client, "q").await.count == 0 }).await;
    let mut second = attach_header(2, settings());
    second.spec.function_name = "g".into();
    let (function, args) = (inline(b"loop"), inline(b"other"));
    let attached = client.attach(&q, &second, &function, &args).await;
    assert_eq!(attached.expect("attached").version, 2);
    let (reply, old) = waits.await.expect("no panic");
    assert_eq!(reply.finish, Some(Finish::Replaced));
    old.end(&worker, JobState::Done).await;

    push_numbers(&client, "q", 1).await;
    let mut new = Handler::begun(&world, &worker, "q").await;
    assert_eq!(new.take(1).await.len(), 1);
    let back = client.attachment_rollback(&q, None).await.expect("back");
    assert_eq!((back.version, back.of.handler.as_str()), (1, "f"));
    let (reply, _) = new.exchange(&[], 1, 20_000).await;
    assert_eq!(reply.finish, Some(Finish::Replaced));
    let versions = client.attachment_versions(&q).await.expect("versions");
    let numbers: Vec<_> = versions.versions.iter().map(|v| v.version).collect();
    assert_eq!((versions.current, &numbers[..]), (Some(1), &[2, 1][..]));
    let error = refused(
        client.attachment_rollback(&q, Some(9)).await,
        ErrorKind::NotFound,
    );
    assert!(error.to_string().contains("version 9"), "{error}");

    client.detach(&q).await.expect("detached");
    assert_eq!(info(&client, "q").await.attachment, None);
    let error = refused(client.detach(&q).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing is attached"), "{error}");
    let change = QueueChange {
        max_parallel_jobs: Some(3),
        ..QueueChange::default()
    };
    let error = refused(client.queue_change(&q, &change).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing is attached"), "{error}");
}

#[tokio::test]
async fn only_jobs_of_the_queue_exchange() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let header = picloud_types::api::queues::ExchangeHeader {
        seq: 1,
        lease: 1,
        ..Default::default()
    };
    let by_person = client.exchange(&queue("q"), &header, &[]).await;
    refused(by_person, ErrorKind::Forbidden);
    let by_nobody = world.client_as("7", "nonsense");
    let by_nobody = by_nobody.exchange(&queue("q"), &header, &[]).await;
    refused(by_nobody, ErrorKind::Unauthorized);
    push_numbers(&client, "q", 1).await;
    submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let ordinary = Handler::of(&world, &job, 1, "q");
    refused(
        ordinary.try_exchange(&header, &[]).await,
        ErrorKind::Forbidden,
    );
    let forged = world.client_as(&format!("job-1-{}-{}", job.jid, job.attempt), "x");
    let forged = forged.exchange(&queue("q"), &header, &[]).await;
    refused(forged, ErrorKind::Unauthorized);
    worker.finish(&job, b"").await;

    attach(&client, "q", 1, settings()).await;
    attach(&client, "other", 1, settings()).await;
    push_numbers(&client, "other", 1).await;
    let mut jobs = worker.pull().await.header.jobs;
    jobs.extend(if jobs.len() < 2 {
        worker.pull().await.header.jobs
    } else {
        vec![]
    });
    for job in &jobs {
        worker.start(job).await;
        let [q, other] = ["q", "other"].map(|name| Handler::of(&world, job, 1, name));
        let answers = [
            q.try_exchange(&header, &[]).await,
            other.try_exchange(&header, &[]).await,
        ];
        let taken: usize = answers.iter().flatten().map(|(_, m)| m.len()).sum();
        assert_eq!(taken, 1, "its own queue's message");
        for answer in answers.into_iter().filter(Result::is_err) {
            refused(answer, ErrorKind::Forbidden);
        }
    }
}

#[tokio::test]
async fn a_bad_exchange_changes_nothing() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, sends_to(&["out"])).await;
    push_numbers(&client, "q", 2).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    let good = handled(&taken[0], vec![json!(1)]);
    let with = |outcome| Settled {
        outcome,
        ..handled(&taken[1], vec![])
    };
    let bad = [
        with(MessageOutcome::Retry {
            delay_s: 901,
            max_retries: None,
        }),
        with(MessageOutcome::Failed {
            on_error: None,
            error: "no JSON".into(),
        }),
    ];
    for settled in bad {
        let mut header = handler.next(10, 0);
        header.settled = 2;
        let answer = handler
            .try_exchange(&header, &[good.clone(), settled])
            .await;
        refused(answer, ErrorKind::BadRequest);
        let now = info(&client, "q").await;
        assert_eq!((now.count, now.in_flight), (2, 2));
    }
    assert_eq!(info(&client, "out").await.count, 0);
}

#[tokio::test]
async fn attachments_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let client = world.client();
    let many: Vec<_> = (0..51).map(|n| format!("q{n}")).collect();
    let on_error = |delay_s: u32| json!([{"exception": "E", "queue": "e", "delay_s": delay_s}]);
    for (why, settings) in [
        ("outputs", json!({"output_queues": many})),
        ("no readers", json!({"readers_per_job": 0})),
        ("readers", json!({"readers_per_job": 129})),
        ("retry delay", json!({"retry_delay_s": 901})),
        ("error delay", json!({"on_error": on_error(901)})),
        ("on_crash", json!({"on_error": on_error(0), "on_crash": 1})),
        ("a nameless class", json!({"retry_on": [""]})),
    ] {
        let settings = serde_json::from_value(settings).expect("settings");
        let header = attach_header(1, settings);
        let answer = client
            .attach(&queue("q"), &header, &inline(b"f"), &inline(b"a"))
            .await;
        let error = answer.expect_err(why);
        assert_eq!(error.kind(), Some(ErrorKind::BadRequest), "{why}: {error}");
    }
    let mut header = attach_header(1, settings());
    header.spec.queue = Some(queue("other"));
    let answer = client
        .attach(&queue("q"), &header, &inline(b"f"), &inline(b"a"))
        .await;
    refused(answer, ErrorKind::BadRequest);
    header.spec.queue = None;
    header.spec.core_type = "zz".into();
    let answer = client
        .attach(&queue("q"), &header, &inline(b"f"), &inline(b"a"))
        .await;
    refused(answer, ErrorKind::BadRequest);
    let mut named = crate::world::header(spec(), 1);
    named.spec.queue = Some(queue("q"));
    let error = refused(
        client.submit(&named, &inline(b"f"), &[inline(b"a")]).await,
        ErrorKind::BadRequest,
    );
    assert!(error.to_string().contains("queue"), "{error}");
    assert!(client.queues(None).await.expect("listed").is_empty());
}
