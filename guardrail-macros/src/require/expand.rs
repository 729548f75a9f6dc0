//! The code that `#[require]` writes.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Meta, parse_quote};

use super::ast::{Need, Text};
use crate::handler::Handler;

/// The marker, its declaration, and the function with the permit as its first argument.
///
/// All that is ours has the span of the attribute: an error in it points there, lints treat it as the macro's, and
/// `line!` gives the attribute's line.
pub(super) fn guarded(need: &Need, mut handler: Handler) -> TokenStream {
    let name = handler.name();
    let marker = format_ident!("{}{}", handler.marker_prefix(), handler.permits(), span = Span::call_site());
    let allow = handler.prepend(parse_quote!(_: ::guardrail::Permit<#marker>));

    let requirement = requirement(need);
    let conditions = conditions(&handler.attrs);
    let Handler { attrs, vis, sig, body } = handler;
    quote! {
        #conditions
        #[doc(hidden)]
        #vis struct #marker;

        #conditions
        impl ::guardrail::__private::Declaration for #marker {
            const REQUIREMENT: ::guardrail::__private::Requirement = #requirement;
            const FUNCTION: &'static str = ::core::concat!(::core::module_path!(), "::", #name);
            const FILE: &'static str = ::core::file!();
            const LINE: u32 = ::core::line!();
        }

        #conditions
        ::guardrail::__private::submit! { ::guardrail::__private::Declared::by::<#marker>() }

        #(#attrs)*
        #allow
        #vis #sig #body
    }
}

fn requirement(need: &Need) -> TokenStream {
    let kind = match need {
        Need::Permission { object, action } => quote!(Permission { object: #object, action: #action }),
        Need::Role(role) => quote!(Role(#role)),
        Need::Any(needs) => {
            let needs = needs.iter().map(requirement);
            quote!(Any(&[#(#needs),*]))
        }
        Need::All(needs) => {
            let needs = needs.iter().map(requirement);
            quote!(All(&[#(#needs),*]))
        }
    };
    quote!(::guardrail::__private::Requirement::#kind)
}

impl ToTokens for Text {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Literal(literal) => literal.to_tokens(tokens),
            Self::Constant(path) => path.to_tokens(tokens),
        }
    }
}

/// What decides whether the function is compiled at all: its `#[cfg]`s, and those within a `#[cfg_attr]`. The other
/// attributes of a `#[cfg_attr]` are the function's alone; one may be a second `#[require]`.
fn conditions(attrs: &[Attribute]) -> TokenStream {
    let mut conditions = TokenStream::new();
    for attr in attrs {
        if attr.path().is_ident("cfg") {
            attr.to_tokens(&mut conditions);
        } else if let Meta::List(list) = &attr.meta
            && list.path.is_ident("cfg_attr")
            && let Some(inner) = cfg_within(list.tokens.clone())
        {
            conditions.extend(quote!(#[cfg_attr(#inner)]));
        }
    }
    conditions
}

/// `predicate, attribute, …` with only those attributes that are a `cfg`; `None` if there is none.
fn cfg_within(tokens: TokenStream) -> Option<TokenStream> {
    let mut parts = split_at_commas(tokens).into_iter();
    let predicate: TokenStream = parts.next()?.into_iter().collect();
    let kept: Vec<TokenStream> = parts.filter_map(|part| cfg_of(&part)).collect();
    (!kept.is_empty()).then(|| quote!(#predicate, #(#kept),*))
}

fn cfg_of(attribute: &[TokenTree]) -> Option<TokenStream> {
    match attribute {
        [TokenTree::Ident(name), TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => {
            match name.to_string().as_str() {
                "cfg" => Some(quote!(#name #group)),
                "cfg_attr" => cfg_within(group.stream()).map(|inner| quote!(#name(#inner))),
                _ => None,
            }
        }
        _ => None,
    }
}

fn split_at_commas(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(Vec::new()),
            token => parts.last_mut().into_iter().for_each(|part| part.push(token.clone())),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{super::attr, *};

    fn expanded(args: TokenStream, item: TokenStream) -> TokenStream {
        let need = Need::from_args(attr::parse(args).unwrap()).unwrap();
        guarded(&need, Handler::parse(item, crate::require::ATTRIBUTE).unwrap())
    }

    #[test]
    fn a_permit_becomes_the_first_argument_and_the_rest_stays() {
        let expanded = expanded(
            quote!("/api/posts/{id}", acts::EDIT),
            quote! {
                /// Edits.
                #[cfg(feature = "edit")]
                #[axum::debug_handler]
                pub(crate) async fn r#type<S: Store>(State(s): State<S>) -> Result<Post, Error> where S: Clone { s.edit() }
            },
        );
        let expected = quote! {
            #[cfg(feature = "edit")]
            #[doc(hidden)]
            pub(crate) struct __guardrail_require_type_0;

            #[cfg(feature = "edit")]
            impl ::guardrail::__private::Declaration for __guardrail_require_type_0 {
                const REQUIREMENT: ::guardrail::__private::Requirement =
                    ::guardrail::__private::Requirement::Permission { object: "/api/posts/{id}", action: acts::EDIT };
                const FUNCTION: &'static str = ::core::concat!(::core::module_path!(), "::", "type");
                const FILE: &'static str = ::core::file!();
                const LINE: u32 = ::core::line!();
            }

            #[cfg(feature = "edit")]
            ::guardrail::__private::submit! {
                ::guardrail::__private::Declared::by::<__guardrail_require_type_0>()
            }

            #[doc = r" Edits."]
            #[cfg(feature = "edit")]
            #[axum::debug_handler]
            pub(crate) async fn r#type<S: Store>(
                _: ::guardrail::Permit<__guardrail_require_type_0>,
                State(s): State<S>
            ) -> Result<Post, Error> where S: Clone { s.edit() }
        };
        assert_eq!(expanded.to_string(), expected.to_string());
    }

    #[test]
    fn stacked_attributes_have_markers_of_their_own() {
        let once = expanded(
            quote!(role = "a"),
            quote!(
                async fn f(permit: Permit<Mine>) {}
            ),
        );
        let function = once.into_iter().skip_while(|token| token.to_string() != "async").collect();
        let twice = expanded(quote!(role = "b"), function).to_string();
        let inputs = quote!((
            _: ::guardrail::Permit<__guardrail_require_f_1>,
            _: ::guardrail::Permit<__guardrail_require_f_0>,
            permit: Permit<Mine>
        ));
        assert!(twice.contains(&inputs.to_string()), "{twice}");
    }

    #[test]
    fn clippy_is_silenced_only_where_our_argument_is_one_too_many() {
        let allows = |item| expanded(quote!(role = "a"), item).to_string().contains("too_many_arguments");
        assert!(!allows(quote!(
            async fn six(a: A, b: A, c: A, d: A, e: A, f: A) {}
        )));
        assert!(allows(quote!(
            async fn seven(a: A, b: A, c: A, d: A, e: A, f: A, g: A) {}
        )));
        assert!(!allows(quote!(
            async fn eight(a: A, b: A, c: A, d: A, e: A, f: A, g: A, h: A) {}
        )));
    }

    #[test]
    fn combinations_become_constants() {
        let need = attr::parse(quote!(any(role = "a", all(("/o", "x"), role = R)))).and_then(Need::from_args);
        let expected = quote!(::guardrail::__private::Requirement::Any(&[
            ::guardrail::__private::Requirement::Role("a"),
            ::guardrail::__private::Requirement::All(&[
                ::guardrail::__private::Requirement::Permission { object: "/o", action: "x" },
                ::guardrail::__private::Requirement::Role(R)
            ])
        ]));
        assert_eq!(requirement(&need.unwrap()).to_string(), expected.to_string());
    }

    #[test]
    fn of_a_cfg_attr_only_the_cfg_is_copied() {
        let copied = |attr: Attribute| conditions(&[attr]).to_string();
        for attr in [quote!(#[cfg(unix)]), quote!(#[cfg_attr(all(a, b), cfg(unix))])] {
            assert_eq!(copied(parse_quote!(#attr)), attr.to_string());
        }
        assert_eq!(
            copied(parse_quote!(#[cfg_attr(a, require("/o", "x"), cfg(b), cfg_attr(c, inline, cfg(d)))])),
            quote!(#[cfg_attr(a, cfg(b), cfg_attr(c, cfg(d)))]).to_string()
        );
        for attr in [quote!(#[cfg_attr(a, require(role = "x"))]), quote!(#[inline])] {
            assert_eq!(copied(parse_quote!(#attr)), "");
        }
    }
}
