//! What one puts together without Guardrail: jsonwebtoken, a cookie whose hash is in the token, and Casbin's cached
//! enforcer. There is no session that could be ended, and no look at the user.

use std::{
    sync::{Arc, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use casbin::{CachedEnforcer, CoreApi as _, MgmtApi as _};
use cookie::Cookie;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{App, Options, PATH, Post, post};
use guardrail_bench::rule_set::RuleSet;

const SECRET: &[u8] = b"a secret of the benchmark, 32 bytes or more";
const COOKIE: &str = "user_fingerprint";
const AUDIENCE: &str = "bench";

pub(super) async fn app(options: &Options) -> Result<App> {
    let state = Permissions { keys: Keys::new(), enforcer: Arc::new(RwLock::new(enforcer(options).await?)) };
    let headers = state.keys.credentials()?;
    let router = Router::new().route(PATH, get(read)).route_layer(from_fn_with_state(state, guard));
    Ok(App { router, headers })
}

async fn read(Path(id): Path<u64>) -> Json<Post> {
    post(id)
}

/// The rules, one for the route among them.
pub(super) async fn enforcer(options: &Options) -> Result<CachedEnforcer> {
    let mut enforcer: CachedEnforcer = RuleSet::of(options.rules - 1).enforcer().await?;
    for action in ["read", "GET"] {
        let rule = ["user", PATH, action].map(str::to_owned);
        enforcer.add_policy(rule.into()).await?;
    }
    Ok(enforcer)
}

#[derive(Clone)]
struct Permissions {
    keys: Keys,
    enforcer: Arc<RwLock<CachedEnforcer>>,
}

async fn guard(State(state): State<Permissions>, request: Request, next: Next) -> Response {
    let Some(claims) = state.keys.authenticate(&request) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let path = request.uri().path().to_owned();
    let allowed = match state.enforcer.read() {
        Ok(enforcer) => enforcer.enforce((claims.role, path, "read".to_owned())).unwrap_or(false),
        Err(_) => false,
    };
    if !allowed {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    sub: String,
    pub(super) role: String,
    fgp: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// The signing key, both ways, and what is checked.
#[derive(Clone)]
pub(super) struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Keys {
    pub(super) fn new() -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        Self {
            encoding: EncodingKey::from_secret(SECRET),
            decoding: DecodingKey::from_secret(SECRET),
            validation,
        }
    }

    /// The headers of a caller who is let in.
    pub(super) fn credentials(&self) -> Result<Vec<(String, String)>> {
        let fingerprint = URL_SAFE_NO_PAD.encode([7; 32]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = Claims {
            sub: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            role: "user".to_owned(),
            fgp: hash(&fingerprint),
            aud: AUDIENCE.to_owned(),
            iat: now,
            exp: now + 3600,
        };
        let token = jsonwebtoken::encode(&Header::default(), &claims, &self.encoding)?;
        Ok(vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("cookie".to_owned(), format!("{COOKIE}={fingerprint}")),
        ])
    }

    /// What the token says, if it is good and the cookie is its own.
    pub(super) fn authenticate(&self, request: &Request) -> Option<Claims> {
        let headers = request.headers();
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let fingerprint = Cookie::split_parse(cookies).flatten().find(|cookie| cookie.name() == COOKIE)?;
        (hash(fingerprint.value()) == claims.fgp).then_some(claims)
    }
}

fn hash(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}
