//! A browser as far as the server can tell: it keeps cookies and sends them back.

use crate::world::World;
use picloud_types::{
    ErrorKind,
    api::sessions::{LinkMade, Session},
};
use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A password of the stories.
pub(crate) const PASSWORD: &str = "a long password";

pub(crate) struct Browser {
    http: Client,
    server: String,
    cookie: Option<String>,
    csrf_token: Option<String>,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("a whole answer");
        Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> T {
        assert!((200..300).contains(&self.status), "{self:?}");
        serde_json::from_value(self.body).expect("the answer reads")
    }

    pub(crate) fn refused(&self, kind: ErrorKind) {
        assert_eq!(self.status, kind.status(), "{self:?}");
        assert_eq!(self.body["error"]["kind"], json!(kind), "{self:?}");
    }

    pub(crate) fn set_cookie(&self) -> &str {
        let line = &self.headers[header::SET_COOKIE];
        line.to_str().expect("text")
    }
}

impl Browser {
    pub(crate) fn new(world: &World) -> Self {
        let mut http = Client::builder();
        if let Some(file) = world.server.ca_file() {
            let pem = std::fs::read(file).expect("a certificate");
            http = http
                .add_root_certificate(reqwest::Certificate::from_pem(&pem).expect("a certificate"));
        }
        Self {
            http: http.build().expect("a client"),
            server: world.server.url().to_owned(),
            cookie: None,
            csrf_token: None,
        }
    }

    /// One that came in by a link, and so set this password.
    pub(crate) async fn with_password(world: &World, password: &str) -> Self {
        let mut browser = Self::new(world);
        let token = link(world).await;
        let used = browser.use_link(&token, Some(password)).await;
        assert_eq!(used.status, 200, "{used:?}");
        browser
    }

    /// A request as a page makes it, with the cookie and the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.bare(method, path);
        if let Some(token) = &self.csrf_token {
            request = request.header("x-csrf-token", token);
        }
        request
    }

    /// With the cookie only.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.server));
        match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> Reply {
        reply(self.request(method, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        reply(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        reply(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn sign_in(&mut self, account: &str, password: &str) -> Reply {
        let body = json!({"account": account, "password": password});
        let reply = self.post("/v1/session", &body).await;
        self.enter(reply)
    }

    pub(crate) async fn use_link(&mut self, token: &str, password: Option<&str>) -> Reply {
        let body = json!({"token": token, "password": password});
        let reply = self.post("/v1/session/link", &body).await;
        self.enter(reply)
    }

    /// Keeps what the answer to signing in gave.
    fn enter(&mut self, reply: Reply) -> Reply {
        if reply.status == 200 {
            let pair = reply.set_cookie().split(';').next().expect("a cookie");
            self.cookie = Some(pair.to_owned());
            let session: Session = serde_json::from_value(reply.body.clone()).expect("a session");
            self.csrf_token = Some(session.csrf_token);
        }
        reply
    }

    /// The server is somewhere else now.
    pub(crate) fn moved_to(&mut self, world: &World) {
        world.server.url().clone_into(&mut self.server);
    }

    pub(crate) fn csrf_token(&self) -> &str {
        self.csrf_token.as_deref().expect("signed in")
    }

    /// Whether the server knows it.
    pub(crate) async fn is_in(&self) -> bool {
        match self.send(Method::GET, "/v1/session").await.status {
            200 => true,
            204 => false,
            other => panic!("status {other}"),
        }
    }
}

pub(crate) async fn reply(request: RequestBuilder) -> Reply {
    Reply::of(request.send().await.expect("an answer")).await
}

/// The secret of a new link for the administrator.
pub(crate) async fn link(world: &World) -> String {
    let made: LinkMade = world.client().link_create(None).await.expect("a link");
    secret(&made)
}

/// What is behind the `#`.
pub(crate) fn secret(made: &LinkMade) -> String {
    let secret = made.path.strip_prefix("/welcome#");
    secret.expect("the address of the page").to_owned()
}
