//! The shell beside dash, which is `/bin/sh` on Debian: the scripts of `dash.txt`, separated by lines of `%%`, print the
//! same and end with the same code.

use std::process::{Command, Stdio};

use super::run_with;

const SCRIPTS: &str = include_str!("dash.txt");

/// What dash prints, and its exit code.
fn dash(script: &str) -> (String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("dash");
    command.args(["-c", script]).current_dir(folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
    let output = command.env("HOME", "/root").env("GREETING", "hello").output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1))
}

#[test]
fn scripts_should_do_what_they_do_under_dash() {
    if Command::new("dash").args(["-c", ":"]).status().is_err() {
        eprintln!("skipped: there is no dash on this machine to compare the shell with");
        return;
    }
    let mut differences = String::new();
    for script in SCRIPTS.split("\n%%\n").map(|script| script.trim_end_matches('\n')) {
        let (stdout, code) = dash(script);
        let ran = run_with(&["sh", "-c", script], "");
        if (ran.stdout.as_str(), i32::from(ran.code)) != (stdout.as_str(), code) {
            differences.push_str(&format!(
                "----\n{script}\n  dash: {code} {stdout:?}\n  here: {} {:?} {:?}\n",
                ran.code, ran.stdout, ran.stderr
            ));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}
