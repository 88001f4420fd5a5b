//! A container's last words: what it wrote to the file at its `terminationMessagePath`, or the end of its
//! log where it asks for that and failed.
//!
//! Follows `getTerminationMessage` in `pkg/kubelet/kuberuntime/kuberuntime_container.go` of
//! kubernetes/kubernetes. A program can put links where the file is expected, so it is opened as the
//! program itself would open it: nothing outside its mounts is reached.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cap_primitives::ambient_authority;
use cap_primitives::fs::{OpenOptions, open, open_ambient_dir};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Container;

use crate::runtime::logs::{LogOptions, LogReader};
use crate::runtime::{ExitReason, ExitStatus, Mount};

use super::pod::blocking;

/// The most that is read of the file, from its end (`MaxContainerTerminationMessageLength`).
const LONGEST_MESSAGE: u64 = 4096;
/// The most that is taken of a log, from its end (`MaxContainerTerminationMessageLogLength`).
const LONGEST_LOG: usize = 2048;
/// The most lines of it (`MaxContainerTerminationMessageLogLines`).
const MOST_LINES: u64 = 80;

/// Where a container's last words are to be found.
#[derive(Clone, Debug)]
pub(super) struct LastWords {
    file: Option<MessageFile>,
    log: Option<PathBuf>,
}

/// A file below a mount.
#[derive(Clone, Debug, PartialEq)]
struct MessageFile {
    mount: PathBuf,
    path: PathBuf,
}

impl LastWords {
    /// Where a container with these mounts and this log leaves them.
    pub(super) fn of(container: &Container, mounts: &[Mount], log: &Path) -> LastWords {
        let path = container.termination_message_path.as_deref().filter(|path| !path.is_empty());
        let or_log = container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        LastWords {
            file: path.and_then(|path| MessageFile::at(path, mounts)),
            log: or_log.then(|| log.to_owned()),
        }
    }

    /// The status of a container that ended, with what it had to say.
    pub(super) async fn add_to(&self, mut status: ExitStatus) -> ExitStatus {
        let mut words = match self.file.clone() {
            Some(file) => blocking(move || file.read().unwrap_or_default()).await.unwrap_or_default(),
            None => String::new(),
        };
        let failed = status.code != 0 && status.reason != ExitReason::StartError;
        if let Some(log) = self.log.as_ref().filter(|_| words.is_empty() && failed) {
            words = end_of(log).await.unwrap_or_default();
        }
        if !words.is_empty() && !status.message.is_empty() {
            status.message.push_str(": ");
        }
        status.message.push_str(&words);
        status
    }
}

impl MessageFile {
    fn at(path: &str, mounts: &[Mount]) -> Option<MessageFile> {
        let below = |mount: &Mount| Path::new(path).strip_prefix(&mount.guest_path).ok().map(Path::to_owned);
        let mounts = mounts.iter().filter_map(|mount| Some((mount, below(mount)?)));
        let (mount, path) = mounts.max_by_key(|(mount, _)| mount.guest_path.len())?;
        Some(MessageFile { mount: mount.host_dir.clone(), path })
    }

    fn read(&self) -> io::Result<String> {
        let mount = open_ambient_dir(&self.mount, ambient_authority())?;
        let mut file = open(&mount, &self.path, OpenOptions::new().read(true))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(String::new());
        }
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(LONGEST_MESSAGE)))?;
        let mut text = Vec::new();
        file.take(LONGEST_MESSAGE).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Makes the empty file in an image's files that were just laid out, as upstream mounts one.
pub(super) fn prepare(root: &Path, container: &Container) -> io::Result<()> {
    let path = container.termination_message_path.as_deref().unwrap_or_default().trim_start_matches('/');
    if path.is_empty() || Path::new(path).components().any(|part| part.as_os_str() == "..") {
        return Ok(());
    }
    let file = root.join(path);
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    if file.is_dir() { Ok(()) } else { File::create(file).map(drop) }
}

async fn end_of(log: &Path) -> io::Result<String> {
    let options = LogOptions { tail: Some(MOST_LINES), ..LogOptions::default() };
    let mut chunks = LogReader::open(log, options, None).await?.boxed();
    let mut end = VecDeque::new();
    while let Some(chunk) = chunks.next().await {
        end.extend(chunk?);
        end.drain(..end.len().saturating_sub(LONGEST_LOG));
    }
    Ok(String::from_utf8_lossy(end.make_contiguous()).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runtime::logs::{LogConfig, LogWriter, Source};

    fn container(policy: &str, path: &str) -> Container {
        let container =
            json!({"name": "c", "terminationMessagePath": path, "terminationMessagePolicy": policy});
        serde_json::from_value(container).unwrap()
    }

    fn mount(host_dir: &Path, guest_path: &str) -> Mount {
        Mount { host_dir: host_dir.to_owned(), guest_path: guest_path.into(), read_only: false }
    }

    async fn message(words: &LastWords, code: i32) -> String {
        words.add_to(ExitStatus::exited(code)).await.message
    }

    #[tokio::test]
    async fn message_should_be_the_end_of_the_file() {
        let root = tempfile::tempdir().unwrap();
        let container = container("File", "/dev/termination-log");
        prepare(root.path(), &container).unwrap();
        let words = LastWords::of(&container, &[mount(root.path(), "/")], Path::new("none"));
        assert_eq!(message(&words, 1).await, "");
        let text = format!("{}{}", "x".repeat(10), "y".repeat(4096));
        fs::write(root.path().join("dev/termination-log"), &text).unwrap();
        assert_eq!(message(&words, 1).await, "y".repeat(4096));
        let killed = ExitStatus { message: "out of memory".into(), ..ExitStatus::killed() };
        assert!(words.add_to(killed).await.message.starts_with("out of memory: yyy"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn link_should_not_lead_out_of_the_container() {
        let (root, host) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(host.path().join("secret"), "of the host").unwrap();
        let words = |path: &str| {
            LastWords::of(&container("File", path), &[mount(root.path(), "/")], Path::new("none"))
        };
        std::os::unix::fs::symlink(host.path().join("secret"), root.path().join("file")).unwrap();
        std::os::unix::fs::symlink(host.path(), root.path().join("directory")).unwrap();
        for path in ["/file", "/directory/secret", "/../secret"] {
            assert_eq!(message(&words(path), 0).await, "", "{path}");
        }
    }

    #[test]
    fn file_should_be_looked_for_in_the_nearest_mount() {
        let mounts = [mount(Path::new("root"), "/"), mount(Path::new("volume"), "/out")];
        let cases = [
            ("/dev/log", "root", "dev/log"),
            ("/out/log", "volume", "log"),
            ("/outer/log", "root", "outer/log"),
        ];
        for (path, mount, below) in cases {
            let file = MessageFile { mount: mount.into(), path: below.into() };
            assert_eq!(MessageFile::at(path, &mounts), Some(file));
        }
    }

    #[tokio::test]
    async fn log_should_speak_for_a_container_that_failed_and_left_no_message() {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("0.log");
        let writer =
            LogWriter::create(&log, LogConfig::default(), std::sync::Arc::new(jiff::Timestamp::now)).unwrap();
        for number in 0..100 {
            writer.write(Source::Stderr, format!("line {number}\n").as_bytes()).unwrap();
        }
        writer.close();
        let words =
            |policy: &str| LastWords::of(&container(policy, "/message"), &[mount(root.path(), "/")], &log);
        let fallback = words("FallbackToLogsOnError");
        let said = message(&fallback, 1).await;
        assert!(said.starts_with("line 20\n") && said.ends_with("line 99\n"), "{said}");
        assert_eq!(message(&fallback, 0).await, "");
        assert_eq!(message(&words("File"), 1).await, "");
        fs::write(root.path().join("message"), "own").unwrap();
        assert_eq!(message(&fallback, 1).await, "own");
    }
}
