//! The shell: a subset of the POSIX shell language, as far as containers' commands use it.

pub mod arithmetic;
mod builtins;
mod execute;
mod expand;
mod parser;
mod pattern;
mod reading;
mod syntax;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

pub use execute::BROKEN_PIPE;
pub use parser::{SyntaxError, is_name};
pub use pattern::glob;
use syntax::Command;

use crate::applets::Applet;
use crate::reactor::Reactor;
use crate::stream::{Lines, Stream};

/// Open streams by their numbers.
#[derive(Clone, Default)]
pub struct Streams(BTreeMap<u32, Stream>);

impl Streams {
    /// Those of the container.
    #[must_use]
    pub fn standard(reactor: &Rc<Reactor>) -> Self {
        Self(BTreeMap::from([
            (0, Stream::Stdin(Rc::clone(reactor))),
            (1, Stream::Stdout),
            (2, Stream::Stderr),
        ]))
    }

    /// The stream of this number.
    #[must_use]
    pub fn get(&self, descriptor: u32) -> Stream {
        self.0.get(&descriptor).cloned().unwrap_or(Stream::Closed)
    }

    /// Puts a stream under a number.
    pub fn set(&mut self, descriptor: u32, stream: Stream) {
        self.0.insert(descriptor, stream);
    }

    /// Puts back what stood under a number before.
    fn put_back(&mut self, descriptor: u32, before: &Streams) {
        match before.0.get(&descriptor) {
            Some(stream) => self.set(descriptor, stream.clone()),
            None => drop(self.0.remove(&descriptor)),
        }
    }
}

/// Why commands end before their end is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The shell ends with this code.
    Exit(u8),
    /// So many loops end.
    Break(u32),
    /// So many loops go on with their next round.
    Continue(u32),
    /// The function ends with this code.
    Return(u8),
}

#[derive(Clone, Default)]
struct Variable {
    value: String,
    is_exported: bool,
    is_readonly: bool,
}

/// A command in the background: its number, and its code once it ended.
#[derive(Clone)]
struct Job {
    number: u32,
    status: Rc<Cell<Option<u8>>>,
}

/// How many commands that ended in the background are remembered for `wait`.
const REMEMBERED_JOBS: usize = 128;

/// Forgets the oldest commands that ended, where there are many. The last one stays, as `$!` names it.
fn forget_ended(jobs: &mut Vec<Job>) {
    let ended = jobs.iter().filter(|job| job.status.get().is_some()).count();
    let mut superfluous = ended.saturating_sub(REMEMBERED_JOBS);
    jobs.retain(|job| {
        let forgotten = superfluous > 0 && job.status.get().is_some();
        superfluous -= usize::from(forgotten);
        !forgotten
    });
}

/// The state of a shell. A subshell is a clone.
#[derive(Clone)]
pub struct Shell {
    /// What runs it.
    pub reactor: Rc<Reactor>,
    /// Open streams.
    pub streams: Streams,
    /// The current directory, absolute.
    pub directory: PathBuf,
    /// Tools that this program has beside those of busybox.
    pub further: &'static [Applet],
    /// When `timeout` ends what runs here, which waits for the network must know.
    pub deadline: Option<Instant>,
    variables: BTreeMap<String, Variable>,
    functions: BTreeMap<String, Rc<Command>>,
    /// `$0`.
    name: String,
    /// `$1`, `$2`, ….
    positional: Vec<String>,
    /// `$?`.
    last_status: u8,
    /// The code of the last command substitution in the words of the running command.
    substitution_status: Option<u8>,
    /// Letters of `set`: `e`, `u`, `x`.
    options: String,
    /// `set -o pipefail`: the code of a pipe is that of its last command that failed.
    pipe_fails: bool,
    /// What the variables of the functions that run were before.
    locals: Vec<Vec<(String, Option<Variable>)>>,
    /// Where `getopts` goes on: the word that `OPTIND` counts, and the letter in it.
    option_place: (usize, usize),
    /// What `umask` set.
    mask: u32,
    /// Present where expansions are split into fields.
    splits: bool,
    jobs: Rc<RefCell<Vec<Job>>>,
    /// Commands whose failure `set -e` overlooks: conditions.
    in_condition: bool,
    /// Run when the shell ends: `trap … EXIT`.
    exit_trap: Option<String>,
    /// How deep functions and subshells are nested.
    depth: u32,
}

impl Shell {
    /// A shell with the container's environment and streams.
    #[must_use]
    pub fn new(
        reactor: Rc<Reactor>,
        streams: Streams,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let exported = |(name, value)| (name, Variable { value, is_exported: true, is_readonly: false });
        Self {
            reactor,
            streams,
            directory: PathBuf::from("/"),
            further: &[],
            deadline: None,
            variables: environment.map(exported).collect(),
            functions: BTreeMap::new(),
            name: "sh".to_owned(),
            positional: Vec::new(),
            last_status: 0,
            substitution_status: None,
            options: String::new(),
            pipe_fails: false,
            locals: Vec::new(),
            option_place: (1, 0),
            mask: 0o022,
            splits: true,
            jobs: Rc::default(),
            in_condition: false,
            exit_trap: None,
            depth: 0,
        }
    }

    /// The earlier one of a deadline and that of the shell.
    #[must_use]
    pub fn no_later_than(&self, deadline: Option<Instant>) -> Option<Instant> {
        [deadline, self.deadline].into_iter().flatten().min()
    }

    /// The streams' stdin.
    #[must_use]
    pub fn stdin(&self) -> Stream {
        self.streams.get(0)
    }

    /// Its lines.
    #[must_use]
    pub fn stdin_lines(&self) -> Lines {
        Lines::new(self.stdin())
    }

    /// Writes to stdout.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn print(&self, text: &str) -> std::io::Result<()> {
        self.streams.get(1).write(text.as_bytes()).await
    }

    /// Writes a line to stderr. What cannot be written there cannot be said anywhere.
    pub async fn complain(&self, text: &str) {
        let _ = self.streams.get(2).write(format!("{text}\n").as_bytes()).await;
    }

    /// An absolute path: relative ones start at the current directory.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        normalized(&self.directory.join(path))
    }

    /// The value of a variable, if it is set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|variable| variable.value.clone())
    }

    /// Sets a variable unless it is read-only, and says whether it could.
    pub fn set_variable(&mut self, name: &str, value: String) -> bool {
        let variable = self.variables.entry(name.to_owned()).or_default();
        if !variable.is_readonly {
            variable.value = value;
            variable.is_exported |= self.options.contains('a');
        }
        !variable.is_readonly
    }

    /// Makes a variable visible to commands.
    pub fn export(&mut self, name: &str) {
        self.variables.entry(name.to_owned()).or_default().is_exported = true;
    }

    /// Forgets all variables, as `env -i` does.
    pub fn clear_environment(&mut self) {
        self.variables.clear();
    }

    /// Switches an option of `set` on or off.
    pub fn switch(&mut self, letter: char, on: bool) {
        self.options.retain(|other| other != letter);
        if on {
            self.options.push(letter);
        }
    }

    /// Drops what another program would not inherit.
    pub fn begin_program(&mut self) {
        self.variables.retain(|_, variable| variable.is_exported);
        self.functions.clear();
        self.options.clear();
        self.pipe_fails = false;
        self.locals.clear();
        self.option_place = (1, 0);
        self.set_variable("OPTIND", "1".to_owned());
        self.exit_trap = None;
        self.in_condition = false;
        self.jobs = Rc::default();
    }

    /// Forgets a variable.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// What commands see, sorted by name.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.is_exported);
        exported.map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
    }

    /// The value of a parameter: a variable, an argument or a special one.
    fn parameter(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.last_status.to_string()),
            "#" => Some(self.positional.len().to_string()),
            "$" => Some("1".to_owned()),
            "-" => Some(self.options.clone()),
            "!" => self.jobs.borrow().last().map(|job| job.number.to_string()),
            "0" => Some(self.name.clone()),
            "@" | "*" => (!self.positional.is_empty()).then(|| self.positional.join(" ")),
            "PWD" => Some(self.directory.to_string_lossy().into_owned()),
            _ => match name.parse::<usize>() {
                Ok(number) => self.positional.get(number.wrapping_sub(1)).cloned(),
                Err(_) => self.variable(name),
            },
        }
    }

    /// Says an error of the shell itself, which ends it.
    async fn fail(&self, message: &str) -> Stop {
        self.complain(&format!("sh: {message}")).await;
        Stop::Exit(2)
    }
}

impl arithmetic::Variables for Shell {
    fn get(&self, name: &str) -> String {
        self.parameter(name).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: String) {
        self.set_variable(name, value);
    }
}

/// Without `.` and `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut result = PathBuf::from("/");
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => drop(result.pop()),
            std::path::Component::Normal(name) => result.push(name),
            _ => {}
        }
    }
    result
}

#[cfg(test)]
mod tests;
