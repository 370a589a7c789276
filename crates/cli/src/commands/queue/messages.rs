//! `push`, `pop`, `ack` and `peek`.

use super::One;
use crate::{
    context::Context,
    failure::Failure,
    output::{self, Cell, Tone},
};
use anyhow::{Context as _, Result};
use picloud_client::ApiClient;
use picloud_types::{
    QueueName,
    api::queues::{MessageJson, PeekQuery, PopRequest, PushJson},
    limits::{DEADLINE_MAX_S, DEADLINE_MIN_S, DELAY_MAX_S, MESSAGES_PER_REQUEST, WAIT_MAX_MS},
};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

/// Messages of one request, and about their bytes.
const PUSH_COUNT: usize = 1_000;
const PUSH_BYTES: usize = 8 << 20;
/// Messages of one look.
const PEEK_MAX: u32 = 1_000;

#[derive(clap::Args, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    one: One,
    /// Messages, each a JSON value
    #[arg(required_unless_present = "lines", conflicts_with = "lines")]
    messages: Vec<String>,
    /// Push each line of a file, or of stdin for `-`
    #[arg(short, long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// Take messages as texts, not as JSON
    #[arg(short, long)]
    text: bool,
    /// Seconds until they can be taken
    #[arg(short, long, value_name = "SECS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(DELAY_MAX_S)))]
    delay: u32,
}

pub(super) async fn push(context: &Context, args: &PushArgs) -> Result<()> {
    let mut pushing = Pushing {
        client: context.client()?,
        args,
        waiting: Vec::new(),
        bytes: 0,
        pushed: 0,
    };
    let done = pushing.run().await;
    let pushed = pushing.pushed;
    if pushed > 0 {
        done.with_context(|| format!("{pushed} messages were pushed before"))?;
    } else {
        done?;
    }
    let text = format!("pushed {pushed}");
    Ok(context.out.line(&text, &json!({"pushed": pushed}))?)
}

/// Messages on their way, some at a time: a file may be larger than memory.
struct Pushing<'a> {
    client: ApiClient,
    args: &'a PushArgs,
    waiting: Vec<Value>,
    bytes: usize,
    pushed: u64,
}

impl Pushing<'_> {
    async fn run(&mut self) -> Result<()> {
        let Some(file) = &self.args.lines else {
            // All or none of those on the command line, as far as they make sense.
            let messages = self.args.messages.iter();
            let read = messages.map(|text| value(text, self.args.text));
            for message in read.collect::<Result<Vec<_>>>()? {
                self.add(message.0, message.1).await?;
            }
            return self.flush().await;
        };
        for (index, line) in reader(file)?.lines().enumerate() {
            let line = line.with_context(|| format!("could not read {}", file.display()))?;
            if line.trim().is_empty() && !self.args.text {
                continue;
            }
            let message = value(&line, self.args.text);
            let (message, size) = message.with_context(|| format!("line {}", index + 1))?;
            self.add(message, size).await?;
        }
        self.flush().await
    }

    async fn add(&mut self, message: Value, size: usize) -> Result<()> {
        if self.waiting.len() >= PUSH_COUNT || self.bytes + size > PUSH_BYTES {
            self.flush().await?;
        }
        self.waiting.push(message);
        self.bytes += size;
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let push = PushJson {
            messages: std::mem::take(&mut self.waiting),
            delay_s: self.args.delay,
            key: None,
        };
        self.bytes = 0;
        let queue = &self.args.one.queue;
        self.pushed += self.client.queue_push_json(queue, &push).await?;
        Ok(())
    }
}

/// The message that a text is, and about its size.
fn value(text: &str, is_text: bool) -> Result<(Value, usize)> {
    let value = if is_text {
        Value::String(text.to_owned())
    } else {
        json_value(text)?
    };
    Ok((value, text.len()))
}

/// A JSON value that somebody wrote.
pub(super) fn json_value(text: &str) -> Result<Value> {
    let read = serde_json::from_str(text);
    read.map_err(|e| {
        let shown: String = text.chars().take(60).collect();
        let hint = "quote texts for JSON: '\"like this\"'; `push --text` takes texts as they are";
        Failure::usage(format!("{shown:?} is not JSON: {e}"), hint).into()
    })
}

fn reader(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("could not open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

#[derive(clap::Args, Debug)]
pub(crate) struct PopArgs {
    #[command(flatten)]
    one: One,
    /// How many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MESSAGES_PER_REQUEST as i64))]
    max_count: u32,
    /// Wait so many seconds for the first one, at most 60
    #[arg(short, long, value_name = "SECS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=WAIT_MAX_MS / 1_000))]
    wait: u64,
    /// Do not remove them: they come back after so many seconds, unless they are acknowledged
    #[arg(short, long, value_name = "SECS", value_parser = clap::value_parser!(u32).range(i64::from(DEADLINE_MIN_S)..=i64::from(DEADLINE_MAX_S)))]
    deadline: Option<u32>,
}

pub(super) async fn pop(context: &Context, args: &PopArgs) -> Result<()> {
    let request = PopRequest {
        max_count: args.max_count,
        wait_ms: args.wait * 1_000,
        deadline_s: args.deadline,
    };
    let client = context.client()?;
    let popped = client.queue_pop_json(&args.one.queue, &request).await?;
    if context.json() {
        return Ok(context.out.line("", &json!(popped.messages))?);
    }
    let lines: String = popped.messages.iter().map(line).collect();
    Ok(output::write(lines.as_bytes())?)
}

/// The message alone, so that other programs can go on with it; its ticket before it, if it has one.
fn line(message: &MessageJson) -> String {
    let ticket = message.ticket.as_ref();
    let ticket = ticket.map_or_else(String::new, |ticket| format!("{ticket}\t"));
    format!("{ticket}{}\n", shown(message))
}

fn shown(message: &MessageJson) -> String {
    let size = || output::bytes(message.size_bytes);
    match &message.message {
        Some(value) if message.datatype == "json" => value.to_string(),
        Some(_) => format!("(a pickle of {})", size()),
        None => format!("(a message of {}, too large to be shown)", size()),
    }
}

#[derive(clap::Args, Debug)]
pub(crate) struct AckArgs {
    #[command(flatten)]
    one: One,
    /// What `pop --deadline` printed before the messages
    #[arg(required = true, value_name = "TICKET")]
    tickets: Vec<String>,
}

pub(super) async fn ack(context: &Context, args: &AckArgs) -> Result<()> {
    let client = context.client()?;
    let reply = client
        .queue_ack(&args.one.queue, args.tickets.clone())
        .await?;
    let text = format!("acknowledged {}", reply.done);
    context.out.line(&text, &json!(reply))?;
    if reply.lost.is_empty() {
        return Ok(());
    }
    let lost = reply.lost.join(", ");
    let over = Failure::unmet(format!("too late for {lost}"));
    Err(over
        .hint("the messages came back when their deadline was over, or were acknowledged before")
        .into())
}

#[derive(clap::Args, Debug)]
pub(crate) struct PeekArgs {
    #[command(flatten)]
    one: One,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Only those that wait behind this message
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
}

pub(super) async fn peek(context: &Context, args: &PeekArgs) -> Result<()> {
    let messages = peeked(&context.client()?, &args.one.queue, args).await?;
    let columns = ["ID", "CREATED", "RETRIES", "SIZE", "MESSAGE", "ERROR"];
    let rows: Vec<Vec<Cell>> = messages.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(messages))?)
}

async fn peeked(
    client: &ApiClient,
    queue: &QueueName,
    args: &PeekArgs,
) -> Result<Vec<MessageJson>> {
    let mut messages: Vec<MessageJson> = Vec::new();
    loop {
        let left = args.limit as usize - messages.len();
        let limit = PEEK_MAX.min(u32::try_from(left).unwrap_or(PEEK_MAX));
        if limit == 0 {
            return Ok(messages);
        }
        let after = messages.last().map(|message| message.id).or(args.after);
        let query = PeekQuery {
            after,
            limit: Some(limit),
        };
        let page = client.queue_peek(queue, &query).await?.messages;
        let is_last = page.len() < limit as usize;
        messages.extend(page);
        if is_last {
            return Ok(messages);
        }
    }
}

fn row(message: &MessageJson) -> Vec<Cell> {
    let error = message.error.as_ref();
    let error = error.map(|e| format!("{}: {}", e.exception_type, e.exception_text));
    vec![
        Cell::number(message.id),
        output::moment(Some(message.created)).into(),
        Cell::number(message.cur_retry),
        Cell::number(output::bytes(message.size_bytes)),
        shown(message).into(),
        Cell::toned(error.unwrap_or_default(), Tone::Bad),
    ]
}
