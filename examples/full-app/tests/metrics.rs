//! `GET /metrics`: what is counted, under which labels, and for whom.
#![allow(clippy::unwrap_used, clippy::panic)] // what it meets fails the test, in its helpers too

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use full_app::{
    app,
    metrics::{self, Scrape},
    posts,
};
use guardrail::{Bcrypt, Guardrail, SigningKey, storage::MemoryStore};
use guardrail_sqlx::SqlStore;
use http_body_util::BodyExt as _;
use metrics_exporter_prometheus::PrometheusRecorder;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The application, and what counts for this thread alone as long as the test runs.
struct Counted {
    app: Router,
    scrape: Scrape,
    _here: ::metrics::LocalRecorderGuard<'static>,
}

impl Counted {
    async fn start() -> Self {
        let recorder: &'static PrometheusRecorder = Box::leak(Box::new(metrics::recorder().unwrap()));
        let here = ::metrics::set_default_local_recorder(recorder);
        let database = SqlStore::connect("sqlite::memory:").await.unwrap();
        let guard = Guardrail::builder()
            .signing_key(SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap())
            .store(MemoryStore::new())
            .default_policies()
            .initial_policies(posts::rules().unwrap())
            .initial_policies(metrics::rules().unwrap())
            .password_hasher(Bcrypt::with_insecure_cost(4))
            .build()
            .await
            .unwrap();
        let email = "admin@example.com".parse().unwrap();
        guard.bootstrap_admin(email, "correct horse".to_owned().into()).await.unwrap();
        let scrape = Scrape::new(recorder.handle(), Some(database.db().clone()));
        let app = app::router(&guard, Duration::from_secs(30), Some(scrape.clone()));
        Self { app, scrape, _here: here }
    }

    async fn send(&self, who: Option<&LogIn>, method: &str, path: &str, body: Value) -> Answer {
        send(&self.app, who, method, path, body).await
    }

    async fn log_in(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "email": format!("{name}@example.com"), "password": password });
        self.send(None, "POST", "/api/auth", body).await
    }

    async fn register(&self, name: &str) -> LogIn {
        let body =
            json!({ "email": format!("{name}@example.com"), "password": "correct horse", "username": name });
        assert_eq!(self.send(None, "POST", "/api/register", body).await.status, StatusCode::CREATED);
        self.log_in(name, "correct horse").await.log_in()
    }

    async fn refresh(&self, who: &LogIn, token: &str) -> Answer {
        self.send(Some(who), "POST", "/api/refresh", json!({ "refresh_token": token })).await
    }

    /// What everybody is told where it is open.
    async fn scraped(&self) -> String {
        let answer = send(&metrics::open(self.scrape.clone()), None, "GET", "/metrics", Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.text
    }
}

/// What a client keeps of a log-in.
struct LogIn {
    token: String,
    refresh_token: String,
    cookie: String,
}

struct Answer {
    status: StatusCode,
    cookie: Option<String>,
    content_type: String,
    text: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let header = |name: header::HeaderName| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let cookie = header(header::SET_COOKIE).map(|it| it.split(';').next().unwrap().to_owned());
        let content_type = header(header::CONTENT_TYPE).unwrap_or_default();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, cookie, content_type, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    fn member(&self, name: &str) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap();
        body.get(name).and_then(Value::as_str).unwrap().to_owned()
    }

    fn log_in(self) -> LogIn {
        let (token, refresh_token) = (self.member("token"), self.member("refresh_token"));
        LogIn { token, refresh_token, cookie: self.cookie.unwrap() }
    }
}

async fn send(app: &Router, who: Option<&LogIn>, method: &str, path: &str, body: Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(LogIn { token, cookie, .. }) = who {
        request =
            request.header(header::AUTHORIZATION, format!("Bearer {token}")).header(header::COOKIE, cookie);
    }
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
    Answer::of(app.clone().oneshot(request.unwrap()).await.unwrap()).await
}

/// The value of a series, which is written as in the text.
fn value(text: &str, series: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).to_owned()
}

#[tokio::test]
async fn what_happens_is_counted_once() {
    let counted = Counted::start().await;
    let admin = counted.log_in("admin", "correct horse").await.log_in();
    let ada = counted.register("ada").await;
    assert_eq!(counted.log_in("ada", "wrong horse").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(counted.log_in("nobody", "wrong horse").await.status, StatusCode::UNAUTHORIZED);

    // The first request reads the session and its user, the others remember them.
    for (path, status) in [
        ("/api/profile", StatusCode::OK),
        ("/api/posts", StatusCode::OK),
        ("/api/users", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(counted.send(Some(&ada), "GET", path, Value::Null).await.status, status, "{path}");
    }
    assert_eq!(counted.send(None, "GET", "/api/profile", Value::Null).await.status, StatusCode::UNAUTHORIZED);

    let second = counted.refresh(&ada, &ada.refresh_token).await.member("refresh_token");
    assert_eq!(counted.refresh(&ada, &ada.refresh_token).await.member("refresh_token"), second);
    assert_eq!(counted.refresh(&ada, "made up").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(counted.refresh(&ada, &second).await.status, StatusCode::OK);
    assert_eq!(counted.refresh(&ada, &ada.refresh_token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        counted.send(Some(&ada), "GET", "/api/profile", Value::Null).await.status,
        StatusCode::UNAUTHORIZED
    );

    let answer = counted.send(Some(&admin), "GET", "/metrics", Value::Null).await;
    assert_eq!(
        (answer.status, &*answer.content_type),
        (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
    );
    let expected = [
        ("guardrail_log_ins_total{outcome=\"ok\"}", 2),
        ("guardrail_log_ins_total{outcome=\"refused\"}", 2),
        ("guardrail_log_ins_total{outcome=\"throttled\"}", 0),
        ("guardrail_refreshes_total{outcome=\"rotated\"}", 2),
        ("guardrail_refreshes_total{outcome=\"repeated\"}", 1),
        ("guardrail_refreshes_total{outcome=\"refused\"}", 1),
        ("guardrail_refreshes_total{outcome=\"reuse\"}", 1),
        ("guardrail_refreshes_total{outcome=\"theft\"}", 0),
        ("guardrail_sessions_revoked_total{reason=\"reuse\"}", 1),
        ("guardrail_sessions_revoked_total{reason=\"logout\"}", 0),
        // Three of ada's and the administrator's one.
        ("guardrail_requests_authenticated_total{outcome=\"ok\"}", 4),
        ("guardrail_requests_authenticated_total{outcome=\"token_missing\"}", 1),
        ("guardrail_requests_authenticated_total{outcome=\"session_ended\"}", 1),
        ("guardrail_decisions_total{outcome=\"allowed\"}", 3),
        ("guardrail_decisions_total{outcome=\"denied\"}", 1),
        // The first of either reads; and after the reuse, the session is looked for in the store again.
        ("guardrail_session_cache_total{outcome=\"miss\"}", 3),
        ("guardrail_session_cache_total{outcome=\"hit\"}", 2),
        ("guardrail_token_cache_total{outcome=\"miss\"}", 2),
        ("guardrail_token_cache_total{outcome=\"hit\"}", 3),
        ("guardrail_hashing_queue", 0),
        ("guardrail_audit_events_lost_total", 0),
        ("http_requests_total{method=\"POST\",route=\"/api/auth\",status=\"200\"}", 2),
        ("http_requests_total{method=\"POST\",route=\"/api/auth\",status=\"401\"}", 2),
        ("http_requests_total{method=\"GET\",route=\"/api/users\",status=\"403\"}", 1),
        ("http_request_duration_seconds_count{method=\"GET\",route=\"/api/profile\"}", 3),
    ];
    for (series, count) in expected {
        assert_eq!(value(&answer.text, series), count.to_string(), "{series} in {}", answer.text);
    }
    for (series, least) in [("guardrail_policy_rules", 10), ("guardrail_hashing_seconds_count", 5)] {
        assert!(value(&answer.text, series).parse::<u32>().unwrap() >= least, "{series} in {}", answer.text);
    }
}

#[tokio::test]
async fn labels_stay_bounded_whatever_is_asked_for() {
    let counted = Counted::start().await;
    let before = counted.scraped().await.lines().count();
    for n in 0..1_000 {
        let made_up = format!("METHOD{n}");
        for (method, path, status) in [
            (&*made_up, format!("/made/up/{n}"), StatusCode::NOT_FOUND),
            (&*made_up, "/api/posts".to_owned(), StatusCode::METHOD_NOT_ALLOWED),
            ("GET", format!("/api/posts/{n}?made={n}"), StatusCode::UNAUTHORIZED),
            ("GET", format!("/api/made/up/{n}"), StatusCode::NOT_FOUND),
        ] {
            assert_eq!(
                counted.send(None, method, &path, Value::Null).await.status,
                status,
                "{method} {path}"
            );
        }
    }
    let text = counted.scraped().await;
    let requests: BTreeSet<_> =
        text.lines().filter(|line| line.starts_with("http_requests_total{")).collect();
    let expected = [
        "http_requests_total{method=\"GET\",route=\"/api/posts/{id}\",status=\"401\"} 1000",
        "http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1000",
        "http_requests_total{method=\"other\",route=\"/api/posts\",status=\"405\"} 1000",
        "http_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"} 1000",
    ];
    assert_eq!(requests, BTreeSet::from(expected));
    assert!(!text.contains("METHOD") && !text.contains("made"), "{text}");
    // Four counters, and as many histograms of some bounds.
    assert!(text.lines().count() - before < 100, "{text}");
}

#[tokio::test]
async fn only_those_who_may_read_the_metrics_get_them() {
    let counted = Counted::start().await;
    let ada = counted.register("ada").await;
    assert_eq!(counted.send(None, "GET", "/metrics", Value::Null).await.status, StatusCode::UNAUTHORIZED);
    let answer = counted.send(Some(&ada), "GET", "/metrics", Value::Null).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text.contains("guardrail_"), "{}", answer.text);
}

/// The names of metrics in a text, without what is added to those of histograms.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        ["guardrail_", "http_re", "database_", "process_"].iter().any(|start| word.starts_with(start))
    };
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).filter(is_name);
    words.map(|word| word.strip_suffix("_bucket").unwrap_or(word)).collect()
}

#[tokio::test]
async fn what_alerts_and_dashboard_ask_for_is_there_and_described() {
    let counted = Counted::start().await;
    counted.send(None, "GET", "/api/health", Value::Null).await;
    let text = counted.scraped().await;
    let there: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    let (alerts, dashboard) =
        (include_str!("../deploy/alerts.yml"), include_str!("../deploy/grafana-dashboard.json"));
    for asked in names(alerts).union(&names(dashboard)) {
        assert!(there.contains(asked), "{asked} is not in {text}");
    }
    // Elsewhere nothing is known of the memory.
    #[cfg(target_os = "linux")]
    assert_eq!(names(dashboard), there, "the dashboard shows each");
}
