//! Counting tests from what `cargo test` prints.
//!
//! The totals are those that each test program states at its end. The tests of a store are counted one by one, by
//! their lines: a test belongs to a store if its path, or the name of its program, contains the store's name.
//! Documentation tests belong to none, having no path; nor do the tests of this program, which speak of stores but
//! test none.

use std::fmt;

const STORES: [&str; 3] = ["memory", "sqlite", "postgres"];

/// What a run of `cargo test` did, as far as its output was read.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Tests that ran, for each of [`STORES`].
    stores: [usize; STORES.len()],
    /// The program whose tests are being printed.
    program: String,
    /// A test whose line was broken by the output of another process, before its outcome.
    pending: Option<String>,
    /// The line not yet ended.
    line: Vec<u8>,
}

impl Tally {
    /// Reads on; lines may be cut anywhere.
    pub(crate) fn read(&mut self, output: &[u8]) {
        for &byte in output {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.read_line(&without_escapes(&String::from_utf8_lossy(&line)));
            } else {
                self.line.push(byte);
            }
        }
    }

    /// How many tests passed or failed.
    pub(crate) fn ran(&self) -> usize {
        self.passed + self.failed
    }

    /// The first store for which no test ran.
    pub(crate) fn store_without_tests(&self) -> Option<&'static str> {
        STORES.into_iter().zip(self.stores).find_map(|(store, count)| (count == 0).then_some(store))
    }

    fn read_line(&mut self, line: &str) {
        if let Some(program) = program(line) {
            program.clone_into(&mut self.program);
        } else if let Some([passed, failed, ignored]) = totals(line) {
            self.passed += passed;
            self.failed += failed;
            self.ignored += ignored;
        } else if let Some((name, outcome)) = test(line) {
            if is_outcome(outcome) {
                self.count(name, outcome);
            } else {
                self.pending = Some(name.to_owned());
            }
        } else if is_outcome(line)
            && let Some(name) = self.pending.take()
        {
            self.count(&name, line);
        }
    }

    fn count(&mut self, name: &str, outcome: &str) {
        if outcome.starts_with("ignored") || !is_path(name) || self.program == env!("CARGO_PKG_NAME") {
            return;
        }
        for (store, count) in STORES.into_iter().zip(&mut self.stores) {
            if name.contains(store) || self.program.contains(store) {
                *count += 1;
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, ignored, .. } = self;
        writeln!(f, "tests: {passed} passed, {failed} failed, {ignored} ignored")?;
        let stores = STORES.into_iter().zip(self.stores).map(|(store, count)| format!("{store} {count}"));
        write!(f, "stores: {}", stores.collect::<Vec<_>>().join(", "))
    }
}

/// The name of the program that Cargo announces: `     Running tests/sqlite.rs (target/debug/deps/sqlite-0a1b)`.
/// For documentation tests, `   Doc-tests guardrail`, it is empty.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("Doc-tests ") {
        return Some("");
    }
    let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once(" (")?;
    let file = path.rsplit(['/', '\\']).next()?;
    file.rsplit_once('-').map(|(name, _hash)| name)
}

/// The numbers in `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn totals(line: &str) -> Option<[usize; 3]> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what| counts.split(';').find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some([count("passed")?, count("failed")?, count("ignored")?])
}

/// The name and the outcome in `test path::name ... ok`.
fn test(line: &str) -> Option<(&str, &str)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((name.strip_suffix(" - should panic").unwrap_or(name), outcome))
}

fn is_outcome(text: &str) -> bool {
    ["ok", "FAILED", "ignored"].contains(&text) || text.starts_with("ignored, ")
}

/// Whether `name` is a function's path, not a file as of a documentation or a compile-fail test.
fn is_path(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':')
}

/// `line` without the escape sequences that colour it.
fn without_escapes(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            text.push(c);
            continue;
        }
        match chars.next() {
            // Ends at its first letter.
            Some('[') => drop(chars.find(char::is_ascii_alphabetic)),
            // The choice of a character set, part of a terminal's reset.
            Some('(') => drop(chars.next()),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        tally.read(output.as_bytes());
        tally
    }

    #[test]
    fn counts_totals_and_stores() {
        let tally = tally(
            "     Running unittests src/lib.rs (target/debug/deps/guardrail-0a1b2c3d)\n\
             \n\
             running 3 tests\n\
             test storage::memory::tests::finds ... ok\n\
             test id::tests::order ... FAILED\n\
             test storage::memory::tests::slow ... ignored, too slow\n\
             \n\
             test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             \x20    Running tests/sqlite.rs (target/debug/deps/sqlite-0a1b2c3d)\n\
             test rotation ... ok\n\
             test rejects - should panic ... ok\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(
            tally.to_string(),
            "tests: 3 passed, 1 failed, 1 ignored\nstores: memory 1, sqlite 2, postgres 0"
        );
        assert_eq!(tally.ran(), 4);
        assert_eq!(tally.store_without_tests(), Some("postgres"));
    }

    #[test]
    fn a_failed_test_of_a_store_did_run() {
        assert_eq!(tally("test postgres::races ... FAILED\n").stores, [0, 0, 1]);
    }

    #[test]
    fn documentation_and_compile_fail_tests_belong_to_no_store() {
        let tally = tally(
            "     Running tests/sqlite.rs (target/debug/deps/sqlite-0a1b2c3d)\n\
             \x20  Doc-tests guardrail_sqlx\n\
             test src/postgres/mod.rs - postgres::connect (line 12) ... ok\n\
             test src/lib.rs - connect (line 3) - compile ... ok\n\
             test tests/ui/memory.rs ... ok\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(tally.stores, [0; 3]);
        assert_eq!(tally.ran(), 3);
    }

    #[test]
    fn tests_of_this_program_belong_to_no_store() {
        let tally = tally(
            "     Running unittests src/main.rs (/postgres/debug/deps/xtask-0a1b2c3d)\n\
             test postgres::find::tests::order ... ok\n",
        );
        assert_eq!(tally.stores, [0; 3]);
    }

    #[test]
    fn folder_of_a_program_does_not_count() {
        let tally = tally(
            "     Running unittests src/lib.rs (/memory/debug/deps/full_app-0a1b2c3d)\n\
             test router::paths ... ok\n",
        );
        assert_eq!(tally.stores, [0; 3]);
    }

    #[test]
    fn reads_across_cuts_and_colours() {
        let output =
            "\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/postgres.rs (target/debug/deps/postgres-0a1b)\n\
                      test rotation ... \u{1b}[32mok\u{1b}(B\u{1b}[m\n\
                      test result: \u{1b}[32mok\u{1b}[m. 1 passed; 0 failed; 0 ignored; 0 measured\n"
                .replace("\u{1b}(B", "");
        let mut tally = Tally::default();
        for byte in output.bytes() {
            tally.read(&[byte]);
        }
        assert_eq!(tally.stores, [0, 0, 1]);
        assert_eq!(tally.ran(), 1);
    }

    #[test]
    fn a_line_broken_by_other_output_counts_once() {
        let tally = tally("test memory::races ... WARN the store is away\nok\nok\n");
        assert_eq!(tally.stores, [1, 0, 0]);
    }
}
