//! What registries keep of an image: manifests, lists of them, and the configuration of an image
//! ([OCI image specification](https://github.com/opencontainers/image-spec), `manifest.md`, `image-index.md`,
//! `config.md`; Docker's of [schema 2](https://distribution.github.io/distribution/spec/manifest-v2-2/)); and what
//! of it are WebAssembly programs: the artifacts of the
//! [CNCF's wasm working group](https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/), those before
//! them, and ordinary images whose files are programs, as [runwasi](https://github.com/containerd/runwasi) runs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of manifests, a platform each.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's list of manifests.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The configuration of a WebAssembly artifact.
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The program of a WebAssembly artifact.
pub const WASM_LAYER: &str = "application/wasm";

/// Programs as artifacts had them before there was an agreement.
const OLD_WASM_LAYERS: [&str; 3] = [
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];
/// What ordinary images are configured with.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// The operating systems of WebAssembly platforms, the best first.
const SYSTEMS: [&str; 3] = ["wasip2", "wasip1", "wasi"];
/// Says of an image for an ordinary processor that its files are WebAssembly (crun's and Docker's mark).
const VARIANT: &str = "module.wasm.image/variant";

/// Where something lies: by its digest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// What a manifest of a list is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact a manifest of a list is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What a program needs to run on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `wasm`.
    pub architecture: String,
    /// `wasip2`.
    pub os: String,
}

/// A manifest, or a list of manifests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// What it says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact it is, where it is no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Descriptor>,
    /// The content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Descriptor>,
    /// The manifests of a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one says something about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else is said of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The configuration of an ordinary image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// What its programs run on.
    pub architecture: String,
    /// What its programs run on.
    pub os: String,
    /// How a container of it is started.
    #[serde(deserialize_with = "or_default")]
    pub config: Execution,
    /// Its files.
    #[serde(deserialize_with = "or_default")]
    pub rootfs: RootFs,
}

/// How a container of an image is started.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// What runs without `command` in the pod.
    #[serde(deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    /// The arguments without `args` in the pod.
    #[serde(deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "or_default")]
    pub env: Vec<String>,
    /// Where programs start.
    pub working_dir: String,
    /// `80/tcp`.
    #[serde(deserialize_with = "or_default")]
    pub exposed_ports: BTreeMap<String, serde_json::Value>,
}

/// The files of an image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// The digests of its layers when they are not compressed.
    pub diff_ids: Vec<String>,
}

/// Go writes `null` for what is empty.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What a manifest describes.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One program, and nothing else.
    Program {
        /// Its bytes.
        layer: Descriptor,
        /// How it is started, where the artifact says so as an image does.
        config: Option<Descriptor>,
    },
    /// A root file system, layer upon layer, with programs in it.
    Files {
        /// The lowest first.
        layers: Vec<Descriptor>,
        /// How it is started.
        config: Descriptor,
    },
}

impl Manifest {
    /// Reads a manifest or a list.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(bytes: &[u8]) -> Result<Manifest, String> {
        let manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| format!("the manifest cannot be read: {error}"))?;
        if manifest.schema_version != 2 {
            return Err(format!("manifests of schema version {} are not supported", manifest.schema_version));
        }
        if manifest.config.is_none() && manifest.manifests.is_empty() && !manifest.is_list() {
            return Err("the manifest has neither a config nor other manifests".to_owned());
        }
        Ok(manifest)
    }

    /// Whether it is a list of manifests.
    #[must_use]
    pub fn is_list(&self) -> bool {
        match self.media_type.as_deref() {
            Some(media_type) => matches!(media_type, INDEX | DOCKER_LIST),
            None => self.config.is_none(),
        }
    }

    /// All that it refers to, without its subject, which need not exist.
    pub fn references(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).chain(&self.manifests)
    }

    /// The manifest of a list that can run here: by platform, or one that does not name any.
    ///
    /// # Errors
    /// What platforms there are, in containerd's words.
    pub fn choose(&self) -> Result<&Descriptor, String> {
        let of = |system: &str| {
            self.manifests.iter().find(|found| found.platform.as_ref().is_some_and(|own| own.is(system)))
        };
        let unnamed = || self.manifests.iter().find(|found| found.platform.is_none());
        let chosen = SYSTEMS.iter().find_map(|system| of(system)).or_else(unnamed);
        chosen.ok_or_else(|| {
            let platforms = self.manifests.iter().filter_map(|found| found.platform.as_ref());
            let known = platforms.filter(|platform| platform.os != "unknown").map(Platform::name);
            foreign(&known.collect::<Vec<_>>().join(", "))
        })
    }

    /// What it describes.
    ///
    /// # Errors
    /// Why no container can be made of it.
    pub fn content(&self) -> Result<Content, String> {
        let config = self.config.clone().unwrap_or_default();
        let is_image = IMAGE_CONFIGS.contains(&config.media_type.as_str());
        let programs: Vec<&Descriptor> =
            self.layers.iter().filter(|layer| is_program(&layer.media_type)).collect();
        match programs[..] {
            [layer] => {
                Ok(Content::Program { layer: layer.clone(), config: Some(config).filter(|_| is_image) })
            }
            [] if is_image => {
                let layers = self
                    .layers
                    .iter()
                    .filter(|layer| layer.media_type.contains(".tar") || layer.media_type.contains("diff"));
                Ok(Content::Files { layers: layers.cloned().collect(), config })
            }
            [] => Err(format!(
                "it is no image: its configuration is {:?}, and none of its layers is a WebAssembly program",
                config.media_type
            )),
            _ => Err(format!("it has {} WebAssembly programs, and a container runs one", programs.len())),
        }
    }

    /// Whether it says that its files are WebAssembly although its platform is another.
    #[must_use]
    pub fn is_compatible(&self) -> bool {
        self.annotations.get(VARIANT).is_some_and(|variant| variant.starts_with("compat"))
    }
}

fn is_program(media_type: &str) -> bool {
    media_type == WASM_LAYER || OLD_WASM_LAYERS.contains(&media_type)
}

impl Platform {
    fn is(&self, system: &str) -> bool {
        self.architecture == "wasm" && self.os == system
    }

    fn name(&self) -> String {
        format!("{}/{}", self.os, self.architecture)
    }
}

impl Configuration {
    /// Reads the configuration of an ordinary image.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Configuration, String> {
        serde_json::from_slice(bytes)
            .map_err(|error| format!("the image's configuration cannot be read: {error}"))
    }

    /// Whether its programs can run here; an image that names no architecture is given a chance.
    ///
    /// # Errors
    /// What it is built for instead.
    pub fn check_platform(&self) -> Result<(), String> {
        let platform = Platform { architecture: self.architecture.clone(), os: self.os.clone() };
        let is_wasm =
            SYSTEMS.iter().any(|system| platform.is(system)) || self.architecture.starts_with("wasm");
        if is_wasm || self.architecture.is_empty() { Ok(()) } else { Err(foreign(&platform.name())) }
    }

    /// The environment, a name and a value each.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let split = |line: &String| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.to_owned(), value.to_owned())
        };
        self.config.env.iter().map(split)
    }

    /// The TCP ports that it declares.
    pub fn tcp_ports(&self) -> impl Iterator<Item = u16> {
        let number = |port: &String| match port.split_once('/') {
            Some((number, "tcp")) => number.parse().ok(),
            Some(_) => None,
            None => port.parse().ok(),
        };
        self.config.exposed_ports.keys().filter_map(number)
    }
}

/// As containerd says it, and what that means here.
fn foreign(platforms: &str) -> String {
    format!(
        "no match for platform in manifest: not found (it is built for {platforms}; containers of this cluster are \
         WebAssembly programs: wasip2/wasm, wasip1/wasm or wasi/wasm)"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(value: serde_json::Value) -> Result<Manifest, String> {
        Manifest::read(value.to_string().as_bytes())
    }

    fn layer(media_type: &str) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": format!("sha256:{media_type}"), "size": 3})
    }

    #[test]
    fn the_best_platform_of_a_list_should_be_chosen() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Result<usize, &'a str>);
        let cases: [Case<'_>; 6] = [
            (&[("linux", "amd64"), ("wasi", "wasm"), ("wasip1", "wasm"), ("wasip2", "wasm")], Ok(3)),
            (&[("wasip1", "wasm"), ("wasi", "wasm")], Ok(0)),
            (&[("linux", "amd64"), ("wasi", "wasm")], Ok(1)),
            (&[("linux", "amd64"), ("", "")], Ok(1)),
            (
                &[("linux", "amd64"), ("unknown", "unknown"), ("linux", "arm64")],
                Err("linux/amd64, linux/arm64;"),
            ),
            (&[("wasip2", "amd64")], Err("wasip2/amd64")),
        ];
        for (platforms, expected) in cases {
            let entry = |(index, (os, architecture)): (usize, &(&str, &str))| match *os {
                "" => json!({"digest": index.to_string()}),
                _ => {
                    json!({"digest": index.to_string(), "platform": {"os": os, "architecture": architecture}})
                }
            };
            let manifests: Vec<_> = platforms.iter().enumerate().map(entry).collect();
            let list =
                manifest(json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})).unwrap();
            match (list.choose(), expected) {
                (Ok(found), Ok(index)) => assert_eq!(found.digest, index.to_string(), "{platforms:?}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, _) => panic!("{platforms:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_a_manifest_describes_should_be_seen_from_its_media_types() {
        const IMAGE: &str = "application/vnd.oci.image.config.v1+json";
        const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
        const EMPTY: &str = "application/vnd.oci.empty.v1+json";
        let cases: [(&str, &[&str], &str); 8] = [
            (WASM_CONFIG, &[WASM_LAYER], "program"),
            (
                "application/vnd.wasm.config.v1+json",
                &["application/vnd.wasm.content.layer.v1+wasm"],
                "program",
            ),
            (EMPTY, &["text/plain", WASM_LAYER], "program"),
            (
                IMAGE,
                &["application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"],
                "program with config",
            ),
            (IMAGE, &[TAR, "application/vnd.docker.image.rootfs.diff.tar.gzip"], "2 layers"),
            (IMAGE, &[], "0 layers"),
            (
                EMPTY,
                &["text/plain"],
                "it is no image: its configuration is \"application/vnd.oci.empty.v1+json\"",
            ),
            (WASM_CONFIG, &[WASM_LAYER, WASM_LAYER], "it has 2 WebAssembly programs"),
        ];
        for (config, layers, expected) in cases {
            let layers: Vec<_> = layers.iter().map(|media_type| layer(media_type)).collect();
            let manifest =
                manifest(json!({"schemaVersion": 2, "config": layer(config), "layers": layers})).unwrap();
            let found = match manifest.content() {
                Ok(Content::Program { config: None, .. }) => "program".to_owned(),
                Ok(Content::Program { .. }) => "program with config".to_owned(),
                Ok(Content::Files { layers, .. }) => format!("{} layers", layers.len()),
                Err(error) => error,
            };
            assert!(found.starts_with(expected), "{config} {found}");
        }
    }

    #[test]
    fn what_is_no_manifest_should_be_refused() {
        let cases = [
            (json!("text"), "the manifest cannot be read"),
            (json!({"schemaVersion": 1}), "manifests of schema version 1 are not supported"),
            (json!({"schemaVersion": 2, "mediaType": MANIFEST}), "the manifest has neither"),
            (json!({"schemaVersion": 2, "config": {"size": -1}}), "the manifest cannot be read"),
        ];
        for (value, expected) in cases {
            let error = manifest(value.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{value}: {error}");
        }
    }

    #[test]
    fn configuration_should_be_read_as_go_writes_it() {
        let text = json!({
            "architecture": "wasm", "os": "wasi",
            "config": {
                "Entrypoint": ["/app.wasm"], "Cmd": null, "Env": ["A=b=c", "D"], "WorkingDir": "/w",
                "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "81": {}},
            },
            "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
        });
        let read = Configuration::read(text.to_string().as_bytes()).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read.variables().collect::<Vec<_>>(), [pair("A", "b=c"), pair("D", "")]);
        assert_eq!(
            (read.config.working_dir.as_str(), &read.config.entrypoint[..]),
            ("/w", &["/app.wasm".to_owned()][..])
        );
        assert_eq!(read.tcp_ports().collect::<Vec<_>>(), [80, 81]);
        assert_eq!(read.check_platform(), Ok(()));
        let linux = Configuration { architecture: "amd64".into(), os: "linux".into(), ..read };
        assert!(linux.check_platform().unwrap_err().contains("it is built for linux/amd64;"));
    }
}
