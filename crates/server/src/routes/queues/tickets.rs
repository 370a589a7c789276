//! Deliveries are acknowledged, or last longer.

use super::{check_count, of_queue, pop::lasts};
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::{InPath, JsonBody},
    changes::Change,
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_store::Ticket;
use picloud_types::{
    QueueName, Timestamp,
    api::queues::{TicketsReply, TicketsRequest},
};

/// Acknowledge messages: they are removed
#[utoipa::path(post, path = "/v1/queues/{queue}/ack", tag = "queues", params(("queue" = String, Path)), request_body = TicketsRequest,
    responses((status = 200, description = "They are gone, but for those whose delivery was over", body = TicketsReply)))]
pub(in crate::routes) async fn ack(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<TicketsRequest>,
) -> Answer<Json<TicketsReply>> {
    if request.deadline_s.is_some() {
        return Err(Refusal::bad_request("an acknowledgement has no deadline_s")
            .hint("…/deadline gives deliveries another deadline"));
    }
    let tickets = tickets(&request)?;
    let acknowledged = app
        .store
        .queue_ack(caller.account, &queue, tickets, now())
        .await;
    let lost = of_queue(&queue, acknowledged)?;
    app.changes.note(caller.account, Change::Queues);
    json(reply(&request, &lost, None))
}

/// Give deliveries another deadline
#[utoipa::path(post, path = "/v1/queues/{queue}/deadline", tag = "queues", params(("queue" = String, Path)), request_body = TicketsRequest,
    responses((status = 200, description = "They last until then, but for those whose delivery was over", body = TicketsReply)))]
pub(in crate::routes) async fn deadline(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<TicketsRequest>,
) -> Answer<Json<TicketsReply>> {
    let Some(deadline_s) = request.deadline_s else {
        return Err(Refusal::bad_request("deadline_s is missing"));
    };
    let tickets = tickets(&request)?;
    let now = now();
    let deadline = now.plus(lasts(deadline_s)?);
    let renewed = app
        .store
        .queue_deadline(caller.account, &queue, tickets, deadline, now)
        .await;
    let lost = of_queue(&queue, renewed)?;
    app.changes.note(caller.account, Change::Queues);
    json(reply(&request, &lost, Some(deadline)))
}

fn tickets(request: &TicketsRequest) -> Answer<Vec<Ticket>> {
    check_count("tickets", request.tickets.len())?;
    let read = |text: &String| {
        text.parse().map_err(|()| {
            let text: String = text.chars().take(80).collect();
            Refusal::bad_request(format!("{text:?} is no ticket"))
                .hint("a ticket is what a pop with a deadline gave, such as 17-1")
        })
    };
    request.tickets.iter().map(read).collect()
}

fn reply(request: &TicketsRequest, lost: &[Ticket], deadline: Option<Timestamp>) -> TicketsReply {
    let done = request.tickets.len().saturating_sub(lost.len());
    TicketsReply {
        done: done as u64,
        lost: lost.iter().map(Ticket::to_string).collect(),
        deadline,
    }
}
