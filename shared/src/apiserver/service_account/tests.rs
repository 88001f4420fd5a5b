//! Tokens: asked for, shown to the server, and outlived.

use futures::executor::block_on;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use sha2::{Digest, Sha256};

use super::*;
use crate::apiserver::request::{Input, Operation, Reply, Request, WriteOptions};
use crate::apiserver::testing::{SteppedClock, server};
use crate::apiserver::user::{MASTERS, User};
use crate::client::Client;

/// A key that anyone who reads this could forge; the real one is tested where it is.
struct Hashed;

impl TokenKey for Hashed {
    fn id(&self) -> &str {
        "test"
    }

    fn algorithm(&self) -> &'static str {
        "HS256"
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(Sha256::digest([b"secret", message].concat()).to_vec())
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.sign(message).as_deref() == Some(signature)
    }

    fn public(&self) -> Value {
        json!({ "kid": "test" })
    }
}

struct World {
    server: ApiServer,
    clock: Arc<SteppedClock>,
    admin: Client,
}

/// A cluster with a pod `web` on `node-1` that runs as `default`.
fn world() -> World {
    let (server, clock) = server();
    let server = server.with_token_key(Arc::new(Hashed));
    block_on(server.bootstrap("172.18.0.2:6443".parse().unwrap())).unwrap();
    let admin = Client::new(server.clone(), User::new("admin", &[MASTERS]), "test");
    let pod = json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "a", "image": "nginx"}]},
    });
    block_on(admin.create(serde_json::from_value::<Pod>(pod).unwrap())).unwrap();
    World { server, clock, admin }
}

impl World {
    fn uid<K: k8s_openapi::Resource>(&self, name: &str) -> String {
        block_on(self.admin.get::<K>("default", name)).unwrap().metadata().uid.clone().unwrap()
    }

    fn ask_as(&self, user: User, spec: Value) -> Result<TokenRequest, String> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let operation = Operation::Create(Input::Text(body.to_string().into()), WriteOptions::default());
        let request = Request { operation, ..Request::get::<ServiceAccount>("default", "default").unwrap() };
        let client = Client::new(self.server.clone(), user, "test");
        match block_on(client.send(request.subresource("token").unwrap())) {
            Err(error) => Err(error.message.clone().unwrap_or_default()),
            Ok(answer) => match answer.reply {
                Reply::Created(object) => {
                    let shown: Value = serde_json::from_slice(&object.json()).unwrap();
                    assert_eq!(shown["kind"], "TokenRequest");
                    Ok(object.downcast_ref::<TokenRequest>().unwrap().clone())
                }
                _ => panic!("no token"),
            },
        }
    }

    fn ask(&self, spec: Value) -> Result<TokenRequest, String> {
        self.ask_as(User::new("admin", &[MASTERS]), spec)
    }

    fn token(&self, spec: Value) -> String {
        self.ask(spec).unwrap().status.unwrap().token.unwrap()
    }

    fn user(&self, token: &str) -> Option<User> {
        block_on(self.server.user_of_token(token))
    }

    fn bound(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": self.uid::<Pod>("web")})
    }
}

fn claims(token: &str) -> Value {
    verified(&Hashed, token).unwrap()
}

#[test]
fn token_should_say_who_runs_where() {
    let world = world();
    let token =
        world.token(json!({"audiences": null, "boundObjectRef": world.bound(), "expirationSeconds": 3607}));
    let claims = claims(&token);
    let now = SteppedClock::START;
    assert_eq!(claims["sub"], "system:serviceaccount:default:default");
    assert_eq!(claims["aud"], json!([ISSUER]));
    assert_eq!(claims["exp"], now + 365 * 24 * 3600, "it outlives a pod that never reads it anew");
    assert_eq!(claims["kubernetes.io"]["warnafter"], now + 3607);
    assert_eq!(claims["kubernetes.io"]["pod"]["name"], "web");
    assert_eq!(claims["kubernetes.io"]["node"]["name"], "node-1");
    let user = world.user(&token).unwrap();
    assert_eq!(user.name, "system:serviceaccount:default:default");
    assert_eq!(user.uid, world.uid::<ServiceAccount>("default"));
    assert_eq!(
        user.groups,
        ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    );
    assert_eq!(user.extra["authentication.kubernetes.io/pod-name"], ["web"]);
}

#[test]
fn token_should_hold_for_its_time_and_its_audience() {
    let world = world();
    let token = world.token(json!({"expirationSeconds": 600}));
    assert!(world.user(&token).is_some());
    for forged in [format!("{token}A"), token.replacen('.', ".e", 1), "a.b.c".to_owned(), String::new()] {
        assert!(world.user(&forged).is_none(), "{forged}");
    }
    assert!(world.user(&world.token(json!({"audiences": ["vault"]}))).is_none());
    world.clock.advance(599);
    assert!(world.user(&token).is_some());
    world.clock.advance(1);
    assert!(world.user(&token).is_none());
}

#[test]
fn token_should_end_with_what_it_is_bound_to() {
    let world = world();
    let bound = world.token(json!({"boundObjectRef": world.bound()}));
    let free = world.token(json!({}));
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions {
        grace_period_seconds: Some(0),
        ..Default::default()
    };
    block_on(world.admin.delete::<Pod>("default", "web", now)).unwrap();
    assert!(world.user(&bound).is_none());
    assert!(world.user(&free).is_some());
    block_on(world.admin.delete::<ServiceAccount>("default", "default", Default::default())).unwrap();
    assert!(world.user(&free).is_none());
}

#[test]
fn wrong_requests_should_be_refused_in_upstreams_words() {
    let world = world();
    let invalid = |seconds: i64, why: &str| {
        format!(
            "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: {seconds}: {why}"
        )
    };
    let bound = |key: &str, value: &str| {
        let mut bound = world.bound();
        bound[key] = value.into();
        json!({ "boundObjectRef": bound })
    };
    let cases = [
        (json!({"expirationSeconds": 599}), invalid(599, "may not specify a duration less than 10 minutes")),
        (
            json!({"expirationSeconds": (1_i64 << 32) + 1}),
            invalid((1 << 32) + 1, "may not specify a duration larger than 2^32 seconds"),
        ),
        (bound("name", "none"), "pods \"none\" not found".to_owned()),
        (bound("kind", "Service"), "cannot bind token to object of type /v1, Kind=Service".to_owned()),
    ];
    for (spec, message) in cases {
        assert_eq!(world.ask(spec).unwrap_err(), message);
    }
    let message = world.ask(bound("uid", "1")).unwrap_err();
    assert!(
        message.starts_with("Operation cannot be fulfilled on Pod \"web\": the UID in the bound object"),
        "{message}"
    );
}

#[test]
fn kubelet_should_get_tokens_for_pods_of_its_node_alone() {
    let world = world();
    let ask = |node: &str, spec: Value| world.ask_as(User::node(node), spec).err().unwrap_or_default();
    let bound = json!({ "boundObjectRef": world.bound() });
    assert_eq!(ask("node-1", bound.clone()), "");
    let refused = |why: &str| format!("serviceaccounts \"default\" is forbidden: {why}");
    let other = "node requested token bound to a pod scheduled on a different node";
    assert_eq!(ask("node-2", bound.clone()), refused(other));
    assert_eq!(ask("node-1", json!({})), refused("node requested token not bound to a pod"));
    let mut without_uid = bound;
    without_uid["boundObjectRef"]["uid"] = "".into();
    let why = "node requested token with a pod binding without a uid";
    assert_eq!(ask("node-1", without_uid), refused(why));
    assert!(ask("node-1", json!({})).contains("forbidden"));
}

#[test]
fn accounts_should_learn_what_there_is_and_nothing_else() {
    let world = world();
    let user = world.user(&world.token(json!({}))).unwrap();
    let client = Client::new(world.server.clone(), user.clone(), "test");
    let error = block_on(client.get::<Pod>("default", "web")).unwrap_err();
    assert!(
        error.message.as_ref().unwrap().contains("User \"system:serviceaccount:default:default\" cannot get")
    );
    for path in ["/api", "/openid/v1/jwks", "/.well-known/openid-configuration"] {
        assert!(crate::apiserver::authorization::authorize_path(&user, path, "get").is_ok(), "{path}");
    }
    let jane = User::new("jane", &[]);
    assert!(crate::apiserver::authorization::authorize_path(&jane, "/openid/v1/jwks", "get").is_err());
}

#[test]
fn pods_should_be_given_their_accounts_token_unless_it_is_unwanted() {
    let world = world();
    let create = |name: &str, spec: Value, account: Value| {
        let mut account: ServiceAccount = serde_json::from_value(account).unwrap();
        account.metadata = serde_json::from_value(json!({"name": name, "namespace": "default"})).unwrap();
        block_on(world.admin.create(account)).unwrap();
        let mut spec = spec;
        spec["serviceAccountName"] = name.into();
        let pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec});
        let created = block_on(world.admin.create(serde_json::from_value::<Pod>(pod).unwrap())).unwrap();
        created.downcast_ref::<Pod>().unwrap().spec.clone().unwrap()
    };
    let plain = json!({"containers": [
        {"name": "a", "image": "nginx"},
        {"name": "b", "image": "nginx", "volumeMounts": [{"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]},
    ], "volumes": [{"name": "own", "emptyDir": {}}]});
    let spec = create("with", plain.clone(), json!({"imagePullSecrets": [{"name": "registry"}]}));
    let volumes = spec.volumes.unwrap();
    assert!(volumes[1].name.starts_with("kube-api-access-"), "{volumes:?}");
    let sources = serde_json::to_value(volumes[1].projected.as_ref().unwrap()).unwrap();
    assert_eq!(
        sources,
        json!({"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]})
    );
    let mounts: Vec<_> =
        spec.containers.iter().map(|c| c.volume_mounts.clone().unwrap_or_default()).collect();
    assert_eq!((mounts[0].len(), mounts[0][0].read_only, mounts[1].len()), (1, Some(true), 1));
    assert_eq!(spec.image_pull_secrets.unwrap()[0].name, "registry");

    let has_token = |spec: k8s_openapi::api::core::v1::PodSpec| spec.volumes.is_some_and(|all| all.len() > 1);
    assert!(!has_token(create("refuses", plain.clone(), json!({"automountServiceAccountToken": false}))));
    let mut wants = plain.clone();
    wants["automountServiceAccountToken"] = true.into();
    assert!(has_token(create("wants", wants, json!({"automountServiceAccountToken": false}))));
    let mut refuses = plain;
    refuses["automountServiceAccountToken"] = false.into();
    assert!(!has_token(create("itself", refuses, json!({}))));
}
