//! Credentials of jobs: user `job-ACCOUNT-JID-ATTEMPT`, and a password that proves that this
//! server named it so. Good only while exactly that attempt is alive, which the store says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use picloud_types::{AccountId, Attempt, Jid};
use sha2::Sha256;

/// Whom such credentials name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobUser {
    pub(super) account: AccountId,
    pub(super) jid: Jid,
    pub(super) attempt: Attempt,
}

impl JobUser {
    pub(super) fn parse(user: &str) -> Option<Self> {
        let mut parts = user.strip_prefix("job-")?.split('-');
        let account = AccountId(parts.next()?.parse().ok()?);
        let jid = Jid(parts.next()?.parse().ok()?);
        let attempt = Attempt(parts.next()?.parse().ok()?);
        let made = Self {
            account,
            jid,
            attempt,
        };
        parts.next().is_none().then_some(made)
    }
}

/// Makes and checks the passwords.
#[derive(Clone)]
pub(crate) struct JobTokens {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for JobTokens {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JobTokens")
    }
}

impl JobTokens {
    pub(crate) fn new(secret: &str) -> Self {
        let keyed = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        Self { keyed }
    }

    fn signed(&self, account: AccountId, jid: Jid, attempt: Attempt) -> Hmac<Sha256> {
        let mut mac = self.keyed.clone();
        mac.update(format!("job|{account}|{jid}|{attempt}").as_bytes());
        mac
    }

    /// The password of one attempt.
    pub(crate) fn token(&self, account: AccountId, jid: Jid, attempt: Attempt) -> String {
        URL_SAFE_NO_PAD.encode(self.signed(account, jid, attempt).finalize().into_bytes())
    }

    /// Whether `password` is that of `user`, compared in constant time.
    pub(super) fn is_right(&self, user: JobUser, password: &str) -> bool {
        let Ok(given) = URL_SAFE_NO_PAD.decode(password) else {
            return false;
        };
        self.signed(user.account, user.jid, user.attempt)
            .verify_slice(&given)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_attempt_only() {
        let tokens = JobTokens::new("secret");
        let token = tokens.token(AccountId(1), Jid(23), Attempt(4));
        let user = JobUser::parse("job-1-23-4").expect("a job's name");
        assert!(tokens.is_right(user, &token));
        for other in ["job-1-23-5", "job-12-3-4", "job-2-23-4"] {
            assert!(
                !tokens.is_right(JobUser::parse(other).expect("a job's name"), &token),
                "{other}"
            );
        }
        assert!(
            !JobTokens::new("other").is_right(user, &token),
            "another server's secret"
        );
        assert!(!tokens.is_right(user, ""));
    }

    #[test]
    fn other_names_are_no_jobs() {
        for bad in [
            "7",
            "job-1-2",
            "job-1-2-3-4",
            "job-a-2-3",
            "job-1-2-99999999999",
        ] {
            assert_eq!(JobUser::parse(bad), None, "{bad}");
        }
    }
}
