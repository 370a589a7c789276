//! From errors to one message and an exit code.

use picloud_client::ClientError;
use serde_json::json;
use std::io;

/// Usage, or anything unexpected.
pub(crate) const USAGE: u8 = 1;
/// The service said no, or a job failed.
pub(crate) const REFUSED: u8 = 3;

/// An end that is not fine, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// Something the user can put right here.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
            code: USAGE,
        }
    }

    /// Something that did not come out as asked, though everything worked.
    pub(crate) fn unmet(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: REFUSED,
        }
    }

    /// The same, with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The end of a command that has already said why.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

/// Prints an error with its chain and its hint; answers the exit code.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> u8 {
    if let Some(Exit(code)) = error.downcast_ref() {
        return *code;
    }
    if broken_pipe(error) {
        // The reader of our output has seen enough, as with `| head`.
        return 0;
    }
    let (code, hint) = classify(error);
    let message = format!("{error:#}");
    if json {
        let kind = error
            .chain()
            .find_map(|e| e.downcast_ref::<ClientError>())
            .and_then(ClientError::kind);
        eprintln!(
            "{}",
            json!({"error": {"msg": message, "hint": hint, "kind": kind, "exit_code": code}})
        );
    } else {
        eprintln!("error: {message}");
        if let Some(hint) = hint {
            eprintln!("hint: {hint}");
        }
    }
    code
}

fn classify(error: &anyhow::Error) -> (u8, Option<String>) {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return (failure.code, failure.hint.clone());
        }
        if let Some(client) = cause.downcast_ref::<ClientError>() {
            let code = if matches!(client, ClientError::Refused(_)) {
                REFUSED
            } else {
                USAGE
            };
            return (code, client.hint().map(str::to_owned));
        }
    }
    (USAGE, None)
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    // Only our own stdout counts: a broken connection to the server comes as a `ClientError`.
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use picloud_types::{ApiError, ErrorKind};

    fn code(error: impl Into<anyhow::Error>) -> u8 {
        report(&error.into(), false)
    }

    #[test]
    fn a_refusal_of_the_service_is_3_also_under_context() {
        let refused =
            || ClientError::Refused(ApiError::new(ErrorKind::JobUnknown, "job 7 does not exist"));
        assert_eq!(code(refused()), REFUSED);
        assert_eq!(
            code(
                Err::<(), _>(refused())
                    .context("could not ask")
                    .expect_err("an error")
            ),
            REFUSED
        );
    }

    #[test]
    fn a_server_that_is_down_is_1() {
        assert_eq!(
            code(ClientError::Unreachable {
                reason: "x".into(),
                hint: "y".into()
            }),
            USAGE
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe)), 0);
    }
}
