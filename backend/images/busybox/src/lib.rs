//! The image `busybox`: a small shell and the tools that containers' commands use, in one program without processes.
//!
//! The commands of a pipe run side by side as futures ([`reactor`]); [`stream`] joins them, [`shell`] reads and runs
//! programs, [`applets`] are the tools. Other images' programs are this one with tools of their own beside them.

pub mod applets;
pub mod base64;
pub mod http;
mod md5;
pub mod reactor;
pub mod shell;
pub mod socket;
pub mod stream;
pub mod tar;

use std::io::{self, ErrorKind, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;

pub use applets::{Applet, COMMANDS};
use reactor::Reactor;
use shell::{Shell, Streams};

/// Runs the program as a container does: the name it is called by picks the tool, of these or of `further` ones.
/// Returns the exit code.
#[must_use]
pub fn run_container(arguments: &[String], further: &'static [Applet]) -> u8 {
    let reactor = Rc::new(Reactor::default());
    let mut shell = Shell::new(Rc::clone(&reactor), Streams::standard(&reactor), std::env::vars());
    shell.further = further;
    if let Some(directory) = working_directory() {
        shell.directory = directory;
    }
    run(&reactor, &mut shell, arguments)
}

/// Where the container starts. `std` does not ask for it under WASI 0.2.
fn working_directory() -> Option<PathBuf> {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    if let Some(directory) = wasip2::cli::environment::initial_cwd() {
        return Some(directory.into());
    }
    std::env::current_dir().ok()
}

/// Ends with the true exit code, which `std::process::exit` loses under WASI 0.2.
pub fn exit(code: u8) -> ! {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    wasip2::cli::exit::exit_with_code(code);
    std::process::exit(code.into())
}

/// Runs a tool in a shell's surroundings.
#[must_use]
pub fn run(reactor: &Rc<Reactor>, shell: &mut Shell, arguments: &[String]) -> u8 {
    let arguments = tool(arguments);
    let code = reactor.run(Box::pin(async {
        if arguments.is_empty() {
            shell.complain(&applets::overview(shell.further)).await;
            return 0;
        }
        match shell.run_program(&arguments).await {
            Ok(code) | Err(shell::Stop::Exit(code)) => code,
            Err(_) => 0,
        }
    }));
    code.unwrap_or_else(|| {
        eprintln!("sh: all commands wait for each other");
        1
    })
}

/// `busybox ls -l` means `ls -l`.
fn tool(arguments: &[String]) -> Vec<String> {
    let is_busybox = arguments.first().is_some_and(|name| name.rsplit('/').next() == Some("busybox"));
    arguments[usize::from(is_busybox)..].to_vec()
}

/// Whether a person sits at stdin.
#[must_use]
pub fn at_terminal() -> bool {
    io::stdin().is_terminal()
}

/// An error in the words of Linux.
#[must_use]
pub fn message(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "No such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        ErrorKind::AlreadyExists => "File exists".to_owned(),
        ErrorKind::IsADirectory => "Is a directory".to_owned(),
        ErrorKind::NotADirectory => "Not a directory".to_owned(),
        ErrorKind::DirectoryNotEmpty => "Directory not empty".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "Read-only file system".to_owned(),
        ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        ErrorKind::ConnectionReset => "Connection reset by peer".to_owned(),
        ErrorKind::TimedOut => "Connection timed out".to_owned(),
        ErrorKind::HostUnreachable => "No route to host".to_owned(),
        ErrorKind::NetworkUnreachable => "Network is unreachable".to_owned(),
        ErrorKind::StorageFull => "No space left on device".to_owned(),
        _ => error.to_string(),
    }
}
