//! Passwords of accounts: argon2id with what the crate gives and OWASP recommends (19 MiB, two passes,
//! one lane). Each hashing takes that memory and some 20 ms of a processor, so few go on at a time.

use crate::refusal::{Answer, Refusal};
use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _, password_hash::SaltString,
};
use picloud_types::{
    ErrorKind,
    api::sessions::{PASSWORD_MAX, PASSWORD_MIN},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashings at one time.
const AT_ONCE: usize = 2;
/// Of those that wait beyond these, no more are taken.
const WAITING_MAX: usize = 30;

/// The hash of a password that nobody has: comparing with it takes as long as with any other, so that
/// the time of an answer does not tell which accounts there are.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGljbG91ZC1ub2JvZHk$BBqLMiTTTCYQVjFKJnB5g3n3l+CcZWoZ5+FqAfTKNR0";

/// Whose turn it is. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// The text the store keeps of a password.
    pub(crate) async fn hash(&self, password: String) -> Answer<String> {
        check_length(&password)?;
        let hashed = self.in_turn(move || hashed(&password)).await?;
        hashed.map_err(|error| Refusal::internal(&error))
    }

    /// Whether it is the password with this hash; without one it takes as long.
    pub(crate) async fn is_right(&self, password: String, hash: Option<String>) -> Answer<bool> {
        self.in_turn(move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
            // Longer ones nobody can have; they are not worth the time of hashing megabytes.
            let password: &str = if password.chars().count() > PASSWORD_MAX {
                ""
            } else {
                &password
            };
            is_right(password, &hash) && is_known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let busy = || Refusal::new(ErrorKind::Unavailable, "too many people sign in right now");
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| busy())?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| busy())?;
        // The thread has its turn until it is done, also when nobody waits for the answer any more.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        done.await.map_err(|error| Refusal::internal(&error))
    }
}

fn check_length(password: &str) -> Answer<()> {
    if (PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters"
    )))
}

fn hashed(password: &str) -> argon2::password_hash::Result<String> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>())?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn is_right(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_is_right() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await.expect("taken");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (password, expected) in [
            ("correct horse", true),
            ("correct horsE", false),
            ("", false),
        ] {
            let is_right = passwords.is_right(password.into(), Some(hash.clone()));
            assert_eq!(is_right.await.expect("looked at"), expected, "{password}");
        }
        assert_ne!(hash, hashed("correct horse").expect("hashed"), "salted");
    }

    #[tokio::test]
    async fn who_has_no_password_is_compared_with_one_of_the_same_cost() {
        let hash = PasswordHash::new(NOBODYS).expect("a hash");
        let params = argon2::Params::try_from(&hash).expect("parameters");
        assert_eq!(params.m_cost(), argon2::Params::DEFAULT_M_COST);
        assert_eq!(params.t_cost(), argon2::Params::DEFAULT_T_COST);
        assert_eq!(hash.hash.expect("an output").len(), 32);
        let passwords = Passwords::default();
        assert!(
            !passwords
                .is_right(String::new(), None)
                .await
                .expect("looked at")
        );
    }

    #[tokio::test]
    async fn too_short_and_too_long_passwords_are_not_taken() {
        let passwords = Passwords::default();
        for length in [0, PASSWORD_MIN - 1, PASSWORD_MAX + 1] {
            let refused = passwords
                .hash("ä".repeat(length))
                .await
                .expect_err("refused");
            assert_eq!(refused.0.kind, ErrorKind::BadRequest, "{length}");
        }
        for length in [PASSWORD_MIN, PASSWORD_MAX] {
            passwords.hash("ä".repeat(length)).await.expect("taken");
        }
    }
}
