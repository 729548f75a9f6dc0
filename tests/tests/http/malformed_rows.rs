//! Rows that another program wrote wrongly: set aside, told to the log, harmless to the rest; on every store.

use guardrail_tests::{App, Logs, TestStore};

/// What another program left in the table, among rules that are right.
const ROWS: [&[&str]; 8] = [
    &["p", "user", "(", "read"],
    &["p", "user", "/app/reports", "read"],
    &["p", "user", "/app/notes/{id}", "read", "allow", "surplus"],
    &["p", "user", "/app/closure/{id}"],
    &["p", "user", "/api/profile", "read"],
    &["g", "user", "moderator", "a domain"],
    &["p2", "user", "/app/files/*", "read"],
    &["g", "user", "reader"],
];

async fn they_are_set_aside_and_every_other_decision_stands(store: TestStore) {
    let logs = Logs::capture();
    store.write_rows(&ROWS).await;
    let app = App::on(&store).await;
    let log = logs.take();
    let lines: Vec<_> =
        log.lines().filter(|line| line.contains("ERROR") && line.contains("set aside")).collect();
    assert_eq!(lines.len(), 5, "{log}");
    assert!(lines.iter().any(|line| line.contains(r#""user", "(", "read""#)), "{log}");

    let ada = app.register_and_log_in(1).await;
    for (path, status) in [
        ("/app/reports", 200),
        ("/api/profile", 200),
        ("/app/notes/7", 403),
        ("/app/closure/7", 403),
        ("/app/role", 403),
        ("/app/files/a", 403),
        ("/api/sessions", 403),
    ] {
        assert_eq!(app.get(path).by(&ada).send().await.status, status, "{path}");
    }
    assert_eq!(app.contents().await.rules.len(), ROWS.len(), "nothing is taken out of the table");
}

async fn they_may_come_while_the_program_runs(store: TestStore) {
    let logs = Logs::capture();
    let app = App::on(&store).await;
    let ada = app.register_and_log_in(1).await;
    // Before they are written: the node may hear of them, and say so, before it is told to look.
    logs.take();
    store.write_rows(&[&["p", "user", "(", "read"], &["p", "user", "/app/reports", "read"]]).await;
    app.guard.reload_policies().await.unwrap();
    assert!(logs.take().contains("set aside"));
    app.get("/app/reports").by(&ada).send().await.expect(200);
    app.get("/api/profile").by(&ada).send().await.expect(200);
    app.get("/app/notes/7").by(&ada).send().await.problem(403, "permission_denied");
}

/// One thread, on which the log is collected.
macro_rules! on_one_thread {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::$case(super::TestStore::memory().await).await; })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $case() { super::$case(super::TestStore::sqlite().await).await; })*
        }
        mod postgres {
            $(#[tokio::test]
            #[ignore = "needs PostgreSQL: run `cargo xtask test`"]
            async fn $case() { super::$case(super::TestStore::postgres().await).await; })*
        }
    };
}

on_one_thread!(they_are_set_aside_and_every_other_decision_stands, they_may_come_while_the_program_runs);
