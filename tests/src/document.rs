//! An API's description, and what holds a router to it.

use std::collections::BTreeSet;

use axum::Router;
use jsonschema::Draft;
use serde_json::{Value, json};

use crate::{Call, Login, Reply};

/// A method and a path as it is written in a router: `("GET", "/api/users/{id}")`.
pub type Operation = (String, String);

/// An OpenAPI 3.1 document, whose objects have the documented members and no others.
pub struct Document(Value);

impl Document {
    /// What was served as one.
    pub fn new(mut document: Value) -> Self {
        if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
            schemas.values_mut().for_each(close_within);
        }
        Self(document)
    }

    /// Every operation.
    pub fn operations(&self) -> BTreeSet<Operation> {
        let paths = self.0["paths"].as_object().unwrap();
        let methods = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        paths
            .iter()
            .flat_map(|(path, item)| {
                methods(item).into_iter().map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect()
    }

    /// What is said of one.
    pub fn operation(&self, (method, path): &Operation) -> &Value {
        &self.0["paths"][path][method.to_lowercase()]
    }

    /// The statuses that one can answer.
    pub fn statuses(&self, operation: &Operation) -> BTreeSet<u16> {
        let responses = self.operation(operation)["responses"].as_object().unwrap();
        responses.keys().map(|status| status.parse().unwrap()).collect()
    }

    /// Checks an answer's status, headers, type and body.
    #[track_caller]
    pub fn allows(&self, operation: &Operation, reply: &Reply) {
        let response = &self.operation(operation)["responses"][reply.status.to_string()];
        assert!(response.is_object(), "{operation:?} says nothing of {reply:#?}");
        let headers = response["headers"].as_object().cloned().unwrap_or_default();
        for (name, header) in &headers {
            let value = reply.header(name);
            let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
            self.fits(&header["schema"], &value, &format!("{operation:?} {name}"));
        }
        let sets_cookie = reply.headers.contains_key("set-cookie");
        assert_eq!(sets_cookie, headers.contains_key("Set-Cookie"), "{operation:?} {reply:#?}");
        let Some((media_type, content)) = response["content"].as_object().and_then(|all| all.iter().next())
        else {
            assert_eq!(reply.body, "", "{operation:?}");
            return;
        };
        assert_eq!(
            reply.header("content-type").split(';').next(),
            Some(media_type.as_str()),
            "{operation:?}"
        );
        let body = if media_type.ends_with("json") { reply.json() } else { json!(reply.body) };
        self.fits(&content["schema"], &body, &format!("{operation:?} {}", reply.status));
    }

    /// Checks a value against a schema of the document.
    #[track_caller]
    pub fn fits(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        close(&mut schema);
        let refers = schema.to_string().contains("$ref");
        let whole =
            if refers { json!({ "components": self.0["components"], "allOf": [schema] }) } else { schema };
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        let validator = options.build(&whole).unwrap_or_else(|error| panic!("{what}: {error}"));
        let errors: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{what}: {errors:#?} in {value:#}");
    }

    /// Checks that each example fits its schema.
    pub fn examples_fit(&self) {
        for operation in self.operations() {
            let said = self.operation(&operation);
            let responses = said["responses"].as_object().unwrap().values();
            for (_, content) in responses.filter_map(|it| it["content"].as_object()).flatten() {
                let named = content["examples"].as_object().into_iter().flatten();
                let named = named.map(|(_, example)| &example["value"]);
                for example in named.chain(content.get("example")) {
                    self.fits(&content["schema"], example, &format!("an example of {operation:?}"));
                }
            }
        }
    }

    /// Does to an operation what clients do wrongly: nobody, a guest without any permission, and an administrator with
    /// bodies and queries that cannot be. Checks each answer; the statuses that came.
    pub async fn provoke(
        &self,
        router: &Router,
        operation: &Operation,
        admin: &Login,
        guest: &Login,
    ) -> BTreeSet<u16> {
        let (method, path) = operation;
        let call = |query: &str| Call::new(router.clone(), method, &format!("{}{query}", concrete(path)));
        // A batch may have 32 MiB, and what Axum reads by itself 2 MiB.
        let large = " ".repeat(if path.ends_with("/batch") { 33 << 20 } else { 3 << 20 });
        let calls = [
            call(""),
            call("").by(guest),
            call("").by(admin),
            call("").by(admin).text("text/plain", "text"),
            call("").by(admin).text("application/json", "{"),
            call("").by(admin).text("application/json", large),
            call("").by(admin).json(&json!({})),
            call("?limit=0").by(admin),
            call("?limit=1&limit=1").by(admin),
        ];
        let mut statuses = BTreeSet::new();
        for call in calls {
            let reply = call.send().await;
            self.allows(operation, &reply);
            statuses.insert(reply.status);
        }
        statuses
    }

    /// Of the statuses that [`provoke`](Self::provoke) should have brought about, those that it has not.
    pub fn not_provoked(&self, operation: &Operation, provoked: &BTreeSet<u16>) -> Vec<u16> {
        let needs_caller = self.operation(operation)["security"][0].get("bearer").is_some();
        let of_caller = if needs_caller { &[401, 403][..] } else { &[] };
        let documented = self.statuses(operation);
        let expected = [400, 413, 415, 422].iter().chain(of_caller);
        expected.copied().filter(|status| documented.contains(status) && !provoked.contains(status)).collect()
    }
}

/// Every route of a router below a prefix, but for `HEAD`: the paths that it has written down, and the methods that
/// each allows when it is asked with another.
pub async fn routes_below(router: &Router, prefix: &str) -> BTreeSet<Operation> {
    let written = format!("{router:?}");
    let (_, paths) = written.split_once("paths: {").expect("axum prints its paths");
    let mut found = BTreeSet::new();
    let mut pieces = paths.split('"');
    while pieces.next().is_some_and(|between| !between.starts_with('}'))
        && let Some(path) = pieces.next()
    {
        if path.starts_with(prefix) {
            let reply = Call::new(router.clone(), "PURGE", &concrete(path)).send().await.expect(405);
            let methods = reply.header("allow").split(',').filter(|method| *method != "HEAD");
            found.extend(methods.map(|method| (method.to_owned(), path.to_owned())));
        }
    }
    found
}

/// A path with values in the place of its parameters.
fn concrete(path: &str) -> String {
    let values = path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
    values.collect::<Vec<_>>().join("/")
}

/// Lets an object have what it is said to have, and nothing else; the same of those within it.
fn close(schema: &mut Value) {
    close_within(schema);
    let Value::Object(members) = schema else { return };
    if ["properties", "$ref", "allOf", "oneOf"].iter().any(|keyword| members.contains_key(*keyword)) {
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

fn close_within(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    for (keyword, inner) in members {
        match (keyword.as_str(), inner) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(close),
            ("items" | "additionalProperties", inner) => close(inner),
            // Each is a part of the object, and must let the others be.
            ("allOf" | "oneOf", Value::Array(parts)) => parts.iter_mut().for_each(close_within),
            _ => {}
        }
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("operations", &self.operations()).finish_non_exhaustive()
    }
}

impl std::ops::Index<&str> for Document {
    type Output = Value;

    /// A member of the document.
    fn index(&self, member: &str) -> &Value {
        &self.0[member]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "secret")]
    fn a_member_that_is_not_documented_is_found() {
        let part = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
        let document = Document::new(json!({ "paths": {}, "components": { "schemas": { "Named": part } } }));
        let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Named" }] });
        document.fits(&schema, &json!({ "name": "Ada" }), "right");
        document.fits(&schema, &json!({ "name": "Ada", "secret": 7 }), "wrong");
    }
}
