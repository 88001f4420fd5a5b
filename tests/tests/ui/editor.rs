//! What the editor says before anything is sent.

use fantoccini::key::Key;
use tests::Server;

use super::{APPLY, EDITOR, POD_YAML, apply, keys, open};

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

#[tokio::test]
async fn field_names_should_be_offered_with_their_documentation() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    browser.types(EDITOR, &keys(&[Key::Control, Key::End, Key::Null, Key::Enter])).await;
    browser.types(EDITOR, "imagePul").await;
    browser.sees(".cm-tooltip-autocomplete li", "imagePullPolicy").await;
    browser.sees(".completion-info", "Image pull policy").await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn the_scheduler_should_answer_before_the_pod_is_sent() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    browser.sees(".forecast--lands > summary", "node-1").await;
    browser.click(".forecast > summary").await;
    browser.sees(".forecast", "TaintToleration").await;
    browser.sees(".forecast", "NodeResourcesFit").await;

    browser.picks(".editor__tools select", "too-big").await;
    let forecast = browser.sees(".forecast--waits > summary", "0/3 nodes are available").await;
    apply(&browser).await;
    // The server's scheduler says word for word what the page's said.
    let reason = browser.sees(".waiting__reason", "0/3 nodes are available").await;
    assert!(forecast.contains(reason.trim()), "{forecast:?} beside {reason:?}");
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn a_text_without_a_name_should_not_be_sent() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, POD_YAML).await;
    apply(&browser).await;
    browser.sees(".outcome--good", "pod/myapp-pod created").await;
    browser.pastes(EDITOR, &POD_YAML.replace("  name: myapp-pod", "  generateName: web-")).await;
    browser.counts(APPLY, 1).await;
    browser.click(super::DELETE).await;
    browser.sees(".outcome--bad", "error: ").await;
    browser.sees(super::RUNNING, "Running").await;
    browser.window.close().await.unwrap();
}
