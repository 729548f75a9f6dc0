//! What rules say of objects, found by the object that is asked for.
//!
//! An object that is written out is found by its text. A pattern is found segment by segment: every beginning of a
//! pattern is a key, with each placeholder in it written `{}`, and a search goes on only from beginnings that exist.
//! What a search takes therefore depends on the patterns that begin like the object, and not on how many there are.

use std::{ops::ControlFlow, sync::Arc};

use super::{names::Id, shared_map::SharedMap, small_set::SmallSet};
use crate::policy::pattern::{self, is_placeholder};

/// Who may do what on an object: subjects and actions.
pub(super) type Grants = SmallSet<[(Id, Id); 2]>;

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
#[derive(Clone, Default)]
pub(super) struct Objects {
    /// By the text in the rule.
    grants: SharedMap<Arc<str>, Grants>,
    /// The beginnings of patterns.
    beginnings: SharedMap<Arc<str>, Beginning>,
}

/// The beginning of a pattern.
#[derive(Clone, Default)]
struct Beginning {
    /// How many beginnings are one segment longer.
    longer: u32,
    /// The patterns that end here.
    ends: SmallSet<[Arc<str>; 1]>,
    /// The patterns whose final `/*` comes here.
    open: SmallSet<[Arc<str>; 1]>,
}

impl Objects {
    /// Adds a grant; whether it was not there.
    pub(super) fn insert(&mut self, object: &str, grant: (Id, Id)) -> bool {
        if let Some(grants) = self.grants.get_mut(object) {
            return grants.insert(grant);
        }
        let text = Arc::<str>::from(object);
        let mut grants = Grants::default();
        grants.insert(grant);
        self.grants.insert(Arc::clone(&text), grants);
        if pattern::is_open_or_has_placeholder(object) {
            self.insert_pattern(&text);
        }
        true
    }

    /// Removes a grant; whether it was there.
    pub(super) fn remove(&mut self, object: &str, grant: (Id, Id)) -> bool {
        let Some(grants) = self.grants.get_mut(object) else { return false };
        if !grants.remove(&grant) {
            return false;
        }
        if grants.is_empty() {
            self.grants.remove(object);
            if pattern::is_open_or_has_placeholder(object) {
                self.remove_pattern(object);
            }
        }
        true
    }

    pub(super) fn contains(&self, object: &str, grant: (Id, Id)) -> bool {
        self.grants.get(object).is_some_and(|grants| grants.contains(&grant))
    }

    /// Every object of a rule, and what is granted on it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Grants)> + Clone {
        self.grants.iter().map(|(object, grants)| (&**object, grants))
    }

    /// Shows `found` each object of a rule that covers `object`, until it has seen enough. One may come twice.
    pub(super) fn covering<'a, B>(
        &'a self,
        object: Object<'_>,
        mut found: impl FnMut(&'a str, &'a Grants) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let text = object.as_str();
        // A pattern covers the text that it is written with.
        for text in [text, "*"] {
            if let Some((text, grants)) = self.grants.get_key_value(text) {
                found(text, grants)?;
            }
        }
        if self.beginnings.is_empty() {
            return ControlFlow::Continue(());
        }
        let mut search = Search {
            beginnings: &self.beginnings,
            object,
            key: String::with_capacity(text.len() + 8),
            found: |text: &'a Arc<str>| match self.grants.get(&**text) {
                Some(grants) => found(text, grants),
                None => ControlFlow::Continue(()),
            },
        };
        search.go_on(Some(text))
    }

    fn insert_pattern(&mut self, text: &Arc<str>) {
        let (beginnings, open) = beginnings(text);
        for (shorter, beginning) in beginnings.iter().zip(beginnings.iter().skip(1)) {
            if !self.beginnings.contains(&**beginning) {
                self.beginnings.change(shorter.as_str().into(), |shorter| shorter.longer += 1);
                self.beginnings.insert(beginning.as_str().into(), Beginning::default());
            }
        }
        if let Some(last) = beginnings.last() {
            self.beginnings.change(last.as_str().into(), |last| {
                let patterns = if open { &mut last.open } else { &mut last.ends };
                patterns.insert(Arc::clone(text));
            });
        }
    }

    fn remove_pattern(&mut self, text: &str) {
        let (beginnings, open) = beginnings(text);
        if let Some(last) = beginnings.last().and_then(|last| self.beginnings.get_mut(last.as_str())) {
            let patterns = if open { &mut last.open } else { &mut last.ends };
            patterns.remove(&Arc::from(text));
        }
        // Beginnings that no other pattern has go with it.
        for (beginning, shorter) in beginnings.iter().rev().zip(beginnings.iter().rev().skip(1)) {
            if !self.beginnings.get(beginning.as_str()).is_some_and(Beginning::is_unused) {
                return;
            }
            self.beginnings.remove(beginning.as_str());
            if let Some(shorter) = self.beginnings.get_mut(shorter.as_str()) {
                shorter.longer -= 1;
            }
        }
    }
}

impl Beginning {
    fn is_unused(&self) -> bool {
        self.longer == 0 && self.ends.is_empty() && self.open.is_empty()
    }
}

/// The keys of a pattern's beginnings, from the empty one to the whole, and whether it ends with `/*`.
fn beginnings(pattern: &str) -> (Vec<String>, bool) {
    let (head, open) = pattern::head(pattern);
    let mut key = String::new();
    let mut keys = vec![key.clone()];
    for segment in head.split('/') {
        push(&mut key, if is_placeholder(segment) { PLACEHOLDER } else { segment });
        keys.push(key.clone());
    }
    (keys, open)
}

/// How a key writes a placeholder. No rule has this as a segment otherwise; a caller's `{}` is a text that is not
/// empty, and so covered as well.
const PLACEHOLDER: &str = "{}";

/// One segment more.
fn push(key: &mut String, segment: &str) {
    key.push('/');
    key.push_str(segment);
}

/// A search for the patterns that cover an object.
struct Search<'a, 'o, F> {
    beginnings: &'a SharedMap<Arc<str>, Beginning>,
    object: Object<'o>,
    /// The key of the beginning that has been followed so far.
    key: String,
    found: F,
}

impl<'a, B, F: FnMut(&'a Arc<str>) -> ControlFlow<B>> Search<'a, '_, F> {
    /// Goes on from a beginning. `rest` is what of the object comes after it; with nothing left it is `None`, for a
    /// text that ends with a slash has an empty segment left.
    fn go_on(&mut self, rest: Option<&str>) -> ControlFlow<B> {
        let Some(beginning) = self.beginnings.get(self.key.as_str()) else {
            return ControlFlow::Continue(());
        };
        let Some(rest) = rest else {
            return beginning.ends.iter().try_for_each(&mut self.found);
        };
        beginning.open.iter().try_for_each(&mut self.found)?;
        if beginning.longer == 0 {
            return ControlFlow::Continue(());
        }
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        self.follow(segment, rest)?;
        if self.object.fits_placeholder(segment) {
            self.follow(PLACEHOLDER, rest)?;
        }
        ControlFlow::Continue(())
    }

    fn follow(&mut self, segment: &str, rest: Option<&str>) -> ControlFlow<B> {
        let length = self.key.len();
        push(&mut self.key, segment);
        let outcome = self.go_on(rest);
        self.key.truncate(length);
        outcome
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
        assert_eq!(objects.beginnings.len(), 6);
        assert!(objects.remove("/a/{y}/c/*", grant()) && !objects.remove("/a/{y}/c/*", grant()));
        assert_eq!(objects.beginnings.len(), 5);
        assert!(objects.remove("/a/{x}/b", grant()) && objects.remove("/a/d", grant()));
        assert_eq!((objects.beginnings.len(), objects.grants.len()), (1, 0));
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
