//! Accounts whose users store fails, changes behind Guardrail's back, or holds what is no hash.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use super::*;
use crate::{
    Bcrypt, Guardrail, PasswordHasher as _, SigningKey, User,
    fingerprint::FingerprintCookies,
    handle::{Device, LoggedIn},
    session::Denial,
    storage::MemoryStore,
    testing::ManualClock,
};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse";

/// A users store that can be away.
#[derive(Clone)]
struct Users {
    store: MemoryStore,
    away: Arc<AtomicBool>,
}

impl Users {
    fn answer(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError::new("testing", "away")) } else { Ok(()) }
    }
}

#[async_trait]
impl UserStore<User> for Users {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.answer()?;
        UserStore::find(&self.store, id).await
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.answer()?;
        self.store.find_for_login(login).await
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        self.answer()?;
        self.store.set_password_hash(id, replaces, hash).await
    }
}

struct Fixture {
    guard: Guardrail<User>,
    users: Users,
    clock: ManualClock,
    id: UserId,
}

/// A Guardrail that hashes with cost 5, and a user whose hash is `hash`.
async fn fixture(hash: PasswordHash) -> Fixture {
    let store = MemoryStore::new();
    let new = NewUser::new(EMAIL.parse().unwrap(), "ada".parse().unwrap(), Role::known("user"), hash);
    let CreateUser::Created(user) = UserAdmin::create(&store, new).await.unwrap() else { panic!("no user") };
    let users = Users { store: store.clone(), away: Arc::default() };
    let clock = ManualClock::new();
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret for tests, of 32 bytes or more").unwrap())
        .users(users.clone())
        .sessions(store.clone())
        .policies(store)
        .password_hasher(Bcrypt::with_insecure_cost(5))
        .clock(clock.clone())
        .build()
        .await
        .unwrap();
    Fixture { guard, users, clock, id: user.id() }
}

fn hash_of_cost(cost: u32) -> PasswordHash {
    Bcrypt::with_insecure_cost(cost).hash(PASSWORD).unwrap()
}

impl Fixture {
    async fn log_in(&self) -> Result<LoggedIn, Error> {
        self.guard.log_in(EMAIL.to_owned(), PASSWORD.into(), Device::default()).await
    }

    async fn authenticate(&self, login: &LoggedIn) -> Result<Principal, Denial> {
        let cookies = FingerprintCookies::new([login.begun.fingerprint.cookie_value()]);
        let at_once = self.guard.recognise_at_once(&login.access.token, &cookies);
        let recognised = self.guard.recognise(&login.access.token, &cookies).await;
        if let Some(at_once) = at_once {
            assert_eq!(format!("{at_once:?}"), format!("{recognised:?}"));
        }
        recognised
    }

    async fn set_active(&self, is_active: bool) {
        let change = UserChange { is_active: Some(is_active), ..UserChange::default() };
        self.users.store.update(&self.id, change).await.unwrap().updated().unwrap();
    }
}

fn device(login: &LoggedIn) -> Device {
    let fingerprints = PresentedFingerprints::new([login.begun.fingerprint.cookie_value()]);
    Device { fingerprints, ..Device::default() }
}

/// The retries of a client that was answered 503 are no reuse (compare hydra #1831).
#[tokio::test]
async fn an_outage_of_the_users_store_costs_no_session() {
    let fixture = fixture(hash_of_cost(5)).await;
    let login = fixture.log_in().await.unwrap();
    let refresh = async || {
        let token = login.begun.refresh_token.to_text();
        fixture.guard.refresh(token.into(), device(&login)).await
    };
    fixture.users.away.store(true, Ordering::SeqCst);
    assert!(matches!(refresh().await, Err(Error::Store(_))));
    fixture.clock.advance(Duration::from_secs(15));
    assert!(matches!(refresh().await, Err(Error::Store(_))));
    fixture.users.away.store(false, Ordering::SeqCst);
    refresh().await.unwrap();
}

#[tokio::test]
async fn a_user_disabled_elsewhere_and_enabled_again_stays_signed_out() {
    for told in [true, false] {
        let fixture = fixture(hash_of_cost(5)).await;
        let login = fixture.log_in().await.unwrap();
        assert!(fixture.authenticate(&login).await.is_ok());
        fixture.set_active(false).await;
        if told {
            fixture.guard.user_changed(&fixture.id).await.unwrap();
        } else {
            fixture.clock.advance(Duration::from_secs(29));
            assert!(fixture.authenticate(&login).await.is_ok(), "nobody said so");
            fixture.clock.advance(Duration::from_secs(1));
        }
        assert!(fixture.authenticate(&login).await.is_err());
        fixture.set_active(true).await;
        fixture.guard.user_changed(&fixture.id).await.unwrap();
        assert!(fixture.authenticate(&login).await.is_err());
    }
}

#[tokio::test]
async fn what_is_known_is_served_while_the_store_is_away_and_no_longer_than_it_is_believed() {
    let fixture = fixture(hash_of_cost(5)).await;
    let (login, other) = (fixture.log_in().await.unwrap(), fixture.log_in().await.unwrap());
    assert!(fixture.authenticate(&login).await.is_ok());
    fixture.users.away.store(true, Ordering::SeqCst);
    assert!(fixture.authenticate(&login).await.is_ok());
    fixture.guard.inner().entries.forget_user(&fixture.id);
    assert!(matches!(fixture.authenticate(&other).await, Err(Denial::Failed(_))));
    fixture.users.away.store(false, Ordering::SeqCst);
    assert!(fixture.authenticate(&other).await.is_ok());
    fixture.users.away.store(true, Ordering::SeqCst);
    fixture.clock.advance(Duration::from_secs(30));
    assert!(matches!(fixture.authenticate(&login).await, Err(Denial::Failed(_))));
}

#[tokio::test]
async fn a_changed_role_holds_once_it_is_told() {
    let fixture = fixture(hash_of_cost(5)).await;
    let login = fixture.log_in().await.unwrap();
    assert_eq!(fixture.authenticate(&login).await.unwrap().role(), "user");
    let change = UserChange { role: Some(Role::known("admin")), ..UserChange::default() };
    fixture.users.store.update(&fixture.id, change).await.unwrap();
    fixture.guard.user_changed(&fixture.id).await.unwrap();
    assert_eq!(fixture.authenticate(&login).await.unwrap().role(), "admin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn log_ins_that_renew_a_hash_at_the_same_time_all_succeed() {
    let fixture = Arc::new(fixture(hash_of_cost(4)).await);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.log_in().await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let user = UserStore::find(&fixture.users.store, &fixture.id).await.unwrap().unwrap();
    assert!(!Bcrypt::with_insecure_cost(5).is_outdated(user.password_hash.as_str()));
}

#[tokio::test]
async fn a_stored_text_that_is_no_hash_is_a_wrong_password() {
    for text in ["!", "{sso}", "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"] {
        let fixture = fixture(PasswordHash::from(text.to_owned())).await;
        assert!(matches!(fixture.log_in().await, Err(Error::InvalidCredentials)), "{text}");
    }
}

#[tokio::test]
async fn a_password_change_ends_every_older_session() {
    let fixture = fixture(hash_of_cost(5)).await;
    let (old, other) = (fixture.log_in().await.unwrap(), fixture.log_in().await.unwrap());
    let caller = fixture.authenticate(&old).await.unwrap();
    let change =
        fixture.guard.change_password(caller, PASSWORD.into(), "battery staple".into(), Device::default());
    let fresh = change.await.unwrap();
    assert!(fixture.authenticate(&fresh).await.is_ok());
    assert!(fixture.authenticate(&old).await.is_err() && fixture.authenticate(&other).await.is_err());
    assert!(matches!(fixture.log_in().await, Err(Error::InvalidCredentials)));
}
