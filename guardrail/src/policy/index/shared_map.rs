//! A hash map whose copies are cheap.

use std::{
    hash::{BuildHasher as _, Hash},
    sync::Arc,
};

use hashbrown::{DefaultHashBuilder, Equivalent, HashTable};

/// How many entries a shard has on average before there are twice as many shards.
const SHARD_ENTRIES: usize = 128;

/// A hash map that shares with its copies what neither has changed since.
///
/// It is made of shards, each of which is copied when it is changed and somebody else has it too. A change of a map
/// with 100,000 entries thus copies about a thousand pointers and a hundred entries, and readers of the copy before
/// notice nothing.
#[derive(Clone)]
pub(super) struct SharedMap<K, V> {
    /// A power of two of them.
    shards: Vec<Arc<HashTable<(K, V)>>>,
    len: usize,
    hasher: DefaultHashBuilder,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { shards: vec![Arc::default()], len: 0, hasher: DefaultHashBuilder::default() }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> SharedMap<K, V> {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        self.shards.iter().flat_map(|shard| shard.iter().map(|(key, value)| (key, value)))
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(super) fn get_key_value<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<(&K, &V)> {
        let hash = self.hasher.hash_one(key);
        let shard = self.shards.get(self.place(hash))?;
        shard.find(hash, |(found, _)| key.equivalent(found)).map(|(key, value)| (key, value))
    }

    pub(super) fn contains<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get_mut<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&mut V> {
        let hash = self.hasher.hash_one(key);
        // Looked for first, so that a miss copies nothing.
        let place = self.place(hash);
        self.shards.get(place)?.find(hash, |(found, _)| key.equivalent(found))?;
        let shard = Arc::make_mut(self.shards.get_mut(place)?);
        shard.find_mut(hash, |(found, _)| key.equivalent(found)).map(|(_, value)| value)
    }

    /// Puts a value in; the one before, if there was one.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(there) = self.get_mut(&key) {
            return Some(std::mem::replace(there, value));
        }
        if self.len >= self.shards.len().saturating_mul(SHARD_ENTRIES) {
            self.grow();
        }
        let hash = self.hasher.hash_one(&key);
        let (place, hasher) = (self.place(hash), &self.hasher);
        if let Some(shard) = self.shards.get_mut(place) {
            Arc::make_mut(shard).insert_unique(hash, (key, value), |(key, _)| hasher.hash_one(key));
            self.len += 1;
        }
        None
    }

    pub(super) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let place = self.place(hash);
        self.shards.get(place)?.find(hash, |(found, _)| key.equivalent(found))?;
        let shard = Arc::make_mut(self.shards.get_mut(place)?);
        let entry = shard.find_entry(hash, |(found, _)| key.equivalent(found)).ok()?;
        self.len -= 1;
        Some(entry.remove().0.1)
    }

    /// The shard of a hash. A shard's own table uses the lowest and the highest bits: these are others.
    fn place(&self, hash: u64) -> usize {
        (hash >> 24) as usize & (self.shards.len() - 1)
    }

    fn grow(&mut self) {
        let shards = std::mem::take(&mut self.shards);
        self.shards = vec![Arc::default(); shards.len() * 2];
        for (key, value) in shards.into_iter().flat_map(Arc::unwrap_or_clone) {
            let hash = self.hasher.hash_one(&key);
            let (place, hasher) = (self.place(hash), &self.hasher);
            if let Some(shard) = self.shards.get_mut(place) {
                Arc::make_mut(shard).insert_unique(hash, (key, value), |(key, _)| hasher.hash_one(key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn contents(map: &SharedMap<u32, u32>) -> HashMap<u32, u32> {
        map.iter().map(|(key, value)| (*key, *value)).collect()
    }

    #[test]
    fn a_copy_keeps_what_the_original_changes() {
        let mut map = SharedMap::default();
        for key in 0..10_000_u32 {
            map.insert(key, key);
        }
        let copy = map.clone();
        assert_eq!(map.insert(3, 33), Some(3));
        assert_eq!(map.remove(&4), Some(4));
        map.insert(10_000, 1);
        *map.get_mut(&5).unwrap() = 55;
        assert_eq!((map.len(), copy.len()), (10_000, 10_000));
        assert_eq!([3, 4, 5, 10_000].map(|key| map.get(&key)), [Some(&33), None, Some(&55), Some(&1)]);
        assert_eq!([3, 4, 5, 10_000].map(|key| copy.get(&key)), [Some(&3), Some(&4), Some(&5), None]);
    }

    #[test]
    fn a_change_copies_a_small_part() {
        let mut map = SharedMap::default();
        for key in 0..100_000_u32 {
            map.insert(key, key);
        }
        let copy = map.clone();
        map.insert(7, 8);
        let own = map.shards.iter().zip(&copy.shards).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!(own, 1);
        assert!(map.shards.len() >= 512 && map.shards.iter().all(|shard| shard.len() < 400));
        assert!(map.get_mut(&200_000).is_none() && map.remove(&200_000).is_none());
        let own = map.shards.iter().zip(&copy.shards).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!(own, 1, "what is not there copies nothing");
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in vec((any::<bool>(), 0_u32..300, any::<u32>()), 0..2_000)) {
            let (mut map, mut model) = (SharedMap::default(), HashMap::new());
            let mut copies = Vec::new();
            for (add, key, value) in steps {
                if value % 100 == 0 {
                    copies.push((map.clone(), model.clone()));
                }
                if add {
                    prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            }
            copies.push((map, model));
            for (map, model) in copies {
                prop_assert_eq!(contents(&map), model);
            }
        }
    }
}
