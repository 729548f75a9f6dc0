//! `#[derive(AuthUser)]`.

mod ast;
mod attr;
mod expand;
mod fallback;
mod valid;

use proc_macro2::TokenStream;
use syn::{DeriveInput, Result};

use self::{ast::Struct, valid::Columns};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    match try_expand(&input) {
        Ok(expanded) => expanded,
        Err(error) => fallback::expand(&input, &error),
    }
}

fn try_expand(input: &DeriveInput) -> Result<TokenStream> {
    let user = Struct::from_syn(input)?;
    let columns = Columns::of(&user)?;
    Ok(expand::implementation(&user, &columns))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn after_an_error_the_trait_is_implemented_all_the_same() {
        let expanded = expand(quote!(
            enum Member<T> {
                A(T),
            }
        ))
        .to_string();
        assert!(expanded.starts_with(":: core :: compile_error !"), "{expanded}");
        assert!(expanded.contains("impl < T > :: guardrail :: AuthUser for Member < T >"), "{expanded}");
    }
}
