//! `picloud result`

mod python;

use super::{
    join::failure_of,
    patience::{Deadline, Patience, parse_seconds},
    shell,
};
use crate::{context::Context, failure::Failure, jids::Jids, output};
use anyhow::{Context as _, Result, bail};
use picloud_client::ApiClient;
use picloud_types::{
    Jid, JidSet, JobState, Payload,
    api::results::{ResultFrame, ResultsRequest},
    result_form::ResultForm,
};
use python::{Reader, Text};
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  picloud result 7                      wait, then print the value
  picloud result -t 10 1-4,7
  picloud result -i 1-100               go on past failed jobs
  picloud --json result 7 | jq '.[0].result'
  picloud result --raw 7 > value.pickle
  picloud result $(picloud exec 'uname -a')
  picloud result 8 > plot.png           bytes of one job are written as they are";

/// Results kept in memory at once.
const PART: u64 = 500;

/// Wait for jobs and print their results
///
/// What commands and published functions return is bytes or JSON, and is printed as it is. Other results are
/// pickled Python objects: a Python interpreter shows them, that of the active virtual environment or the
/// first on the path. With --json, values that have a JSON form are printed as such under `result`, other
/// objects under `repr`, and bytes that are no text under `result_base64`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    jids: Jids,
    /// Stop waiting after this many seconds (code 1)
    #[arg(short, long, value_name = "SECS", value_parser = parse_seconds)]
    timeout: Option<f64>,
    /// Print what went wrong in place of a missing result, and go on
    #[arg(short, long)]
    ignore_errors: bool,
    /// Write the pickle of one job, or its bytes or JSON, without a look at it
    #[arg(long)]
    raw: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let jids = args.jids.set();
    if args.raw && jids.len() != 1 {
        bail!(Failure::usage(
            "--raw writes the result of exactly one job",
            "name one job id"
        ));
    }
    let mut shown = Shown {
        context,
        alone: jids.len() == 1,
        raw: args.raw,
        reader: None,
        values: Vec::new(),
    };
    let deadline = Deadline::after(args.timeout);
    let mut patience = Patience::default();
    let mut got = 0;
    while got < jids.len() {
        let rest: JidSet = jids.iter().skip(usize::try_from(got)?).collect();
        let timeout_ms = u64::try_from(deadline.poll().as_millis()).unwrap_or(u64::MAX);
        let request = ResultsRequest {
            jids: rest,
            timeout_ms,
            linger_ms: 0,
            max_count: Some(PART),
        };
        let Some(frames) = patience.judge(client.results(&request).await).await? else {
            continue;
        };
        if frames.is_empty() && deadline.is_over() {
            bail!(Failure::usage(
                format!(
                    "{} of {} results have not come in time",
                    jids.len() - got,
                    jids.len()
                ),
                "`picloud info -f waiting_because` says why a job still waits",
            ));
        }
        for frame in frames {
            got += 1;
            shown.show(&client, frame, args.ignore_errors).await?;
        }
    }
    if context.json() {
        context.out.rows(&[], &[], &Value::Array(shown.values))?;
    }
    Ok(())
}

/// Prints results as they come; JSON is one array, so it is collected.
struct Shown<'a> {
    context: &'a Context,
    alone: bool,
    raw: bool,
    reader: Option<Reader>,
    values: Vec<Value>,
}

impl Shown<'_> {
    async fn show(
        &mut self,
        client: &ApiClient,
        frame: ResultFrame,
        ignore_errors: bool,
    ) -> Result<()> {
        let ResultFrame {
            jid,
            state,
            failure,
            payload,
        } = frame;
        if state != JobState::Done {
            if !ignore_errors {
                bail!(failure_of(client, jid).await?);
            }
            let exception = failure
                .as_ref()
                .map(|f| f.exception.trim_end().to_owned())
                .unwrap_or_default();
            self.values
                .push(json!({"jid": jid, "status": state.public_name(), "failure": failure}));
            return self.print(&format!("job {jid} {state}: {exception}"));
        }
        let bytes = fetch(client, payload)
            .await
            .with_context(|| format!("could not fetch the result of job {jid}"))?;
        let (form, content) = in_form(&bytes);
        match form {
            _ if self.raw => Ok(output::write(content)?),
            ResultForm::Pickle => self.pickle(jid, content),
            ResultForm::Json => self.json(jid, content),
            ResultForm::Raw => self.bytes(jid, content),
        }
    }

    /// A Python object.
    fn pickle(&mut self, jid: Jid, pickle: &[u8]) -> Result<()> {
        if self.reader.is_none() {
            self.reader = Some(Reader::start()?);
        }
        let reader = self.reader.as_mut().context("a reader was started above")?;
        match reader
            .read(pickle, self.context.json())
            .with_context(|| format!("job {jid}"))?
        {
            Text::Json(text) => {
                let result: Value =
                    serde_json::from_str(&text).context("Python writes JSON that reads")?;
                self.values
                    .push(json!({"jid": jid, "status": "done", "result": result}));
                Ok(())
            }
            Text::Repr(text) if self.context.json() => {
                self.values
                    .push(json!({"jid": jid, "status": "done", "repr": text}));
                Ok(())
            }
            Text::Repr(text) => self.titled(jid, &text),
        }
    }

    fn json(&mut self, jid: Jid, content: &[u8]) -> Result<()> {
        if !self.context.json() {
            return self.titled(jid, &String::from_utf8_lossy(content));
        }
        let result: Value = serde_json::from_slice(content)
            .with_context(|| format!("the result of job {jid} does not read"))?;
        self.values
            .push(json!({"jid": jid, "status": "done", "result": result}));
        Ok(())
    }

    /// What a command wrote: nothing is added to it, but its job's id where there are several.
    fn bytes(&mut self, jid: Jid, content: &[u8]) -> Result<()> {
        if self.context.json() {
            let mut value = shell::bytes_as_json(content);
            value["jid"] = json!(jid);
            value["status"] = json!("done");
            self.values.push(value);
            return Ok(());
        }
        if !self.alone {
            self.print(&format!("job {jid}:"))?;
        }
        output::write(content)?;
        // The next heading begins a line.
        if !self.alone && !content.is_empty() && !content.ends_with(b"\n") {
            output::write(b"\n")?;
        }
        Ok(())
    }

    fn titled(&self, jid: Jid, text: &str) -> Result<()> {
        if self.alone {
            self.print(text)
        } else {
            self.print(&format!("job {jid}: {text}"))
        }
    }

    fn print(&self, text: &str) -> Result<()> {
        if self.context.json() {
            return Ok(());
        }
        Ok(output::write(format!("{text}\n").as_bytes())?)
    }
}

/// The form of a result, and what is in that form.
fn in_form(bytes: &[u8]) -> (ResultForm, &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) => match ResultForm::of(*first) {
            Some(form @ (ResultForm::Json | ResultForm::Raw)) => (form, rest),
            // Anything else is Python's to read, or to say what is wrong with it.
            Some(ResultForm::Pickle) | None => (ResultForm::Pickle, bytes),
        },
        None => (ResultForm::Pickle, bytes),
    }
}

async fn fetch(client: &ApiClient, payload: Payload) -> Result<Vec<u8>> {
    Ok(match payload {
        Payload::Inline(bytes) => bytes.into(),
        Payload::Blob { hash, .. } => client.blob_get(hash).await?.collect().await?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_known_by_its_first_byte() {
        assert_eq!(in_form(b"J{}"), (ResultForm::Json, &b"{}"[..]));
        assert_eq!(in_form(b"R"), (ResultForm::Raw, &b""[..]));
        assert_eq!(
            in_form(b"\x80\x04."),
            (ResultForm::Pickle, &b"\x80\x04."[..])
        );
        assert_eq!(in_form(b""), (ResultForm::Pickle, &b""[..]));
    }
}
