//! The servers under measurement: the same route, guarded in different ways.

mod axum_casbin;
mod axum_login;
mod bare;
mod by_hand;
mod guardrail;

use std::net::Ipv4Addr;

pub(crate) use self::guardrail::{EMAIL, PASSWORD, open};

use anyhow::Result;
use axum::{Json, Router, serve::ListenerExt as _};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::{cores, process::Ready};

/// What stands before the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guarding {
    /// Nothing.
    Bare,
    /// Token, cookie, session, user and permission.
    Guardrail,
    /// What one writes with jsonwebtoken, cookie and Casbin's cached enforcer: token, cookie and permission.
    ByHand,
    /// axum-login on tower-sessions: session, user and permission.
    AxumLogin,
    /// The token and cookie of the hand-written one, then axum-casbin.
    AxumCasbin,
}

/// How a SQLite file is synchronized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Synchronous {
    Full,
    Normal,
}

/// A server.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[arg(long, value_enum)]
    pub(crate) guarding: Guarding,
    /// How many rules there are.
    #[arg(long, default_value_t = 10)]
    pub(crate) rules: usize,
    /// Where Guardrail keeps everything; in memory without it.
    #[arg(long)]
    pub(crate) store: Option<String>,
    #[arg(long, value_enum, default_value = "full")]
    pub(crate) synchronous: Synchronous,
    /// The cost of passwords.
    #[arg(long, default_value_t = 4)]
    pub(crate) bcrypt: u32,
    /// Use every core, not one.
    #[arg(long)]
    pub(crate) every_core: bool,
    /// The cores to stay on.
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
}

impl Options {
    pub(crate) fn new(guarding: Guarding) -> Self {
        Self {
            guarding,
            rules: 10,
            store: None,
            synchronous: Synchronous::Full,
            bcrypt: 4,
            every_core: false,
            cores: Vec::new(),
        }
    }

    /// As arguments for [`run`]'s process, on these cores.
    pub(crate) fn arguments(&self, cores: &[usize]) -> Vec<String> {
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        let mut arguments = vec![
            format!("--guarding={}", name(self.guarding.to_possible_value())),
            format!("--rules={}", self.rules),
            format!("--synchronous={}", name(self.synchronous.to_possible_value())),
            format!("--bcrypt={}", self.bcrypt),
        ];
        arguments.extend(self.store.as_ref().map(|store| format!("--store={store}")));
        arguments.extend(cores.iter().map(|core| format!("--cores={core}")));
        arguments.extend(self.every_core.then(|| "--every-core".to_owned()));
        arguments
    }
}

/// An application, and what a request to it carries to be let in.
struct App {
    router: Router,
    headers: Vec<(String, String)>,
}

/// Serves until standard input ends.
pub(crate) fn run(options: &Options) -> Result<()> {
    cores::keep_on(&options.cores)?;
    if options.every_core {
        serve(&mut tokio::runtime::Builder::new_multi_thread(), options)
    } else {
        serve(&mut tokio::runtime::Builder::new_current_thread(), options)
    }
}

fn serve(runtime: &mut tokio::runtime::Builder, options: &Options) -> Result<()> {
    runtime.enable_all().build()?.block_on(async {
        let App { router, headers } = match options.guarding {
            Guarding::Bare => bare::app(),
            Guarding::Guardrail => guardrail::app(options).await?,
            Guarding::ByHand => by_hand::app(options).await?,
            Guarding::AxumLogin => axum_login::app().await?,
            Guarding::AxumCasbin => axum_casbin::app(options).await?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let ready = Ready { address: listener.local_addr()?, headers };
        println!("{}", serde_json::to_string(&ready)?);
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            outcome = axum::serve(listener, router) => outcome?,
            _ = end_of_input() => {}
        }
        Ok(())
    })
}

async fn end_of_input() {
    let mut nothing = [0; 1];
    while let Ok(1..) = tokio::io::stdin().read(&mut nothing).await {}
}

/// What every server answers.
#[derive(Debug, Serialize)]
struct Post {
    id: u64,
    title: &'static str,
}

/// The route's answer.
fn post(id: u64) -> Json<Post> {
    Json(Post { id, title: "How fast is it?" })
}

/// The path of the route, and that of one which the caller may not read.
const PATH: &str = "/api/posts/{id}";
const FORBIDDEN_PATH: &str = "/api/secrets/{id}";
