//! Who gets in, and by which door.

use http::{Request, Response, StatusCode, header};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tests::Server;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::world;

async fn send(client: &Client, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect_bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn nobody_should_get_in_without_a_certificate() {
    let server = Server::shared();
    let client = server.anonymous_client().await.unwrap();
    for path in ["/api/v1/namespaces", "/apis", "/openapi/v3", "/version"] {
        let response = send(&client, path, &[]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        let status = json(response).await;
        assert_eq!(
            (status["kind"].as_str(), status["reason"].as_str()),
            (Some("Status"), Some("Unauthorized"))
        );
        assert_eq!(status["message"], "Unauthorized");
    }
}

#[tokio::test]
async fn another_site_should_not_get_in_at_the_pages_door() {
    let server = Server::shared();
    let client = server.page_client().unwrap();
    let own = format!("http://{}", server.address());
    let table: [(&[(&str, &str)], u16); 6] = [
        (&[], 200),
        (&[("origin", &own)], 200),
        (&[("host", "rebound.example:8080")], 403),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403),
    ];
    for (headers, expected) in table {
        let response = send(&client, "/api/v1/namespaces", headers).await;
        assert_eq!(response.status().as_u16(), expected, "{headers:?}");
        let kind = if expected == 200 { "NamespaceList" } else { "Status" };
        assert_eq!(json(response).await["kind"], kind, "{headers:?}");
    }
}

#[tokio::test]
async fn another_site_should_not_open_a_web_socket() {
    let server = Server::shared();
    let url = format!("ws://{}/api/v1/pods?watch=1", server.address());
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(header::ORIGIN, "http://evil.example".parse().unwrap());
    assert!(connect_async(request).await.is_err());
}

#[tokio::test]
async fn the_audit_should_name_who_did_what() {
    let (server, client) = world("audited").await;
    let maps = kube::Api::<k8s_openapi::api::core::v1::ConfigMap>::namespaced(client, "audited");
    maps.create(&kube::api::PostParams::default(), &crate::config_map("one", "a", "1")).await.unwrap();
    send(&server.page_client().unwrap(), "/api/v1/namespaces/audited/configmaps/one", &[]).await;
    let events = json(send(&server.page_client().unwrap(), "/kijabi/audit", &[]).await).await;
    let own = |event: &&Value| {
        let about = &event["objectRef"];
        about["namespace"] == "audited"
            && about["resource"] == "configmaps"
            && about["name"] != "kube-root-ca.crt"
    };
    let field = |event: &Value, pointer: &str| event.pointer(pointer).cloned().unwrap_or_default();
    let seen: Vec<_> = events["items"].as_array().unwrap().iter().filter(own).collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|event| {
            (field(event, "/user/username"), field(event, "/verb"), field(event, "/responseStatus/code"))
        })
        .collect();
    let expected = [("kubernetes-admin", "create", 201), ("kijabi:page", "get", 200)];
    assert_eq!(seen, expected.map(|(user, verb, code)| (user.into(), verb.into(), code.into())));
}
