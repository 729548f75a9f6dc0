//! `full-app policies …`: rules to and from Casbin's CSV files.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use anyhow::Context as _;
use guardrail::{Guardrail, SigningKey, policy::csv};
use secrecy::ExposeSecret as _;

use crate::{
    random,
    settings::{PoliciesCommand, Settings},
    start::open,
};

/// Does what the command says.
pub(crate) async fn run(settings: &Settings, command: PoliciesCommand) -> anyhow::Result<()> {
    // Before the database is touched.
    let import = match &command {
        PoliciesCommand::Import { file, .. } => csv::read(&read(file)?).with_context(|| show(file))?,
        PoliciesCommand::Export { .. } => Vec::new(),
    };
    let store = open(settings).await?;
    // It signs nobody in: any key will do.
    let key = SigningKey::hs256(random::text::<48>()?.expose_secret())?;
    let guard = Guardrail::builder().signing_key(key).store(store.clone()).build().await?;
    let outcome = match command {
        PoliciesCommand::Export { file } => export(&guard, file.as_deref()),
        PoliciesCommand::Import { file: _, replace, force } => {
            let (added, removed) = match (replace, force) {
                (false, _) => (guard.add_rules(import).await?, 0),
                (true, false) => guard.replace_rules(import).await?,
                (true, true) => guard.force_replace_rules(import).await?,
            };
            writeln!(io::stdout(), "{added} rules added, {removed} removed").context("standard output")
        }
    };
    guard.shutdown().await;
    store.close().await;
    outcome
}

fn export(guard: &Guardrail, file: Option<&Path>) -> anyhow::Result<()> {
    let mut rules: Vec<_> = guard.rules().iter().collect();
    rules.sort();
    let text = csv::write(&rules);
    match file {
        Some(file) => fs::write(file, text).with_context(|| show(file)),
        None => io::stdout().write_all(text.as_bytes()).context("standard output"),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = fs::read_to_string(file).with_context(|| show(file))?;
    }
    Ok(text)
}

fn show(file: &Path) -> String {
    file.display().to_string()
}
