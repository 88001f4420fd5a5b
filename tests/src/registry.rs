//! Debian's `docker-registry`, started for real, and a client that pushes to registries: `oci-client`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use oci_client::client::{
    Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer,
};
use oci_client::manifest::{ImageIndexEntry, OciImageIndex, Platform};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::authority::Authority;
use crate::token_server::TokenServer;
use crate::{eventually, workspace};

/// The user that a closed registry lets in.
pub const USER: (&str, &str) = ("student", "secret");
/// A line of Apache's `htpasswd -B` for that user.
const PASSWORDS: &str = "student:$2b$12$NcR2AjEB2WDksgDcJvw2wOZafimh0.kOVB9ZO0uZzrd.RgBgg5c3m\n";

/// A registry that nobody else uses. It is killed when this is dropped.
pub struct DockerRegistry {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl DockerRegistry {
    /// A registry for everybody.
    pub async fn open() -> DockerRegistry {
        Self::started(async |_| Ok((String::new(), ()))).await.0
    }

    /// A registry that lets in [`USER`] alone.
    pub async fn closed() -> DockerRegistry {
        let configuration = "auth: {htpasswd: {realm: tests, path: passwords}}\n";
        Self::started(async |_| Ok((configuration.to_owned(), ()))).await.0
    }

    /// A registry that lets in who has a token, which live for so many seconds.
    pub async fn with_tokens(lives_seconds: u64) -> (DockerRegistry, TokenServer) {
        Self::started(async |folder| {
            let tokens = TokenServer::start(folder, lives_seconds).await?;
            Ok((tokens.configuration(), tokens))
        })
        .await
    }

    /// A registry for everybody with TLS, and the authority that vouches for it.
    pub async fn with_tls() -> (DockerRegistry, Authority) {
        Self::started(async |folder| {
            let authority = Authority::new("registry-ca")?;
            let certified = authority.certify("127.0.0.1")?;
            std::fs::write(folder.join("tls.crt"), certified.certificate)?;
            std::fs::write(folder.join("tls.key"), certified.key)?;
            Ok(("  tls: {certificate: tls.crt, key: tls.key}\n".to_owned(), authority))
        })
        .await
    }

    /// Starts one in a folder of its own, into which this writes more of its files and says the end of its
    /// configuration.
    async fn started<T>(more: impl AsyncFnOnce(&Path) -> Result<(String, T)>) -> (DockerRegistry, T) {
        Self::try_start(more).await.unwrap_or_else(|error| {
            panic!(
                "docker-registry does not start: {error:#}. On Debian `apt-get install docker-registry`; elsewhere \
                 name it in the variable DOCKER_REGISTRY"
            )
        })
    }

    async fn try_start<T>(
        more: impl AsyncFnOnce(&Path) -> Result<(String, T)>,
    ) -> Result<(DockerRegistry, T)> {
        let directory = TempDir::with_prefix("registry-")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (more, kept) = more(directory.path()).await?;
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: data}}}}\nhttp:\n  addr: \"{address}\"\n{more}"
        );
        std::fs::write(directory.path().join("config.yml"), configuration)?;
        std::fs::write(directory.path().join("passwords"), PASSWORDS)?;
        let child = Command::new(workspace::program("DOCKER_REGISTRY", "docker-registry"))
            .args(["serve", "config.yml"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("it is missing")?;
        let registry = DockerRegistry { child, address, _directory: directory };
        eventually("the registry answers", async || Ok(TcpStream::connect(address).await?)).await;
        Ok((registry, kept))
    }

    /// Its name in images: `127.0.0.1:5000`.
    pub fn name(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One who pushes.
pub struct Pusher {
    client: Client,
    auth: RegistryAuth,
}

impl Pusher {
    /// One who pushes without TLS, as a user if one is given.
    pub fn new(user: Option<(&str, &str)>) -> Pusher {
        Self::with(user, ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() })
    }

    /// One who pushes with TLS, and trusts this authority.
    pub fn trusting(authority: &Authority) -> Pusher {
        let data = authority.pem().as_bytes().to_vec();
        let trusted = vec![Certificate { encoding: CertificateEncoding::Pem, data }];
        let config = ClientConfig { extra_root_certificates: trusted, ..ClientConfig::default() };
        Self::with(None, config)
    }

    fn with(user: Option<(&str, &str)>, config: ClientConfig) -> Pusher {
        // The client library leaves it to its users which cryptography there is.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = user.map_or(RegistryAuth::Anonymous, |(name, password)| {
            RegistryAuth::Basic(name.to_owned(), password.to_owned())
        });
        Pusher { client: Client::new(config), auth }
    }

    /// Pushes an image of one configuration and its layers, each with its media type; returns its digest.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn push(&self, image: &str, config: (&str, Value), layers: &[(&str, &[u8])]) -> Result<String> {
        let image: Reference = image.parse()?;
        let layer = |(media_type, data): &(&str, &[u8])| {
            ImageLayer::new(data.to_vec(), (*media_type).to_owned(), None)
        };
        let layers: Vec<ImageLayer> = layers.iter().map(layer).collect();
        let config = Config::new(config.1.to_string(), config.0.to_owned(), None);
        self.client.push(&image, &layers, config, &self.auth, None).await?;
        Ok(self.client.fetch_manifest_digest(&image, &self.auth).await?)
    }

    /// Pushes a program as the artifact of today.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn push_program(&self, image: &str, program: &[u8]) -> Result<String> {
        let config = ("application/vnd.wasm.config.v0+json", json!({"architecture": "wasm", "os": "wasip2"}));
        self.push(image, config, &[("application/wasm", program)]).await
    }

    /// Pushes a list of manifests that are there: operating system, architecture, digest and size each.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn push_list(&self, image: &str, manifests: &[(&str, &str, &str)]) -> Result<String> {
        let image: Reference = image.parse()?;
        let mut entries = Vec::new();
        for (os, architecture, digest) in manifests {
            let place = image.clone_with_digest((*digest).to_owned());
            let media_types = [oci_client::manifest::OCI_IMAGE_MEDIA_TYPE];
            let (bytes, _) = self.client.pull_manifest_raw(&place, &self.auth, &media_types).await?;
            let platform: Platform = serde_json::from_value(json!({"os": os, "architecture": architecture}))?;
            entries.push(ImageIndexEntry {
                media_type: media_types[0].to_owned(),
                digest: (*digest).to_owned(),
                size: i64::try_from(bytes.len())?,
                platform: Some(platform),
                ..serde_json::from_value(json!({"mediaType": "", "digest": "", "size": 0}))?
            });
        }
        let list: OciImageIndex = serde_json::from_value(json!({
            "schemaVersion": 2,
            "mediaType": oci_client::manifest::OCI_IMAGE_INDEX_MEDIA_TYPE,
            "manifests": [],
        }))?;
        let list = OciImageIndex { manifests: entries, ..list };
        self.client.push_manifest_list(&image, &self.auth, list).await?;
        Ok(self.client.fetch_manifest_digest(&image, &self.auth).await?)
    }

    /// All tags of a repository.
    ///
    /// # Errors
    /// What the registry says.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>> {
        Ok(self.client.list_tags(&repository.parse()?, &self.auth, None, None).await?.tags)
    }
}
