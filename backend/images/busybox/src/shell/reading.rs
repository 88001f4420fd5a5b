//! `read` and `getopts`: builtins that take words apart.

use super::{Shell, Stop};
use crate::message;

type Outcome = Result<u8, Stop>;

/// Options of `read`.
#[derive(Default)]
struct Options {
    raw: bool,
    /// At most so many letters.
    letters: Option<usize>,
    prompt: Option<String>,
}

/// `read [-r] [-n N] [-p prompt] name…`: takes exactly one line, byte by byte, so that the next command finds the rest.
pub(super) async fn read(shell: &mut Shell, rest: &[String]) -> Outcome {
    let (options, names) = match options(rest) {
        Ok(found) => found,
        Err(reason) => {
            shell.complain(&format!("sh: read: {reason}")).await;
            return Ok(2);
        }
    };
    if let Some(prompt) = &options.prompt {
        let _ = shell.streams.get(2).write(prompt.as_bytes()).await;
    }
    let stdin = shell.stdin();
    // Each letter, and whether a backslash makes it stand for itself.
    let mut letters: Vec<(u8, bool)> = Vec::new();
    let mut is_escaped = false;
    let ended = loop {
        let byte = match stdin.read(1).await {
            Ok(byte) => byte.first().copied(),
            Err(error) => {
                shell.complain(&format!("sh: read: {}", message(&error))).await;
                return Ok(1);
            }
        };
        match byte {
            None => break true,
            Some(b'\n') if std::mem::take(&mut is_escaped) => continue,
            Some(b'\n') => break false,
            Some(b'\\') if !options.raw && !is_escaped => is_escaped = true,
            Some(byte) => letters.push((byte, std::mem::take(&mut is_escaped))),
        }
        if options.letters.is_some_and(|most| letters.len() >= most) {
            break false;
        }
    };
    let reply = ["REPLY".to_owned()];
    distribute(shell, &letters, if names.is_empty() { &reply } else { names }).await?;
    Ok(u8::from(ended))
}

fn options(rest: &[String]) -> Result<(Options, &[String]), String> {
    let mut options = Options::default();
    let mut names = rest;
    while let Some(option) = names.first().filter(|name| name.starts_with('-') && name.len() > 1) {
        names = &names[1..];
        if option == "--" {
            break;
        }
        for (at, letter) in option.char_indices().skip(1) {
            let mut value = || {
                let inline = &option[at + 1..];
                if !inline.is_empty() {
                    return Ok(inline.to_owned());
                }
                let (first, others) = names
                    .split_first()
                    .ok_or_else(|| format!("option requires an argument -- '{letter}'"))?;
                names = others;
                Ok::<_, String>(first.clone())
            };
            match letter {
                'r' => options.raw = true,
                // What is typed is shown by the terminal, which a guest does not govern.
                's' => {}
                'p' => options.prompt = Some(value()?),
                'n' => {
                    let text = value()?;
                    options.letters = Some(text.parse().map_err(|_| format!("invalid count '{text}'"))?);
                }
                other => return Err(format!("invalid option -- '{other}'")),
            }
            if matches!(letter, 'p' | 'n') {
                break;
            }
        }
    }
    Ok((options, names))
}

/// The first fields to the first names, all the rest to the last, as POSIX splits fields.
async fn distribute(shell: &mut Shell, letters: &[(u8, bool)], names: &[String]) -> Result<(), Stop> {
    let separators = shell.field_separators();
    let is_separator = |place: Option<&(u8, bool)>| {
        place.is_some_and(|(byte, escaped)| !escaped && separators.contains(char::from(*byte)))
    };
    let is_space = |place: Option<&(u8, bool)>| {
        is_separator(place) && place.is_some_and(|(byte, _)| byte.is_ascii_whitespace())
    };
    let mut at = 0;
    let skip_spaces = |at: &mut usize| {
        while is_space(letters.get(*at)) {
            *at += 1;
        }
    };
    skip_spaces(&mut at);
    for (index, name) in names.iter().enumerate() {
        let start = at;
        let mut end = at;
        while end < letters.len() && !is_separator(letters.get(end)) {
            end += 1;
        }
        at = end;
        // The separator, with the white space around it.
        skip_spaces(&mut at);
        if is_separator(letters.get(at)) {
            at += 1;
            skip_spaces(&mut at);
        }
        if index + 1 == names.len() && at < letters.len() {
            end = letters.len();
            while end > start && is_space(letters.get(end - 1)) {
                end -= 1;
            }
        }
        let bytes: Vec<u8> = letters[start..end].iter().map(|(byte, _)| *byte).collect();
        if !shell.set_variable(name, String::from_utf8_lossy(&bytes).into_owned()) {
            return Err(shell.fail(&format!("{name}: is read only")).await);
        }
    }
    Ok(())
}

/// `getopts letters name [word…]`: the next option of the arguments. `OPTIND` counts words; within one, the shell
/// remembers the letter.
pub(super) async fn getopts(shell: &mut Shell, rest: &[String]) -> Outcome {
    let [letters, name, words @ ..] = rest else {
        shell.complain("sh: usage: getopts optstring var [arg]").await;
        return Ok(2);
    };
    let words = if words.is_empty() { shell.positional.clone() } else { words.to_vec() };
    let index = shell.variable("OPTIND").and_then(|text| text.parse::<usize>().ok()).unwrap_or(1).max(1);
    // An index that somebody set begins its word anew.
    let mut place = if shell.option_place.0 == index { shell.option_place.1 } else { 0 };
    let word: Vec<char> = words.get(index - 1).map(|word| word.chars().collect()).unwrap_or_default();
    if place == 0 {
        if word.first() != Some(&'-') || word.len() < 2 {
            shell.set_variable(name, "?".to_owned());
            return Ok(1);
        }
        if word == ['-', '-'] {
            shell.set_variable("OPTIND", (index + 1).to_string());
            shell.set_variable(name, "?".to_owned());
            return Ok(1);
        }
        place = 1;
    }
    let is_silent = letters.starts_with(':');
    let letter = word.get(place).copied().unwrap_or('?');
    let known: Vec<char> = letters.chars().collect();
    let found = known.iter().position(|other| *other == letter && letter != ':');
    let takes_value = found.is_some_and(|at| known.get(at + 1) == Some(&':'));
    let (mut next, mut next_place) = if place + 1 < word.len() { (index, place + 1) } else { (index + 1, 0) };
    let mut option = letter.to_string();
    let mut value = None;
    if found.is_none() {
        "?".clone_into(&mut option);
        match is_silent {
            true => value = Some(letter.to_string()),
            false => shell.complain(&format!("sh: illegal option -{letter}")).await,
        }
    } else if takes_value {
        let inline: String = word[place + 1..].iter().collect();
        (next, next_place) = (index + 1, 0);
        if !inline.is_empty() {
            value = Some(inline);
        } else if let Some(following) = words.get(index) {
            value = Some(following.clone());
            next += 1;
        } else if is_silent {
            ":".clone_into(&mut option);
            value = Some(letter.to_string());
        } else {
            "?".clone_into(&mut option);
            shell.complain(&format!("sh: no arg for -{letter} option")).await;
        }
    }
    shell.option_place = (next, next_place);
    shell.set_variable("OPTIND", next.to_string());
    match value {
        Some(value) => drop(shell.set_variable("OPTARG", value)),
        None => shell.unset("OPTARG"),
    }
    shell.set_variable(name, option);
    Ok(0)
}
