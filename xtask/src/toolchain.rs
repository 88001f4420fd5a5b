//! What must be on the machine, and what to do if it is not.

use anyhow::{Context, Result, bail};

use crate::command::{program, run_quietly, works};

/// The platforms beside the machine's own: the page, the images' programs, the tests that run as WebAssembly.
const TARGETS: [&str; 3] = ["wasm32-unknown-unknown", "wasm32-wasip2", "wasm32-wasip1"];

/// The oldest Node.js that is known to work.
const OLDEST_NODE: u32 = 20;

/// Makes sure that everything needed for building is there.
///
/// # Errors
/// A sentence that says what is missing and where to get it.
pub(crate) fn check() -> Result<()> {
    node()?;
    c_compiler()?;
    targets()
}

fn node() -> Result<()> {
    const GET: &str = "install Node.js 20 or newer (https://nodejs.org), which bundles the page's editor";
    let version = run_quietly(program("node").arg("--version")).ok().context(GET)?;
    let major: Option<u32> =
        version.trim().trim_start_matches('v').split('.').next().and_then(|number| number.parse().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => {}
        _ => bail!("Node.js {} is too old: {GET}", version.trim()),
    }
    match works(crate::npm::NPM, "--version") {
        true => Ok(()),
        false => bail!("npm is missing: {GET}"),
    }
}

fn c_compiler() -> Result<()> {
    if cfg!(windows) || std::env::var_os("CC").is_some() || works("cc", "--version") {
        return Ok(());
    }
    bail!(
        "a C compiler is missing, which the TLS library is built with: on Debian and Ubuntu `apt-get install gcc`, \
         on macOS `xcode-select --install`"
    )
}

fn targets() -> Result<()> {
    let installed = run_quietly(program("rustup").args(["target", "list", "--installed"]))
        .context("rustup is needed to add WebAssembly targets: https://rustup.rs")?;
    let missing: Vec<&str> =
        TARGETS.into_iter().filter(|target| !installed.lines().any(|line| line == *target)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    run_quietly(program("rustup").args(["target", "add"]).args(&missing))
        .with_context(|| format!("run `rustup target add {}` with a network connection", missing.join(" ")))
        .map(drop)
}

/// The platform that programs are compiled for ahead of time: this machine's, as rustc names it.
///
/// # Errors
/// When rustc cannot be asked.
pub(crate) fn host() -> Result<String> {
    let version = run_quietly(program("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}
