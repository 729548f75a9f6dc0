//! The description of Guardrail's own endpoints, by what its stores can and how it is set.

use utoipa::{
    OpenApi as _, PartialSchema as _, ToSchema,
    openapi::{
        Components, Info, OpenApi, RefOr, Required, Tag,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    AnyUser, add_failures,
    failure::{fails, forbid_caching},
    needs::say_what_is_needed,
};
use crate::{
    AuthUser, Error, Forbidden, Guardrail,
    http::{problem::Problem, routes},
    policy::{Object, PolicyError, Subjects, permissions},
};

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    routes::auth::log_in,
    routes::refresh::refresh,
    routes::logout::log_out,
    routes::logout::log_out_everywhere,
    routes::profile::profile,
    routes::sessions::sessions,
    routes::sessions::end_session,
    routes::password::change_password,
    routes::policies::rules,
    routes::policies::add_rule,
    routes::policies::remove_rule,
    routes::policies::batch::add_batch,
    routes::permissions::check,
    routes::permissions::declared,
    routes::health::health,
    routes::health::ready
))]
struct Always;

/// What is there if the users store can create and change users.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    routes::register::register,
    routes::users::users,
    routes::users::change_user,
    routes::users::end_sessions
))]
struct Administered;

/// What is there if events are kept.
#[derive(utoipa::OpenApi)]
#[openapi(paths(routes::audit::events))]
struct Audited;

/// What is at the root.
#[derive(utoipa::OpenApi)]
#[openapi(paths(routes::well_known::jwks))]
struct WellKnown;

const TAGS: [(&str, &str); 5] = [
    ("signing in", "From credentials to tokens, and their end."),
    ("account", "One's own account and devices."),
    ("rules", "Who may do what."),
    ("administration", "Users, and what has happened."),
    ("health", "For supervisors and load balancers."),
];

fails! {
    RegistrationClosed: Forbidden::RegistrationClosed;
    FamilyLogoutDisabled: Forbidden::FamilyLogoutDisabled;
    OwnModel: Error::from(PolicyError::OwnModel);
}

impl<U: AuthUser + ToSchema> Guardrail<U> {
    /// What [`routes`](Self::routes) serves, as an OpenAPI 3.1 document whose paths are below the one where the router
    /// is nested: `document.nest("/api", guard.openapi())`.
    ///
    /// It is of this Guardrail: endpoints that the stores are not there for are left out, a closed registration is
    /// described as one, and the cookie has its configured name. An operation lists the statuses and codes that it can
    /// answer. The schema `User` is that of `U`: for a user type of your own, derive [`ToSchema`] so that it says what
    /// [`Serialize`](serde::Serialize) writes.
    ///
    /// See [`guardrail::openapi`](crate::openapi) for an example.
    pub fn openapi(&self) -> OpenApi {
        let inner = self.inner();
        let mut document = Always::openapi();
        document.info = Info::new("Guardrail", env!("CARGO_PKG_VERSION"));
        if inner.accounts.can_administer() {
            document.merge(Administered::openapi());
        }
        if inner.audit.has_store() {
            document.merge(Audited::openapi());
        }
        let declared = permissions();
        for operation in operations(&mut document) {
            self.fit(operation);
            say_what_is_needed(operation, &declared);
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    forbid_caching(response);
                }
            }
        }
        let components = document.components.get_or_insert_default();
        self.add_security_schemes(components);
        let mut schemas = Vec::new();
        U::schemas(&mut schemas);
        schemas.push((AnyUser::NAME.to_owned(), U::schema()));
        schemas.push(("Problem".to_owned(), Problem::schema()));
        components.schemas.extend(schemas);
        document.tags = Some(TAGS.map(|(name, description)| tag(name, description)).into());
        document
    }

    /// What differs by the settings.
    fn fit(&self, operation: &mut Operation) {
        let config = &self.inner().config;
        let nobody = Subjects { subject: "nobody", role: None };
        let has_own_model = self.inner().policies.explain(&nobody, Object::Named("/"), "read").is_none();
        let id = operation.operation_id.clone().unwrap_or_default();
        match id.as_str() {
            "register" if !config.registration => {
                for status in ["201", "409", "503"] {
                    operation.responses.responses.remove(status);
                }
                add_failures::<RegistrationClosed>(operation);
            }
            "log_out" if !config.sessions.family_logout => add_failures::<FamilyLogoutDisabled>(operation),
            "rules" | "add_rule" | "remove_rule" | "add_batch" if has_own_model => {
                add_failures::<OwnModel>(operation);
            }
            _ => {}
        }
        match id.as_str() {
            // Nothing else bounds these two.
            "register" | "refresh" if config.rate_limit_auth == 0 => {
                operation.responses.responses.remove("429");
            }
            // The query may say it all.
            "remove_rule" => {
                if let Some(RefOr::T(body)) = &mut operation.request_body {
                    body.required = Some(Required::False);
                }
            }
            _ => {}
        }
    }

    fn add_security_schemes(&self, components: &mut Components) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The access token. It is good only with the device's cookie."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let name = self.inner().config.cookie.name.as_str();
        let told = "The device's fingerprint, which a log-in sets. It is `HttpOnly`: browsers send it by themselves.";
        let fingerprint = ApiKey::Cookie(ApiKeyValue::with_description(name, told));
        components.add_security_scheme("fingerprint", SecurityScheme::ApiKey(fingerprint));
    }
}

impl<U: AuthUser> Guardrail<U> {
    /// What [`well_known`](Self::well_known) serves, as an OpenAPI 3.1 document to be merged at the root.
    pub fn well_known_openapi(&self) -> OpenApi {
        let mut document = WellKnown::openapi();
        document.info = Info::new("Guardrail", env!("CARGO_PKG_VERSION"));
        document
    }
}

/// Every operation of a document.
pub fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch]
            .into_iter()
            .flatten()
    })
}

fn tag(name: &str, description: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(description.to_owned());
    tag
}
