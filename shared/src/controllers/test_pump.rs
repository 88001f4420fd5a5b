//! A cluster without kubelets and one controller, driven to rest step by step.

use futures::FutureExt;
use futures::executor::block_on;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Namespace, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta};
use k8s_openapi::{ListableResource, Metadata, Resource};
use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::scheme;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, ListOptions, Operation, Reply, Request};
use crate::apiserver::testing::{SteppedClock, server};
use crate::apiserver::user::{MASTERS, User};
use crate::client::Client;
use crate::given::Entropy;
use crate::informer::{Change, Informer};

use super::{Controller, Step, Token};

/// A controller, its copies of collections, and an API server over a memory store.
pub(crate) struct Pump<C> {
    controller: C,
    informers: Vec<Informer>,
    client: Client,
    admin: Client,
    clock: std::sync::Arc<SteppedClock>,
}

impl<C: Controller> Pump<C> {
    /// A bootstrapped cluster with this controller.
    pub(crate) fn new(controller: C) -> Pump<C> {
        let (server, clock) = server();
        block_on(server.bootstrap("172.18.0.2:6443".parse().unwrap())).unwrap();
        let user = |name, groups: &[&str]| Client::new(server.clone(), User::new(name, groups), name);
        let client = user("system:kube-controller-manager", &[]);
        let admin = user("kubernetes-admin", &[MASTERS]);
        let informers = controller.watches().iter().map(|_| Informer::default()).collect();
        Pump { controller, informers, client, admin, clock }
    }

    /// The same cluster with another controller in the old one's place.
    pub(crate) fn with<D: Controller>(self, controller: D) -> Pump<D> {
        let informers = controller.watches().iter().map(|_| Informer::default()).collect();
        Pump { controller, informers, client: self.client, admin: self.admin, clock: self.clock }
    }

    /// Lists, steps and answers until the controller wants nothing more; how many requests it made.
    pub(crate) fn run(&mut self) -> usize {
        let mut made = 0;
        for _ in 0..1000 {
            self.look();
            let now = self.client.server().clock().now();
            let step = self.controller.step(now, self.client.server().entropy());
            if step.requests.is_empty() {
                return made;
            }
            for (token, request) in step.requests {
                made += 1;
                let response =
                    self.client.send(request).now_or_never().expect("a memory store answers at once");
                self.controller.on_response(token, response, now);
            }
        }
        panic!("{} does not come to rest", self.controller.name());
    }

    fn look(&mut self) {
        (0..self.informers.len()).for_each(|index| self.look_at(index));
    }

    /// Tells the controller what is new of one of the kinds that it watches.
    pub(crate) fn look_at(&mut self, index: usize) {
        let (api_version, kind) = self.controller.watches()[index];
        let kind = scheme::by_kind(api_version, kind).unwrap();
        let operation = Operation::List(ListOptions::default());
        let request =
            Request { kind, namespace: String::new(), name: String::new(), subresource: None, operation };
        let Reply::List(list) = block_on(self.client.send(request)).unwrap().reply else {
            panic!("not a list")
        };
        for (change, object) in self.informers[index].replace(list.items, list.revision) {
            self.controller.on_delta(change, &object);
        }
    }

    /// Steps and sends without looking; the answers are yet to be told.
    pub(crate) fn send(&mut self) -> Vec<(Token, Result<Answer>)> {
        let now = self.client.server().clock().now();
        let step = self.controller.step(now, self.client.server().entropy());
        let sent = step.requests.into_iter().map(|(token, request)| {
            let response = self.client.send(request).now_or_never();
            (token, response.expect("a memory store answers at once"))
        });
        sent.collect()
    }

    /// Tells the controller an answer.
    pub(crate) fn answer(&mut self, token: Token, response: Result<Answer>) {
        let now = self.client.server().clock().now();
        self.controller.on_response(token, response, now);
    }

    /// Moves the clock on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    pub(crate) fn create(&self, object: impl ApiObject) {
        block_on(self.admin.create(object)).unwrap();
    }

    pub(crate) fn namespace(&self, name: &str) {
        let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
        self.create(Namespace { metadata, ..Namespace::default() });
    }

    pub(crate) fn get<K>(&self, namespace: &str, name: &str) -> Option<K>
    where
        K: Resource + Clone + 'static,
    {
        block_on(self.admin.get::<K>(namespace, name))
            .ok()
            .and_then(|object| object.downcast_ref::<K>().cloned())
    }

    pub(crate) fn exists<K: Resource + Clone + 'static>(&self, namespace: &str, name: &str) -> bool {
        self.get::<K>(namespace, name).is_some()
    }

    pub(crate) fn list<K>(&self, namespace: &str) -> Vec<K>
    where
        K: ListableResource + Metadata<Ty = ObjectMeta> + Clone + 'static,
    {
        let list =
            block_on(self.admin.list(scheme::of_type::<K>().unwrap(), namespace, ListOptions::default()))
                .unwrap();
        list.items.iter().filter_map(|object| object.downcast_ref::<K>().cloned()).collect()
    }

    pub(crate) fn merge<K: Resource>(&self, namespace: &str, name: &str, patch: Value) {
        block_on(self.admin.merge::<K>(namespace, name, patch)).unwrap();
    }

    pub(crate) fn patch_status<K: Resource>(&self, namespace: &str, name: &str, status: Value) {
        let patch = serde_json::json!({ "status": status });
        block_on(self.admin.patch_status::<K>(namespace, name, patch)).unwrap();
    }

    pub(crate) fn delete<K: Resource>(&self, namespace: &str, name: &str) {
        block_on(self.admin.delete::<K>(namespace, name, DeleteOptions::default())).unwrap();
    }

    pub(crate) fn delete_with<K: Resource>(&self, namespace: &str, name: &str, policy: &str) {
        let options = DeleteOptions { propagation_policy: Some(policy.into()), ..DeleteOptions::default() };
        block_on(self.admin.delete::<K>(namespace, name, options)).unwrap();
    }

    pub(crate) fn delete_now<K: Resource>(&self, namespace: &str, name: &str) {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        block_on(self.admin.delete::<K>(namespace, name, options)).unwrap();
    }
}

/// Several controllers as one.
pub(crate) struct Together {
    all: Vec<Box<dyn Controller>>,
    watches: &'static [(&'static str, &'static str)],
}

impl Together {
    pub(crate) fn new(all: Vec<Box<dyn Controller>>) -> Together {
        let mut watches: Vec<_> = all.iter().flat_map(|one| one.watches()).copied().collect();
        watches.sort_unstable();
        watches.dedup();
        Together { all, watches: watches.leak() }
    }
}

impl Controller for Together {
    fn name(&self) -> &'static str {
        "together"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        self.watches
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let kind = (object.body().api_version(), object.body().kind());
        for one in self.all.iter_mut().filter(|one| one.watches().contains(&kind)) {
            one.on_delta(change, object);
        }
    }

    fn step(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Step {
        let mut together = Step::default();
        let many = self.all.len() as Token;
        for (index, one) in (0..).zip(&mut self.all) {
            let step = one.step(now, entropy);
            let requests = step.requests.into_iter();
            together.requests.extend(requests.map(|(token, request)| (token * many + index, request)));
            together.wake_at = [together.wake_at, step.wake_at].into_iter().flatten().min();
        }
        together
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let many = self.all.len() as Token;
        let index = usize::try_from(token % many).unwrap();
        self.all[index].on_response(token / many, response, now);
    }
}

/// A pod, on a node where one is named.
pub(crate) fn pod(namespace: &str, name: &str, node: Option<&str>) -> Pod {
    let container = Container { name: "main".into(), image: Some("nginx".into()), ..Container::default() };
    Pod {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some(namespace.into()),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: vec![container],
            node_name: node.map(str::to_owned),
            ..PodSpec::default()
        }),
        status: None,
    }
}
