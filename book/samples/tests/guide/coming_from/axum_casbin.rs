//! From axum-casbin: its rules, and routes that are asked for by path and method.

use axum::{Router, extract::Path, http::Method, routing::get};
use guardrail::{
    AuthLayer, Bcrypt, EnforceRoutes, Error, Guardrail, SigningKey, UserId,
    policy::{Rule, csv, default_rules},
};
use guardrail_sqlx::SqlStore;
use guardrail_tests::Call;
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

use crate::getting_started::{log_in, register};

// ANCHOR: after
fn router(guard: Guardrail) -> Router {
    let datasets = Router::new()
        .route("/dataset1/{id}", get(dataset).post(dataset))
        .route("/dataset2/{id}", get(dataset))
        .route_layer(EnforceRoutes::new().with_actions(method_name));

    Router::new().merge(datasets).nest("/api", guard.routes()).layer(AuthLayer::new(guard))
}

/// The action is the method, as axum-casbin has it. What is not named here is denied.
fn method_name(method: &Method) -> Option<&'static str> {
    match *method {
        Method::GET => Some("GET"),
        Method::POST => Some("POST"),
        Method::PUT => Some("PUT"),
        Method::DELETE => Some("DELETE"),
        _ => None,
    }
}
// ANCHOR_END: after

async fn dataset(Path(id): Path<u64>) -> String {
    format!("dataset {id}")
}

// ANCHOR: rules
/// The rules of a policy file, with `user:<id>` for the names that are accounts, and `{id}` for `:id`.
fn carried_over(
    policy: &str,
    account: impl Fn(&str) -> Option<UserId>,
) -> Result<Vec<Rule>, csv::InvalidCsv> {
    let mut lines = Vec::new();
    for line in policy.lines() {
        let mut fields: Vec<_> = line.split(',').map(|field| placeholders(field.trim())).collect();
        if let Some(subject) = fields.get_mut(1)
            && let Some(id) = account(subject)
        {
            id.subject().clone_into(subject);
        }
        lines.push(fields.join(", "));
    }
    csv::read(&lines.join("\n"))
}

fn placeholders(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}
// ANCHOR_END: rules

// ANCHOR: defaults
async fn add_defaults(guard: &Guardrail) -> Result<(), Error> {
    guard.add_rules(default_rules()).await?; // those that are there already stay as they are
    Ok(())
}
// ANCHOR_END: defaults

const POLICY: &str = "\
p, alice, /dataset1/*, GET
p, alice, /dataset1/7, POST
p, dataset2_admin, /dataset2/:id, GET
g, bob, dataset2_admin
";

async fn database() -> SqlitePool {
    SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap()
}

async fn guard(pool: SqlitePool) -> Guardrail {
    let store = SqlStore::from_pool(pool);
    store.migrate().await.unwrap();
    Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap())
        .store(store)
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .default_policies()
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn rules_of_a_policy_file_decide_as_before() {
    let guard = guard(database().await).await;
    let app = router(guard.clone());
    let (alice, bob) = (register(&app, "alice").await, register(&app, "bob").await);
    let account = |name: &str| match name {
        "alice" => alice.user_id.parse().ok(),
        "bob" => bob.user_id.parse().ok(),
        _ => None,
    };
    assert_eq!(guard.add_rules(carried_over(POLICY, account).unwrap()).await.unwrap(), 4);

    let call = |method: &str, path: &str| Call::new(app.clone(), method, path);
    call("GET", "/dataset1/7").send().await.problem(401, "token_missing");
    call("GET", "/dataset1/7").by(&alice).send().await.expect(200);
    call("GET", "/dataset1/7").by(&bob).send().await.problem(403, "permission_denied");
    call("GET", "/dataset2/7").by(&bob).send().await.expect(200);
    call("GET", "/dataset2/7").by(&alice).send().await.problem(403, "permission_denied");
    // What is asked for is `/dataset1/{id}`: a rule about a single one is not about that.
    call("POST", "/dataset1/7").by(&alice).send().await.problem(403, "permission_denied");
}

#[test]
fn what_is_no_rule_is_named_by_its_line() {
    let policy =
        "p, alice, /dataset1/*, GET\np, alice, /dataset[0-9]+/*, GET\np, alice@example.com, /x, GET\n";
    let error = carried_over(policy, |_| None).unwrap_err();
    let lines: Vec<_> = error.lines().iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3]);
}

#[tokio::test]
async fn rules_that_are_in_the_table_are_in_force_and_defaults_are_added_by_hand() {
    let pool = database().await;
    let table = "CREATE TABLE casbin_rule (id SERIAL PRIMARY KEY, ptype VARCHAR NOT NULL, \
        v0 VARCHAR NOT NULL, v1 VARCHAR NOT NULL, v2 VARCHAR NOT NULL, v3 VARCHAR NOT NULL, \
        v4 VARCHAR NOT NULL, v5 VARCHAR NOT NULL, \
        CONSTRAINT unique_key_sqlx_adapter UNIQUE (ptype, v0, v1, v2, v3, v4, v5))";
    sqlx::query(table).execute(&pool).await.unwrap();
    for row in [["user", "/dataset1/*", "GET"], ["alice@example.com", "/dataset2/*", "GET"]] {
        let insert =
            "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES ('p', $1, $2, $3, '', '', '')";
        sqlx::query(insert).bind(row[0]).bind(row[1]).bind(row[2]).execute(&pool).await.unwrap();
    }

    let guard = guard(pool).await;
    let rules: Vec<_> = guard.rules().iter().map(|rule| rule.to_string()).collect();
    assert_eq!(rules, ["user can GET on /dataset1/*"], "the other has a subject that is none");
    let app = router(guard.clone());
    let ada = register(&app, "ada").await;
    let call = |path: &str| Call::new(app.clone(), "GET", path).by(&ada);
    call("/dataset1/7").send().await.expect(200);
    call("/api/profile").send().await.problem(403, "permission_denied");

    add_defaults(&guard).await.unwrap();
    call("/api/profile").send().await.expect(200);
    log_in(&app, "ada@example.com", "battery staple").await;
}
