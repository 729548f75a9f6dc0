//! `POST /register`: creating one's own account.

use axum::{Json, Router, extract::State, routing::post};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::respond::Outcome;
#[cfg(feature = "openapi")]
use crate::http::openapi::{AnyUser, Busy, Failures, ReadsBody, TooMany, Unavailable, fails};
use crate::{
    AuthUser, Email, Error, FieldErrors, Forbidden, Guardrail, NAME_MAX_CHARS, Username,
    handle::Registration,
    http::extract::{self, JsonBody, Throttled},
    public,
    user::clean_name,
};

pub(in crate::http) fn router<U: AuthUser + Serialize>() -> Router<Guardrail<U>> {
    Router::new().route("/register", post(register::<U>))
}

/// A `role` in the body is an unknown field, and ignored like any other.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Registration))]
struct Register {
    /// What to sign in with.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")
    )]
    email: Option<String>,
    /// At least so many characters, or more where the application asks for more.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, min_length = 8, example = "correct horse")
    )]
    password: Option<SecretString>,
    /// The name shown to others.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, min_length = 1, max_length = 64, example = "Ada")
    )]
    username: Option<String>,
    /// The given name.
    #[cfg_attr(feature = "openapi", schema(max_length = 64, example = "Ada"))]
    first_name: Option<String>,
    /// The family name.
    #[cfg_attr(feature = "openapi", schema(max_length = 64, example = "Lovelace"))]
    last_name: Option<String>,
}

#[cfg(feature = "openapi")]
fails! {
    Taken:
        Error::Conflict {
            field: Some("email"),
            detail: "an account with this e-mail address exists".into(),
        },
        Error::Conflict { field: Some("username"), detail: "the user name is taken".into() };
}

/// Creates an account
///
/// Registering is not signing in: no cookie comes.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/register", tag = "signing in",
    request_body = Register,
    responses(
        (status = 201, description = "The new user.", body = Outcome<AnyUser>),
        Failures<(ReadsBody, Taken, TooMany, Busy, Unavailable)>,
    ),
    security(()),
))]
#[public]
async fn register<U: AuthUser + Serialize>(
    State(guard): State<Guardrail<U>>,
    _: Throttled<extract::Register>,
    JsonBody(body): JsonBody<Register>,
) -> Result<(StatusCode, Json<Outcome<U>>), Error> {
    if !guard.inner().config.registration {
        return Err(Forbidden::RegistrationClosed.into());
    }
    let rules = |password: &str, own: &[&str]| guard.inner().accounts.check_password(password, own);
    let user = guard.register(check(body, rules)?).await?;
    Ok((StatusCode::CREATED, Outcome::new(user)))
}

/// Everything that is wrong with a registration, at once.
fn check(
    body: Register,
    password_rules: impl Fn(&str, &[&str]) -> Result<(), String>,
) -> Result<Registration, FieldErrors> {
    let mut errors = FieldErrors::default();
    let email: Option<Email> = errors.parsed("email", body.email);
    let username: Option<Username> = errors.parsed("username", body.username);
    let first_name = name(&mut errors, "first_name", body.first_name);
    let last_name = name(&mut errors, "last_name", body.last_name);
    let password = errors.required("password", body.password);
    let own = [email.as_ref().map(Email::as_str), username.as_ref().map(Username::as_str)];
    let own: Vec<_> = own.into_iter().flatten().collect();
    let checked = password.as_ref().map(|password| password_rules(password.expose_secret(), &own));
    if let Some(Err(message)) = checked {
        errors.add("password", message);
    }
    match (email, username, password) {
        (Some(email), Some(username), Some(password)) => {
            errors.finish()?;
            Ok(Registration { email, username, first_name, last_name, password })
        }
        _ => Err(errors),
    }
}

/// A given or family name; one that is left out, or empty, is none.
fn name(errors: &mut FieldErrors, field: &'static str, value: Option<String>) -> Option<String> {
    let value = value.filter(|value| !value.trim().is_empty())?;
    let name = clean_name(&value);
    if name.is_none() {
        errors.add(field, format!("must have at most {NAME_MAX_CHARS} characters and no control characters"));
    }
    name.map(str::to_owned)
}
