//! Finds the field of each column; refuses a struct that lacks one, names one twice, or could show a password hash.

use syn::{Error, GenericArgument, PathArguments, Result, Type};

use super::{
    ast::{Field, Struct},
    attr::{self, Column},
};
use crate::suggest;

/// The fields that Guardrail reads.
pub(super) struct Columns<'a> {
    pub(super) id: &'a Field<'a>,
    pub(super) role: &'a Field<'a>,
    pub(super) active: &'a Field<'a>,
    pub(super) password_hash: &'a Field<'a>,
    pub(super) email: Option<&'a Field<'a>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(user: &'a Struct<'a>) -> Result<Self> {
        let found = |column| find(user, column);
        let (Some(id), Some(role), Some(active), Some(password_hash)) =
            (found(Column::Id)?, found(Column::Role)?, found(Column::Active)?, found(Column::PasswordHash)?)
        else {
            return Err(missing(user));
        };
        check_not_shown(password_hash)?;
        Ok(Self { id, role, active, password_hash, email: found(Column::Email)? })
    }
}

fn find<'a>(user: &'a Struct<'a>, column: Column) -> Result<Option<&'a Field<'a>>> {
    let mut marked = user
        .fields
        .iter()
        .flat_map(|field| field.marks.iter().map(move |&(mark, span)| (field, mark, span)))
        .filter(|&(_, mark, _)| mark == column);
    let first = marked.next();
    match (first, marked.next()) {
        (Some((first, ..)), Some((_, _, second))) => {
            let (name, first) = (column.name(), first.ident);
            let message =
                format!("`{first}` is marked `#[auth({name})]` already; remove one of the two marks");
            Err(Error::new(second, message))
        }
        (first, _) => Ok(first.map(|(field, ..)| field)),
    }
}

fn missing(user: &Struct<'_>) -> Error {
    let is_marked = |column| user.fields.iter().any(|field| field.marks.iter().any(|mark| mark.0 == column));
    let lacking: Vec<String> = Column::REQUIRED
        .into_iter()
        .filter(|&column| !is_marked(column))
        .map(|column| format!("#[auth({})]", column.name()))
        .collect();
    let lacking: Vec<&str> = lacking.iter().map(String::as_str).collect();
    let message = format!(
        "no field of `{}` is marked {}; write each mark above the field that holds it",
        user.ident,
        suggest::list(&lacking)
    );
    Error::new(user.ident.span(), message)
}

/// The hash must not reach a client because a handler answers with the user.
fn check_not_shown(field: &Field<'_>) -> Result<()> {
    if is_password_hash(&field.original.ty) || attr::never_serialized(&field.original.attrs) {
        return Ok(());
    }
    let message = format!(
        "`{}` holds a password hash and could be sent to a client: give it the type `guardrail::PasswordHash`, which \
         cannot be serialized, or add `#[serde(skip)]`",
        field.ident
    );
    Err(Error::new(field.ident.span(), message))
}

/// Whether a type is called `PasswordHash` or an `Option` of that. By name only: a macro sees no more, and this
/// guards against oversight, not against intent.
fn is_password_hash(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_password_hash(&group.elem),
        Type::Paren(paren) => is_password_hash(&paren.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| match &last.arguments {
            PathArguments::None => last.ident == "PasswordHash",
            PathArguments::AngleBracketed(args) if last.ident == "Option" => {
                args.args.iter().any(|arg| matches!(arg, GenericArgument::Type(ty) if is_password_hash(ty)))
            }
            _ => false,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    fn verdict(fields: &TokenStream) -> String {
        let input = parse_quote!(struct Member { #fields });
        let columns = Struct::from_syn(&input).and_then(|user| Columns::of(&user).map(|_| ()));
        columns.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn all_missing_marks_are_named_at_once() {
        assert_eq!(
            verdict(&quote!(#[auth(role)] role: String, other: u8)),
            "no field of `Member` is marked `#[auth(id)]`, `#[auth(active)]` and `#[auth(password_hash)]`; \
             write each mark above the field that holds it"
        );
    }

    #[test]
    fn a_mark_twice_is_refused() {
        let others = quote!(#[auth(role, active)] a: A, #[auth(password_hash)] hash: PasswordHash);
        for fields in [quote!(#[auth(id)] x: A, #[auth(id)] y: A), quote!(#[auth(id, id)] x: A)] {
            assert!(verdict(&quote!(#fields, #others)).contains("`x` is marked `#[auth(id)]` already"));
        }
        let emails = quote!(#[auth(id, email)] x: A, #[auth(email)] y: A);
        assert!(verdict(&quote!(#emails, #others)).contains("`x` is marked `#[auth(email)]` already"));
    }

    #[test]
    fn a_hash_that_could_be_serialized_is_refused() {
        let others = quote!(#[auth(id)] id: u8, #[auth(role)] role: String, #[auth(active)] on: bool);
        for hash in [
            quote!(hash: PasswordHash),
            quote!(hash: guardrail::PasswordHash),
            quote!(hash: Option<guardrail::PasswordHash>),
            quote!(hash: ::core::option::Option<(PasswordHash)>),
            quote!(#[serde(skip)] hash: String),
            quote!(#[serde(skip_serializing)] hash: Option<String>),
        ] {
            assert_eq!(verdict(&quote!(#others, #[auth(password_hash)] #hash)), "", "{hash}");
        }
        for hash in [
            quote!(hash: String),
            quote!(hash: Option<String>),
            quote!(hash: Vec<PasswordHash>),
            quote!(hash: &'static PasswordHash),
            quote!(#[serde(skip_deserializing)] hash: String),
        ] {
            let verdict = verdict(&quote!(#others, #[auth(password_hash)] #hash));
            assert!(verdict.starts_with("`hash` holds a password hash"), "{hash}: {verdict}");
        }
    }
}
