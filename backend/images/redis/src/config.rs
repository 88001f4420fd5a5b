//! What can be configured, on the command line, in a file, or by `CONFIG SET`
//! ([Redis' configuration](https://redis.io/docs/latest/operate/oss_and_stack/management/config/)). A directive that
//! is not in the table is refused: nothing is accepted that has no effect.

/// When the append-only file is synced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before every answer.
    Always,
    /// Once a second.
    EverySecond,
    /// When the file system likes.
    No,
}

/// Which keys go when memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// None: commands that need memory are refused.
    NoEviction,
    /// Those that were not used for long.
    AllKeysLru,
    /// Any.
    AllKeysRandom,
    /// Those that expire and were not used for long.
    VolatileLru,
    /// Any that expire.
    VolatileRandom,
    /// Those that expire first.
    VolatileTtl,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The TCP port.
    pub port: u16,
    /// The folder of the append-only file.
    pub dir: String,
    /// Whether changes are written to the append-only file.
    pub append_only: bool,
    /// The name of the append-only file.
    pub append_file: String,
    /// See [`Fsync`].
    pub fsync: Fsync,
    /// Whether a file that breaks off in the middle of a command is read up to there.
    pub load_truncated: bool,
    /// The file is written anew when it grew by so many percent.
    pub rewrite_percentage: u64,
    /// A smaller file is not written anew by itself, in bytes.
    pub rewrite_min_bytes: u64,
    /// What clients must say first; nothing if empty.
    pub password: String,
    /// How much keys and values may take, in bytes; 0 is without a limit.
    pub max_memory_bytes: usize,
    /// See [`Policy`].
    pub policy: Policy,
    /// The most clients.
    pub max_clients: usize,
    /// A silent client is let go after so many seconds; 0 is never.
    pub timeout_seconds: u64,
    /// The longest argument, in bytes.
    pub longest_argument_bytes: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 6379,
            dir: ".".to_owned(),
            append_only: false,
            append_file: "appendonly.aof".to_owned(),
            fsync: Fsync::EverySecond,
            load_truncated: true,
            rewrite_percentage: 100,
            rewrite_min_bytes: 64 << 20,
            password: String::new(),
            max_memory_bytes: 0,
            policy: Policy::NoEviction,
            max_clients: 1000,
            timeout_seconds: 0,
            longest_argument_bytes: 512 << 20,
        }
    }
}

const FSYNCS: &[(&str, Fsync)] =
    &[("always", Fsync::Always), ("everysec", Fsync::EverySecond), ("no", Fsync::No)];

const POLICIES: &[(&str, Policy)] = &[
    ("noeviction", Policy::NoEviction),
    ("allkeys-lru", Policy::AllKeysLru),
    ("allkeys-random", Policy::AllKeysRandom),
    ("volatile-lru", Policy::VolatileLru),
    ("volatile-random", Policy::VolatileRandom),
    ("volatile-ttl", Policy::VolatileTtl),
];

const SWITCH: &[(&str, bool)] = &[("yes", true), ("no", false)];

/// A directive: its name, whether `CONFIG SET` may change it, how it is read and how it is shown.
struct Directive {
    name: &'static str,
    is_mutable: bool,
    set: fn(&mut Config, &str) -> Option<()>,
    get: fn(&Config) -> String,
}

macro_rules! directives {
    ($($name:literal $mutable:ident $field:ident $read:expr, $show:expr;)*) => {
        static DIRECTIVES: &[Directive] = &[$(Directive {
            name: $name,
            is_mutable: stringify!($mutable).len() == "mutable".len(),
            set: |config, text| {
                let read: fn(&str) -> Option<_> = $read;
                config.$field = read(text)?;
                Some(())
            },
            get: |config| {
                let show: fn(&_) -> String = $show;
                show(&config.$field)
            },
        }),*];
    };
}

directives! {
    "appendfilename" fixed append_file text, String::clone;
    "appendfsync" mutable fsync |text| choice(FSYNCS, text), |value| named(FSYNCS, value);
    "appendonly" mutable append_only |text| choice(SWITCH, text), |value| named(SWITCH, value);
    "aof-load-truncated" mutable load_truncated |text| choice(SWITCH, text), |value| named(SWITCH, value);
    "auto-aof-rewrite-min-size" mutable rewrite_min_bytes memory, u64::to_string;
    "auto-aof-rewrite-percentage" mutable rewrite_percentage |text| text.parse().ok(), u64::to_string;
    "dir" fixed dir text, String::clone;
    "maxclients" mutable max_clients |text| text.parse().ok().filter(|count| *count > 0), usize::to_string;
    "maxmemory" mutable max_memory_bytes |text| usize::try_from(memory(text)?).ok(), usize::to_string;
    "maxmemory-policy" mutable policy |text| choice(POLICIES, text), |value| named(POLICIES, value);
    "port" fixed port |text| text.parse().ok(), u16::to_string;
    "proto-max-bulk-len" mutable longest_argument_bytes
        |text| i64::try_from(memory(text)?).ok().filter(|bytes| *bytes >= 1 << 20), i64::to_string;
    "requirepass" mutable password |text| Some(text.to_owned()), String::clone;
    "timeout" mutable timeout_seconds |text| text.parse().ok(), u64::to_string;
}

/// Directives that say how this server works anyway, with the values that do.
const TRUTHS: &[(&str, &[&str])] = &[
    ("bind", &["*", "0.0.0.0", "* -::*"]),
    ("daemonize", &["no"]),
    ("databases", &["16"]),
    ("logfile", &[""]),
    ("protected-mode", &["no"]),
    ("save", &[""]),
    ("supervised", &["no"]),
];

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn choice<T: Copy>(choices: &[(&str, T)], text: &str) -> Option<T> {
    choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

fn named<T: PartialEq>(choices: &[(&str, T)], value: &T) -> String {
    choices.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name).to_owned()
}

/// `100`, `1k` and `1kb`, which are 1000 and 1024 bytes, and so on.
fn memory(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let factor = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Why a directive cannot be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is none of this name.
    Unknown,
    /// Only at start.
    Fixed,
    /// Not to this value.
    Value,
}

impl Config {
    /// Sets a directive at start.
    ///
    /// # Errors
    /// When there is none of this name, or the value is none of its values.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        if let Some((_, values)) = TRUTHS.iter().find(|(truth, _)| truth.eq_ignore_ascii_case(name)) {
            return if values.contains(&value) { Ok(()) } else { Err(Refusal::Value) };
        }
        let directive = find(name).ok_or(Refusal::Unknown)?;
        (directive.set)(self, value).ok_or(Refusal::Value)
    }

    /// Sets a directive while the server runs.
    ///
    /// # Errors
    /// As [`Self::set`], and for what can be set at start only.
    pub fn change(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match find(name) {
            Some(directive) if !directive.is_mutable => Err(Refusal::Fixed),
            _ => self.set(name, value),
        }
    }

    /// Names and values of the directives that a pattern means.
    #[must_use]
    pub fn get(&self, pattern: &str) -> Vec<(&'static str, String)> {
        let pattern = pattern.to_ascii_lowercase();
        let wanted =
            |directive: &&Directive| crate::pattern::matches(pattern.as_bytes(), directive.name.as_bytes());
        DIRECTIVES.iter().filter(wanted).map(|directive| (directive.name, (directive.get)(self))).collect()
    }

    /// The names of all directives.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DIRECTIVES.iter().map(|directive| directive.name)
    }
}

fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_should_be_read_and_shown() {
        let cases = [
            ("maxmemory", "2mb", Ok("2097152")),
            ("maxmemory", "1k", Ok("1000")),
            ("maxmemory", "2x", Err(Refusal::Value)),
            ("MAXMEMORY-policy", "allkeys-lru", Ok("allkeys-lru")),
            ("maxmemory-policy", "allkeys-lfu", Err(Refusal::Value)),
            ("appendonly", "yes", Ok("yes")),
            ("appendonly", "maybe", Err(Refusal::Value)),
            ("appendfsync", "always", Ok("always")),
            ("requirepass", "secret", Ok("secret")),
            ("port", "70000", Err(Refusal::Value)),
            ("save", "60 1", Err(Refusal::Value)),
            ("activerehashing", "yes", Err(Refusal::Unknown)),
        ];
        for (name, value, expected) in cases {
            let mut config = Config::default();
            let shown = config.set(name, value).map(|()| config.get(name).remove(0).1);
            assert_eq!(shown, expected.map(str::to_owned), "{name} {value}");
        }
    }

    #[test]
    fn what_is_fixed_should_not_change_while_the_server_runs() {
        let mut config = Config::default();
        assert_eq!(config.change("port", "1"), Err(Refusal::Fixed));
        assert_eq!(config.change("timeout", "5"), Ok(()));
        assert_eq!(config.get("time*"), [("timeout", "5".to_owned())]);
    }
}
