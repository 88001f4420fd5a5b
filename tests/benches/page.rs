//! The figures of the page: `cargo bench -p tests --bench page`.
//!
//! The bytes of its first view, and the time in a real browser from an API request that makes a pod until
//! the picture shows it, beside the time until that request was answered.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::browser::Browser;
use tests::figures::{line, milliseconds, percentile};
use tests::{Server, workspace};

const CHANGES: usize = 50;

/// Makes a pod, and calls back with the milliseconds until the request was answered and until the first frame
/// with the pod in it was drawn.
const CHANGE: &str = "
    const [name, pod, done] = arguments;
    const shown = () => document.querySelector(`button.pod[title=\"${name}\"]`);
    const start = performance.now();
    let answered;
    const drawn = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
            if (!shown()) return;
            observer.disconnect();
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
        });
        observer.observe(document.body, {childList: true, subtree: true, attributes: true});
    });
    const headers = {'Content-Type': 'application/json'};
    const request = {method: 'POST', headers, body: JSON.stringify(pod)};
    fetch('/api/v1/namespaces/default/pods', request).then(async (response) => {
        answered = performance.now();
        if (!response.ok) return done({error: await response.text()});
        done({answered: answered - start, drawn: (await drawn) - start});
    });
";

#[tokio::main]
async fn main() -> Result<()> {
    let page = workspace::root().join("target/assets/page");
    let later = |file: &str| Ok::<_, anyhow::Error>(page.join(file).metadata()?.len());
    let (editor, terminal) = (later("editor.js.br")?, later("terminal.js.br")?);
    let first = size(&page)? - editor - terminal;
    line("page, all files of the first view, brotli", format!("{} KiB", first / 1024));
    line("  CodeMirror, loaded when the browser is idle", format!("{} KiB", editor / 1024));
    line("  xterm.js, loaded with the first terminal", format!("{} KiB", terminal / 1024));
    report_changes().await
}

/// All files below a folder, compressed as the server sends them.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            bytes += size(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "br") {
            bytes += path.metadata()?.len();
        }
    }
    Ok(bytes)
}

async fn report_changes() -> Result<()> {
    let server = Server::start();
    let browser = Browser::start(server.folder()).await;
    browser.window.goto(&server.url()).await?;
    browser.sees(".connection--live", "Live").await;
    browser.counts(".node", 3).await;
    let (mut answered, mut drawn) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let times = change(&browser, &format!("change-{number}")).await?;
        answered.push(times.0);
        drawn.push(times.1);
    }
    browser.window.close().await?;
    let answer = percentile(&mut answered, 0.5);
    line("a pod made by the page, request to answer, p50", milliseconds(answer));
    for share in [0.5, 0.99] {
        let time = percentile(&mut drawn, share);
        line(&format!("the same, request to changed picture, p{:.0}", share * 100.0), milliseconds(time));
        line("  in answers", format!("{:.1}", time.as_secs_f64() / answer.as_secs_f64()));
    }
    Ok(())
}

/// The times until the answer and until the picture. The pod is gated, so that nothing else happens to it.
async fn change(browser: &Browser, name: &str) -> Result<(Duration, Duration)> {
    let pod = json!({
        "metadata": { "name": name },
        "spec": {
            "schedulingGates": [{ "name": "example.com/never" }],
            "containers": [{ "name": "c", "image": "busybox" }],
        },
    });
    let times: Value = browser.window.execute_async(CHANGE, vec![name.into(), pod]).await?;
    let time = |key: &str| {
        let milliseconds = times.get(key).and_then(Value::as_f64);
        let milliseconds = milliseconds.with_context(|| format!("no pod {name}: {times}"))?;
        Ok::<_, anyhow::Error>(Duration::from_secs_f64(milliseconds / 1000.0))
    };
    Ok((time("answered")?, time("drawn")?))
}
