//! The server as its users start it: a process with a data directory.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::Client;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use tempfile::TempDir;

use crate::{Kubectl, workspace};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// How long a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How much of its stderr is shown when a test fails.
const SHOWN_LINES: usize = 40;

/// A server. It is killed, and its data deleted, when this is dropped.
pub struct Server {
    directory: TempDir,
    /// Options beside those that every server has.
    options: Vec<String>,
    process: Option<Process>,
    address: SocketAddr,
    secure_address: SocketAddr,
}

struct Process {
    child: Child,
    /// Kept open, so that the server never writes into a closed pipe.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server on free ports, with an empty data directory.
    ///
    /// # Panics
    /// With its stderr when it does not come to serve.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// Starts a server with more options.
    ///
    /// # Panics
    /// With its stderr when it does not come to serve.
    pub fn start_with(options: &[String]) -> Server {
        let directory = TempDir::with_prefix("kijabi-").unwrap_or_else(|error| panic!("no folder: {error}"));
        let options = options.to_vec();
        let mut server =
            Server { directory, options, process: None, address: ANY_PORT, secure_address: ANY_PORT };
        server.start_again();
        server
    }

    /// The server that the tests of a program share as long as one of them uses it, for tests that keep to
    /// a namespace of their own.
    pub fn shared() -> Arc<Server> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// Starts the server that was stopped or killed, with the same data directory and ports.
    ///
    /// # Panics
    /// With its stderr when it does not come to serve.
    pub fn start_again(&mut self) {
        if let Err(error) = self.try_start() {
            panic!("the server does not start: {error:#}\n{}", self.stderr());
        }
    }

    fn try_start(&mut self) -> Result<()> {
        let program = workspace::server();
        let mut child = Command::new(&program)
            .args(["serve", "--listen", &self.address.to_string()])
            .args(["--secure-listen", &self.secure_address.to_string()])
            // No test depends on what is on the internet.
            .args(["--registries", "localhost,127.0.0.1"])
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.stderr_file()?)
            .spawn()
            .with_context(|| format!("{} (built by `cargo xtask build`)", program.display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let addresses = (|| Ok((announced(&mut stdout, "http://")?, announced(&mut stdout, "https://")?)))();
        self.process = Some(Process { child, _stdout: stdout });
        (self.address, self.secure_address) = addresses.inspect_err(|_: &anyhow::Error| self.kill())?;
        Ok(())
    }

    /// Kills the server as `kill -9` does, if it runs.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }

    /// Ends the server with SIGTERM, as a service manager does, and waits for it.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let id = process.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal was sent");
        let start = Instant::now();
        loop {
            match process.child.try_wait() {
                Ok(Some(status)) => return assert!(status.success(), "{status}\n{}", self.stderr()),
                Ok(None) if start.elapsed() < STOP_LIMIT => std::thread::sleep(Duration::from_millis(5)),
                _ => {
                    let _ = process.child.kill();
                    panic!("the server does not end\n{}", self.stderr());
                }
            }
        }
    }

    /// The number of the server's process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// The address of the page and of the API without TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the page and of the API without TLS.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that the server keeps.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.data_dir().join("kubeconfig")
    }

    /// A folder that is deleted with the server.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// kubectl with the server's kubeconfig.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.kubeconfig(), self.folder())
    }

    /// A client as the kubeconfig describes it: TLS and a client certificate.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.config().await?)?)
    }

    /// A client that trusts the server and has no credentials.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn anonymous_client(&self) -> Result<Client> {
        let mut config = self.config().await?;
        config.auth_info = AuthInfo::default();
        Ok(Client::try_from(config)?)
    }

    /// A client at the page's door.
    ///
    /// # Errors
    /// When the address is none.
    pub fn page_client(&self) -> Result<Client> {
        Ok(Client::try_from(kube::Config::new(self.url().parse()?))?)
    }

    async fn config(&self) -> Result<kube::Config> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig())?;
        Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }

    fn stderr_file(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(self.stderr_path())?)
    }

    fn stderr_path(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }

    /// The end of what the server wrote to stderr.
    pub fn stderr(&self) -> String {
        let text = std::fs::read_to_string(self.stderr_path()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the server's stderr:\n{}", self.stderr());
        }
    }
}

/// Reads to the line that holds a URL of this scheme, and returns its address.
fn announced(stdout: &mut impl BufRead, scheme: &str) -> Result<SocketAddr> {
    let mut line = String::new();
    while stdout.read_line(&mut line)? > 0 {
        if let Some((_, address)) = line.split_once(scheme) {
            return Ok(address.trim().parse()?);
        }
        line.clear();
    }
    bail!("it ended before it served")
}
