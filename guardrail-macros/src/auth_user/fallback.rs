//! What `#[derive(AuthUser)]` writes after an error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error};

/// The error, and an implementation that is never run, so that uses of the type as a user do not fail as well.
pub(super) fn expand(input: &DeriveInput, error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    quote! {
        #error

        #[automatically_derived]
        impl #impl_generics ::guardrail::AuthUser for #ident #type_generics #where_clause {
            fn id(&self) -> ::guardrail::UserId {
                ::core::unreachable!()
            }
            fn role(&self) -> &str {
                ::core::unreachable!()
            }
            fn is_active(&self) -> bool {
                ::core::unreachable!()
            }
            fn password_hash(&self) -> ::core::option::Option<&str> {
                ::core::unreachable!()
            }
        }
    }
}
