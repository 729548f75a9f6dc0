//! The flags and what is said of wrong ones. The environment is the process's own, so it is tested through the
//! binary, in `tests/binary/main.rs`.

use super::*;
use clap::CommandFactory as _;
use std::{collections::BTreeMap, ffi::OsStr};

fn parse(arguments: &[&str]) -> Result<Parsed, WrongSetting> {
    // Flags outdo the environment, where the tests' own variables may be.
    let database: &[_] = if arguments.iter().any(|argument| argument.starts_with("--database-url")) {
        &[]
    } else {
        &["--database-url", "sqlite://app.db"]
    };
    Settings::parse([&["full-app"], database, arguments].concat())
}

fn settings(arguments: &[&str]) -> Settings {
    match parse(arguments).unwrap() {
        Parsed::Settings(settings) => *settings,
        Parsed::Help(text) => panic!("{text}"),
    }
}

fn wrong(arguments: &[&str]) -> String {
    parse(arguments).unwrap_err().to_string()
}

#[test]
fn every_setting_is_checked_and_its_error_has_name_problem_and_example() {
    let cases = [
        ("DATABASE_URL", "mysql://root:hunter2@localhost/app"),
        ("SQLITE_SYNCHRONOUS", "hunter2"),
        ("JWT_SECRET", "hunter2"),
        ("JWT_TTL_IN_MINUTES", "0"),
        ("JWT_TTL_IN_MINUTES", "1441"),
        ("REFRESH_TOKEN_TTL_DAYS", "hunter2"),
        ("SESSION_ABSOLUTE_TTL_DAYS", "366"),
        ("SESSION_CACHE_TTL_SECONDS", "3601"),
        ("REFRESH_TOKEN_ROTATION", "hunter2"),
        ("REFRESH_GRACE_SECONDS", "61"),
        ("REFRESH_TOKEN_FAMILY_LOGOUT", "2"),
        ("BCRYPT_COST", "9"),
        ("BCRYPT_COST", "32"),
        ("INSECURE_BCRYPT_COST", "3"),
        ("ALLOW_REGISTRATION", "maybe"),
        ("PASSWORD_MIN_CHARS", "7"),
        ("RATE_LIMIT_AUTH_PER_MINUTE", "-1"),
        ("RATE_LIMIT_REQUESTS_PER_MINUTE", "hunter2"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,hunter2"),
        ("PROXY_HEADER", "x-real-ip"),
        ("AUDIT_RETENTION_DAYS", "0"),
        ("RECORD_CLIENT_IP", "on"),
        ("COOKIE_SECURE", "hunter2"),
        ("FINGERPRINT_COOKIE_NAME", "a b"),
        ("ADMIN_EMAIL", "admin"),
        ("ADMIN_PASSWORD", "hunter2"),
        ("ADMIN_PASSWORD", "-hunter"),
        ("SERVER_ADDRESS", "localhost"),
        ("SERVER_PORT", "65536"),
        ("METRICS_ADDRESS", "9464"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("RUST_LOG", "guardrail=hunter2"),
        ("LOG_FORMAT", "xml"),
    ];
    for (name, value) in cases {
        let flag = format!("--{}={value}", name.to_lowercase().replace('_', "-"));
        let message = wrong(&[&flag]);
        assert!(message.starts_with(&format!("{name} ")), "{name}: {message}");
        assert!(message.contains(&format!("; for example {name}=")), "{name}: {message}");
        assert!(!message.contains('\n') && !message.contains("hunter"), "{name}: {message}");
    }
}

#[test]
fn the_examples_of_errors_are_right() {
    for name in [
        "trusted-proxies",
        "server-port",
        "metrics-address",
        "log-format",
        "bcrypt-cost",
        "cookie-secure",
        "rust-log",
        "admin-password",
    ] {
        let message = wrong(&[&format!("--{name}=\0")]);
        let (_, example) = message.rsplit_once("; for example ").unwrap();
        let (_, value) = example.split_once('=').unwrap();
        settings(&[&format!("--{name}"), value.trim_matches('\'')]);
    }
}

#[test]
fn booleans_are_written_in_three_ways() {
    for (text, value) in
        [("true", true), ("1", true), ("YES", true), ("False", false), ("0", false), ("no", false)]
    {
        assert_eq!(settings(&["--cookie-secure", text]).cookie_secure, value, "{text}");
    }
}

#[test]
fn postgresql_requires_a_secret() {
    let url = "postgres://app:hunter2@localhost/app";
    let message = wrong(&["--database-url", url]);
    assert!(message.starts_with("JWT_SECRET ") && message.contains("PostgreSQL"), "{message}");
    let settings = settings(&["--database-url", url, "--jwt-secret", "-0123456789abcdef0123456789abcdef"]);
    assert_eq!(settings.database(), Database::Postgres);
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn settings_that_contradict_each_other_are_wrong() {
    assert!(wrong(&["--refresh-token-ttl-days", "91"]).starts_with("SESSION_ABSOLUTE_TTL_DAYS "));
    let host = ["--fingerprint-cookie-name", "__Host-f"];
    assert!(parse(&host).is_ok());
    assert!(
        wrong(&[&host[..], &["--cookie-secure", "false"]].concat()).starts_with("FINGERPRINT_COOKIE_NAME ")
    );
}

#[test]
fn other_arguments_are_not_repeated_unless_they_are_flags() {
    assert!(wrong(&["--server-prot=hunter2"]).starts_with("--server-prot is not known; for example"));
    let command = wrong(&["hunter2"]);
    assert!(command.starts_with("the command is not known") && !command.contains("hunter2"), "{command}");
    assert!(wrong(&["-xhunter2"]).starts_with("an argument is not known"));
    assert!(wrong(&["--jwt-secret"]).starts_with("JWT_SECRET (--jwt-secret) needs a value"));
    assert!(
        wrong(&["--server-port", "1", "--server-port", "2"])
            .starts_with("SERVER_PORT (--server-port) is given twice")
    );
}

#[test]
fn what_is_wrong_with_a_command_is_said_of_it() {
    let algorithms =
        "--algorithm must be `eddsa`, `es256` or `rs256`; for example full-app keys add --algorithm eddsa";
    for (line, says) in [
        ("keys", "`keys` wants a command: list, add, use or remove; for example full-app keys list"),
        ("keys hunter2", "`keys` wants a command: list, add, use or remove; for example full-app keys list"),
        ("policies", "`policies` wants a command: export or import; for example full-app policies export"),
        ("keys add --algorithm hunter2", algorithms),
        (
            "keys add --algorithm",
            "--algorithm needs a value; for example full-app keys add --algorithm VALUE",
        ),
        ("keys use", "KID is missing; for example full-app keys use KID"),
        ("keys remove", "KID is missing; for example full-app keys remove KID"),
        ("policies import", "FILE is missing; for example full-app policies import FILE"),
        (
            "policies import rules.csv --force=hunter2",
            "--force takes no value; for example full-app policies import FILE --force",
        ),
        (
            "policies import rules.csv --replace --replace",
            "--replace is given twice; for example full-app policies import FILE --replace",
        ),
        ("keys list hunter2", "an argument is not known; for example full-app keys list (--help lists all)"),
        (
            "keys list --server-port=1",
            "--server-port belongs before the command; for example full-app --server-port VALUE keys list",
        ),
    ] {
        let arguments: Vec<_> = line.split(' ').collect();
        assert_eq!(wrong(&arguments), says, "{line}");
    }
    let before = wrong(&["--server-port=hunter2", "keys", "list"]);
    assert!(before.starts_with("SERVER_PORT must be a port"), "{before}");
}

#[test]
fn the_kind_of_database_is_seen_in_its_url() {
    let kind = |url| settings(&["--database-url", url]).database();
    assert_eq!(kind("sqlite::memory:"), Database::SqliteInMemory);
    assert_eq!(kind("sqlite://x?mode=memory"), Database::SqliteInMemory);
    assert_eq!(kind("sqlite:app.db?mode=rwc"), Database::SqliteFile("app.db".into()));
    assert_eq!(kind("sqlite:///var/lib/app.db"), Database::SqliteFile("/var/lib/app.db".into()));
}

#[test]
fn help_has_every_setting_and_no_secret() {
    let Parsed::Help(text) = parse(&["--help"]).unwrap() else { panic!("no help") };
    for name in
        ["DATABASE_URL", "JWT_SECRET", "SERVER_PORT", "[default: 8081]", "[default: text]", "ADMIN_PASSWORD"]
    {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
}

#[test]
fn the_file_of_settings_has_each_with_its_default() {
    let command = Settings::command();
    let settings: BTreeMap<_, _> = command
        .get_arguments()
        .filter_map(|argument| {
            let default = argument.get_default_values().first().and_then(|value| value.to_str());
            Some((argument.get_env().and_then(OsStr::to_str)?, default.unwrap_or_default()))
        })
        .collect();
    let file = include_str!("../../../../.env.example");
    let mut there = BTreeMap::new();
    for (name, value) in file.lines().filter_map(|line| line.split_once('=')) {
        let (commented, name) = name.strip_prefix('#').map_or((false, name), |name| (true, name));
        if let Some(default) = settings.get(name) {
            assert!(commented || value == *default, "{name}={value} is not its default");
            there.insert(name, value);
        } else {
            assert!(commented, "{name} is no setting");
        }
    }
    for name in settings.keys() {
        assert!(there.contains_key(name), "{name} is missing in .env.example");
    }
}
