//! The commands that change the shell itself.

use super::parser::{is_name, parse};
use super::{Shell, Stop};
use crate::applets;
use crate::message;

type Outcome = Result<u8, Stop>;

/// Their names.
pub(super) const NAMES: &[&str] = &[
    ":", ".", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "local", "read",
    "readonly", "return", "set", "shift", "source", "trap", "type", "umask", "unset", "wait",
];

/// Runs a builtin; `None` if it is none.
pub(super) async fn run(shell: &mut Shell, arguments: &[String]) -> Option<Outcome> {
    let rest = &arguments[1..];
    Some(match arguments[0].as_str() {
        ":" => Ok(0),
        "cd" => change_directory(shell, rest).await,
        "exit" => Err(Stop::Exit(code(shell, rest))),
        "return" => Err(Stop::Return(code(shell, rest))),
        "break" => Err(Stop::Break(count(rest))),
        "continue" => Err(Stop::Continue(count(rest))),
        "export" => export(shell, rest).await,
        "local" | "readonly" => declare(shell, arguments[0] == "readonly", rest).await,
        "unset" => unset(shell, rest),
        "set" => set(shell, rest).await,
        "shift" => shift(shell, rest),
        "eval" => eval(shell, &rest.join(" ")).await,
        "." | "source" => source(shell, rest).await,
        "read" => read(shell, rest).await,
        "exec" => exec(shell, rest).await,
        "wait" => wait(shell, rest).await,
        "trap" => trap(shell, rest).await,
        "command" | "type" => command(shell, arguments).await,
        "umask" => Ok(0),
        _ => return None,
    })
}

/// The argument as an exit code, else that of the last command.
fn code(shell: &Shell, rest: &[String]) -> u8 {
    match rest.first().and_then(|text| text.parse::<i64>().ok()) {
        // Codes wrap around at 256, as they do everywhere.
        Some(code) => code.rem_euclid(256) as u8,
        None => shell.last_status,
    }
}

fn count(rest: &[String]) -> u32 {
    rest.first().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

async fn change_directory(shell: &mut Shell, rest: &[String]) -> Outcome {
    let home = || shell.variable("HOME").unwrap_or_else(|| "/root".to_owned());
    let target = match rest.first().map(String::as_str) {
        None => home(),
        Some("-") => shell.variable("OLDPWD").unwrap_or_else(home),
        Some(target) => target.to_owned(),
    };
    let path = shell.path(&target);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => {
            let before = shell.directory.to_string_lossy().into_owned();
            shell.set_variable("OLDPWD", before);
            shell.directory = path;
            let now = shell.directory.to_string_lossy().into_owned();
            shell.set_variable("PWD", now);
            Ok(0)
        }
        found => {
            let reason = found.map_or_else(|error| message(&error), |_| "Not a directory".to_owned());
            shell.complain(&format!("sh: cd: can't cd to {target}: {reason}")).await;
            Ok(1)
        }
    }
}

async fn assign(shell: &mut Shell, argument: &str) -> Result<String, Stop> {
    let (name, value) =
        argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value)));
    if !is_name(name) {
        return Err(shell.fail(&format!("{argument}: bad variable name")).await);
    }
    if let Some(value) = value
        && !shell.set_variable(name, value.to_owned())
    {
        return Err(shell.fail(&format!("{name}: is read only")).await);
    }
    Ok(name.to_owned())
}

async fn export(shell: &mut Shell, rest: &[String]) -> Outcome {
    let names: Vec<&String> = rest.iter().filter(|argument| *argument != "-p").collect();
    if names.is_empty() {
        let lines: String =
            shell.environment().iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        return print(shell, &lines).await;
    }
    for argument in names {
        let name = assign(shell, argument).await?;
        shell.export(&name);
    }
    Ok(0)
}

async fn declare(shell: &mut Shell, readonly: bool, rest: &[String]) -> Outcome {
    for argument in rest {
        let name = assign(shell, argument).await?;
        shell.variables.entry(name).or_default().is_readonly |= readonly;
    }
    Ok(0)
}

fn unset(shell: &mut Shell, rest: &[String]) -> Outcome {
    for name in rest {
        shell.unset(name);
        shell.functions.remove(name);
    }
    Ok(0)
}

async fn set(shell: &mut Shell, rest: &[String]) -> Outcome {
    if rest.is_empty() {
        let line = |(name, variable): (&String, &super::Variable)| format!("{name}='{}'\n", variable.value);
        let lines: String = shell.variables.iter().map(line).collect();
        return print(shell, &lines).await;
    }
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--" => {
                shell.positional = arguments.cloned().collect();
                return Ok(0);
            }
            "-o" | "+o" => {
                let name = arguments.next().map(String::as_str).unwrap_or_default();
                let letter = match name {
                    "errexit" => 'e',
                    "nounset" => 'u',
                    "xtrace" => 'x',
                    _ => return Err(shell.fail(&format!("set: option {name} is not supported")).await),
                };
                shell.switch(letter, argument == "-o");
            }
            flags if flags.starts_with(['-', '+']) => {
                flags.chars().skip(1).for_each(|letter| shell.switch(letter, flags.starts_with('-')));
            }
            _ => {
                shell.positional = std::iter::once(argument).chain(arguments).cloned().collect();
                return Ok(0);
            }
        }
    }
    Ok(0)
}

fn shift(shell: &mut Shell, rest: &[String]) -> Outcome {
    let count = rest.first().and_then(|text| text.parse().ok()).unwrap_or(1_usize);
    if count > shell.positional.len() {
        return Ok(1);
    }
    shell.positional.drain(..count);
    Ok(0)
}

async fn eval(shell: &mut Shell, text: &str) -> Outcome {
    match parse(text) {
        Ok(list) => shell.run_nested(&list).await,
        Err(error) => Err(shell.fail(&error.to_string()).await),
    }
}

async fn source(shell: &mut Shell, rest: &[String]) -> Outcome {
    let Some(name) = rest.first() else { return Err(shell.fail(".: a file is missing").await) };
    match std::fs::read_to_string(shell.path(name)) {
        Ok(text) => match eval(shell, &text).await {
            Err(Stop::Return(code)) => Ok(code),
            other => other,
        },
        Err(error) => Err(shell.fail(&format!(".: can't open '{name}': {}", message(&error))).await),
    }
}

/// `read [-r] [-p prompt] name…`: takes exactly one line, byte by byte, so that the next command finds the rest.
async fn read(shell: &mut Shell, rest: &[String]) -> Outcome {
    let mut names = rest;
    while let Some(option) = names.first().filter(|name| name.starts_with('-')) {
        let takes_value = option == "-p";
        if let Some(prompt) = names.get(1).filter(|_| takes_value) {
            let _ = shell.streams.get(2).write(prompt.as_bytes()).await;
        }
        names = &names[names.len().min(1 + usize::from(takes_value))..];
    }
    let mut line = Vec::new();
    let stdin = shell.stdin();
    let ended = loop {
        match stdin.read(1).await {
            Ok(byte) if byte == b"\n" => break false,
            Ok(byte) if !byte.is_empty() => line.extend(byte),
            _ => break true,
        }
    };
    let text = String::from_utf8_lossy(&line).into_owned();
    distribute(shell, text.trim(), names);
    Ok(u8::from(ended && line.is_empty()))
}

/// The first words to the first names, all the rest to the last.
fn distribute(shell: &mut Shell, text: &str, names: &[String]) {
    let separators = shell.variable("IFS").unwrap_or_else(|| " \t\n".to_owned());
    let mut rest = text;
    for (index, name) in names.iter().enumerate() {
        let end = match index + 1 < names.len() {
            true => rest.find(|letter| separators.contains(letter)).unwrap_or(rest.len()),
            false => rest.len(),
        };
        shell.set_variable(name, rest[..end].to_owned());
        let skip = rest[end..].chars().next().map_or(0, char::len_utf8);
        rest = rest[end + skip..].trim_start_matches([' ', '\t']);
    }
    if names.is_empty() {
        shell.set_variable("REPLY", text.to_owned());
    }
}

/// There is one program here, so the shell stays; it ends with what it ran instead.
async fn exec(shell: &mut Shell, rest: &[String]) -> Outcome {
    match rest {
        [] => Ok(0),
        _ => Err(Stop::Exit(shell.run_program(rest).await?)),
    }
}

async fn wait(shell: &mut Shell, rest: &[String]) -> Outcome {
    let wanted: Vec<u32> = rest.iter().filter_map(|number| number.parse().ok()).collect();
    let jobs = shell.jobs.borrow().clone();
    let mut status = 0;
    for job in jobs.iter().filter(|job| wanted.is_empty() || wanted.contains(&job.number)) {
        shell.reactor.until(|| job.status.get().is_some()).await;
        status = job.status.get().unwrap_or_default();
    }
    Ok(if wanted.is_empty() { 0 } else { status })
}

async fn trap(shell: &mut Shell, rest: &[String]) -> Outcome {
    let (action, signals) = match rest {
        [action, signals @ ..] if !signals.is_empty() => (action, signals),
        _ => return Ok(0),
    };
    let action = (action != "-" && !action.is_empty()).then(|| action.clone());
    for signal in signals {
        match signal.as_str() {
            "EXIT" | "0" => shell.exit_trap.clone_from(&action),
            other => {
                let reason = "has no effect: a WebAssembly container receives no signals";
                shell.complain(&format!("sh: trap: {other} {reason}")).await;
            }
        }
    }
    Ok(0)
}

/// `command name…`, `command -v name`, `type name`.
async fn command(shell: &mut Shell, arguments: &[String]) -> Outcome {
    let asks = arguments[0] == "type" || arguments.get(1).is_some_and(|option| option == "-v");
    let names = &arguments[arguments.len().min(if asks && arguments[0] == "command" { 2 } else { 1 })..];
    if !asks {
        return match names.is_empty() {
            true => Ok(0),
            false => match run_without_functions(shell, names).await {
                Some(outcome) => outcome,
                None => shell.run_program(names).await,
            },
        };
    }
    let mut status = 0;
    for name in names {
        let is_inner = NAMES.contains(&name.as_str()) || shell.functions.contains_key(name);
        match (is_inner, applets::find(name, shell.further)) {
            (true, _) => drop(print(shell, &format!("{name}\n")).await?),
            (false, Some(applet)) => drop(print(shell, &format!("/bin/{}\n", applet.name)).await?),
            (false, None) => status = 127,
        }
    }
    Ok(status)
}

fn run_without_functions<'a>(
    shell: &'a mut Shell,
    arguments: &'a [String],
) -> crate::reactor::Task<'a, Option<Outcome>> {
    Box::pin(run(shell, arguments))
}

async fn print(shell: &Shell, text: &str) -> Outcome {
    match shell.print(text).await {
        Ok(()) => Ok(0),
        Err(_) => Err(Stop::Exit(super::execute::BROKEN_PIPE)),
    }
}
