//! Messages go in and come out, by hand.

use crate::{
    queue_world::{
        bodies, info, pop, pop_request, push, push_header, push_numbers, queue, value, values,
    },
    world::{World, inline, refused, until},
};
use bytes::Bytes;
use picloud_types::{
    ErrorKind, Hash, Payload,
    api::queues::{
        MoveRequest, PeekQuery, PushJson, QueueChange, RatesQuery, RequeueRequest, TicketsRequest,
    },
    message::{Body, MessageKind},
};
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_pushed_comes_out_once() {
    let world = World::new().await;
    let client = world.client();
    push_numbers(&client, "q", 25).await;
    assert_eq!(info(&client, "q").await.count, 25);
    let mut seen = Vec::new();
    for expected in [10, 10, 5, 0] {
        let popped = pop(&client, "q", 10).await;
        assert_eq!(popped.len(), expected);
        seen.extend(values(&popped));
    }
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, (0..25).map(|n| json!(n)).collect::<Vec<_>>());
    assert_eq!(info(&client, "q").await.count, 0);
}

#[tokio::test]
async fn a_repeated_push_is_one_push() {
    let world = World::new().await;
    let client = world.client();
    let (header, messages) = (push_header(2), bodies([json!(1), json!(2)]));
    for _ in 0..2 {
        let pushed = client.queue_push(&queue("q"), &header, &messages).await;
        assert_eq!(pushed.expect("pushed"), 2);
    }
    assert_eq!(info(&client, "q").await.count, 2);
}

#[tokio::test]
async fn json_goes_in_and_comes_out_without_frames() {
    let world = World::new().await;
    let client = world.client();
    let large = "x".repeat(100_000);
    let push = PushJson {
        messages: vec![json!({"id": 7}), json!(large)],
        delay_s: 0,
        key: None,
    };
    let pushed = client.queue_push_json(&queue("q"), &push).await;
    assert_eq!(pushed.expect("pushed"), 2);
    let pickle = Body {
        kind: MessageKind::Pickle,
        payload: inline(b"\x80\x05N."),
    };
    client
        .queue_push(&queue("q"), &push_header(1), &[pickle])
        .await
        .expect("pushed");
    let popped = client
        .queue_pop_json(&queue("q"), &pop_request(10, 0, Some(30)))
        .await
        .expect("popped");
    let mut popped = popped.messages;
    popped.sort_by_key(|m| m.id);
    assert_eq!(popped[0].message, Some(json!({"id": 7})));
    assert_eq!(popped[0].ticket, Some(format!("{}-1", popped[0].id)));
    assert_eq!(
        (popped[1].message.as_ref(), popped[1].size_bytes),
        (None, 100_002),
        "too large to be shown here"
    );
    assert_eq!(popped[2].datatype, "python_pickle");
    assert_eq!(popped[2].message, Some(json!("gAVOLg==")));
}

#[tokio::test]
async fn a_large_message_is_a_blob_that_lives_as_long_as_it_does() {
    let world = World::with(|o| o.upload_keep = std::time::Duration::ZERO).await;
    let client = world.client();
    let large = Bytes::from(vec![b'1'; 100_000]);
    let hash = Hash::of(&large);
    let body = Body {
        kind: MessageKind::Json,
        payload: Payload::Blob {
            hash,
            size: large.len() as u64,
        },
    };
    let (q, header) = (queue("q"), push_header(1));
    let messages = [body];
    refused(
        client.queue_push(&q, &header, &messages).await,
        ErrorKind::BlobMissing,
    );
    let upload = picloud_client::BlobSource::Bytes(large.clone());
    client.blob_put(hash, upload).await.expect("uploaded");
    client
        .queue_push(&q, &header, &messages)
        .await
        .expect("pushed");
    let (popped, _) = client
        .queue_pop(&q, &pop_request(1, 0, Some(30)))
        .await
        .expect("popped");
    assert_eq!(popped[0].body, messages[0]);
    let body = client.blob_get(hash).await.expect("it is there");
    assert_eq!(body.collect().await.expect("read"), large);
    let ticket = format!("{}-{}", popped[0].id, popped[0].deliveries);
    client
        .queue_ack(&q, vec![ticket])
        .await
        .expect("acknowledged");
    // A purge has the sweep look at once.
    client
        .queue_purge(&q, &MoveRequest::default())
        .await
        .expect("purged");
    until("the blob is gone", || async {
        client.blob_get(hash).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn tickets_are_good_for_one_delivery() {
    let world = World::new().await;
    let client = world.client();
    let q = queue("q");
    push_numbers(&client, "q", 3).await;
    let request = pop_request(3, 0, Some(3));
    let (first, deadline) = client.queue_pop(&q, &request).await.expect("popped");
    assert_eq!(first.len(), 3);
    assert!(deadline.is_some());
    assert_eq!(info(&client, "q").await.in_flight, 3);
    let tickets: Vec<_> = first
        .iter()
        .map(|m| format!("{}-{}", m.id, m.deliveries))
        .collect();
    let acked = client.queue_ack(&q, tickets[..1].to_vec()).await;
    let acked = acked.expect("acknowledged");
    assert_eq!((acked.done, acked.lost.len()), (1, 0));
    let again = client.queue_ack(&q, tickets[..1].to_vec()).await;
    let again = again.expect("answered");
    assert_eq!((again.done, &again.lost[..]), (0, &tickets[..1]));
    let kept = client.queue_deadline(&q, tickets[1..2].to_vec(), 600).await;
    let kept = kept.expect("answered");
    assert!(kept.done == 1 && kept.deadline > deadline);
    // Only the third comes back, nobody having asked: the duty sees to deadlines.
    until("a deadline is over", || async {
        info(&client, "q").await.in_flight == 1
    })
    .await;
    let (second, _) = client
        .queue_pop(&q, &pop_request(3, 0, Some(30)))
        .await
        .expect("popped");
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].id, second[0].deliveries), (first[2].id, 2));
    let late = client.queue_ack(&q, tickets[1..].to_vec()).await;
    let late = late.expect("answered");
    assert_eq!((late.done, &late.lost[..]), (1, &tickets[2..]));
    assert_eq!(info(&client, "q").await.count, 1);
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_empty_to_a_pop_and_unknown_otherwise() {
    let world = World::new().await;
    let client = world.client();
    let q = queue("never");
    assert!(pop(&client, "never", 10).await.is_empty());
    let listed = client.queues(Some(std::slice::from_ref(&q))).await;
    assert!(listed.expect("listed").is_empty());
    let all = MoveRequest::default();
    let to = MoveRequest {
        to: Some(queue("other")),
        ids: None,
    };
    let rollback = client.attachment_rollback(&q, None).await;
    let change = QueueChange {
        paused: Some(true),
        ..QueueChange::default()
    };
    for answer in [
        client.queue(&q).await.map(drop),
        client.queue_delete(&q).await,
        client.queue_change(&q, &change).await.map(drop),
        client.queue_ack(&q, vec!["1-1".into()]).await.map(drop),
        client
            .queue_deadline(&q, vec!["1-1".into()], 30)
            .await
            .map(drop),
        client.queue_peek(&q, &PeekQuery::default()).await.map(drop),
        client
            .queue_rates(&q, &RatesQuery::default())
            .await
            .map(drop),
        client.queue_purge(&q, &all).await.map(drop),
        client.queue_move(&q, &to).await.map(drop),
        client.queue_redrive(&q, &all).await.map(drop),
        client
            .queue_requeue(&q, 1, &RequeueRequest::default())
            .await,
        client.detach(&q).await,
        client.attachment_versions(&q).await.map(drop),
        rollback.map(drop),
    ] {
        let error = refused(answer, ErrorKind::NotFound);
        assert!(error.to_string().contains("never"), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    push(&client, "never", []).await;
    assert_eq!(info(&client, "never").await.count, 0, "a push makes it");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let client = world.client();
    push_numbers(&client, "q", 1).await;
    let http = reqwest::Client::new();
    let send = |method: reqwest::Method, path: &str, kind: &str, body: Vec<u8>| {
        let key = &world.key;
        http.request(method, world.url(&format!("/v1/queues/{path}")))
            .basic_auth(key.api_key, Some(&key.api_secretkey))
            .header("content-type", kind.to_owned())
            .body(body)
            .send()
    };
    let frames = |header: Value, bodies: &[&[u8]]| {
        let mut frames = picloud_types::frames::FrameWriter::with_header(&header);
        bodies.iter().for_each(|body| frames.push(body));
        frames.finish().to_vec()
    };
    let key = "0123456789abcdef";
    let good = [0, 0, b'1'];
    let framed = picloud_types::frames::MEDIA_TYPE;
    let cut = {
        let mut whole = frames(json!({"count": 1, "key": key}), &[&good]);
        whole.pop();
        whole
    };
    for (why, body) in [
        (
            "fewer frames",
            frames(json!({"count": 2, "key": key}), &[&good]),
        ),
        (
            "more frames",
            frames(json!({"count": 1, "key": key}), &[&good, &good]),
        ),
        ("no kind", frames(json!({"count": 1, "key": key}), &[&[]])),
        (
            "kind 9",
            frames(json!({"count": 1, "key": key}), &[&[9, 0, b'1']]),
        ),
        (
            "payload 9",
            frames(json!({"count": 1, "key": key}), &[&[0, 9, b'1']]),
        ),
        (
            "short key",
            frames(json!({"count": 1, "key": "k"}), &[&good]),
        ),
        (
            "delay",
            frames(json!({"count": 1, "key": key, "delay_s": 901}), &[&good]),
        ),
        (
            "unknown field",
            frames(json!({"count": 1, "key": key, "dleay_s": 1}), &[&good]),
        ),
        ("cut off", cut),
        ("no frames", b"hello".to_vec()),
    ] {
        let answer = send(reqwest::Method::POST, "q/messages", framed, body).await;
        assert_eq!(answer.expect("answered").status(), 400, "{why}");
    }
    let json_kind = "application/json";
    let post = reqwest::Method::POST;
    for (path, body) in [
        ("q/messages", json!({"messages": 7})),
        ("q/messages", json!({"messages": [1], "delay_s": 901})),
        ("q/pop", json!({"max_count": 0})),
        ("q/pop", json!({"deadline_s": 2})),
        ("q/pop", json!({"deadline_s": 43_201})),
        ("q/pop", json!({"timeout": 5})),
        ("q/ack", json!({"tickets": ["x"]})),
        ("q/ack", json!({"tickets": ["1-1"], "deadline_s": 30})),
        ("q/deadline", json!({"tickets": ["1-1"]})),
        ("q/deadline", json!({"tickets": ["1-1"], "deadline_s": 2})),
        ("q/move", json!({})),
        ("q/move", json!({"to": "q"})),
        ("q/move", json!({"to": "no name"})),
        ("q/purge", json!({"to": "other"})),
        ("q/messages/x/requeue", json!({})),
        ("not.a.name/messages", json!({"messages": [1]})),
        (
            "a23456789012345678901234567890123456789x/messages",
            json!({"messages": [1]}),
        ),
    ] {
        let answer = send(post.clone(), path, json_kind, body.to_string().into()).await;
        let answer = answer.expect("answered");
        assert_eq!(answer.status(), 400, "{path} {body}");
        let said: Value = answer.json().await.expect("JSON");
        assert_eq!(said["error"]["kind"], "bad_request", "{said}");
    }
    let patch = reqwest::Method::PATCH;
    for change in [
        json!({"retention_s": 59}),
        json!({"retention_s": 31_536_001}),
        json!({"name": "x"}),
    ] {
        let answer = send(patch.clone(), "q", json_kind, change.to_string().into()).await;
        assert_eq!(answer.expect("answered").status(), 400, "{change}");
    }
    let get = reqwest::Method::GET;
    for path in [
        "q/messages?limit=0",
        "q/messages?limit=1001",
        "q/rates?limit=0",
        "q/rates?x=1",
    ] {
        let answer = send(get.clone(), path, json_kind, Vec::new()).await;
        assert_eq!(answer.expect("answered").status(), 400, "{path}");
    }
    let answer = send(get, "q/delete/", json_kind, Vec::new()).await;
    assert_eq!(
        answer.expect("answered").status(),
        404,
        "no GET changes anything"
    );
    let many = json!({"messages": vec![1; 10_001]});
    let answer = send(post, "q/messages", json_kind, many.to_string().into()).await;
    assert_eq!(answer.expect("answered").status(), 413);
    let listed = client.queues(None).await.expect("listed");
    let counts: Vec<_> = listed.iter().map(|q| (q.name.as_str(), q.count)).collect();
    assert_eq!(counts, [("q", 1)]);
}

#[tokio::test]
async fn a_pause_holds_messages_back_and_a_delay_does_for_a_while() {
    let world = World::new().await;
    let client = world.client();
    let q = queue("q");
    push_numbers(&client, "q", 2).await;
    let paused = |paused| QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    let changed = client.queue_change(&q, &paused(true)).await;
    assert!(changed.expect("paused").paused);
    assert!(pop(&client, "q", 10).await.is_empty());
    push_numbers(&client, "q", 1).await;
    assert_eq!(info(&client, "q").await.count, 3, "pushing goes on");
    client
        .queue_change(&q, &paused(false))
        .await
        .expect("resumed");
    assert_eq!(pop(&client, "q", 10).await.len(), 3);

    let mut header = push_header(1);
    header.delay_s = 1;
    let began = tokio::time::Instant::now();
    client
        .queue_push(&q, &header, &bodies([json!("later")]))
        .await
        .expect("pushed");
    let now = info(&client, "q").await;
    assert_eq!((now.count, now.delayed), (1, 1));
    let peeked = client.queue_peek(&q, &PeekQuery::default()).await;
    assert!(peeked.expect("peeked").messages[0].visible_at.is_some());
    let (popped, _) = client
        .queue_pop(&q, &pop_request(1, 10_000, None))
        .await
        .expect("popped");
    assert_eq!(values(&popped), [json!("later")]);
    assert!(began.elapsed() >= std::time::Duration::from_millis(990));
}

#[tokio::test]
async fn messages_are_looked_at_changed_moved_and_removed() {
    let world = World::new().await;
    let client = world.client();
    let q = queue("q");
    push_numbers(&client, "q", 5).await;
    let page = |after| PeekQuery {
        after,
        limit: Some(2),
    };
    let first = client.queue_peek(&q, &page(None)).await.expect("peeked");
    let ids: Vec<_> = first.messages.iter().map(|m| m.id).collect();
    assert!(first.messages.iter().all(|m| m.ticket.is_none()));
    let second = client.queue_peek(&q, &page(ids.last().copied())).await;
    let second = second.expect("peeked");
    assert_eq!(second.messages.len(), 2);
    assert!(second.messages.iter().all(|m| !ids.contains(&m.id)));
    assert_eq!(info(&client, "q").await.count, 5, "looking takes nothing");

    let change = RequeueRequest {
        message: Some(json!("changed")),
        to: Some(queue("other")),
        delay_s: 0,
    };
    client
        .queue_requeue(&q, ids[0], &change)
        .await
        .expect("requeued");
    let error = refused(
        client.queue_requeue(&q, ids[0], &change).await,
        ErrorKind::NotFound,
    );
    assert!(error.to_string().contains("does not wait"), "{error}");
    assert_eq!(values(&pop(&client, "other", 10).await), [json!("changed")]);

    let some = MoveRequest {
        to: Some(queue("other")),
        ids: Some(vec![ids[1], 999_999]),
    };
    assert_eq!(client.queue_move(&q, &some).await.expect("moved"), 1);
    let rest = MoveRequest {
        ids: None,
        ..some.clone()
    };
    assert_eq!(client.queue_move(&q, &rest).await.expect("moved"), 3);
    assert_eq!(info(&client, "other").await.count, 4);
    let redriven = client
        .queue_redrive(&queue("other"), &MoveRequest::default())
        .await;
    assert_eq!(redriven.expect("answered"), 0, "none is an error message");
    let purged = client
        .queue_purge(&queue("other"), &MoveRequest::default())
        .await;
    assert_eq!(purged.expect("purged"), 4);
    assert_eq!(info(&client, "other").await.count, 0);
}

#[tokio::test]
async fn a_deleted_queue_is_gone_with_its_messages_and_its_name_is_free() {
    let world = World::new().await;
    let client = world.client();
    let q = queue("q");
    for _ in 0..5 {
        push_numbers(&client, "q", 1_000).await;
    }
    client.queue_delete(&q).await.expect("deleted");
    refused(client.queue(&q).await, ErrorKind::NotFound);
    push(&client, "q", [json!("new")]).await;
    assert_eq!(info(&client, "q").await.count, 1);
    let popped = pop(&client, "q", 10).await;
    assert_eq!(value(&popped[0]), json!("new"));
    assert!(pop(&client, "q", 10).await.is_empty());
}

#[tokio::test]
async fn rates_and_lists_tell_what_happened() {
    let world = World::new().await;
    let client = world.client();
    push_numbers(&client, "a", 7).await;
    push_numbers(&client, "b", 1).await;
    pop(&client, "a", 3).await;
    let rates = client
        .queue_rates(&queue("a"), &RatesQuery::default())
        .await
        .expect("rates");
    let sums = rates
        .windows
        .iter()
        .fold((0, 0), |s, w| (s.0 + w.enqueued, s.1 + w.dequeued));
    assert_eq!((rates.window_s, sums), (10, (7, 3)));
    let names = |queues: Vec<picloud_types::api::queues::QueueInfo>| {
        let names = queues.into_iter().map(|q| q.name.to_string());
        names.collect::<Vec<_>>()
    };
    let all = client.queues(None).await.expect("listed");
    assert_eq!(names(all), ["a", "b"]);
    let some = client.queues(Some(&[queue("b"), queue("c")])).await;
    assert_eq!(names(some.expect("listed")), ["b"]);
    let about = info(&client, "a").await;
    assert_eq!((about.count, about.retention_s), (4, 345_600));
    assert!(about.oldest_age_ms.is_some() && about.attachment.is_none());
    let text = reqwest::get(world.url("/metrics")).await.expect("metrics");
    let text = text.text().await.expect("text");
    for line in [
        "picloud_messages_pushed_total 8",
        "picloud_messages_popped_total 3",
        "picloud_queues 2",
        "picloud_queue_messages 5",
        "picloud_queue_messages_in_flight 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
    }
}

#[tokio::test]
async fn what_was_pushed_is_there_after_a_restart() {
    let world = World::new().await;
    push_numbers(&world.client(), "q", 3).await;
    let request = pop_request(1, 0, Some(30));
    let popped = world.client().queue_pop(&queue("q"), &request).await;
    assert_eq!(popped.expect("popped").0.len(), 1);
    let world = world.restarted().await;
    let now = info(&world.client(), "q").await;
    assert_eq!((now.count, now.in_flight), (3, 1));
}

#[tokio::test]
async fn many_tickets_are_too_many() {
    let world = World::new().await;
    push_numbers(&world.client(), "q", 1).await;
    let request = TicketsRequest {
        tickets: vec!["1-1".into(); 10_001],
        deadline_s: None,
    };
    let acked = world.client().queue_ack(&queue("q"), request.tickets).await;
    refused(acked, ErrorKind::TooLarge);
}
