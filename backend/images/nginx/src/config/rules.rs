//! `return`, `rewrite`, `set`, `if` and `break`, read into [`Rule`]s.

use regex_lite::{Regex, RegexBuilder};

use super::build::Builder;
use super::{Directive, Fault};
use crate::rules::{Condition, FileTest, Flag, Rule, Test};

/// The rules of a block, in order.
pub(super) fn rules(block: &[Directive], builder: &Builder<'_>) -> Result<Vec<Rule>, Fault> {
    block.iter().filter_map(|directive| rule(directive, builder).transpose()).collect()
}

fn rule(directive: &Directive, builder: &Builder<'_>) -> Result<Option<Rule>, Fault> {
    Ok(Some(match directive.name.as_str() {
        "return" => returned(directive, builder)?,
        "rewrite" => rewrite(directive, builder)?,
        "set" => Rule::Set(
            directive.argument(0).trim_start_matches('$').to_owned(),
            builder.script(directive, directive.argument(1))?,
        ),
        "break" => Rule::Break,
        "if" => Rule::If(condition(directive, builder)?, rules(&directive.block, builder)?),
        _ => return Ok(None),
    }))
}

fn returned(directive: &Directive, builder: &Builder<'_>) -> Result<Rule, Fault> {
    let first = directive.argument(0);
    let script = |text: &str| builder.script(directive, text);
    match (first.parse::<u16>(), directive.arguments.get(1)) {
        (Ok(status), None) if status <= 999 => Ok(Rule::Return(status, None)),
        (Ok(status), Some(text)) if status <= 999 => Ok(Rule::Return(status, Some(script(text)?))),
        (Err(_), None)
            if ["http://", "https://", "$scheme"].iter().any(|scheme| first.starts_with(scheme)) =>
        {
            Ok(Rule::Return(302, Some(script(first)?)))
        }
        _ => Err(directive.fault(&format!("invalid return code \"{first}\""))),
    }
}

fn rewrite(directive: &Directive, builder: &Builder<'_>) -> Result<Rule, Fault> {
    let replacement = directive.argument(1);
    let is_url = ["http://", "https://", "$scheme"].iter().any(|scheme| replacement.starts_with(scheme));
    let flag = match directive.arguments.get(2).map(String::as_str) {
        None if is_url => Flag::Redirect(302),
        None => Flag::Next,
        Some("last") => Flag::Last,
        Some("break") => Flag::Break,
        Some("redirect") => Flag::Redirect(302),
        Some("permanent") => Flag::Redirect(301),
        Some(other) => return Err(directive.fault(&format!("invalid parameter \"{other}\""))),
    };
    let pattern = pattern(directive, directive.argument(0), false)?;
    let keeps_args = !replacement.ends_with('?');
    let replacement = builder.script(directive, replacement.trim_end_matches('?'))?;
    Ok(Rule::Rewrite { pattern, replacement, keeps_args, flag })
}

/// A regular expression in PCRE's notation, as far as it is known here.
pub(super) fn pattern(directive: &Directive, text: &str, ignores_case: bool) -> Result<Regex, Fault> {
    let pattern = RegexBuilder::new(&text.replace("(?<", "(?P<")).case_insensitive(ignores_case).build();
    pattern.map_err(|error| directive.fault(&format!("the pattern \"{text}\" is not supported: {error}")))
}

fn condition(directive: &Directive, builder: &Builder<'_>) -> Result<Condition, Fault> {
    let invalid = || directive.fault(&format!("invalid condition \"{}\"", directive.argument(0)));
    let mut words: Vec<String> = directive.arguments.clone();
    match (words.first_mut(), directive.arguments.last()) {
        (Some(first), Some(last)) if first.starts_with('(') && last.ends_with(')') => drop(first.remove(0)),
        _ => return Err(invalid()),
    }
    if let Some(last) = words.last_mut() {
        last.pop();
    }
    words.retain(|word| !word.is_empty());
    let script = |text: &str| builder.script(directive, text);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (negated, operator) = match words.as_slice() {
        [_] => (false, ""),
        [first, _] => first.strip_prefix('!').map_or((false, *first), |rest| (true, rest)),
        [_, middle, ..] => middle.strip_prefix('!').map_or((false, *middle), |rest| (true, rest)),
        [] => return Err(invalid()),
    };
    let test = match (words.as_slice(), operator) {
        ([value], _) if value.starts_with('$') => Test::Holds(script(value)?),
        ([_, file], "-f") => Test::File(FileTest::File, script(file)?),
        ([_, file], "-d") => Test::File(FileTest::Folder, script(file)?),
        ([_, file], "-e" | "-x") => Test::File(FileTest::Any, script(file)?),
        ([value, _], "=") => Test::Equals(script(value)?, script("")?),
        ([value, _, other], "=") => Test::Equals(script(value)?, script(other)?),
        ([value, _, text], "~" | "~*") => {
            Test::Matches(script(value)?, pattern(directive, text, operator == "~*")?)
        }
        _ => return Err(invalid()),
    };
    Ok(Condition { test, negated })
}
