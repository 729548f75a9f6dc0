//! The application: its database, its rules, its routes.

use anyhow::bail;
use axum::{Json, Router, routing::get};
use guardrail::{
    AuthLayer, Authenticated, Bcrypt, Guardrail, PasswordHasher as _, SigningKey, policy::Rule, require,
};
use guardrail_sqlx::{Db, SqlStore};

use crate::{member::Member, members::Members};

/// Who is there to begin with. An application of your own seeds nobody with a password that is in its source.
pub(crate) const DEMO_LOGIN: &str = "demo@example.com";
/// The demo member's password.
pub(crate) const DEMO_PASSWORD: &str = "correct horse";

/// The application on the SQLite database of `url`.
pub(crate) async fn build(url: &str, key: SigningKey) -> anyhow::Result<(Guardrail<Member>, Router)> {
    let store = SqlStore::connect(url).await?;
    let Db::Sqlite(pool) = store.db().clone() else { bail!("this example's table is for SQLite") };

    // Two sets of migrations in one database: each notes in a table of its own what has been applied.
    sqlx::migrate!().run(&pool).await?;
    store.migrate().await?;

    let members = Members::new(pool);
    if members.is_empty().await? {
        let secret = Bcrypt::default().hash(DEMO_PASSWORD)?;
        members.add(DEMO_LOGIN, "Demo Member", &secret).await?;
    }

    let guard = Guardrail::builder()
        .signing_key(key)
        .users(members)
        .sessions(store.clone())
        .policies(store.clone())
        .failures(store.clone())
        .audit(store.clone())
        .changes(store) // news of other nodes, where the database has any
        .default_policies()
        .build()
        .await?;
    // Our role `member` inherits what the default policies give to `user`. Rules that are there already stay as
    // they are.
    guard
        .add_rules(vec![Rule::new("member", "user", "")?, Rule::new("member", "/api/greeting", "read")?])
        .await?;

    let app = Router::new()
        .route("/api/greeting", get(greeting))
        .nest("/api", guard.routes())
        .fallback(guardrail::not_found)
        .layer(AuthLayer::new(guard.clone()));
    Ok((guard, app))
}

#[require("/api/greeting", "read")]
async fn greeting(member: Authenticated<Member>) -> Json<String> {
    Json(format!("Hello {}, member {}", member.display_name, member.number))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::Body,
        http::{Request, Response, StatusCode, header},
    };
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;

    async fn app() -> Router {
        let key = SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap();
        build("sqlite::memory:", key).await.unwrap().1
    }

    async fn body(response: Response<Body>) -> Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    async fn post(app: &Router, path: &str, body: &Value) -> Response<Body> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        app.clone().oneshot(request).await.unwrap()
    }

    /// The headers of the logged-in demo member.
    async fn log_in(app: &Router) -> [(header::HeaderName, String); 2] {
        // However the login is typed.
        let login = json!({"email": " Demo@Example.com", "password": DEMO_PASSWORD});
        let response = post(app, "/api/auth", &login).await;
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let token = body(response).await["token"].as_str().unwrap().to_owned();
        [(header::AUTHORIZATION, format!("Bearer {token}")), (header::COOKIE, cookie)]
    }

    async fn get_as(app: &Router, path: &str, headers: &[(header::HeaderName, String)]) -> Response<Body> {
        let request = headers
            .iter()
            .fold(Request::get(path), |request, (name, value)| request.header(name, value))
            .body(Body::empty())
            .unwrap();
        app.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_member_logs_in_and_is_recognised_by_a_handler() {
        let app = app().await;
        assert_eq!(get_as(&app, "/api/greeting", &[]).await.status(), StatusCode::UNAUTHORIZED);
        let member = log_in(&app).await;
        let response = get_as(&app, "/api/greeting", &member).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body(response).await, json!("Hello Demo Member, member 1"));
    }

    #[tokio::test]
    async fn the_profile_shows_own_columns_and_no_hash() {
        let app = app().await;
        let response = get_as(&app, "/api/profile", &log_in(&app).await).await;
        assert_eq!(response.status(), StatusCode::OK);
        let expected = json!({
            "number": 1,
            "login": DEMO_LOGIN,
            "display_name": "Demo Member",
            "staff_role": "member",
            "enabled": true,
        });
        assert_eq!(body(response).await, json!({ "data": expected }));
    }

    #[tokio::test]
    async fn a_member_can_change_the_password() {
        let app = app().await;
        let member = log_in(&app).await;
        let change = json!({"current_password": DEMO_PASSWORD, "new_password": "battery staple"});
        let request = member
            .iter()
            .fold(Request::post("/api/password"), |request, (name, value)| request.header(name, value))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(change.to_string()))
            .unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
        for (password, status) in
            [(DEMO_PASSWORD, StatusCode::UNAUTHORIZED), ("battery staple", StatusCode::OK)]
        {
            let login = json!({"email": DEMO_LOGIN, "password": password});
            assert_eq!(post(&app, "/api/auth", &login).await.status(), status, "{password}");
        }
    }

    #[tokio::test]
    async fn what_the_store_cannot_do_has_no_endpoint() {
        let app = app().await;
        assert_eq!(post(&app, "/api/register", &json!({})).await.status(), StatusCode::NOT_FOUND);
    }
}
