//! The page in Korean, on 390 by 844 pixels.

use fantoccini::Locator;
use serde_json::json;
use tests::Server;
use tests::browser::{Browser, View};

use super::{RUNNING, apply, open_as};

const NARROW: View = View { language: "ko-KR", size: (390, 844) };

/// Chooses one of the parts of the page at its foot.
async fn show(browser: &Browser, part: &str) {
    let path = format!("//nav[contains(@class, 'pane-tabs')]/button[contains(., '{part}')]");
    browser.window.find(Locator::XPath(&path)).await.unwrap().click().await.unwrap();
}

/// Nothing may be wider than the window.
async fn fits(browser: &Browser, part: &str) {
    let widths = browser.asks("return [document.documentElement.scrollWidth, window.innerWidth]").await;
    assert_eq!(widths[1], 390);
    assert!(widths[0].as_u64() <= widths[1].as_u64(), "{part}: {widths}");
}

#[tokio::test]
async fn a_narrow_korean_page_should_lead_through_the_life_of_a_pod() {
    let server = Server::start();
    let browser = open_as(&server, NARROW).await;
    browser.sees(".connection--live", "실시간").await;
    assert_eq!(browser.asks("return document.documentElement.lang").await, json!("ko"));
    browser.picks(".editor__tools select", "pod").await;
    fits(&browser, "the editor").await;
    apply(&browser).await;
    browser.sees(RUNNING, "Running").await;
    fits(&browser, "the picture").await;

    browser.click(RUNNING).await;
    browser.click("#details-tab-life").await;
    browser.counts(".step--done", 7).await;
    browser.sees(".step", "스케줄러가 노드를 고릅니다").await;
    fits(&browser, "the life").await;
    browser.click(".life__head button").await;
    browser.counts(".life--playing", 1).await;
    browser.counts(".life--playing", 0).await;
    for tab in ["status", "logs", "events", "yaml"] {
        browser.click(&format!("#details-tab-{tab}")).await;
        browser.sees("#details-panel", "").await;
        fits(&browser, tab).await;
    }

    show(&browser, "클러스터").await;
    browser.click(r#".node__head"#).await;
    browser.sees(".details__name", "control-plane").await;
    browser.sees("#details-panel", "10.244.0.0/24").await;
    fits(&browser, "a node").await;

    browser.click(r#".segmented button[lang="en"]"#).await;
    browser.sees(".connection--live", "Live").await;
    browser.window.close().await.unwrap();
}
