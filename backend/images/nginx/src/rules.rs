//! What changes a request before it is answered: `return`, `rewrite`, `set`, `if`, `break`, as
//! [ngx_http_rewrite_module](https://nginx.org/en/docs/http/ngx_http_rewrite_module.html) has them.

use regex_lite::{Captures, Regex};

use crate::exchange::Exchange;
use crate::script::Script;

/// A directive of the rewrite module.
#[derive(Debug)]
pub enum Rule {
    /// A status with a text or a URL.
    Return(u16, Option<Script>),
    /// A new URI where the old one matches.
    Rewrite {
        /// What it must match.
        pattern: Regex,
        /// What stands in its place.
        replacement: Script,
        /// Whether the query is kept.
        keeps_args: bool,
        /// What is next.
        flag: Flag,
    },
    /// A variable's new value.
    Set(String, Script),
    /// Rules that hold on a condition.
    If(Condition, Vec<Rule>),
    /// No further rules.
    Break,
}

/// What follows a rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// The next rule.
    Next,
    /// The choice of a location.
    Last,
    /// The answer from this location.
    Break,
    /// An answer with this status.
    Redirect(u16),
}

/// What `if` asks.
#[derive(Debug)]
pub struct Condition {
    /// The question.
    pub test: Test,
    /// Whether `!` stands before it.
    pub negated: bool,
}

/// The questions of `if`.
#[derive(Debug)]
pub enum Test {
    /// Neither empty nor 0.
    Holds(Script),
    /// The same text.
    Equals(Script, Script),
    /// A match.
    Matches(Script, Regex),
    /// A file of this kind.
    File(FileTest, Script),
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    /// `-f`
    File,
    /// `-d`
    Folder,
    /// `-e`
    Any,
}

/// How the rules of a block ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ruled {
    /// All were run, or `break` ended them.
    Through,
    /// The URI changed: a location is chosen anew.
    Again,
    /// This is the answer.
    Answer(u16, Option<String>),
}

/// Runs the rules of a block.
pub(crate) fn run(rules: &[Rule], exchange: &mut Exchange) -> Ruled {
    let before = exchange.uri.clone();
    match run_all(rules, exchange) {
        Step::Answer(status, text) => Ruled::Answer(status, text),
        Step::Last => Ruled::Again,
        Step::Break => Ruled::Through,
        Step::Next if exchange.uri != before => Ruled::Again,
        Step::Next => Ruled::Through,
    }
}

enum Step {
    Next,
    Last,
    Break,
    Answer(u16, Option<String>),
}

fn run_all(rules: &[Rule], exchange: &mut Exchange) -> Step {
    for rule in rules {
        match run_one(rule, exchange) {
            Step::Next => {}
            other => return other,
        }
    }
    Step::Next
}

fn run_one(rule: &Rule, exchange: &mut Exchange) -> Step {
    match rule {
        Rule::Return(status, text) => Step::Answer(*status, text.as_ref().map(|text| text.value(exchange))),
        Rule::Break => Step::Break,
        Rule::Set(name, value) => {
            let value = value.value(exchange);
            exchange.own.insert(name.clone(), value);
            Step::Next
        }
        Rule::If(condition, inner) if condition.holds(exchange) => run_all(inner, exchange),
        Rule::If(..) => Step::Next,
        Rule::Rewrite { pattern, replacement, keeps_args, flag } => {
            if !exchange.matches(pattern, &exchange.uri.clone()) {
                return Step::Next;
            }
            rewrite(&replacement.value(exchange), *keeps_args, *flag, exchange)
        }
    }
}

fn rewrite(text: &str, keeps_args: bool, flag: Flag, exchange: &mut Exchange) -> Step {
    let (path, new_args) = text.split_once('?').map_or((text, None), |(path, args)| (path, Some(args)));
    let kept = Some(exchange.args.clone()).filter(|args| keeps_args && !args.is_empty());
    let args: Vec<String> = new_args.map(str::to_owned).into_iter().chain(kept).collect();
    let args = args.join("&");
    if let Flag::Redirect(status) = flag {
        let query = if args.is_empty() { String::new() } else { format!("?{args}") };
        return Step::Answer(status, Some(format!("{path}{query}")));
    }
    exchange.change_uri(path, args);
    match flag {
        Flag::Last => Step::Last,
        Flag::Break => Step::Break,
        _ => Step::Next,
    }
}

impl Condition {
    fn holds(&self, exchange: &mut Exchange) -> bool {
        let holds = match &self.test {
            Test::Holds(script) => !matches!(script.value(exchange).as_str(), "" | "0"),
            Test::Equals(one, two) => one.value(exchange) == two.value(exchange),
            Test::Matches(script, pattern) => {
                let text = script.value(exchange);
                exchange.matches(pattern, &text)
            }
            Test::File(kind, path) => {
                let found = std::fs::metadata(path.value(exchange));
                found.is_ok_and(|found| match kind {
                    FileTest::File => found.is_file(),
                    FileTest::Folder => found.is_dir(),
                    FileTest::Any => true,
                })
            }
        };
        holds != self.negated
    }
}

/// What the groups of a match caught, by number and by name.
pub(crate) fn caught(pattern: &Regex, captures: &Captures<'_>) -> (Vec<String>, Vec<(String, String)>) {
    let text = |found: Option<regex_lite::Match<'_>>| found.map_or("", |found| found.as_str()).to_owned();
    let numbered = (0..captures.len()).map(|number| text(captures.get(number))).collect();
    let names = pattern.capture_names().flatten();
    (numbered, names.map(|name| (name.to_owned(), text(captures.name(name)))).collect())
}
