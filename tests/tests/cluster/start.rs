//! Starts that are refused, each with a sentence that says what to do and a code that is not 0.

use std::process::{Command, Stdio};

use tests::{Server, workspace};

/// What a second server says beside a running one, which has to end.
fn refusal(arguments: &[&str]) -> String {
    let mut serve = Command::new(workspace::server());
    let output = serve.arg("serve").args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code != 0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_start_that_cannot_be_should_say_what_to_do() {
    let running = Server::start();
    let (taken, data) = (running.address().to_string(), running.data_dir());
    let data = data.to_str().unwrap();
    let other = running.folder().join("other");
    let other = other.to_str().unwrap();
    let any = "127.0.0.1:0";
    let cases: [(&[&str], &str); 4] = [
        (&["--listen", any, "--secure-listen", any, "--data-dir", data], "in use by another process"),
        (
            &["--listen", &taken, "--secure-listen", any, "--data-dir", other],
            "Choose another one with --listen",
        ),
        (
            &["--listen", any, "--secure-listen", &taken, "--data-dir", other],
            "Choose another one with --secure-listen",
        ),
        (&["--listen", "0.0.0.0:0"], "only an address of the loopback interface"),
    ];
    for (arguments, expected) in cases {
        let said = refusal(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
