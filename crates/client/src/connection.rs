//! One server, one set of credentials, a pool of kept-alive connections.

use crate::{ClientError, Result};
use base64::Engine as _;
use bytes::Bytes;
use picloud_types::{ApiError, ErrorBody, ErrorKind, frames};
use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Time for a connection to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for an answer that waits for nothing; long polls add what they wait for.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Below the 60 s and more that servers and middle boxes keep idle connections, so that we
/// close first and do not send into a connection that is going away.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Where a server is and how to trust it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `http://HOST:PORT` or `https://HOST:PORT`, with or without a slash at the end.
    pub server: String,
    /// A file of PEM certificates trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM certificates trusted in addition to the system's.
    pub ca_pem: Option<Vec<u8>>,
}

impl Options {
    /// A server that needs no certificate of its own.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            ..Self::default()
        }
    }
}

/// A way to one server. Clones share the connections.
#[derive(Clone)]
pub struct Connection {
    http: reqwest::Client,
    base: Arc<Url>,
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Connection {
    /// Without the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Prepares a way to the server; nothing is sent yet.
    pub fn new(options: &Options) -> Result<Self> {
        let base = parse_server(&options.server)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("picloud/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            // A proxy configured for the outside could only lead away from this machine.
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            // Reading the system's certificates takes longer than most commands do.
            builder = builder.tls_built_in_root_certs(false);
        }
        for pem in extra_pems(options)? {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| {
                ClientError::Protocol(format!("could not read the certificates to trust: {e}"))
            })?;
            for certificate in certificates {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let http = builder
            .build()
            .map_err(|e| ClientError::from_http(&e, base.as_str()))?;
        Ok(Self {
            http,
            base: Arc::new(base),
            authorization: None,
        })
    }

    /// The same way, with HTTP Basic credentials.
    pub fn with_basic(mut self, user: &str, password: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.authorization = secret_header(&format!("Basic {pair}"));
        self
    }

    /// The same way, with a bearer token.
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.authorization = secret_header(&format!("Bearer {token}"));
        self
    }

    /// The address requests go to, without a slash at the end.
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A request with credentials. `path` begins with `/`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = (*self.base).clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let request = self.http.request(method, url);
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Sends; an answer with status 400 or above becomes an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|e| self.http_error(&e))?;
        if response.status().is_client_error() || response.status().is_server_error() {
            return Err(self.refusal(response).await);
        }
        if !response.status().is_success() {
            return Err(ClientError::Protocol(format!(
                "{} answered {}, which a picloud server does not",
                self.server(),
                response.status()
            )));
        }
        Ok(response)
    }

    /// Sends and reads the whole answer.
    pub(crate) async fn bytes(&self, request: RequestBuilder, timeout: Duration) -> Result<Bytes> {
        let response = self.send(request.timeout(timeout)).await?;
        response.bytes().await.map_err(|e| self.http_error(&e))
    }

    /// Sends and reads a JSON answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<T> {
        let body = self.bytes(request, timeout).await?;
        serde_json::from_slice(&body).map_err(|e| {
            ClientError::Protocol(format!(
                "the answer of {} does not read: {e}",
                self.server()
            ))
        })
    }

    /// `GET` with a JSON answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.json(self.request(Method::GET, path), ANSWER_TIMEOUT)
            .await
    }

    /// `POST` of JSON with a JSON answer, which may take `wait` longer than others.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        wait: Duration,
    ) -> Result<T> {
        self.json(
            self.request_json(Method::POST, path, body)?,
            ANSWER_TIMEOUT + wait,
        )
        .await
    }

    /// A request with a JSON body.
    pub(crate) fn request_json<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<RequestBuilder> {
        let json = serde_json::to_vec(body)
            .map_err(|e| ClientError::Protocol(format!("the request has no JSON form: {e}")))?;
        Ok(self
            .request(method, path)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(json))
    }

    /// A `POST` with a framed body.
    pub(crate) fn request_frames(&self, path: &str, body: Bytes) -> RequestBuilder {
        self.request_frames_by(Method::POST, path, body)
    }

    /// A request with a framed body.
    pub(crate) fn request_frames_by(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> RequestBuilder {
        self.request(method, path)
            .header(CONTENT_TYPE, HeaderValue::from_static(frames::MEDIA_TYPE))
            .body(body)
    }

    pub(crate) fn http_error(&self, error: &reqwest::Error) -> ClientError {
        ClientError::from_http(error, self.server())
    }

    /// What an answer of status 400 or above says.
    async fn refusal(&self, response: Response) -> ClientError {
        let status = response.status();
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return self.http_error(&error),
        };
        if let Ok(ErrorBody { error }) = serde_json::from_slice(&body) {
            return ClientError::Refused(error);
        }
        if status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
            // What a load balancer in front of a stopped server says.
            let error = ApiError::new(
                ErrorKind::Unavailable,
                format!("{} is not available", self.server()),
            );
            return ClientError::Refused(error);
        }
        let text: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        ClientError::Protocol(format!(
            "{} answered {status}, not as a picloud server does: {text}",
            self.server()
        ))
    }
}

/// A header of the answer as a number.
pub(crate) fn header_number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn parse_server(server: &str) -> Result<Url> {
    let bad = |why: &str| {
        ClientError::Protocol(format!(
            "{server:?} is no server address ({why}); write http://HOST:PORT"
        ))
    };
    let url = Url::parse(server.trim()).map_err(|e| bad(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it must begin with http:// or https://"));
    }
    if url.host_str().is_none() {
        return Err(bad("it names no host"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

fn extra_pems(options: &Options) -> Result<Vec<Vec<u8>>> {
    let mut pems = Vec::new();
    if let Some(path) = &options.ca_file {
        let pem = std::fs::read(path).map_err(|e| {
            ClientError::Protocol(format!(
                "could not read the certificate file {}: {e}",
                path.display()
            ))
        })?;
        pems.push(pem);
    }
    pems.extend(options.ca_pem.clone());
    Ok(pems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_http_servers_are_taken() {
        for good in [
            "http://127.0.0.1:7878",
            "https://pi.example/",
            "http://[::1]:1",
            "http://h/prefix",
        ] {
            assert!(Connection::new(&Options::new(good)).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:7878", "localhost:7878", "ftp://x", "http://"] {
            let error = Connection::new(&Options::new(bad)).expect_err(bad);
            assert!(error.to_string().contains("http://HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn loopback_is_recognised_in_all_its_spellings() {
        for (text, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://127.9.9.9", true),
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(
                is_loopback(&Url::parse(text).expect("valid")),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn credentials_never_show_in_debug_output() {
        let connection = Connection::new(&Options::new("http://127.0.0.1:1"))
            .expect("valid")
            .with_bearer("s3cret");
        assert!(!format!("{connection:?}").contains("s3cret"));
    }
}
