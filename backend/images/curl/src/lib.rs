//! The tool `curl`, in the manner of [curl](https://curl.se/docs/manpage.html) (`docs/cmdline-opts`): HTTP over the
//! pod network, with curl's options, messages and exit codes. It is busybox' program with one tool more, so that the
//! shell beside it can call it.

mod data;
mod failure;
mod help;
mod options;
mod output;
mod report;
mod request;
mod table;
mod transfer;

use std::io;

use image_busybox::shell::Shell;
use image_busybox::{Applet, COMMANDS};

use options::{Command, Options};
use transfer::Client;

/// The tools of this program beside those of busybox.
pub static TOOLS: &[Applet] = &[Applet {
    name: "curl",
    usage: "[OPTIONS] URL...",
    shows_help: false,
    run: |shell, arguments| Box::pin(curl(shell, arguments)),
}];

/// The commands that this program has.
pub static ALL_COMMANDS: &[&str] = &{
    let mut commands = ["curl"; COMMANDS.len() + 1];
    let mut at = 0;
    while at < COMMANDS.len() {
        commands[at] = COMMANDS[at];
        at += 1;
    }
    commands
};

async fn curl(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let options = match Options::parse(&arguments[1..]) {
        Ok(Command::Transfer(options)) => options,
        Ok(Command::Print(text)) => {
            shell.print(text).await?;
            return Ok(0);
        }
        Err(failure) => {
            shell.complain(&format!("curl: {}", failure.message)).await;
            if failure.code == failure::USAGE {
                shell.complain("curl: try 'curl --help' for more information").await;
            }
            return Ok(failure.code);
        }
    };
    Ok(Client::new(shell, *options).run().await)
}

#[cfg(test)]
mod tests;
