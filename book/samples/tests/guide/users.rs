//! Of the chapter on users: a table of the application's own, with all that Guardrail can ask of it.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use guardrail::{
    AuthLayer, AuthUser, Bcrypt, Guardrail, NewUser, PasswordHash, PasswordHasher, PasswordHasherError, Role,
    Sha256Digest, SigningKey, UserId,
    storage::{Bootstrap, CreateUser, StoreError, UpdateUser, UserAdmin, UserChange, UserStore},
    testing::conformance::ExistingUser,
};
use guardrail_sqlx::{Db, SqlStore};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{SqliteConnection, SqlitePool, sqlite::SqlitePoolOptions};
use tower::ServiceExt as _;

const SECRET: &str = "a secret of these samples, 32 bytes or more";

// ANCHOR: person
/// A row of `people`. The marks say which column is what; the others are the application's alone.
#[derive(Clone, AuthUser, Serialize, sqlx::FromRow)]
struct Person {
    #[auth(id)]
    number: i64,
    #[auth(email)]
    email: String,
    name: String,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    #[serde(skip)]
    #[sqlx(try_from = "String")]
    secret: PasswordHash,
}
// ANCHOR_END: person

// ANCHOR: tables
const TABLES: &str = "
    CREATE TABLE people (
        -- Never given to another: `user:7` in a rule, and the sessions of 7, are this person's.
        number   INTEGER PRIMARY KEY AUTOINCREMENT,
        email    TEXT NOT NULL UNIQUE, -- in lower case
        name     TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE, -- the name in lower case
        role     TEXT NOT NULL,
        enabled  BOOLEAN NOT NULL DEFAULT TRUE,
        secret   TEXT NOT NULL         -- what a `PasswordHasher` wrote
    );
    -- A row, once there has been a first administrator.
    CREATE TABLE first_administrator (id INTEGER PRIMARY KEY CHECK (id = 1));
";
// ANCHOR_END: tables

// ANCHOR: store
/// The people of the database.
#[derive(Clone)]
struct People(SqlitePool);

/// The number that a key spells. `007` is not the person 7: to the rules it would be another subject.
fn key(id: &UserId) -> Option<i64> {
    id.as_str().parse().ok().filter(|number| UserId::from(*number) == *id)
}

/// Says what was being done when a statement failed.
fn failed(context: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::new(context, error)
}

#[guardrail::async_trait]
impl UserStore<Person> for People {
    async fn find(&self, id: &UserId) -> Result<Option<Person>, StoreError> {
        let Some(number) = key(id) else { return Ok(None) };
        sqlx::query_as("SELECT * FROM people WHERE number = $1")
            .bind(number)
            .fetch_optional(&self.0)
            .await
            .map_err(failed("looking up a person"))
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<Person>, StoreError> {
        sqlx::query_as("SELECT * FROM people WHERE email = $1")
            .bind(login)
            .fetch_optional(&self.0)
            .await
            .map_err(failed("looking up a person for log-in"))
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let Some(number) = key(id) else { return Ok(false) };
        // One statement compares and changes.
        let done = sqlx::query("UPDATE people SET secret = $3 WHERE number = $1 AND secret = $2")
            .bind(number)
            .bind(replaces)
            .bind(hash.as_str())
            .execute(&self.0)
            .await
            .map_err(failed("replacing a person's password hash"))?;
        Ok(done.rows_affected() > 0)
    }
}
// ANCHOR_END: store

// ANCHOR: admin
#[guardrail::async_trait]
impl UserAdmin<Person> for People {
    async fn create(&self, user: NewUser) -> Result<CreateUser<Person>, StoreError> {
        self.add(&user).await.map_err(failed("adding a person"))
    }

    async fn bootstrap(&self, user: NewUser) -> Result<Bootstrap<Person>, StoreError> {
        self.add_first(&user).await.map_err(failed("adding the first administrator"))
    }

    async fn needs_bootstrap(&self, role: &Role) -> Result<bool, StoreError> {
        const CONTEXT: &str = "looking for the first administrator";
        let mut connection = self.0.acquire().await.map_err(failed(CONTEXT))?;
        needs_first(&mut connection, role).await.map_err(failed(CONTEXT))
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<Person>, StoreError> {
        // No key of this table has no place in its order.
        let Some(after) = after.map_or(Some(0), key) else { return Ok(Vec::new()) };
        sqlx::query_as("SELECT * FROM people WHERE number > $1 ORDER BY number LIMIT $2")
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.0)
            .await
            .map_err(failed("listing people"))
    }

    async fn update(&self, id: &UserId, change: UserChange) -> Result<UpdateUser<Person>, StoreError> {
        let Some(number) = key(id) else { return Ok(UpdateUser::Unknown) };
        self.change(number, &change).await.map_err(failed("changing a person"))
    }

    async fn any_active(&self, roles: &[Role], but: Option<&UserId>) -> Result<bool, StoreError> {
        const CONTEXT: &str = "looking for people with a role";
        let mut connection = self.0.acquire().await.map_err(failed(CONTEXT))?;
        let nobody = 0;
        let but = but.and_then(key).unwrap_or(nobody);
        is_any_active(&mut connection, roles, but).await.map_err(failed(CONTEXT))
    }
}

/// Each is one transaction that has SQLite's write lock from its beginning. Whatever returns without a commit
/// has changed nothing.
impl People {
    async fn add(&self, user: &NewUser) -> sqlx::Result<CreateUser<Person>> {
        let mut change = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let outcome = insert(&mut change, user).await?;
        change.commit().await?;
        Ok(outcome)
    }

    async fn add_first(&self, user: &NewUser) -> sqlx::Result<Bootstrap<Person>> {
        let mut change = self.0.begin_with("BEGIN IMMEDIATE").await?;
        if !needs_first(&mut change, &user.role).await? {
            return Ok(Bootstrap::NotNeeded);
        }
        let CreateUser::Created(person) = insert(&mut change, user).await? else {
            return Ok(Bootstrap::Taken);
        };
        sqlx::query("INSERT INTO first_administrator (id) VALUES (1)").execute(&mut *change).await?;
        change.commit().await?;
        Ok(Bootstrap::Created(person))
    }

    async fn change(&self, number: i64, change: &UserChange) -> sqlx::Result<UpdateUser<Person>> {
        let UserChange { role, is_active, keep } = change;
        let mut work = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let before: Option<Person> = sqlx::query_as("SELECT * FROM people WHERE number = $1")
            .bind(number)
            .fetch_optional(&mut *work)
            .await?;
        let Some(before) = before else { return Ok(UpdateUser::Unknown) };
        let mut after = before.clone();
        if let Some(role) = role {
            after.role = role.as_str().to_owned();
        }
        after.enabled = is_active.unwrap_or(before.enabled);
        let is_kept = |it: &Person| it.enabled && keep.iter().any(|role| role.as_str() == it.role);
        if is_kept(&before) && !is_kept(&after) && !is_any_active(&mut work, keep, number).await? {
            return Ok(UpdateUser::LastOne);
        }
        sqlx::query("UPDATE people SET role = $2, enabled = $3 WHERE number = $1")
            .bind(number)
            .bind(after.role.as_str())
            .bind(after.enabled)
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        Ok(UpdateUser::Updated(after))
    }
}

async fn insert(connection: &mut SqliteConnection, user: &NewUser) -> sqlx::Result<CreateUser<Person>> {
    let added: Option<Person> = sqlx::query_as(
        "INSERT INTO people (email, name, name_key, role, secret) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING RETURNING *",
    )
    .bind(user.email.as_str())
    .bind(user.username.as_str())
    .bind(user.username.key())
    .bind(user.role.as_str())
    .bind(user.password_hash.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(person) = added {
        return Ok(CreateUser::Created(person));
    }
    let email_taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM people WHERE email = $1)")
        .bind(user.email.as_str())
        .fetch_one(connection)
        .await?;
    Ok(if email_taken { CreateUser::EmailTaken } else { CreateUser::UsernameTaken })
}

async fn needs_first(connection: &mut SqliteConnection, role: &Role) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM first_administrator) \
         AND NOT EXISTS (SELECT 1 FROM people WHERE role = $1)",
    )
    .bind(role.as_str())
    .fetch_one(connection)
    .await
}

async fn is_any_active(connection: &mut SqliteConnection, roles: &[Role], but: i64) -> sqlx::Result<bool> {
    let found: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT role FROM people WHERE enabled AND number <> $1")
            .bind(but)
            .fetch_all(connection)
            .await?;
    Ok(found.iter().any(|found| roles.iter().any(|role| role.as_str() == found.as_str())))
}
// ANCHOR_END: admin

// ANCHOR: suite
/// A table of its own for each case.
async fn people() -> Arc<People> {
    // One connection: in memory, a second one would be another database.
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    Arc::new(People(pool))
}

/// The same with somebody in it. No case computes a hash: any text will do.
async fn people_with_ada() -> (Arc<People>, ExistingUser) {
    let (people, hash) = (people().await, "$2b$12$any-text");
    people.insert_ada(hash).await;
    let user = ExistingUser {
        id: 1_i64.into(),
        login: "ada@example.com".to_owned(),
        password_hash: hash.to_owned(),
    };
    (people, user)
}

impl People {
    /// The person number 1, as an older program may have left her.
    async fn insert_ada(&self, hash: &str) {
        let row = "INSERT INTO people (number, email, name, name_key, role, secret) \
            VALUES (1, 'ada@example.com', 'Ada', 'ada', 'user', $1)";
        sqlx::query(row).bind(hash).execute(&self.0).await.unwrap();
    }
}

mod log_in {
    guardrail::user_store_tests!(super::people_with_ada);
}
mod administration {
    guardrail::user_admin_tests!(super::people);
}
// ANCHOR_END: suite

// ANCHOR: app
/// People in the application's own table, everything else in Guardrail's.
async fn application(store: SqlStore, people: People) -> anyhow::Result<(Guardrail<Person>, Router)> {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET)?)
        .users(people.clone())
        .user_admin(people) // without it, `/register` and `/users` are not there
        .sessions(store.clone())
        .policies(store.clone())
        .failures(store.clone())
        .audit(store.clone())
        .changes(store)
        .default_policies()
        .build()
        .await?;
    let app = Router::new()
        .nest("/api", guard.routes())
        .fallback(guardrail::not_found)
        .layer(AuthLayer::new(guard.clone()));
    Ok((guard, app))
}
// ANCHOR_END: app

// ANCHOR: layered
/// Passwords of an older program, which kept their bare SHA-256, beside those of today.
struct Layered(Bcrypt);

/// What the hashes of the older program begin with, once they have been hashed a second time.
const MARK: &str = "sha256+";

impl Layered {
    /// What the migration writes in place of an old digest, for everybody at once: it needs no password.
    fn wrap(&self, digest: &str) -> Result<PasswordHash, PasswordHasherError> {
        let hash = self.0.hash(digest)?;
        Ok(PasswordHash::from(format!("{MARK}{}", hash.as_str())))
    }
}

/// What the older program kept: 64 hexadecimal digits.
fn old_digest(password: &str) -> String {
    Sha256Digest::of(password.as_bytes())
        .as_bytes()
        .iter()
        .flat_map(|&byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

impl PasswordHasher for Layered {
    fn hash(&self, password: &str) -> Result<PasswordHash, PasswordHasherError> {
        self.0.hash(password)
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, PasswordHasherError> {
        match hash.strip_prefix(MARK) {
            Some(layered) => self.0.verify(&old_digest(password), layered),
            None => self.0.verify(password, hash),
        }
    }

    /// What is outdated is renewed when its owner logs in, and the mark is gone.
    fn is_outdated(&self, hash: &str) -> bool {
        hash.starts_with(MARK) || self.0.is_outdated(hash)
    }

    fn max_bytes(&self) -> usize {
        self.0.max_bytes()
    }
}
// ANCHOR_END: layered

/// A store of Guardrail's, and people in the same database.
async fn database() -> (SqlStore, People) {
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    let Db::Sqlite(pool) = store.db().clone() else { panic!("another database") };
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    (store, People(pool))
}

async fn post(app: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn sign_in(app: &Router, password: &str) -> StatusCode {
    post(app, "/api/auth", &json!({ "email": "ada@example.com", "password": password })).await.0
}

async fn stored_hash(people: &People) -> String {
    sqlx::query_scalar("SELECT secret FROM people WHERE number = 1").fetch_one(&people.0).await.unwrap()
}

/// Log-in alone, with the hasher of a test.
async fn with_hasher(hasher: impl PasswordHasher) -> (People, Router) {
    let (store, people) = database().await;
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET).unwrap())
        .users(people.clone())
        .sessions(store.clone())
        .policies(store)
        .password_hasher(hasher)
        .build()
        .await
        .unwrap();
    let app = Router::new().nest("/api", guard.routes()).fallback(guardrail::not_found);
    (people, app.layer(AuthLayer::new(guard)))
}

#[tokio::test]
async fn a_person_registers_and_signs_in() {
    let (store, people) = database().await;
    let (guard, app) = application(store, people).await.unwrap();
    let ada = json!({ "email": " Ada@Example.com", "password": "correct horse", "username": "Ada" });
    let (status, body) = post(&app, "/api/register", &ada).await;
    assert_eq!(status, StatusCode::CREATED);
    let shown =
        json!({ "number": 1, "email": "ada@example.com", "name": "Ada", "role": "user", "enabled": true });
    assert_eq!(body, json!({ "success": true, "data": shown }));
    assert_eq!(sign_in(&app, "correct horse").await, StatusCode::OK);
    assert!(guard.needs_admin().await.unwrap());
    guard.shutdown().await;
}

#[tokio::test]
async fn without_user_admin_its_endpoints_are_not_there() {
    let (store, people) = database().await;
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256(SECRET).unwrap())
        .users(people)
        .sessions(store.clone())
        .policies(store)
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    let app = Router::new()
        .nest("/api", guard.routes())
        .fallback(guardrail::not_found)
        .layer(AuthLayer::new(guard.clone()));
    for path in ["/api/register", "/api/users", "/api/users/1", "/api/users/1/sessions", "/api/audit"] {
        let (status, body) = post(&app, path, &json!({})).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")), "{path}");
    }
    assert_eq!(sign_in(&app, "correct horse").await, StatusCode::UNAUTHORIZED);
    assert!(guard.needs_admin().await.is_err());
}

#[tokio::test]
async fn an_old_digest_opens_and_is_renewed() {
    let (people, app) = with_hasher(Layered(Bcrypt::with_insecure_cost(4))).await;
    let wrapped = Layered(Bcrypt::with_insecure_cost(4)).wrap(&old_digest("correct horse")).unwrap();
    people.insert_ada(wrapped.as_str()).await;
    assert_eq!(sign_in(&app, "battery staple").await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&app, &old_digest("correct horse")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(stored_hash(&people).await, wrapped.as_str());
    for _ in 0..2 {
        assert_eq!(sign_in(&app, "correct horse").await, StatusCode::OK);
        assert!(stored_hash(&people).await.starts_with("$2b$04$"));
    }
}

#[tokio::test]
async fn bcrypt_hashes_of_other_programs_open_and_are_renewed() {
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let (people, app) = with_hasher(Bcrypt::with_insecure_cost(5)).await;
        let hash = Bcrypt::with_insecure_cost(4).hash("correct horse").unwrap();
        people.insert_ada(&hash.as_str().replace("$2b$", prefix)).await;
        assert_eq!(sign_in(&app, "correct horse").await, StatusCode::OK, "{prefix}");
        assert!(stored_hash(&people).await.starts_with("$2b$05$"), "{prefix}");
    }
}

#[tokio::test]
async fn what_is_no_hash_opens_nothing() {
    let (people, app) = with_hasher(Bcrypt::with_insecure_cost(4)).await;
    people.insert_ada("no hash").await;
    assert_eq!(sign_in(&app, "no hash").await, StatusCode::UNAUTHORIZED);
}
