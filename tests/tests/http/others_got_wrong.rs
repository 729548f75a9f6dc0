//! Races that others got wrong, each by the name of its report; on every store.
//!
//! `GUARDRAIL_RACE_ROUNDS` repeats them as it does the other [`races`](crate::races).

use std::{collections::HashSet, time::Duration};

use futures::poll;
use guardrail_tests::{App, Call, Login, TestStore};
use serde_json::json;
use tokio::task::{self, JoinSet};

use crate::races::{is_dead, race, rounds};

on_every_store!(
    keycloak_cve_2026_1035_concurrent_requests_get_one_token,
    django_oauth_toolkit_1617_a_grandparent_in_grace_is_refused,
    django_oauth_toolkit_702_grace_returns_no_revoked_token,
    supabase_52614_revocation_reopens_no_grace,
    supabase_1070_no_revocation_is_lost_to_a_refresh,
    hydra_1831_a_lost_response_logs_nobody_out,
    casbin_1116_and_1394_no_decision_flips_during_a_reload,
    tideway_the_loser_of_a_race_revokes_nothing,
);

/// The device after a refresh.
async fn refreshed(app: &App, login: &Login) -> Login {
    login.after(&app.refresh(login).send().await.expect(200))
}

/// A new log-in of the first user, and the next two generations of it.
async fn three_generations(app: &App) -> [Login; 3] {
    let first = app.log_in(&App::email(1), &App::password(1)).await;
    let second = refreshed(app, &first).await;
    let third = refreshed(app, &second).await;
    [first, second, third]
}

async fn keycloak_cve_2026_1035_concurrent_requests_get_one_token(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for round in rounds(20) {
        let replies = race((0..100).map(|_| app.refresh(&ada))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 100, "{replies:#?}");
        let successors: HashSet<_> = replies.iter().map(|reply| ada.after(reply).refresh_token).collect();
        assert_eq!(successors.len(), 1, "round {round}");
        let access_tokens: HashSet<_> = replies.iter().map(|reply| ada.after(reply).token).collect();
        assert_eq!(access_tokens.len(), 100, "round {round}");
        assert!(replies.iter().all(|reply| reply.fingerprint() == ada.cookie));
        assert_eq!(app.session(ada.family_id).await.generation, u64::try_from(round + 1).unwrap());
        ada = ada.after(&replies[0]);
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

/// The same chain as there, with no time between: the newest token has to die with the replayed one.
async fn django_oauth_toolkit_1617_a_grandparent_in_grace_is_refused(store: TestStore) {
    let app = App::on(&store).await;
    app.registration(1).send().await.expect(201);
    let [first, _, third] = three_generations(&app).await;
    app.refresh(&first).send().await.problem(401, "session_ended");
    is_dead(&app, &third).await;
}

/// There, whoever repeated a refresh got its own spent token again, and could not go on.
async fn django_oauth_toolkit_702_grace_returns_no_revoked_token(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for _ in rounds(10) {
        let child = refreshed(&app, &ada).await;
        for reply in race((0..10).map(|_| app.refresh(&ada))).await {
            assert_eq!(ada.after(&reply.expect(200)).refresh_token, child.refresh_token);
        }
        assert_ne!(child.refresh_token, ada.refresh_token);
        ada = refreshed(&app, &child).await;
    }
    app.get("/api/profile").by(&ada).send().await.expect(200);
}

/// A grace counted from the last change of a row begins anew with the revocation.
async fn supabase_52614_revocation_reopens_no_grace(store: TestStore) {
    type Revocation = fn(&App, &[Login; 3]) -> (Call, u16);

    let app = App::on(&store).await;
    app.registration(1).send().await.expect(201);
    let revocations: [Revocation; 5] = [
        |app, [first, ..]| (app.refresh(first), 401),
        |app, [first, ..]| (app.log_out(&first.refresh_token), 401),
        |app, [.., third]| (app.log_out(&third.refresh_token), 200),
        |app, [.., third]| (app.post("/api/logout/all").by(third), 200),
        |app, [.., third]| (app.delete(&format!("/api/sessions/{}", third.family_id)).by(third), 200),
    ];
    for revocation in revocations {
        // Within grace, and long after it.
        for seconds in [0, 60] {
            let family = three_generations(&app).await;
            app.clock.advance(Duration::from_secs(seconds));
            let (call, status) = revocation(&app, &family);
            call.send().await.expect(status);
            for reply in race(family.iter().cycle().take(12).map(|login| app.refresh(login))).await {
                reply.problem(401, "session_ended");
            }
            is_dead(&app, &family[2]).await;
            assert_eq!(app.session(family[0].family_id).await.generation, 2);
        }
    }
}

async fn supabase_1070_no_revocation_is_lost_to_a_refresh(store: TestStore) {
    let app = App::on(&store).await;
    let mut ada = app.register_and_log_in(1).await;
    for round in rounds(10) {
        let refreshes = (0..20).map(|_| app.refresh(&ada));
        let mut calls: Vec<Call> = refreshes.collect();
        calls.insert(round * 2 % 20, app.log_out(&ada.refresh_token));
        for reply in race(calls).await {
            match reply.status {
                200 if reply.json().get("token").is_some() => is_dead(&app, &ada.after(&reply)).await,
                200 => assert_eq!(reply.json(), json!({ "message": "Logged out successfully" })),
                _ => drop(reply.problem(401, "session_ended")),
            }
        }
        assert!(app.session(ada.family_id).await.revoked.is_some());
        ada = app.log_in(&App::email(1), &App::password(1)).await;
    }
}

/// Lost on the way back, and with the connection at any point before.
async fn hydra_1831_a_lost_response_logs_nobody_out(store: TestStore) {
    let app = App::on(&store).await;
    app.registration(1).send().await.expect(201);
    for polls in rounds(20) {
        let ada = app.log_in(&App::email(1), &App::password(1)).await;
        let mut hung_up = Box::pin(app.refresh(&ada).send());
        for _ in 0..polls {
            if poll!(&mut hung_up).is_ready() {
                break;
            }
            task::yield_now().await;
        }
        drop(hung_up);
        let lost = refreshed(&app, &ada).await;
        let retried = refreshed(&app, &ada).await;
        assert_eq!(retried.refresh_token, lost.refresh_token);
        let newest = refreshed(&app, &retried).await;
        app.get("/api/profile").by(&newest).send().await.expect(200);
        assert_eq!(app.session(ada.family_id).await.generation, 2);
    }
}

/// There, rules and roles were gone while they were loaded.
async fn casbin_1116_and_1394_no_decision_flips_during_a_reload(store: TestStore) {
    let app = App::on(&store).await;
    let admin = app.log_in_as_admin().await;
    let ada = app.register_and_log_in(1).await;
    app.add_rule(&admin, &ada.subject(), "editor", "").await;
    app.add_rule(&admin, "editor", "/app/reports", "read").await;
    for _ in rounds(5) {
        let asking: JoinSet<()> = (0..4)
            .map(|_| {
                let asked = [("/app/reports", 200), ("/api/users", 403)].into_iter().cycle().take(40);
                let calls: Vec<_> = asked.map(|(path, status)| (app.get(path).by(&ada), status)).collect();
                async move {
                    for (call, status) in calls {
                        call.send().await.expect(status);
                    }
                }
            })
            .collect();
        for _ in 0..4 {
            app.add_rule(&admin, "editor", "/app/notes", "write").await;
            app.guard.reload_policies().await.unwrap();
            app.remove_rule(&admin, "editor", "/app/notes", "write").await;
        }
        asking.join_all().await;
    }
}

/// On two nodes, which know of each other's refreshes by the store alone.
async fn tideway_the_loser_of_a_race_revokes_nothing(store: TestStore) {
    let nodes = [App::on(&store).await, App::on(&store).await];
    let mut ada = nodes[0].register_and_log_in(1).await;
    for round in rounds(10) {
        let replies = race(nodes.iter().cycle().take(20).map(|node| node.refresh(&ada))).await;
        // Whichever answer the device keeps.
        for (reply, node) in replies.iter().zip(nodes.iter().cycle()) {
            assert_eq!(reply.status, 200, "{reply:#?}");
            node.get("/api/profile").by(&ada.after(reply)).send().await.expect(200);
        }
        assert_eq!(nodes[0].session(ada.family_id).await.revoked, None);
        ada = ada.after(&replies[round % 20]);
    }
    nodes[1].refresh(&ada).send().await.expect(200);
}
