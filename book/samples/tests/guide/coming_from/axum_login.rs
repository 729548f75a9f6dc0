//! From axum-login: its users table, its groups and its routes.

use axum::{
    Router,
    extract::Path,
    middleware::from_extractor,
    routing::{get, put},
};
use guardrail::{
    Argon2, AuthLayer, AuthUser, Authenticated, Guardrail, PasswordHash, Principal, SigningKey, UserId,
    policy::{InvalidRule, Rule},
    require,
    storage::{StoreError, UserStore},
};
use guardrail_sqlx::SqlStore;
use guardrail_tests::Call;
use serde::Serialize;
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

use super::ARGON2ID;
use crate::getting_started::log_in;

// ANCHOR: user
#[derive(Clone, Serialize, sqlx::FromRow)]
struct Member {
    id: i64,
    username: String,
    #[serde(skip)]
    #[sqlx(try_from = "String")]
    password: PasswordHash,
}

impl AuthUser for Member {
    fn id(&self) -> UserId {
        self.id.into()
    }

    fn role(&self) -> &'static str {
        "user" // the table has no such column: everybody is one
    }

    fn is_active(&self) -> bool {
        true
    }

    fn password_hash(&self) -> Option<&str> {
        Some(self.password.as_str())
    }
}
// ANCHOR_END: user

// ANCHOR: store
#[derive(Clone)]
struct Backend(SqlitePool);

#[guardrail::async_trait]
impl UserStore<Member> for Backend {
    /// What `get_user` did.
    async fn find(&self, id: &UserId) -> Result<Option<Member>, StoreError> {
        sqlx::query_as("SELECT * FROM users WHERE id = $1")
            .bind(number(id))
            .fetch_optional(&self.0)
            .await
            .map_err(|error| StoreError::new("looking up a member", error))
    }

    /// What `authenticate` did, but for the comparison of the password, which is Guardrail's.
    async fn find_for_login(&self, login: &str) -> Result<Option<Member>, StoreError> {
        sqlx::query_as("SELECT * FROM users WHERE lower(username) = $1")
            .bind(login)
            .fetch_optional(&self.0)
            .await
            .map_err(|error| StoreError::new("looking up a member for log-in", error))
    }

    /// New: `/password`, and hashes that are renewed at log-in.
    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE users SET password = $3 WHERE id = $1 AND password = $2")
            .bind(number(id))
            .bind(replaces)
            .bind(hash.as_str())
            .execute(&self.0)
            .await
            .map_err(|error| StoreError::new("replacing a password hash", error))?;
        Ok(done.rows_affected() > 0)
    }
}

/// The key that an id names, in its one spelling: `007` is not the member 7.
fn number(id: &UserId) -> Option<i64> {
    id.as_str().parse().ok().filter(|number| UserId::from(*number) == *id)
}
// ANCHOR_END: store

// ANCHOR: guard
async fn guard(pool: SqlitePool, key: SigningKey) -> anyhow::Result<Guardrail<Member>> {
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await?;
    let guard = Guardrail::builder()
        .signing_key(key)
        .users(Backend(pool))
        .sessions(store.clone())
        .policies(store.clone())
        .failures(store.clone())
        .audit(store.clone())
        .changes(store)
        .password_hasher(Argon2::default()) // reads what password-auth has written
        .default_policies()
        .build()
        .await?;
    Ok(guard)
}
// ANCHOR_END: guard

// ANCHOR: rules
/// Permissions such as `posts.edit`, each with a group that has it, and members, each with a group, as rules.
fn rules(permissions: &[(&str, &str)], members: &[(i64, &str)]) -> Result<Vec<Rule>, InvalidRule> {
    let permissions = permissions.iter().map(|&(permission, group)| {
        let (object, action) = permission.split_once('.').unwrap_or((permission, "use"));
        Rule::new(group, object, action)
    });
    let roles = members.iter().map(|&(member, group)| Rule::new(UserId::from(member).subject(), group, ""));
    permissions.chain(roles).collect()
}
// ANCHOR_END: rules

// ANCHOR: after
#[require("posts", "edit")]
async fn edit(Path(id): Path<u64>, member: Authenticated<Member>) -> String {
    format!("{} edits {id}", member.username)
}

fn router(guard: Guardrail<Member>) -> Router {
    Router::new()
        .route("/account", get(account))
        .route_layer(from_extractor::<Principal>()) // whoever is signed in, as login_required! has it
        .route("/posts/{id}", put(edit))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard))
}
// ANCHOR_END: after

async fn account() -> &'static str {
    "of a member"
}

/// A database as axum-login's example makes it.
async fn database() -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    let users = "CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL
    )";
    sqlx::query(users).execute(&pool).await.unwrap();
    for name in ["Ada", "bob"] {
        let insert = sqlx::query("INSERT INTO users (username, password) VALUES ($1, $2)");
        insert.bind(name).bind(ARGON2ID).execute(&pool).await.unwrap();
    }
    pool
}

#[tokio::test]
async fn members_sign_in_with_their_old_passwords_and_have_their_groups_permissions() {
    let key = SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap();
    let guard = guard(database().await, key).await.unwrap();
    guard.add_rules(rules(&[("posts.edit", "editors")], &[(1, "editors")]).unwrap()).await.unwrap();
    let app = router(guard);
    let call = |method: &str, path: &str| Call::new(app.clone(), method, path);

    call("GET", "/account").send().await.problem(401, "token_missing");
    call("PUT", "/posts/7").send().await.problem(401, "token_missing");
    // The field is called `email` whatever it holds, and its letter case does not count.
    let (ada, bob) = (log_in(&app, "ADA", "password").await, log_in(&app, "bob", "password").await);
    for member in [&ada, &bob] {
        call("GET", "/account").by(member).send().await.expect(200);
    }
    assert_eq!(call("PUT", "/posts/7").by(&ada).send().await.expect(200).body, "Ada edits 7");
    call("PUT", "/posts/7").by(&bob).send().await.problem(403, "permission_denied");
    let profile = call("GET", "/api/profile").by(&ada).send().await.expect(200).json();
    assert_eq!(profile["data"], serde_json::json!({ "id": 1, "username": "Ada" }));
}
