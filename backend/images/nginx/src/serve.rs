//! From the command line to the running server.

use std::path::Path;

use image_nginx::{Log, Options, SERVER, Service, Site, StandardStreams};
use image_server::Listener;
use jiff::Timestamp;

/// Serves until stdin ends, and returns the exit code.
pub(crate) fn serve(options: Options) -> u8 {
    for warning in options.warnings.iter().chain(&Options::unread_configuration(Path::new("/etc/nginx"))) {
        notice("warn", warning);
    }
    let listener = match Listener::bind(options.port) {
        Ok(listener) => listener,
        Err(error) => {
            notice("emerg", &format!("bind() to 0.0.0.0:{} failed ({error})", options.port));
            return 1;
        }
    };
    notice("notice", &format!("{SERVER} serves {} on port {}", options.root.display(), options.port));
    listener.run(&mut Service::new(Site::new(options.root), StandardStreams));
    notice("notice", "gracefully shut down");
    0
}

fn notice(level: &str, text: &str) {
    let line = format!("{} [{level}] 1#1: {text}", Timestamp::now().strftime("%Y/%m/%d %H:%M:%S"));
    StandardStreams.error(&line);
}
