//! What a user types: the real kubectl against a real server.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod apply;
mod asking;
mod logs;
mod nodes;
mod pods;
mod streams;
mod volumes;
mod workloads;

use std::sync::Arc;

use tests::objects::BOOK_POD;
use tests::{Kubectl, Server};

/// The shared server, and kubectl in a namespace that is the test's own.
async fn world(namespace: &str) -> (Arc<Server>, Kubectl) {
    let server = Server::shared();
    let kubectl = server.kubectl().in_namespace(namespace).await;
    (server, kubectl)
}

/// The book's pod, with this image.
fn book_pod(image: &str) -> String {
    BOOK_POD.replace("image: nginx", &format!("image: {image}"))
}

/// Waits until `kubectl get pod` shows this in its STATUS column.
async fn status(kubectl: &Kubectl, pod: &str, status: &str) {
    tests::eventually(&format!("{pod} is {status}"), async || {
        let row = kubectl.run(&format!("get pod {pod} --no-headers")).await;
        match row.stdout.split_whitespace().nth(2) == Some(status) {
            true => Ok(()),
            false => anyhow::bail!("{}{}", row.stdout, row.stderr),
        }
    })
    .await;
}
