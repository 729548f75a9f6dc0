//! The cases of a [`UserAdmin`](crate::storage::UserAdmin).

use std::sync::Arc;

use super::{
    SharedUserAdmin,
    fixture::{created, new_user, race},
};
use crate::{
    AuthUser, NewUser, Role, UserId,
    storage::{Bootstrap, CreateUser, UpdateUser, UserAdmin as _, UserChange, UserStore as _},
};

fn role(name: &str) -> Role {
    name.parse().unwrap()
}

/// Creates `<name>@example.com`.
async fn create<U: AuthUser>(store: &impl SharedUserAdmin<U>, name: &str, role: &str) -> U {
    created(store.create(new_user(name, role)).await.unwrap())
}

/// The keys of all users, in the store's order.
async fn keys<U: AuthUser>(store: &impl SharedUserAdmin<U>) -> Vec<UserId> {
    store.list(None, 1_000).await.unwrap().iter().map(AuthUser::id).collect()
}

/// A new user is active, has the role and the hash that were given, and is found by key and for log-in.
pub async fn a_new_user_is_found<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "editor").await;
    let bob = create(&store, "bob", "member").await;
    assert_ne!(ada.id(), bob.id());
    for found in [
        Some(ada.clone()),
        store.find(&ada.id()).await.unwrap(),
        store.find_for_login("ada@example.com").await.unwrap(),
    ] {
        let found = found.unwrap();
        assert_eq!(found.id(), ada.id());
        assert_eq!((found.role(), found.is_active()), ("editor", true));
        assert_eq!(found.password_hash(), Some("$2b$12$hash-of-ada"));
    }
}

/// An e-mail address belongs to one user, however it was spelled by the client.
pub async fn a_taken_email_is_refused<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    create(&store, "ada", "member").await;
    let again = NewUser { email: " ADA@Example.com".parse().unwrap(), ..new_user("ada-two", "member") };
    assert!(matches!(store.create(again).await.unwrap(), CreateUser::EmailTaken));
}

/// A user name belongs to one user, in any letter case and script.
pub async fn a_taken_username_is_refused_in_any_letter_case<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    for (number, (first, second)) in
        [("Ada", "aDA"), ("ada lovelace", "Ada Lovelace"), ("Élodie", "éLODIE"), ("ДАНА", "дана")]
            .into_iter()
            .enumerate()
    {
        let named = |name: &str, email: &str| NewUser {
            username: name.parse().unwrap(),
            ..new_user(&format!("{email}{number}"), "member")
        };
        created(store.create(named(first, "first")).await.unwrap());
        let outcome = store.create(named(second, "second")).await.unwrap();
        assert!(matches!(outcome, CreateUser::UsernameTaken), "{second}");
    }
}

/// What was refused is not there, and its free half can be used.
pub async fn a_refused_user_leaves_nothing<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "member").await;
    let half = NewUser { username: "ada".parse().unwrap(), ..new_user("bob", "admin") };
    assert!(matches!(store.create(half).await.unwrap(), CreateUser::UsernameTaken));
    let half = NewUser { email: "ada@example.com".parse().unwrap(), ..new_user("bob", "admin") };
    assert!(matches!(store.create(half).await.unwrap(), CreateUser::EmailTaken));

    assert_eq!(keys(&store).await, [ada.id()]);
    assert!(store.find_for_login("bob@example.com").await.unwrap().is_none());
    assert_eq!(store.find(&ada.id()).await.unwrap().unwrap().role(), "member");
    create(&store, "bob", "member").await;
}

/// Of thirty callers that register one e-mail address exactly one does.
pub async fn one_of_many_users_with_one_email_is_created<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let store = Arc::new(store);
    let outcomes = race(&store, 30, |store, task| async move {
        let username = format!("ada-{task}").parse().unwrap();
        match store.create(NewUser { username, ..new_user("ada", "member") }).await.unwrap() {
            CreateUser::Created(user) => Some(user.id()),
            CreateUser::EmailTaken => None,
            CreateUser::UsernameTaken => panic!("every user name is another"),
        }
    })
    .await;
    let winners: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(keys(&*store).await, winners);
}

/// Of thirty callers that register one user name, in two letter cases, exactly one does.
pub async fn one_of_many_users_with_one_username_is_created<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let store = Arc::new(store);
    let outcomes = race(&store, 30, |store, task| async move {
        let username = if task % 2 == 0 { "ada" } else { "ADA" }.parse().unwrap();
        match store.create(NewUser { username, ..new_user(&format!("ada{task}"), "member") }).await.unwrap() {
            CreateUser::Created(user) => Some(user.id()),
            CreateUser::UsernameTaken => None,
            CreateUser::EmailTaken => panic!("every e-mail address is another"),
        }
    })
    .await;
    let winners: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(keys(&*store).await, winners);
}

/// The first administrator is created, a second one is not.
pub async fn the_first_administrator_is_created_once<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    create(&store, "ada", "member").await;
    assert!(store.needs_bootstrap(&role("admin")).await.unwrap());
    let Bootstrap::Created(first) = store.bootstrap(new_user("root", "admin")).await.unwrap() else {
        panic!("the first administrator should be created");
    };
    assert_eq!((first.role(), first.is_active()), ("admin", true));
    assert_eq!(store.find_for_login("root@example.com").await.unwrap().unwrap().id(), first.id());

    assert!(!store.needs_bootstrap(&role("admin")).await.unwrap());
    for name in ["root", "root-two"] {
        assert!(matches!(store.bootstrap(new_user(name, "admin")).await.unwrap(), Bootstrap::NotNeeded));
    }
    assert_eq!(keys(&store).await.len(), 2);
}

/// Of twenty nodes that start together exactly one creates the administrator; the others find it not needed.
pub async fn one_of_many_bootstraps_creates_the_administrator<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let store = Arc::new(store);
    let outcomes = race(&store, 20, |store, task| async move {
        // Also nodes that are configured differently.
        let name = if task % 2 == 0 { "root".to_owned() } else { format!("root-{task}") };
        match store.bootstrap(new_user(&name, "admin")).await.unwrap() {
            Bootstrap::Created(user) => Some(user.id()),
            Bootstrap::NotNeeded => None,
            Bootstrap::Taken => panic!("whoever has the name is the administrator"),
        }
    })
    .await;
    let winners: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(keys(&*store).await, winners);
}

/// Where somebody has the role already nobody is created.
pub async fn no_bootstrap_beside_an_administrator<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "admin").await;
    assert!(!store.needs_bootstrap(&role("admin")).await.unwrap());
    assert!(matches!(store.bootstrap(new_user("root", "admin")).await.unwrap(), Bootstrap::NotNeeded));
    assert_eq!(keys(&store).await, [ada.id()]);
}

/// The store remembers that it happened: whoever takes the role from the first administrator does not get a second
/// one with the configured password at the next start.
pub async fn bootstrap_happens_once_even_if_its_user_is_demoted<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let Bootstrap::Created(first) = store.bootstrap(new_user("root", "admin")).await.unwrap() else {
        panic!("the first administrator should be created");
    };
    let demotion = UserChange { role: Some(role("member")), ..UserChange::default() };
    store.update(&first.id(), demotion).await.unwrap().updated().unwrap();
    assert!(!store.needs_bootstrap(&role("admin")).await.unwrap());
    assert!(matches!(store.bootstrap(new_user("root-two", "admin")).await.unwrap(), Bootstrap::NotNeeded));
}

/// Somebody who registered the administrator's address or name before is not made administrator.
pub async fn bootstrap_refuses_the_email_of_another_user<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let squatter = create(&store, "root", "member").await;
    let same_name = NewUser { email: "other@example.com".parse().unwrap(), ..new_user("root", "admin") };
    let same_email = NewUser { username: "other".parse().unwrap(), ..new_user("root", "admin") };
    for user in [same_name, same_email] {
        assert!(matches!(store.bootstrap(user).await.unwrap(), Bootstrap::Taken));
    }
    assert_eq!(store.find(&squatter.id()).await.unwrap().unwrap().role(), "member");
    assert_eq!(keys(&store).await, [squatter.id()]);
}

/// A bootstrap that failed for a taken address does not count as done.
pub async fn a_refused_bootstrap_can_be_repeated<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    create(&store, "root", "member").await;
    assert!(matches!(store.bootstrap(new_user("root", "admin")).await.unwrap(), Bootstrap::Taken));
    assert!(store.needs_bootstrap(&role("admin")).await.unwrap());
    assert!(matches!(store.bootstrap(new_user("root-two", "admin")).await.unwrap(), Bootstrap::Created(_)));
}

/// Pages of any size have every user once, in one order.
pub async fn the_list_has_every_user_once<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(create(&store, &format!("user{number}"), "member").await.id());
    }
    let all = keys(&store).await;
    let (mut sorted, mut expected) = (all.clone(), made);
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);

    for size in [1, 2, 3, 7, 8] {
        let mut pages = Vec::new();
        loop {
            let page = store.list(pages.last(), size).await.unwrap();
            assert!(page.len() <= size);
            if page.is_empty() {
                break;
            }
            pages.extend(page.iter().map(AuthUser::id));
        }
        assert_eq!(pages, all, "in pages of {size}");
    }
    assert!(store.list(None, 0).await.unwrap().is_empty());
}

/// A page goes on where the one before ended, whoever is added meanwhile.
pub async fn pages_stay_in_order_while_users_are_added<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    for number in 0..4 {
        create(&store, &format!("user{number}"), "member").await;
    }
    let before = keys(&store).await;
    let first: Vec<_> = store.list(None, 2).await.unwrap().iter().map(AuthUser::id).collect();
    assert_eq!(first, before[..2]);
    create(&store, "newcomer", "member").await;
    let rest: Vec<_> = store.list(first.last(), 100).await.unwrap().iter().map(AuthUser::id).collect();
    assert!(rest.iter().all(|id| !first.contains(id)), "nobody comes twice");
    assert!(before[2..].iter().all(|id| rest.contains(id)), "nobody is left out");
}

/// Applies `change` and checks what the user then is, as returned and as stored.
async fn changed<U: AuthUser>(
    store: &impl SharedUserAdmin<U>,
    id: &UserId,
    change: UserChange,
) -> (String, bool) {
    let returned = store.update(id, change).await.unwrap().updated().unwrap();
    let stored = store.find(id).await.unwrap().unwrap();
    assert_eq!((returned.id(), stored.id()), (id.clone(), id.clone()));
    assert_eq!((returned.role(), returned.is_active()), (stored.role(), stored.is_active()));
    (stored.role().to_owned(), stored.is_active())
}

/// A role changes and activity stays, for this user only.
pub async fn a_role_changes_alone<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let (ada, bob) = (create(&store, "ada", "member").await, create(&store, "bob", "member").await);
    let change = |name| UserChange { role: Some(role(name)), ..UserChange::default() };
    assert_eq!(changed(&store, &ada.id(), change("editor")).await, ("editor".to_owned(), true));
    changed(&store, &ada.id(), UserChange { is_active: Some(false), ..UserChange::default() }).await;
    assert_eq!(changed(&store, &ada.id(), change("member")).await, ("member".to_owned(), false));
    assert_eq!(store.find(&bob.id()).await.unwrap().unwrap().role(), "member");
}

/// Activity changes and the role stays, for this user only.
pub async fn activity_changes_alone<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let (ada, bob) = (create(&store, "ada", "editor").await, create(&store, "bob", "member").await);
    for is_active in [false, false, true] {
        let change = UserChange { is_active: Some(is_active), ..UserChange::default() };
        assert_eq!(changed(&store, &ada.id(), change).await, ("editor".to_owned(), is_active));
    }
    assert!(store.find(&bob.id()).await.unwrap().unwrap().is_active());
}

/// Both change in one step.
pub async fn role_and_activity_change_together<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "member").await;
    let change = UserChange { role: Some(role("admin")), is_active: Some(false), ..UserChange::default() };
    assert_eq!(changed(&store, &ada.id(), change).await, ("admin".to_owned(), false));
}

/// An empty change returns the user as it is.
pub async fn a_change_of_nothing_changes_nothing<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "editor").await;
    assert_eq!(changed(&store, &ada.id(), UserChange::default()).await, ("editor".to_owned(), true));
}

/// A change of nobody is `None`, and creates nobody.
pub async fn an_unknown_user_is_not_changed<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    for id in ["4815162342", "00000000-0000-0000-0000-000000000000", "not-a-key"] {
        let id = id.parse::<UserId>().unwrap();
        let change = UserChange { role: Some(role("admin")), ..UserChange::default() };
        for change in [change, UserChange::default()] {
            assert!(store.update(&id, change).await.unwrap().updated().is_none(), "{id}");
        }
    }
    assert!(keys(&store).await.is_empty());
}

/// A change of the role and one of activity at the same time both stay: neither writes back what it had read.
pub async fn concurrent_changes_of_different_fields_both_stay<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let store = Arc::new(store);
    for round in 0..20 {
        let id = create(&*store, &format!("user{round}"), "member").await.id();
        race(&store, 2, |store, task| {
            let id = id.clone();
            async move {
                let change = if task == 0 {
                    UserChange { role: Some(role("editor")), ..UserChange::default() }
                } else {
                    UserChange { is_active: Some(false), ..UserChange::default() }
                };
                store.update(&id, change).await.unwrap().updated().unwrap();
            }
        })
        .await;
        let user = store.find(&id).await.unwrap().unwrap();
        assert_eq!((user.role(), user.is_active()), ("editor", false));
    }
}

/// Takes the role that must not be lost from a user, or disables the user.
fn losing(task: usize) -> UserChange {
    let keep = vec![role("admin"), role("root")];
    if task.is_multiple_of(2) {
        UserChange { role: Some(role("member")), keep, ..UserChange::default() }
    } else {
        UserChange { is_active: Some(false), keep, ..UserChange::default() }
    }
}

/// The last active user with one of the roles to keep is not changed; who is not the last one is.
pub async fn the_last_one_of_a_role_stays<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let (admin, root) = (create(&store, "ada", "admin").await, create(&store, "bob", "root").await);
    let disabled = create(&store, "eve", "admin").await;
    changed(&store, &disabled.id(), UserChange { is_active: Some(false), ..UserChange::default() }).await;
    create(&store, "dan", "member").await;
    assert_eq!(changed(&store, &root.id(), losing(0)).await, ("member".to_owned(), true));
    for task in 0..2 {
        assert!(matches!(store.update(&admin.id(), losing(task)).await.unwrap(), UpdateUser::LastOne));
        let stored = store.find(&admin.id()).await.unwrap().unwrap();
        assert_eq!((stored.role(), stored.is_active()), ("admin", true));
    }
    // From one of the roles to another nothing is lost, nor by whoever had none, nor without the condition.
    let promoted = UserChange { role: Some(role("root")), ..losing(0) };
    assert_eq!(changed(&store, &admin.id(), promoted).await, ("root".to_owned(), true));
    assert_eq!(changed(&store, &disabled.id(), losing(0)).await, ("member".to_owned(), false));
    assert!(matches!(
        store.update(&"nobody".parse().unwrap(), losing(0)).await.unwrap(),
        UpdateUser::Unknown
    ));
    let anyway = UserChange { keep: Vec::new(), ..losing(1) };
    assert_eq!(changed(&store, &admin.id(), anyway).await, ("root".to_owned(), false));
}

/// Of the last two, who take each other's role at the same time, one stays.
pub async fn of_the_last_two_one_stays<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let store = Arc::new(store);
    let names = ["ada", "bob"];
    for name in names {
        create(&*store, name, "admin").await;
    }
    let ids = keys(&*store).await;
    for round in 0..20 {
        let outcomes = race(&store, 2, |store, task| {
            let id = ids[task].clone();
            async move { store.update(&id, losing(round + task)).await.unwrap() }
        })
        .await;
        let refused = outcomes.iter().filter(|it| matches!(it, UpdateUser::LastOne)).count();
        assert_eq!(refused, 1, "round {round}");
        assert!(store.any_active(&[role("root"), role("admin")], None).await.unwrap());
        for id in &ids {
            let again =
                UserChange { role: Some(role("admin")), is_active: Some(true), ..UserChange::default() };
            changed(&*store, id, again).await;
        }
    }
}

/// Who is disabled does not count, and many roles are looked for at once.
pub async fn active_users_with_a_role_are_looked_for<U: AuthUser>(store: impl SharedUserAdmin<U>) {
    let ada = create(&store, "ada", "editor").await;
    let many: Vec<_> = (0..2_500).map(|number| role(&format!("r{number}"))).collect();
    assert!(!store.any_active(&[], None).await.unwrap());
    assert!(!store.any_active(&[role("admin"), role("edito")], None).await.unwrap());
    assert!(!store.any_active(&many, None).await.unwrap());
    assert!(store.any_active(&[&many[..], &[role("editor")]].concat(), None).await.unwrap());
    assert!(!store.any_active(&[role("editor")], Some(&ada.id())).await.unwrap());
    let bob = create(&store, "bob", "editor").await;
    assert!(store.any_active(&[role("editor")], Some(&ada.id())).await.unwrap());
    for id in [ada.id(), bob.id()] {
        changed(&store, &id, UserChange { is_active: Some(false), ..UserChange::default() }).await;
    }
    assert!(!store.any_active(&[role("editor")], None).await.unwrap());
}
