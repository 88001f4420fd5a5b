//! Tools that print: `echo`, `printf`, `seq`, `yes`, `true`, `false`, `clear`.

use std::io;

use super::flags::{Flags, invalid_number};
use super::format::{self, pad};
use crate::shell::Shell;

pub(super) async fn yes_it_is(_: &mut Shell, _: &[String]) -> io::Result<u8> {
    Ok(0)
}

pub(super) async fn no(_: &mut Shell, _: &[String]) -> io::Result<u8> {
    Ok(1)
}

pub(super) async fn clear(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    shell.print("\x1b[H\x1b[J").await?;
    Ok(0)
}

pub(super) async fn echo(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let is_option = |argument: &&String| {
        argument.len() > 1
            && argument.starts_with('-')
            && argument[1..].chars().all(|letter| "neE".contains(letter))
    };
    let options: String = arguments[1..].iter().take_while(is_option).map(String::as_str).collect();
    let words = &arguments[1 + arguments[1..].iter().take_while(is_option).count()..];
    let mut text = words.join(" ");
    let mut ends = options.contains('n');
    if options.contains('e') {
        let (escaped, stopped) = unescape(&text, false);
        text = escaped;
        ends |= stopped;
    }
    if !ends {
        text.push('\n');
    }
    shell.print(&text).await?;
    Ok(0)
}

/// Replaces `\n`, `\t`, `\0123`, `\x41` and the like; true if `\c` ended the text.
fn unescape(text: &str, in_format: bool) -> (String, bool) {
    let mut result = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            result.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('a') => result.push('\x07'),
            Some('b') => result.push('\x08'),
            Some('e') => result.push('\x1b'),
            Some('f') => result.push('\x0c'),
            Some('v') => result.push('\x0b'),
            Some('c') => return (result, true),
            Some('x') => result.push(code(&mut letters, 0, 16, 2)),
            // `\0123` in `echo -e` and `%b`, `\123` in the format of `printf`.
            Some(digit @ '0'..='7') if in_format || digit == '0' => {
                let most = if in_format { 2 } else { 3 };
                result.push(code(&mut letters, digit.to_digit(8).unwrap_or_default(), 8, most));
            }
            Some('\\') => result.push('\\'),
            Some(other) => result.extend(['\\', other]),
            None => result.push('\\'),
        }
    }
    (result, false)
}

fn code(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    mut value: u32,
    radix: u32,
    most: usize,
) -> char {
    for _ in 0..most {
        let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(radix)) else { break };
        value = value * radix + digit;
        letters.next();
    }
    char::from_u32(value).unwrap_or('\u{fffd}')
}

pub(super) async fn printf(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let Some(format) = arguments.get(1) else { return Err(io::Error::other("a format is missing")) };
    let mut rest = &arguments[2..];
    let mut text = String::new();
    loop {
        let before = rest.len();
        let ended = format_once(format, &mut rest, &mut text)?;
        // The format is used again while it takes up arguments.
        if ended || rest.is_empty() || rest.len() == before {
            break;
        }
    }
    shell.print(&text).await?;
    Ok(0)
}

fn format_once(format: &str, rest: &mut &[String], text: &mut String) -> io::Result<bool> {
    let mut letters = format.chars().peekable();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        if letter == '%' {
            let (unescaped, ended) = unescape(&std::mem::take(&mut plain), true);
            text.push_str(&unescaped);
            if ended {
                return Ok(true);
            }
            directive(&mut letters, rest, text)?;
        } else {
            plain.push(letter);
        }
    }
    let (unescaped, ended) = unescape(&plain, true);
    text.push_str(&unescaped);
    Ok(ended)
}

fn directive(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    rest: &mut &[String],
    text: &mut String,
) -> io::Result<()> {
    let mut spec = String::new();
    while let Some(letter) = letters.next_if(|letter| "-+ 0#123456789.".contains(*letter)) {
        spec.push(letter);
    }
    let kind = letters.next().unwrap_or('%');
    if kind == '%' {
        text.push('%');
        return Ok(());
    }
    let argument = rest.split_first().map_or("", |(first, others)| {
        *rest = others;
        first.as_str()
    });
    let (width, precision) =
        spec.split_once('.').map_or((spec.as_str(), None), |(width, precision)| (width, Some(precision)));
    let precision: Option<usize> = precision.map(|digits| digits.parse().unwrap_or_default());
    let body = match kind {
        's' => argument.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        'b' => unescape(argument, false).0,
        'c' => argument.chars().take(1).collect(),
        'd' | 'i' | 'u' => integer(argument)?.to_string(),
        'x' => format!("{:x}", integer(argument)?),
        'X' => format!("{:X}", integer(argument)?),
        'o' => format!("{:o}", integer(argument)?),
        'f' | 'F' | 'g' | 'G' | 'e' | 'E' => format::real(kind, precision, real(argument)?),
        other => return Err(io::Error::other(format!("%{other}: invalid format"))),
    };
    text.push_str(&pad(&body, width, !matches!(kind, 's' | 'b' | 'c')));
    Ok(())
}

fn integer(text: &str) -> io::Result<i64> {
    let text = text.trim();
    // `'A` is the number of the letter.
    if let Some(letter) = text.strip_prefix(['\'', '"']) {
        return Ok(letter.chars().next().map_or(0, |letter| i64::from(u32::from(letter))));
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None if digits.is_empty() => return Ok(0),
        None => (digits, 10),
    };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| invalid_number(text))
}

fn real(text: &str) -> io::Result<f64> {
    if text.is_empty() { Ok(0.0) } else { text.trim().parse().map_err(|_| invalid_number(text)) }
}

pub(super) async fn seq(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    // A negative first number is no option.
    let is_number = |text: &String| text.parse::<f64>().is_ok();
    let split = 1 + arguments[1..].iter().position(is_number).unwrap_or(arguments.len() - 1);
    let flags = Flags::read(&arguments[..split], "ws:")?;
    if let Some(word) = flags.operands.first() {
        return Err(invalid_number(word));
    }
    let texts: Vec<&String> = arguments[split..].iter().collect();
    let numbers = texts.iter().map(|text| real(text)).collect::<io::Result<Vec<f64>>>()?;
    let (first, step, last) = match numbers[..] {
        [last] => (1.0, 1.0, last),
        [first, last] => (first, 1.0, last),
        [first, step, last] => (first, step, last),
        _ => return Err(io::Error::other("one to three numbers are needed")),
    };
    if step == 0.0 {
        return Err(io::Error::other("the step must not be 0"));
    }
    let decimals = |text: &&String| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let decimals = texts.iter().map(decimals).max().unwrap_or_default();
    let width = if flags.has('w') {
        format!("{first:.decimals$}").len().max(format!("{last:.decimals$}").len())
    } else {
        0
    };
    let separator = flags.value('s').unwrap_or("\n");
    let mut written = false;
    for index in 0_u64.. {
        let value = first + step * index as f64;
        if (step > 0.0 && value > last + 1e-9) || (step < 0.0 && value < last - 1e-9) {
            break;
        }
        let before = if written { separator } else { "" };
        shell.print(&format!("{before}{value:0width$.decimals$}")).await?;
        written = true;
    }
    if written {
        shell.print("\n").await?;
    }
    Ok(0)
}

pub(super) async fn yes(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let word = if arguments.len() > 1 { arguments[1..].join(" ") } else { "y".to_owned() };
    let lines = format!("{word}\n").repeat(100);
    loop {
        shell.print(&lines).await?;
        shell.reactor.rest().await;
    }
}
