//! The implementation that `#[derive(AuthUser)]` writes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Generics, parse_quote};

use super::{
    ast::{Field, Struct},
    valid::Columns,
};

pub(super) fn implementation(user: &Struct<'_>, columns: &Columns<'_>) -> TokenStream {
    let id = read(columns.id, &quote!(::guardrail::UserKey::to_user_id));
    let role = read(columns.role, &quote!(::core::convert::AsRef::<str>::as_ref));
    let hash = read(columns.password_hash, &quote!(::guardrail::__private::HashColumn::hash_text));
    let (active, active_span) = (columns.active.ident, span(columns.active));
    let active = quote_spanned!(active_span=> self.#active);
    let email = columns.email.map(|email| {
        let email = read(email, &quote!(::guardrail::__private::EmailColumn::email_text));
        quote! {
            fn email(&self) -> ::core::option::Option<&str> {
                #email
            }
        }
    });

    let ident = user.ident;
    let generics = with_supertraits(user.generics.clone());
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::guardrail::AuthUser for #ident #type_generics #where_clause {
            fn id(&self) -> ::guardrail::UserId {
                #id
            }
            fn role(&self) -> &str {
                #role
            }
            fn is_active(&self) -> bool {
                #active
            }
            fn password_hash(&self) -> ::core::option::Option<&str> {
                #hash
            }
            #email
        }
    }
}

/// `function(&self.field)`, all of it where the field is, so that an error of its type points there.
fn read(field: &Field<'_>, function: &TokenStream) -> TokenStream {
    let span = span(field);
    let function = at(span, function.clone());
    let ident = field.ident;
    quote_spanned!(span=> #function(&self.#ident))
}

/// The field's place. Names are resolved as ours all the same: `self` of a struct that a `macro_rules!` macro wrote
/// is another one.
fn span(field: &Field<'_>) -> Span {
    Span::call_site().located_at(field.ident.span())
}

fn at(span: Span, tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}

/// A user type is `Clone + Send + Sync + 'static`. Whether a generic one is so depends on its parameters, and that is
/// said here, lest it must be said on the struct.
fn with_supertraits(mut generics: Generics) -> Generics {
    if generics.type_params().next().is_some() {
        let supertraits =
            quote!(::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static);
        generics.make_where_clause().predicates.push(parse_quote!(Self: #supertraits));
    }
    generics
}

#[cfg(test)]
mod tests {
    use syn::DeriveInput;

    use super::*;

    fn expanded(input: &DeriveInput) -> String {
        let user = Struct::from_syn(input).unwrap();
        implementation(&user, &Columns::of(&user).unwrap()).to_string()
    }

    #[test]
    fn each_column_is_read_from_its_field() {
        let expanded = expanded(&parse_quote! {
            struct Member {
                #[auth(id, email)]
                address: String,
                #[auth(role)]
                r#type: String,
                #[auth(active)]
                enabled: bool,
                #[auth(password_hash)]
                hash: PasswordHash,
            }
        });
        let expected = quote! {
            #[automatically_derived]
            impl ::guardrail::AuthUser for Member {
                fn id(&self) -> ::guardrail::UserId {
                    ::guardrail::UserKey::to_user_id(&self.address)
                }
                fn role(&self) -> &str {
                    ::core::convert::AsRef::<str>::as_ref(&self.r#type)
                }
                fn is_active(&self) -> bool {
                    self.enabled
                }
                fn password_hash(&self) -> ::core::option::Option<&str> {
                    ::guardrail::__private::HashColumn::hash_text(&self.hash)
                }
                fn email(&self) -> ::core::option::Option<&str> {
                    ::guardrail::__private::EmailColumn::email_text(&self.address)
                }
            }
        };
        assert_eq!(expanded, expected.to_string());
    }

    #[test]
    fn generics_are_carried_over() {
        let expanded = expanded(&parse_quote! {
            struct Member<const N: usize, E: Extra = ()> where E: Debug {
                #[auth(id)]
                id: i64,
                #[auth(role)]
                role: String,
                #[auth(active)]
                enabled: bool,
                #[auth(password_hash)]
                hash: PasswordHash,
                extra: [E; N],
            }
        });
        let head = quote! {
            impl<const N: usize, E: Extra> ::guardrail::AuthUser for Member<N, E>
            where E: Debug, Self: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync + 'static
        };
        assert!(expanded.contains(&head.to_string()), "{expanded}");
        assert!(!expanded.contains("fn email"), "{expanded}");
    }
}
