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
    assigned_roles_are_listed_and_taken_away,
    a_decision_is_explained,
    the_change_that_leaves_nobody_to_write_rules_is_refused_unless_forced,
    who_cannot_sign_in_writes_no_rules,
    the_last_administrator_is_neither_demoted_nor_disabled,
    two_administrators_who_demote_each_other_leave_one,
    what_handlers_ask_for_is_listed,
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

async fn assigned_roles_are_listed_and_taken_away(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    for (subject, role) in [("editor", "staff"), ("user:1", "editor"), ("user:2", "editor")] {
        app.add_rule(&admin, subject, role, "").await;
    }
    let list = async |query: &str| {
        let reply = app.get(&format!("/api/policies?{query}")).by(&admin).send().await.expect(200);
        let listed = reply.json()["data"].as_array().unwrap().clone();
        let line =
            |it: &Value| format!("{} {}", it["subject"].as_str().unwrap(), it["object"].as_str().unwrap());
        listed.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(list("action=").await, ["editor staff", "user:1 editor", "user:2 editor"]);
    assert_eq!(list("action=&object=editor").await, ["user:1 editor", "user:2 editor"]);
    assert_eq!(list("action=&subject=user:1").await, ["user:1 editor"]);
    app.delete("/api/policies?subject=user:1&object=editor&action=").by(&admin).send().await.expect(200);
    assert_eq!(list("action=&object=editor").await, ["user:2 editor"]);
    app.delete("/api/policies?subject=user:1&object=editor&action=")
        .by(&admin)
        .send()
        .await
        .problem(404, "not_found");
}

async fn a_decision_is_explained(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    for (subject, object, action) in [
        (&*ada.subject(), "editor", ""),
        ("editor", "staff", ""),
        ("staff", "/posts/{id}", "edit"),
        ("user", "/own", "*"),
    ] {
        app.add_rule(&admin, subject, object, action).await;
    }
    let explain = async |subject: &str, object: &str, action: &str| {
        let mut question = rule(subject, object, action);
        question["explain"] = true.into();
        let reply = app.post("/api/permissions/check").by(&admin).json(&question).send().await.expect(200);
        let data = reply.json()["data"].clone();
        assert_eq!(data["allowed"], data["explanation"]["because"] == "rule", "{data}");
        data["explanation"].clone()
    };
    assert_eq!(
        explain(&ada.subject(), "/posts/7", "edit").await,
        json!({
            "because": "rule", "rule": rule("staff", "/posts/{id}", "edit"),
            "path": [ada.subject(), "editor", "staff"],
        })
    );
    // The role of the account counts, which no rule names.
    assert_eq!(
        explain(&ada.subject(), "/own", "read").await,
        json!({ "because": "rule", "rule": rule("user", "/own", "*"), "path": ["user"] })
    );
    assert_eq!(
        explain("guest", "/posts/7", "edit").await,
        json!({ "because": "not_granted", "rules": [rule("staff", "/posts/{id}", "edit")] })
    );
    assert_eq!(
        explain(&ada.subject(), "/posts/7", "delete").await,
        json!({ "because": "no_rule_for_action", "granted": ["edit"] })
    );
    assert_eq!(explain("staff", "/nothing", "edit").await, json!({ "because": "no_rule_for_object" }));
    assert_eq!(explain("user:nobody", "/own", "read").await, json!({ "because": "unknown_user" }));
    let path = format!("/api/users/{}", ada.user_id);
    app.patch(&path).by(&admin).json(&json!({ "is_active": false })).send().await.expect(200);
    assert_eq!(explain(&ada.subject(), "/own", "read").await, json!({ "because": "disabled_user" }));
    // Without being asked, nothing is explained.
    let reply = app.post("/api/permissions/check").by(&admin).json(&rule("staff", "/x", "edit")).send().await;
    assert!(reply.json()["data"].get("explanation").is_none(), "{reply:?}");
}

async fn the_change_that_leaves_nobody_to_write_rules_is_refused_unless_forced(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let rows = async || app.contents().await.rules;
    let before = rows().await;
    let last = "/api/policies?subject=admin&object=/api/*&action=*";
    app.delete(last).by(&admin).send().await.problem(409, "conflict");
    app.delete("/api/policies")
        .by(&admin)
        .json(&rule("admin", "/api/*", "*"))
        .send()
        .await
        .problem(409, "conflict");
    assert_eq!(rows().await, before);
    let library = guardrail::policy::Rule::new("admin", "/api/*", "*").unwrap();
    assert!(app.guard.remove_rules(vec![library.clone()]).await.is_err());

    // A rule that nobody is concerned by is no help; somebody else with the role is.
    app.add_rule(&admin, "ghost", "/api/policies", "write").await;
    app.delete(last).by(&admin).send().await.problem(409, "conflict");
    app.add_rule(&admin, "root", "/api/*", "*").await;
    app.delete(last).by(&admin).send().await.problem(409, "conflict");
    app.add_rule(&admin, &ada.subject(), "root", "").await;
    app.delete(last).by(&admin).send().await.expect(200);
    app.get("/api/policies").by(&admin).send().await.problem(403, "permission_denied");

    // Now it is ada's role that must stay.
    let role = format!("/api/policies?subject={}&object=root&action=", ada.subject());
    app.delete(&role).by(&ada).send().await.problem(409, "conflict");
    app.delete(&format!("{role}&force=true")).by(&ada).send().await.expect(200);
    app.get("/api/policies").by(&ada).send().await.problem(403, "permission_denied");
    // What is lost already is no reason to keep anything.
    assert_eq!(
        app.guard
            .remove_rules(vec![guardrail::policy::Rule::new("root", "/api/*", "*").unwrap()])
            .await
            .unwrap(),
        1
    );
    assert_eq!(app.guard.force_remove_rules(vec![library]).await.unwrap(), 0);
}

async fn who_cannot_sign_in_writes_no_rules(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "/api/policies", "write").await;
    let path = format!("/api/users/{}", ada.user_id);
    let set_active = |active: bool| app.patch(&path).by(&admin).json(&json!({ "is_active": active }));
    set_active(false).send().await.expect(200);
    let last = "/api/policies?subject=admin&object=/api/*&action=*";
    app.delete(last).by(&admin).send().await.problem(409, "conflict");
    set_active(true).send().await.expect(200);
    app.delete(last).by(&admin).send().await.expect(200);
}

async fn the_last_administrator_is_neither_demoted_nor_disabled(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    // Who may change users need not be able to write rules.
    app.add_rule(&admin, "user", "/api/users/{id}", "*").await;
    let path = format!("/api/users/{}", admin.user_id);
    let change = |change: Value| app.patch(&path).by(&ada).json(&change);
    for body in [
        json!({ "role": "user" }),
        json!({ "is_active": false }),
        json!({ "role": "user", "is_active": false }),
    ] {
        change(body).send().await.problem(409, "conflict");
        // Nor did it cost the session.
        app.get("/api/policies").by(&admin).send().await.expect(200);
    }
    // Another who can write rules, by itself, is enough.
    let bob = app.register_and_log_in(2).await;
    app.add_rule(&admin, &bob.subject(), "/api/policies", "*").await;
    change(json!({ "role": "user" })).send().await.expect(200);
    let path = format!("/api/users/{}", bob.user_id);
    app.patch(&path).by(&ada).json(&json!({ "role": "guest" })).send().await.expect(200);
    let disable =
        |force: bool| app.patch(&path).by(&ada).json(&json!({ "is_active": false, "force": force }));
    disable(false).send().await.problem(409, "conflict");
    disable(true).send().await.expect(200);
}

async fn two_administrators_who_demote_each_other_leave_one(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    let promote = |id: &str| app.patch(&format!("/api/users/{id}")).json(&json!({ "role": "admin" }));
    promote(&ada.user_id).by(&admin).send().await.expect(200);
    for round in 0..10 {
        let demote = |by: &guardrail_tests::Login, id: &str| {
            let change = if round % 2 == 0 { json!({ "role": "user" }) } else { json!({ "role": "guest" }) };
            tokio::spawn(app.patch(&format!("/api/users/{id}")).by(by).json(&change).send())
        };
        let (one, two) = (demote(&admin, &ada.user_id), demote(&ada, &admin.user_id));
        let replies = [one.await.unwrap(), two.await.unwrap()];
        let done = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(done, 1, "{replies:?}");
        // The other was refused as the last one, or had lost the permission by then.
        assert!(replies.iter().any(|reply| matches!(reply.status, 409 | 403)), "{replies:?}");
        let (left, lost) = if replies[0].status == 200 { (&admin, &ada) } else { (&ada, &admin) };
        promote(&lost.user_id).by(left).send().await.expect(200);
    }
}

async fn what_handlers_ask_for_is_listed(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.get("/api/permissions").by(&ada).send().await.problem(403, "permission_denied");
    let reply = app.get("/api/permissions").by(&admin).send().await.expect(200).json();
    let declared = reply["data"].as_array().unwrap();
    let of = |function: &str| {
        let of = declared.iter().filter(|it| it["function"].as_str().unwrap().ends_with(function));
        of.map(|it| json!([it["object"], it["action"], it["role"]])).collect::<Vec<_>>()
    };
    assert_eq!(of("routes::read_note"), [json!(["/app/notes/{id}", "read", null])]);
    assert_eq!(of("routes::any"), [json!(["/app/any/{id}", "read", null]), json!([null, null, "moderator"])]);
    assert_eq!(of("::profile"), [json!(["/api/profile", "read", null])]);
    let note = declared.iter().find(|it| it["function"].as_str().unwrap().ends_with("::read_note")).unwrap();
    assert!(
        note["file"].as_str().unwrap().ends_with("routes.rs") && note["line"].as_u64().unwrap() > 1,
        "{note}"
    );
    assert_eq!(reply["next_cursor"], Value::Null);
}
