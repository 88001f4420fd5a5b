//! The commands that change the shell itself.

use super::parser::{is_name, parse};
use super::{Shell, Stop, reading};
use crate::applets;
use crate::message;

type Outcome = Result<u8, Stop>;

/// Their names.
pub(super) const NAMES: &[&str] = &[
    ":", ".", "break", "cd", "command", "continue", "eval", "exec", "exit", "export", "getopts", "hash",
    "local", "read", "readonly", "return", "set", "shift", "source", "trap", "type", "umask", "unset",
    "wait",
];

/// Those before which an assignment stays
/// ([POSIX 2.15](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_15)).
pub(super) const SPECIAL: &[&str] = &[
    ":", ".", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift",
    "trap", "unset",
];

/// Runs a builtin; `None` if it is none.
pub(super) async fn run(shell: &mut Shell, arguments: &[String]) -> Option<Outcome> {
    let rest = &arguments[1..];
    Some(match arguments[0].as_str() {
        ":" => Ok(0),
        "cd" => change_directory(shell, rest).await,
        "exit" => code(shell, rest).await.and_then(|code| Err(Stop::Exit(code))),
        "return" => code(shell, rest).await.and_then(|code| Err(Stop::Return(code))),
        "break" => Err(Stop::Break(count(rest))),
        "continue" => Err(Stop::Continue(count(rest))),
        "export" => export(shell, rest).await,
        "local" => local(shell, rest).await,
        "readonly" => readonly(shell, rest).await,
        "unset" => unset(shell, rest).await,
        "set" => set(shell, rest).await,
        "shift" => shift(shell, rest),
        "eval" => eval(shell, &rest.join(" ")).await,
        "." | "source" => source(shell, rest).await,
        "read" => reading::read(shell, rest).await,
        "getopts" => reading::getopts(shell, rest).await,
        "hash" => Ok(0),
        "exec" => exec(shell, rest).await,
        "wait" => wait(shell, rest).await,
        "trap" => trap(shell, rest).await,
        "command" | "type" => command(shell, arguments).await,
        "umask" => umask(shell, rest).await,
        _ => return None,
    })
}

/// The argument as an exit code, else that of the last command.
async fn code(shell: &mut Shell, rest: &[String]) -> Result<u8, Stop> {
    match rest.first() {
        None => Ok(shell.last_status),
        Some(text) => match text.parse::<u32>() {
            // Codes wrap around at 256, as they do everywhere.
            Ok(code) => Ok((code % 256) as u8),
            Err(_) => Err(shell.fail(&format!("Illegal number: {text}")).await),
        },
    }
}

/// Files of a guest have no owners, so the mask is remembered and means nothing.
async fn umask(shell: &mut Shell, rest: &[String]) -> Outcome {
    match rest.first() {
        None => {
            let mask = shell.mask;
            print(shell, &format!("{mask:04o}\n")).await
        }
        Some(text) => match u32::from_str_radix(text, 8) {
            Ok(mask) if mask <= 0o777 => {
                shell.mask = mask;
                Ok(0)
            }
            _ => Err(shell.fail(&format!("Illegal mode: {text}")).await),
        },
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
            shell.set_variable("PWD", now.clone());
            if rest.first().is_some_and(|target| target == "-") {
                return print(shell, &format!("{now}\n")).await;
            }
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

/// A function's own variables: what they were before comes back when it ends.
async fn local(shell: &mut Shell, rest: &[String]) -> Outcome {
    for argument in rest {
        let name = argument.split('=').next().unwrap_or_default().to_owned();
        let before = shell.variables.get(&name).cloned();
        match shell.locals.last_mut() {
            None => return Err(shell.fail("local: not in a function").await),
            Some(locals) if locals.iter().any(|(other, _)| *other == name) => {}
            Some(locals) => locals.push((name, before)),
        }
        let name = assign(shell, argument).await?;
        shell.variables.entry(name).or_default();
    }
    Ok(0)
}

async fn readonly(shell: &mut Shell, rest: &[String]) -> Outcome {
    for argument in rest.iter().filter(|argument| *argument != "-p") {
        let name = assign(shell, argument).await?;
        shell.variables.entry(name).or_default().is_readonly = true;
    }
    Ok(0)
}

async fn unset(shell: &mut Shell, rest: &[String]) -> Outcome {
    let functions_only = rest.first().is_some_and(|option| option == "-f");
    let names =
        if functions_only || rest.first().is_some_and(|option| option == "-v") { &rest[1..] } else { rest };
    for name in names {
        if functions_only {
            shell.functions.remove(name);
        } else if shell.variables.get(name).is_some_and(|variable| variable.is_readonly) {
            return Err(shell.fail(&format!("unset: {name}: is read only")).await);
        } else if shell.variables.contains_key(name) {
            shell.unset(name);
        } else {
            shell.functions.remove(name);
        }
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
            "-" => {
                shell.switch('x', false);
                if arguments.len() > 0 {
                    shell.positional = arguments.cloned().collect();
                }
                return Ok(0);
            }
            "-o" | "+o" => {
                let name = arguments.next().map(String::as_str).unwrap_or_default();
                if !switch_by_name(shell, name, argument == "-o") {
                    return Err(shell.fail(&format!("set: illegal option -o {name}")).await);
                }
            }
            flags if flags.starts_with(['-', '+']) => {
                for letter in flags.chars().skip(1) {
                    match letter {
                        // `-euo pipefail`
                        'o' => {
                            let name = arguments.next().map(String::as_str).unwrap_or_default();
                            if !switch_by_name(shell, name, flags.starts_with('-')) {
                                return Err(shell.fail(&format!("set: illegal option -o {name}")).await);
                            }
                        }
                        _ if OPTIONS.iter().any(|(known, _)| *known == letter) => {
                            shell.switch(letter, flags.starts_with('-'));
                        }
                        other => return Err(shell.fail(&format!("set: illegal option -{other}")).await),
                    }
                }
            }
            _ => {
                shell.positional = std::iter::once(argument).chain(arguments).cloned().collect();
                return Ok(0);
            }
        }
    }
    Ok(0)
}

/// The options of `set`: letters and names.
const OPTIONS: &[(char, &str)] = &[
    ('a', "allexport"),
    ('C', "noclobber"),
    ('e', "errexit"),
    ('f', "noglob"),
    ('u', "nounset"),
    ('x', "xtrace"),
];

/// Whether there is such an option.
fn switch_by_name(shell: &mut Shell, name: &str, on: bool) -> bool {
    let known = OPTIONS.iter().find(|(_, other)| *other == name);
    match known {
        Some((letter, _)) => shell.switch(*letter, on),
        None if name == "pipefail" => shell.pipe_fails = on,
        None => return false,
    }
    true
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
        let tool = applets::find(name, shell.further).map(|applet| format!("/bin/{}", applet.name));
        let is_function = shell.functions.contains_key(name);
        let is_builtin = NAMES.contains(&name.as_str());
        let line = match (arguments[0].as_str(), tool) {
            ("type", _) if is_function => format!("{name} is a shell function\n"),
            ("type", _) if is_builtin => format!("{name} is a shell builtin\n"),
            ("type", Some(path)) => format!("{name} is {path}\n"),
            ("type", None) => {
                shell.complain(&format!("{name}: not found")).await;
                String::new()
            }
            (_, _) if is_function || is_builtin => format!("{name}\n"),
            (_, Some(path)) => format!("{path}\n"),
            (_, None) => String::new(),
        };
        if line.is_empty() {
            status = 127;
        }
        print(shell, &line).await?;
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
