//! Running the tree.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use super::builtins;
use super::parser::{SyntaxError, parse};
use super::pattern;
use super::syntax::{
    Command, Compound, Connector, Item, List, Pipeline, Redirection, RedirectionKind, Simple, Word,
};
use super::{Job, Shell, Stop, Streams};
use crate::applets;
use crate::message;
use crate::reactor::{Task, join};
use crate::stream::{Stream, pipe};

/// The code of a command that wrote to a pipe nobody reads: as if ended by SIGPIPE.
pub const BROKEN_PIPE: u8 = 141;
/// Functions and subshells nested deeper than this are refused, before the guest's stack ends.
const DEEPEST: u32 = 60;

type Outcome = Result<u8, Stop>;

impl Shell {
    /// Runs a program text as `sh -c` does, with `$0` and the arguments.
    pub async fn run_text(&mut self, text: &str, name: &str, arguments: Vec<String>) -> u8 {
        self.name = name.to_owned();
        self.positional = arguments;
        let outcome = match parse(text) {
            Ok(list) => self.run_list(&list).await,
            Err(error) => {
                self.complain(&format!("{}: {error}", self.name)).await;
                Ok(2)
            }
        };
        self.finish(outcome).await
    }

    /// Runs what stdin says, command by command, with a prompt at a terminal.
    pub async fn run_stdin(&mut self, prompts: bool) -> u8 {
        let mut lines = self.stdin_lines();
        let mut text = String::new();
        loop {
            if prompts {
                let prompt = if text.is_empty() {
                    format!("{} # ", self.directory.display())
                } else {
                    "> ".to_owned()
                };
                let _ = self.streams.get(2).write(prompt.as_bytes()).await;
            }
            let line = lines.next_text().await.ok().flatten();
            let at_end = line.is_none();
            text.push_str(&line.unwrap_or_default());
            text.push('\n');
            let outcome = match parse(&text) {
                Err(SyntaxError::Incomplete(_)) if !at_end => continue,
                Err(error) => {
                    self.complain(&format!("sh: {error}")).await;
                    self.last_status = 2;
                    if prompts && !at_end { Ok(2) } else { Err(Stop::Exit(2)) }
                }
                Ok(list) => self.run_list(&list).await,
            };
            text.clear();
            if at_end || matches!(outcome, Err(Stop::Exit(_))) {
                return self.finish(outcome.map(|_| self.last_status)).await;
            }
        }
    }

    /// Runs the exit trap and says the shell's code.
    async fn finish(&mut self, outcome: Outcome) -> u8 {
        let code = code_of(outcome);
        let Some(trap) = self.exit_trap.take() else { return code };
        self.last_status = code;
        match parse(&trap) {
            Ok(list) => match self.run_list(&list).await {
                Err(Stop::Exit(other)) => other,
                _ => code,
            },
            Err(_) => code,
        }
    }

    /// Runs a list in this shell, which is a clone of another.
    pub(super) async fn run_subshell(&mut self, list: &List) -> u8 {
        self.exit_trap = None;
        let outcome = match self.deeper().await {
            Ok(()) => self.run_list(list).await,
            Err(stop) => Err(stop),
        };
        self.finish(outcome).await
    }

    async fn deeper(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.fail("commands are nested too deeply").await) } else { Ok(()) }
    }

    /// Runs a list one level deeper in the same shell.
    pub(super) async fn run_nested(&mut self, list: &List) -> Outcome {
        self.deeper().await?;
        let outcome = self.run_list(list).await;
        self.depth -= 1;
        outcome
    }

    /// Runs commands one after another.
    pub(super) fn run_list<'a>(&'a mut self, list: &'a List) -> Task<'a, Outcome> {
        Box::pin(async move {
            for item in list {
                match item.in_background {
                    true => self.start(item),
                    false => drop(self.run_item(item).await?),
                }
            }
            Ok(self.last_status)
        })
    }

    /// Starts a command in the background.
    fn start(&mut self, item: &Item) {
        let status = Rc::new(Cell::new(None));
        let number = self.jobs.borrow().last().map_or(2, |job| job.number + 1);
        self.jobs.borrow_mut().push(Job { number, status: Rc::clone(&status) });
        super::forget_ended(&mut self.jobs.borrow_mut());
        let mut subshell = self.clone();
        subshell.jobs = Rc::default();
        subshell.streams.set(0, Stream::Null);
        let list = vec![Item { in_background: false, ..item.clone() }];
        self.reactor.spawn(Box::pin(async move { status.set(Some(subshell.run_subshell(&list).await)) }));
        self.last_status = 0;
    }

    async fn run_item(&mut self, item: &Item) -> Outcome {
        let before = self.in_condition;
        self.in_condition = before || !item.rest.is_empty();
        let mut status = self.run_pipeline(&item.first).await;
        for (index, (connector, pipeline)) in item.rest.iter().enumerate() {
            let Ok(code) = status else { break };
            if (*connector == Connector::And) == (code == 0) {
                self.in_condition = before || index + 1 < item.rest.len();
                status = self.run_pipeline(pipeline).await;
            }
        }
        self.in_condition = before;
        status
    }

    async fn run_pipeline(&mut self, pipeline: &Pipeline) -> Outcome {
        let before = self.in_condition;
        self.in_condition = before || pipeline.is_negated;
        let status = match pipeline.commands.as_slice() {
            [command] => self.run_command(command).await,
            commands => Ok(self.run_stages(commands).await),
        };
        self.in_condition = before;
        let status = status?;
        self.last_status = if pipeline.is_negated { u8::from(status == 0) } else { status };
        match self.options.contains('e')
            && self.last_status != 0
            && !pipeline.is_negated
            && !self.in_condition
        {
            true => Err(Stop::Exit(self.last_status)),
            false => Ok(self.last_status),
        }
    }

    /// Runs the commands of a pipe side by side, each in a subshell of its own.
    async fn run_stages(&mut self, commands: &[Command]) -> u8 {
        let mut input = self.stdin();
        let mut stages: Vec<Task<'_, u8>> = Vec::new();
        for (index, command) in commands.iter().enumerate() {
            let mut stage = self.clone();
            stage.streams.set(0, input);
            input = Stream::Null;
            if index + 1 < commands.len() {
                let (read, write) = pipe(&self.reactor);
                stage.streams.set(1, write);
                input = read;
            }
            stages.push(Box::pin(async move {
                let outcome = stage.run_command(command).await;
                stage.exit_trap = None;
                stage.finish(outcome).await
            }));
        }
        let codes = join(&self.reactor, stages).await;
        let failed = codes.iter().rev().find(|code| **code != 0).filter(|_| self.pipe_fails);
        failed.or(codes.last()).copied().unwrap_or_default()
    }

    fn run_command<'a>(&'a mut self, command: &'a Command) -> Task<'a, Outcome> {
        Box::pin(async move {
            match command {
                Command::Simple(simple) => self.run_simple(simple).await,
                Command::Compound(compound, redirections) => {
                    self.run_redirected(compound, redirections).await
                }
                Command::Function(name, body) => {
                    self.functions.insert(name.clone(), Rc::clone(body));
                    Ok(0)
                }
            }
        })
    }

    async fn run_redirected(&mut self, compound: &Compound, redirections: &[Redirection]) -> Outcome {
        let before = self.streams.clone();
        let outcome = match self.redirect(redirections).await? {
            true => self.run_compound(compound).await,
            false => Ok(1),
        };
        self.put_back(redirections, &before);
        outcome
    }

    /// Undoes a command's own redirections. Those that `exec` made while it ran stay.
    fn put_back(&mut self, redirections: &[Redirection], before: &Streams) {
        redirections.iter().for_each(|own| self.streams.put_back(own.descriptor, before));
    }

    async fn run_compound(&mut self, compound: &Compound) -> Outcome {
        self.last_status = 0;
        match compound {
            Compound::Group(list) => self.run_list(list).await,
            Compound::Subshell(list) => Ok(self.clone().run_subshell(list).await),
            Compound::If { branches, otherwise } => self.run_if(branches, otherwise.as_ref()).await,
            Compound::Loop { until, condition, body } => self.run_loop(*until, condition, body).await,
            Compound::For { variable, words, body } => self.run_for(variable, words.as_deref(), body).await,
            Compound::Case { word, arms } => self.run_case(word, arms).await,
        }
    }

    /// Runs a list whose failure is an answer and no error.
    async fn run_condition(&mut self, list: &List) -> Outcome {
        let before = std::mem::replace(&mut self.in_condition, true);
        let outcome = self.run_list(list).await;
        self.in_condition = before;
        outcome
    }

    async fn run_if(&mut self, branches: &[(List, List)], otherwise: Option<&List>) -> Outcome {
        for (condition, body) in branches {
            if self.run_condition(condition).await? == 0 {
                return self.run_list(body).await;
            }
        }
        self.last_status = 0;
        match otherwise {
            Some(list) => self.run_list(list).await,
            None => Ok(0),
        }
    }

    async fn run_loop(&mut self, until: bool, condition: &List, body: &List) -> Outcome {
        let mut status = 0;
        loop {
            self.reactor.rest().await;
            let round = match self.run_condition(condition).await {
                Ok(code) if (code == 0) == until => return Ok(status),
                Ok(_) => self.run_list(body).await,
                Err(stop) => Err(stop),
            };
            match after_round(round) {
                Round::Next(code) => status = code,
                Round::End(outcome) => return outcome,
            }
        }
    }

    async fn run_for(&mut self, variable: &str, words: Option<&[Word]>, body: &List) -> Outcome {
        let values = match words {
            Some(words) => self.expand_words(words).await?,
            None => self.positional.clone(),
        };
        let mut status = 0;
        for value in values {
            self.reactor.rest().await;
            self.set_variable(variable, value);
            match after_round(self.run_list(body).await) {
                Round::Next(code) => status = code,
                Round::End(outcome) => return outcome,
            }
        }
        Ok(status)
    }

    async fn run_case(&mut self, word: &Word, arms: &[(Vec<Word>, List)]) -> Outcome {
        let text: Vec<char> = self.expand_text(word).await?.chars().collect();
        for (patterns, list) in arms {
            for pattern in patterns {
                if pattern::matches(&self.expand_letters(pattern).await?, &text) {
                    return self.run_list(list).await;
                }
            }
        }
        Ok(0)
    }

    async fn run_simple(&mut self, simple: &Simple) -> Outcome {
        self.substitution_status = None;
        let arguments = self.expand_words(&simple.words).await?;
        if self.options.contains('x') && !arguments.is_empty() {
            self.complain(&format!("+ {}", arguments.join(" "))).await;
        }
        let is_traced = self.options.contains('x') && arguments.is_empty();
        let before = self.streams.clone();
        if !self.redirect(&simple.redirections).await? {
            self.put_back(&simple.redirections, &before);
            return Ok(1);
        }
        let outcome = self.run_assigned(&simple.assignments, &arguments).await;
        if is_traced {
            let value = |name: &String| self.variable(name).unwrap_or_default();
            let shown = simple.assignments.iter().map(|(name, _)| format!("{name}={}", value(name)));
            let shown: Vec<String> = shown.collect();
            self.complain(&format!("+ {}", shown.join(" "))).await;
        }
        let keeps_streams = arguments.first().is_some_and(|name| name == "exec") && arguments.len() == 1;
        if !keeps_streams {
            self.put_back(&simple.redirections, &before);
        }
        outcome
    }

    /// Assignments alone stay; before a command they hold for it only.
    async fn run_assigned(&mut self, assignments: &[(String, Word)], arguments: &[String]) -> Outcome {
        let before = self.variables.clone();
        for (name, word) in assignments {
            let value = self.expand_text(word).await?;
            if !self.set_variable(name, value) {
                return Err(self.fail(&format!("{name}: is read only")).await);
            }
            if !arguments.is_empty() {
                self.export(name);
            }
        }
        if arguments.is_empty() {
            return Ok(self.substitution_status.unwrap_or_default());
        }
        let name = arguments[0].as_str();
        let stays = builtins::SPECIAL.contains(&name) && !self.functions.contains_key(name);
        let outcome = self.run_arguments(arguments).await;
        if stays {
            return outcome;
        }
        for (name, _) in assignments {
            match before.get(name) {
                Some(variable) => drop(self.variables.insert(name.clone(), variable.clone())),
                None => drop(self.variables.remove(name)),
            }
        }
        outcome
    }

    /// Runs a command by its name: a function, a builtin of the shell, an applet, a script.
    pub(super) fn run_arguments<'a>(&'a mut self, arguments: &'a [String]) -> Task<'a, Outcome> {
        Box::pin(async move {
            let name = arguments[0].as_str();
            if let Some(body) = self.functions.get(name).cloned() {
                return self.call(&body, &arguments[1..]).await;
            }
            if let Some(outcome) = builtins::run(self, arguments).await {
                return outcome;
            }
            self.run_program(arguments).await
        })
    }

    async fn call(&mut self, body: &Command, arguments: &[String]) -> Outcome {
        self.deeper().await?;
        let positional = std::mem::replace(&mut self.positional, arguments.to_vec());
        self.locals.push(Vec::new());
        let outcome = self.run_command(body).await;
        for (name, before) in self.locals.pop().unwrap_or_default() {
            match before {
                Some(variable) => drop(self.variables.insert(name, variable)),
                None => self.unset(&name),
            }
        }
        self.positional = positional;
        self.depth -= 1;
        match outcome {
            Err(Stop::Return(code)) => Ok(code),
            other => other,
        }
    }

    /// Runs an applet or a script, as another program would be run.
    pub async fn run_program(&mut self, arguments: &[String]) -> Outcome {
        let name = arguments[0].as_str();
        let Some(applet) = applets::find(name, self.further) else {
            return self.run_script(name, &arguments[1..]).await;
        };
        if arguments.get(1).is_some_and(|first| first == "--help") && applet.shows_help {
            self.complain(&format!("Usage: {} {}", applet.name, applet.usage)).await;
            return Ok(0);
        }
        // What a program changes of its surroundings ends with it.
        let mut process = self.clone();
        match (applet.run)(&mut process, arguments).await {
            Ok(code) => Ok(code),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Exit(BROKEN_PIPE)),
            Err(error) => {
                self.complain(&format!("{}: {}", applet.name, message(&error))).await;
                Ok(1)
            }
        }
    }

    async fn run_script(&mut self, name: &str, arguments: &[String]) -> Outcome {
        let path = self.path(name);
        let content = if name.contains('/') { std::fs::read(&path) } else { Err(ErrorKind::NotFound.into()) };
        match content {
            Ok(content) if content.starts_with(b"\0asm") => {
                let reason =
                    "a WebAssembly file cannot be started from this shell; make it the container's image";
                self.complain(&format!("sh: {name}: {reason}")).await;
                Ok(126)
            }
            Ok(content) => {
                let mut process = self.clone();
                process.depth += 1;
                if process.depth > DEEPEST {
                    return Err(self.fail("commands are nested too deeply").await);
                }
                process.begin_program();
                let text = String::from_utf8_lossy(&content).into_owned();
                let task: Task<'_, u8> = Box::pin(process.run_text(&text, name, arguments.to_vec()));
                Ok(task.await)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.complain(&format!("sh: {name}: not found")).await;
                Ok(127)
            }
            Err(error) => {
                self.complain(&format!("sh: {name}: {}", message(&error))).await;
                Ok(126)
            }
        }
    }

    /// Opens what the redirections name. False, after a message, if that fails.
    async fn redirect(&mut self, redirections: &[Redirection]) -> Result<bool, Stop> {
        for redirection in redirections {
            let (target, opened) = match &redirection.kind {
                RedirectionKind::HereDocument(body) => {
                    let body = body.borrow().clone();
                    (String::new(), Ok(Stream::text(&self.expand_text(&body).await?)))
                }
                RedirectionKind::Duplicate(word) => {
                    let target = self.expand_text(word).await?;
                    let stream = duplicate(&self.streams, &target);
                    (target, stream)
                }
                RedirectionKind::Read(word) => self.open(word, OpenOptions::new().read(true)).await?,
                RedirectionKind::Write(word, forced) => {
                    let mut options = OpenOptions::new();
                    options.write(true).create(true).truncate(true);
                    let name = self.expand_text(word).await?;
                    let is_kept = self.options.contains('C') && !forced && self.path(&name).is_file();
                    let opened = match is_kept {
                        true => Err(ErrorKind::AlreadyExists.into()),
                        false => self.open_path(&name, &options),
                    };
                    (name, opened)
                }
                RedirectionKind::Both(word) => {
                    self.open(word, OpenOptions::new().read(true).write(true).create(true).truncate(false))
                        .await?
                }
                RedirectionKind::Append(word) => {
                    self.open(word, OpenOptions::new().append(true).create(true)).await?
                }
            };
            match opened {
                Ok(stream) => self.streams.set(redirection.descriptor, stream),
                Err(error) => {
                    let verb =
                        if matches!(redirection.kind, RedirectionKind::Read(_)) { "open" } else { "create" };
                    self.complain(&format!("sh: can't {verb} {target}: {}", message(&error))).await;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn open(
        &mut self,
        word: &Word,
        options: &OpenOptions,
    ) -> Result<(String, io::Result<Stream>), Stop> {
        let name = self.expand_text(word).await?;
        let stream = self.open_path(&name, options);
        Ok((name, stream))
    }

    /// Opens a file. The devices that programs expect are there without being files.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open_path(&self, name: &str, options: &OpenOptions) -> io::Result<Stream> {
        let path = self.path(name);
        Ok(match path.to_str() {
            Some("/dev/null") => Stream::Null,
            Some("/dev/zero") => Stream::Zeros,
            Some("/dev/stdin") => self.streams.get(0),
            Some("/dev/stdout" | "/proc/1/fd/1" | "/proc/self/fd/1") => self.streams.get(1),
            Some("/dev/stderr" | "/proc/1/fd/2" | "/proc/self/fd/2") => self.streams.get(2),
            _ => Stream::file(options.open(path)?),
        })
    }
}

fn duplicate(streams: &Streams, target: &str) -> io::Result<Stream> {
    match target {
        "-" => Ok(Stream::Closed),
        _ => match target.parse().map(|number| streams.get(number)) {
            Ok(Stream::Closed) => Err(io::Error::other("Bad file descriptor")),
            Ok(stream) => Ok(stream),
            Err(_) => Err(io::Error::other("bad fd number")),
        },
    }
}

/// The exit code that an outcome means at the end of a shell.
pub(super) fn code_of(outcome: Outcome) -> u8 {
    match outcome {
        Ok(code) | Err(Stop::Exit(code) | Stop::Return(code)) => code,
        Err(Stop::Break(_) | Stop::Continue(_)) => 0,
    }
}

/// What follows a round of a loop.
enum Round {
    Next(u8),
    End(Outcome),
}

fn after_round(outcome: Outcome) -> Round {
    match outcome {
        Ok(code) => Round::Next(code),
        Err(Stop::Continue(1)) => Round::Next(0),
        Err(Stop::Break(1)) => Round::End(Ok(0)),
        Err(Stop::Continue(loops)) => Round::End(Err(Stop::Continue(loops - 1))),
        Err(Stop::Break(loops)) => Round::End(Err(Stop::Break(loops - 1))),
        Err(stop) => Round::End(Err(stop)),
    }
}
