//! The page without a mouse, and in the dark.

use fantoccini::key::Key;
use serde_json::json;
use tests::Server;
use tests::browser::Browser;

use super::{EDITOR, POD_YAML, RUNNING, apply, keys, open};

const FOCUSED: &str = "return document.activeElement.matches(arguments[0])";

async fn is_focused(browser: &Browser, selector: &str) -> bool {
    browser.window.execute(FOCUSED, vec![selector.into()]).await.unwrap() == json!(true)
}

/// Presses Tab until the selector's element has the keyboard.
async fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..60 {
        if is_focused(browser, selector).await {
            return;
        }
        browser.presses(&[Key::Tab]).await;
    }
    panic!("Tab does not lead to {selector}");
}

#[tokio::test]
async fn everything_should_be_reached_by_keyboard() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    apply(&browser).await;
    browser.sees(RUNNING, "Running").await;
    // Behind a word, Tab leaves the editor.
    browser.types(EDITOR, &keys(&[Key::Control, Key::End, Key::Null])).await;
    tab_to(&browser, RUNNING).await;
    browser.presses(&[Key::Enter]).await;
    tab_to(&browser, r#"#details-tab-status[aria-selected="true"]"#).await;
    browser.presses(&[Key::Right]).await;
    browser.counts(".life__steps", 1).await;
    tab_to(&browser, ".details__close").await;
    browser.presses(&[Key::Enter]).await;
    browser.counts(".details__name", 0).await;
    assert!(!is_focused(&browser, "body").await, "the keyboard has no place any more");

    // The skip link leads to the picture and leaves what is chosen alone.
    browser.click(RUNNING).await;
    browser.asks("document.querySelector('.skip-link').focus()").await;
    browser.presses(&[Key::Enter]).await;
    assert!(is_focused(&browser, "#topology").await);
    browser.sees(".details__name", "myapp-pod").await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn dark_and_light_should_be_chosen_and_remembered() {
    let server = Server::start();
    let browser = open(&server).await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let switch = "header .icon-button";
    browser.click(switch).await;
    browser.counts(r#"[data-theme="light"]"#, 1).await;
    let light = browser.asks(ground).await;
    browser.click(switch).await;
    browser.counts(r#"[data-theme="dark"]"#, 1).await;
    let dark = browser.asks(ground).await;
    assert_ne!(light, dark);
    browser.window.refresh().await.unwrap();
    browser.sees(".connection--live", "Live").await;
    assert_eq!(browser.asks(ground).await, dark);
    browser.window.close().await.unwrap();
}
