//! Handlers that a `macro_rules!` macro writes.

use axum::{Router, routing::get};
use guardrail::require;

macro_rules! handler {
    ($vis:vis $name:ident, $object:literal, $action:expr, $role:path, $answer:ty) => {
        #[require($object, $action)]
        #[require(any((object = $object, action = $action), role = $role))]
        $vis async fn $name() -> $answer {
            Default::default()
        }
    };
}

macro_rules! guarded {
    ($item:item) => {
        #[require("/api/posts", "read")]
        $item
    };
}

const READ: &str = "read";

handler!(pub(crate) one, "/api/posts", READ, READ, String);
handler!(two, "/api/posts/{id}", "read", crate::READ, ());

guarded! {
    async fn three() {}
}

fn main() {
    let _: Router = Router::new().route("/1", get(one)).route("/2", get(two)).route("/3", get(three));
}
