//! What `cargo xtask` says on a machine that lacks something.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder that holds these programs of the machine and no others.
fn machine_with(name: &str, programs: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for program in programs {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(program))
            .find(|file| file.is_file());
        symlink(found.unwrap_or_else(|| panic!("no {program} on the PATH")), folder.join(program)).unwrap();
    }
    folder
}

/// What the build says, which has to fail.
fn refusal(path: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("build")
        .env("PATH", path)
        .env_remove("CC")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn missing_nodejs_should_be_named_with_what_to_install() {
    let said = refusal(&machine_with("nothing", &[]));
    assert!(said.contains("install Node.js 20 or newer (https://nodejs.org)"), "{said}");
}

#[test]
fn a_missing_c_compiler_should_be_named_with_what_to_install() {
    let said = refusal(&machine_with("no-compiler", &["node", "npm"]));
    assert!(said.contains("a C compiler is missing") && said.contains("apt-get install gcc"), "{said}");
}

#[test]
fn a_target_that_cannot_be_added_should_be_named_with_its_command() {
    let machine = machine_with("no-targets", &["node", "npm", "cc"]);
    let rustup = machine.join("rustup");
    // A rustup that has no target and no network.
    fs::write(&rustup, "#!/bin/sh\n[ \"$2\" = list ]\n").unwrap();
    fs::set_permissions(&rustup, fs::Permissions::from_mode(0o755)).unwrap();
    let said = refusal(&machine);
    let command = "rustup target add wasm32-unknown-unknown wasm32-wasip2 wasm32-wasip1";
    assert!(said.contains(command), "{said}");
}
