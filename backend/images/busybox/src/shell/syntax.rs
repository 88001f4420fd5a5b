//! The tree of a shell program
//! ([POSIX Shell Command Language](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html)).

use std::cell::RefCell;
use std::rc::Rc;

/// Commands one after another.
pub(super) type List = Vec<Item>;

/// A chain of `&&` and `||`, and whether `&` follows it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub first: Pipeline,
    pub rest: Vec<(Connector, Pipeline)>,
    pub in_background: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connector {
    And,
    Or,
}

/// Commands joined by `|`, and whether `!` stands before them.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub is_negated: bool,
    pub commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Simple(Simple),
    Compound(Box<Compound>, Vec<Redirection>),
    Function(String, Rc<Command>),
}

/// Assignments, a command with its arguments, redirections.
#[derive(Debug, Clone, Default)]
pub(super) struct Simple {
    pub assignments: Vec<(String, Word)>,
    pub words: Vec<Word>,
    pub redirections: Vec<Redirection>,
}

impl Simple {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.assignments.is_empty() && self.redirections.is_empty()
    }
}

#[derive(Debug, Clone)]
pub(super) enum Compound {
    Group(List),
    Subshell(List),
    If { branches: Vec<(List, List)>, otherwise: Option<List> },
    Loop { until: bool, condition: List, body: List },
    For { variable: String, words: Option<Vec<Word>>, body: List },
    Case { word: Word, arms: Vec<(Vec<Word>, List)> },
}

#[derive(Debug, Clone)]
pub(super) struct Redirection {
    pub descriptor: u32,
    pub kind: RedirectionKind,
}

#[derive(Debug, Clone)]
pub(super) enum RedirectionKind {
    Read(Word),
    /// `>`, and whether a `|` overrides `set -C`.
    Write(Word, bool),
    /// `<>`
    Both(Word),
    Append(Word),
    /// `>&2`, `<&0`, `>&-`.
    Duplicate(Word),
    /// Filled in once the lines after the command are read.
    HereDocument(Rc<RefCell<Word>>),
}

/// What becomes none, one or many arguments.
#[derive(Debug, Clone, Default)]
pub(super) struct Word(pub Vec<Part>);

#[derive(Debug, Clone)]
pub(super) enum Part {
    /// As it stands; may hold patterns.
    Literal(String),
    /// Taken literally.
    Quoted(String),
    /// `~` at the beginning of a word.
    Home,
    Parameter {
        parameter: Parameter,
        quoted: bool,
    },
    Substitution {
        list: Rc<List>,
        quoted: bool,
    },
    Arithmetic {
        expression: Word,
        quoted: bool,
    },
}

/// `$name` or `${name…}`.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub name: String,
    pub operation: Operation,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Value,
    /// `${#name}`
    Length,
    /// `${name:-word}` and its kin: the sign, whether an empty value counts as none, the word.
    Alternative {
        sign: char,
        or_empty: bool,
        word: Word,
    },
    /// `${name#pattern}`, `${name%pattern}`, doubled for the longest match.
    Trim {
        from_end: bool,
        longest: bool,
        pattern: Word,
    },
    /// `${name/pattern/replacement}`
    Replace {
        all: bool,
        pattern: Word,
        replacement: Word,
    },
    /// `${name:offset:length}`
    Slice {
        offset: Word,
        length: Option<Word>,
    },
}
