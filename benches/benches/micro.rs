//! The parts one by one: the index, a token's verification, one rotation on each store.

use std::{
    hint::black_box,
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, header},
    routing::get,
};
use chrono::{DateTime, Utc};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use guardrail::{
    AuthLayer, Bcrypt, Guardrail, KeyId, Principal, SessionId, Sha256Digest, SigningKey, UserId,
    storage::{ClientInfo, MemoryStore, NewSession, Rotation, SessionStore},
    testing::principal,
};
use guardrail_bench::{postgres, rule_set::RuleSet};
use guardrail_sqlx::{SqlStore, SqlStoreOptions, SqliteSynchronous};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use uuid::Uuid;

criterion_group!(benches, index, verification, rotation);
criterion_main!(benches);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn guard(remembered: usize) -> Guardrail {
    let builder = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the benchmark, 32 bytes or more").unwrap())
        .store(MemoryStore::new())
        .session_cache_capacity(NonZeroUsize::new(remembered).unwrap())
        .rate_limit_auth(0)
        .password_hasher(Bcrypt::with_insecure_cost(4));
    builder.build().await.unwrap()
}

/// A decision by the number of rules, allowed and denied.
fn index(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("decision");
    for size in [10, 1_000, 100_000] {
        let rules = RuleSet::of(size);
        let guard = runtime.block_on(async {
            let guard = guard(1).await;
            guard.force_replace_rules(rules.rules().unwrap()).await.unwrap();
            guard
        });
        let callers: Vec<Principal> =
            (0..rules.roles()).map(|role| principal(1_i64, rules.role(role).parse().unwrap())).collect();
        for (name, apart) in [("allowed", 0), ("denied", 1)] {
            // The next role, or a rule's own: with one role there is nobody to deny.
            if callers.len() <= apart {
                continue;
            }
            let mut rule = 0;
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                bencher.iter_batched(
                    || {
                        rule = (rule + 7_919) % rules.count();
                        (&callers[(rule + apart) % callers.len()], rules.object(rule))
                    },
                    |(who, object)| guard.is_allowed(black_box(who), black_box(&object), "read").unwrap(),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

/// A request that is only authenticated, its token known from the request before or not.
fn verification(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("authenticated request");
    for (name, remembered) in [("token known", 1_000), ("token new", 1)] {
        let (router, requests) = runtime.block_on(async {
            let guard = guard(remembered).await;
            let router = Router::new()
                .route("/", get(|_: Principal| async {}))
                .nest("/api", guard.routes())
                .layer(AuthLayer::new(guard));
            let requests = credentials(&router).await;
            (router, requests)
        });
        let turn = AtomicUsize::new(0);
        let (router, requests, turn) = (&router, &requests, &turn);
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async move {
                let (token, cookie) = &requests[turn.fetch_add(1, Ordering::Relaxed) % requests.len()];
                let request = Request::get("/")
                    .header(header::AUTHORIZATION, token)
                    .header(header::COOKIE, cookie)
                    .body(Body::empty())
                    .unwrap();
                let answer = router.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), 200);
            });
        });
    }
}

/// Some access tokens of one session, and its cookie.
async fn credentials(router: &Router) -> Vec<(String, String)> {
    let (email, password) = ("reader@example.com", "the password of the benchmark");
    let account = json!({ "email": email, "password": password, "username": "reader" });
    send(router, "/api/register", "", &account).await;
    let (mut body, cookie) = send(router, "/api/auth", "", &account).await;
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push((format!("Bearer {}", body["token"].as_str().unwrap()), cookie.clone()));
        let refresh = json!({ "refresh_token": body["refresh_token"] });
        (body, _) = send(router, "/api/refresh", &cookie, &refresh).await;
    }
    all
}

async fn send(router: &Router, path: &str, cookie: &str, body: &Value) -> (Value, String) {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, cookie)
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    assert!(answer.status().is_success(), "{path} answered {}", answer.status());
    let cookie = answer.headers().get(header::SET_COOKIE);
    let cookie = cookie.map_or("", |cookie| cookie.to_str().unwrap().split(';').next().unwrap()).to_owned();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (serde_json::from_slice(&body).unwrap(), cookie)
}

/// The store's step of a refresh.
fn rotation(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("rotation");
    group.measurement_time(Duration::from_secs(8));
    let mut measure = |name: &str, store: &dyn SessionStore| {
        let mut chain = runtime.block_on(Chain::begin(store));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(chain.rotate(store)));
        });
    };

    measure("memory", &MemoryStore::new());
    for (name, synchronous) in
        [("SQLite, NORMAL", SqliteSynchronous::Normal), ("SQLite, FULL", SqliteSynchronous::Full)]
    {
        let url = format!("sqlite://{}", folder.path().join(format!("{name}.db")).display());
        let options = SqlStoreOptions::new().with_sqlite_synchronous(synchronous);
        measure(name, &runtime.block_on(open(&url, &options)));
    }
    match std::env::var("GUARDRAIL_TEST_POSTGRES") {
        Ok(server) => {
            let url = runtime.block_on(postgres::create_database(&server, "rotation")).unwrap();
            measure("PostgreSQL", &runtime.block_on(open(&url, &SqlStoreOptions::new())));
        }
        Err(_) => eprintln!("no PostgreSQL: `cargo xtask bench micro` starts one"),
    }
}

async fn open(url: &str, options: &SqlStoreOptions) -> SqlStore {
    let store = SqlStore::connect_with(url, options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A session whose token is replaced again and again.
struct Chain {
    id: SessionId,
    now: DateTime<Utc>,
    generation: u64,
}

impl Chain {
    async fn begin(store: &dyn SessionStore) -> Self {
        let (id, now) = (SessionId::from(Uuid::now_v7()), Utc::now());
        let ends = now + Duration::from_hours(24);
        let session = NewSession {
            id,
            user_id: UserId::from(1_i64),
            fingerprint: Sha256Digest::of(b"fingerprint"),
            token: Self::token(0),
            key_id: Self::key_id(),
            created_at: now,
            expires_at: ends,
            absolute_expires_at: ends,
            client: ClientInfo::default(),
        };
        store.create(session, 100).await.unwrap();
        Self { id, now, generation: 0 }
    }

    fn token(generation: u64) -> Sha256Digest {
        Sha256Digest::of(&generation.to_be_bytes())
    }

    fn key_id() -> KeyId {
        KeyId::from_slice(&[1; 8]).unwrap()
    }

    async fn rotate(&mut self, store: &dyn SessionStore) {
        let rotation = Rotation {
            id: self.id,
            generation: self.generation,
            token: Self::token(self.generation),
            fingerprint: Sha256Digest::of(b"fingerprint"),
            now: self.now,
            next_token: Self::token(self.generation + 1),
            next_key_id: Self::key_id(),
            expires_at: self.now + Duration::from_hours(1),
        };
        assert!(store.rotate(&rotation).await.unwrap().is_some());
        self.generation += 1;
    }
}
