//! Rules written and taken away over HTTP, on every store.

use guardrail_tests::{App, TestStore};
use serde_json::{Value, json};

on_every_store!(
    a_written_permission_takes_effect_on_the_next_request,
    an_assigned_role_takes_effect_on_the_next_request,
    assigning_a_role_needs_an_action_of_its_own,
    a_batch_is_written_whole_or_not_at_all,
    a_wrong_rule_is_refused_by_field_and_not_stored,
    rules_are_there_after_a_restart,
    default_policies_go_into_an_empty_rule_set_alone,
);

fn rule(subject: &str, object: &str, action: &str) -> Value {
    json!({ "subject": subject, "object": object, "action": action })
}

async fn a_written_permission_takes_effect_on_the_next_request(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    app.remove_rule(&admin, "admin", "/api/*", "*").await;
    let writer = guardrail::policy::Rule::new("admin", "/api/policies", "*").unwrap();
    let checker = guardrail::policy::Rule::new("admin", "/api/permissions/check", "*").unwrap();
    app.guard.add_rules(vec![writer, checker]).await.unwrap();
    let question = rule("admin", "/api/admin/reports/7", "delete");
    let allowed = async || {
        let reply = app.post("/api/permissions/check").by(&admin).json(&question).send().await.expect(200);
        reply.json()["data"]["allowed"].clone()
    };
    assert_eq!(allowed().await, false);
    app.post("/api/policies").by(&admin).json(&rule("admin", "/api/admin/*", "*")).send().await.expect(201);
    assert_eq!(allowed().await, true);
    app.remove_rule(&admin, "admin", "/api/admin/*", "*").await;
    assert_eq!(allowed().await, false);
}

async fn an_assigned_role_takes_effect_on_the_next_request(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let assignment = rule(&ada.subject(), "admin", "");
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
    let reply = app.post("/api/policies").by(&admin).json(&assignment).send().await.expect(201);
    let message = reply.json()["data"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("{} has the role admin", ada.subject())), "{message}");
    app.get("/api/users").by(&ada).send().await.expect(200);
    app.delete("/api/policies").by(&admin).json(&assignment).send().await.expect(200);
    app.get("/api/users").by(&ada).send().await.problem(403, "permission_denied");
}

async fn assigning_a_role_needs_an_action_of_its_own(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let writer = app.register_and_log_in(1).await;
    let assigner = app.register_and_log_in(2).await;
    for object in ["/api/policies", "/api/policies/batch"] {
        app.add_rule(&admin, &writer.subject(), object, "write").await;
        app.add_rule(&admin, &writer.subject(), object, "delete").await;
        app.add_rule(&admin, &assigner.subject(), object, "assign").await;
    }
    let assignment = rule(&writer.subject(), "admin", "");
    let permission = rule("editor", "/app/notes", "write");
    let before = app.contents().await.rules;
    for (caller, wrong) in [(&writer, &assignment), (&assigner, &permission)] {
        app.post("/api/policies").by(caller).json(wrong).send().await.problem(403, "permission_denied");
        app.delete("/api/policies").by(caller).json(wrong).send().await.problem(403, "permission_denied");
        let batch = json!([assignment, permission]);
        app.post("/api/policies/batch")
            .by(caller)
            .json(&batch)
            .send()
            .await
            .problem(403, "permission_denied");
    }
    assert_eq!(app.contents().await.rules, before);
    app.post("/api/policies").by(&writer).json(&permission).send().await.expect(201);
    app.post("/api/policies").by(&assigner).json(&assignment).send().await.expect(201);
    // A rule without an action is neither.
    let missing = json!({ "subject": "editor", "object": "admin" });
    app.post("/api/policies").by(&admin).json(&missing).send().await.invalid(&["action"]);
}

async fn a_batch_is_written_whole_or_not_at_all(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let before = app.contents().await.rules;
    let batch =
        json!([rule("editor", "/app/a", "read"), rule("editor", "/app/(", "read"), rule("", "/app/b", "x")]);
    let reply = app.post("/api/policies/batch").by(&admin).json(&batch).send().await;
    reply.invalid(&["[1].object", "[2].subject"]);
    assert_eq!(app.contents().await.rules, before);

    let good: Vec<_> = (0..50).map(|n| rule("editor", &format!("/app/{n}"), "read")).collect();
    app.post("/api/policies/batch").by(&admin).json(&json!(good)).send().await.expect(201);
    assert_eq!(app.contents().await.rules.len(), before.len() + 50);
}

async fn a_wrong_rule_is_refused_by_field_and_not_stored(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let before = app.contents().await;
    let long = "x".repeat(10_000);
    for (wrong, fields) in [
        (rule("", "/a", "read"), &["subject"][..]),
        (rule("editor", "", "read"), &["object"]),
        (rule("", "", ""), &["object", "subject"]),
        (rule("editor", "/a\u{0}", "read"), &["object"]),
        (rule("editor", "/a", "re\nad"), &["action"]),
        (rule("ed\u{7f}itor", "/a", "read"), &["subject"]),
        (rule("editor", "(", "read"), &["object"]),
        (rule("editor", "/a/(", "read"), &["object"]),
        (rule("editor", "/a/{id", "read"), &["object"]),
        (rule("editor", "/a|b", "read"), &["object"]),
        (rule("editor", "/a/.*", "read"), &["object"]),
        (rule("editor", "/a", "re*"), &["action"]),
        (rule(&long, "/a", "read"), &["subject"]),
        (rule("editor", &format!("/{long}"), "read"), &["object"]),
        (rule("editor", "/a", &long), &["action"]),
        (rule("user:", "/a", "read"), &["subject"]),
        (rule("editor", "user:1", ""), &["object"]),
        (json!({}), &["action", "object", "subject"]),
        (json!({ "subject": "editor", "object": "/a" }), &["action"]),
    ] {
        app.post("/api/policies").by(&admin).json(&wrong).send().await.invalid(fields);
    }
    assert_eq!(app.contents().await, before);
}

async fn rules_are_there_after_a_restart(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "/app/notes/{id}", "read").await;
    drop(app);
    let app = App::on(&store).await;
    app.get("/app/notes/7").by(&ada).send().await.expect(200);
    app.get("/app/reports").by(&ada).send().await.problem(403, "permission_denied");
}

async fn default_policies_go_into_an_empty_rule_set_alone(store: TestStore) {
    store.write_rows(&[&["p", "user", "/app/reports", "read"]]).await;
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    assert_eq!(app.contents().await.rules.len(), 1);
    app.get("/app/reports").by(&ada).send().await.expect(200);
    app.get("/api/profile").by(&ada).send().await.problem(403, "permission_denied");
}
