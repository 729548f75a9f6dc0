//! Which packages the workspace publishes, and which features they have.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::cargo::cargo;

/// A package of the workspace that is meant for others to use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Library {
    pub(crate) name: String,
    /// Its features, in alphabetical order; those that a dependency declares by being optional too.
    pub(crate) features: Vec<String>,
}

/// The published packages of the workspace.
pub(crate) fn libraries() -> Result<Vec<Library>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", output.status);
    let libraries = parse(&output.stdout)?;
    ensure!(!libraries.is_empty(), "cargo metadata names no package that is published");
    Ok(libraries)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
    /// The registries it may go to; absent means any, and `publish = false` is an empty list.
    publish: Option<Vec<String>>,
}

fn parse(metadata: &[u8]) -> Result<Vec<Library>> {
    let metadata: Metadata =
        serde_json::from_slice(metadata).context("cannot read what cargo metadata says")?;
    let published = metadata.packages.into_iter().filter(|package| package.publish != Some(Vec::new()));
    Ok(published
        .map(|package| Library { name: package.name, features: package.features.into_keys().collect() })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_published_packages_are_listed() {
        let metadata = br#"{"packages": [
            {"name": "lib", "version": "1.0.0", "publish": null, "features": {"macros": [], "default": ["macros"]}},
            {"name": "example", "publish": [], "features": {"tls": []}},
            {"name": "plain", "publish": ["ours"], "features": {}}
        ]}"#;
        assert_eq!(
            parse(metadata).unwrap(),
            [
                Library { name: "lib".into(), features: vec!["default".into(), "macros".into()] },
                Library { name: "plain".into(), features: vec![] },
            ]
        );
    }

    #[test]
    fn other_text_is_an_error() {
        assert!(parse(b"error: no manifest").is_err());
    }
}
