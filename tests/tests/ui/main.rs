//! The page in a real browser, used as a beginner uses it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use fantoccini::key::Key;
use tests::browser::Browser;
use tests::{Server, eventually};

const EDITOR: &str = ".cm-content";
const APPLY: &str = ".editor .button--primary:not([disabled])";
const DELETE: &str = ".editor__buttons .button--quiet:not([disabled])";
const POD: &str = r#"button.pod[title="myapp-pod"]"#;
const RUNNING: &str =
    r#".node__pods button.pod--running[title="myapp-pod"], .node button.pod--running[title="myapp-pod"]"#;

/// The book's pod.
const POD_YAML: &str = "apiVersion: v1
kind: Pod
metadata:
  name: myapp-pod
  labels:
    app: myapp
    type: front-end
spec:
  containers:
    - name: nginx-container
      image: nginx";

/// The page, opened and connected.
async fn open(server: &Server) -> Browser {
    let browser = Browser::start(server.folder()).await;
    browser.window.goto(&server.url()).await.unwrap();
    browser.sees(".connection--live", "Live").await;
    browser.sees(EDITOR, "apiVersion").await;
    browser
}

fn keys(keys: &[Key]) -> String {
    keys.iter().copied().map(char::from).collect()
}

/// Puts the text into the editor, applies it with the keyboard, and waits until the pod runs in the picture.
async fn apply(browser: &Browser, text: &str) {
    browser.pastes(EDITOR, text).await;
    browser.counts(APPLY, 1).await;
    browser.types(EDITOR, &keys(&[Key::Control, Key::Enter, Key::Null])).await;
    browser.sees(RUNNING, "Running").await;
}

/// Opens the running pod's welcome page as a user does, looks at it, and comes back.
async fn visit_welcome_page(browser: &Browser) {
    let page = browser.window.window().await.unwrap();
    browser.click(r#".details__head a[href$="/pods/myapp-pod:80/proxy/"]"#).await;
    let welcome = eventually("another window opens", async || {
        let windows = browser.window.windows().await?;
        windows.into_iter().find(|window| *window != page).ok_or(anyhow::anyhow!("only one window"))
    })
    .await;
    browser.window.switch_to_window(welcome).await.unwrap();
    browser.sees("body", "nginx").await;
    browser.window.close_window().await.unwrap();
    browser.window.switch_to_window(page).await.unwrap();
}

#[tokio::test]
async fn a_pod_should_live_and_die_in_the_page() {
    let mut server = Server::start();
    let browser = open(&server).await;
    browser.counts(".node", 3).await;
    for node in ["control-plane", "node-1", "node-2"] {
        assert!(browser.sees(".node", node).await.contains("Ready"));
    }

    apply(&browser, POD_YAML).await;
    browser.click(RUNNING).await;
    browser.sees(".details__name", "default/myapp-pod").await;
    browser.sees(".details__head .badge", "Running").await;
    browser.click("#details-tab-events").await;
    browser.sees("#details-panel", "Successfully assigned default/myapp-pod to node-").await;
    browser.click("#details-tab-logs").await;
    browser.sees("pre.log", "serves /usr/share/nginx/html on port 80").await;
    visit_welcome_page(&browser).await;
    browser.sees("pre.log", "\"GET / HTTP/1.1\" 200").await;

    browser.click(DELETE).await;
    browser.counts(POD, 0).await;

    server.stop();
    browser.sees(".connection--lost", "").await;
    server.start_again();
    browser.sees(".connection--live", "Live").await;
    apply(&browser, POD_YAML).await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn a_broken_text_should_be_marked_at_its_line() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    browser.counts(".problem", 0).await;
    // The new line begins below `image`, where a beginner goes on.
    browser.types(EDITOR, &keys(&[Key::Control, Key::End, Key::Null, Key::Enter])).await;
    browser.types(EDITOR, "imag: nginx").await;
    let problem = browser.sees(".problem", r#"unknown field "spec.containers[0].imag""#).await;
    assert!(problem.contains("Line 12"), "{problem}");
    browser.counts(".cm-lintRange", 1).await;

    let missing = POD_YAML.replace("      image: nginx", "");
    browser.pastes(EDITOR, missing.trim_end()).await;
    let problem = browser.sees(".problem--error", "spec.containers[0].image: Required value").await;
    assert!(problem.contains("Line 10"), "{problem}");
    browser.counts(".editor .button--primary[disabled]", 1).await;

    browser.pastes(EDITOR, POD_YAML).await;
    browser.counts(".problem", 0).await;
    browser.window.close().await.unwrap();
}
