//! The item under `#[require]` or `#[public]`: all but a free `async fn` is refused.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Error, Expr, Item, Result, Signature, Visibility,
    ext::IdentExt as _,
    parse::{ParseStream, Parser as _},
    token,
};

/// A free `async fn`. Its body is kept as it is: it need not even parse, so an editor gets an expansion while the
/// body is being written.
pub(crate) struct Handler {
    pub(crate) attrs: Vec<syn::Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: TokenTree,
}

/// The attribute that stands above the item, as messages name it.
#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    /// `#[require]`
    pub(crate) name: &'static str,
    /// What it does to a function: guards it.
    pub(crate) verb: &'static str,
    /// The layer for what is no function.
    pub(crate) layer: &'static str,
}

impl Handler {
    pub(crate) fn parse(item: TokenStream, attribute: Attribute) -> Result<Self> {
        let Attribute { name: of, verb, layer } = attribute;
        let parser = |input: ParseStream| parse(input, attribute);
        let handler =
            parser.parse2(item.clone()).map_err(|error| not_a_function(item, attribute).unwrap_or(error))?;
        let sig = &handler.sig;
        if let Some(receiver) = sig.receiver() {
            let message =
                format!("`{of}` {verb} free functions, not methods: put `{layer}` on the route instead");
            return Err(Error::new_spanned(receiver, message));
        }
        if sig.asyncness.is_none() {
            let (keyword, name) = (&sig.fn_token, &sig.ident);
            let message = format!("`{of}` {verb} a handler, which is an `async fn`: write `async fn {name}`");
            return Err(Error::new_spanned(quote!(#keyword #name), message));
        }
        Ok(handler)
    }

    /// Puts `argument` in front of the others, and returns what keeps clippy from counting it as the user's own.
    pub(crate) fn prepend(&mut self, argument: syn::FnArg) -> Option<TokenStream> {
        self.sig.inputs.insert(0, argument);
        let crosses_limit = self.sig.inputs.len() == CLIPPY_ARGUMENT_LIMIT + 1;
        crosses_limit.then(|| quote!(#[allow(clippy::too_many_arguments)]))
    }

    /// The function's name, without the `r#` of a raw one.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// How all markers of the function begin.
    pub(crate) fn marker_prefix(&self) -> String {
        format!("__guardrail_require_{}_", self.name())
    }

    /// How many `#[require]`s above have already added their argument.
    pub(crate) fn permits(&self) -> usize {
        let prefix = self.marker_prefix();
        let is_marker = |token: TokenTree| match token {
            TokenTree::Ident(ident) => ident.to_string().starts_with(&prefix),
            _ => false,
        };
        self.sig.inputs.iter().take_while(|input| names_marker(input, is_marker)).count()
    }
}

fn names_marker(input: &syn::FnArg, is_marker: impl Fn(TokenTree) -> bool) -> bool {
    match input {
        syn::FnArg::Typed(typed) => typed.ty.to_token_stream().into_iter().any(is_marker),
        syn::FnArg::Receiver(_) => false,
    }
}

/// As many arguments pass `clippy::too_many_arguments` where it is not configured.
const CLIPPY_ARGUMENT_LIMIT: usize = 7;

fn parse(input: ParseStream, Attribute { name: of, verb, .. }: Attribute) -> Result<Handler> {
    let attrs = input.call(syn::Attribute::parse_outer)?;
    let vis = input.parse()?;
    let sig: Signature = input.parse()?;
    if !input.peek(token::Brace) {
        let message = format!("`{of}` {verb} a handler, which has a body: put it on a free `async fn`");
        return Err(Error::new_spanned(sig.ident, message));
    }
    Ok(Handler { attrs, vis, sig, body: input.parse()? })
}

/// The error for an item that is something else than a function; `None` for what is one, or is neither item nor
/// expression.
fn not_a_function(item: TokenStream, attribute: Attribute) -> Option<Error> {
    let Attribute { name: of, verb, layer } = attribute;
    if is_expression(&item) {
        let message = format!("`{of}` {verb} an `async fn`: for a closure put `{layer}` on the route");
        return Some(Error::new_spanned(item, message));
    }
    let (what, at) = match syn::parse2(item).ok()? {
        Item::Const(item) => ("a constant", item.const_token.to_token_stream()),
        Item::Enum(item) => ("an enum", item.enum_token.to_token_stream()),
        Item::ExternCrate(item) => ("an `extern crate`", item.extern_token.to_token_stream()),
        Item::ForeignMod(item) => ("an `extern` block", item.abi.to_token_stream()),
        Item::Impl(item) => ("an `impl` block", item.impl_token.to_token_stream()),
        Item::Macro(item) => ("a macro", item.mac.path.to_token_stream()),
        Item::Mod(item) => ("a module", item.mod_token.to_token_stream()),
        Item::Static(item) => ("a static", item.static_token.to_token_stream()),
        Item::Struct(item) => ("a struct", item.struct_token.to_token_stream()),
        Item::Trait(item) => ("a trait", item.trait_token.to_token_stream()),
        Item::Type(item) => ("a type alias", item.type_token.to_token_stream()),
        Item::Union(item) => ("a union", item.union_token.to_token_stream()),
        Item::Use(item) => ("a `use`", item.use_token.to_token_stream()),
        _ => return None,
    };
    let message =
        format!("`{of}` {verb} an `async fn`, and this is {what}; put it above the handler function");
    Some(Error::new_spanned(at, message))
}

/// The error, and the item, so that its users do not fail as well. No guard is lost by that: a crate with an error in
/// it is not built.
pub(crate) fn fallback(error: &Error, item: &TokenStream, attribute: Attribute) -> TokenStream {
    let error = error.to_compile_error();
    if is_expression(item) {
        return quote!({ #error #item });
    }
    let item = made_async(item, attribute).unwrap_or_else(|| item.clone());
    quote!(#error #item)
}

/// A free function that lacks its `async`, with it: else every route that has it would say once more, and at length,
/// that it is no handler.
fn made_async(item: &TokenStream, attribute: Attribute) -> Option<TokenStream> {
    let parser = |input: ParseStream| parse(input, attribute);
    let Handler { attrs, vis, mut sig, body } = parser.parse2(item.clone()).ok()?;
    if sig.receiver().is_some() || sig.asyncness.is_some() || sig.constness.is_some() {
        return None;
    }
    sig.asyncness = Some(token::Async::default());
    Some(quote!(#(#attrs)* #vis #sig #body))
}

/// Whether the attribute stands on a closure or another expression, where no item can be written.
fn is_expression(tokens: &TokenStream) -> bool {
    syn::parse2::<Item>(tokens.clone()).is_err() && syn::parse2::<Expr>(tokens.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(item: &str) -> String {
        let handler = Handler::parse(item.parse().unwrap(), crate::require::ATTRIBUTE);
        handler.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_free_async_function_is_accepted_whatever_its_body() {
        for item in [
            "async fn f() {}",
            "#[doc = \"x\"] pub(crate) async fn r#type<T: A>(x: T) -> impl B where T: C { x. }",
            "pub async unsafe fn f() { #![allow(unused)] }",
        ] {
            assert_eq!(error(item), "", "{item}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (item, message) in [
            ("fn f() {}", "write `async fn f`"),
            ("async fn f(&self) {}", "RequireLayer::new"),
            ("fn f(self: Box<Self>) {}", "RequireLayer::new"),
            ("async fn f();", "has a body"),
            ("#[a] pub struct S;", "this is a struct"),
            ("enum E {}", "this is an enum"),
            ("union U { a: u8 }", "this is a union"),
            ("unsafe impl<T> A for T {}", "this is an `impl` block"),
            ("mod m { async fn f() {} }", "this is a module"),
            ("const F: fn() = || ();", "this is a constant"),
            ("static F: u8 = 1;", "this is a static"),
            ("type F = u8;", "this is a type alias"),
            ("trait T {}", "this is a trait"),
            ("use a::b;", "this is a `use`"),
            ("extern crate a;", "this is an `extern crate`"),
            ("extern \"C\" { fn f(); }", "this is an `extern` block"),
            ("macro_rules! m { () => {} }", "this is a macro"),
            ("|| async {}", "for a closure put `RequireLayer"),
            ("let x = 1;", "expected"),
        ] {
            let error = error(item);
            assert!(error.contains(message), "{item}\n{error}");
        }
    }
}
