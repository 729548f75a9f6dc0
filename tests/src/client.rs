//! A client that calls the router without a network.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, header},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::Login;

/// A request being written.
#[must_use = "nothing is called until it is sent"]
pub struct Call {
    router: Router,
    request: Request<Body>,
}

impl Call {
    /// A call of any router.
    pub fn new(router: Router, method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        Self { router, request }
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of any type.
    pub fn text(self, content_type: &str, body: impl Into<Body>) -> Self {
        let mut call = self.header("content-type", content_type);
        *call.request.body_mut() = body.into();
        call
    }

    /// With one more header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, value.parse().unwrap());
        self
    }

    /// With an access token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a fingerprint.
    pub fn cookie(self, fingerprint: &str) -> Self {
        self.header("cookie", &format!("user_fingerprint={fingerprint}"))
    }

    /// With the token and the cookie of a log-in.
    pub fn by(self, login: &Login) -> Self {
        self.bearer(&login.token).cookie(&login.cookie)
    }

    /// From this address.
    pub fn from(mut self, address: &str) -> Self {
        let peer = SocketAddr::new(address.parse().unwrap(), 4711);
        self.request.extensions_mut().insert(ConnectInfo(peer));
        self
    }

    /// The answer.
    pub async fn send(self) -> Reply {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The answer itself, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// A header that comes once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            panic!("no single {name}: {self:#?}")
        };
        value.to_str().unwrap()
    }

    /// The fingerprint that the answer sets.
    #[track_caller]
    pub fn fingerprint(&self) -> String {
        let cookie = self.header("set-cookie");
        let value =
            cookie.strip_prefix("user_fingerprint=").unwrap_or_else(|| panic!("another cookie: {cookie}"));
        value.split(';').next().unwrap_or_default().to_owned()
    }

    /// Checks that the answer is a whole problem (RFC 9457) of this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:#?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:#?}");
        let body = self.json();
        assert_eq!(body["code"], code, "{self:#?}");
        assert_eq!(body["status"], status, "{self:#?}");
        assert_eq!(body["success"], false, "{self:#?}");
        assert_eq!(body["type"], "about:blank", "{self:#?}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{self:#?}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self:#?}");
        assert_eq!(body.get("errors").is_some(), code == "validation_failed" || body["errors"].is_object());
        assert_eq!(self.headers.contains_key(header::WWW_AUTHENTICATE), status == 401, "{self:#?}");
        body
    }

    /// Checks that the answer is a validation problem that blames exactly these fields.
    #[track_caller]
    pub fn invalid(&self, fields: &[&str]) {
        let body = self.problem(422, "validation_failed");
        let blamed: Vec<_> = body["errors"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(blamed, fields, "{self:#?}");
    }
}
