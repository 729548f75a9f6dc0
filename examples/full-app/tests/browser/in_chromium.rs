//! What the page is to do, and for whom.

use fantoccini::key::Key;
use tempfile::TempDir;

use crate::{
    browser::Browser,
    server::{ADMIN_EMAIL, ADMIN_PASSWORD, Server},
};

const PASSWORD: &str = "correct horse";
/// There once the page has got everything that it shows to whoever has signed in.
const SIGNED_IN: &str = "#signed-in:not([hidden]) #devices li";
const SIGNED_OUT: &str = "#signed-out:not([hidden])";
/// The form of whoever may change rules, once these are there.
const RULES: &str = "#rules-panel:not([hidden]) .rule";
/// There once the list is as the server has last told it.
const ANOTHER_DEVICE: &str = "#devices:not([aria-busy]) [data-current='false']";

/// The server, and the folder that it keeps its database in.
fn server() -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("ADMIN_EMAIL", ADMIN_EMAIL), ("ADMIN_PASSWORD", ADMIN_PASSWORD)];
    (Server::start(folder.path(), &variables), folder)
}

/// Registers `name`, which signs in.
async fn register(device: &Browser, name: &str) {
    device.fill("#register-email", &format!("{name}@example.com")).await;
    device.fill("#register-username", name).await;
    device.fill("#register-password", PASSWORD).await;
    device.click("#register button").await;
    device.find(SIGNED_IN).await;
}

async fn log_in(device: &Browser, email: &str, password: &str) {
    device.fill("#login-email", email).await;
    device.fill("#login-password", password).await;
    device.click("#login button").await;
    device.find(SIGNED_IN).await;
}

/// Calls the route and expects the status, from the device or from a thief.
async fn call(device: &Browser, route: &str, by: &str, status: u16) {
    device.click(&format!("#route option[value='{route}']")).await;
    device.click(if by == "thief" { "#steal" } else { "#call" }).await;
    device.find(&format!("#{by}[data-path='{route}'][data-status='{status}']")).await;
}

async fn refresh(device: &Browser, generation: u64) {
    device.click("#refresh").await;
    device.says("generation", &format!("generation {generation}")).await;
}

/// Asks whether `subject` may `action` on `object`, and waits for the answer.
async fn explain(device: &Browser, [subject, action, object]: [&str; 3], answer: &str) {
    device.fill("#check-subject", subject).await;
    device.fill("#check-action", action).await;
    device.fill("#check-object", object).await;
    device.click("#check button").await;
    device.says("decision", answer).await;
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn a_token_opens_nothing_for_a_thief() {
    let (server, _folder) = server();
    let ada = Browser::open(&server.url("/")).await;
    register(&ada, "ada").await;
    ada.says("greeting", "Hello ada").await;
    assert_eq!(ada.focused().await, "greeting");

    let session =
        ada.find("#devices [data-current='true']").await.attr("data-session").await.unwrap().unwrap();
    for claim in ["sub", "sid", "fgp", "role", "iat", "exp", &session] {
        ada.says("claims", claim).await;
    }
    ada.says("generation", "generation 0").await;
    ada.says("left", "29:").await;
    ada.says("token-state", "valid here").await;
    refresh(&ada, 1).await;
    refresh(&ada, 2).await;
    call(&ada, "/profile", "own", 200).await;
    ada.says("own", "ada@example.com").await;
    ada.says("status", "let in").await;
    ada.save("demo-signed-in.png").await;

    call(&ada, "/profile", "thief", 401).await;
    ada.says("thief", "fingerprint_missing").await;
    ada.says("status", "The thief is refused").await;
    ada.save_part("demo-thief.png", "#calls").await;
    // Which has done nothing to the owner.
    call(&ada, "/posts", "own", 200).await;
    call(&ada, "/users", "own", 403).await;
    ada.says("own", "permission_denied").await;

    ada.run("const now = Date.now(); Date.now = () => now + 31 * 60 * 1000").await;
    ada.says("token-state", "expired").await;
    ada.says("status", "expired").await;

    ada.click("#logout").await;
    ada.find(SIGNED_OUT).await;
    assert_eq!(ada.run("return document.getElementById('whole').textContent").await, "");
    ada.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn one_device_ends_another() {
    let (server, _folder) = server();
    let page = server.url("/");
    let (one, two) = tokio::join!(Browser::open(&page), Browser::open(&page));
    register(&one, "ada").await;
    log_in(&two, "ada@example.com", PASSWORD).await;
    for device in [&one, &two] {
        call(device, "/profile", "own", 200).await;
        call(device, "/profile", "thief", 401).await;
        refresh(device, 1).await;
    }
    one.click("#look").await;
    one.find(ANOTHER_DEVICE).await;
    one.save_part("demo-devices.png", "#sessions").await;

    one.click(&format!("{ANOTHER_DEVICE} button")).await;
    one.miss("#devices [data-current='false']").await;
    one.says("status", "signed out").await;
    call(&two, "/posts", "own", 401).await;
    two.says("own", "session_ended").await;
    two.find("#ended:not([hidden])").await;
    two.says("token-state", "session ended").await;
    two.click("#refresh").await;
    two.says("token-problem", "session_ended").await;

    call(&one, "/posts", "own", 200).await;
    refresh(&one, 2).await;
    two.click("#again").await;
    log_in(&two, "ada@example.com", PASSWORD).await;
    call(&two, "/profile", "own", 200).await;

    two.click("#everywhere").await;
    two.find(SIGNED_OUT).await;
    call(&one, "/profile", "own", 401).await;
    one.says("own", "session_ended").await;
    tokio::join!(one.close(), two.close());
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn an_administrator_changes_rules_and_has_decisions_explained() {
    let (server, _folder) = server();
    let page = server.url("/");
    let (root, ada) = tokio::join!(Browser::open(&page), Browser::open(&page));
    register(&ada, "ada").await;
    log_in(&root, ADMIN_EMAIL, ADMIN_PASSWORD).await;
    root.find(RULES).await;

    ada.click("#ask").await;
    ada.says("policies-problem", "permission_denied").await;
    call(&ada, "/users", "own", 403).await;
    explain(&root, ["user", "read", "/api/users"], "not_granted").await;

    root.fill("#add-subject", "user").await;
    root.fill("#add-action", "read").await;
    root.fill("#add-object", "/api/users").await;
    root.click("#add button").await;
    root.find("[data-rule='user read /api/users']").await;
    root.says("status", "user can read on /api/users").await;
    // From the next request on.
    call(&ada, "/users", "own", 200).await;
    explain(&root, ["moderator", "read", "/api/users"], "Allowed").await;
    root.says("decision", "moderatoruser").await;
    root.save_part("demo-policies.png", "#policies").await;

    root.click("[data-rule='user read /api/users'] button").await;
    root.miss("[data-rule='user read /api/users']").await;
    call(&ada, "/users", "own", 403).await;
    explain(&root, ["moderator", "read", "/api/users"], "Refused").await;

    root.fill("#add-subject", "no role").await;
    root.click("#add button").await;
    root.find("#add-subject[aria-invalid='true'] + .error").await;
    root.says("add", "validation_failed").await;
    root.click("[data-rule='admin * /api/*'] button").await;
    root.says("policies-problem", "conflict").await;
    tokio::join!(root.close(), ada.close());
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn errors_stand_beside_their_fields() {
    let (server, _folder) = server();
    let device = Browser::open(&server.url("/")).await;
    device.fill("#register-email", "nobody").await;
    device.click("#register button").await;
    device.find("#register-email[aria-invalid='true'][aria-describedby='register-email-error']").await;
    device.says("register-email-error", "must be an e-mail address").await;
    device.find("#register-password[aria-invalid='true'] + .error").await;
    device.says("register", "Unprocessable Entity").await;
    assert_eq!(device.focused().await, "register-email");

    register(&device, "ada").await;
    device.click("#logout").await;
    device.find(SIGNED_OUT).await;
    device.miss(".error").await;
    device.fill("#login-email", "ada@example.com").await;
    device.fill("#login-password", "wrong horse").await;
    device.click("#login button").await;
    device.says("login", "invalid_credentials").await;
    device.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn the_keyboard_is_enough() {
    let (server, _folder) = server();
    let device = Browser::open(&server.url("/")).await;
    register(&device, "ada").await;
    device.click("#logout").await;
    device.find(SIGNED_OUT).await;
    device.reload().await;

    let (tab, enter) = (char::from(Key::Tab).to_string(), char::from(Key::Enter).to_string());
    device.press(&tab).await;
    device.find(".skip:focus-visible").await;
    device.press(&enter).await;
    assert_eq!(device.focused().await, "main");
    device.press(&tab).await;
    assert_eq!(device.focused().await, "login-email");
    device.press(&format!("ada@example.com{tab}{PASSWORD}{enter}")).await;
    device.find(SIGNED_IN).await;
    assert_eq!(device.focused().await, "greeting");

    // What comes next is on the way, and seen when it has the focus.
    for wanted in ["refresh", "call", "steal"] {
        let mut tabs = 0;
        while device.focused().await != wanted {
            device.press(&tab).await;
            tabs += 1;
            assert!(tabs < 15, "no way to {wanted}");
        }
        device.find(&format!("#{wanted}:focus-visible")).await;
    }
    device.press(&enter).await;
    device.find("#thief[data-status='401']").await;
    assert_eq!(device.focused().await, "steal", "the focus stays");
    device.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium: run `cargo xtask browser`"]
async fn a_phone_in_the_dark() {
    let (server, _folder) = server();
    let phone = Browser::open(&server.url("/")).await;
    phone.screen((360, 780)).await;
    assert_eq!(background(&phone).await, "rgb(243, 245, 247)");
    phone.darken().await;
    assert_eq!(background(&phone).await, "rgb(13, 18, 23)");
    fits(&phone).await;
    phone.click("#register button").await;
    phone.find("#register .error").await;
    fits(&phone).await;

    log_in(&phone, ADMIN_EMAIL, ADMIN_PASSWORD).await;
    phone.find(RULES).await;
    refresh(&phone, 1).await;
    phone.says("status", "generation 1 in place of 0").await;
    phone.run("scrollTo(0, 0)").await;
    phone.save("demo-phone-dark.png").await;

    call(&phone, "/profile", "own", 200).await;
    call(&phone, "/profile", "thief", 401).await;
    explain(&phone, ["user", "hide", "/api/posts/7"], "Refused").await;
    phone.click("[data-rule='admin * /api/*'] button").await;
    phone.says("policies-problem", "conflict").await;
    for details in 1..=2 {
        phone.click(&format!("#token details:nth-of-type({details}) summary")).await;
    }
    fits(&phone).await;
    phone.close().await;
}

async fn background(device: &Browser) -> String {
    let color = device.run("return getComputedStyle(document.body).backgroundColor").await;
    color.as_str().unwrap().to_owned()
}

/// Nothing of the page lies beside the screen.
async fn fits(device: &Browser) {
    let [page, screen] = ["document.documentElement.scrollWidth", "innerWidth"];
    let widths = device.run(&format!("return [{page}, {screen}]")).await;
    assert_eq!(widths[0], widths[1]);
    assert_eq!(widths[1], 360);
}
