//! From the command line to the running server.

use std::cell::RefCell;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use image_nginx::config::{self, Config, Fault};
use image_nginx::{LEVELS, Log, Options, SERVER, Service, Source, StandardStreams, httpd, log_line};
use image_server::Listener;
use jiff::Timestamp;

/// The files that were read, for `-T`.
type Files = RefCell<Vec<(PathBuf, String)>>;

/// Serves until stdin ends, or only reads the configuration; returns the exit code.
pub(crate) fn serve(options: &Options) -> u8 {
    let files = Files::default();
    let loaded = load(&options.source, &files);
    if options.is_test {
        return test(&options.source, loaded.err(), options.shows_configuration.then_some(&files));
    }
    let config = match loaded {
        Ok(config) => config,
        Err(Fault(text)) => return refuse(&options.source, &text),
    };
    for warning in options.warnings.iter().chain(&config.notices) {
        notice(&config, "warn", warning);
    }
    let mut listener: Option<Listener> = None;
    for port in config.ports() {
        let bound = match &mut listener {
            Some(listener) => listener.bind_too(port),
            None => Listener::bind(port).map(|first| listener = Some(first)),
        };
        if let Err(error) = bound {
            return refuse(&options.source, &format!("bind() to 0.0.0.0:{port} failed ({error})"));
        }
    }
    for line in config.summary() {
        notice(&config, "notice", &format!("{SERVER} {line}"));
    }
    run(config, listener);
    0
}

fn run(config: Config, listener: Option<Listener>) {
    let (target, level) = (config.error_log.clone(), config.error_level);
    match listener {
        Some(listener) => listener.run(&mut Service::new(config, StandardStreams)),
        // A server without ports has nothing to do until it is told to end.
        None => drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink())),
    }
    if level >= rank("notice") {
        StandardStreams.write(&target, &log_line(Timestamp::now(), "notice", "gracefully shut down"));
    }
}

fn load(source: &Source, files: &Files) -> Result<Config, Fault> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path)?;
        files.borrow_mut().push((path.to_path_buf(), text.clone()));
        Ok(text)
    };
    let mut config = match source {
        Source::Nginx(file, globals) => config::load(file, globals, &read, &lookup)?,
        Source::Apache(file) => {
            let text = read(file).map_err(|error| {
                Fault(format!("AH00526: Could not open configuration file {}: {error}", file.display()))
            })?;
            httpd::load(file, &text, &lookup)?
        }
        Source::Folder(root, port) => Config::site(root, *port)?,
    };
    config.hostname = std::fs::read_to_string("/etc/hostname").map_or_else(
        |_| std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned()),
        |text| text.trim().to_owned(),
    );
    Ok(config)
}

fn lookup(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let host = host.trim_matches(['[', ']']);
    (host, port).to_socket_addrs().ok().map(Iterator::collect)
}

/// What `-t` says.
fn test(source: &Source, fault: Option<Fault>, dump: Option<&Files>) -> u8 {
    match (source, fault) {
        (Source::Nginx(file, _), Some(Fault(text))) => {
            eprintln!("nginx: [emerg] {text}\nnginx: configuration file {} test failed", file.display());
            return 1;
        }
        (_, Some(Fault(text))) => {
            eprintln!("{text}");
            return 1;
        }
        (Source::Nginx(file, _), None) => {
            let file = file.display();
            eprintln!("nginx: the configuration file {file} syntax is ok");
            eprintln!("nginx: configuration file {file} test is successful");
        }
        (_, None) => eprintln!("Syntax OK"),
    }
    for (file, text) in dump.iter().flat_map(|files| files.borrow().clone()) {
        println!("# configuration file {}:\n{text}", file.display());
    }
    0
}

/// The last words of a server that cannot start, in the log and on stderr as nginx has them.
fn refuse(source: &Source, text: &str) -> u8 {
    if matches!(source, Source::Apache(_)) {
        eprintln!("{text}");
    } else {
        eprintln!("{}", log_line(Timestamp::now(), "emerg", text));
        eprintln!("nginx: [emerg] {text}");
    }
    1
}

fn rank(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or_default()
}

fn notice(config: &Config, level: &str, text: &str) {
    if config.error_level >= rank(level) {
        StandardStreams.write(&config.error_log, &log_line(Timestamp::now(), level, text));
    }
}
