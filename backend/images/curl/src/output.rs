//! Where responses go, and the meter that shows how far they are.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _};

use image_busybox::http::Url;
use image_busybox::message;
use image_busybox::shell::Shell;
use image_busybox::stream::Stream;

use crate::failure::{Failure, WRITE};
use crate::options::{Options, Output};
use crate::report::Report;

/// A file that is opened once there is something to write, or stdout.
pub(crate) struct Destination {
    pub(crate) file: Option<String>,
    creates_dirs: bool,
    stream: Option<Stream>,
}

impl Destination {
    /// That of a URL.
    pub(crate) fn of(options: &Options, output: Option<&Output>, url: &Url) -> Result<Self, Failure> {
        let name = match output {
            None => None,
            Some(Output::File(name)) if name == "-" => None,
            Some(Output::File(name)) => Some(name.as_str()),
            Some(Output::RemoteName) => Some(
                url.file_name()
                    .ok_or_else(|| Failure::new(WRITE, "Failed to extract a filename to use for storage"))?,
            ),
        };
        let folder = options.output_dir.as_ref().filter(|_| name.is_some());
        let file = name.map(|name| match folder {
            Some(folder) => format!("{}/{name}", folder.trim_end_matches('/')),
            None => name.to_owned(),
        });
        Ok(Self { file, creates_dirs: options.creates_dirs, stream: None })
    }

    /// A file of this name; `-` is stdout.
    pub(crate) fn named(name: &str) -> Self {
        Self { file: Some(name.to_owned()).filter(|name| name != "-"), creates_dirs: false, stream: None }
    }

    /// Opens what is not open yet.
    pub(crate) fn open(&mut self, shell: &Shell) -> Result<Stream, Failure> {
        if let Some(stream) = &self.stream {
            return Ok(stream.clone());
        }
        let stream = match &self.file {
            None => shell.streams.get(1),
            Some(name) => {
                let failed = |error: io::Error| {
                    Failure::new(WRITE, format!("Failed to open the file {name}: {}", message(&error)))
                };
                if let Some(folder) = shell.path(name).parent().filter(|_| self.creates_dirs) {
                    fs::create_dir_all(folder).map_err(failed)?;
                }
                let mut options = OpenOptions::new();
                shell.open_path(name, options.write(true).create(true).truncate(true)).map_err(failed)?
            }
        };
        self.stream = Some(stream.clone());
        Ok(stream)
    }

    /// Begins anew, for another attempt.
    pub(crate) fn reset(&mut self) {
        self.stream = None;
    }

    pub(crate) async fn write(&mut self, shell: &Shell, bytes: &[u8]) -> Result<(), Failure> {
        let stream = self.open(shell)?;
        stream.write(bytes).await.map_err(|_| {
            let message = format!("Failure writing output to destination, passed {} returned 0", bytes.len());
            Failure::new(WRITE, message)
        })
    }

    /// Whether a person looks at what is written here, so that a meter would disturb.
    pub(crate) fn is_watched(&self, shell: &Shell) -> bool {
        self.file.is_none() && matches!(shell.streams.get(1), Stream::Stdout) && io::stdout().is_terminal()
    }
}

/// What stands over the meter.
pub(crate) const METER: &str = "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed";

/// The meter's last line.
pub(crate) fn meter(report: &Report) -> String {
    let total = report.size_download + report.size_upload;
    let percent = |part: u64| if part == 0 { 0 } else { 100 };
    let spent = report.time_total.as_secs();
    let clock = match spent {
        0 => "--:--:--".to_owned(),
        _ => format!("{:2}:{:02}:{:02}", spent / 3600, spent / 60 % 60, spent % 60),
    };
    let speed = |bytes: u64| short((bytes as f64 / report.time_total.as_secs_f64().max(1e-6)) as u64);
    format!(
        "{:>3} {:>5}  {:>3} {:>5}  {:>3} {:>5}  {:>5}  {:>5} --:--:-- {clock} --:--:-- {:>5}",
        percent(total),
        short(total),
        percent(report.size_download),
        short(report.size_download),
        percent(report.size_upload),
        short(report.size_upload),
        speed(report.size_download),
        speed(report.size_upload),
        speed(total),
    )
}

/// A number of bytes in five letters.
fn short(bytes: u64) -> String {
    match bytes {
        0..=99_999 => bytes.to_string(),
        100_000..=10_239_999 => format!("{}k", bytes >> 10),
        _ => format!("{}M", bytes >> 20),
    }
}
