//! `picloud logs`

use super::patience::Patience;
use crate::{context::Context, failure::Failure, output};
use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use picloud_client::ApiClient;
use picloud_types::{Jid, Stream};
use serde_json::json;
use std::{
    io::{self, Write as _},
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  picloud logs 7                        stdout and stderr of job 7, each to our own
  picloud logs -f 7                     the same, live, until the job ends
  picloud logs --stream pilog 7         what the platform remarked
  picloud logs --stream all 7           all five streams, each line with its name";

/// Bytes of one request.
const CHUNK: u64 = 1 << 20;
/// How long one request may hang while following.
const FOLLOW: Duration = Duration::from_secs(30);

/// Show what a job said, also while it runs
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Job id
    #[arg(value_name = "JID", value_parser = clap::value_parser!(i64).range(1..))]
    jid: i64,
    /// Go on until the job ends
    #[arg(short, long)]
    follow: bool,
    /// One stream, or all; stdout and stderr when missing
    #[arg(short, long, value_name = "STREAM", value_parser = ["stdout", "stderr", "logging", "pilog", "syslog", "all"])]
    stream: Option<String>,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let (streams, named) = match args.stream.as_deref() {
        None => (vec![Stream::Stdout, Stream::Stderr], false),
        Some("all") => (Stream::ALL.to_vec(), true),
        Some(name) => (vec![name.parse()?], false),
    };
    let form = match (context.json(), named) {
        (true, _) => Form::Json,
        (false, true) => Form::Named,
        (false, false) => Form::Raw {
            alone: streams.len() == 1,
        },
    };
    let jid = Jid(args.jid);
    try_join_all(streams.into_iter().map(|stream| {
        read(
            &client,
            jid,
            stream,
            args.follow,
            Printer::new(stream, form),
        )
    }))
    .await?;
    Ok(())
}

/// Reads one stream to its end: what there is now, or what there will be when following.
async fn read(
    client: &ApiClient,
    jid: Jid,
    stream: Stream,
    follow: bool,
    mut printer: Printer,
) -> Result<()> {
    let hang = if follow { FOLLOW } else { Duration::ZERO };
    let mut patience = Patience::default();
    let mut offset = 0;
    loop {
        let answer = client.output(jid, stream, offset, CHUNK, hang).await;
        let Some(chunk) = patience.judge(answer).await? else {
            continue;
        };
        if chunk.offset < offset {
            bail!(Failure::unmet(format!(
                "the server sent a part of {stream} twice"
            )));
        }
        if chunk.offset > offset {
            let lost = chunk.offset - offset;
            eprintln!("[{stream}: {lost} bytes in the middle were not kept]");
        }
        printer.print(&chunk.bytes)?;
        offset = chunk.next_offset();
        if offset >= chunk.total && (chunk.finished || !follow) {
            return Ok(printer.finish()?);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// Bytes as they are; stderr to stderr unless it is the only stream.
    Raw { alone: bool },
    /// Lines with the stream's name.
    Named,
    /// One JSON object per line of output.
    Json,
}

/// Prints one stream; lines of several streams never mix within a line.
struct Printer {
    stream: Stream,
    form: Form,
    /// The line that has not ended yet.
    rest: Vec<u8>,
}

impl Printer {
    fn new(stream: Stream, form: Form) -> Self {
        Self {
            stream,
            form,
            rest: Vec::new(),
        }
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Form::Raw { alone } = self.form {
            if alone || self.stream != Stream::Stderr {
                return output::write(bytes);
            }
            return io::stderr().lock().write_all(bytes);
        }
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            Ok(())
        } else {
            self.line(&rest)
        }
    }

    fn line(&self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        let line = match self.form {
            Form::Json => format!("{}\n", json!({"stream": self.stream.name(), "line": text})),
            Form::Named | Form::Raw { .. } => format!("{:7} | {text}\n", self.stream.name()),
        };
        output::write(line.as_bytes())
    }
}
