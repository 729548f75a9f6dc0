//! The model: what sessions are, as small as it can be said.

/// How long after a rotation its parent is answered, in seconds, as are all times here.
pub(super) const GRACE: i64 = 10;
/// How far ahead an access token's time may lie.
pub(super) const SKEW: i64 = 30;
/// How long an access token holds.
pub(super) const ACCESS: i64 = 30 * 60;
/// How long a session lasts without use, and with any.
pub(super) const IDLE: i64 = 2 * 24 * 60 * 60;
pub(super) const ABSOLUTE: i64 = 3 * 24 * 60 * 60;

/// How many cookies of the name are looked at.
const COOKIES_MAX: usize = 4;

/// Success, or the status and the code of what is said instead.
pub(super) type Answer = Result<(), (u16, &'static str)>;

const ENDED: Answer = Err((401, "session_ended"));
const FINGERPRINT_MISSING: Answer = Err((401, "fingerprint_missing"));

/// What somebody who is signed in asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    Profile,
    Users,
    LogOutEverywhere,
    /// To end one session.
    End(usize),
    ChangePassword,
}

/// What the administrator changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Role(&'static str),
    Active(bool),
}

/// Users, and every session that began, by number.
pub(super) struct Model {
    now: i64,
    users: Vec<User>,
    sessions: Vec<Session>,
}

struct User {
    role: &'static str,
    is_active: bool,
}

struct Session {
    user: usize,
    began: i64,
    expires: i64,
    revoked: bool,
    generation: usize,
    rotated: Option<i64>,
    access_tokens: Vec<AccessToken>,
}

/// What a store has of a session.
pub(super) struct Stored {
    pub(super) generation: usize,
    pub(super) revoked: bool,
    pub(super) lifetime: i64,
}

struct AccessToken {
    issued: i64,
    expires: i64,
}

/// Whose the cookies are that came with a token.
enum Presented {
    Own,
    Others,
    Nothing,
    TooMany,
}

impl Presented {
    fn of(cookies: &[usize], session: usize) -> Self {
        match cookies.len() {
            0 => Self::Nothing,
            1..=COOKIES_MAX if cookies.contains(&session) => Self::Own,
            1..=COOKIES_MAX => Self::Others,
            _ => Self::TooMany,
        }
    }
}

impl Session {
    fn is_live(&self, now: i64) -> bool {
        !self.revoked && now < self.expires
    }

    fn issue(&mut self, now: i64) {
        self.access_tokens.push(AccessToken { issued: now, expires: self.expires.min(now + ACCESS) });
    }
}

impl Model {
    pub(super) fn new(users: usize) -> Self {
        let users = (0..users).map(|_| User { role: "user", is_active: true }).collect();
        Self { now: 0, users, sessions: Vec::new() }
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds;
    }

    pub(super) fn is_active(&self, user: usize) -> bool {
        self.users[user].is_active
    }

    pub(super) fn is_live(&self, session: usize) -> bool {
        self.sessions[session].is_live(self.now)
    }

    pub(super) fn stored(&self, session: usize) -> Stored {
        let Session { generation, revoked, began, expires, .. } = self.sessions[session];
        Stored { generation, revoked, lifetime: expires - began }
    }

    /// A log-in with the right password.
    pub(super) fn log_in(&mut self, user: usize, cookies: &[usize]) -> Answer {
        if !self.users[user].is_active {
            return Err((401, "invalid_credentials"));
        }
        if cookies.len() <= COOKIES_MAX {
            for &replaced in cookies {
                self.sessions[replaced].revoked = true;
            }
        }
        self.begin(user);
        Ok(())
    }

    pub(super) fn refresh(&mut self, id: usize, generation: usize, cookies: &[usize]) -> Answer {
        let (now, session) = (self.now, &mut self.sessions[id]);
        if !session.is_live(now) {
            return ENDED;
        }
        let in_grace = session.rotated.is_some_and(|rotated| (now - rotated).abs() < GRACE);
        let is_current = generation == session.generation;
        let is_parent = generation + 1 == session.generation;
        if !(is_current || is_parent && in_grace) {
            session.revoked = true;
            return ENDED;
        }
        match Presented::of(cookies, id) {
            Presented::Own => {}
            Presented::Nothing => return FINGERPRINT_MISSING,
            Presented::TooMany => return ENDED,
            Presented::Others => {
                session.revoked = true;
                return ENDED;
            }
        }
        if is_current {
            session.generation += 1;
            session.rotated = Some(now);
            session.expires = (now + IDLE).min(session.began + ABSOLUTE);
        }
        session.issue(now);
        Ok(())
    }

    pub(super) fn log_out(&mut self, id: usize, generation: usize) -> Answer {
        let (now, session) = (self.now, &mut self.sessions[id]);
        if !session.is_live(now) {
            return Ok(());
        }
        session.revoked = true;
        if generation + 1 >= session.generation { Ok(()) } else { ENDED }
    }

    /// A request with one of a session's access tokens, which are numbered as they were issued.
    pub(super) fn ask(&mut self, id: usize, token: usize, cookies: &[usize], what: Request) -> Answer {
        let session = &self.sessions[id];
        let (user, token) = (session.user, &session.access_tokens[token]);
        if token.expires <= self.now {
            return Err((401, "token_expired"));
        }
        if token.issued > self.now + SKEW {
            return Err((401, "token_invalid"));
        }
        match Presented::of(cookies, id) {
            Presented::Own if session.is_live(self.now) => {}
            Presented::Nothing => return FINGERPRINT_MISSING,
            _ => return ENDED,
        }
        let may = match self.users[user].role {
            "admin" => true,
            "user" => !matches!(what, Request::Users),
            _ => false,
        };
        if !may {
            return Err((403, "permission_denied"));
        }
        match what {
            Request::Profile | Request::Users => {}
            Request::LogOutEverywhere => self.end_all(user),
            Request::End(other) => {
                let other = &mut self.sessions[other];
                if other.user != user || other.revoked {
                    return Err((404, "not_found"));
                }
                other.revoked = true;
            }
            Request::ChangePassword => {
                self.end_all(user);
                self.begin(user);
            }
        }
        Ok(())
    }

    pub(super) fn change(&mut self, user: usize, change: Change) {
        match change {
            Change::Role(role) => self.users[user].role = role,
            Change::Active(is_active) => self.users[user].is_active = is_active,
        }
        if !self.users[user].is_active {
            self.end_all(user);
        }
    }

    fn begin(&mut self, user: usize) {
        let mut session = Session {
            user,
            began: self.now,
            expires: self.now + IDLE,
            revoked: false,
            generation: 0,
            rotated: None,
            access_tokens: Vec::new(),
        };
        session.issue(self.now);
        self.sessions.push(session);
    }

    fn end_all(&mut self, user: usize) {
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            session.revoked = true;
        }
    }
}
