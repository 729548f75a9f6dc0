//! axum-login with tower-sessions' store in memory: a session cookie, the user, and a permission by name.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use axum::{
    Json, Router,
    body::Body,
    extract::Path,
    http::{Request, StatusCode, header},
    routing::{get, post as post_to},
};
use axum_login::{
    AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, AuthzBackend, UserId, permission_required,
};
use tower::ServiceExt as _;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use super::{App, PATH, Post, post};

pub(super) async fn app() -> Result<App> {
    let user = User { id: 1, password_hash: b"a hash of a password".to_vec() };
    let backend = Backend { users: Arc::new(HashMap::from([(user.id, user)])) };
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let router = Router::new()
        .route(PATH, get(read))
        .route_layer(permission_required!(Backend, "posts.read"))
        .route("/login", post_to(log_in))
        .layer(AuthManagerLayerBuilder::new(backend, sessions).build());
    let answer = router.clone().oneshot(Request::post("/login").body(Body::empty())?).await?;
    let cookie = answer.headers().get(header::SET_COOKIE).context("no session cookie")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    Ok(App { router, headers: vec![("cookie".to_owned(), cookie)] })
}

async fn read(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}

async fn log_in(mut session: AuthSession<Backend>) -> Result<(), StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let user = session.authenticate(()).await.map_err(failed)?.ok_or(StatusCode::UNAUTHORIZED)?;
    session.login(&user).await.map_err(failed)
}

#[derive(Debug, Clone)]
struct User {
    id: i64,
    password_hash: Vec<u8>,
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.password_hash
    }
}

#[derive(Debug, Clone)]
struct Backend {
    users: Arc<HashMap<i64, User>>,
}

impl AuthnBackend for Backend {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        Ok(self.users.get(&1).cloned())
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(self.users.get(id).cloned())
    }
}

impl AuthzBackend for Backend {
    type Permission = &'static str;

    async fn get_group_permissions(&self, _: &User) -> Result<HashSet<&'static str>, Infallible> {
        Ok(HashSet::from(["posts.read", "posts.write", "comments.read", "comments.write"]))
    }
}
