//! The macros of the `guardrail` crate, which re-exports them. Use them from there: what they write names items of
//! `::guardrail`.
//!
//! | macro | what it does |
//! |-|-|
//! | [`#[require]`](macro@require) | lets a handler run only for callers who may do what it says |
//! | [`#[public]`](macro@public) | says that everybody may have a handler's answer |
//! | [`#[derive(AuthUser)]`](derive@AuthUser) | makes an application's own type one that signs in |
//!
//! ```text
//! #[require("/api/posts/{id}", "edit")]
//! async fn edit(Path(id): Path<u64>, post: Json<Post>) -> Result<Json<Post>, Error> { … }
//! ```
//!
//! An error points at what is wrong in the attribute and says what to write; the function or type is written all the
//! same, so that the compiler does not complain of its absence as well.
//!
//! Within, a larger macro is a folder of passes: `attr` reads what stands in the attribute, `ast` gives it a shape,
//! `valid` refuses what cannot be meant, `expand` writes the code. They take and return [`proc_macro2`] tokens, so they
//! are tested without a compiler around them.

mod auth_user;
mod handler;
mod public;
mod require;
mod suggest;

use proc_macro::TokenStream;

/// Lets a handler run only for callers who may do what it says.
///
/// The attribute stands above a free `async fn`. It adds a first argument to it, which Axum extracts before all
/// others, so a caller who may not is answered with 401 or 403 before the body is read.
///
/// ```text
/// #[require("/api/posts/{id}", "edit")]                    object and action
/// #[require(object = "/api/posts/{id}", action = EDIT)]    the same by name; a constant instead of a literal
/// #[require(role = "moderator")]                           a role, of one's own or inherited
/// #[require(any(("/api/posts/{id}", "edit"), role = "moderator"))]
/// #[require(all(("/api/posts/{id}", "edit"), any(role = "staff", role = "author")))]
/// ```
///
/// - `{id}` and a final `{*rest}` are filled in from the path of the request.
/// - Objects and actions are string literals or paths to `&'static str` constants.
/// - Several attributes above one function must all hold.
/// - `#[require]` stands above `#[axum::debug_handler]`, so that the latter sees the argument.
/// - Methods, closures and services take no attribute: put a `RequireLayer` on their route.
#[proc_macro_attribute]
pub fn require(args: TokenStream, item: TokenStream) -> TokenStream {
    require::expand(args.into(), &item.into()).into()
}

/// Says of a handler that everybody may have its answer.
///
/// The attribute stands above a free `async fn`, and changes nothing of what the function does. In strict mode
/// (`AuthLayer::strict`), which finds routes that are open by oversight, it says that this one is not.
///
/// ```text
/// #[public]
/// async fn version() -> &'static str {
///     "1.0"
/// }
/// ```
///
/// Closures, services and fallbacks take a `PublicLayer` instead.
#[proc_macro_attribute]
pub fn public(args: TokenStream, item: TokenStream) -> TokenStream {
    public::expand(args.into(), &item.into()).into()
}

/// Implements `guardrail::AuthUser` for a struct with named fields.
///
/// Four marks name the columns that Guardrail reads, and must be there once each; `#[auth(email)]` is optional.
/// A field whose type fits both may carry two marks, `#[auth(id, email)]`.
///
/// | mark | type of the field |
/// |-|-|
/// | `#[auth(id)]` | a `guardrail::UserKey`: `Uuid`, `i64`, `guardrail::UserId`, … |
/// | `#[auth(role)]` | an `AsRef<str>`: `String`, `guardrail::Role`, … |
/// | `#[auth(active)]` | `bool` |
/// | `#[auth(password_hash)]` | `guardrail::PasswordHash` or `String`, or an `Option` of these |
/// | `#[auth(email)]` | `guardrail::Email` or `String`, or an `Option` of these |
///
/// A password hash that is no `PasswordHash` could be sent to a client by oversight, so its field must also carry
/// `#[serde(skip)]` or `#[serde(skip_serializing)]`.
///
/// ```text
/// #[derive(Clone, Serialize, AuthUser)]
/// struct Member {
///     #[auth(id)]
///     id: Uuid,
///     #[auth(role)]
///     role: String,
///     #[auth(active)]
///     enabled: bool,
///     #[auth(password_hash)]
///     #[serde(skip)]
///     hash: String,
/// }
/// ```
#[proc_macro_derive(AuthUser, attributes(auth))]
pub fn derive_auth_user(input: TokenStream) -> TokenStream {
    auth_user::expand(input.into()).into()
}
