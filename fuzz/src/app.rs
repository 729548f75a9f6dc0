//! The application that is sent bytes.

use std::{cell::RefCell, net::SocketAddr};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use guardrail::{ProxyHeader, TrustedProxies};
use guardrail_tests::{App, Login, TestStore};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

/// After how many inputs there is another one, so that what inputs leave behind does not pile up.
const INPUTS: u32 = 5_000;

/// A router on a store in memory, with an administrator and a user who are signed in.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) admin: Login,
    pub(crate) user: Login,
    runtime: tokio::runtime::Runtime,
}

impl Fixture {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (app, admin, user) = runtime.block_on(async {
            let proxies = ["127.0.0.0/8".parse().unwrap()];
            let app = App::with(&TestStore::memory().await, |builder| {
                builder.trusted_proxies(TrustedProxies::new(proxies, ProxyHeader::Forwarded))
            })
            .await;
            let (admin, user) = (app.log_in_as_admin().await, app.register_and_log_in(1).await);
            (app, admin, user)
        });
        Self { app, admin, user, runtime }
    }

    /// Sends a request from loopback. Whatever it is, it is no failure of the server's.
    pub(crate) fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711))));
        self.runtime.block_on(async {
            let response = self.app.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(&body));
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            assert!(status.is_success() || body["status"] == status.as_u16(), "{status}: no problem: {body}");
            Answer { status, body }
        })
    }

    /// Whether a caller is still served.
    pub(crate) fn is_served(&self, caller: &Login) -> bool {
        let request = get("/api/profile").header("authorization", format!("Bearer {}", caller.token));
        let cookie = format!("user_fingerprint={}", caller.cookie);
        self.send(request.header("cookie", cookie).body(Body::empty()).unwrap()).status == StatusCode::OK
    }

    /// Runs a task of the application's.
    pub(crate) fn run<T>(&self, task: impl Future<Output = T>) -> T {
        self.runtime.block_on(task)
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// A `GET` of a path.
pub(crate) fn get(path: &str) -> axum::http::request::Builder {
    Request::get(path)
}

/// Calls `test` with the fixture, which is made anew from time to time and when a test says that it is spoilt.
pub(crate) fn with_fixture(test: impl FnOnce(&mut Fixture) -> Spoilt) {
    thread_local! {
        static FIXTURE: RefCell<Option<(Fixture, u32)>> = const { RefCell::new(None) };
    }
    FIXTURE.with_borrow_mut(|place| {
        let (fixture, inputs) = place.get_or_insert_with(|| (Fixture::new(), 0));
        *inputs += 1;
        let spoilt = test(fixture);
        if spoilt == Spoilt::Yes || *inputs == INPUTS {
            *place = None;
        }
    });
}

/// Whether the fixture is still as a test wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoilt {
    Yes,
    No,
}
