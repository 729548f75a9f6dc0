//! The attributes of a field that matter here: `#[auth(…)]`, and `#[serde(…)]` as far as it keeps the field back.

use proc_macro2::Span;
use syn::{
    Attribute, Error, Ident, Meta, Result, Token, ext::IdentExt as _, parse::ParseStream,
    punctuated::Punctuated, token,
};

use crate::suggest;

/// A column that Guardrail reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Role,
    Active,
    PasswordHash,
    Email,
}

impl Column {
    /// The columns that every user has.
    pub(super) const REQUIRED: [Self; 4] = [Self::Id, Self::Role, Self::Active, Self::PasswordHash];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Role => "role",
            Self::Active => "active",
            Self::PasswordHash => "password_hash",
            Self::Email => "email",
        }
    }

    fn from_ident(ident: &Ident) -> Result<Self> {
        let columns = Self::REQUIRED.into_iter().chain([Self::Email]);
        let names: Vec<&str> = columns.clone().map(Self::name).collect();
        columns
            .into_iter()
            .find(|column| ident == column.name())
            .ok_or_else(|| Error::new(ident.span(), suggest::unknown("mark", &ident.to_string(), &names)))
    }
}

/// The columns that a field is marked as, and where.
pub(super) fn marks(attrs: &[Attribute]) -> Result<Vec<(Column, Span)>> {
    let mut marks = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("auth")) {
        let names = match &attr.meta {
            Meta::List(list) => list.parse_args_with(names)?,
            Meta::Path(_) | Meta::NameValue(_) => Punctuated::new(),
        };
        if names.is_empty() {
            return Err(Error::new_spanned(attr, "say what the field is, as in `#[auth(id)]`"));
        }
        for name in names {
            marks.push((Column::from_ident(&name)?, name.span()));
        }
    }
    Ok(marks)
}

fn names(input: ParseStream) -> Result<Punctuated<Ident, Token![,]>> {
    Punctuated::parse_terminated_with(input, |input| {
        let name = input.call(Ident::parse_any)?;
        if input.peek(Token![=]) || input.peek(token::Paren) {
            return Err(input.error(format!("a mark takes no value: write `#[auth({name})]`")));
        }
        Ok(name)
    })
}

/// Whether serde never writes the field. `skip_serializing_if` may write it, so it does not count.
pub(super) fn never_serialized(attrs: &[Attribute]) -> bool {
    attrs.iter().filter(|attr| attr.path().is_ident("serde")).any(|attr| {
        let metas = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        metas.into_iter().flatten().any(|meta| match meta {
            Meta::Path(path) => path.is_ident("skip") || path.is_ident("skip_serializing"),
            Meta::List(_) | Meta::NameValue(_) => false,
        })
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn only_what_serde_never_writes_counts() {
        let kept_back: [Attribute; 4] = [
            parse_quote!(#[serde(skip)]),
            parse_quote!(#[serde(skip_serializing)]),
            parse_quote!(#[serde(default, skip)]),
            parse_quote!(#[serde(rename(serialize = "a"), skip_serializing, default = "x")]),
        ];
        for attr in kept_back {
            assert!(never_serialized(&[attr]));
        }
        let written: [Attribute; 5] = [
            parse_quote!(#[serde(skip_deserializing)]),
            parse_quote!(#[serde(skip_serializing_if = "Option::is_none")]),
            parse_quote!(#[serde(rename = "skip")]),
            parse_quote!(#[serde]),
            parse_quote!(#[other(skip)]),
        ];
        for attr in written {
            assert!(!never_serialized(&[attr]));
        }
    }

    #[test]
    fn a_field_may_carry_several_marks() {
        let read = |attrs: &[Attribute]| {
            marks(attrs)
                .map(|marks| marks.into_iter().map(|(column, _)| column).collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(&[parse_quote!(#[auth(id, email)])]), Ok(vec![Column::Id, Column::Email]));
        assert_eq!(
            read(&[parse_quote!(#[auth(id)]), parse_quote!(#[sqlx(x)]), parse_quote!(#[auth(email)])]),
            Ok(vec![Column::Id, Column::Email])
        );
        for (attr, message) in [
            (parse_quote!(#[auth]), "say what the field is"),
            (parse_quote!(#[auth()]), "say what the field is"),
            (parse_quote!(#[auth = "id"]), "say what the field is"),
            (parse_quote!(#[auth(pasword_hash)]), "did you mean `password_hash`?"),
            (parse_quote!(#[auth(type)]), "unknown mark `type`; there is `id`, `role`, `active`"),
            (parse_quote!(#[auth(id = 1)]), "a mark takes no value"),
            (parse_quote!(#[auth(id())]), "a mark takes no value"),
            (parse_quote!(#[auth(id email)]), "expected `,`"),
        ] {
            let error = read(&[attr]).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
