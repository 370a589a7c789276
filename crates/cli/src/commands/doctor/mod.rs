//! `picloud doctor`

mod machine;
mod sandbox;
mod service;

use crate::{
    context::Context,
    failure::{Exit, REFUSED},
    output::{Cell, Tone},
};
use anyhow::Result;
use serde::Serialize;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud doctor
  picloud --json doctor | jq '.[] | select(.verdict != \"ok\")'";

/// Check this machine, the profile and the server, and say how to put right what is wrong
///
/// Ends with code 3 if a check fails; warnings do not count.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn warn(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Warn,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }

    fn fail(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Fail,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }
}

pub(super) async fn run(context: &Context, _: &Args) -> Result<()> {
    let mut findings = service::check(context).await;
    findings.extend(machine::check());
    findings.extend(sandbox::check());
    if context.json() {
        context.out.rows(&[], &[], &json!(findings))?;
    } else {
        // Not a table: advice must not be cut.
        let lines: Vec<(&str, Cell)> = findings.iter().map(|f| (f.check, cell(f))).collect();
        context.out.record(&lines, &json!(null))?;
    }
    if findings.iter().any(|f| f.verdict == Verdict::Fail) {
        Err(Exit(REFUSED).into())
    } else {
        Ok(())
    }
}

fn cell(finding: &Finding) -> Cell {
    let (word, tone) = match finding.verdict {
        Verdict::Ok => ("ok", Tone::Good),
        Verdict::Warn => ("warn", Tone::Busy),
        Verdict::Fail => ("fail", Tone::Bad),
    };
    let fix = finding
        .fix
        .as_ref()
        .map(|fix| format!(" - {fix}"))
        .unwrap_or_default();
    Cell::toned(format!("{word:4}  {}{fix}", finding.found), tone)
}
