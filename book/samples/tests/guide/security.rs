//! The table of the security chapter: a row for each requirement, and tests that are there.

use std::{collections::BTreeSet, fs, path::Path};

const CHAPTER: &str = include_str!("../../../src/security.md");

/// How many requirements there are under each letter.
const REQUIREMENTS: [(char, usize); 7] =
    [('C', 12), ('S', 14), ('T', 13), ('R', 7), ('A', 11), ('P', 9), ('X', 8)];

/// Every source of the repository in one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["target", ".git", "node_modules"].contains(&name) {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_requirement_has_a_row() {
    let rows: BTreeSet<_> =
        CHAPTER.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    for (letter, count) in REQUIREMENTS {
        for number in 1..=count {
            assert!(rows.contains(&*format!("{letter}{number}")), "{letter}{number} has no row");
        }
    }
}

#[test]
fn every_test_that_a_row_names_is_there() {
    let mut text = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &mut text);
    let table = CHAPTER.split("\n## ").find(|part| part.starts_with("Requirements")).unwrap();
    let names = table.split('`').skip(1).step_by(2).filter(|name| {
        name.contains('_')
            && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
    });
    let mut count = 0;
    for name in names.filter(|name| name.matches('_').count() > 1) {
        let is_there = ["(", "<"].iter().any(|next| text.contains(&format!("fn {name}{next}")));
        assert!(is_there, "there is no test {name}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}
