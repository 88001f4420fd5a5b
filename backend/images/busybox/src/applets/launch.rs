//! Tools that run others: `sh`, `env`, `timeout`, `xargs`, `which`.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::clock::duration;
use super::files::operand;
use super::flags::Flags;
use crate::message;
use crate::reactor::{Task, within};
use crate::shell::{BROKEN_PIPE, Shell, Stop, is_name};

/// The exit code of what a shell ran.
fn code(outcome: Result<u8, Stop>) -> io::Result<u8> {
    match outcome {
        Err(Stop::Exit(BROKEN_PIPE)) => Err(io::ErrorKind::BrokenPipe.into()),
        Ok(code) | Err(Stop::Exit(code) | Stop::Return(code)) => Ok(code),
        Err(_) => Ok(0),
    }
}

pub(super) async fn sh(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    shell.begin_program();
    let mut rest = &arguments[1..];
    let mut takes_command = false;
    let mut is_interactive = false;
    while let Some(option) = rest.first().filter(|option| option.starts_with(['-', '+']) && option.len() > 1)
    {
        rest = &rest[1..];
        if option == "--" {
            break;
        }
        for letter in option.chars().skip(1) {
            match letter {
                'c' => takes_command = true,
                'i' => is_interactive = true,
                'e' | 'u' | 'x' => shell.switch(letter, option.starts_with('-')),
                'l' | 's' | '-' => {}
                other => return Err(io::Error::other(format!("unknown option -{other}"))),
            }
        }
    }
    match (takes_command, rest) {
        (true, []) => Err(io::Error::other("-c requires an argument")),
        (true, [command]) => Ok(shell.run_text(command, "sh", Vec::new()).await),
        (true, [command, name, arguments @ ..]) => {
            Ok(shell.run_text(command, name, arguments.to_vec()).await)
        }
        (false, []) => Ok(shell.run_stdin(is_interactive || crate::at_terminal()).await),
        (false, [file, arguments @ ..]) => match std::fs::read(shell.path(file)) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                Ok(shell.run_text(&text, file, arguments.to_vec()).await)
            }
            Err(error) => {
                shell.complain(&format!("sh: can't open '{file}': {}", message(&error))).await;
                Ok(2)
            }
        },
    }
}

pub(super) async fn env(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read_before_program(arguments, "iu:")?;
    if flags.has('i') {
        shell.clear_environment();
    }
    if let Some(name) = flags.value('u') {
        shell.unset(name);
    }
    let mut rest = flags.operands.as_slice();
    while let Some((name, value)) =
        rest.first().and_then(|word| word.split_once('=')).filter(|(name, _)| is_name(name))
    {
        shell.set_variable(name, value.to_owned());
        shell.export(name);
        rest = &rest[1..];
    }
    if rest.is_empty() {
        let lines: String =
            shell.environment().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        shell.print(&lines).await?;
        return Ok(0);
    }
    let program: Vec<String> = rest.iter().map(|word| (*word).to_owned()).collect();
    code(run(shell, &program).await)
}

/// Boxed, as programs run programs.
fn run<'a>(shell: &'a mut Shell, program: &'a [String]) -> Task<'a, Result<u8, Stop>> {
    Box::pin(shell.run_program(program))
}

pub(super) async fn printenv(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let environment = shell.environment();
    let names = &arguments[1..];
    let mut status = 0;
    for name in names {
        match environment.iter().find(|(other, _)| other == name) {
            Some((_, value)) => shell.print(&format!("{value}\n")).await?,
            None => status = 1,
        }
    }
    if names.is_empty() {
        let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        shell.print(&lines).await?;
    }
    Ok(status)
}

/// What `timeout` ends with when the time is over: as if ended by SIGTERM.
const ENDED: u8 = 143;

pub(super) async fn timeout(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read_before_program(arguments, "s:k:")?;
    let program: Vec<String> = flags.operands.iter().skip(1).map(|word| (*word).to_owned()).collect();
    let limit = duration(flags.operands.first().copied().unwrap_or_default())?;
    if program.is_empty() {
        return Err(io::Error::other("a program is missing"));
    }
    let reactor = Rc::clone(&shell.reactor);
    shell.deadline = shell.no_later_than(Instant::now().checked_add(limit));
    match within(&reactor, limit, run(shell, &program)).await {
        Some(outcome) => code(outcome),
        None => Ok(ENDED),
    }
}

pub(super) async fn which(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let mut status = 0;
    for name in &arguments[1..] {
        match super::find(name, shell.further) {
            Some(applet) => shell.print(&format!("/bin/{}\n", applet.name)).await?,
            None => status = 1,
        }
    }
    Ok(status)
}

pub(super) async fn xargs(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read_before_program(arguments, "n:rtI:")?;
    let program: Vec<String> = match flags.operands.as_slice() {
        [] => vec!["echo".to_owned()],
        words => words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let placeholder = flags.value('I');
    let words = words(shell, placeholder.is_some()).await?;
    let most: usize = if placeholder.is_some() { 1 } else { flags.number('n')?.unwrap_or(usize::MAX) };
    let mut batches: Vec<&[String]> = words.chunks(most.clamp(1, words.len().max(1))).collect();
    if batches.is_empty() && !flags.has('r') && placeholder.is_none() {
        batches.push(&[]);
    }
    let mut status = 0;
    for batch in batches {
        let command: Vec<String> = match placeholder {
            Some(mark) => program.iter().map(|word| word.replace(mark, &batch[0])).collect(),
            None => [program.as_slice(), batch].concat(),
        };
        if flags.has('t') {
            shell.complain(&command.join(" ")).await;
        }
        // The words on stdin are not for the program.
        let mut process = shell.clone();
        process.streams.set(0, crate::stream::Stream::Null);
        match code(run(&mut process, &command).await)? {
            0 => {}
            127 => return operand(&command, 0).map(|_| 127),
            _ => status = 123,
        }
    }
    Ok(status)
}

async fn words(shell: &Shell, by_line: bool) -> io::Result<Vec<String>> {
    let mut lines = shell.stdin_lines();
    let mut words = Vec::new();
    while let Some(line) = lines.next_text().await? {
        match by_line {
            true if line.trim().is_empty() => {}
            true => words.push(line.trim().to_owned()),
            false => {
                words.extend(line.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()))
            }
        }
    }
    Ok(words)
}
