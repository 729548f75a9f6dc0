//! A set that is mostly small.

use std::{hash::Hash, sync::Arc};

use smallvec::{Array, SmallVec};

use super::shared_map::SharedMap;

/// Up to how many elements are kept in a row.
const FEW: usize = 16;

/// A set, cheap to copy. Most have an element or two, some tens of thousands. As many as the array `A` holds are kept
/// in place.
#[derive(Clone)]
pub(super) enum SmallSet<A: Array<Item: Clone>> {
    /// In a row, in the order in which they came.
    Few(SmallVec<A>),
    Many(Arc<SharedMap<A::Item, ()>>),
}

impl<A: Array<Item: Clone>> Default for SmallSet<A> {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl<A: Array<Item: Hash + Eq + Clone>> SmallSet<A> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(row) => row.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    pub(super) fn contains(&self, element: &A::Item) -> bool {
        match self {
            Self::Few(row) => row.contains(element),
            Self::Many(map) => map.contains(element),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &A::Item> + Clone {
        let (row, map) = match self {
            Self::Few(row) => (Some(row), None),
            Self::Many(map) => (None, Some(map)),
        };
        let in_map = map.into_iter().flat_map(|map| map.iter().map(|(element, ())| element));
        row.into_iter().flatten().chain(in_map)
    }

    /// Puts an element in; whether it was not there.
    pub(super) fn insert(&mut self, element: A::Item) -> bool {
        match self {
            Self::Few(row) if row.contains(&element) => false,
            Self::Few(row) if row.len() < FEW => {
                // One more and no spare room: most rows stay as they are.
                row.reserve_exact(1);
                row.push(element);
                true
            }
            Self::Few(row) => {
                let mut map = SharedMap::default();
                for element in row.drain(..).chain([element]) {
                    map.insert(element, ());
                }
                *self = Self::Many(Arc::new(map));
                true
            }
            Self::Many(map) => Arc::make_mut(map).insert(element, ()).is_none(),
        }
    }

    /// Takes an element out; whether it was there. A set that has become small stays as it is until a reload.
    pub(super) fn remove(&mut self, element: &A::Item) -> bool {
        match self {
            Self::Few(row) => {
                let place = row.iter().position(|other| other == element);
                place.is_some_and(|place| {
                    row.remove(place);
                    true
                })
            }
            Self::Many(map) => map.contains(element) && Arc::make_mut(map).remove(element).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in vec((any::<bool>(), 0_u32..40), 0..200)) {
            let (mut set, mut model) = (SmallSet::<[u32; 2]>::default(), HashSet::new());
            for (add, element) in steps {
                let copy = (set.clone(), model.clone());
                if add {
                    prop_assert_eq!(set.insert(element), model.insert(element));
                } else {
                    prop_assert_eq!(set.remove(&element), model.remove(&element));
                }
                prop_assert_eq!(set.is_empty(), model.is_empty());
                prop_assert_eq!(set.contains(&element), model.contains(&element));
                prop_assert_eq!(set.iter().copied().collect::<HashSet<_>>(), model.clone());
                prop_assert_eq!(copy.0.iter().copied().collect::<HashSet<_>>(), copy.1);
            }
        }
    }
}
