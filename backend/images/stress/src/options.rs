//! The command line: the options of the `stress` tool, version 1.0.

use std::time::Duration;

/// What to load, for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Hogs that compute square roots.
    pub cpu: usize,
    /// Hogs that allocate and touch memory.
    pub vm: usize,
    /// How much one memory hog allocates, in bytes.
    pub vm_bytes: u64,
    /// A byte is touched every so many bytes.
    pub vm_stride_bytes: u64,
    /// How long a memory hog sleeps before it frees. Zero means for ever.
    pub vm_hang: Option<Duration>,
    /// Memory is allocated once and then only touched anew.
    pub vm_keep: bool,
    /// The load ends after this time; without it, never.
    pub timeout: Option<Duration>,
    /// Messages between failures and information are printed.
    pub quiet: bool,
    /// Only says what would be done.
    pub dry_run: bool,
}

/// Why the program ends before it loads anything: a text for the user and an exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Shown on stdout for exit code 0, else on stderr.
    pub text: String,
    /// 0 for `--help` and `--version`, else 1.
    pub code: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cpu: 0,
            vm: 0,
            vm_bytes: 256 << 20,
            vm_stride_bytes: 4096,
            vm_hang: None,
            vm_keep: false,
            timeout: None,
            quiet: false,
            dry_run: false,
        }
    }
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// `--help`, `--version`, an unknown option, a value that is none, or a kind of load this image does not have.
    pub fn parse(arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, inline) = split(argument);
            let mut value = || match inline.clone().or_else(|| rest.next().cloned()) {
                Some(value) => Ok(value),
                None => Err(failure(&format!("missing argument to option '{argument}'"))),
            };
            options.set(&name, &mut value)?;
        }
        match options.cpu + options.vm {
            0 => Err(Refusal { text: HELP.to_owned(), code: u8::from(!arguments.is_empty()) }),
            _ => Ok(options),
        }
    }

    fn set(&mut self, name: &str, value: &mut dyn FnMut() -> Result<String, Refusal>) -> Result<(), Refusal> {
        match name {
            "-?" | "-h" | "--help" => return Err(Refusal { text: HELP.to_owned(), code: 0 }),
            "--version" => return Err(Refusal { text: VERSION.to_owned(), code: 0 }),
            "-q" | "--quiet" => self.quiet = true,
            "-v" | "--verbose" => self.quiet = false,
            "-n" | "--dry-run" => self.dry_run = true,
            "-t" | "--timeout" => self.timeout = some_time(seconds(&value()?)?),
            "-c" | "--cpu" => self.cpu = count(&value()?)?,
            "-m" | "--vm" => self.vm = count(&value()?)?,
            "--vm-bytes" => self.vm_bytes = bytes(&value()?)?,
            "--vm-stride" => self.vm_stride_bytes = bytes(&value()?)?.max(1),
            "--vm-hang" => self.vm_hang = Some(seconds(&value()?)?),
            "--vm-keep" => self.vm_keep = true,
            "--backoff" => drop(value()?),
            "-i" | "--io" | "-d" | "--hdd" | "--hdd-bytes" => return Err(failure(&no_disks(name))),
            _ => return Err(failure(&format!("unrecognized option '{name}'"))),
        }
        Ok(())
    }
}

/// `--cpu=2` and `-c2` carry their value.
fn split(argument: &str) -> (String, Option<String>) {
    if let Some((name, value)) = argument.split_once('=')
        && argument.starts_with("--")
    {
        return (name.to_owned(), Some(value.to_owned()));
    }
    let short_with_value = argument.len() > 2 && argument.starts_with('-') && !argument.starts_with("--");
    match short_with_value.then(|| argument.split_at_checked(2)).flatten() {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (argument.to_owned(), None),
    }
}

fn no_disks(name: &str) -> String {
    format!(
        "{name} is not supported here: a container of this cluster has no disk of its own to load (--cpu and --vm are)"
    )
}

fn failure(text: &str) -> Refusal {
    Refusal { text: format!("stress: FAIL: [1] {text}"), code: 1 }
}

fn count(text: &str) -> Result<usize, Refusal> {
    text.parse().map_err(|_| failure(&format!("invalid number of workers: {text}")))
}

fn some_time(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// A time with one of the suffixes `s`, `m`, `h`, `d`, `y`.
fn seconds(text: &str) -> Result<Duration, Refusal> {
    let scale = |suffix| match suffix {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        'y' => Some(31_536_000),
        _ => None,
    };
    scaled(text, scale).map(Duration::from_secs)
}

/// A size with one of the suffixes `B`, `K`, `M`, `G`, in either case.
fn bytes(text: &str) -> Result<u64, Refusal> {
    let scale = |suffix: char| match suffix.to_ascii_uppercase() {
        'B' => Some(1),
        'K' => Some(1 << 10),
        'M' => Some(1 << 20),
        'G' => Some(1 << 30),
        _ => None,
    };
    scaled(text, scale)
}

fn scaled(text: &str, scale: impl Fn(char) -> Option<u64>) -> Result<u64, Refusal> {
    let (digits, factor) = match text.chars().last() {
        Some(last) if !last.is_ascii_digit() => {
            let factor = scale(last).ok_or_else(|| failure(&format!("unrecognized suffix: {last}")))?;
            (&text[..text.len() - last.len_utf8()], factor)
        }
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| failure(&format!("invalid number: {text}")))?;
    number.checked_mul(factor).ok_or_else(|| failure(&format!("number too large: {text}")))
}

const VERSION: &str = concat!("stress (Kijabi image) ", env!("CARGO_PKG_VERSION"));

const HELP: &str = "\
Loads the CPU and the memory of its container, as the `stress` tool does.

Usage: stress [OPTION [ARG]] ...
 -?, --help         show this help statement
     --version      show version statement
 -v, --verbose      be verbose
 -q, --quiet        be quiet
 -n, --dry-run      show what would have been done
 -t, --timeout N    timeout after N seconds
     --backoff N    accepted; the hogs start one after another anyway
 -c, --cpu N        N workers that compute sqrt()
 -m, --vm N         N workers that allocate and free memory
     --vm-bytes B   allocate B bytes per vm worker (default is 256MB)
     --vm-stride B  touch a byte every B bytes (default is 4096)
     --vm-hang N    sleep N secs before free (default none, 0 is inf)
     --vm-keep      touch the same memory again instead of freeing it

Example: stress --cpu 1 --vm 1 --vm-bytes 128M --timeout 10s

Numbers may have the suffixes s,m,h,d,y (time) or B,K,M,G (size).
A container has one WebAssembly thread: its workers share one core. For more load run more pods.
--io and --hdd are refused: containers here have no disk of their own.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Refusal> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_should_be_read_as_the_stress_tool_reads_them() {
        let memory = |bytes| Options { vm: 1, vm_bytes: bytes, ..Options::default() };
        let cases = [
            ("--cpu 2", Options { cpu: 2, ..Options::default() }),
            ("-c2", Options { cpu: 2, ..Options::default() }),
            ("--vm 1 --vm-bytes 150M", memory(150 << 20)),
            ("--vm=1 --vm-bytes=64k", memory(64 << 10)),
            ("-m 1 --vm-bytes 10", memory(10)),
            ("-m 1 --vm-hang 1", Options { vm_hang: Some(Duration::from_secs(1)), ..memory(256 << 20) }),
            ("-m 1 --vm-keep", Options { vm_keep: true, ..memory(256 << 20) }),
            ("-c 1 -t 2m", Options { cpu: 1, timeout: Some(Duration::from_secs(120)), ..Options::default() }),
            ("-c 1 -t 0", Options { cpu: 1, ..Options::default() }),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_done_should_be_refused_with_a_reason() {
        let cases = [
            ("--cpu x", "stress: FAIL: [1] invalid number of workers: x"),
            ("--cpu", "stress: FAIL: [1] missing argument to option '--cpu'"),
            ("--gpu 1", "stress: FAIL: [1] unrecognized option '--gpu'"),
            ("--vm 1 --vm-bytes 5Z", "stress: FAIL: [1] unrecognized suffix: Z"),
            ("--io 1", "stress: FAIL: [1] --io is not supported here"),
        ];
        for (line, message) in cases {
            let refusal = parse(line).unwrap_err();
            assert!(refusal.text.starts_with(message), "{line}: {}", refusal.text);
            assert_eq!(refusal.code, 1, "{line}");
        }
    }

    #[test]
    fn help_should_end_with_success() {
        assert_eq!(parse("--help").unwrap_err().code, 0);
        assert_eq!(parse("").unwrap_err().code, 0);
    }
}
