//! Pages that are open hear that something changed.

use crate::{
    browser::{Browser, link},
    queue_world::{pop_request, push_numbers, queue},
    world::{PATIENCE, World, only, submit_one},
};
use picloud_types::api::jobs::KillRequest;
use reqwest::{Method, Response};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Less than the time after which everything is told anyway.
const SOON: Duration = Duration::from_secs(8);

/// A stream that is read.
struct Hints {
    response: Response,
    text: String,
}

impl Hints {
    async fn of(browser: &Browser) -> Self {
        let response = browser.request(Method::GET, "/v1/changes").send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut hints = Self {
            response,
            text: String::new(),
        };
        for name in ["jobs", "queues", "workers"] {
            assert_eq!(
                hints.next().await.as_deref(),
                Some(name),
                "at the beginning"
            );
        }
        hints
    }

    /// The next one; none when the stream is over.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let name = event.strip_prefix("event: ").expect("a name");
                let (name, data) = name.split_once('\n').expect("data");
                assert_eq!(data, "data: {}");
                let name = name.to_owned();
                self.text = rest.to_owned();
                return Some(name);
            }
            let part = timeout(SOON, self.response.chunk()).await.expect("in time");
            let part = part.ok().flatten()?;
            self.text += std::str::from_utf8(&part).expect("text");
        }
    }

    async fn expect(&mut self, name: &str, why: &str) {
        assert_eq!(self.next().await.as_deref(), Some(name), "{why}");
    }
}

async fn browser(world: &World) -> Browser {
    let mut browser = Browser::new(world);
    browser.use_link(&link(world).await, None).await;
    browser
}

#[tokio::test]
async fn a_page_hears_of_each_step_of_its_jobs() {
    let world = World::new().await;
    let (client, browser) = (world.client(), browser(&world).await);
    let mut hints = Hints::of(&browser).await;
    let jid = submit_one(&client).await;
    hints.expect("jobs", "a submission").await;
    let worker = world.worker("w").await;
    hints.expect("workers", "a worker joined").await;
    let job = worker.one().await;
    worker.start(&job).await;
    hints.expect("jobs", "it began").await;
    worker.finish(&job, b"r").await;
    hints.expect("jobs", "it ended").await;
    client.delete(only(jid)).await.expect("deleted");
    hints.expect("jobs", "it was deleted").await;
    submit_one(&client).await;
    hints.expect("jobs", "another").await;
    let all = KillRequest {
        all: true,
        ..KillRequest::default()
    };
    client.kill(&all).await.expect("killed");
    hints.expect("jobs", "a kill").await;
    worker.line.bye(worker.id).await.expect("gone");
    hints.expect("workers", "it left").await;
}

#[tokio::test]
async fn a_page_hears_of_its_queues_and_not_of_anothers() {
    let world = World::new().await;
    let (client, browser) = (world.client(), browser(&world).await);
    let (other, _) = world.other().await;
    let mut hints = Hints::of(&browser).await;
    push_numbers(&other, "q", 1).await;
    submit_one(&other).await;
    world.worker("w").await;
    hints.expect("workers", "which are everybody's").await;
    push_numbers(&client, "q", 2).await;
    hints.expect("queues", "a push").await;
    let pop = pop_request(1, 0, None);
    client.queue_pop(&queue("q"), &pop).await.expect("popped");
    hints.expect("queues", "a pop").await;
    client.queue_delete(&queue("q")).await.expect("deleted");
    hints.expect("queues", "a deletion").await;
}

#[tokio::test]
async fn many_changes_are_few_hints() {
    let world = World::new().await;
    let (client, browser) = (world.client(), browser(&world).await);
    let mut hints = Hints::of(&browser).await;
    let began = Instant::now();
    for _ in 0..100 {
        push_numbers(&client, "q", 1).await;
    }
    submit_one(&client).await;
    let mut told = 0;
    while hints.next().await.expect("it goes on") == "queues" {
        told += 1;
    }
    let most = began.elapsed().as_millis() / 250 + 1;
    assert!(told <= most, "{told} hints, at most {most}");
}

#[tokio::test]
async fn signing_out_ends_the_stream_at_once() {
    let world = World::new().await;
    let (gone, stays) = (browser(&world).await, browser(&world).await);
    let mut hints = Hints::of(&gone).await;
    let mut others = Hints::of(&stays).await;
    gone.send(Method::DELETE, "/v1/session").await;
    assert_eq!(hints.next().await, None, "nothing is told to it any more");
    others
        .expect("jobs", "it looks whether it is still in")
        .await;
}

#[tokio::test]
async fn a_page_takes_one_of_the_accounts_streams_and_a_stop_ends_it() {
    let world = World::new().await;
    let browser = browser(&world).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Hints::of(&browser).await);
    }
    assert_eq!(browser.send(Method::GET, "/v1/changes").await.status, 503);
    let began = Instant::now();
    world.server.stop().await;
    assert!(
        began.elapsed() < PATIENCE / 2,
        "the streams did not hold it up"
    );
    for hints in &mut open {
        assert_eq!(hints.next().await, None);
    }
}
