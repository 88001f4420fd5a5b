//! The images that the program brings along. They are programs of our own under well-known names, so that the first
//! examples of every book run without a registry; the `Pulled` event says so.

use sha2::{Digest, Sha256};

use super::Reference;
use crate::assets;

mod catalog;
mod suggestion;

pub use catalog::CATALOG;
pub use suggestion::not_found;

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
    /// What runs arguments that begin with an option or a configuration file: what the entrypoint scripts of some
    /// images do.
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

/// What to instantiate, with which arguments.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program, with its bytes.
    pub program: &'static assets::Embedded,
    /// All arguments, the program's name first.
    pub arguments: Vec<String>,
    /// See [`Executable::drains_on_stdin_close`].
    pub drains_on_stdin_close: bool,
}

/// Where an image keeps programs.
const PROGRAM_FOLDERS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/apache2/bin",
];

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

    /// The command line of a container: a pod's `command` replaces entrypoint and command of the image, `args` only
    /// the command.
    #[must_use]
    pub fn command_line(&self, command: &[String], args: &[String]) -> Vec<String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match (command.is_empty(), args.is_empty()) {
            (true, true) => [owned(self.entrypoint), owned(self.cmd)].concat(),
            (true, false) => [owned(self.entrypoint), self.option_command(args), args.to_vec()].concat(),
            (false, _) => [command, args].concat(),
        }
    }

    fn option_command(&self, args: &[String]) -> Vec<String> {
        let is_option = args.first().is_some_and(|first| first.starts_with('-') || first.ends_with(".conf"));
        self.option_command.filter(|_| is_option).map(str::to_owned).into_iter().collect()
    }

    /// The program that a command line starts. A path that is no program of the image is handed to its shell, which
    /// runs scripts and knows what to say about anything else.
    ///
    /// # Errors
    /// The message of a container runtime: the container waits with the reason `RunContainerError`.
    pub fn launch(&self, mut arguments: Vec<String>) -> Result<Launch, String> {
        let Some(command) = arguments.first().cloned() else {
            return Err("no command specified".to_owned());
        };
        let executable = match self.executable(&command) {
            Some(executable) => executable,
            None if command.contains('/') => {
                arguments.insert(0, "sh".to_owned());
                self.executable("sh").ok_or_else(|| not_executable(&command))?
            }
            None => return Err(not_executable(&command)),
        };
        let program = assets::program(executable.program).ok_or_else(|| assets::MISSING.to_owned())?;
        Ok(Launch { program, arguments, drains_on_stdin_close: executable.drains_on_stdin_close })
    }

    fn executable(&self, command: &str) -> Option<&'static Executable> {
        let name = match command.rsplit_once('/') {
            Some((folder, name)) if PROGRAM_FOLDERS.contains(&folder) => name,
            Some(_) => return None,
            None => command,
        };
        self.executables.iter().find(|executable| executable.commands.contains(&name))
    }
}

/// As runc says it.
fn not_executable(command: &str) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: unable to start \
         container process: exec: {command:?}: executable file not found in $PATH: unknown"
    )
}

#[cfg(test)]
mod tests;
