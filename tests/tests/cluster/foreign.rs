//! Programs that nobody here wrote, in containers: QuickJS and CPython run a script that a volume holds, and serve
//! HTTP under inetd.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use backend::network::{Network, PodIdentity, PodNetwork};
use backend::runtime::logs::{LogConfig, LogWriter};
use backend::runtime::{
    ContainerHandle, ContainerSpec, Mount, ProcessSpec, Runtime, RuntimeOptions, ServeSpec, StopBehavior,
};
use tests::eventually;
use tests::foreign::{CPYTHON, Foreign, QUICKJS, folder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 244, 1, 2)), 8080);

/// A node's worth of runtime, and two pods.
struct Machine {
    runtime: Runtime,
    _network: Network,
    server: PodNetwork,
    client: PodNetwork,
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Machine {
        let options =
            RuntimeOptions { cache_dir: Some(folder().join("compiled")), ..RuntimeOptions::default() };
        let network = Network::new();
        let pod = |last| network.add_pod(PodIdentity::default(), Ipv4Addr::new(10, 244, 1, last)).unwrap();
        let (server, client) = (pod(2), pod(3));
        let directory = tempfile::tempdir().unwrap();
        for name in ["root", "scripts"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Machine { runtime: Runtime::new(options).unwrap(), _network: network, server, client, directory }
    }

    /// Writes a file of the volume.
    fn script(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join("scripts").join(name), text).unwrap();
    }

    async fn start(&self, foreign: &Foreign, arguments: &[&str], inetd_port: Option<u16>) -> ContainerHandle {
        let program = self.runtime.compile(fs::read(foreign.file()).unwrap().into()).await.unwrap();
        let mount = |name: &str, guest_path: &str, read_only| Mount {
            host_dir: self.directory.path().join(name),
            guest_path: guest_path.to_owned(),
            read_only,
        };
        let process = ProcessSpec {
            program,
            args: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            env: vec![("GREETING".to_owned(), "hello".to_owned())],
            working_dir: Some("/scripts".to_owned()),
            mounts: vec![mount("root", "/", false), mount("scripts", "/scripts", true)],
            meters: BTreeMap::new(),
            tty: false,
            hostname: "web".to_owned(),
            pod: self.server.clone(),
        };
        let clock = RuntimeOptions::default().clock;
        let log = LogWriter::create(self.log(), LogConfig::default(), clock).unwrap();
        let spec = ContainerSpec {
            id: foreign.name.to_owned(),
            process,
            stdin: false,
            stdin_once: false,
            stop: StopBehavior::Terminate,
            serve: ServeSpec { http_port: 8080, inetd_port },
            memory_limit_bytes: Some(512 << 20),
            cpu_limit_cores: None,
            cpu_shares: 1024,
            log,
        };
        self.runtime.start(spec).unwrap()
    }

    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    /// What was printed, without the times.
    fn logged(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().map(|line| line.splitn(4, ' ').last().unwrap_or_default().to_owned() + "\n").collect()
    }

    /// Asks the server as a client without HTTP/1.1 does.
    async fn ask(&self, path: &str) -> anyhow::Result<String> {
        let mut connection = self.client.dial(SERVER).await?;
        connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: web\r\n\r\n").as_bytes()).await?;
        let mut text = String::new();
        tokio::time::timeout(Duration::from_secs(60), connection.read_to_string(&mut text)).await??;
        Ok(text)
    }
}

async fn serves(machine: &Machine, container: &ContainerHandle) {
    for path in ["/one", "/two"] {
        let expected = format!("HTTP/1.0 200 OK\r\n\r\nhello from {path}\n");
        eventually("the script answers", async || {
            let answer = machine.ask(path).await?;
            anyhow::ensure!(answer == expected, "{answer}\n{}", machine.logged());
            Ok(())
        })
        .await;
    }
    assert_eq!(container.kill(Duration::from_secs(30)).await.code, 0);
}

#[tokio::test]
async fn quickjs_should_run_a_script_and_serve_http_by_one() {
    let machine = Machine::new();
    machine.script(
        "main.js",
        r#"import * as std from "qjs:std";
        print(std.getenv("GREETING"), scriptArgs.slice(1).join(), std.loadFile("data.txt"));
        std.exit(7);"#,
    );
    machine.script("data.txt", "from a relative path");
    machine.script(
        "serve.js",
        r#"import * as std from "qjs:std";
        const path = std.in.getline().split(" ")[1];
        std.out.puts("HTTP/1.0 200 OK\r\n\r\nhello from " + path + "\n");
        std.out.flush();"#,
    );
    let container =
        machine.start(&QUICKJS, &["qjs", "--std", "-m", "/scripts/main.js", "a", "b"], None).await;
    let status = container.wait().await;
    assert_eq!(
        (status.code, machine.logged().as_str()),
        (7, "hello a,b from a relative path\n"),
        "{status:?}"
    );
    let server = machine.start(&QUICKJS, &["qjs", "--std", "-m", "serve.js"], Some(8080)).await;
    serves(&machine, &server).await;
}

#[tokio::test]
async fn cpython_should_run_a_script_and_serve_http_by_one() {
    let machine = Machine::new();
    machine.script(
        "main.py",
        "import json, os, sys\n\
         print(os.environ['GREETING'], sys.argv[1:], json.load(open('data.json'))['key'], sys.version_info[:2])\n\
         sys.exit(7)\n",
    );
    machine.script("data.json", r#"{"key": "value"}"#);
    machine.script(
        "serve.py",
        "import sys\n\
         path = sys.stdin.readline().split()[1]\n\
         sys.stdout.write(f'HTTP/1.0 200 OK\\r\\n\\r\\nhello from {path}\\n')\n",
    );
    let container = machine.start(&CPYTHON, &["python", "/scripts/main.py", "a"], None).await;
    let status = container.wait().await;
    let printed = machine.logged();
    assert_eq!((status.code, printed.as_str()), (7, "hello ['a'] value (3, 12)\n"), "{status:?}");
    let server = machine.start(&CPYTHON, &["python", "/scripts/serve.py"], Some(8080)).await;
    serves(&machine, &server).await;
}

/// The volume is what the runtime's tests of paths use guests of our own for.
#[tokio::test]
async fn cpython_should_not_get_out_of_its_directories() {
    let machine = Machine::new();
    fs::write(machine.directory.path().join("secret"), "of the host").unwrap();
    let secret = Path::new("/").join(machine.directory.path().join("secret"));
    machine.script(
        "escape.py",
        &format!(
            "import os\n\
             for path in ['/scripts/../../secret', '../secret', '../../secret', {secret:?}, '/etc/passwd', '/proc/self/environ']:\n\
             \x20   try:\n\
             \x20       print(path, open(path).read())\n\
             \x20   except OSError as error:\n\
             \x20       print('refused')\n\
             try:\n\
             \x20   os.symlink('../secret', '/link')\n\
             \x20   print(open('/link').read())\n\
             except OSError as error:\n\
             \x20   print('refused')\n"
        ),
    );
    let container = machine.start(&CPYTHON, &["python", "/scripts/escape.py"], None).await;
    let status = container.wait().await;
    assert_eq!((status.code, machine.logged().as_str()), (0, "refused\n".repeat(7).as_str()), "{status:?}");
}
