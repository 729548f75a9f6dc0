//! A list whose places are numbered and whose copies are cheap.

use std::sync::Arc;

/// How many places a page has.
const PAGE: usize = 64;

/// Values in numbered places. A copy shares the pages that neither has changed since.
#[derive(Clone)]
pub(super) struct SharedSlab<T> {
    pages: Vec<Arc<[Place<T>]>>,
    /// The first place that is free, if one is.
    free: Option<u32>,
}

#[derive(Clone)]
enum Place<T> {
    Taken(T),
    /// With the next one that is free.
    Free(Option<u32>),
}

impl<T> Default for SharedSlab<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: None }
    }
}

impl<T: Clone> SharedSlab<T> {
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let (page, at) = split(place);
        match self.pages.get(page)?.get(at)? {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        match self.place_mut(place)? {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    /// Takes a free place for a value; its number. There is room for four billion: memory ends before.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let place = self.free.unwrap_or_else(|| self.add_page());
        let taken = self.place_mut(place).map(|it| std::mem::replace(it, Place::Taken(value)));
        self.free = match taken {
            Some(Place::Free(next)) => next,
            _ => None,
        };
        place
    }

    /// Empties a place, for another value.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        self.get(place)?;
        let free = self.free.replace(place);
        match std::mem::replace(self.place_mut(place)?, Place::Free(free)) {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    /// Every value with its place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> + Clone {
        (0..).zip(self.pages.iter().flat_map(|page| page.iter())).filter_map(|(place, it)| match it {
            Place::Taken(value) => Some((place, value)),
            Place::Free(_) => None,
        })
    }

    fn place_mut(&mut self, place: u32) -> Option<&mut Place<T>> {
        let (page, at) = split(place);
        Arc::make_mut(self.pages.get_mut(page)?).get_mut(at)
    }

    /// A page more, all of it free; its first place.
    fn add_page(&mut self) -> u32 {
        let first = self.pages.len().saturating_mul(PAGE);
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let next = (first + 1..first + PAGE).map(|next| Some(number(next))).chain([None]);
        self.pages.push(next.map(Place::Free).collect());
        number(first)
    }
}

fn split(place: u32) -> (usize, usize) {
    let place = place as usize;
    (place / PAGE, place % PAGE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    #[test]
    fn a_free_place_is_taken_again() {
        let mut slab = SharedSlab::default();
        let places: Vec<_> = (0..200).map(|value| slab.insert(value)).collect();
        assert_eq!(places, (0..200).collect::<Vec<_>>());
        for place in [3, 150, 7] {
            assert_eq!(slab.remove(place), Some(place));
            assert_eq!(slab.remove(place), None);
        }
        assert_eq!([slab.insert(1), slab.insert(2), slab.insert(3), slab.insert(4)], [7, 150, 3, 200]);
        assert_eq!((slab.pages.len(), slab.get(1_000_000)), (4, None));
        assert_eq!(slab.get_mut(1_000_000), None);
    }

    proptest! {
        #[test]
        fn it_keeps_what_it_is_given(steps in vec((any::<bool>(), any::<Index>(), any::<u32>()), 0..500)) {
            let (mut slab, mut model) = (SharedSlab::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (add, any, value) in steps {
                if value % 20 == 0 {
                    copies.push((slab.clone(), model.clone()));
                }
                if add {
                    prop_assert_eq!(model.insert(slab.insert(value), value), None);
                } else if let Some(place) = model.keys().nth(any.index(model.len().max(1))).copied() {
                    prop_assert_eq!(slab.get_mut(place).copied(), model.get(&place).copied());
                    prop_assert_eq!(slab.remove(place), model.remove(&place));
                }
            }
            copies.push((slab, model));
            for (slab, model) in copies {
                prop_assert_eq!(slab.iter().map(|(place, value)| (place, *value)).collect::<BTreeMap<_, _>>(), model);
            }
        }
    }
}
