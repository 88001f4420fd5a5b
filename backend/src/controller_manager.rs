//! The controller manager's task: every controller of `shared::controllers`, pumped.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use shared::api::object::SharedObject;
use shared::api::scheme;
use shared::apiserver::Result;
use shared::apiserver::request::{Answer, ListOptions};
use shared::client::Client;
use shared::controllers::root_ca_cert_publisher::RootCaCertPublisher;
use shared::controllers::{self, Controller, Token};
use shared::informer::Change;
use tokio::sync::mpsc;

use crate::clock::ClusterClock;
use crate::component_log::ComponentLog;
use crate::pump::{Tasks, Told, inform_kind};

enum Input {
    Told(usize, Told),
    Answered(Token, Result<Answer>),
}

/// Runs the controllers, which publish this certificate to all namespaces, until the task is dropped, or one of them panics: then they all end, to be
/// started anew.
pub(crate) async fn run(client: Client, clock: Arc<ClusterClock>, root_ca: String, log: ComponentLog) {
    let mut controllers = controllers::all();
    controllers.push(Box::new(RootCaCertPublisher::new(root_ca)));
    run_all(controllers, client, clock, log).await;
}

async fn run_all(
    controllers: Vec<Box<dyn Controller>>,
    client: Client,
    clock: Arc<ClusterClock>,
    log: ComponentLog,
) {
    let mut tasks = Tasks::default();
    for controller in controllers {
        log.info(&format!("\"Started controller\" controller={:?}", controller.name()));
        tasks.spawn(pump(controller, client.clone(), clock.clone()));
    }
    match tasks.watch().await {}
}

/// Feeds one controller and sends what it asks for.
async fn pump(mut controller: Box<dyn Controller>, client: Client, clock: Arc<ClusterClock>) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let mut unsynced = BTreeSet::new();
    for (index, (api_version, kind)) in controller.watches().iter().enumerate() {
        let Some(kind) = scheme::by_kind(api_version, kind) else { continue };
        let inputs = inputs.clone();
        let owner = move |told| inputs.send(Input::Told(index, told)).is_ok();
        unsynced.insert(index);
        tasks.spawn(inform_kind(client.clone(), kind, ListOptions::default(), owner));
    }
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
            never = tasks.watch() => match never {},
        }
        if unsynced.is_empty() {
            wake_at = step(&mut *controller, &client, &inputs, &mut tasks);
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
    tasks: &mut Tasks,
) -> Option<Timestamp> {
    let server = client.server();
    let step = controller.step(server.clock().now(), server.entropy());
    for (token, request) in step.requests {
        let (client, inputs) = (client.clone(), inputs.clone());
        tasks.spawn(async move {
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

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::time::Duration;

    use futures::FutureExt;
    use shared::apiserver::ApiServer;
    use shared::apiserver::user::User;
    use shared::controllers::Step;
    use shared::given::Entropy;
    use shared::store::memory::MemoryStore;

    use super::*;
    use crate::clock::SystemEntropy;
    use crate::runtime::logs::{LogConfig, LogWriter};

    /// A controller with a bug.
    struct Faulty;

    impl Controller for Faulty {
        fn name(&self) -> &'static str {
            "faulty"
        }

        fn watches(&self) -> &'static [(&'static str, &'static str)] {
            &[("v1", "Namespace")]
        }

        fn on_delta(&mut self, _: Change, _: &SharedObject) {}

        fn on_response(&mut self, _: Token, _: Result<Answer>, _: Timestamp) {}

        fn step(&mut self, _: Timestamp, _: &dyn Entropy) -> Step {
            panic!("a bug")
        }
    }

    #[tokio::test]
    async fn controller_that_panics_should_end_the_controller_manager() {
        let clock = Arc::new(ClusterClock::default());
        let server = ApiServer::new(Arc::new(MemoryStore::new()), clock.clone(), Arc::new(SystemEntropy));
        let client = Client::new(server, User::new("system:kube-controller-manager", &[]), "test");
        let directory = tempfile::tempdir().unwrap();
        let time: crate::runtime::Clock = Arc::new(Timestamp::now);
        let writer = LogWriter::create(directory.path().join("0.log"), LogConfig::default(), time.clone());
        let log = ComponentLog::new(writer.unwrap(), time);
        let run = AssertUnwindSafe(run_all(vec![Box::new(Faulty)], client, clock, log)).catch_unwind();
        let panic = tokio::time::timeout(Duration::from_secs(20), run).await.unwrap().unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
    }
}
