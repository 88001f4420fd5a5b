//! The images that the program brings along. They are programs of our own under well-known names, so that the first
//! examples of every book run without a registry; the `Pulled` event says so.

use sha2::{Digest, Sha256};

use super::Reference;
use super::image::{self, Image, ProgramFile, Root};
use crate::assets;

mod catalog;
mod suggestion;

pub use catalog::CATALOG;
pub use suggestion::advice;

/// A built-in image.
#[derive(Debug)]
pub struct Builtin {
    /// `nginx`.
    pub name: &'static str,
    /// The names it answers to, without tag: `docker.io/library/nginx`.
    pub repositories: &'static [&'static str],
    /// What it is, for the `Pulled` event: a sentence's end after "is".
    pub description: &'static str,
    /// What runs without `command` in the pod.
    pub entrypoint: &'static [&'static str],
    /// The arguments without `args` in the pod.
    pub cmd: &'static [&'static str],
    /// What runs arguments that begin with an option, a configuration file or a URL: what the entrypoint scripts of
    /// some images do.
    pub option_command: Option<&'static str>,
    /// Environment variables.
    pub env: &'static [(&'static str, &'static str)],
    /// Where programs start.
    pub working_dir: &'static str,
    /// TCP ports that the image declares.
    pub exposed_ports: &'static [u16],
    /// Empty directories of its root file system, absolute.
    pub directories: &'static [&'static str],
    /// Files of its root file system, absolute; their directories are implied.
    pub files: &'static [(&'static str, &'static [u8])],
    /// The programs that lie in it.
    pub executables: &'static [Executable],
}

/// A program in an image.
#[derive(Debug)]
pub struct Executable {
    /// Which embedded program it is.
    pub program: &'static str,
    /// The commands that start it.
    pub commands: &'static [&'static str],
    /// It finishes its work and ends by itself when its stdin ends: what SIGTERM is elsewhere. Its stdin must stay
    /// open until then.
    pub drains_on_stdin_close: bool,
}

/// The built-in image that a reference means. Any tag means it; a digest only if it is its own.
#[must_use]
pub fn resolve(reference: &Reference) -> Option<&'static Builtin> {
    let name = reference.name();
    let image = CATALOG.iter().find(|image| image.repositories.contains(&name.as_str()))?;
    let is_meant = reference.digest.as_ref().is_none_or(|digest| *digest == image.digest());
    is_meant.then_some(image)
}

impl Builtin {
    /// The identity of its content, `sha256:…`: changes when a program, a file or the configuration does.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for executable in self.executables {
            let digest = assets::program(executable.program).map_or("", |program| program.digest);
            hasher.update(format!("{} {:?} {digest}\n", executable.program, executable.commands));
        }
        hasher
            .update(format!("{:?} {:?} {:?} {:?}\n", self.entrypoint, self.cmd, self.env, self.working_dir));
        for (path, content) in self.files {
            hasher.update(format!("{path} {}\n", content.len()));
            hasher.update(content);
        }
        format!("sha256:{:x}", hasher.finalize())
    }

    /// Programs and files together, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let programs = self.executables.iter().filter_map(|executable| assets::program(executable.program));
        let programs: usize = programs.map(|program| program.wasm.len()).sum();
        let files: usize = self.files.iter().map(|(_, content)| content.len()).sum();
        (programs + files) as u64
    }

    /// The image as a kubelet needs it.
    ///
    /// # Errors
    /// When this binary has none of its programs in it.
    pub fn image(&self) -> Result<Image, String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let executable = |executable: &Executable| {
            let program = assets::program(executable.program).ok_or_else(|| assets::MISSING.to_owned())?;
            Ok::<_, String>(image::Executable {
                program: ProgramFile::Embedded(program),
                commands: owned(executable.commands),
                drains_on_stdin_close: executable.drains_on_stdin_close,
            })
        };
        Ok(Image {
            digest: self.digest(),
            size_bytes: self.size_bytes(),
            description: Some(self.description.to_owned()),
            entrypoint: owned(self.entrypoint),
            cmd: owned(self.cmd),
            option_command: self.option_command.map(str::to_owned),
            env: self.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            working_dir: self.working_dir.to_owned(),
            exposed_ports: self.exposed_ports.to_vec(),
            root: Root::Embedded { directories: self.directories, files: self.files },
            executables: self.executables.iter().map(executable).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests;
