//! What an operation can fail with: said by the errors themselves, whose status, code and body are documented.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    time::Duration,
};

use http::StatusCode;
use serde_json::Value;
use utoipa::{
    IntoResponses,
    openapi::{
        AllOfBuilder, ContentBuilder, Header, HeaderBuilder, Object, ObjectBuilder, Ref, RefOr, Response,
        ResponseBuilder,
        example::{Example, ExampleBuilder},
        path::Operation,
        schema::Type,
    },
};

use crate::{Error, FieldErrors, Forbidden, Unauthenticated};

const PROBLEM: &str = "application/problem+json";

/// Errors that an operation can fail with. A tuple of several is all of theirs.
pub trait Fails {
    /// One error for each code, as an example.
    fn errors() -> Vec<Error>;
}

macro_rules! tuples {
    ($(($($part:ident)+))+) => {$(
        impl<$($part: Fails),+> Fails for ($($part,)+) {
            fn errors() -> Vec<Error> {
                [$($part::errors()),+].into_iter().flatten().collect()
            }
        }
    )+};
}
tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G));

/// The responses of an operation that can fail with `T`, for `responses(…)` of [`utoipa::path`].
///
/// See the [module](crate::openapi) for an example.
#[derive(Debug)]
pub struct Failures<T>(PhantomData<T>);

impl<T: Fails> IntoResponses for Failures<T> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = BTreeMap::new();
        add(&mut responses, T::errors());
        responses
    }
}

/// Makes types that name errors.
macro_rules! fails {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $($error:expr),+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        $vis struct $name;

        impl $crate::http::openapi::Fails for $name {
            fn errors() -> Vec<$crate::Error> {
                vec![$($crate::Error::from($error)),+]
            }
        }
    )+};
}
pub(in crate::http) use fails;

fails! {
    /// The caller is nobody, or may not: what `#[require]`, `Principal` and `Authenticated` answer.
    pub Caller:
        Unauthenticated::TokenMissing,
        Unauthenticated::TokenInvalid,
        Unauthenticated::TokenExpired,
        Unauthenticated::FingerprintMissing,
        Unauthenticated::SessionEnded,
        Forbidden::PermissionDenied,
        Error::Misconfigured("".into()),
        Error::Unavailable;
    /// The body is no JSON, or not what is asked for.
    pub ReadsBody:
        Error::Malformed("the body is not valid JSON".into()),
        Error::PayloadTooLarge,
        Error::UnsupportedMediaType,
        FieldErrors::one("body", "must be a JSON object");
    /// The query string cannot be read.
    pub ReadsQuery: Error::Malformed("the query string cannot be read".into());
    /// There is no such thing, or the caller may not know of it.
    pub NotFound: Error::NotFound;
    /// The address, the account or the session asks too often.
    pub TooMany: Error::TooManyRequests { retry_after: Duration::from_mins(1) };
    /// More work is waiting than can be done soon.
    pub Busy: Error::Busy { retry_after: Duration::from_secs(2) };
    /// A store does not answer.
    pub Unavailable: Error::Unavailable;
    /// The log-in is wrong, or the account has changed meanwhile.
    pub(in crate::http) InvalidCredentials: Error::InvalidCredentials;

    /// Codes that no set above has.
    Others:
        Forbidden::RegistrationClosed,
        Forbidden::FamilyLogoutDisabled,
        Error::MethodNotAllowed,
        Error::Conflict { field: None, detail: "".into() };
}

/// Every code that a problem can have.
type All = (Caller, ReadsBody, NotFound, TooMany, Busy, InvalidCredentials, Others);

/// The schema of a problem's `code`.
pub(in crate::http) fn codes() -> Object {
    let codes: Vec<_> = All::errors().iter().map(Error::code).collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What is wrong, for programs: it never changes."))
        .enum_values(Some(codes))
        .examples(["validation_failed"])
        .build()
}

/// Says of an operation that it can fail with `T` as well: for what layers around its handler answer.
pub fn add_failures<T: Fails>(operation: &mut Operation) {
    add(&mut operation.responses.responses, T::errors());
}

fn add(responses: &mut BTreeMap<String, RefOr<Response>>, errors: Vec<Error>) {
    for error in errors {
        let status = error.status();
        let mut bodies = responses.get(status.as_str()).map(bodies_of).unwrap_or_default();
        let body = serde_json::to_value(error.problem()).unwrap_or_default();
        if !bodies.values().any(|known| *known == body) {
            let code = error.code();
            let same = bodies.keys().filter(|name| name.starts_with(code)).count();
            let name = if same == 0 { code.to_owned() } else { format!("{code}_{}", same + 1) };
            bodies.insert(name, body);
        }
        responses.insert(status.as_str().to_owned(), RefOr::T(response(status, &bodies)));
    }
}

/// The examples of a response that was made here, by their names.
fn bodies_of(response: &RefOr<Response>) -> BTreeMap<String, Value> {
    let RefOr::T(response) = response else { return BTreeMap::new() };
    let Some(RefOr::T(content)) = response.content.get(PROBLEM) else { return BTreeMap::new() };
    let value = |(name, example): (&String, &RefOr<Example>)| match example {
        RefOr::T(example) => Some((name.clone(), example.value.clone()?)),
        RefOr::Ref(_) => None,
    };
    content.examples.iter().filter_map(value).collect()
}

/// The response of one status, by the bodies that it may have.
fn response(status: StatusCode, bodies: &BTreeMap<String, Value>) -> Response {
    let text = |body: &Value, member| body.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let codes: BTreeSet<String> = bodies.values().map(|body| text(body, "code")).collect();
    let lines: Vec<String> =
        bodies.values().map(|body| format!("`{}`: {}", text(body, "code"), text(body, "detail"))).collect();
    let narrowed = ObjectBuilder::new()
        .property(
            "status",
            ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status.as_u16()])),
        )
        .property("code", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)));
    let narrowed =
        if status == StatusCode::UNPROCESSABLE_ENTITY { narrowed.required("errors") } else { narrowed };
    let examples = bodies
        .iter()
        .map(|(name, body)| (name.clone(), ExampleBuilder::new().value(Some(body.clone())).build()));
    let content = ContentBuilder::new()
        .schema(Some(AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed)))
        .examples_from_iter(examples)
        .build();
    let mut response =
        ResponseBuilder::new().description(lines.join("\n\n")).content(PROBLEM, content).build();
    forbid_caching(&mut response);
    match status {
        StatusCode::UNAUTHORIZED => {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let told = "`Bearer`, with `error=\"invalid_token\"` where a token came (RFC 6750 §3).";
            insert(&mut response, "WWW-Authenticate", header(text, told));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32));
            insert(&mut response, "Retry-After", header(seconds, "In how many seconds to try again."));
        }
        _ => {}
    }
    response
}

/// The headers that each answer has.
pub(super) fn forbid_caching(response: &mut Response) {
    for (name, value) in [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")] {
        let only = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([value]));
        insert(response, name, HeaderBuilder::new().schema(Some(only)).build());
    }
}

fn header(schema: ObjectBuilder, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn insert(response: &mut Response, name: &str, header: Header) {
    response.headers.insert(name.to_owned(), RefOr::T(header));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T: Fails>(status: &str) -> Value {
        serde_json::to_value(&Failures::<T>::responses()[status]).unwrap()
    }

    #[test]
    fn a_status_lists_the_codes_of_all_parts_once() {
        let busy = json::<(Caller, Unavailable, Busy)>("503");
        let content = &busy["content"][PROBLEM];
        let code = &content["schema"]["allOf"][1]["properties"]["code"];
        assert_eq!(code["enum"], serde_json::json!(["busy", "unavailable"]));
        assert_eq!(content["examples"]["busy"]["value"]["status"], 503);
        assert!(busy["headers"].get("Retry-After").is_some());
    }

    #[test]
    fn two_conflicts_are_two_examples() {
        fails! {
            First: Error::Conflict { field: None, detail: "one".into() };
            Second: Error::Conflict { field: Some("email"), detail: "two".into() };
        }
        let examples = &json::<(First, Second)>("409")["content"][PROBLEM]["examples"];
        assert_eq!(examples["conflict"]["value"]["detail"], "one");
        assert_eq!(examples["conflict_2"]["value"]["errors"]["email"][0], "two");
    }

    #[test]
    fn every_code_is_listed_once() {
        let codes = codes().enum_values.unwrap();
        let distinct: BTreeSet<_> = codes.iter().map(Value::to_string).collect();
        assert_eq!((codes.len(), distinct.len()), (20, 20));
    }
}
