//! The page in a real browser, used as people use it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod editor;
mod keyboard;
mod life;
mod narrow;
mod services;
mod terminal;
mod usage;

use fantoccini::key::Key;
use tests::Server;
use tests::browser::{Browser, View};
use tests::objects::BOOK_POD;

const EDITOR: &str = ".cm-content";
const APPLY: &str = ".editor .button--primary:not([disabled])";
const DELETE: &str = ".editor__buttons .button--quiet:not([disabled])";
const POD: &str = r#"button.pod[title="myapp-pod"]"#;
const RUNNING: &str = r#".node button.pod--running[title="myapp-pod"]"#;

/// The book's pod, whose text ends where a beginner goes on.
const POD_YAML: &str = BOOK_POD.trim_ascii_end();

/// The page, opened and connected.
async fn open_as(server: &Server, view: View) -> Browser {
    let browser = Browser::start_as(server.folder(), view).await;
    browser.window.goto(&server.url()).await.unwrap();
    browser.sees(".connection--live", "").await;
    browser.sees(EDITOR, "apiVersion").await;
    browser
}

/// The page on a desk, in English.
async fn open(server: &Server) -> Browser {
    let browser = open_as(server, View::default()).await;
    browser.sees(".connection--live", "Live").await;
    browser
}

fn keys(keys: &[Key]) -> String {
    keys.iter().copied().map(char::from).collect()
}

/// Asks to apply what the editor holds, by keyboard.
async fn apply(browser: &Browser) {
    browser.counts(APPLY, 1).await;
    browser.types(EDITOR, &keys(&[Key::Control, Key::Enter, Key::Null])).await;
}
