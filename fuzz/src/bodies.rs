//! Bodies and queries.

use axum::{
    body::Body,
    http::{Request, Uri},
};

use crate::app::{Spoilt, with_fixture};

/// Every endpoint with a body.
const BODIES: [(&str, &str); 11] = [
    ("POST", "/api/auth"),
    ("POST", "/api/register"),
    ("POST", "/api/refresh"),
    ("POST", "/api/logout"),
    ("POST", "/api/password"),
    ("POST", "/api/policies"),
    ("DELETE", "/api/policies"),
    ("POST", "/api/policies/batch"),
    ("POST", "/api/permissions/check"),
    ("PATCH", "/api/users/00000000-0000-7000-8000-000000000000"),
    ("POST", "/app/notes"),
];

/// Every endpoint with a query.
const QUERIES: [&str; 4] = ["/api/policies", "/api/users", "/api/audit", "/api/logout"];

/// Any bytes as a JSON body, from the administrator; the first byte says where to.
pub fn json_body(data: &[u8]) {
    let Some((place, body)) = data.split_first() else { return };
    let (method, path) = BODIES[usize::from(*place) % BODIES.len()];
    with_fixture(|fixture| {
        let admin = &fixture.admin;
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request
            .header("authorization", format!("Bearer {}", admin.token))
            .header("cookie", format!("user_fingerprint={}", admin.cookie));
        fixture.send(request.body(Body::from(body.to_vec())).unwrap());
        // It may well have changed who may what.
        if fixture.is_served(admin) { Spoilt::No } else { Spoilt::Yes }
    });
}

/// Any text as a query, from the administrator; the first byte says where to.
pub fn query(data: &[u8]) {
    let Some((place, query)) = data.split_first() else { return };
    let path = QUERIES[usize::from(*place) % QUERIES.len()];
    let Ok(uri) = Uri::try_from([path.as_bytes(), b"?", query].concat()) else { return };
    with_fixture(|fixture| {
        let admin = &fixture.admin;
        let method = if path == "/api/logout" { "POST" } else { "GET" };
        let request = Request::builder().method(method).uri(uri);
        let request = request
            .header("authorization", format!("Bearer {}", admin.token))
            .header("cookie", format!("user_fingerprint={}", admin.cookie));
        fixture.send(request.body(Body::empty()).unwrap());
        Spoilt::No
    });
}
