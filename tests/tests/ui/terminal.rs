//! Programs in containers, at the page's terminal.

use fantoccini::key::Key;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use tests::Server;
use tests::browser::Browser;
use tests::objects::{from_json, in_phase};

use super::open;

const CONNECT: &str = ".terminal__connect:not([disabled])";
const STATE: &str = ".terminal__state";
const SCREEN: &str = ".xterm-rows";

/// A running pod `work` with these containers, and the page at its terminal.
async fn at_terminal(server: &Server, containers: Value) -> Browser {
    let pods = Api::<Pod>::namespaced(server.client().await.unwrap(), "default");
    let pod: Pod = from_json(json!({"metadata": {"name": "work"}, "spec": {"containers": containers}}));
    pods.create(&PostParams::default(), &pod).await.unwrap();
    in_phase(&pods, "work", "Running").await;
    let browser = open(server).await;
    choose(&browser, "default", "work").await;
    browser
}

async fn choose(browser: &Browser, namespace: &str, pod: &str) {
    browser.asks(&format!("location.hash = '#/pods/{namespace}/{pod}/terminal'")).await;
    browser.sees(".details__name", pod).await;
}

fn shell() -> Value {
    json!([{"name": "main", "image": "busybox", "command": ["sleep", "3600"]}])
}

#[tokio::test]
async fn a_shell_should_be_worked_with() {
    let server = Server::start();
    let browser = at_terminal(&server, shell()).await;
    let before =
        browser.asks("return performance.getEntriesByName(location.origin + '/terminal.js').length").await;
    assert_eq!(before, json!(0), "a terminal is loaded although nobody asked for one");
    browser.click(CONNECT).await;
    browser.sees(STATE, "Connected").await;
    browser.sees(SCREEN, "$ kubectl exec -it -n default work -c main -- sh").await;
    browser.sees(SCREEN, "/ #").await;
    browser.writes("echo is $((6*7)); sleep 0\n").await;
    browser.sees(SCREEN, "is 42").await;

    // What is composed reaches the program once, and is taken back by its columns.
    browser.writes("echo got:").await;
    browser.composes(&["ㅎ", "하", "한"]).await;
    browser.composes(&["ㄱ", "구", "국", "국ㅎ"]).await;
    browser.presses(&[Key::Backspace]).await;
    browser.writes("\n").await;
    browser.sees(SCREEN, "\ngot:한국").await;
    let screen = browser.sees(SCREEN, "got").await;
    assert_eq!(screen.matches("got:").count(), 2, "{screen}");

    // Arrows bring lines back.
    browser.presses(&[Key::Up, Key::Up]).await;
    browser.writes("; echo again\n").await;
    browser.sees(SCREEN, "\nagain").await;

    // A session goes on behind other tabs.
    browser.click("#details-tab-logs").await;
    browser.counts("pre.log", 1).await;
    browser.click("#details-tab-terminal").await;
    browser.sees(SCREEN, "\nagain").await;
    browser.click(".xterm-screen").await;
    browser.writes("exit 7\n").await;
    browser.sees(STATE, "Ended with exit code 7").await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn keys_should_end_programs_and_input() {
    let server = Server::start();
    let browser = at_terminal(&server, shell()).await;
    let state = async |key: char, state: &str| {
        browser.click(CONNECT).await;
        browser.sees(STATE, "Connected").await;
        browser.writes(&format!("{}{key}{}", char::from(Key::Control), char::from(Key::Null))).await;
        browser.sees(STATE, state).await;
    };
    // `^C` ends the program, `^D` its input: `wc` then counts nothing and ends well.
    browser
        .types(".terminal__program", &format!("{}wc", char::from(Key::Backspace).to_string().repeat(2)))
        .await;
    state('c', "Ended with exit code 130").await;
    state('d', "Ended with exit code 0").await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_should_be_explained() {
    let server = Server::start();
    let browser = at_terminal(&server, shell()).await;
    browser.types(".terminal__program", "ell").await;
    browser.click(CONNECT).await;
    let told = browser.sees(".terminal__refusal", "This container has no program “shell”").await;
    assert!(told.contains("exec: \"shell\": executable file not found in $PATH"), "{told}");

    choose(&browser, "kube-system", "etcd-control-plane").await;
    browser.click(CONNECT).await;
    browser.sees(".terminal__refusal", "This container is a part of Kijabi itself").await;
    browser.window.close().await.unwrap();
}

#[tokio::test]
async fn a_container_should_be_attached_to_with_and_without_a_terminal() {
    let server = Server::start();
    let containers = json!([
        {"name": "lines", "image": "busybox", "command": ["cat"], "stdin": true},
        {"name": "shell", "image": "busybox", "command": ["sh"], "stdin": true, "tty": true},
    ]);
    let browser = at_terminal(&server, containers).await;
    browser.picks(".terminal__way", "attach").await;
    browser.click(CONNECT).await;
    browser.sees(SCREEN, "$ kubectl attach -i -n default work -c lines").await;
    // `cat` has no terminal: the page shows keys itself, and sends lines.
    browser.writes("twicex").await;
    browser.presses(&[Key::Backspace]).await;
    browser.writes("\n").await;
    // Where the last letter was, there is a blank now.
    browser.sees(SCREEN, "\ntwice \ntwice").await;
    browser.click(CONNECT).await;
    browser.sees(STATE, "Disconnected").await;

    browser.picks(".terminal .field .select", "shell").await;
    browser.click(CONNECT).await;
    browser.sees(SCREEN, "$ kubectl attach -it -n default work -c shell").await;
    browser.writes("echo is $((6*7)); exit 3\n").await;
    browser.sees(SCREEN, "is 42").await;
    // The end of the container's own program is no failure of who was attached.
    browser.sees(STATE, "Ended with exit code 0").await;
    browser.window.close().await.unwrap();
}
