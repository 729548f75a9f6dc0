//! A map that is mostly small.

use std::{hash::Hash, sync::Arc};

use hashbrown::Equivalent;
use smallvec::SmallVec;

use super::shared_map::SharedMap;

/// Up to how many entries are kept in a row.
const FEW: usize = 16;

/// A map, cheap to copy. Most have an entry or two, some tens of thousands. `N` are kept in place.
#[derive(Clone)]
pub(super) enum SmallMap<K, V, const N: usize> {
    /// In a row, in the order in which they came.
    Few(SmallVec<[(K, V); N]>),
    Many(Arc<SharedMap<K, V>>),
}

/// The same with keys alone.
pub(super) type SmallSet<K, const N: usize> = SmallMap<K, (), N>;

impl<K, V, const N: usize> Default for SmallMap<K, V, N> {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl<K: Hash + Eq + Clone, V: Clone, const N: usize> SmallMap<K, V, N> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(row) => row.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        match self {
            Self::Few(row) => row.iter().find(|(there, _)| key.equivalent(there)).map(|(_, value)| value),
            Self::Many(map) => map.get(key),
        }
    }

    pub(super) fn contains<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get_mut<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&mut V> {
        match self {
            Self::Few(row) => row.iter_mut().find(|(there, _)| key.equivalent(there)).map(|(_, value)| value),
            Self::Many(map) => {
                // Looked for first, so that a miss copies nothing.
                map.get(key)?;
                Arc::make_mut(map).get_mut(key)
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        let (row, map) = match self {
            Self::Few(row) => (Some(row), None),
            Self::Many(map) => (None, Some(map)),
        };
        let in_row = row.into_iter().flatten().map(|(key, value)| (key, value));
        in_row.chain(map.into_iter().flat_map(|map| map.iter()))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// Puts an entry in, if its key has none; whether that is so.
    pub(super) fn insert(&mut self, key: K, value: V) -> bool {
        if self.contains(&key) {
            return false;
        }
        match self {
            Self::Few(row) if row.len() < FEW => {
                // One more and no spare room: most rows stay as they are.
                row.reserve_exact(1);
                row.push((key, value));
            }
            Self::Few(row) => {
                let mut map = SharedMap::default();
                for (key, value) in row.drain(..).chain([(key, value)]) {
                    map.insert(key, value);
                }
                *self = Self::Many(Arc::new(map));
            }
            Self::Many(map) => drop(Arc::make_mut(map).insert(key, value)),
        }
        true
    }

    /// Takes an entry out; whether there was one. A map that has become small stays as it is until a reload.
    pub(super) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> bool {
        match self {
            Self::Few(row) => {
                let place = row.iter().position(|(there, _)| key.equivalent(there));
                place.is_some_and(|place| {
                    row.remove(place);
                    true
                })
            }
            Self::Many(map) => map.contains(key) && Arc::make_mut(map).remove(key).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn contents(map: &SmallMap<u32, u32, 2>) -> HashMap<u32, u32> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in vec((any::<bool>(), 0_u32..40, any::<u32>()), 0..200)) {
            let (mut map, mut model) = (SmallMap::default(), HashMap::new());
            for (add, key, value) in steps {
                let copy = (map.clone(), model.clone());
                if add {
                    prop_assert_eq!(map.insert(key, value), !model.contains_key(&key));
                    model.entry(key).or_insert(value);
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key).is_some());
                }
                if let Some(there) = map.get_mut(&(value % 40)) {
                    *there = value;
                    model.insert(value % 40, value);
                }
                prop_assert_eq!(map.is_empty(), model.is_empty());
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(contents(&map), model.clone());
                prop_assert_eq!(contents(&copy.0), copy.1);
            }
        }
    }
}
