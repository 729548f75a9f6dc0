//! The struct under `#[derive(AuthUser)]`; refuses all but one with named fields.

use proc_macro2::Span;
use syn::{Data, DeriveInput, Error, Fields, Generics, Ident, Result};

use super::attr::{self, Column};

pub(super) struct Struct<'a> {
    pub(super) ident: &'a Ident,
    pub(super) generics: &'a Generics,
    pub(super) fields: Vec<Field<'a>>,
}

pub(super) struct Field<'a> {
    pub(super) original: &'a syn::Field,
    pub(super) ident: &'a Ident,
    pub(super) marks: Vec<(Column, Span)>,
}

impl<'a> Struct<'a> {
    pub(super) fn from_syn(input: &'a DeriveInput) -> Result<Self> {
        if let Some(attr) = input.attrs.iter().find(|attr| attr.path().is_ident("auth")) {
            return Err(Error::new_spanned(
                attr,
                "`#[auth(…)]` marks a field, not the struct: move it to one",
            ));
        }
        let what = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(fields) => {
                    let fields = fields.named.iter().filter_map(Field::from_syn).collect::<Result<_>>()?;
                    return Ok(Self { ident: &input.ident, generics: &input.generics, fields });
                }
                Fields::Unnamed(_) => "a tuple struct",
                Fields::Unit => "a struct without fields",
            },
            Data::Enum(_) => "an enum",
            Data::Union(_) => "a union",
        };
        let message = format!(
            "`AuthUser` is derived for a struct with named fields, and `{}` is {what}; write `impl AuthUser` by \
             hand, or use such a struct",
            input.ident
        );
        Err(Error::new(input.ident.span(), message))
    }
}

impl<'a> Field<'a> {
    /// `None` for a field without a name, of which a struct with named fields has none.
    fn from_syn(original: &'a syn::Field) -> Option<Result<Self>> {
        let ident = original.ident.as_ref()?;
        Some(attr::marks(&original.attrs).map(|marks| Self { original, ident, marks }))
    }
}
