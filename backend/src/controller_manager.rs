//! The controller manager's task: every controller of `shared::controllers`, pumped.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use shared::api::object::SharedObject;
use shared::api::scheme;
use shared::apiserver::Result;
use shared::apiserver::request::{Answer, ListOptions};
use shared::client::Client;
use shared::controllers::{self, Controller, Token};
use shared::informer::Change;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock::ClusterClock;
use crate::component_log::ComponentLog;
use crate::pump::{Told, inform_kind};

enum Input {
    Told(usize, Told),
    Answered(Token, Result<Answer>),
}

/// Runs the controllers until the task is dropped.
pub(crate) async fn run(client: Client, clock: Arc<ClusterClock>, log: ComponentLog) {
    let mut tasks = JoinSet::new();
    for controller in controllers::all() {
        log.info(&format!("\"Started controller\" controller={:?}", controller.name()));
        tasks.spawn(pump(controller, client.clone(), clock.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

/// Feeds one controller and sends what it asks for.
async fn pump(mut controller: Box<dyn Controller>, client: Client, clock: Arc<ClusterClock>) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut informers = JoinSet::new();
    for (index, (api_version, kind)) in controller.watches().iter().enumerate() {
        let Some(kind) = scheme::by_kind(api_version, kind) else { continue };
        let inputs = inputs.clone();
        let owner = move |told| inputs.send(Input::Told(index, told)).is_ok();
        informers.spawn(inform_kind(client.clone(), kind, ListOptions::default(), owner));
    }
    let mut unsynced: BTreeSet<usize> = (0..informers.len()).collect();
    let mut wake_at = None;
    loop {
        tokio::select! {
            input = received.recv() => match input {
                Some(Input::Told(index, Told::Synced)) => drop(unsynced.remove(&index)),
                Some(Input::Told(_, Told::Changed(change, object))) => tell(&mut *controller, change, &object),
                Some(Input::Answered(token, answer)) => {
                    controller.on_response(token, answer, client.server().clock().now());
                }
                None => return,
            },
            () = sleep_until(&clock, wake_at) => {}
        }
        if unsynced.is_empty() {
            wake_at = step(&mut *controller, &client, &inputs);
        }
    }
}

fn tell(controller: &mut dyn Controller, change: Change, object: &SharedObject) {
    controller.on_delta(change, object);
}

/// Lets the controller decide; answers come back as inputs.
fn step(
    controller: &mut dyn Controller,
    client: &Client,
    inputs: &mpsc::UnboundedSender<Input>,
) -> Option<Timestamp> {
    let server = client.server();
    let step = controller.step(server.clock().now(), server.entropy());
    for (token, request) in step.requests {
        let (client, inputs) = (client.clone(), inputs.clone());
        tokio::spawn(async move {
            let answer = client.send(request).await;
            // Without a receiver the controller is gone.
            let _ = inputs.send(Input::Answered(token, answer));
        });
    }
    step.wake_at
}

async fn sleep_until(clock: &ClusterClock, moment: Option<Timestamp>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
