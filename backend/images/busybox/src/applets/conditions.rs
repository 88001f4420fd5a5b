//! `test`, `[` and `expr`.

use std::io;

use super::search::pattern;
use crate::shell::Shell;
use crate::shell::arithmetic;

pub(super) async fn test(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let mut words: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
    if arguments[0].ends_with('[') && words.pop() != Some("]") {
        shell.complain("[: missing ]").await;
        return Ok(2);
    }
    let mut expression = Expression { shell, words: &words, at: 0 };
    let outcome = expression.or().and_then(|value| match expression.at == words.len() {
        true => Ok(value),
        false => Err(format!("{}: unknown operand", words[expression.at])),
    });
    match outcome {
        Ok(value) => Ok(u8::from(!value)),
        Err(message) => {
            shell.complain(&format!("sh: {message}")).await;
            Ok(2)
        }
    }
}

struct Expression<'a> {
    shell: &'a Shell,
    words: &'a [&'a str],
    at: usize,
}

const BINARY: &[&str] = &["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot"];

impl<'a> Expression<'a> {
    fn peek(&self, offset: usize) -> Option<&'a str> {
        self.words.get(self.at + offset).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek(0) == Some(word);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut value = self.and()?;
        while self.take("-o") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut value = self.not()?;
        while self.take("-a") {
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, String> {
        let is_operand = self.peek(1).is_none_or(|next| BINARY.contains(&next));
        if !is_operand && self.take("!") {
            return Ok(!self.not()?);
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<bool, String> {
        let Some(first) = self.peek(0) else { return Ok(false) };
        if let (Some(operator), Some(right)) =
            (self.peek(1).filter(|word| BINARY.contains(word)), self.peek(2))
        {
            self.at += 3;
            return self.compare(first, operator, right);
        }
        if first == "(" && self.peek(1).is_some() {
            self.at += 1;
            let value = self.or()?;
            return if self.take(")") { Ok(value) } else { Err("closing paren expected".to_owned()) };
        }
        if let (Some(letter), Some(operand)) = (unary(first), self.peek(1)) {
            self.at += 2;
            return Ok(self.check(letter, operand));
        }
        self.at += 1;
        Ok(!first.is_empty())
    }

    fn compare(&self, left: &str, operator: &str, right: &str) -> Result<bool, String> {
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("{text}: bad number"));
        let changed =
            |name: &str| self.shell.path(name).metadata().and_then(|metadata| metadata.modified()).ok();
        Ok(match operator {
            "=" | "==" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-eq" => number(left)? == number(right)?,
            "-ne" => number(left)? != number(right)?,
            "-lt" => number(left)? < number(right)?,
            "-le" => number(left)? <= number(right)?,
            "-gt" => number(left)? > number(right)?,
            "-ge" => number(left)? >= number(right)?,
            "-nt" => changed(left) > changed(right),
            _ => changed(left) < changed(right),
        })
    }

    fn check(&self, letter: char, operand: &str) -> bool {
        let metadata = || self.shell.path(operand).metadata().ok();
        match letter {
            'n' => !operand.is_empty(),
            'z' => operand.is_empty(),
            'd' => metadata().is_some_and(|metadata| metadata.is_dir()),
            'f' => metadata().is_some_and(|metadata| metadata.is_file()),
            's' => metadata().is_some_and(|metadata| metadata.len() > 0),
            'h' | 'L' => self.shell.path(operand).is_symlink(),
            't' => operand == "0" && crate::at_terminal(),
            _ => metadata().is_some(),
        }
    }
}

/// The letter of `-d` and its kin.
fn unary(word: &str) -> Option<char> {
    let letter = word.strip_prefix('-').filter(|rest| rest.len() == 1)?.chars().next()?;
    "nzdfsehLtrwx".contains(letter).then_some(letter)
}

/// Arithmetic and comparison of the arguments.
pub(super) async fn expr(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let text = match &arguments[1..] {
        [left, sign, right] if matches!(sign.as_str(), "=" | "!=") => {
            u8::from((left == right) == (sign == "=")).to_string()
        }
        [text, colon, expression] if colon == ":" => matched(text, expression)?,
        [operation, text, expression] if operation == "match" => matched(text, expression)?,
        [operation, text] if operation == "length" => text.chars().count().to_string(),
        words => {
            let value = arithmetic::evaluate(&words.join(" "), shell);
            value.map_err(|_| io::Error::other("syntax error"))?.to_string()
        }
    };
    shell.print(&format!("{text}\n")).await?;
    Ok(u8::from(matches!(text.as_str(), "0" | "")))
}

/// What the expression's group holds, or how many letters it matches at the text's beginning.
fn matched(text: &str, expression: &str) -> io::Result<String> {
    let pattern = pattern(&format!("^{}", expression.trim_start_matches('^')), false, false, false)?;
    let has_group = pattern.captures_len() > 1;
    Ok(match pattern.captures(text) {
        Some(found) if has_group => found.get(1).map_or("", |group| group.as_str()).to_owned(),
        Some(found) => found[0].chars().count().to_string(),
        None if has_group => String::new(),
        None => "0".to_owned(),
    })
}
