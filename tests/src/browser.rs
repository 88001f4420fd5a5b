//! A real browser: Chromium, driven through chromedriver.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::{eventually, workspace};

/// A browser with a profile of its own. It is ended when this is dropped.
pub struct Browser {
    /// The window.
    pub window: Client,
    _driver: Driver,
}

/// chromedriver with every process below it.
struct Driver(Child);

/// How a browser shows the page.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The user's language.
    pub language: &'static str,
    /// Width and height of what the page is drawn on, in CSS pixels.
    pub size: (u32, u32),
}

impl Default for View {
    /// English, on a desk.
    fn default() -> View {
        View { language: "en-US", size: (1440, 900) }
    }
}

impl Browser {
    /// Starts a browser that keeps its profile below this folder.
    ///
    /// # Panics
    /// When Chromium or chromedriver does not start.
    pub async fn start(folder: &Path) -> Browser {
        Browser::start_as(folder, View::default()).await
    }

    /// Starts a browser with a language and a size.
    ///
    /// # Panics
    /// When Chromium or chromedriver does not start.
    pub async fn start_as(folder: &Path, view: View) -> Browser {
        let start = async {
            let (driver, port) = Driver::start(folder)?;
            let (width, height) = view.size;
            // A window has a least width; an emulated screen has none.
            let screen =
                json!({ "width": width, "height": height, "pixelRatio": 1, "mobile": false, "touch": false });
            let options = json!({
                "binary": workspace::program("CHROMIUM", "chromium"),
                "args": arguments(folder, view.language),
                "mobileEmulation": { "deviceMetrics": screen },
            });
            let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
            let mut builder = ClientBuilder::new(HttpConnector::new());
            let window =
                builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await?;
            Ok::<_, anyhow::Error>(Browser { window, _driver: driver })
        };
        start.await.unwrap_or_else(|error| panic!("no browser: {error:#}"))
    }

    /// Waits for an element that the CSS selector finds and whose text holds this, and returns its whole text.
    pub async fn sees(&self, selector: &str, text: &str) -> String {
        eventually(&format!("{text:?} is seen at {selector}"), async || {
            let found = self.texts(selector).await?;
            let wanted = found.iter().find(|found| found.contains(text));
            wanted.cloned().with_context(|| format!("only {found:?}"))
        })
        .await
    }

    /// Waits until the CSS selector finds so many elements.
    pub async fn counts(&self, selector: &str, count: usize) {
        eventually(&format!("there are {count} of {selector}"), async || {
            let found = self.texts(selector).await?;
            anyhow::ensure!(found.len() == count, "there are {found:?}");
            Ok(())
        })
        .await;
    }

    /// Clicks what the CSS selector finds, as soon as it is there and can be clicked.
    pub async fn click(&self, selector: &str) {
        eventually(&format!("{selector} is clicked"), async || {
            Ok(self.window.find(Locator::Css(selector)).await?.click().await?)
        })
        .await;
    }

    /// Presses keys where the CSS selector points.
    pub async fn types(&self, selector: &str, keys: &str) {
        eventually(&format!("keys reach {selector}"), async || {
            Ok(self.window.find(Locator::Css(selector)).await?.send_keys(keys).await?)
        })
        .await;
    }

    /// Replaces the text of a code editor by pasting over all of it.
    pub async fn pastes(&self, selector: &str, text: &str) {
        let all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        self.types(selector, &all).await;
        let script = "const clipboard = new DataTransfer();
            clipboard.setData('text/plain', arguments[1]);
            const paste = new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true, cancelable: true});
            document.querySelector(arguments[0]).dispatchEvent(paste);";
        let pasted = self.window.execute(script, vec![selector.into(), text.into()]).await;
        pasted.unwrap_or_else(|error| panic!("nothing was pasted: {error}"));
    }

    /// What a script returns.
    ///
    /// # Panics
    /// When it throws.
    pub async fn asks(&self, script: &str) -> Value {
        let answer = self.window.execute(script, vec![]).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Sends keys to whatever has the keyboard.
    ///
    /// # Panics
    /// When nothing takes them.
    pub async fn presses(&self, keys: &[Key]) {
        for key in keys {
            let active = self.window.active_element().await;
            let active = active.unwrap_or_else(|error| panic!("nothing has the keyboard: {error}"));
            let sent = active.send_keys(&char::from(*key).to_string()).await;
            sent.unwrap_or_else(|error| panic!("the key is not taken: {error}"));
        }
    }

    /// Sends a text to whatever has the keyboard.
    ///
    /// # Panics
    /// When nothing takes it.
    pub async fn writes(&self, text: &str) {
        let active = self.window.active_element().await;
        let active = active.unwrap_or_else(|error| panic!("nothing has the keyboard: {error}"));
        active.send_keys(text).await.unwrap_or_else(|error| panic!("{text:?} is not taken: {error}"));
    }

    /// Composes a text as an input method does: each step is shown before the last one is taken.
    ///
    /// # Panics
    /// When the browser refuses.
    pub async fn composes(&self, steps: &[&str]) {
        for step in steps {
            let end = step.chars().count();
            let step = json!({"text": step, "selectionStart": end, "selectionEnd": end});
            self.commands("Input.imeSetComposition", step).await;
        }
        self.commands("Input.insertText", json!({"text": steps.last()})).await;
    }

    /// A command of the [DevTools protocol](https://chromedevtools.github.io/devtools-protocol/).
    async fn commands(&self, command: &'static str, parameters: Value) {
        let sent = self.window.issue_cmd(DevTools { command, parameters }).await;
        sent.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Picks a choice of a `<select>` by its value.
    pub async fn picks(&self, selector: &str, value: &str) {
        eventually(&format!("{value:?} is picked at {selector}"), async || {
            Ok(self.window.find(Locator::Css(selector)).await?.select_by_value(value).await?)
        })
        .await;
    }

    async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((element) => element.innerText);";
        let found: Value = self.window.execute(script, vec![selector.into()]).await?;
        Ok(serde_json::from_value(found)?)
    }
}

/// A command of the DevTools protocol, as chromedriver takes it.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (Method::POST, Some(body.to_string()))
    }
}

/// What keeps Chromium from asking the network for anything but the page.
fn arguments(folder: &Path, language: &str) -> Vec<String> {
    let fixed = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let own = [
        format!("--user-data-dir={}", folder.join("profile").display()),
        format!("--lang={language}"),
        format!("--accept-lang={language}"),
    ];
    fixed.map(str::to_owned).into_iter().chain(own).collect()
}

impl Driver {
    /// Starts chromedriver, which says at which port it listens.
    fn start(folder: &Path) -> Result<(Driver, u16)> {
        let program = workspace::program("CHROMEDRIVER", "chromedriver");
        let mut child = Command::new(&program)
            .arg("--port=0")
            .envs([("HOME", folder), ("XDG_CONFIG_HOME", folder), ("XDG_CACHE_HOME", folder)])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let stdout = child.stdout.take().context("no stdout")?;
        let driver = Driver(child);
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Ok((driver, port.trim_end_matches('.').parse()?));
            }
        }
        anyhow::bail!("chromedriver ended")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // chromedriver ends its browsers at SIGTERM; what is left of its group is killed.
        let group = format!("-{}", self.0.id());
        for signal in ["-TERM", "-KILL"] {
            let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.0.wait();
    }
}
