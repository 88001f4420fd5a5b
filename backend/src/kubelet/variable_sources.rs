//! What a container's variables are taken from: ConfigMaps, Secrets and files of volumes, read when it starts.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use cap_primitives::ambient_authority;
use cap_primitives::fs::{OpenOptions, open, open_ambient_dir};
use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVarSource, Pod, Secret};
use shared::kubelet::env_file::LONGEST;
use shared::kubelet::environment::{Sources, VolumeFile};

use super::node::Kubelet;
use super::pod::blocking;
use super::volumes::{Place, Places};

type Data = BTreeMap<String, String>;

/// All that one container's variables name.
#[derive(Default)]
pub(super) struct VariableSources {
    config_maps: BTreeMap<String, Data>,
    secrets: BTreeMap<String, Data>,
    files: BTreeMap<(String, String), VolumeFile>,
}

impl VariableSources {
    pub(super) async fn read(
        kubelet: &Kubelet,
        pod: &Pod,
        container: &Container,
        places: &Places,
    ) -> VariableSources {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut read = VariableSources::default();
        for name in config_maps(container) {
            if let Ok(object) = kubelet.client.get::<ConfigMap>(namespace, &name).await {
                let data = object.downcast_ref::<ConfigMap>().and_then(|map| map.data.clone());
                read.config_maps.insert(name, data.unwrap_or_default());
            }
        }
        for name in secrets(container) {
            if let Ok(object) = kubelet.client.get::<Secret>(namespace, &name).await {
                let data = object.downcast_ref::<Secret>().and_then(|secret| secret.data.clone());
                let text = |value: &k8s_openapi::ByteString| String::from_utf8_lossy(&value.0).into_owned();
                let data = data.unwrap_or_default();
                let data = data.iter().map(|(key, value)| (key.clone(), text(value))).collect();
                read.secrets.insert(name, data);
            }
        }
        for (volume, path) in files(container) {
            let file = match places.get(&volume).cloned() {
                None => VolumeFile::NoVolume,
                Some(place) => {
                    let path = path.clone();
                    blocking(move || read_file(&place, &path)).await.unwrap_or(VolumeFile::Unreadable)
                }
            };
            read.files.insert((volume, path), file);
        }
        read
    }
}

fn values(container: &Container) -> impl Iterator<Item = &EnvVarSource> {
    container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref())
}

fn config_maps(container: &Container) -> Vec<String> {
    let single =
        values(container).filter_map(|source| Some(source.config_map_key_ref.as_ref()?.name.clone()));
    let imports = container.env_from.iter().flatten();
    single.chain(imports.filter_map(|source| Some(source.config_map_ref.as_ref()?.name.clone()))).collect()
}

fn secrets(container: &Container) -> Vec<String> {
    let single = values(container).filter_map(|source| Some(source.secret_key_ref.as_ref()?.name.clone()));
    let imports = container.env_from.iter().flatten();
    single.chain(imports.filter_map(|source| Some(source.secret_ref.as_ref()?.name.clone()))).collect()
}

fn files(container: &Container) -> Vec<(String, String)> {
    let keys = values(container).filter_map(|source| source.file_key_ref.as_ref());
    keys.map(|key| (key.volume_name.clone(), key.path.clone())).collect()
}

/// Reads a file that containers may have written. Links that leave the volume lead nowhere.
fn read_file(place: &Place, path: &str) -> VolumeFile {
    let read = || -> io::Result<String> {
        let root = open_ambient_dir(&place.root, ambient_authority())?;
        let file = open(&root, &place.below.join(path), OpenOptions::new().read(true))?;
        if !file.metadata()?.is_file() || file.metadata()?.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    };
    let lies: &Path = &place.root.join(&place.below).join(path);
    match read() {
        Ok(text) => VolumeFile::Text { place: lies.display().to_string(), text },
        Err(error) => {
            tracing::debug!(%error, file = %lies.display(), "a file of variables was not read");
            VolumeFile::Unreadable
        }
    }
}

impl Sources for VariableSources {
    fn config_map(&self, name: &str) -> Option<Data> {
        self.config_maps.get(name).cloned()
    }

    fn secret(&self, name: &str) -> Option<Data> {
        self.secrets.get(name).cloned()
    }

    fn file(&self, volume: &str, path: &str) -> VolumeFile {
        let file = self.files.get(&(volume.to_owned(), path.to_owned()));
        file.cloned().unwrap_or(VolumeFile::NoVolume)
    }
}
