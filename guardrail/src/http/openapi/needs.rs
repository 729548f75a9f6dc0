//! What a caller needs, in words: from the `#[require]` above the handler.

use utoipa::openapi::path::Operation;

use crate::{Declared, Requirement};

/// Adds to an operation's description what the handler of its name asks for.
pub(super) fn say_what_is_needed(operation: &mut Operation, declared: &[Declared]) {
    let id = operation.operation_id.as_deref();
    let is_of = |it: &&Declared| it.is_own() && it.function.rsplit("::").next() == id;
    let Some(declared) = declared.iter().find(is_of) else { return };
    let needs = format!("Needs {}.", in_words(&declared.requirement));
    operation.description = Some(match operation.description.take() {
        Some(before) => format!("{before}\n\n{needs}"),
        None => needs,
    });
}

fn in_words(requirement: &Requirement) -> String {
    let join = |parts: &[Requirement], by: &str| {
        let parts: Vec<String> = parts.iter().map(in_words).collect();
        parts.join(by)
    };
    match requirement {
        Requirement::Permission { object, action } => format!("`{action}` on `{object}`"),
        Requirement::Role(role) => format!("the role `{role}`"),
        Requirement::Any(parts) => join(parts, " or "),
        Requirement::All(parts) => join(parts, " and "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_can_be_read() {
        const NEEDS: Requirement = Requirement::Any(&[
            Requirement::Permission { object: "/api/posts/{id}", action: "hide" },
            Requirement::Role("moderator"),
        ]);
        assert_eq!(in_words(&NEEDS), "`hide` on `/api/posts/{id}` or the role `moderator`");
    }
}
