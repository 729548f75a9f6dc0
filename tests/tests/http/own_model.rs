//! An application with a Casbin model of its own: denying rules, domains.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use guardrail::{
    AuthLayer, Bcrypt, Domain, EnforceRoutes, Error, Guardrail, Principal, RequireLayer, SigningKey,
    policy::{PolicyError, PolicyModel, Rule},
    storage::{MemoryStore, PolicyChange, StoredRule},
};
use guardrail_tests::{Call, Login};
use serde_json::json;

const MODEL: &str = r#"
    [request_definition]
    r = sub, dom, obj, act
    [policy_definition]
    p = sub, dom, obj, act, eft
    [role_definition]
    g = _, _, _
    [policy_effect]
    e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
    [matchers]
    m = g(r.sub, p.sub, r.dom) && (p.dom == "*" || r.dom == p.dom) && keyMatch3(r.obj, p.obj) && (p.act == "*" || r.act == p.act)
"#;

fn rows(lines: &[&str]) -> Vec<StoredRule> {
    let row = |line: &&str| {
        let mut fields = line.split(", ").map(str::to_owned);
        StoredRule { ptype: fields.next().unwrap(), values: fields.collect() }
    };
    lines.iter().map(row).collect()
}

fn adding(lines: &[&str]) -> PolicyChange {
    PolicyChange { add: rows(lines), remove: Vec::new() }
}

async fn guard(store: MemoryStore) -> Result<Guardrail, guardrail::BuildError> {
    Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the tests, 32 bytes or more").unwrap())
        .store(store)
        .policy_model(PolicyModel::new(MODEL).unwrap())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
}

/// The domain is a part of the path, as far as the application knows it.
async fn domain(mut request: Request, next: Next) -> Response {
    let domain = request.uri().path().split('/').nth(1).filter(|name| ["acme", "other"].contains(name));
    if let Some(domain) = domain.map(Domain::new) {
        request.extensions_mut().insert(domain);
    }
    next.run(request).await
}

fn router(guard: &Guardrail) -> Router {
    let automatic =
        Router::new().route("/{tenant}/auto", get(async || "auto")).route_layer(EnforceRoutes::new());
    let asked = guard.clone();
    let who = async move |who: Principal| {
        let (object, action) = ("/{tenant}/auto", "read");
        let within = |domain: &str| asked.is_allowed_in(&who, &Domain::new(domain), object, action).unwrap();
        let without = asked.is_allowed(&who, object, action).unwrap();
        format!("acme {}, other {}, - {without}", within("acme"), within("other"))
    };
    Router::new()
        .route("/who", get(who))
        .route("/{tenant}/posts/{id}", get(async || "post").layer(RequireLayer::new("/posts/{id}", "read")))
        .merge(automatic)
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone()))
        .layer(from_fn(domain))
}

async fn registered(router: &Router) -> Login {
    let call = |path: &str| Call::new(router.clone(), "POST", path);
    let body = json!({ "email": "ada@example.com", "password": "correct horse", "username": "ada" });
    call("/api/register").json(&body).send().await.expect(201);
    Login::from_reply(&call("/api/auth").json(&body).send().await.expect(200))
}

#[tokio::test]
async fn denying_rules_and_domains_decide() {
    let guard = guard(MemoryStore::new()).await.unwrap();
    let router = router(&guard);
    let ada = registered(&router).await;
    let status = async |path: &str| Call::new(router.clone(), "GET", path).by(&ada).send().await.status;
    assert_eq!(status("/acme/posts/7").await, 403);
    let subject = ada.subject();
    let editor = format!("g, {subject}, editor, acme");
    let change = adding(&[
        "p, editor, acme, /posts/{id}, read, allow",
        &editor,
        "p, user, *, /{tenant}/auto, read, allow",
    ]);
    assert_eq!(guard.change_stored_rules(change).await.unwrap(), (3, 0));
    for (path, expected) in [
        ("/acme/posts/7", 200),
        ("/other/posts/7", 403),
        ("/nowhere/posts/7", 403),
        ("/acme/auto", 200),
        ("/other/auto", 200),
        ("/nowhere/auto", 403),
    ] {
        assert_eq!(status(path).await, expected, "{path}");
    }
    // The account's role is denied: that outranks what the user is allowed.
    guard.change_stored_rules(adding(&["p, user, acme, /posts/{id}, *, deny"])).await.unwrap();
    assert_eq!(status("/acme/posts/7").await, 403);
    assert_eq!(
        Call::new(router.clone(), "GET", "/who").by(&ada).send().await.body,
        "acme true, other true, - false"
    );
}

#[tokio::test]
async fn a_rule_that_does_not_fit_is_neither_written_nor_loaded() {
    let store = MemoryStore::new();
    let guard = guard(store.clone()).await.unwrap();
    for line in ["p, user, /posts/{id}, read", "g, user:1, editor", "p2, a, b, c, d, allow"] {
        let outcome = guard.change_stored_rules(adding(&["p, a, acme, /x, read, allow", line])).await;
        assert!(matches!(outcome, Err(Error::Policy(PolicyError::Model(_)))), "{line}: {outcome:?}");
    }
    assert!(guardrail::storage::PolicyStore::load(&store).await.unwrap().rules.is_empty());

    // Another program writes one: what is in force stays, and a start fails.
    guard.change_stored_rules(adding(&["p, a, acme, /x, read, deny"])).await.unwrap();
    guardrail::storage::PolicyStore::apply(&store, adding(&["p, a, acme"])).await.unwrap();
    assert!(guard.reload_policies().await.is_err());
    let error = self::guard(store).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("has 2 fields"), "{error:?}");
}

#[tokio::test]
async fn what_knows_three_fields_only_refuses_its_service() {
    let store = MemoryStore::new();
    let guard = guard(store).await.unwrap();
    let router = router(&guard);
    let ada = registered(&router).await;
    let rule = Rule::new("a", "/x", "read").unwrap();
    assert!(matches!(guard.add_rules(vec![rule.clone()]).await, Err(Error::Conflict { .. })));
    assert!(matches!(guard.remove_rules(vec![rule]).await, Err(Error::Conflict { .. })));
    assert!(guard.rules().is_empty());
    // The endpoints are guarded by the same model, where nothing gives them a domain.
    Call::new(router, "GET", "/api/policies").by(&ada).send().await.problem(403, "permission_denied");
}
