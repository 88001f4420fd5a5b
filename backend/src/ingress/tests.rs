//! Requests through an Ingress to a server on the pod network.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::network::{Network, PodIdentity, PodNetwork};

const WEB: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

struct World {
    network: Network,
    host: PodNetwork,
    web: PodNetwork,
    ingresses: Ingresses,
}

fn read<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

impl World {
    /// An Ingress of `web.example`, whose Service has the address of a pod.
    fn new() -> World {
        let network = Network::new();
        let host = network.add_node("node-1", Ipv4Addr::new(172, 18, 0, 2)).unwrap();
        let node = "node-1".to_owned();
        let web = network.add_pod(PodIdentity { node, ..PodIdentity::default() }, WEB).unwrap();
        let ingresses = Ingresses::default();
        let class =
            json!({ "metadata": { "name": "c" }, "spec": { "controller": shared::ingress::CONTROLLER } });
        let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
        let paths = json!([{ "path": "/", "pathType": "Prefix", "backend": backend }]);
        let ingress = json!({
            "metadata": { "namespace": "shop", "name": "web" },
            "spec": {
                "ingressClassName": "c",
                "tls": [{ "hosts": ["web.example"], "secretName": "cert" }],
                "rules": [{ "host": "web.example", "http": { "paths": paths } }],
            },
        });
        let service = json!({ "spec": { "clusterIP": WEB, "ports": [{ "port": 80 }] } });
        ingresses.write(|known| {
            known.table.set_class(&read::<IngressClass>(class));
            known.table.set_ingress(&read::<Ingress>(ingress));
            known.services.insert(("shop".into(), "web".into()), read(service));
        });
        World { network, host, web, ingresses }
    }

    async fn ask(&self, request: axum::http::request::Builder) -> (StatusCode, String) {
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = serve(&self.ingresses, &self.host, "http", request).await;
        let code = response.status();
        let body = to_bytes(response.into_body(), 65536).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// Answers every request of one connection with what it got.
async fn echo(mut listener: crate::network::Listener) {
    let mut connections = 0;
    while let Ok(mut connection) = listener.accept().await {
        connections += 1;
        tokio::spawn(async move {
            let mut head = Vec::new();
            while let Ok(byte) = connection.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    let text = format!("connection {connections}\n{}", String::from_utf8_lossy(&head));
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                    connection.write_all(answer.as_bytes()).await.unwrap();
                    head.clear();
                }
            }
        });
    }
}

#[tokio::test]
async fn a_service_should_see_who_asks_and_keep_its_connection() {
    let world = World::new();
    let request =
        || Request::get("/a?b=c").header("host", "web.example:8080").header("x-forwarded-for", "forged");
    assert_eq!(world.ask(request()).await.0, StatusCode::SERVICE_UNAVAILABLE, "nobody listens");
    tokio::spawn(echo(world.web.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).unwrap()));
    for _ in 0..3 {
        let (code, text) = world.ask(request()).await;
        assert_eq!(code, StatusCode::OK);
        assert!(text.starts_with("connection 1\nGET /a?b=c HTTP/1.1\r\n"), "{text}");
        for line in [
            "host: web.example:8080",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: web.example:8080",
            "x-forwarded-port: 8080",
            "x-forwarded-proto: http",
            "x-real-ip: 127.0.0.1",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
    let (code, text) = world.ask(Request::get("/").header("host", "other.example")).await;
    assert_eq!((code, text.contains("404 Not Found")), (StatusCode::NOT_FOUND, true));
    world.network.remove_pod(&world.web);
    assert_eq!(world.ask(request()).await.0, StatusCode::BAD_GATEWAY, "the address is nobody's");
}

/// The name in the certificate that is shown for a host.
async fn shown(config: Arc<ServerConfig>) -> Vec<u8> {
    let (client, server) = tokio::io::duplex(65536);
    let acceptor = tokio_rustls::TlsAcceptor::from(config.clone());
    tokio::spawn(async move { acceptor.accept(server).await.map(drop) });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusting = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting))
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(trusting));
    let stream = connector.connect(ServerName::try_from("web.example").unwrap(), client).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[derive(Debug)]
struct Trusting;

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls::pki_types::CertificateDer<'_>,
        _intermediates: &[rustls::pki_types::CertificateDer<'_>],
        _name: &ServerName<'_>,
        _response: &[u8],
        _now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &rustls::pki_types::CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &rustls::pki_types::CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn a_hosts_certificate_should_be_its_secrets_or_nobodys() {
    let world = World::new();
    assert!(world.ingresses.tls("other.example").is_none(), "the API server answers for other names");
    let fake = shown(world.ingresses.tls("web.example").unwrap()).await;
    assert!(String::from_utf8_lossy(&fake).contains("Kubernetes Ingress Controller Fake Certificate"));
    let key = rcgen::KeyPair::generate().unwrap();
    let own =
        rcgen::CertificateParams::new(vec!["web.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let data = |text: String| k8s_openapi::ByteString(text.into_bytes());
    let data = [("tls.crt".to_owned(), data(own.pem())), ("tls.key".to_owned(), data(key.serialize_pem()))];
    let secret = Secret { data: Some(data.into()), ..Secret::default() };
    world.ingresses.write(|known| known.certificates.set(("shop".into(), "cert".into()), &secret));
    assert_eq!(shown(world.ingresses.tls("web.example").unwrap()).await, own.der().to_vec());
    let broken = Secret::default();
    world.ingresses.write(|known| known.certificates.set(("shop".into(), "cert".into()), &broken));
    assert_eq!(shown(world.ingresses.tls("web.example").unwrap()).await, fake);
}
