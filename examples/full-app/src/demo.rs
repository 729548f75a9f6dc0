//! The page at `/`: it registers, logs in, refreshes, and shows what a token is worth without its cookie.
//!
//! It is one file without anything from elsewhere. Its policy names the digests of its one style and its one script
//! (CSP Level 3 §2.3.1), so that a browser runs these two and nothing that finds its way into the page.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Router,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use guardrail::public;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

const PAGE: &str = include_str!("demo/page.html");
/// The tags around what is inline; each stands in the page once.
const STYLE: [&str; 2] = ["<style>", "</style>"];
const SCRIPT: [&str; 2] = ["<script type=\"module\">", "</script>"];

/// What the page is sent with.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    HeaderMap::from_iter([
        (CONTENT_SECURITY_POLICY, value(&policy())),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // To be asked for each time, and sent only if it is another one than the browser has.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, value(&format!("\"{}\"", sha256(PAGE)))),
    ])
});

/// The route, for `.merge(…)`.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(page))
}

#[public]
async fn page(request: HeaderMap) -> Response {
    if has_it(&request) {
        (StatusCode::NOT_MODIFIED, HEADERS.clone()).into_response()
    } else {
        (HEADERS.clone(), Html(PAGE)).into_response()
    }
}

/// Whether the browser says that it has the page as it is (RFC 9110 §13.1.2): a proxy that compresses makes the tag a
/// weak one.
fn has_it(request: &HeaderMap) -> bool {
    let tag = HEADERS.get(ETAG).and_then(|tag| tag.to_str().ok());
    let tags = request.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || Some(known.strip_prefix("W/").unwrap_or(known)) == tag
    })
}

fn policy() -> String {
    let source = |tags| format!("'sha256-{}'", sha256(inline(tags)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(SCRIPT),
        source(STYLE)
    )
}

/// What stands between two tags of the page.
fn inline([begin, end]: [&str; 2]) -> &'static str {
    PAGE.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(text, _)| text)
}

fn sha256(text: &str) -> String {
    STANDARD.encode(digest(&SHA256, text.as_bytes()))
}

/// Base64 and punctuation are fit for a header; what were not would be a policy that allows nothing.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::{Request, header::CONTENT_TYPE};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn ask(tag: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().uri("/");
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_page_comes_with_a_policy_that_allows_what_is_inline() {
        let (status, headers, body) = ask(None).await;
        assert_eq!(
            (status, headers[CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::OK, "text/html; charset=utf-8")
        );
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for (directive, element) in [("script-src", "script"), ("style-src", "style")] {
            // Found in another way than the policy finds it.
            let begin = body.find(&format!("<{element}")).unwrap();
            let begin = begin + body[begin..].find('>').unwrap() + 1;
            let end = body.rfind(&format!("</{element}>")).unwrap();
            let source = format!("{directive} 'sha256-{}'; ", sha256(&body[begin..end]));
            assert!(policy.contains(&source), "{source} is not in {policy}");
        }
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[tokio::test]
    async fn a_browser_that_has_the_page_is_not_sent_it_again() {
        let tag = ask(None).await.1[ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"another\", {tag}"), "*".to_owned()] {
            let (status, headers, body) = ask(Some(&known)).await;
            assert_eq!((status, &*body), (StatusCode::NOT_MODIFIED, ""), "{known}");
            assert_eq!(headers[ETAG].to_str().unwrap(), tag);
        }
        assert_eq!(ask(Some("\"another\"")).await.0, StatusCode::OK);
    }

    #[test]
    fn a_digest_is_base64_of_sha_256() {
        // Of nothing, as everybody knows it.
        assert_eq!(sha256(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn there_is_one_style_and_one_script() {
        for (tags, begins) in [(STYLE, "<style"), (SCRIPT, "<script")] {
            assert_eq!(PAGE.matches(begins).count(), 1, "{begins}");
            assert!(inline(tags).len() > 1000, "{begins}");
        }
        // A browser makes one character of two before it digests.
        assert!(!PAGE.contains('\r'));
        let markup = PAGE.replace(inline(SCRIPT), "");
        for attribute in [" style=", " onclick=", " onload=", " onerror=", " onsubmit=", "javascript:"] {
            assert!(!markup.contains(attribute), "the policy forbids {attribute}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        // The name of a language, which nobody fetches.
        let page = PAGE.replace("xmlns='http://www.w3.org/2000/svg'", "");
        for outside in ["://", "\"//", "'//", "@import", "url(", " src="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn nothing_from_the_server_becomes_markup_and_nothing_is_stored() {
        for means in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "localStorage",
            "sessionStorage",
            "indexedDB",
            "document.cookie",
        ] {
            assert!(!PAGE.contains(means), "{means}");
        }
    }

    #[test]
    fn the_script_finds_what_it_looks_for() {
        let looked_for = inline(SCRIPT).split("$(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let labels = PAGE.split(" for=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for id in looked_for.chain(labels) {
            assert_eq!(PAGE.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
    }
}
