//! What rules say of objects, found by the object that is asked for.
//!
//! An object that is written out is found by its text. A pattern is found segment by segment, in a tree: what a
//! search takes depends on the patterns that begin like the object, and not on how many there are.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    names::Id,
    shared_map::SharedMap,
    shared_slab::SharedSlab,
    small_map::{SmallMap, SmallSet},
};
use crate::policy::pattern::{self, is_placeholder};

/// Who may do what on an object: subjects and actions.
pub(super) type Grants = SmallSet<(Id, Id), 2>;

/// What a caller wants to do something on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object<'a> {
    /// Itself: `/api/posts/7`. A placeholder of a rule covers any one segment.
    Named(&'a str),
    /// A route's template: `/api/posts/{id}`. A placeholder of a rule covers a placeholder only, so that a rule for
    /// `/api/posts/{id}` says nothing of `/api/posts/export`.
    Template(&'a str),
}

impl<'a> Object<'a> {
    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Self::Named(text) | Self::Template(text) => text,
        }
    }

    fn fits_placeholder(self, segment: &str) -> bool {
        match self {
            Self::Named(_) => !segment.is_empty(),
            // `{*rest}` stands for several segments.
            Self::Template(_) => {
                segment.starts_with('{') && segment.ends_with('}') && !segment.starts_with("{*")
            }
        }
    }
}

/// The objects of all rules.
#[derive(Clone)]
pub(super) struct Objects {
    /// Those that are written out, and the `*` that stands for every object.
    literals: SharedMap<Arc<str>, Grants>,
    /// Whether there is something granted on `*`.
    has_everything: bool,
    /// The beginnings of patterns.
    nodes: SharedSlab<Node>,
}

/// The beginning of a pattern, and what follows on it.
#[derive(Clone, Default)]
struct Node {
    /// The beginnings that are longer by a segment that is written out.
    literals: SmallMap<Arc<str>, Place, 1>,
    /// The one that is longer by a placeholder.
    placeholder: Option<Place>,
    /// The patterns that end here, which differ in the names of their placeholders.
    ends: Patterns,
    /// The patterns whose final `/*` comes here.
    open: Patterns,
}

type Place = u32;
type Patterns = SmallMap<Arc<str>, Grants, 1>;

/// The empty beginning.
const ROOT: Place = 0;

/// The pattern that covers everything.
const EVERYTHING: &str = "*";

impl Default for Objects {
    fn default() -> Self {
        let mut nodes = SharedSlab::default();
        // The first place, and never given back.
        nodes.insert(Node::default());
        Self { literals: SharedMap::default(), has_everything: false, nodes }
    }
}

impl Objects {
    /// Adds a grant; whether it was not there.
    pub(super) fn insert(&mut self, object: &str, grant: (Id, Id)) -> bool {
        if let Some(grants) = self.grants_mut(object) {
            return grants.insert(grant, ());
        }
        let mut grants = Grants::default();
        grants.insert(grant, ());
        if pattern::is_open_or_has_placeholder(object) {
            self.insert_pattern(object, grants);
        } else {
            self.literals.insert(object.into(), grants);
            self.has_everything |= object == EVERYTHING;
        }
        true
    }

    /// Removes a grant; whether it was there.
    pub(super) fn remove(&mut self, object: &str, grant: (Id, Id)) -> bool {
        let Some(grants) = self.grants_mut(object) else { return false };
        if !grants.remove(&grant) {
            return false;
        }
        if grants.is_empty() {
            if pattern::is_open_or_has_placeholder(object) {
                self.remove_pattern(object);
            } else {
                self.literals.remove(object);
                self.has_everything &= object != EVERYTHING;
            }
        }
        true
    }

    pub(super) fn contains(&self, object: &str, grant: (Id, Id)) -> bool {
        let grants = if pattern::is_open_or_has_placeholder(object) {
            let (segments, open) = segments(object);
            self.place(segments).and_then(|place| self.nodes.get(place)?.patterns(open).get(object))
        } else {
            self.literals.get(object)
        };
        grants.is_some_and(|grants| grants.contains(&grant))
    }

    /// Every object of a rule, and what is granted on it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Grants)> + Clone {
        let patterns = self.nodes.iter().flat_map(|(_, node)| node.ends.iter().chain(node.open.iter()));
        self.literals.iter().chain(patterns).map(|(object, grants)| (&**object, grants))
    }

    /// Shows `found` each object of a rule that covers `object`, until it has seen enough.
    pub(super) fn covering<'a, B>(
        &'a self,
        object: Object<'_>,
        found: impl FnMut(&'a str, &'a Grants) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let text = object.as_str();
        let mut search = Search { nodes: &self.nodes, object, found };
        for text in [Some(text), self.has_everything.then_some(EVERYTHING)].into_iter().flatten() {
            if let Some((text, grants)) = self.literals.get_key_value(text) {
                (search.found)(text, grants)?;
            }
        }
        search.go_on(ROOT, Some(text))
    }

    /// What is granted on an object of a rule.
    fn grants_mut(&mut self, object: &str) -> Option<&mut Grants> {
        if !pattern::is_open_or_has_placeholder(object) {
            return self.literals.get_mut(object);
        }
        let (segments, open) = segments(object);
        let place = self.place(segments)?;
        self.nodes.get(place)?.patterns(open).get(object)?;
        self.nodes.get_mut(place)?.patterns_mut(open).get_mut(object)
    }

    /// Where a pattern's beginning is.
    fn place<'a>(&self, mut segments: impl Iterator<Item = Segment<'a>>) -> Option<Place> {
        segments.try_fold(ROOT, |place, segment| self.nodes.get(place)?.next(segment))
    }

    fn insert_pattern(&mut self, pattern: &str, grants: Grants) {
        let (segments, open) = segments(pattern);
        let mut place = ROOT;
        for segment in segments {
            let next = self.nodes.get(place).and_then(|node| node.next(segment));
            place = next.unwrap_or_else(|| {
                let next = self.nodes.insert(Node::default());
                if let Some(node) = self.nodes.get_mut(place) {
                    node.set_next(segment, next);
                }
                next
            });
        }
        if let Some(node) = self.nodes.get_mut(place) {
            node.patterns_mut(open).insert(pattern.into(), grants);
        }
    }

    fn remove_pattern(&mut self, pattern: &str) {
        let (segments, open) = segments(pattern);
        let mut way = Vec::new();
        let mut place = ROOT;
        for segment in segments {
            let Some(next) = self.nodes.get(place).and_then(|node| node.next(segment)) else { return };
            way.push((place, segment));
            place = next;
        }
        if let Some(node) = self.nodes.get_mut(place) {
            node.patterns_mut(open).remove(pattern);
        }
        // Beginnings that no other pattern has go with it.
        while self.nodes.get(place).is_some_and(Node::is_unused)
            && let Some((shorter, segment)) = way.pop()
        {
            self.nodes.remove(place);
            if let Some(node) = self.nodes.get_mut(shorter) {
                node.remove_next(segment);
            }
            place = shorter;
        }
    }
}

/// A segment of a pattern.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Literal(&'a str),
    Placeholder,
}

/// A pattern's segments, and whether a final `/*` comes after them.
fn segments(pattern: &str) -> (impl Iterator<Item = Segment<'_>>, bool) {
    let (head, open) = pattern::head(pattern);
    let segments = head.split('/').map(|segment| {
        if is_placeholder(segment) { Segment::Placeholder } else { Segment::Literal(segment) }
    });
    (segments, open)
}

impl Node {
    fn next(&self, segment: Segment<'_>) -> Option<Place> {
        match segment {
            Segment::Literal(text) => self.literals.get(text).copied(),
            Segment::Placeholder => self.placeholder,
        }
    }

    fn set_next(&mut self, segment: Segment<'_>, next: Place) {
        match segment {
            Segment::Literal(text) => drop(self.literals.insert(text.into(), next)),
            Segment::Placeholder => self.placeholder = Some(next),
        }
    }

    fn remove_next(&mut self, segment: Segment<'_>) {
        match segment {
            Segment::Literal(text) => drop(self.literals.remove(text)),
            Segment::Placeholder => self.placeholder = None,
        }
    }

    fn patterns(&self, open: bool) -> &Patterns {
        if open { &self.open } else { &self.ends }
    }

    fn patterns_mut(&mut self, open: bool) -> &mut Patterns {
        if open { &mut self.open } else { &mut self.ends }
    }

    fn is_unused(&self) -> bool {
        self.literals.is_empty() && self.placeholder.is_none() && self.ends.is_empty() && self.open.is_empty()
    }
}

/// A search for the patterns that cover an object.
struct Search<'a, 'o, F> {
    nodes: &'a SharedSlab<Node>,
    object: Object<'o>,
    found: F,
}

impl<'a, B, F: FnMut(&'a str, &'a Grants) -> ControlFlow<B>> Search<'a, '_, F> {
    /// Goes on from a beginning. `rest` is what of the object comes after it; with nothing left it is `None`, for a
    /// text that ends with a slash has an empty segment left.
    fn go_on(&mut self, place: Place, rest: Option<&str>) -> ControlFlow<B> {
        let Some(node) = self.nodes.get(place) else { return ControlFlow::Continue(()) };
        let Some(rest) = rest else { return self.show(&node.ends) };
        self.show(&node.open)?;
        let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
        let (segment, rest) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..));
        if let Some(next) = node.literals.get(segment) {
            self.go_on(*next, rest)?;
        }
        match node.placeholder {
            Some(next) if self.object.fits_placeholder(segment) => self.go_on(next, rest),
            _ => ControlFlow::Continue(()),
        }
    }

    fn show(&mut self, patterns: &'a Patterns) -> ControlFlow<B> {
        patterns.iter().try_for_each(|(text, grants)| (self.found)(text, grants))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::policy::index::names::Names;

    /// Objects that each have one grant.
    fn objects(texts: &[&str]) -> Objects {
        let mut objects = Objects::default();
        for text in texts {
            objects.insert(text, grant());
        }
        objects
    }

    fn grant() -> (Id, Id) {
        (Id::EVERY, Names::default().claim("read"))
    }

    fn covering(objects: &Objects, object: Object<'_>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let _: ControlFlow<()> = objects.covering(object, |text, grants| {
            assert!(grants.contains(&grant()));
            found.insert(text.to_owned());
            ControlFlow::Continue(())
        });
        found
    }

    #[test]
    fn what_covers_an_object_is_found() {
        let objects = objects(&[
            "*",
            "/*",
            "/api/*",
            "/api/{id}",
            "/api/{name}",
            "/api/posts",
            "/api/posts/{id}",
            "/api/{a}/{b}",
            "/api/posts/{id}/*",
            "/api/posts/7",
            "{id}",
            "data1",
            "/api/",
        ]);
        let named = |text| covering(&objects, Object::Named(text)).into_iter().collect::<Vec<_>>();
        assert_eq!(named("data1"), ["*", "data1", "{id}"]);
        assert_eq!(named("/api"), ["*", "/*"]);
        assert_eq!(named("/api/"), ["*", "/*", "/api/", "/api/*"]);
        assert_eq!(named("/api/posts"), ["*", "/*", "/api/*", "/api/posts", "/api/{id}", "/api/{name}"]);
        assert_eq!(
            named("/api/posts/7"),
            ["*", "/*", "/api/*", "/api/posts/7", "/api/posts/{id}", "/api/{a}/{b}"]
        );
        assert_eq!(named("/api/posts/7/"), ["*", "/*", "/api/*", "/api/posts/{id}/*"]);
        assert_eq!(named("/api//7"), ["*", "/*", "/api/*"]);
        assert_eq!(named(""), ["*"]);
        assert_eq!(named("*"), ["*", "{id}"]);
    }

    #[test]
    fn a_templates_placeholder_is_covered_by_a_placeholder_alone() {
        let objects = objects(&["/posts/{id}", "/posts/export", "/posts/7", "/files/*", "/files/{x}"]);
        let template = |text| covering(&objects, Object::Template(text)).into_iter().collect::<Vec<_>>();
        assert_eq!(template("/posts/{number}"), ["/posts/{id}"]);
        assert_eq!(template("/posts/export"), ["/posts/export"]);
        assert_eq!(template("/posts/7"), ["/posts/7"]);
        assert_eq!(template("/posts/import"), [""; 0]);
        assert_eq!(template("/files/{*rest}"), ["/files/*"]);
    }

    #[test]
    fn what_a_pattern_alone_began_goes_with_it() {
        let mut objects = objects(&["/a/{x}/b", "/a/{y}/c/*", "/a/d"]);
        let nodes = |objects: &Objects| objects.nodes.iter().count();
        assert_eq!(nodes(&objects), 6);
        assert!(objects.remove("/a/{y}/c/*", grant()) && !objects.remove("/a/{y}/c/*", grant()));
        assert_eq!(nodes(&objects), 5);
        assert!(objects.remove("/a/{x}/b", grant()) && objects.remove("/a/d", grant()));
        assert_eq!((nodes(&objects), objects.iter().count()), (1, 0));
        objects.insert("/a/{x}", grant());
        assert_eq!(covering(&objects, Object::Named("/a/1")), BTreeSet::from(["/a/{x}".to_owned()]));
    }

    /// The patterns that share beginnings are the worst case: a search visits no more than there are.
    #[test]
    fn a_long_object_ends_a_search_where_the_patterns_end() {
        let objects = objects(&["/{a}/{b}/{c}", "/{a}/x/*", "/x/{b}/c"]);
        let long = "/x".repeat(100_000);
        assert_eq!(covering(&objects, Object::Named(&long)).into_iter().collect::<Vec<_>>(), ["/{a}/x/*"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_finds_what_matches(
            patterns in vec((vec(select(&["", "a", "b", "{x}", "{y}", "{1}", "x{y}"][..]), 0..4), any::<bool>()), 0..8),
            removed in vec(any::<proptest::sample::Index>(), 0..4),
            object in vec(select(&["", "a", "b", "c", "{x}", "{}"][..]), 0..5),
        ) {
            let mut texts: BTreeSet<String> = patterns
                .into_iter()
                .map(|(segments, open)| segments.join("/") + if open { "/*" } else { "" })
                .filter(|text| !text.is_empty())
                .collect();
            let mut objects = Objects::default();
            for text in &texts {
                objects.insert(text, grant());
            }
            for index in removed {
                let Some(text) = texts.iter().nth(index.index(texts.len().max(1))).cloned() else { continue };
                texts.remove(&text);
                prop_assert!(objects.remove(&text, grant()));
            }
            let object = object.join("/");
            let expected: BTreeSet<String> =
                texts.into_iter().filter(|text| pattern::matches(&object, text)).collect();
            prop_assert_eq!(covering(&objects, Object::Named(&object)), expected, "{:?}", object);
        }
    }
}
