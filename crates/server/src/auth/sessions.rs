//! Sessions of browsers: a cookie with 256 random bits that scripts cannot read, and a token derived
//! from it that requests which change something carry besides. The store knows a hash only.

use super::secret_new;
use crate::app::{App, Shared, now};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use picloud_store::{SignedIn, StoreError};
use picloud_types::{AccountId, Hash, Timestamp, api::sessions::CSRF_HEADER};
use sha2::Sha256;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// A session that is not used ends after this long.
const UNUSED_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// And any after this long.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// Uses are noted this often at most: each is a write.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// How long a session that was good is taken for good without asking the store. What ends through this
/// server ends at once.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Sessions remembered at one time.
const REMEMBERED_MAX: usize = 10_000;
/// What the token against forged requests is derived with.
const CSRF_LABEL: &[u8] = b"picloud csrf token";

/// The secret of one session, as the cookie has it.
pub(crate) struct SessionToken(String);

impl SessionToken {
    pub(crate) fn new() -> Self {
        Self(secret_new())
    }

    /// What the store knows it by.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(self.0.as_bytes())
    }

    fn csrf(&self) -> Hmac<Sha256> {
        let mut mac =
            Hmac::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(CSRF_LABEL);
        mac
    }

    /// What a page sends along with requests that change something.
    pub(crate) fn csrf_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.csrf().finalize().into_bytes())
    }

    /// Whether the request reads only, or carries the token; compared in constant time.
    pub(super) fn allows(&self, method: &Method, headers: &HeaderMap) -> bool {
        if matches!(*method, Method::GET | Method::HEAD) {
            return true;
        }
        let given = headers.get(CSRF_HEADER).map(HeaderValue::as_bytes);
        let given = URL_SAFE_NO_PAD.decode(given.unwrap_or_default());
        given.is_ok_and(|given| self.csrf().verify_slice(&given).is_ok())
    }
}

/// How the cookie is called and sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookie {
    /// Browsers send it over TLS only.
    pub(crate) secure: bool,
}

impl Cookie {
    /// Browsers take the prefix only from this very host, over TLS.
    fn name(self) -> &'static str {
        if self.secure {
            "__Host-picloud"
        } else {
            "picloud"
        }
    }

    /// The session that a request comes with.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<SessionToken> {
        let lines = headers.get_all(header::COOKIE).into_iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        let mut pairs = texts
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == self.name())?;
        Some(SessionToken(value.to_owned()))
    }

    /// `Set-Cookie` for a session that ends at `expires`.
    pub(crate) fn set(self, token: &SessionToken, expires: Timestamp) -> HeaderValue {
        // Rounded up, so that the browser does not forget it first.
        let left_ms = expires.since(now()).as_millis();
        self.line(&token.0, left_ms.div_ceil(1000))
    }

    /// `Set-Cookie` that removes it.
    pub(crate) fn clear(self) -> HeaderValue {
        self.line("", 0)
    }

    fn line(self, value: &str, seconds: u128) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.name();
        let line =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        HeaderValue::try_from(line).expect("a token came in a header or is base64")
    }
}

/// When a session ends that is used now.
pub(crate) fn expires(created: Timestamp, now: Timestamp) -> Timestamp {
    now.plus(UNUSED_MAX).min(created.plus(AGE_MAX))
}

#[derive(Clone, Debug)]
struct Remembered {
    session: Arc<SignedIn>,
    until: Instant,
}

/// Sessions that were good a moment ago.
#[derive(Debug, Default)]
pub(crate) struct SessionCache {
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<Hash, Remembered>,
    /// Grows when sessions end, so that a look-up that began before does not bring an old truth.
    changes: u64,
}

impl SessionCache {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions of the account ended, or their account changed.
    pub(crate) fn forget(&self, account: AccountId) {
        let mut state = self.lock();
        state.changes += 1;
        state
            .sessions
            .retain(|_, known| known.session.account.id != account);
    }

    fn get(&self, hash: Hash) -> (Option<Arc<SignedIn>>, u64) {
        let state = self.lock();
        let known = state
            .sessions
            .get(&hash)
            .filter(|known| known.until > Instant::now());
        (known.map(|known| Arc::clone(&known.session)), state.changes)
    }

    fn put(&self, session: &Arc<SignedIn>, changes: u64) {
        let mut state = self.lock();
        if state.changes != changes {
            return;
        }
        if state.sessions.len() >= REMEMBERED_MAX {
            state.sessions.clear();
        }
        let remembered = Remembered {
            session: Arc::clone(session),
            until: Instant::now() + REMEMBERED,
        };
        state.sessions.insert(session.token_hash, remembered);
    }
}

/// The session with this hash, if it has not ended.
pub(crate) async fn session_find(
    app: &App,
    hash: Hash,
) -> Result<Option<Arc<SignedIn>>, StoreError> {
    let (known, changes) = app.sessions.get(hash);
    if let Some(known) = known {
        return Ok((known.expires > now()).then_some(known));
    }
    let Some(mut found) = app.store.session_find(hash, now()).await? else {
        return Ok(None);
    };
    let now = now();
    if now.since(found.used) >= TOUCH_EVERY {
        found.expires = expires(found.created, now);
        found.used = now;
        app.store.session_touch(hash, found.expires, now).await?;
    }
    let found = Arc::new(found);
    app.sessions.put(&found, changes);
    Ok(Some(found))
}

/// Where the answer to a request finds that its cookie is to last longer.
#[derive(Clone, Debug, Default)]
pub(super) struct Renewal(Arc<OnceLock<HeaderValue>>);

impl Renewal {
    pub(super) fn note(&self, cookie: Cookie, token: &SessionToken, session: &SignedIn) {
        // Of every session once a minute: the moment it was touched.
        if session.used > session.created && now().since(session.used) < REMEMBERED {
            let _ = self.0.set(cookie.set(token, session.expires));
        }
    }
}

/// Lets cookies of sessions that are used last longer, and nothing that is answered to one be kept on the way: unlike
/// with `Authorization`, caches cannot tell that it is for one reader only.
pub(crate) async fn renew(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    if app.cookie.read(request.headers()).is_none() {
        return next.run(request).await;
    }
    let renewal = Renewal::default();
    request.extensions_mut().insert(renewal.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(line) = renewal.0.get()
        && !headers.contains_key(header::SET_COOKIE)
    {
        headers.insert(header::SET_COOKIE, line.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Cookie = Cookie { secure: false };
    const TLS: Cookie = Cookie { secure: true };

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).expect("a header value");
        [(name.parse().expect("a name"), value)]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_cookie_is_found_among_others_by_its_whole_name() {
        let sent = headers("cookie", "a=b; picloud=t1; __Host-picloud=t2");
        let read = |cookie: Cookie, headers: &HeaderMap| cookie.read(headers).map(|token| token.0);
        assert_eq!(read(PLAIN, &sent).as_deref(), Some("t1"));
        assert_eq!(read(TLS, &sent).as_deref(), Some("t2"));
        let without = headers("cookie", "xpicloud=t; picloudx=t; picloud");
        assert_eq!(read(PLAIN, &without), None);
        assert_eq!(read(TLS, &headers("cookie", "picloud=t1")), None);
    }

    #[test]
    fn only_changes_need_the_token_and_only_its_own_is_right() {
        let (mine, other) = (SessionToken::new(), SessionToken::new());
        let with = |token: &SessionToken| headers("x-csrf-token", &token.csrf_token());
        assert!(mine.allows(&Method::GET, &HeaderMap::new()));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(mine.allows(&method, &with(&mine)), "{method}");
            assert!(!mine.allows(&method, &with(&other)), "another session's");
            assert!(!mine.allows(&method, &HeaderMap::new()), "none");
            assert!(!mine.allows(&method, &headers("x-csrf-token", "")), "empty");
        }
    }

    #[test]
    fn a_session_ends_unused_after_two_weeks_and_anyway_after_ninety_days() {
        let day = 24 * 3600 * 1000;
        let ends = |used| expires(Timestamp(0), Timestamp(used)).0;
        assert_eq!(ends(day), 15 * day);
        assert_eq!(ends(80 * day), 90 * day);
    }
}
