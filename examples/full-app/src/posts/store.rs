//! Posts in memory. They are gone when the program ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use guardrail::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Draft;

/// How many posts are kept; the oldest gives way.
const POSTS_MAX: usize = 1_000;

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Post {
    #[schema(example = 7)]
    pub(super) id: u64,
    /// The key of the user who wrote it.
    #[schema(value_type = String, example = "0199b6a3-4c1b-7d0e-8b3d-1e0c7e5a2b6f")]
    pub(super) author: UserId,
    #[schema(example = "A title")]
    title: String,
    #[schema(example = "A text")]
    body: String,
    /// Whether only those who may change it see it.
    #[schema(example = false)]
    pub(super) hidden: bool,
}

impl Post {
    pub(super) fn rewrite(&mut self, draft: Draft) {
        self.title = draft.title;
        self.body = draft.body;
    }
}

/// All posts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Posts(Arc<RwLock<Table>>);

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    posts: BTreeMap<u64, Post>,
}

impl Posts {
    pub(super) fn add(&self, author: UserId, draft: Draft) -> Post {
        let mut table = self.write();
        table.last_id += 1;
        let post = Post { id: table.last_id, author, title: draft.title, body: draft.body, hidden: false };
        table.posts.insert(post.id, post.clone());
        if table.posts.len() > POSTS_MAX {
            table.posts.pop_first();
        }
        post
    }

    /// Posts that are not hidden, the newest first.
    pub(super) fn visible(&self) -> Vec<Post> {
        self.read().posts.values().rev().filter(|post| !post.hidden).cloned().collect()
    }

    pub(super) fn find(&self, id: u64) -> Option<Post> {
        self.read().posts.get(&id).cloned()
    }

    /// The post as changed, if there is one.
    pub(super) fn change(&self, id: u64, change: impl FnOnce(&mut Post)) -> Option<Post> {
        let mut table = self.write();
        let post = table.posts.get_mut(&id)?;
        change(post);
        Some(post.clone())
    }

    pub(super) fn remove(&self, id: u64) -> Option<Post> {
        self.write().posts.remove(&id)
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // Nothing in here panics half-way through a change.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft { title: "t".to_owned(), body: "b".to_owned() }
    }

    #[test]
    fn the_oldest_gives_way() {
        let posts = Posts::default();
        for _ in 0..=POSTS_MAX {
            posts.add(1_i64.into(), draft());
        }
        assert_eq!(posts.visible().len(), POSTS_MAX);
        assert_eq!(posts.find(1), None);
        assert!(posts.find(2).is_some());
    }

    #[test]
    fn a_hidden_post_is_not_listed() {
        let posts = Posts::default();
        let post = posts.add(1_i64.into(), draft());
        posts.change(post.id, |post| post.hidden = true).unwrap();
        assert!(posts.visible().is_empty());
    }
}
