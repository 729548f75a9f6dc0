//! The arguments of `#[require]` as they are written, before anything is made of them.

use proc_macro2::{Span, TokenStream};
use syn::{
    Expr, Ident, Result, Token,
    ext::IdentExt as _,
    parenthesized,
    parse::{ParseStream, Parser as _},
    punctuated::Punctuated,
    spanned::Spanned as _,
    token,
};

/// The arguments between two parentheses.
pub(super) struct Args {
    /// The parentheses; the attribute, for the outermost.
    pub(super) span: Span,
    pub(super) list: Vec<Arg>,
}

/// One argument.
pub(super) enum Arg {
    /// `"/api/posts"`, `objects::POSTS`
    Value(Expr),
    /// `role = "moderator"`
    Named { key: Ident, value: Expr },
    /// `("/api/posts", "read")`
    Group(Args),
    /// `any(…)`
    Call { name: Ident, args: Args },
}

impl Arg {
    /// Where to point at when the argument stands in the wrong place.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Value(value) => value.span(),
            Self::Named { key, .. } => key.span(),
            Self::Group(args) => args.span,
            Self::Call { name, .. } => name.span(),
        }
    }
}

pub(super) fn parse(tokens: TokenStream) -> Result<Args> {
    let list = list.parse2(tokens)?;
    Ok(Args { span: Span::call_site(), list })
}

fn list(input: ParseStream) -> Result<Vec<Arg>> {
    let args = Punctuated::<Arg, Token![,]>::parse_terminated_with(input, arg)?;
    Ok(args.into_iter().collect())
}

fn arg(input: ParseStream) -> Result<Arg> {
    if input.peek(token::Paren) {
        return Ok(Arg::Group(group(input)?));
    }
    // A key may be any word, keywords too: `type = …` is then refused by its name.
    if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
        let key = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        return Ok(Arg::Named { key, value: input.parse()? });
    }
    if input.peek(Ident) && input.peek2(token::Paren) {
        return Ok(Arg::Call { name: input.parse()?, args: group(input)? });
    }
    input.parse().map(Arg::Value)
}

fn group(input: ParseStream) -> Result<Args> {
    let content;
    let parens = parenthesized!(content in input);
    Ok(Args { span: parens.span.join(), list: list(&content)? })
}
