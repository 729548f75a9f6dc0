//! What a client keeps of a log-in.

use uuid::Uuid;

use crate::{Reply, claims_of};

/// Tokens and cookie of one device.
#[derive(Debug, Clone)]
pub struct Login {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The session.
    pub family_id: Uuid,
    /// The fingerprint: the cookie's value.
    pub cookie: String,
    /// The user, as the token names it.
    pub user_id: String,
}

impl Login {
    /// What a log-in or a change of password answered.
    pub fn from_reply(reply: &Reply) -> Self {
        let body = reply.json();
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        let token = text("token");
        let user_id = claims_of(&token)["sub"].as_str().unwrap().to_owned();
        Self {
            refresh_token: text("refresh_token"),
            family_id: text("family_id").parse().unwrap(),
            cookie: reply.fingerprint(),
            user_id,
            token,
        }
    }

    /// The same device after a refresh.
    #[must_use]
    pub fn after(&self, refresh: &Reply) -> Self {
        let body = refresh.json();
        let refresh_token = body["refresh_token"].as_str().unwrap_or(&self.refresh_token).to_owned();
        Self { token: body["token"].as_str().unwrap().to_owned(), refresh_token, ..self.clone() }
    }

    /// The subject of policies: `user:<id>`.
    pub fn subject(&self) -> String {
        format!("user:{}", self.user_id)
    }
}
