//! What pods and nodes really use.

use tests::{Server, eventually};

use super::{EDITOR, apply, open};

const BUSY: &str = "apiVersion: v1
kind: Pod
metadata:
  name: busy
spec:
  containers:
    - name: stress
      image: stress
      command: [stress]
      args: [--cpu, '1']
      resources:
        limits:
          cpu: 300m
";

#[tokio::test]
async fn a_busy_container_should_be_seen_to_use_the_processor() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.pastes(EDITOR, BUSY).await;
    apply(&browser).await;
    browser.click(r#".node button.pod--running[title="busy"]"#).await;
    eventually("a share of the processor near the limit is told", async || {
        let card = browser.asks("return document.querySelector('.card')?.innerText ?? ''").await;
        let card = card.as_str().unwrap_or_default();
        let used = card.split("In use").nth(1).and_then(|rest| rest.trim().strip_prefix("cpu "));
        let used: u32 = used.and_then(|used| used.split_once('m')?.0.parse().ok()).unwrap_or(0);
        anyhow::ensure!((200..=400).contains(&used), "{card}");
        Ok(())
    })
    .await;
    browser.counts(".node .bar__used", 6).await;
    browser.window.close().await.unwrap();
}
