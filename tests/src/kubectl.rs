//! kubectl as its users run it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::command_line::words;
use crate::eventually::LIMIT;
use crate::{eventually, workspace};

/// kubectl with a kubeconfig, and a home of its own, so that nothing of the machine's user is read or written.
#[derive(Clone, Debug)]
pub struct Kubectl {
    kubeconfig: PathBuf,
    home: PathBuf,
    namespace: Option<String>,
    environment: Vec<(&'static str, &'static str)>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
    /// Its exit code; none after a signal.
    pub code: Option<i32>,
}

impl Kubectl {
    /// kubectl with this kubeconfig and its home below this folder.
    pub fn new(kubeconfig: &Path, folder: &Path) -> Kubectl {
        let home = folder.join("home");
        Kubectl { kubeconfig: kubeconfig.into(), home, namespace: None, environment: Vec::new() }
    }

    /// The same with a variable set.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Kubectl {
        self.environment.push((name, value));
        self
    }

    /// Runs a command line in a pseudo terminal, at which somebody types this text.
    ///
    /// # Panics
    /// When `script`, which makes the terminal, cannot be started or does not end.
    pub async fn run_in_terminal(&self, line: &str, typed: &str) -> Output {
        let own = self.command(line);
        let quoted: Vec<String> = std::iter::once(own.as_std().get_program())
            .chain(own.as_std().get_args())
            .map(|word| format!("'{}'", word.to_string_lossy()))
            .collect();
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &quoted.join(" "), "/dev/null"]);
        self.surround(&mut command);
        let outcome = tokio::time::timeout(LIMIT, finish(command, typed)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("kubectl {line} did not end"));
        outcome.unwrap_or_else(|error| panic!("script of kubectl {line}: {error:#}"))
    }

    /// The same with a namespace of its own, which is made.
    pub async fn in_namespace(self, name: &str) -> Kubectl {
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n");
        self.ok_with("create -f -", &namespace).await;
        let account = format!("get serviceaccount default --namespace {name}");
        eventually("there is a default ServiceAccount", async || self.json(&account).await).await;
        Kubectl { namespace: Some(name.to_owned()), ..self }
    }

    /// Runs a command line, in which single quotes keep words together.
    ///
    /// # Panics
    /// When kubectl cannot be started or does not end.
    pub async fn run(&self, line: &str) -> Output {
        self.run_with(line, "").await
    }

    /// [`Kubectl::run`] with a text on stdin.
    ///
    /// # Panics
    /// When kubectl cannot be started or does not end.
    pub async fn run_with(&self, line: &str, stdin: &str) -> Output {
        let outcome = tokio::time::timeout(LIMIT, self.output(line, stdin)).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("kubectl {line} did not end"));
        outcome.unwrap_or_else(|error| panic!("kubectl {line}: {error:#}"))
    }

    /// Runs a command line that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// With everything it printed when it fails.
    pub async fn ok(&self, line: &str) -> String {
        self.ok_with(line, "").await
    }

    /// [`Kubectl::ok`] with a text on stdin.
    ///
    /// # Panics
    /// With everything it printed when it fails.
    pub async fn ok_with(&self, line: &str, stdin: &str) -> String {
        let output = self.run_with(line, stdin).await;
        assert!(output.code == Some(0), "kubectl {line}: {output:#?}");
        output.stdout
    }

    /// What `kubectl get … -o json` prints.
    ///
    /// # Errors
    /// What kubectl complains of.
    pub async fn json(&self, line: &str) -> Result<Value> {
        let output = self.run(&format!("{line} -o json")).await;
        if output.code != Some(0) {
            bail!("kubectl {line}: {}", output.stderr.trim());
        }
        Ok(serde_json::from_str(&output.stdout)?)
    }

    /// Starts a command that does not end by itself, such as `logs -f`.
    ///
    /// # Panics
    /// When kubectl cannot be started.
    pub fn follow(&self, line: &str) -> Following {
        let start = || {
            let mut child = self.command(line).spawn()?;
            let lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
            Ok::<_, anyhow::Error>(Following {
                line: line.to_owned(),
                lines,
                seen: Vec::new(),
                _child: child,
            })
        };
        start().unwrap_or_else(|error| panic!("kubectl {line}: {error:#}"))
    }

    async fn output(&self, line: &str, stdin: &str) -> Result<Output> {
        finish(self.command(line), stdin).await
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(workspace::program("KUBECTL", "kubectl"));
        if let Some(namespace) = &self.namespace {
            command.args(["--namespace", namespace]);
        }
        command.args(words(line));
        self.surround(&mut command);
        command
    }

    fn surround(&self, command: &mut Command) {
        command.env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home).kill_on_drop(true);
        command.envs(self.environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }
}

async fn finish(mut command: Command, stdin: &str) -> Result<Output> {
    let mut child = command.spawn()?;
    let mut pipe = child.stdin.take().context("no stdin")?;
    pipe.write_all(stdin.as_bytes()).await?;
    drop(pipe);
    let output = child.wait_with_output().await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Output { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() })
}

/// A command that goes on; it is killed when this is dropped.
pub struct Following {
    line: String,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
    _child: Child,
}

impl Following {
    /// Reads up to a line of which this is true, and returns it.
    ///
    /// # Panics
    /// With what was read when none comes.
    pub async fn until(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let next = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
            let Ok(Ok(Some(line))) = next else {
                panic!("kubectl {} never showed {what}:\n{}", self.line, self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if is_wanted(&line) {
                return line;
            }
        }
    }

    /// Reads to the end.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn ends(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.lines.next_line().await {} };
        let ended = tokio::time::timeout(LIMIT, rest).await;
        assert!(ended.is_ok(), "kubectl {} did not end", self.line);
    }
}
