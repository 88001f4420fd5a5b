//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::outbound::Allowed;

use crate::cluster::{ClusterOptions, StoreEngine};
use crate::images::{AuthorityFile, RegistryOptions};

/// A Kubernetes cluster in one program, whose containers are WebAssembly programs that really run.
#[derive(Debug, Parser)]
#[command(name = "kijabi", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a cluster and serve its page and its API until interrupted.
    Serve(Serve),
    /// Print the kubeconfig of a cluster that was started with this data directory.
    Kubeconfig {
        #[command(flatten)]
        place: DataDir,
    },
}

/// Options of `kijabi serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where the page and its API listen, without TLS: an address of this machine's loopback interface.
    #[arg(long, env = "KIJABI_LISTEN", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Where the API server listens with TLS, for kubectl and other clients.
    #[arg(long, env = "KIJABI_SECURE_LISTEN", default_value = "127.0.0.1:6443")]
    pub secure_listen: SocketAddr,
    /// Where to keep the cluster.
    #[command(flatten)]
    pub place: DataDir,
    /// What keeps the objects: a file in the data directory, or memory alone.
    #[arg(long, env = "KIJABI_STORE", default_value = "redb")]
    pub store: StoreArgument,
    /// Which registries images are pulled from, beside the cluster's own: names as `ghcr.io`,
    /// `registry.example.com:5000` or `*.example.com`, with commas between them; `*` for all, `none` for none.
    /// Those of this machine's loopback interface speak plain HTTP, all others HTTPS with a certificate that this
    /// system trusts. All are asked by default, so that `image: ghcr.io/…` works as on any cluster: it is the server
    /// that asks, only to read images, and never at a link-local address, while containers themselves reach
    /// nothing that --allow-outbound does not list. For a cluster that is hosted for others name the registries,
    /// or say none: the server asks from its own place in the network.
    #[arg(long, env = "KIJABI_REGISTRIES", value_name = "NAMES", default_value = "*", value_delimiter = ',')]
    pub registries: Vec<String>,
    /// Registries beyond the loopback interface that speak plain HTTP, with commas between them.
    #[arg(long, env = "KIJABI_INSECURE_REGISTRIES", value_name = "NAMES", value_delimiter = ',')]
    pub insecure_registries: Vec<String>,
    /// Certificates of authorities that vouch for registries beside those that this system trusts, with commas
    /// between them: NAME=FILE, where NAME is as in --registries and FILE holds certificates as PEM. A registry of
    /// the loopback interface that is named here speaks HTTPS.
    #[arg(long, env = "KIJABI_REGISTRY_CA", value_name = "NAME=FILE", value_delimiter = ',')]
    pub registry_ca: Vec<AuthorityFile>,
    /// How many worker nodes the cluster has beside its control plane.
    #[arg(long, env = "KIJABI_NODES", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=250))]
    pub nodes: u16,
    /// How many times as fast as real time the cluster's time goes: 10 shows in half a minute what takes five
    /// minutes, such as the eviction from a node that is lost. Programs in containers see real time.
    #[arg(long, env = "KIJABI_CLOCK_RATE", default_value_t = 1.0, value_parser = clock_rate)]
    pub clock_rate: f64,
    /// Whether node ports, host ports and load balancers answer on this machine's loopback interface: at
    /// 127.0.0.1, and at 127.18.255.200 for the load balancer 172.18.255.200. Say false for a cluster that is
    /// hosted for others.
    #[arg(long, env = "KIJABI_PUBLISH", default_value_t = true, action = clap::ArgAction::Set)]
    pub publish: bool,
    /// What containers may reach beyond the cluster over TCP, comma-separated: HOST:PORT, where HOST is a name,
    /// an address or a block such as 192.0.2.0/24, and PORT a number or *. Nothing, unless it is said.
    #[arg(long, env = "KIJABI_ALLOW_OUTBOUND", value_delimiter = ',', value_name = "HOST:PORT")]
    pub allow_outbound: Vec<Allowed>,
}

/// Where a cluster lies.
#[derive(Debug, Args)]
pub struct DataDir {
    /// The directory of everything that outlives the process: objects, certificates, logs.
    #[arg(long, env = "KIJABI_DATA_DIR", default_value_os_t = default_data_dir())]
    pub data_dir: PathBuf,
}

/// Values of `--store`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StoreArgument {
    /// A file in the data directory; every write is on the disk before it is acknowledged.
    Redb,
    /// Nothing outlives the process.
    Memory,
}

impl From<Serve> for ClusterOptions {
    fn from(serve: Serve) -> ClusterOptions {
        ClusterOptions {
            listen: serve.listen,
            secure_listen: serve.secure_listen,
            data_dir: serve.place.data_dir,
            store: match serve.store {
                StoreArgument::Redb => StoreEngine::Redb,
                StoreArgument::Memory => StoreEngine::Memory,
            },
            nodes: serve.nodes,
            clock_rate: serve.clock_rate,
            publish: serve.publish,
            allow_outbound: serve.allow_outbound,
            registries: RegistryOptions {
                allowed: serve.registries.into_iter().filter(|name| name != "none").collect(),
                insecure: serve.insecure_registries,
                authorities: serve.registry_ca,
            },
        }
    }
}

/// The page's door knows its visitor by the interface alone, so it opens on no other.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}"))?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => {
            Err("only an address of the loopback interface, such as 127.0.0.1, is served without TLS".into())
        }
    }
}

/// The cluster's time goes on, and not faster than its components can follow.
fn clock_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    match (0.01..=1000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("must be between 0.01 and 1000".into()),
    }
}

/// `$XDG_DATA_HOME/kijabi`, or the same below the home directory, or here.
fn default_data_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    base.unwrap_or_default().join("kijabi")
}
