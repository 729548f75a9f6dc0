//! Sessions as a model has them, and as the application does, on every store: whatever is asked in whatever order,
//! status and code are what the model says, and so is what is stored in the end.
//!
//! The model is written from the rules, not from the code. Sequences are random; one that differs is shrunk before it
//! is shown. `GUARDRAIL_RACE_ROUNDS` is how many there are, in place of the few of an ordinary run.

mod reference;
mod sequence;

use std::{array, cell::RefCell, time::Duration};

use guardrail::UserId;
use guardrail_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, App, Call, Login, Reply, TestStore};
use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};
use serde_json::{Value, json};
use tokio::{runtime::Handle, task};
use uuid::Uuid;

use self::{
    reference::{ABSOLUTE, Answer, Change, IDLE, Model, Request},
    sequence::{Cookies, OWNERS, Op, USERS, sequences},
};
use crate::races::rounds;

on_every_store!(any_sequence_of_requests_is_answered_as_the_model_says);

async fn any_sequence_of_requests_is_answered_as_the_model_says(store: TestStore) {
    let world = World::on(&store).await;
    let config = ProptestConfig {
        cases: rounds(32).len().try_into().unwrap(),
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let runtime = Handle::current();
    let outcome = task::block_in_place(|| {
        TestRunner::new(config).run(&sequences(), |ops| runtime.block_on(play(&world, &ops)))
    });
    outcome.unwrap_or_else(|difference| panic!("{difference}"));
}

async fn play(world: &World, ops: &[Op]) -> TestCaseResult {
    let mut game = Game::begin(world).await;
    let log_ins = (0..OWNERS.len()).map(|device| Op::LogIn { device, cookies: Cookies::Nothing });
    for op in log_ins.chain(ops.iter().copied()) {
        game.step(op).await?;
    }
    game.compare().await
}

/// What all sequences share: the application, and users, who begin each one without a session.
struct World {
    app: App,
    admin: UserId,
    users: Vec<UserId>,
    passwords: [RefCell<String>; USERS],
}

impl World {
    async fn on(store: &TestStore) -> Self {
        let lasting = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let app = App::with(store, |builder| {
            builder.refresh_token_ttl(lasting(IDLE)).session_absolute_ttl(lasting(ABSOLUTE))
        });
        let app = app.await;
        let admin = app.log_in_as_admin().await.user_id.parse().unwrap();
        let mut users = Vec::new();
        for user in 0..USERS {
            users.push(app.register_and_log_in(user).await.user_id.parse().unwrap());
        }
        let passwords = array::from_fn(|user| RefCell::new(App::password(user)));
        Self { app, admin, users, passwords }
    }

    async fn change(&self, user: usize, change: &Value) {
        let admin = self.app.log_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        let path = format!("/api/users/{}", self.users[user]);
        self.app.patch(&path).by(&admin).json(change).send().await.expect(200);
    }
}

/// What a client has of one session.
struct Client {
    family: Uuid,
    cookie: String,
    refresh_tokens: Vec<String>,
    access_tokens: Vec<String>,
}

/// One sequence: the model, and a client for each of its sessions.
struct Game<'a> {
    world: &'a World,
    model: Model,
    clients: Vec<Client>,
    /// The session that each device has, or had last.
    devices: [usize; OWNERS.len()],
}

impl<'a> Game<'a> {
    async fn begin(world: &'a World) -> Self {
        for user in world.users.iter().chain([&world.admin]) {
            world.app.guard.end_sessions_of(user).await.unwrap();
        }
        for user in 0..USERS {
            world.change(user, &json!({ "role": "user", "is_active": true })).await;
        }
        Self { world, model: Model::new(USERS), clients: Vec::new(), devices: [0; OWNERS.len()] }
    }

    async fn step(&mut self, op: Op) -> TestCaseResult {
        let app = &self.world.app;
        match op {
            Op::Ask { device, age, cookies, what } => self.ask(op, device, age, cookies, what).await?,
            Op::Refresh { device, age, cookies } => {
                let (id, cookies) = (self.devices[device], self.sessions(cookies, device));
                let tokens = &self.clients[id].refresh_tokens;
                let generation = ago(age, tokens);
                let body = json!({ "refresh_token": tokens[generation] });
                let reply = self.send(app.post("/api/refresh").json(&body), &cookies).await;
                if agree(op, &reply, self.model.refresh(id, generation, &cookies))? {
                    self.refreshed(id, &reply)?;
                }
            }
            Op::LogIn { device, cookies } => {
                let user = OWNERS[device];
                // A known device that is refused again and again has to wait, of which the model knows nothing.
                let presents = self.model.is_active(user);
                let cookies = if presents { self.sessions(cookies, device) } else { Vec::new() };
                let password = self.world.passwords[user].borrow().clone();
                let body = json!({ "email": App::email(user), "password": password });
                let reply = self.send(app.post("/api/auth").json(&body), &cookies).await;
                if agree(op, &reply, self.model.log_in(user, &cookies))? {
                    self.begun(device, &reply);
                }
            }
            Op::LogOut { device, age } => {
                let id = self.devices[device];
                let tokens = &self.clients[id].refresh_tokens;
                let generation = ago(age, tokens);
                let reply = app.log_out(&tokens[generation]).send().await;
                agree(op, &reply, self.model.log_out(id, generation))?;
            }
            Op::Change { user, change } => {
                let body = match change {
                    Change::Role(role) => json!({ "role": role }),
                    Change::Active(is_active) => json!({ "is_active": is_active }),
                };
                self.world.change(user, &body).await;
                self.model.change(user, change);
            }
            Op::Wait(seconds) => {
                let by = Duration::from_secs(seconds.unsigned_abs());
                if seconds < 0 {
                    app.clock.step_back(by);
                } else {
                    app.clock.advance(by);
                }
                self.model.wait(seconds);
            }
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        op: Op,
        device: usize,
        age: usize,
        cookies: Cookies,
        what: Request,
    ) -> TestCaseResult {
        let World { app, passwords, .. } = self.world;
        let (id, cookies) = (self.devices[device], self.sessions(cookies, device));
        let password = &passwords[OWNERS[device]];
        let old = password.borrow().clone();
        let new = old.strip_suffix('!').map_or_else(|| format!("{old}!"), str::to_owned);
        let (call, what) = match what {
            Request::Profile => (app.get("/api/profile"), what),
            Request::Users => (app.get("/api/users"), what),
            Request::LogOutEverywhere => (app.post("/api/logout/all"), what),
            Request::End(other) => {
                let other = self.devices[other];
                let path = format!("/api/sessions/{}", self.clients[other].family);
                (app.delete(&path), Request::End(other))
            }
            Request::ChangePassword => {
                let body = json!({ "current_password": old, "new_password": new });
                (app.post("/api/password").json(&body), what)
            }
        };
        let tokens = &self.clients[id].access_tokens;
        let token = ago(age, tokens);
        let reply = self.send(call.bearer(&tokens[token]), &cookies).await;
        let changed = matches!(what, Request::ChangePassword) && reply.status == 200;
        if changed {
            // Whatever the model says: the next sequence signs in with it.
            *password.borrow_mut() = new;
        }
        if agree(op, &reply, self.model.ask(id, token, &cookies, what))? && changed {
            self.begun(device, &reply);
        }
        Ok(())
    }

    /// The sessions whose cookies come along.
    fn sessions(&self, cookies: Cookies, device: usize) -> Vec<usize> {
        let (own, other) = (self.devices[device], self.devices[(device + 1) % OWNERS.len()]);
        match cookies {
            Cookies::Own => vec![own],
            Cookies::Other => vec![other],
            Cookies::Both => vec![other, own],
            Cookies::Nothing => Vec::new(),
            Cookies::TooMany => vec![own; 5],
        }
    }

    async fn send(&self, call: Call, cookies: &[usize]) -> Reply {
        cookies.iter().fold(call, |call, &id| call.cookie(&self.clients[id].cookie)).send().await
    }

    fn begun(&mut self, device: usize, reply: &Reply) {
        let Login { token, refresh_token, family_id: family, cookie, .. } = Login::from_reply(reply);
        let (refresh_tokens, access_tokens) = (vec![refresh_token], vec![token]);
        self.devices[device] = self.clients.len();
        self.clients.push(Client { family, cookie, refresh_tokens, access_tokens });
    }

    /// Takes what a refresh gave: of each generation one token, however often it is given.
    fn refreshed(&mut self, id: usize, reply: &Reply) -> TestCaseResult {
        let body = reply.json();
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        let (client, refresh_token) = (&mut self.clients[id], text("refresh_token"));
        let known = client.refresh_tokens.iter().position(|token| *token == refresh_token);
        let generation = known.unwrap_or(client.refresh_tokens.len());
        if known.is_none() {
            client.refresh_tokens.push(refresh_token);
        }
        client.access_tokens.push(text("token"));
        prop_assert_eq!(generation, self.model.stored(id).generation, "{:?}", reply);
        Ok(())
    }

    /// Compares what is stored.
    async fn compare(&self) -> TestCaseResult {
        let app = &self.world.app;
        let mut live = Vec::new();
        for (id, client) in self.clients.iter().enumerate() {
            let row = app.session(client.family).await;
            let model = self.model.stored(id);
            prop_assert_eq!(row.generation, u64::try_from(model.generation).unwrap(), "{:?}", row);
            prop_assert_eq!(row.revoked.is_some(), model.revoked, "{:?}", row);
            prop_assert_eq!((row.expires_at - row.created_at).num_seconds(), model.lifetime, "{:?}", row);
            if self.model.is_live(id) {
                live.push(row);
            }
        }
        let mut stored = app.contents().await.sessions;
        stored.retain(|row| row.user_id != self.world.admin);
        live.sort_by_key(|row| row.id);
        stored.sort_by_key(|row| row.id);
        prop_assert_eq!(stored, live);
        Ok(())
    }
}

/// The place of what was added so long ago, or first.
fn ago<T>(age: usize, all: &[T]) -> usize {
    (all.len() - 1).saturating_sub(age)
}

/// Whether the request succeeded, if the model says so too.
fn agree(op: Op, reply: &Reply, expected: Answer) -> Result<bool, TestCaseError> {
    let body = reply.json();
    let told = (reply.status, body["code"].as_str().unwrap_or_default());
    prop_assert_eq!(told, expected.err().unwrap_or((200, "")), "{:?}: {:?}", op, reply);
    Ok(expected.is_ok())
}
