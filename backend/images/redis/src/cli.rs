//! `redis-cli`: one command, or a prompt ([manual](https://redis.io/docs/latest/develop/tools/cli/)).

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::TcpStream;

use crate::resp::{Reply, split_line, write_request};

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What to say first.
    pub password: Option<String>,
    /// Which database.
    pub db: usize,
    /// Answers as they are, without quotes and numbers; as stdout is if `None`.
    pub raw: Option<bool>,
    /// How often to run the command.
    pub repeat: u64,
    /// The exit code tells of a refusal.
    pub fails: bool,
    /// The last argument is read from stdin.
    pub reads_argument: bool,
    /// The command; a prompt if there is none.
    pub command: Vec<String>,
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// What to print, and the code to end with.
    pub fn parse(arguments: &[String]) -> Result<Self, (String, u8)> {
        let mut options = Self {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            password: std::env::var("REDISCLI_AUTH").ok(),
            db: 0,
            raw: None,
            repeat: 1,
            fails: false,
            reads_argument: false,
            command: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                let missing = || (format!("Unrecognized option or bad number of args for: '{argument}'"), 1);
                rest.next().cloned().ok_or_else(missing)
            };
            match argument.as_str() {
                "--help" => return Err((HELP.to_owned(), 0)),
                "-v" | "--version" => {
                    return Err((
                        format!("redis-cli {} kijabi={}", crate::REDIS_VERSION, env!("CARGO_PKG_VERSION")),
                        0,
                    ));
                }
                "-h" => options.host = value()?,
                "-p" => options.port = number(&value()?, "Invalid server port.")?,
                "-a" | "--pass" => options.password = Some(value()?),
                "-n" => options.db = number(&value()?, "Invalid database number.")?,
                "-r" => options.repeat = number(&value()?, "Invalid repeat count.")?,
                "-x" => options.reads_argument = true,
                "-e" => options.fails = true,
                "--raw" => options.raw = Some(true),
                "--no-raw" => options.raw = Some(false),
                "--no-auth-warning" => {}
                unknown if unknown.starts_with('-') => {
                    return Err((format!("Unrecognized option or bad number of args for: '{unknown}'"), 1));
                }
                command => {
                    options.command = std::iter::once(command.to_owned()).chain(rest.cloned()).collect();
                    break;
                }
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: &str, refusal: &str) -> Result<T, (String, u8)> {
    text.parse().map_err(|_| (refusal.to_owned(), 1))
}

/// Runs the program and returns its exit code.
#[must_use]
pub fn run(arguments: &[String]) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err((text, code)) => {
            println!("{text}");
            return code;
        }
    };
    let mut session = match Session::open(&options) {
        Ok(session) => session,
        Err(error) => {
            let message = format!("Could not connect to Redis at {}:{}: ", options.host, options.port);
            eprintln!("{message}{}", said(&error));
            return 1;
        }
    };
    let done = match options.command.is_empty() {
        true => session.prompt(&options),
        false => session.once(&options),
    };
    done.unwrap_or_else(|error| {
        eprintln!("Error: {}", said(&error));
        1
    })
}

/// In the words of Linux.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        io::ErrorKind::UnexpectedEof => "Server closed the connection".to_owned(),
        io::ErrorKind::HostUnreachable => "No route to host".to_owned(),
        _ => error.to_string(),
    }
}

/// A connection to the server.
struct Session {
    stream: BufReader<TcpStream>,
    raw: bool,
    db: usize,
}

impl Session {
    fn open(options: &Options) -> io::Result<Self> {
        let stream = TcpStream::connect((options.host.as_str(), options.port))?;
        let raw = options.raw.unwrap_or_else(|| !io::stdout().is_terminal());
        let mut session = Self { stream: BufReader::new(stream), raw, db: 0 };
        let first = options.password.iter().map(|password| vec!["AUTH".to_owned(), password.clone()]);
        let second = (options.db > 0).then(|| vec!["SELECT".to_owned(), options.db.to_string()]);
        for command in first.chain(second) {
            session.send(&command)?;
            match session.reply()? {
                Reply::Error(error) => eprintln!("{} failed: {error}", command[0]),
                _ if command[0] == "SELECT" => session.db = options.db,
                _ => {}
            }
        }
        Ok(session)
    }

    fn once(&mut self, options: &Options) -> io::Result<u8> {
        let mut command: Vec<Vec<u8>> =
            options.command.iter().map(|word| word.clone().into_bytes()).collect();
        if options.reads_argument {
            let mut last = Vec::new();
            io::stdin().read_to_end(&mut last)?;
            command.push(last);
        }
        let mut code = 0;
        for _ in 0..options.repeat {
            code = self.command(&command)?;
        }
        Ok(if options.fails { code } else { 0 })
    }

    /// Sends a command and prints what comes back; for one that listens, all that ever comes.
    fn command(&mut self, words: &[Vec<u8>]) -> io::Result<u8> {
        self.send(words)?;
        let name = words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let listens = matches!(name.as_slice(), b"subscribe" | b"psubscribe");
        loop {
            let reply = self.reply()?;
            let mut text = if self.raw { raw(&reply) } else { formatted(&reply, 0) };
            if !text.ends_with('\n') {
                text.push('\n');
            }
            io::stdout().write_all(text.as_bytes())?;
            io::stdout().flush()?;
            if name == b"select" && reply == Reply::Simple("OK") {
                let db = words.get(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
                self.db = db.unwrap_or(self.db);
            }
            if !listens {
                return Ok(u8::from(matches!(reply, Reply::Error(_))));
            }
        }
    }

    fn prompt(&mut self, options: &Options) -> io::Result<u8> {
        let is_terminal = io::stdin().is_terminal();
        let mut lines = io::stdin().lock().lines();
        loop {
            if is_terminal {
                let db = if self.db == 0 { String::new() } else { format!("[{}]", self.db) };
                print!("{}:{}{db}> ", options.host, options.port);
                io::stdout().flush()?;
            }
            let Some(line) = lines.next() else { return Ok(0) };
            let Some(words) = split_line(line?.as_bytes()) else {
                println!("Invalid argument(s)");
                continue;
            };
            match words.first().map(|word| word.to_ascii_lowercase()).as_deref() {
                None => {}
                Some(b"exit" | b"quit") => return Ok(0),
                Some(b"help" | b"?") => println!("{HELP}"),
                Some(b"clear") => print!("\x1b[H\x1b[2J"),
                Some(_) => drop(self.command(&words)?),
            }
        }
    }

    fn send<T: AsRef<[u8]>>(&mut self, words: &[T]) -> io::Result<()> {
        let mut bytes = Vec::new();
        write_request(&mut bytes, words);
        self.stream.get_mut().write_all(&bytes)
    }

    fn reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.stream)
    }
}

/// Reads one answer in protocol 2.
pub(crate) fn read_reply(stream: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (sign, rest) = line.split_at_checked(1).unwrap_or((line, ""));
    let count = || rest.parse::<i64>().map_err(|_| io::Error::other(format!("Protocol error, got {line:?}")));
    match sign {
        "+" if rest == "OK" => Ok(Reply::OK),
        "+" => Ok(Reply::Verbatim(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => Ok(Reply::Integer(count()?)),
        "$" => match usize::try_from(count()?) {
            Err(_) => Ok(Reply::Nil),
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Bulk(bytes))
            }
        },
        "*" => match usize::try_from(count()?) {
            Err(_) => Ok(Reply::Nil),
            Ok(length) => {
                Ok(Reply::Array((0..length).map(|_| read_reply(stream)).collect::<io::Result<_>>()?))
            }
        },
        _ => Err(io::Error::other(format!("Protocol error, got {line:?} as reply type byte"))),
    }
}

/// An answer for programs: as it is.
fn raw(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) => (*text).to_owned(),
        Reply::Verbatim(text) | Reply::Error(text) => text.clone(),
        Reply::Integer(value) => value.to_string(),
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Array(items) => items.iter().map(raw).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// An answer for people: quoted, and lists numbered.
#[must_use]
pub fn formatted(reply: &Reply, indent: usize) -> String {
    match reply {
        Reply::Simple(text) => (*text).to_owned(),
        Reply::Verbatim(text) => text.clone(),
        Reply::Error(text) => format!("(error) {text}"),
        Reply::Integer(value) => format!("(integer) {value}"),
        Reply::Bulk(bytes) => quoted(bytes),
        Reply::Array(items) if items.is_empty() => "(empty array)".to_owned(),
        Reply::Array(items) => {
            let width = items.len().to_string().len();
            let item = |(at, item): (usize, &Reply)| {
                let shown = formatted(item, indent + width + 2);
                let space = if at == 0 { String::new() } else { " ".repeat(indent) };
                format!("{space}{:>width$}) {shown}", at + 1)
            };
            items.iter().enumerate().map(item).collect::<Vec<_>>().join("\n")
        }
        _ => "(nil)".to_owned(),
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            byte if byte.is_ascii_graphic() || *byte == b' ' => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text + "\""
}

const HELP: &str = "\
A client of Kijabi's own that stands where redis-cli would.

Usage: redis-cli [OPTIONS] [cmd [arg [arg ...]]]
  -h <hostname>      Server hostname (default: 127.0.0.1).
  -p <port>          Server port (default: 6379).
  -a <password>      Password to use when connecting to the server; also REDISCLI_AUTH.
  -n <db>            Database number.
  -r <repeat>        Execute specified command N times.
  -e                 Return exit error code when command execution fails.
  -x                 Read last argument from STDIN.
  --raw, --no-raw    Answers as they are, or quoted and numbered (default when STDOUT is a terminal).
  --version          Output version and exit.
Without a command it reads commands from its prompt, until exit.";

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        read_reply(&mut text.as_bytes()).unwrap()
    }

    #[test]
    fn answers_should_look_as_in_redis_cli() {
        let cases = [
            ("+PONG\r\n", "PONG", "PONG"),
            ("-ERR no\r\n", "(error) ERR no", "ERR no"),
            (":3\r\n", "(integer) 3", "3"),
            ("$-1\r\n", "(nil)", ""),
            ("$4\r\na\"\n\x01\r\n", r#""a\"\n\x01""#, "a\"\n\x01"),
            ("*0\r\n", "(empty array)", ""),
            ("*2\r\n$1\r\na\r\n:2\r\n", "1) \"a\"\n2) (integer) 2", "a\n2"),
            (
                "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                "1) \"0\"\n2) 1) \"a\"\n   2) \"b\"",
                "0\na\nb",
            ),
        ];
        for (bytes, expected, expected_raw) in cases {
            assert_eq!(formatted(&reply(bytes), 0), expected, "{bytes:?}");
            assert_eq!(raw(&reply(bytes)), expected_raw, "{bytes:?}");
        }
    }

    #[test]
    fn options_should_end_where_the_command_begins() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let options = Options::parse(&words("-h redis -p 6380 -n 2 set a -b")).unwrap();
        assert_eq!((options.host.as_str(), options.port, options.db), ("redis", 6380, 2));
        assert_eq!(options.command, ["set", "a", "-b"]);
        assert!(matches!(Options::parse(&words("--nonsense")), Err((_, 1))));
        assert!(matches!(Options::parse(&words("--help")), Err((_, 0))));
    }
}
