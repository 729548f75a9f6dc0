//! A headless Chromium with a profile of its own: a device.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, KeyAction, KeyActions},
    elements::Element,
    wd::Capabilities,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take before the test gives up; several browsers share what processors there are.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where screenshots are saved; nowhere if it is not set.
const SCREENSHOTS: &str = "GUARDRAIL_SCREENSHOTS";

/// The screen of a desk, in CSS pixels.
const DESK: (u32, u32) = (1180, 1040);
/// One that is high enough for the whole page: a screenshot of an element ends where the screen does.
const HIGH: (u32, u32) = (1180, 3000);

/// What keeps Chromium from windows, from the sandbox that it refuses as root, and from asking anything of anybody.
const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with the page open in it.
pub(crate) struct Browser {
    client: Client,
    /// The address of the session, for what only Chromium's driver knows.
    session: String,
    http: reqwest::Client,
    /// Ends Chromium before the profile is removed.
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Opens the page in a browser that has never seen it.
    pub(crate) async fn open(page: &str) -> Self {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = FLAGS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted: Capabilities = serde_json::from_value(json!({
            "goog:chromeOptions": { "binary": program("CHROME", "/usr/bin/chromium"), "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }))
        .unwrap();
        let address = format!("http://127.0.0.1:{}/", driver.port);
        let connected = ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&address).await;
        let client = connected.unwrap_or_else(|error| panic!("Chromium does not start: {error}"));
        let session = format!("{address}session/{}", client.session_id().await.unwrap().unwrap());
        let http = reqwest::Client::new();
        let browser = Self { client, session, http, _driver: driver, _profile: profile };
        browser.screen(DESK).await;
        browser.client.goto(page).await.unwrap();
        browser
    }

    /// Loads the page anew, which forgets what it has in memory.
    pub(crate) async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Makes the screen so wide and so high.
    pub(crate) async fn screen(&self, (width, height): (u32, u32)) {
        let phone = width < 600;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Prefers dark pages from now on.
    pub(crate) async fn darken(&self) {
        let features = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Waits for what a CSS selector finds.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        self.wait(Locator::Css(selector), selector).await
    }

    /// Waits until a CSS selector finds nothing.
    pub(crate) async fn miss(&self, selector: &str) {
        let without = format!("body:not(:has({selector}))");
        self.wait(Locator::Css(&without), &without).await;
    }

    /// Waits until the element of this id says so.
    pub(crate) async fn says(&self, id: &str, text: &str) {
        let path = format!("//*[@id='{id}'][contains(., '{text}')]");
        self.wait(Locator::XPath(&path), &path).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let clicked = self.find(selector).await.click().await;
        clicked.unwrap_or_else(|error| panic!("{selector} cannot be clicked: {error}"));
    }

    /// Types into a field, in place of what stands there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// What a script of ours, not of the page's, returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The id of what has the focus.
    pub(crate) async fn focused(&self) -> String {
        self.run("return document.activeElement.id").await.as_str().unwrap().to_owned()
    }

    /// Saves what is on the screen, for the guide.
    pub(crate) async fn save(&self, name: &str) {
        if let Some(path) = screenshot(name) {
            fs::write(path, self.client.screenshot().await.unwrap()).unwrap();
        }
    }

    /// Saves the part of the page that a selector finds, as it is on a desk.
    pub(crate) async fn save_part(&self, name: &str, selector: &str) {
        if let Some(path) = screenshot(name) {
            self.screen(HIGH).await;
            fs::write(path, self.find(selector).await.screenshot().await.unwrap()).unwrap();
            self.screen(DESK).await;
        }
    }

    /// Closes the browser, if nothing has gone wrong in it that nobody has seen.
    pub(crate) async fn close(self) {
        let log = self.command("se/log", json!({ "type": "browser" })).await;
        // Each refusal that a test provokes is there as an error of the network.
        let complaints: Vec<_> =
            log.as_array().unwrap().iter().filter(|entry| entry["source"] != "network").collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        let foreign = self
            .run(
                "return performance.getEntriesByType('resource').map((entry) => entry.name)
                    .filter((name) => !name.startsWith(`${location.origin}/api/`))",
            )
            .await;
        assert_eq!(foreign, json!([]), "the page has loaded more than answers");
        self.client.close().await.unwrap();
    }

    async fn wait(&self, locator: Locator<'_>, what: &str) -> Element {
        let every = Duration::from_millis(20);
        match self.client.wait().at_most(PATIENCE).every(every).for_element(locator).await {
            Ok(element) => element,
            Err(error) => {
                let page = self.run("return document.body.innerText").await;
                panic!("waited for {what}: {error}\n{}", page.as_str().unwrap_or_default())
            }
        }
    }

    async fn devtools(&self, command: &str, params: Value) {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": params })).await;
    }

    /// A command that is Chromium's own.
    async fn command(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap();
        let status = answer.status();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer["value"].take()
    }
}

/// Chromium's driver, on a port that it has chosen.
struct Driver {
    process: Child,
    port: u16,
    /// Open, so that the driver can write to it.
    _output: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Self {
        let program = program("CHROMEDRIVER", "/usr/bin/chromedriver");
        let mut command = Command::new(&program);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()));
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "{} has ended", program.display());
            if let Some((_, port)) = line.trim_end().split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        Self { process, port, _output: output }
    }

    /// Has it end its browsers and itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    /// A driver that is killed leaves its browsers behind.
    fn drop(&mut self) {
        if self.shut_down().is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Where to save the screenshot of this name, if anywhere.
fn screenshot(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os(SCREENSHOTS)?);
    fs::create_dir_all(&folder).unwrap();
    Some(folder.join(name))
}

/// The program that a variable names, or where Debian has it.
fn program(variable: &str, usual: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| PathBuf::from(usual), PathBuf::from)
}
