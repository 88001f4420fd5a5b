//! A pod from the editor to its end, twice: before and after the server was restarted.

use fantoccini::key::Key;
use tests::browser::Browser;
use tests::{Server, eventually};

use super::{DELETE, EDITOR, POD, POD_YAML, RUNNING, apply, keys, open};

/// Types a text as a person does, over whatever the editor holds.
async fn write(browser: &Browser, text: &str) {
    browser.types(EDITOR, &format!("{}a{}", char::from(Key::Control), char::from(Key::Null))).await;
    browser.types(EDITOR, &keys(&[Key::Delete])).await;
    for line in text.lines() {
        // The editor indents by itself; a line is written from its very start. The blank behind it ends the word,
        // so that Enter means a new line and no suggestion.
        browser.types(EDITOR, &keys(&[Key::Home, Key::Shift, Key::End, Key::Null, Key::Delete])).await;
        browser.types(EDITOR, &format!("{line} ")).await;
        browser.types(EDITOR, &keys(&[Key::Enter])).await;
    }
    browser.counts(".problem", 0).await;
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

/// Writes the pod, applies it, looks at everything it has to show, and deletes it.
async fn live_and_die(browser: &Browser) {
    write(browser, POD_YAML).await;
    apply(browser).await;
    browser.sees(RUNNING, "Running").await;
    browser.click(RUNNING).await;
    browser.sees(".details__name", "default/myapp-pod").await;
    browser.sees(".details__head .badge", "Running").await;
    browser.click("#details-tab-events").await;
    browser.sees("#details-panel", "Successfully assigned default/myapp-pod to node-").await;
    browser.click("#details-tab-logs").await;
    browser.sees("pre.log", "serves /usr/share/nginx/html on port 80").await;
    visit_welcome_page(browser).await;
    browser.sees("pre.log", "\"GET / HTTP/1.1\" 200").await;
    browser.click(DELETE).await;
    browser.counts(POD, 0).await;
}

#[tokio::test]
async fn a_pod_should_live_and_die_in_the_page() {
    let mut server = Server::start();
    let browser = open(&server).await;
    browser.counts(".node", 3).await;
    for node in ["control-plane", "node-1", "node-2"] {
        assert!(browser.sees(".node", node).await.contains("Ready"));
    }
    live_and_die(&browser).await;

    server.stop();
    browser.sees(".connection--lost", "").await;
    server.start_again();
    browser.sees(".connection--live", "Live").await;
    live_and_die(&browser).await;
    browser.window.close().await.unwrap();
}

/// A browser has six connections to a server; a log that nobody looks at any more must not keep one.
#[tokio::test]
async fn logs_should_give_their_connections_back() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    apply(&browser).await;
    browser.sees(RUNNING, "Running").await;
    for _ in 0..10 {
        browser.click("#details-tab-logs").await;
        browser.sees("pre.log", "on port 80").await;
        browser.click("#details-tab-status").await;
    }
    browser.click(DELETE).await;
    browser.sees(".outcome--good", "deleted").await;
    browser.window.close().await.unwrap();
}
