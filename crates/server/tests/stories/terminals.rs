//! Terminals to shells of jobs: what one end says, the other hears.

use crate::browser::{Browser, link};
use crate::world::{PATIENCE, Worker, World, refused, submit_one, until};
use bytes::Bytes;
use picloud_client::{ApiClient, Terminal};
use picloud_types::{ErrorKind, api::workers::PulledJob, terminal::Frame};
use reqwest::Method;
use tokio::time::timeout;

fn data(text: &'static str) -> Frame {
    Frame::Data(Bytes::from_static(text.as_bytes()))
}

async fn hear(terminal: &mut Terminal) -> Option<Frame> {
    let heard = timeout(PATIENCE, terminal.hear()).await;
    heard.expect("something in time").expect("frames")
}

async fn say(terminal: &Terminal, frame: Frame) {
    let said = timeout(PATIENCE, terminal.say.send(frame)).await;
    said.expect("room in time").expect("the line is there");
}

/// A client with a running job's own credentials, and the job.
async fn running(world: &World, worker: &Worker) -> (ApiClient, PulledJob) {
    submit_one(&world.client()).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let user = format!("job-1-{}-{}", job.jid, job.attempt);
    (world.client_as(&user, &job.token), job)
}

#[tokio::test]
async fn what_is_typed_reaches_the_shell_and_what_it_writes_the_terminal() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, pulled) = running(&world, &worker).await;
    let early = refused(client.terminal(pulled.jid).await, ErrorKind::Conflict);
    assert!(early.may_retry(), "the shell may come: {early}");

    let mut shell = job.terminal_offer(pulled.jid).await.expect("offered");
    let mut terminal = client.terminal(pulled.jid).await.expect("opened");
    assert_eq!(hear(&mut shell).await, Some(Frame::Opened));
    let window = Frame::Window {
        columns: 100,
        rows: 30,
    };
    say(&terminal, window.clone()).await;
    say(&terminal, data("ls\n")).await;
    assert_eq!(hear(&mut shell).await, Some(window));
    assert_eq!(hear(&mut shell).await, Some(data("ls\n")));

    say(&shell, data("a b\n")).await;
    say(&shell, Frame::Exit(3)).await;
    drop(shell);
    assert_eq!(hear(&mut terminal).await, Some(data("a b\n")));
    assert_eq!(hear(&mut terminal).await, Some(Frame::Exit(3)));
    assert_eq!(hear(&mut terminal).await, None);
}

#[tokio::test]
async fn one_terminal_at_a_time_is_open_and_the_shell_is_told_when() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, pulled) = running(&world, &worker).await;
    let mut shell = job.terminal_offer(pulled.jid).await.expect("offered");
    let first = client.terminal(pulled.jid).await.expect("opened");
    assert_eq!(hear(&mut shell).await, Some(Frame::Opened));
    let second = refused(client.terminal(pulled.jid).await, ErrorKind::Conflict);
    assert!(!second.may_retry(), "that may take for ever: {second}");
    drop(first);
    assert_eq!(hear(&mut shell).await, Some(Frame::Closed));
    client.terminal(pulled.jid).await.expect("opened again");
}

#[tokio::test]
async fn only_keys_of_the_account_open_a_terminal_and_only_the_job_offers_one() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, pulled) = running(&world, &worker).await;
    let (other_job, other_pulled) = running(&world, &worker).await;
    let jid = pulled.jid;
    let _shell = job.terminal_offer(jid).await.expect("offered");

    let (other, _) = world.other().await;
    refused(other.terminal(jid).await, ErrorKind::JobUnknown);
    refused(job.terminal(jid).await, ErrorKind::Forbidden);
    refused(client.terminal_offer(jid).await, ErrorKind::Forbidden);
    refused(other_job.terminal_offer(jid).await, ErrorKind::JobUnknown);
    let wrong = world.client_as(&format!("job-1-{jid}-1"), &other_pulled.token);
    refused(wrong.terminal_offer(jid).await, ErrorKind::Unauthorized);
    let mut browser = Browser::new(&world);
    browser.use_link(&link(&world).await, None).await;
    let path = format!("/v1/jobs/{jid}/terminal");
    let answer = browser.send(Method::POST, &path).await;
    answer.refused(ErrorKind::Forbidden);

    client.terminal(jid).await.expect("it is still free");
    worker.finish(&pulled, b"0").await;
    refused(job.terminal_offer(jid).await, ErrorKind::Unauthorized);
    let ended = refused(client.terminal(jid).await, ErrorKind::Conflict);
    assert!(!ended.may_retry(), "{ended}");
}

#[tokio::test]
async fn a_terminal_ends_with_its_shell_and_with_the_server() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, pulled) = running(&world, &worker).await;
    let shell = job.terminal_offer(pulled.jid).await.expect("offered");
    let mut terminal = client.terminal(pulled.jid).await.expect("opened");
    drop(shell);
    assert_eq!(hear(&mut terminal).await, None, "the job hung up");

    let mut shell = job.terminal_offer(pulled.jid).await.expect("offered again");
    let mut later = job.terminal_offer(pulled.jid).await.expect("and again");
    assert_eq!(hear(&mut shell).await, None, "there is a later one");
    let mut terminal = client.terminal(pulled.jid).await.expect("opened");
    assert_eq!(hear(&mut later).await, Some(Frame::Opened));
    world.server.stop().await;
    assert_eq!(hear(&mut terminal).await, None);
    assert_eq!(hear(&mut later).await, None);
}

#[tokio::test]
async fn a_shell_that_nobody_reads_has_to_wait_and_loses_nothing() {
    const PIECES: usize = 2_000;
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, pulled) = running(&world, &worker).await;
    let shell = job.terminal_offer(pulled.jid).await.expect("offered");
    let mut terminal = client.terminal(pulled.jid).await.expect("opened");
    let piece = Bytes::from(vec![b'x'; 32 << 10]);
    let mut sent = 0;
    let all = piece.clone();
    let say = shell.say.clone();
    let writer = tokio::spawn(async move {
        for _ in 0..PIECES {
            say.send(Frame::Data(all.clone())).await.expect("a line");
        }
        say.send(Frame::Exit(0)).await.expect("a line");
    });
    until("the writer has to wait", async || shell.say.capacity() == 0).await;
    loop {
        match hear(&mut terminal).await {
            Some(Frame::Data(part)) => sent += part.len(),
            Some(Frame::Exit(0)) => break,
            other => panic!("{other:?} after {sent} bytes"),
        }
    }
    assert_eq!(sent, PIECES * piece.len());
    writer.await.expect("all was said");
}
