//! An image as a kubelet needs it, wherever it comes from: what is in it, and which program a command line starts.
//!
//! Its configuration is that of the
//! [OCI image specification](https://github.com/opencontainers/image-spec/blob/main/config.md).

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use crate::assets::Embedded;

/// An image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The identity of its content, `sha256:…`.
    pub digest: String,
    /// Programs and files together, in bytes.
    pub size_bytes: u64,
    /// What it is where its name says something else, for the `Pulled` event: a sentence's end after "is".
    pub description: Option<String>,
    /// What runs without `command` in the pod.
    pub entrypoint: Vec<String>,
    /// The arguments without `args` in the pod.
    pub cmd: Vec<String>,
    /// The program that arguments are for which begin with an option or a configuration file, as entrypoint scripts
    /// of many images have it.
    pub option_command: Option<String>,
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Where programs start.
    pub working_dir: String,
    /// TCP ports that the image declares.
    pub exposed_ports: Vec<u16>,
    /// Its root file system.
    pub root: Root,
    /// The programs that lie in it.
    pub executables: Vec<Executable>,
}

/// The files of an image.
#[derive(Clone, Debug, Default)]
pub enum Root {
    /// None.
    #[default]
    Empty,
    /// Directories and files that the program brings along, absolute; the files' directories are implied.
    Embedded {
        /// Directories that are there although nothing is in them.
        directories: &'static [&'static str],
        /// Files with their content.
        files: &'static [(&'static str, &'static [u8])],
    },
    /// A directory of the host, which is never written to.
    Directory(PathBuf),
}

/// A program in an image.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Its bytes.
    pub program: ProgramFile,
    /// The commands that start it: `sh`, which lies in every folder of programs, or the path `/app/run.wasm`.
    pub commands: Vec<String>,
    /// It finishes its work and ends by itself when its stdin ends: what SIGTERM is elsewhere. Its stdin must stay
    /// open until then.
    pub drains_on_stdin_close: bool,
}

/// The bytes of a program.
#[derive(Clone, Debug)]
pub enum ProgramFile {
    /// The program brings them along, perhaps compiled already.
    Embedded(&'static Embedded),
    /// They lie on the node.
    Stored {
        /// `sha256:…` of them.
        digest: String,
        /// The file.
        path: PathBuf,
    },
}

/// What to instantiate, with which arguments.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: ProgramFile,
    /// All arguments, the program's name first.
    pub arguments: Vec<String>,
    /// See [`Executable::drains_on_stdin_close`].
    pub drains_on_stdin_close: bool,
}

/// Where an image keeps programs that are named without their folder.
const PROGRAM_FOLDERS: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/apache2/bin",
];

impl ProgramFile {
    /// `sha256:…` of the bytes.
    #[must_use]
    pub fn digest(&self) -> &str {
        match self {
            ProgramFile::Embedded(embedded) => embedded.digest,
            ProgramFile::Stored { digest, .. } => digest,
        }
    }

    /// The bytes. Blocks on the disk.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> io::Result<Bytes> {
        match self {
            ProgramFile::Embedded(embedded) => Ok(Bytes::from_static(embedded.wasm)),
            ProgramFile::Stored { path, .. } => fs::read(path).map(Bytes::from),
        }
    }
}

impl Image {
    /// The command line of a container: a pod's `command` replaces entrypoint and command of the image, `args` only
    /// the command.
    #[must_use]
    pub fn command_line(&self, command: &[String], args: &[String]) -> Vec<String> {
        match (command.is_empty(), args.is_empty()) {
            (true, true) => [&self.entrypoint[..], &self.cmd].concat(),
            (true, false) => [&self.entrypoint[..], &self.option_command(args), args].concat(),
            (false, _) => [command, args].concat(),
        }
    }

    fn option_command(&self, args: &[String]) -> Vec<String> {
        let is_for_it =
            |first: &String| first.starts_with('-') || first.ends_with(".conf") || first.contains("://");
        let command = self.option_command.clone().filter(|_| args.first().is_some_and(is_for_it));
        command.into_iter().collect()
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
        Ok(Launch {
            program: executable.program.clone(),
            arguments,
            drains_on_stdin_close: executable.drains_on_stdin_close,
        })
    }

    /// The program that a command means: by its name, by its path, or as a file of a folder of programs, of the
    /// working directory or of the root.
    pub(super) fn executable(&self, command: &str) -> Option<&Executable> {
        let starts =
            |known: &str| self.executables.iter().find(|found| found.commands.iter().any(|own| own == known));
        let Some((folder, name)) = command.rsplit_once('/') else {
            let folders = self.path().chain([self.working_dir.as_str(), "/"]);
            return starts(command)
                .or_else(|| folders.map(|folder| absolute(folder, command)).find_map(|path| starts(&path)));
        };
        let by_name = || PROGRAM_FOLDERS.contains(&folder).then(|| starts(name)).flatten();
        starts(&absolute(&self.working_dir, command)).or_else(by_name)
    }

    /// The folders of the image's variable `PATH`.
    fn path(&self) -> impl Iterator<Item = &str> {
        let path = self.env.iter().find(|(name, _)| name == "PATH");
        path.into_iter().flat_map(|(_, folders)| folders.split(':')).chain(PROGRAM_FOLDERS.iter().copied())
    }

    /// Writes the image's files into a directory that is there. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn lay_out(&self, directory: &Path) -> io::Result<()> {
        match &self.root {
            Root::Empty => Ok(()),
            Root::Embedded { directories, files } => write_files(directories, files, directory),
            Root::Directory(source) => copy_tree(source, directory),
        }
    }
}

fn write_files(directories: &[&str], files: &[(&str, &[u8])], target: &Path) -> io::Result<()> {
    for directory in directories {
        fs::create_dir_all(inside(target, directory))?;
    }
    for (path, content) in files {
        let path = inside(target, path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)?;
    }
    Ok(())
}

/// Copies a directory's content: files, directories, and symbolic links as what they are.
fn copy_tree(source: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to, kind) = (entry.path(), target.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            fs::create_dir_all(&to)?;
            copy_tree(&from, &to)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&from)?, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Makes a symbolic link. Where the system has none for everyone, it is left out.
pub(super) fn link(points_to: &Path, path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(points_to, path);
    #[cfg(not(unix))]
    {
        tracing::debug!(link = %path.display(), to = %points_to.display(), "a symbolic link was left out");
        Ok(())
    }
}

fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A path as programs in a container see it: absolute, without `.` and `..`.
fn absolute(folder: &str, path: &str) -> String {
    let joined = Path::new("/").join(folder).join(path);
    let mut parts: Vec<String> = Vec::new();
    for part in joined.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    format!("/{}", parts.join("/"))
}

/// As runc says it.
fn not_executable(command: &str) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: unable to start \
         container process: exec: {command:?}: executable file not found in $PATH: unknown"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with a program at each of these paths, whose digest is the path.
    fn image(working_dir: &str, paths: &[&str]) -> Image {
        let executable = |path: &&str| Executable {
            program: ProgramFile::Stored { digest: (*path).into(), path: PathBuf::new() },
            commands: vec![(*path).into()],
            drains_on_stdin_close: false,
        };
        Image {
            env: vec![("PATH".into(), "/opt/bin:/bin".into())],
            working_dir: working_dir.into(),
            executables: paths.iter().map(executable).collect(),
            ..Image::default()
        }
    }

    #[test]
    fn a_file_should_be_started_by_its_path_or_found_where_programs_lie() {
        let image =
            image("/work", &["/opt/bin/a.wasm", "/work/b.wasm", "/c.wasm", "/usr/bin/d", "/work/sub/e.wasm"]);
        let cases = [
            ("a.wasm", Some("/opt/bin/a.wasm")),
            ("b.wasm", Some("/work/b.wasm")),
            ("./b.wasm", Some("/work/b.wasm")),
            ("c.wasm", Some("/c.wasm")),
            ("/c.wasm", Some("/c.wasm")),
            ("../c.wasm", Some("/c.wasm")),
            ("../../../c.wasm", Some("/c.wasm")),
            ("d", Some("/usr/bin/d")),
            ("sub/e.wasm", Some("/work/sub/e.wasm")),
            ("e.wasm", None),
            ("/b.wasm", None),
            ("", None),
        ];
        for (command, expected) in cases {
            let found = image.executable(command).map(|found| found.program.digest());
            assert_eq!(found, expected, "{command:?}");
        }
    }

    #[test]
    fn an_image_without_a_shell_should_start_no_scripts() {
        let error = image("/", &["/a.wasm"]).launch(vec!["/run.sh".into()]).unwrap_err();
        assert!(error.ends_with("exec: \"/run.sh\": executable file not found in $PATH: unknown"), "{error}");
        assert_eq!(image("/", &[]).launch(vec![]).unwrap_err(), "no command specified");
    }

    #[test]
    fn the_files_of_a_directory_should_be_copied_with_their_links() {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(source.path().join("etc/empty")).unwrap();
        fs::write(source.path().join("etc/name"), "kijabi").unwrap();
        link(Path::new("name"), &source.path().join("etc/alias")).unwrap();
        let root = Root::Directory(source.path().to_owned());
        Image { root, ..Image::default() }.lay_out(target.path()).unwrap();
        assert!(target.path().join("etc/empty").is_dir());
        assert_eq!(fs::read_to_string(target.path().join("etc/name")).unwrap(), "kijabi");
        #[cfg(unix)]
        assert_eq!(fs::read_link(target.path().join("etc/alias")).unwrap(), Path::new("name"));
        fs::write(target.path().join("etc/name"), "changed").unwrap();
        assert_eq!(fs::read_to_string(source.path().join("etc/name")).unwrap(), "kijabi");
    }
}
