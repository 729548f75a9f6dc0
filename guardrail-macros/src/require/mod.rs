//! `#[require(…)]`.
//!
//! What it writes above the function is a type of its own, whose `Declaration` says what the caller needs; the
//! function gets a first argument `Permit<ThatType>`, which only a caller who has it can make Axum extract.

mod ast;
mod attr;
mod expand;
mod valid;

use proc_macro2::TokenStream;
use syn::Result;

use self::ast::Need;
use crate::handler::{Attribute, Handler, fallback};

pub(crate) const ATTRIBUTE: Attribute = Attribute {
    name: "#[require]",
    verb: "guards",
    layer: r#"RequireLayer::new("/api/posts/{id}", "edit")"#,
};

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    match try_expand(args, item.clone()) {
        Ok(expanded) => expanded,
        Err(error) => fallback(&error, item, ATTRIBUTE),
    }
}

fn try_expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let handler = Handler::parse(item, ATTRIBUTE)?;
    let need = Need::from_args(attr::parse(args)?)?;
    valid::check(&need)?;
    Ok(expand::guarded(&need, handler))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn after_an_error_the_item_is_emitted_unchanged() {
        let item = quote!(
            /// Doc.
            #[inline]
            pub async fn handler<T>(x: T) -> T
            where
                T: Clone,
            {
                x
            }
        );
        let expanded = expand(quote!("/a"), &item).to_string();
        assert!(expanded.starts_with(":: core :: compile_error !"), "{expanded}");
        assert!(expanded.ends_with(&item.to_string()), "{expanded}");
    }

    #[test]
    fn after_its_error_a_function_without_async_is_a_handler_to_its_routes() {
        let item = quote!(
            #[inline]
            pub fn handler(x: u8) -> u8 {
                x
            }
        );
        let expanded = expand(quote!("/a", "read"), &item).to_string();
        assert!(expanded.starts_with(":: core :: compile_error !"), "{expanded}");
        let item = item.to_string().replace("pub fn", "pub async fn");
        assert!(expanded.ends_with(&item), "{expanded}");
    }

    #[test]
    fn after_an_error_an_expression_is_still_one() {
        let expanded = expand(quote!("/a", "read"), &quote!(|| async {}));
        assert!(syn::parse2::<syn::ExprBlock>(expanded).is_ok());
    }
}
