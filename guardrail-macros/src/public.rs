//! `#[public]`: the function gets a first argument that says so.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Result, parse_quote};

use crate::handler::{Attribute, Handler, fallback};

const ATTRIBUTE: Attribute = Attribute { name: "#[public]", verb: "opens", layer: "PublicLayer::new()" };

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    match try_expand(args, item.clone()) {
        Ok(expanded) => expanded,
        Err(error) => fallback(&error, item, ATTRIBUTE),
    }
}

fn try_expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !args.is_empty() {
        let message = "`#[public]` takes nothing: for a permission write `#[require(…)]`";
        return Err(Error::new_spanned(args, message));
    }
    let mut handler = Handler::parse(item, ATTRIBUTE)?;
    let allow = handler.prepend(parse_quote!(_: ::guardrail::Public));
    let Handler { attrs, vis, sig, body } = handler;
    Ok(quote!(#(#attrs)* #allow #vis #sig #body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_says_so_and_the_rest_stays() {
        let item = quote! {
            /// Health.
            pub(crate) async fn health<S>(State(s): State<S>) -> &'static str { "up" }
        };
        let expected = quote! {
            #[doc = r" Health."]
            pub(crate) async fn health<S>(_: ::guardrail::Public, State(s): State<S>) -> &'static str { "up" }
        };
        assert_eq!(expand(TokenStream::new(), &item).to_string(), expected.to_string());
    }

    #[test]
    fn what_it_cannot_stand_on_is_refused_by_name() {
        for (args, item, message) in [
            ("", "fn f() {}", "`#[public]` opens a handler, which is an `async fn`"),
            ("", "async fn f(&self) {}", "PublicLayer::new()"),
            ("", "struct S;", "this is a struct"),
            ("\"/a\", \"read\"", "async fn f() {}", "takes nothing"),
        ] {
            let expanded = expand(args.parse().unwrap(), &item.parse().unwrap()).to_string();
            assert!(expanded.contains("compile_error") && expanded.contains(message), "{expanded}");
        }
    }
}
