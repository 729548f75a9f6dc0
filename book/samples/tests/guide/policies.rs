//! `policies.md`: rules, and what is done with them.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use casbin::MemoryAdapter;
use guardrail::{
    AuthLayer, Bcrypt, Domain, Error, Guardrail, RequireLayer, SigningKey,
    policy::{InvalidRule, PolicyModel, Rule, RuleSet, csv, default_rules, pattern},
    require,
    storage::{AdapterStore, MemoryStore, PolicyChange, PolicyStore as _, StoredRule},
    testing::principal,
};
use guardrail_tests::{App, Call, Login};
use serde_json::{Value, json};

use crate::handlers::{app, key, rule};

#[test]
fn patterns_cover_what_the_table_says() {
    for (pattern, covered, others) in [
        ("/api/*", &["/api/", "/api/posts", "/api/posts/7/tags"][..], &["/api", "/apis", "/API/posts"][..]),
        ("*", &["/api/posts", "/", "reports"], &[]),
        (
            "/api/posts/{id}",
            &["/api/posts/7", "/api/posts/export"],
            &["/api/posts", "/api/posts/", "/api/posts/7/tags"],
        ),
        ("/api/posts/{id}/tags/*", &["/api/posts/7/tags/1", "/api/posts/7/tags/a/b"], &["/api/posts/7/tags"]),
        ("/api/posts", &["/api/posts"], &["/api/posts/", "/api/posts/7"]),
        ("reports", &["reports"], &["/reports"]),
    ] {
        assert!(pattern::check(pattern).is_ok(), "{pattern}");
        for object in covered {
            assert!(pattern::matches(object, pattern), "{pattern} {object}");
        }
        for object in others {
            assert!(!pattern::matches(object, pattern), "{pattern} {object}");
        }
    }
    for refused in
        ["", "/api/*/tags", "/api/po*", "/{*rest}", "/{id}.json", "/{1}", "/{}", "/(a|b)", "/a.*", "^/a$"]
    {
        assert!(pattern::check(refused).is_err(), "{refused}");
    }
}

// ANCHOR: initial
fn rules() -> Result<Vec<Rule>, InvalidRule> {
    [
        ("user", "/api/posts", "read"),
        ("author", "/api/posts", "write"),
        ("moderator", "/api/posts/{id}", "edit"),
        ("author", "user", ""),      // an author may what a user may,
        ("moderator", "author", ""), // and a moderator what an author may
    ]
    .into_iter()
    .map(|(subject, object, action)| Rule::new(subject, object, action))
    .collect()
}

async fn build(store: MemoryStore, key: SigningKey) -> anyhow::Result<Guardrail> {
    let guard = Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .initial_policies(rules()?)
        .build()
        .await?;
    Ok(guard)
}
// ANCHOR_END: initial

#[tokio::test]
async fn initial_rules_go_into_an_empty_rule_set_alone() {
    let store = MemoryStore::new();
    let guard = build(store.clone(), key()).await.unwrap();
    assert_eq!(guard.rules().len(), default_rules().len() + rules().unwrap().len());
    guard.remove_rules(rules().unwrap()).await.unwrap();
    let again = build(store, key()).await.unwrap();
    assert_eq!(again.rules().len(), default_rules().len());
}

// ANCHOR: rule_set
#[test]
fn a_moderator_may_what_an_author_may() {
    let rules: RuleSet = rules().unwrap().into_iter().collect();
    assert!(rules.allows("moderator", None, "/api/posts", "write"));
    // A user whose account has the role.
    assert!(rules.allows("user:7", Some("moderator"), "/api/posts/1", "edit"));
    assert!(!rules.allows("user:7", Some("author"), "/api/posts/1", "edit"));
    assert!(rules.holds_role("user:7", Some("moderator"), "user"));
}
// ANCHOR_END: rule_set

// ANCHOR: inventory
#[require("/api/posts/{id}", "edit")]
async fn edit() {}

#[test]
fn whatever_a_handler_asks_for_some_rule_grants() {
    let rules = rules().unwrap();
    let declared = guardrail::permissions();
    let ours: Vec<_> = declared.iter().filter(|it| it.function.starts_with(module_path!())).collect();
    assert!(!ours.is_empty());
    for declared in ours {
        for (object, action) in declared.permissions() {
            let grants = |rule: &Rule| {
                ["*", action].contains(&rule.action()) && pattern::matches(object, rule.object())
            };
            assert!(rules.iter().any(grants), "nobody may {action} {object}: {}", declared.function);
        }
    }
}
// ANCHOR_END: inventory

// ANCHOR: change
async fn grant(guard: &Guardrail) -> anyhow::Result<(usize, usize)> {
    let added = guard
        .add_rules(vec![
            Rule::new("editor", "/api/posts/{id}", "edit")?,
            Rule::new("user:42", "editor", "")?, // no action: user 42 has the role editor
        ])
        .await?;
    let removed = guard.remove_rules(vec![Rule::new("user:42", "editor", "")?]).await?;
    Ok((added, removed))
}
// ANCHOR_END: change

#[tokio::test]
async fn a_change_tells_what_it_came_to() {
    let guard = app(Router::new()).await.guard;
    assert_eq!(grant(&guard).await.unwrap(), (2, 1));
    assert_eq!(grant(&guard).await.unwrap(), (1, 1), "one of the two was there");
}

// ANCHOR: csv
/// Makes the rules of a file the rules; nothing is changed if a line is wrong.
async fn import(guard: &Guardrail, text: &str) -> anyhow::Result<(usize, usize)> {
    Ok(guard.replace_rules(csv::read(text)?).await?)
}

fn export(guard: &Guardrail) -> String {
    let mut rules: Vec<_> = guard.rules().iter().collect();
    rules.sort();
    csv::write(&rules)
}
// ANCHOR_END: csv

#[tokio::test]
async fn rules_go_to_a_file_and_come_back() {
    let guard = app(Router::new()).await.guard;
    let before = export(&guard);
    assert!(before.starts_with("p, admin, /api/*, *\n"), "{before}");
    let more = format!("# more\n{before}\np, editor, /api/posts/{{id}}, edit\ng, user:42, editor\n");
    assert_eq!(import(&guard, &more).await.unwrap(), (2, 0));
    assert_eq!(import(&guard, &before).await.unwrap(), (0, 2));
    let error = import(&guard, "p, editor, /api/(posts, edit\n").await.unwrap_err().to_string();
    assert!(error.starts_with("line 1: the object must not have `(`"), "{error}");
    assert_eq!(export(&guard), before);
}

// ANCHOR: set_aside
/// Takes away a row that is no rule, and can therefore not be removed as one.
async fn discard(guard: &Guardrail, row: StoredRule) -> Result<(), Error> {
    guard.change_stored_rules(PolicyChange { add: Vec::new(), remove: vec![row] }).await?;
    Ok(())
}
// ANCHOR_END: set_aside

#[tokio::test]
async fn what_another_program_wrote_counts_as_far_as_it_is_right() {
    let store = MemoryStore::new();
    let guard = Guardrail::builder().signing_key(key()).store(store.clone()).build().await.unwrap();
    let (right, wrong) = (row("p", ["user", "/api/reports", "read"]), row("p", ["user", "(", "read"]));
    let written = PolicyChange { add: vec![right, wrong.clone()], remove: Vec::new() };
    store.apply(written).await.unwrap();
    guard.reload_policies().await.unwrap();
    assert!(guard.rules().allows("user", None, "/api/reports", "read"));
    assert_eq!(guard.rules().len(), 1);

    let rows = async || store.load().await.unwrap().rules;
    assert!(rows().await.contains(&wrong));
    discard(&guard, wrong.clone()).await.unwrap();
    assert!(!rows().await.contains(&wrong));
}

/// An application, and its administrator signed in.
async fn served() -> (App, Login) {
    let app = app(Router::new().route("/api/posts/{id}", get(edit))).await;
    let admin = app.log_in_as_admin().await;
    (app, admin)
}

#[tokio::test]
async fn rules_are_added_listed_and_removed() {
    let (app, admin) = served().await;
    let editor = json!({ "subject": "editor", "object": "/api/posts/{id}", "action": "edit" });
    let assigned = json!({ "subject": "user:42", "object": "editor", "action": "" });
    let add = |rule: &Value| app.post("/api/policies").by(&admin).json(rule).send();

    assert_eq!(
        add(&editor).await.expect(201).json(),
        json!({ "success": true, "data": {
            "success": true,
            "message": "Policy added: editor can edit on /api/posts/{id} (by admin: admin@example.com)",
        } })
    );
    assert_eq!(add(&editor).await.problem(409, "conflict")["detail"], "the rule is there already");

    add(&assigned).await.expect(201);
    for (query, rule) in [("subject=editor", &editor), ("action=", &assigned)] {
        let listed = app.get(&format!("/api/policies?{query}")).by(&admin).send().await.expect(200);
        assert_eq!(listed.json(), json!({ "data": [rule], "next_cursor": null }));
    }

    let remove = || app.delete("/api/policies").by(&admin).json(&assigned).send();
    assert_eq!(
        remove().await.expect(200).json()["data"]["message"],
        "Policy removed: user:42 has the role editor (by admin: admin@example.com)"
    );
    remove().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_batch_is_added_whole_or_not_at_all() {
    let (app, admin) = served().await;
    let before = app.guard.rules().len();
    let batch = |rules: &Value| app.post("/api/policies/batch").by(&admin).json(rules).send();
    let rules = json!([
        { "subject": "editor", "object": "/api/posts/{id}", "action": "edit" },
        { "subject": "user:42", "object": "editor", "action": "" },
        { "subject": "admin", "object": "/api/*", "action": "*" },
    ]);
    assert_eq!(
        batch(&rules).await.expect(201).json(),
        json!({
            "success": true, "message": "2 policies added (by admin: admin@example.com)",
            "data": { "added": 2, "existing": 1 },
        })
    );
    let wrong = json!([
        { "subject": "author", "object": "/api/posts", "action": "write" },
        { "subject": "author", "object": "/api/(", "action": "read" },
    ]);
    assert_eq!(
        batch(&wrong).await.problem(422, "validation_failed")["errors"],
        json!({ "[1].object": [
            "must not have `(`: a pattern is no regular expression; use `*`, a final `/*` or `{name}`",
        ] })
    );
    assert_eq!(app.guard.rules().len(), before + 2);
}

#[tokio::test]
async fn the_last_way_to_write_rules_is_not_removed_by_accident() {
    let (app, admin) = served().await;
    let last = json!({ "subject": "admin", "object": "/api/*", "action": "*" });
    assert_eq!(
        app.delete("/api/policies").by(&admin).json(&last).send().await.problem(409, "conflict"),
        json!({
            "type": "about:blank", "title": "Conflict", "status": 409,
            "detail": "nobody could write policies any more afterwards; `force` does it all the same",
            "code": "conflict", "success": false,
        })
    );
    assert!(app.guard.remove_rules(vec![rule("admin", "/api/*", "*")]).await.is_err());
    let forced = json!({ "subject": "admin", "object": "/api/*", "action": "*", "force": true });
    app.delete("/api/policies").by(&admin).json(&forced).send().await.expect(200);
    app.get("/api/policies").by(&admin).send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn decisions_are_explained() {
    let (app, admin) = served().await;
    let ada = app.register_and_log_in(1).await;
    let rules = vec![rule("editor", "/api/posts/{id}", "edit"), rule(&ada.subject(), "editor", "")];
    app.guard.add_rules(rules).await.unwrap();
    let explain = async |subject: &str, object: &str, action: &str| {
        let question = json!({ "subject": subject, "object": object, "action": action, "explain": true });
        app.post("/api/permissions/check").by(&admin).json(&question).send().await.expect(200).json()
    };
    assert_eq!(
        explain(&ada.subject(), "/api/posts/7", "edit").await,
        json!({
            "success": true, "message": "Permission check completed by admin: admin@example.com",
            "data": {
                "allowed": true, "subject": ada.subject(), "object": "/api/posts/7", "action": "edit",
                "explanation": {
                    "because": "rule",
                    "rule": { "subject": "editor", "object": "/api/posts/{id}", "action": "edit" },
                    "path": [ada.subject(), "editor"],
                },
            },
        })
    );
    for (subject, object, action, explanation) in [
        (
            "guest",
            "/api/posts/7",
            "edit",
            json!({ "because": "not_granted", "rules": [
                { "subject": "admin", "object": "/api/*", "action": "*" },
                { "subject": "editor", "object": "/api/posts/{id}", "action": "edit" },
            ] }),
        ),
        ("editor", "/reports", "read", json!({ "because": "no_rule_for_object" })),
        ("user:nobody", "/api/posts/7", "edit", json!({ "because": "unknown_user" })),
    ] {
        let data = explain(subject, object, action).await["data"].take();
        assert_eq!((&data["allowed"], &data["explanation"]), (&json!(false), &explanation), "{subject}");
    }
}

#[tokio::test]
async fn what_handlers_ask_for_is_listed() {
    let (app, admin) = served().await;
    let listed = app.get("/api/permissions").by(&admin).send().await.expect(200).json();
    let here = concat!(module_path!(), "::edit");
    let edit = listed["data"].as_array().unwrap().iter().find(|it| it["function"] == here).unwrap();
    assert_eq!((&edit["object"], &edit["action"]), (&json!("/api/posts/{id}"), &json!("edit")));
    assert!(edit["file"].as_str().unwrap().ends_with("policies.rs") && edit["line"].as_u64() > Some(1));
}

// ANCHOR: own_model
const DENYING: &str = r#"
    [request_definition]
    r = sub, obj, act
    [policy_definition]
    p = sub, obj, act, eft
    [role_definition]
    g = _, _
    [policy_effect]
    e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
    [matchers]
    m = g(r.sub, p.sub) && keyMatch3(r.obj, p.obj) && (p.act == "*" || r.act == p.act)
"#;

/// A row as a table holds it.
fn row<const N: usize>(ptype: &str, values: [&str; N]) -> StoredRule {
    StoredRule { ptype: ptype.to_owned(), values: values.map(str::to_owned).into() }
}

async fn denying(store: MemoryStore, key: SigningKey) -> anyhow::Result<Guardrail> {
    let model = PolicyModel::new(DENYING)?;
    let guard = Guardrail::builder().signing_key(key).store(store).policy_model(model).build().await?;
    let add = vec![
        row("p", ["editor", "/api/posts/{id}", "edit", "allow"]),
        row("p", ["suspended", "*", "*", "deny"]),
        row("g", ["user:2", "suspended"]),
    ];
    guard.change_stored_rules(PolicyChange { add, remove: Vec::new() }).await?;
    Ok(guard)
}
// ANCHOR_END: own_model

#[tokio::test]
async fn a_denial_outranks_what_a_role_may() {
    let guard = denying(MemoryStore::new(), key()).await.unwrap();
    let may = |user: i64| {
        let editor = principal(user, "editor".parse().unwrap());
        guard.is_allowed(&editor, "/api/posts/7", "edit").unwrap()
    };
    assert!(may(1) && !may(2));
    assert!(matches!(guard.add_rules(vec![rule("a", "/b", "c")]).await, Err(Error::Conflict { .. })));
    // A row of three fields does not fit.
    let change = PolicyChange { add: vec![row("p", ["editor", "/x", "edit"])], remove: Vec::new() };
    assert!(guard.change_stored_rules(change).await.is_err());
}

// ANCHOR: domain
/// The tenant of a request, for a model whose requests have a `dom`.
async fn tenant(mut request: Request, next: Next) -> Response {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let name = host.and_then(|host| host.strip_suffix(".example.com"));
    // One that the application knows, and not whatever the client says.
    let domain = name.filter(|name| ["acme", "initech"].contains(name)).map(Domain::new);
    if let Some(domain) = domain {
        request.extensions_mut().insert(domain);
    }
    next.run(request).await
}
// ANCHOR_END: domain

#[tokio::test]
async fn a_role_counts_in_its_domain() {
    let model = DENYING
        .replace("r = sub, obj", "r = sub, dom, obj")
        .replace("p = sub, obj", "p = sub, dom, obj")
        .replace("g = _, _", "g = _, _, _")
        .replace("g(r.sub, p.sub)", "g(r.sub, p.sub, r.dom) && r.dom == p.dom");
    let guard = Guardrail::builder()
        .signing_key(key())
        .store(MemoryStore::new())
        .policy_model(PolicyModel::new(&model).unwrap())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    let router = Router::new()
        .route("/posts/{id}", get(async || "post").layer(RequireLayer::new("/posts/{id}", "read")))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone()))
        .layer(from_fn(tenant));
    let call = |method: &str, path: &str| Call::new(router.clone(), method, path);
    let body = json!({ "email": "ada@example.com", "password": "correct horse", "username": "ada" });
    call("POST", "/api/register").json(&body).send().await.expect(201);
    let ada = Login::from_reply(&call("POST", "/api/auth").json(&body).send().await.expect(200));
    let add = vec![
        row("p", ["editor", "acme", "/posts/{id}", "read", "allow"]),
        row("p", ["editor", "initech", "/posts/{id}", "read", "allow"]),
        row("g", [&ada.subject(), "editor", "acme"]),
    ];
    guard.change_stored_rules(PolicyChange { add, remove: Vec::new() }).await.unwrap();
    for (host, expected) in
        [("acme.example.com", 200), ("initech.example.com", 403), ("evil.example.com", 403)]
    {
        call("GET", "/posts/7").by(&ada).header("host", host).send().await.expect(expected);
    }
}

// ANCHOR: adapter
async fn on_an_adapter(store: MemoryStore, key: SigningKey) -> anyhow::Result<Guardrail> {
    let guard = Guardrail::builder()
        .signing_key(key)
        .store(store) // users and sessions
        .policies(AdapterStore::new(MemoryAdapter::default())) // rules: any `casbin::Adapter`
        .default_policies()
        .build()
        .await?;
    Ok(guard)
}
// ANCHOR_END: adapter

#[tokio::test]
async fn a_casbin_adapter_keeps_rules() {
    let guard = on_an_adapter(MemoryStore::new(), key()).await.unwrap();
    assert_eq!(guard.add_rules(vec![rule("editor", "/api/posts/{id}", "edit")]).await.unwrap(), 1);
    guard.reload_policies().await.unwrap();
    assert!(guard.rules().allows("editor", None, "/api/posts/7", "edit"));
    assert_eq!(guard.rules().len(), default_rules().len() + 1);
}
