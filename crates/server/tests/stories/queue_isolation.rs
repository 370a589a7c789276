//! Promise 10 for queues: one account neither sees nor changes another's.

use crate::{
    queue_world::{Handler, attach, info, pop, pop_request, push, push_numbers, queue, settings},
    world::{World, refused},
};
use picloud_types::{
    ErrorKind,
    api::queues::{
        ExchangeHeader, MoveRequest, PeekQuery, QueueChange, RatesQuery, RequeueRequest,
    },
};
use serde_json::json;

#[tokio::test]
async fn another_accounts_queues_are_as_absent_as_those_that_never_were() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (other, _) = world.other().await;
    let q = queue("q");
    push_numbers(&client, "q", 3).await;
    let (held, _) = client
        .queue_pop(&q, &pop_request(1, 0, Some(600)))
        .await
        .expect("popped");
    let ticket = vec![format!("{}-{}", held[0].id, held[0].deliveries)];
    let waiting = client.queue_peek(&q, &PeekQuery::default()).await;
    let id = waiting.expect("peeked").messages[0].id;

    assert!(other.queues(None).await.expect("listed").is_empty());
    assert!(pop(&other, "q", 10).await.is_empty());
    let all = MoveRequest::default();
    let to = MoveRequest {
        to: Some(queue("mine")),
        ids: None,
    };
    let change = QueueChange {
        paused: Some(true),
        ..QueueChange::default()
    };
    let theirs = RequeueRequest::default();
    for answer in [
        other.queue(&q).await.map(drop),
        other.queue_delete(&q).await,
        other.queue_change(&q, &change).await.map(drop),
        other.queue_ack(&q, ticket.clone()).await.map(drop),
        other.queue_deadline(&q, ticket.clone(), 60).await.map(drop),
        other.queue_peek(&q, &PeekQuery::default()).await.map(drop),
        other
            .queue_rates(&q, &RatesQuery::default())
            .await
            .map(drop),
        other.queue_purge(&q, &all).await.map(drop),
        other.queue_move(&q, &to).await.map(drop),
        other.queue_redrive(&q, &all).await.map(drop),
        other.queue_requeue(&q, id, &theirs).await,
        other.detach(&q).await,
        other.attachment_versions(&q).await.map(drop),
        other.attachment_rollback(&q, None).await.map(drop),
    ] {
        refused(answer, ErrorKind::NotFound);
    }
    // A queue of the same name is another queue; tickets and ids of the first say nothing there.
    push(&other, "q", [json!("theirs")]).await;
    let acked = other.queue_ack(&q, ticket.clone()).await.expect("answered");
    assert_eq!((acked.done, &acked.lost), (0, &ticket));
    let named = MoveRequest {
        to: None,
        ids: Some(vec![id, held[0].id]),
    };
    assert_eq!(other.queue_purge(&q, &named).await.expect("answered"), 0);
    refused(
        other.queue_requeue(&q, id, &theirs).await,
        ErrorKind::NotFound,
    );
    assert_eq!(info(&other, "q").await.count, 1);
    let mine = info(&client, "q").await;
    assert_eq!((mine.count, mine.in_flight, mine.paused), (3, 1, false));

    // Nor does a handler job of theirs take or settle what is not theirs.
    attach(&other, "q", 1, settings()).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let (mut handler, forged) = (
        Handler::of(&world, &job, 2, "q"),
        Handler::of(&world, &job, 1, "q"),
    );
    let header = ExchangeHeader {
        seq: 1,
        lease: 10,
        ..ExchangeHeader::default()
    };
    refused(
        forged.try_exchange(&header, &[]).await,
        ErrorKind::Unauthorized,
    );
    let taken = handler.take(10).await;
    assert_eq!(taken.len(), 1);
    let mut header = handler.next(0, 0);
    header.settled = 1;
    let settled = crate::queue_world::handled(&waiting_message(id, &taken[0]), vec![]);
    let answer = handler.try_exchange(&header, &[settled]).await;
    answer.expect("what it does not hold is ignored");
    assert_eq!(info(&client, "q").await.count, 3);
}

fn waiting_message(
    id: i64,
    like: &picloud_types::message::Delivered,
) -> picloud_types::message::Delivered {
    picloud_types::message::Delivered { id, ..like.clone() }
}
