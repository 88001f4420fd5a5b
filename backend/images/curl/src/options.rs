//! The command line.

use std::time::Duration;

use crate::data::Piece;
use crate::failure::{Failure, USAGE};
use crate::help::{HELP, VERSION};
use crate::table::{ABSENT, OPTIONS};

/// What the arguments ask for.
pub(crate) enum Command {
    Transfer(Box<Options>),
    Print(&'static str),
}

/// Where a response goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    File(String),
    /// To a file with the URL's last name.
    RemoteName,
}

/// How a form's field is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) content: String,
    /// `@` and `<` mean files.
    pub(crate) reads_files: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) urls: Vec<String>,
    /// In the order of the URLs.
    pub(crate) outputs: Vec<Output>,
    pub(crate) output_dir: Option<String>,
    pub(crate) creates_dirs: bool,
    pub(crate) method: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) data: Vec<Piece>,
    pub(crate) is_json: bool,
    pub(crate) form: Vec<Field>,
    pub(crate) upload: Option<String>,
    pub(crate) puts_data_into_url: bool,
    pub(crate) headers: Vec<String>,
    pub(crate) agent: Option<String>,
    pub(crate) referer: Option<String>,
    pub(crate) cookies: Vec<String>,
    pub(crate) range: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) head_only: bool,
    pub(crate) includes_head: bool,
    pub(crate) dump_header: Option<String>,
    pub(crate) verbose: bool,
    pub(crate) silent: bool,
    pub(crate) shows_errors: bool,
    pub(crate) hides_progress: bool,
    pub(crate) fails: bool,
    pub(crate) fails_with_body: bool,
    pub(crate) fails_early: bool,
    pub(crate) write_out: Option<String>,
    pub(crate) follows: bool,
    /// None means any number.
    pub(crate) most_redirects: Option<u32>,
    pub(crate) max_time: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) retry_delay: Option<Duration>,
    pub(crate) retry_max_time: Option<Duration>,
    pub(crate) retries_refusals: bool,
    pub(crate) retries_all_errors: bool,
    /// `host:port:address`
    pub(crate) resolve: Vec<String>,
    /// `host:port:host:port`
    pub(crate) connect_to: Vec<String>,
    pub(crate) http_1_0: bool,
}

impl Options {
    /// Reads the arguments behind the name.
    ///
    /// # Errors
    /// What curl says of them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Command, Failure> {
        let mut options = Self { most_redirects: Some(50), ..Self::default() };
        let mut rest = arguments.iter();
        let mut reads_options = true;
        while let Some(argument) = rest.next() {
            if !reads_options || argument == "-" || !argument.starts_with('-') {
                options.urls.push(argument.clone());
            } else if argument == "--" {
                reads_options = false;
            } else if let Some(name) = argument.strip_prefix("--") {
                let (name, on) = match name.strip_prefix("no-") {
                    Some(positive) if takes_value(name).is_none() => (positive, false),
                    _ => (name, true),
                };
                let takes = takes_value(name).ok_or_else(|| unknown(argument, name, ' '))?;
                let value = if takes { Some(value_of(argument, rest.next())?) } else { None };
                if let Some(printed) = options.apply(name, value.map_or("", String::as_str), on)? {
                    return Ok(printed);
                }
            } else if let Some(printed) = options.letters(argument, &mut rest)? {
                return Ok(printed);
            }
        }
        match options.urls.is_empty() {
            true => Err(Failure::new(USAGE, "(2) no URL specified")),
            false => Ok(Command::Transfer(Box::new(options))),
        }
    }

    /// Letters may stand together, the last one with its value: `-sSo/dev/null`.
    fn letters<'a>(
        &mut self,
        argument: &'a str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<Option<Command>, Failure> {
        for (at, letter) in argument.char_indices().skip(1) {
            let shown = format!("-{letter}");
            let row = OPTIONS.iter().find(|row| row.0 == letter && letter != ' ');
            let row = row.ok_or_else(|| unknown(&shown, "", letter))?;
            let inline = &argument[at + letter.len_utf8()..];
            let value = match row.2 {
                true if inline.is_empty() => value_of(&shown, rest.next())?.as_str(),
                true => inline,
                false => "",
            };
            if let Some(printed) = self.apply(row.1, value, true)? {
                return Ok(Some(printed));
            }
            if row.2 {
                break;
            }
        }
        Ok(None)
    }

    fn apply(&mut self, option: &str, value: &str, on: bool) -> Result<Option<Command>, Failure> {
        let text = || value.to_owned();
        match option {
            "help" => return Ok(Some(Command::Print(HELP))),
            "version" => return Ok(Some(Command::Print(VERSION))),
            "data" | "data-ascii" => self.data.push(Piece::Text(text())),
            "data-raw" => self.data.push(Piece::Raw(text())),
            "data-binary" => self.data.push(Piece::Binary(text())),
            "data-urlencode" => self.data.push(Piece::Encoded(text())),
            "json" => {
                self.data.push(Piece::Json(text()));
                self.is_json = true;
            }
            "form" | "form-string" => {
                let (name, content) = value.split_once('=').ok_or_else(|| {
                    Failure::new(USAGE, format!("option -F: '{value}' has no '=' behind its name"))
                })?;
                self.form.push(Field {
                    name: name.to_owned(),
                    content: content.to_owned(),
                    reads_files: option == "form",
                });
            }
            "upload-file" => self.upload = Some(text()),
            "get" => self.puts_data_into_url = on,
            "header" => self.headers.push(text()),
            "user-agent" => self.agent = Some(text()),
            "referer" => self.referer = Some(text()),
            "cookie" if value.contains('=') => self.cookies.push(text()),
            "cookie" => {
                let reason = "cookies are not read from files here; send them as 'name=value'";
                return Err(Failure::new(USAGE, format!("option -b: {reason}")));
            }
            "range" => self.range = Some(text()),
            "user" => self.user = Some(text()),
            "oauth2-bearer" => self.bearer = Some(text()),
            "request" => self.method = Some(text()),
            "request-target" => self.target = Some(text()),
            "head" => self.head_only = on,
            "include" | "show-headers" => self.includes_head = on,
            "dump-header" => self.dump_header = Some(text()),
            "verbose" => self.verbose = on,
            "silent" => self.silent = on,
            "show-error" => self.shows_errors = on,
            "no-progress-meter" => self.hides_progress = true,
            "fail" => self.fails = on,
            "fail-with-body" => self.fails_with_body = on,
            "fail-early" => self.fails_early = on,
            "output" => self.outputs.push(Output::File(text())),
            "remote-name" => self.outputs.push(Output::RemoteName),
            "output-dir" => self.output_dir = Some(text()),
            "create-dirs" => self.creates_dirs = on,
            "write-out" => self.write_out = Some(text()),
            "location" => self.follows = on,
            "max-redirs" => {
                let most: i64 = number(option, value)?;
                self.most_redirects = u32::try_from(most).ok();
            }
            "max-time" => self.max_time = time(option, value)?,
            "connect-timeout" => self.connect_timeout = time(option, value)?,
            "retry" => self.retries = number(option, value)?,
            "retry-delay" => self.retry_delay = time(option, value)?,
            "retry-max-time" => self.retry_max_time = time(option, value)?,
            "retry-connrefused" => self.retries_refusals = on,
            "retry-all-errors" => self.retries_all_errors = on,
            "resolve" => self.resolve.push(text()),
            "connect-to" => self.connect_to.push(text()),
            "url" => self.urls.push(text()),
            "http1.0" => self.http_1_0 = on,
            // The others of the table have no effect.
            _ => {}
        }
        Ok(None)
    }
}

fn takes_value(name: &str) -> Option<bool> {
    OPTIONS.iter().find(|row| row.1 == name).map(|row| row.2)
}

fn value_of<'a>(shown: &str, value: Option<&'a String>) -> Result<&'a String, Failure> {
    value.ok_or_else(|| Failure::new(USAGE, format!("option {shown}: requires parameter")))
}

fn unknown(shown: &str, name: &str, letter: char) -> Failure {
    let is_meant = |row: &&(char, &str, &str)| row.1 == name || (letter != ' ' && row.0 == letter);
    Failure::new(
        USAGE,
        match ABSENT.iter().find(is_meant) {
            Some((_, _, reason)) => format!("option {shown}: is not supported here: {reason}"),
            None => format!("option {shown}: is unknown"),
        },
    )
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| not_a_number(name))
}

fn not_a_number(name: &str) -> Failure {
    Failure::new(USAGE, format!("option --{name}: expected a proper numerical parameter"))
}

/// Seconds, with decimals; 0 means no limit.
fn time(name: &str, value: &str) -> Result<Option<Duration>, Failure> {
    let seconds: f64 = number(name, value)?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => Ok(Some(time).filter(|time| !time.is_zero())),
        Err(_) => Err(not_a_number(name)),
    }
}
