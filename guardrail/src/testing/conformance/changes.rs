//! The cases of a [`ChangeFeed`](crate::storage::ChangeFeed) of a store that keeps everything.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{
    SharedEverything,
    fixture::{at, created, new_user, start},
    sessions::{rotation, session},
};
use crate::{
    User, UserId,
    storage::{
        Change, ChangeFeed as _, ChangeListener, NewSession, PolicyChange, PolicyStore as _, RevokeReason,
        SessionStore, StoredRule, UserAdmin, UserChange,
    },
};

/// How long a change may take to be told before the case fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Told(UnboundedSender<Option<Change>>);

impl ChangeListener for Told {
    fn listening(&self) {
        let _ = self.0.send(None);
    }

    fn changed(&self, change: Change) {
        let _ = self.0.send(Some(change));
    }
}

/// What is told of a store, from when it is listened to.
struct News(UnboundedReceiver<Option<Change>>);

impl News {
    async fn of<S: SharedEverything>(store: &Arc<S>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let store = Arc::clone(store);
        tokio::spawn(async move { store.follow(&Told(sender)).await });
        let mut news = Self(receiver);
        assert_eq!(news.next().await, None, "that it listens comes first");
        news
    }

    async fn next(&mut self) -> Option<Change> {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.unwrap().unwrap()
    }

    async fn expect(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            assert_eq!(self.next().await, Some(change));
        }
    }
}

async fn stored(store: &impl SharedEverything, user: &str, second: i64) -> NewSession {
    let session = session(user, at(second));
    SessionStore::create(&**store, session.clone(), 100).await.unwrap();
    session
}

/// Each way to end a session, and nothing else that happens to one.
pub async fn every_revocation_is_told(store: impl SharedEverything) {
    let store = Arc::new(store);
    let mut news = News::of(&store).await;
    let (a, b) = (stored(&*store, "ada", 0).await, stored(&*store, "ada", 1).await);
    store.rotate(&rotation(&a, 0, at(2))).await.unwrap().unwrap();
    store.revoke(a.id, RevokeReason::Logout, at(3)).await.unwrap();
    news.expect([Change::Session(a.id)]).await;
    store.revoke(a.id, RevokeReason::Logout, at(4)).await.unwrap();
    store.revoke_by_fingerprint(&b.fingerprint, RevokeReason::Replaced, at(4)).await.unwrap();
    news.expect([Change::Session(b.id)]).await;

    let (c, d) = (stored(&*store, "ada", 5).await, stored(&*store, "ada", 6).await);
    SessionStore::create(&**store, session("ada", at(7)), 2).await.unwrap();
    news.expect([Change::Session(c.id)]).await;
    store.revoke(d.id, RevokeReason::EndedByUser, at(8)).await.unwrap();
    let ada = "ada".parse::<UserId>().unwrap();
    let ended = store.revoke_user(&ada, None, RevokeReason::LogoutAll, at(9)).await.unwrap();
    news.expect([Change::Session(d.id), Change::Session(ended[0])]).await;
}

/// The end of all sessions is told at once, however many there are.
pub async fn the_end_of_everything_is_told_once(store: impl SharedEverything) {
    let store = Arc::new(store);
    for second in 0..5 {
        stored(&*store, &format!("user{second}"), second).await;
    }
    let mut news = News::of(&store).await;
    assert_eq!(store.revoke_all(RevokeReason::Everything, start()).await.unwrap(), 5);
    let last = stored(&*store, "ada", 9).await;
    store.revoke(last.id, RevokeReason::Logout, at(9)).await.unwrap();
    news.expect([Change::Everything, Change::Session(last.id)]).await;
}

/// A changed role and a changed activity are told; a change of nothing is not.
pub async fn a_changed_user_is_told(store: impl SharedEverything) {
    let store = Arc::new(store);
    let user: User = created(UserAdmin::create(&**store, new_user("ada", "member")).await.unwrap());
    let id = UserId::from(user.id);
    let mut news = News::of(&store).await;
    for change in [
        UserChange { role: Some("admin".parse().unwrap()), ..UserChange::default() },
        UserChange { is_active: Some(false), ..UserChange::default() },
    ] {
        store.update(&id, change.clone()).await.unwrap();
        news.expect([Change::User(id.clone())]).await;
        store.update(&id, change).await.unwrap();
    }
    store.update(&id, UserChange::default()).await.unwrap();
    store.announce(Change::Everything).await.unwrap();
    news.expect([Change::Everything]).await;
}

/// A change of rules is told; what changes nothing is not.
pub async fn changed_rules_are_told(store: impl SharedEverything) {
    let store = Arc::new(store);
    let mut news = News::of(&store).await;
    let rule = StoredRule { ptype: "p".into(), values: ["admin", "/x", "read"].map(String::from).into() };
    let add = PolicyChange { add: vec![rule.clone()], remove: Vec::new() };
    let remove = PolicyChange { add: Vec::new(), remove: vec![rule] };
    for change in [&add, &remove] {
        store.apply(change.clone()).await.unwrap();
        news.expect([Change::Policies]).await;
        store.apply(change.clone()).await.unwrap();
    }
    store.announce(Change::Everything).await.unwrap();
    news.expect([Change::Everything]).await;
}

/// What is announced reaches everybody who listens, as it was.
pub async fn what_is_announced_is_told_to_everybody(store: impl SharedEverything) {
    let store = Arc::new(store);
    let (mut one, mut two) = (News::of(&store).await, News::of(&store).await);
    let ids = ["42", "ada@example.com", "o'brien;--", "user everything"].map(|id| id.replace(' ', "_"));
    let users = ids.iter().map(|id| Change::User(id.parse().unwrap()));
    let changes: Vec<_> = users.chain([Change::Everything, Change::Policies]).collect();
    for change in &changes {
        store.announce(change.clone()).await.unwrap();
    }
    one.expect(changes.clone()).await;
    two.expect(changes).await;
}
