//! What a caller needs, made of the arguments of `#[require]`; refuses arguments that make no such thing.

use proc_macro2::Span;
use syn::{Error, Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Result};

use super::attr::{Arg, Args};
use crate::suggest;

/// What a caller needs.
pub(super) enum Need {
    Permission { object: Text, action: Text },
    Role(Text),
    Any(Vec<Need>),
    All(Vec<Need>),
}

/// A text known when the program is compiled.
pub(super) enum Text {
    Literal(LitStr),
    /// The path of a constant; its value is known to the compiler only.
    Constant(ExprPath),
}

const KEYS: &[&str] = &["object", "action", "role"];

impl Need {
    /// What one pair of parentheses says: a permission by position or by name, a role, or one `any(…)` or `all(…)`.
    pub(super) fn from_args(args: Args) -> Result<Self> {
        let Args { span, list } = args;
        if let Some(key) = list.iter().find_map(unknown_key) {
            return Err(unknown(key));
        }
        if let Some(other) = first_of_another_kind(&list) {
            return Err(Error::new(other.span(), mixed(&list)));
        }
        let mut list = list.into_iter();
        match (list.next(), list.next()) {
            (None, _) => Err(Error::new(span, EMPTY)),
            (Some(Arg::Group(args)), None) => Self::from_args(args),
            (Some(Arg::Call { name, args }), None) => Self::combined(&name, args),
            (Some(Arg::Group(_) | Arg::Call { .. }), Some(second)) => Err(Error::new(second.span(), SEVERAL)),
            (Some(Arg::Value(object)), None) => Err(Error::new_spanned(object, NO_ACTION)),
            (Some(Arg::Value(object)), Some(Arg::Value(action))) => match list.next() {
                None => Self::permission(object, action),
                Some(third) => Err(Error::new(third.span(), TOO_MANY)),
            },
            (Some(first), second) => Self::from_named(std::iter::once(first).chain(second).chain(list)),
        }
    }

    /// One element of `any(…)` or `all(…)`.
    fn from_element(element: Arg) -> Result<Self> {
        match element {
            Arg::Group(args) => Self::from_args(args),
            Arg::Call { name, args } => Self::combined(&name, args),
            Arg::Named { key, .. } if key == "object" || key == "action" => Err(Error::new(
                key.span(),
                "put object and action in parentheses: `(object = …, action = …)`",
            )),
            Arg::Named { .. } => Self::from_named(std::iter::once(element)),
            Arg::Value(value) => Err(Error::new_spanned(
                value,
                r#"put object and action in parentheses: `any(("/api/posts/{id}", "edit"), role = "moderator")`"#,
            )),
        }
    }

    fn combined(name: &Ident, args: Args) -> Result<Self> {
        let combine = match name.to_string().as_str() {
            "any" => Self::Any,
            "all" => Self::All,
            other => {
                let message = format!(
                    "unknown combination `{other}(…)`; write `all(…)` if the caller needs every one, `any(…)` if one is enough"
                );
                return Err(Error::new(name.span(), message));
            }
        };
        if args.list.is_empty() {
            let message = format!(
                "`{name}()` is empty; say what it is of: `{name}((\"/api/posts/{{id}}\", \"edit\"), role = \"moderator\")`"
            );
            return Err(Error::new(name.span(), message));
        }
        args.list.into_iter().map(Self::from_element).collect::<Result<_>>().map(combine)
    }

    /// `object = …, action = …` in any order, or `role = …`.
    fn from_named(args: impl Iterator<Item = Arg>) -> Result<Self> {
        let (mut object, mut action, mut role) = (None, None, None);
        for arg in args {
            let Arg::Named { key, value } = arg else {
                return Err(Error::new(arg.span(), SEVERAL));
            };
            let name = key.to_string();
            let slot = match name.as_str() {
                "object" => &mut object,
                "action" => &mut action,
                "role" => &mut role,
                _ => return Err(unknown(&key)),
            };
            if slot.is_some() {
                return Err(Error::new(key.span(), format!("`{name}` is given twice; remove one")));
            }
            *slot = Some((key, value));
        }
        match (object, action, role) {
            (None, None, Some((_, role))) => Text::new("role", role).map(Self::Role),
            (Some((_, object)), Some((_, action)), None) => Self::permission(object, action),
            (Some((key, _)), None, None) => Err(Error::new(key.span(), NO_ACTION)),
            (None, Some((key, _)), None) => Err(Error::new(
                key.span(),
                r#"the object is missing: write `object = "/api/posts/{id}", action = "edit"`"#,
            )),
            (_, _, Some((key, _))) => Err(Error::new(key.span(), ROLE_BESIDE)),
            (None, None, None) => Err(Error::new(Span::call_site(), EMPTY)),
        }
    }

    fn permission(object: Expr, action: Expr) -> Result<Self> {
        Ok(Self::Permission { object: Text::new("object", object)?, action: Text::new("action", action)? })
    }
}

impl Text {
    fn new(what: &str, expr: Expr) -> Result<Self> {
        match expr {
            Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => Ok(Self::Literal(literal)),
            Expr::Path(path) => Ok(Self::Constant(path)),
            // What a `macro_rules!` macro was given and passes on.
            Expr::Group(group) => Self::new(what, *group.expr),
            other => Err(Error::new_spanned(
                other,
                format!("the {what} must be a string literal or the path of a `&'static str` constant"),
            )),
        }
    }
}

const EMPTY: &str = r#"`#[require]` must say what the caller needs: write `#[require("/api/posts/{id}", "edit")]` or `#[require(role = "moderator")]`"#;
const NO_ACTION: &str = r#"the action is missing: write object and action, as in `("/api/posts/{id}", "edit")`; for a role write `role = "moderator"`"#;
const TOO_MANY: &str =
    r#"too many arguments: a permission is an object and an action, as in `("/api/posts/{id}", "edit")`"#;
const ROLE_BESIDE: &str = "a role beside an object: write `all((…, …), role = …)` if the caller needs both, the same with \
                           `any` if one is enough";
const SEVERAL: &str = "several requirements side by side: put them in `all(…)` if the caller needs every one, in \
                       `any(…)` if one is enough";

/// The key of an argument by name that is none of those there are.
fn unknown_key(arg: &Arg) -> Option<&Ident> {
    match arg {
        Arg::Named { key, .. } if !KEYS.iter().any(|known| key == known) => Some(key),
        _ => None,
    }
}

fn unknown(key: &Ident) -> Error {
    Error::new(key.span(), suggest::unknown("key", &key.to_string(), KEYS))
}

/// The first argument that is by name where the first is by position, or the reverse, or whole where that is not.
fn first_of_another_kind(list: &[Arg]) -> Option<&Arg> {
    let (first, rest) = list.split_first()?;
    let kind = std::mem::discriminant(first);
    let whole = is_whole(first);
    rest.iter().find(|arg| std::mem::discriminant(*arg) != kind && !(whole && is_whole(arg)))
}

/// Whether an argument is a requirement by itself.
fn is_whole(arg: &Arg) -> bool {
    matches!(arg, Arg::Group(_) | Arg::Call { .. })
}

fn mixed(list: &[Arg]) -> &'static str {
    if list.iter().any(is_whole) {
        SEVERAL
    } else if list.iter().any(|arg| matches!(arg, Arg::Named { key, .. } if key == "role")) {
        ROLE_BESIDE
    } else {
        r#"some arguments are by position, some by name: write `"/api/posts/{id}", "edit"` or `object = "/api/posts/{id}", action = "edit"`"#
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::{super::attr, *};

    fn shape(tokens: proc_macro2::TokenStream) -> String {
        fn text(text: &Text) -> String {
            match text {
                Text::Literal(literal) => format!("{:?}", literal.value()),
                Text::Constant(path) => quote!(#path).to_string().replace(' ', ""),
            }
        }
        fn show(need: &Need) -> String {
            let all = |needs: &[Need]| needs.iter().map(show).collect::<Vec<_>>().join(", ");
            match need {
                Need::Permission { object, action } => format!("{} on {}", text(action), text(object)),
                Need::Role(role) => format!("role {}", text(role)),
                Need::Any(needs) => format!("any[{}]", all(needs)),
                Need::All(needs) => format!("all[{}]", all(needs)),
            }
        }
        match attr::parse(tokens).and_then(Need::from_args) {
            Ok(need) => show(&need),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_permission_is_read_by_position_and_by_name() {
        assert_eq!(shape(quote!("/a", "read")), r#""read" on "/a""#);
        assert_eq!(shape(quote!("/a", "read",)), r#""read" on "/a""#);
        assert_eq!(shape(quote!(action = "read", object = "/a")), r#""read" on "/a""#);
        assert_eq!(shape(quote!(objects::POSTS, <T as Acts>::READ)), "<TasActs>::READ on objects::POSTS");
    }

    #[test]
    fn combinations_nest() {
        assert_eq!(
            shape(quote!(any(
                ("/a", "read"),
                (action = X, object = Y),
                role = "r",
                all(role = R, any(("/b", "b"),))
            ))),
            r#"any["read" on "/a", X on Y, role "r", all[role R, any["b" on "/b"]]]"#
        );
    }

    #[test]
    fn every_wrong_shape_has_its_own_message() {
        for (tokens, message) in [
            (quote!(), EMPTY),
            (quote!(any(())), EMPTY),
            (quote!("/a"), NO_ACTION),
            (quote!(object = "/a"), NO_ACTION),
            (quote!(action = "read"), "the object is missing"),
            (quote!("/a", "read", "write"), TOO_MANY),
            (quote!("/a", action = "read"), "some arguments are by position"),
            (quote!(object = "/a", "read"), "some arguments are by position"),
            (quote!(objct = "/a", action = "read"), "unknown key `objct`; did you mean `object`?"),
            (quote!(type = "/a"), "unknown key `type`; there is"),
            (quote!("/a", "read", roll = "a"), "unknown key `roll`; did you mean `role`?"),
            (quote!("/a", actn = "read"), "unknown key `actn`; did you mean `action`?"),
            (quote!(any(roll = "a")), "unknown key `roll`; did you mean `role`?"),
            (quote!(role = "a", role = "b"), "`role` is given twice"),
            (quote!(role = "a", object = "/a", action = "b"), ROLE_BESIDE),
            (quote!(role = "a", object = "/a"), ROLE_BESIDE),
            (quote!("/a", "read", role = "a"), ROLE_BESIDE),
            (quote!(role = "a", any(role = "b")), SEVERAL),
            (quote!(any(role = "b"), role = "a"), SEVERAL),
            (quote!(any(role = "b"), all(role = "a")), SEVERAL),
            (quote!(("/a", "b"), all(role = "a")), SEVERAL),
            (quote!("/a", any(role = "a")), SEVERAL),
            (quote!(any()), "`any()` is empty"),
            (quote!(all(any(), role = "a")), "`any()` is empty"),
            (quote!(not(role = "a")), "unknown combination `not(…)`; write `all(…)`"),
            (quote!(any("/a", "b")), "put object and action in parentheses"),
            (quote!(any(object = "/a", action = "b")), "put object and action in parentheses"),
            (quote!("/a", 5), "the action must be a string literal"),
            (quote!(b"/a", "a"), "the object must be a string literal"),
            (quote!(role = concat!("a", "b")), "the role must be a string literal"),
        ] {
            let shape = shape(tokens.clone());
            assert!(shape.starts_with(&format!("error: {message}")), "{tokens}\n{shape}");
        }
    }
}
