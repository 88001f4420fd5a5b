//! Services in the picture: who is behind them, and the way in.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use tests::browser::View;
use tests::{Server, eventually};

use super::{EDITOR, apply, open, open_as};

const WEB: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 8000
      targetPort: 80
---
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  labels:
    app: web
spec:
  containers:
    - name: nginx
      image: nginx
";

const SERVICE: &str = r#"button.service[title="web"]"#;

#[tokio::test]
async fn a_service_should_show_its_pods_and_open_what_they_serve() {
    let server = Server::start();
    let browser = open(&server).await;
    browser.counts(".service", 0).await;
    browser.pastes(EDITOR, WEB).await;
    apply(&browser).await;
    browser.sees(SERVICE, "1/1 ready").await;
    browser.sees(SERVICE, "ClusterIP · 8000/TCP").await;
    browser.counts(".pod--led-to", 0).await;
    browser.click(SERVICE).await;
    browser.sees(".details__name", "default/web").await;
    browser.sees("#details-panel", "app=web").await;
    browser.sees("#details-panel tbody tr", "web-1").await;
    browser.counts(r#".pod--led-to[title="web-1"]"#, 1).await;

    let page = browser.window.window().await.unwrap();
    browser.click(r#".details__head a[href$="/services/web:8000/proxy/"]"#).await;
    let welcome = eventually("another window opens", async || {
        let windows = browser.window.windows().await?;
        windows.into_iter().find(|window| *window != page).ok_or(anyhow::anyhow!("only one window"))
    })
    .await;
    browser.window.switch_to_window(welcome).await.unwrap();
    browser.sees("body", "nginx").await;
    browser.window.close_window().await.unwrap();
    browser.window.switch_to_window(page).await.unwrap();

    let pods = Api::<Pod>::default_namespaced(server.client().await.unwrap());
    pods.delete("web-1", &DeleteParams::default().grace_period(0)).await.unwrap();
    browser.sees(SERVICE, "0/0 ready").await;
    browser.sees("#details-panel", "No pod is behind this Service").await;
    browser.counts(".details__head a", 0).await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn a_service_should_be_read_in_korean_in_a_narrow_window() {
    let server = Server::start();
    let view = View { size: (390, 844), language: "ko-KR" };
    let browser = open_as(&server, view).await;
    browser.pastes(EDITOR, WEB).await;
    apply(&browser).await;
    browser.sees(SERVICE, "1개 중 1개 준비됨").await;
    browser.click(SERVICE).await;
    browser.sees("#details-panel", "엔드포인트").await;
    browser.window.close().await.unwrap();
}
