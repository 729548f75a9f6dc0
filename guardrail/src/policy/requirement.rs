//! What handlers ask for, and the inventory of all that they do.

/// What a caller must be allowed, or be.
///
/// ```
/// use guardrail::{RequireLayer, Requirement};
///
/// const MODERATE: Requirement = Requirement::Any(&[
///     Requirement::Permission { object: "/api/posts/{id}", action: "edit" },
///     Requirement::Role("moderator"),
/// ]);
/// let layer = RequireLayer::from(MODERATE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// A rule allows the action on the object. A segment `{name}` of the object stands for the value of that path
    /// parameter, a final `{*name}` for those of a wildcard.
    Permission {
        /// The object.
        object: &'static str,
        /// The action.
        action: &'static str,
    },
    /// The caller has the role, of its own or by inheritance.
    Role(&'static str),
    /// At least one of them holds.
    Any(&'static [Requirement]),
    /// All of them hold.
    All(&'static [Requirement]),
}

/// A requirement with the place that declares it: what `#[require]` makes of its arguments.
pub trait Declaration: Send + Sync + 'static {
    /// What is required.
    const REQUIREMENT: Requirement;
    /// The function, with its module's path.
    const FUNCTION: &'static str;
    /// The source file.
    const FILE: &'static str;
    /// The line in it.
    const LINE: u32;
}

impl Requirement {
    /// Whether path parameters stand in an object.
    pub(crate) fn has_parameters(&self) -> bool {
        match self {
            Self::Permission { object, .. } => object.contains('{'),
            Self::Role(_) => false,
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::has_parameters),
        }
    }

    /// The requirements in it that are no combinations.
    fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::leaves).collect(),
            leaf => vec![leaf],
        }
    }
}

/// What one `#[require]` of the program declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// What is required.
    pub requirement: Requirement,
    /// The function, with its module's path.
    pub function: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

impl Declared {
    /// What `D` declares.
    #[doc(hidden)]
    pub const fn by<D: Declaration>() -> Self {
        Self { requirement: D::REQUIREMENT, function: D::FUNCTION, file: D::FILE, line: D::LINE }
    }

    /// What [`asks!`](crate::asks) says.
    #[doc(hidden)]
    pub const fn asked(
        object: &'static str,
        action: &'static str,
        function: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { requirement: Requirement::Permission { object, action }, function, file, line }
    }

    /// The permissions in it, as object and action.
    pub fn permissions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.requirement.leaves().into_iter().filter_map(|leaf| match leaf {
            Requirement::Permission { object, action } => Some((*object, *action)),
            _ => None,
        })
    }

    /// The roles in it.
    pub fn roles(&self) -> impl Iterator<Item = &'static str> {
        self.requirement.leaves().into_iter().filter_map(|leaf| match leaf {
            Requirement::Role(role) => Some(*role),
            _ => None,
        })
    }

    /// Whether it is an endpoint of Guardrail's own.
    pub(crate) fn is_own(&self) -> bool {
        self.function.starts_with(concat!(env!("CARGO_CRATE_NAME"), "::http::routes::"))
    }
}

inventory::collect!(Declared);

/// Says that the program asks for a permission in its own code, by [`Guardrail::demand`](crate::Guardrail::demand) or
/// [`Guardrail::is_allowed`](crate::Guardrail::is_allowed), or by a layer. `#[require]` says so itself. It stands
/// outside of functions; both arguments are constants.
///
/// [`permissions`] lists it, with the module in place of the function, and a rule for it is not taken for a slip at the
/// start.
///
/// ```
/// guardrail::asks!("/api/posts/{id}", "pin");
///
/// # fn main() {
/// let listed = guardrail::permissions();
/// assert!(listed.iter().any(|it| it.permissions().eq([("/api/posts/{id}", "pin")])));
/// # }
/// ```
#[macro_export]
macro_rules! asks {
    ($object:expr, $action:expr $(,)?) => {
        $crate::__private::submit! {
            $crate::__private::Declared::asked(
                $object,
                $action,
                ::core::module_path!(),
                ::core::file!(),
                ::core::line!(),
            )
        }
    };
}

/// What every `#[require]` of the program declares, Guardrail's own endpoints included, in the order of the source
/// files: what an administrator can grant, and what a test can compare with the documentation.
///
/// A handler is in it if it is compiled into the program, whether a router has it or not.
///
/// ```
/// # use guardrail::require;
/// #[require("/api/posts/{id}", "edit")]
/// async fn edit_post() {}
///
/// let edit = guardrail::permissions().into_iter().find(|it| it.function.ends_with("edit_post")).unwrap();
/// assert_eq!(edit.permissions().collect::<Vec<_>>(), [("/api/posts/{id}", "edit")]);
/// ```
pub fn permissions() -> Vec<Declared> {
    let mut declared: Vec<_> = inventory::iter::<Declared>().copied().collect();
    declared.sort_by_key(|it| (it.file, it.line, it.function));
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoints_are_in_the_inventory() {
        let declared = permissions();
        let profile = declared.iter().find(|it| it.function.ends_with("::profile::profile")).unwrap();
        assert_eq!(profile.permissions().collect::<Vec<_>>(), [("/api/profile", "read")]);
        assert!(profile.is_own() && profile.file.ends_with("profile.rs") && profile.line > 0);
        assert!(declared.is_sorted_by_key(|it| (it.file, it.line)));
    }

    #[test]
    fn combinations_are_taken_apart() {
        const NEEDS: Requirement = Requirement::Any(&[
            Requirement::Role("moderator"),
            Requirement::All(&[
                Requirement::Permission { object: "/a/{id}", action: "x" },
                Requirement::Permission { object: "/b", action: "y" },
            ]),
        ]);
        let declared = Declared { requirement: NEEDS, function: "f", file: "f.rs", line: 1 };
        assert_eq!(declared.permissions().collect::<Vec<_>>(), [("/a/{id}", "x"), ("/b", "y")]);
        assert_eq!(declared.roles().collect::<Vec<_>>(), ["moderator"]);
        assert!(!declared.is_own() && NEEDS.has_parameters());
    }
}
