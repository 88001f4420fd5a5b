//! Services on real pods: the book's web application finds its database as `db`, wherever that is and whatever
//! pod is behind it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, LogParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{in_phase, namespace, pod, pod_ip};

/// A pod of the Service `db` on node-2; its address.
async fn database(pods: &Api<Pod>, name: &str) -> String {
    let mut database = pod(name, "nginx", None);
    database.metadata.labels = Some(BTreeMap::from([("app".to_owned(), "db".to_owned())]));
    database.spec.as_mut().unwrap().node_name = Some("node-2".into());
    pods.create(&PostParams::default(), &database).await.unwrap();
    pod_ip(&in_phase(pods, name, "Running").await).to_owned()
}

/// The Service `db` of a type.
async fn service(client: &Client, within: &str, type_: &str) -> Api<Service> {
    let services = Api::<Service>::namespaced(client.clone(), within);
    let wanted = json!({
        "metadata": { "name": "db" },
        "spec": {
            "type": type_,
            "selector": { "app": "db" },
            "ports": [{ "name": "redis", "port": 6379, "targetPort": 80 }],
        },
    });
    services.create(&PostParams::default(), &serde_json::from_value(wanted).unwrap()).await.unwrap();
    services
}

/// Starts a shell on node-1.
async fn shell(pods: &Api<Pod>, name: &str, script: &str) {
    let mut client = pod(name, "busybox", Some(script));
    let spec = client.spec.as_mut().unwrap();
    spec.node_name = Some("node-1".into());
    spec.termination_grace_period_seconds = Some(0);
    pods.create(&PostParams::default(), &client).await.unwrap();
}

async fn log(pods: &Api<Pod>, name: &str) -> String {
    pods.logs(name, &LogParams::default()).await.unwrap_or_default()
}

/// Waits until the log has `more` lines `served` on top of those that it has.
async fn served(pods: &Api<Pod>, more: usize) {
    let count = async |pods: &Api<Pod>| log(pods, "web").await.matches("served").count();
    let before = count(pods).await;
    eventually("requests are answered", async || {
        let now = count(pods).await;
        anyhow::ensure!(now >= before + more, "{now} of {}", before + more);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_web_application_should_find_its_database_whatever_pod_is_behind_the_name() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "book").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "book");
    service(&client, "book", "ClusterIP").await;
    let first = database(&pods, "db-1").await;
    let script = "while true; do wget -q -T 2 -O /tmp/page http://db:6379/ && echo served; sleep 0.02; done";
    shell(&pods, "web", script).await;
    served(&pods, 20).await;
    pods.delete("db-1", &DeleteParams::default()).await.unwrap();
    let second = database(&pods, "db-2").await;
    assert_ne!(first, second, "the new pod has another address");
    served(&pods, 20).await;
}

#[tokio::test]
async fn a_service_should_answer_by_each_of_its_names_and_addresses() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "doors").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "doors");
    let services = service(&client, "doors", "LoadBalancer").await;
    database(&pods, "db-1").await;
    let (node_port, balancer) = eventually("the load balancer has an address", async || {
        let db = services.get("db").await?;
        let ingress = db.status.and_then(|status| status.load_balancer?.ingress?.pop()?.ip);
        let port = db.spec.and_then(|spec| spec.ports?.pop()?.node_port);
        port.zip(ingress).ok_or_else(|| anyhow::anyhow!("not yet"))
    })
    .await;
    let ways = [
        "db:6379".to_owned(),
        "db.doors:6379".to_owned(),
        "db.doors.svc.cluster.local.:6379".to_owned(),
        "$DB_SERVICE_HOST:$DB_SERVICE_PORT_REDIS".to_owned(),
        format!("172.18.0.2:{node_port}"),
        format!("172.18.0.4:{node_port}"),
        format!("{balancer}:6379"),
    ];
    let ask = |way: &String| {
        format!(
            "until wget -q -T 2 -O /tmp/page http://{way}/ 2> /tmp/why; do sleep 0.1; done; grep -c '<title>' /tmp/page;"
        )
    };
    let script: String = ways.iter().map(ask).collect();
    shell(&pods, "web", &script).await;
    in_phase(&pods, "web", "Succeeded").await;
    assert_eq!(log(&pods, "web").await, "1\n".repeat(ways.len()));
}

#[tokio::test]
async fn a_service_without_pods_should_refuse_and_its_rules_should_say_so() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "empty").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "empty");
    service(&client, "empty", "ClusterIP").await;
    let rules = async |node: &str| {
        let request = http::Request::get(format!("/kijabi/proxy/{node}/rules")).body(Vec::new())?;
        anyhow::Ok(client.request_text(request).await?)
    };
    for node in ["control-plane", "node-1", "node-2"] {
        eventually("the rules refuse", async || {
            let rules = rules(node).await?;
            let refused = rules
                .lines()
                .any(|rule| rule.contains("empty/db:redis has no endpoints") && rule.contains("-j REJECT"));
            anyhow::ensure!(refused, "{rules}");
            Ok(())
        })
        .await;
    }
    let script = "until nslookup db > /tmp/answer 2>&1; do sleep 0.1; done; wget -q -T 5 -O - http://db:6379/ 2>&1; echo ended $?";
    shell(&pods, "web", script).await;
    in_phase(&pods, "web", "Succeeded").await;
    let said = log(&pods, "web").await;
    assert!(said.contains("refused") && said.ends_with("ended 1\n"), "{said}");
}

#[tokio::test]
async fn the_api_server_should_lead_to_a_services_pods() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "led").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "led");
    service(&client, "led", "ClusterIP").await;
    let kubectl = server.kubectl();
    let page = |port: &str| format!("get --raw /api/v1/namespaces/led/services/db:{port}/proxy/");
    let refused = kubectl.run(&page("redis")).await;
    assert!(refused.stderr.contains("no endpoints available for service"), "{refused:?}");
    database(&pods, "db-1").await;
    for port in ["redis", "6379"] {
        eventually("the page is served", async || {
            let found = kubectl.run(&page(port)).await;
            anyhow::ensure!(found.stdout.contains("<title>"), "{found:?}");
            Ok(())
        })
        .await;
    }
}
