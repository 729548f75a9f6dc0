//! `#[require(…)]`.
//!
//! What it writes above the function is a type of its own, whose `Declaration` says what the caller needs; the
//! function gets a first argument `Permit<ThatType>`, which only a caller who has it can make Axum extract.

mod ast;
mod attr;
mod expand;
mod handler;
mod valid;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Result;

use self::{ast::Need, handler::Handler};

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    match try_expand(args, item.clone()) {
        Ok(expanded) => expanded,
        Err(error) => fallback(&error, item),
    }
}

fn try_expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let handler = Handler::parse(item)?;
    let need = Need::from_args(attr::parse(args)?)?;
    valid::check(&need)?;
    Ok(expand::guarded(&need, handler))
}

/// The error, and the item as it was, so that its users do not fail as well. No guard is lost by that: a crate with
/// an error in it is not built.
fn fallback(error: &syn::Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    if handler::is_expression(item) { quote!({ #error #item }) } else { quote!(#error #item) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_error_the_item_is_emitted_unchanged() {
        let item = quote!(
            /// Doc.
            #[inline]
            pub fn not_async<T>(x: T) -> T
            where
                T: Clone,
            {
                x
            }
        );
        let expanded = expand(quote!("/a", "read"), &item).to_string();
        assert!(expanded.starts_with(":: core :: compile_error !"), "{expanded}");
        assert!(expanded.ends_with(&item.to_string()), "{expanded}");
    }

    #[test]
    fn after_an_error_an_expression_is_still_one() {
        let expanded = expand(quote!("/a", "read"), &quote!(|| async {}));
        assert!(syn::parse2::<syn::ExprBlock>(expanded).is_ok());
    }
}
