//! What `fields.txt` lists, ready to be looked up.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldSchema {
    /// Its name in JSON; `None` where its fields belong to the outer message.
    pub(super) name: Option<&'static str>,
    /// How often it may be there.
    pub(super) shape: Shape,
    /// What one of it is.
    pub(super) type_: &'static str,
    /// Whether it is written though it is zero.
    pub(super) keeps_zero: bool,
}

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Once.
    One,
    /// Any number of times, in order.
    List,
    /// Once a key.
    Map,
}

/// The fields of a message by their numbers.
pub(super) type Fields = BTreeMap<u64, FieldSchema>;

/// The listed facts; they never change.
static MESSAGES: LazyLock<BTreeMap<&'static str, Fields>> =
    LazyLock::new(|| parse(include_str!("fields.txt")));

/// The fields of a message, by its name.
pub(super) fn fields(message: &str) -> Option<&'static Fields> {
    MESSAGES.get(message)
}

/// The message of a kind: `core.v1.Pod`, `coordination.v1.Lease`.
pub(super) fn message_of(api_version: &str, kind: &str) -> String {
    match (api_version, kind) {
        (_, "DeleteOptions") => "meta.v1.DeleteOptions".into(),
        ("v1", _) => format!("core.v1.{kind}"),
        _ => {
            let (group, version) = api_version.split_once('/').unwrap_or_default();
            let short = group.split('.').next().unwrap_or_default();
            format!("{short}.{version}.{kind}")
        }
    }
}

fn parse(text: &'static str) -> BTreeMap<&'static str, Fields> {
    let mut messages: BTreeMap<&str, Fields> = BTreeMap::new();
    let mut message = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            None => {
                message = line;
                messages.entry(message).or_default();
            }
            Some(line) => {
                if let Some((number, field)) = field(line) {
                    messages.entry(message).or_default().insert(number, field);
                }
            }
        }
    }
    messages
}

fn field(line: &'static str) -> Option<(u64, FieldSchema)> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let name = Some(words.next()?).filter(|name| *name != "-");
    let (shape, type_) = shape(words.next()?);
    Some((number, FieldSchema { name, shape, type_, keeps_zero: words.next() == Some("!") }))
}

fn shape(written: &'static str) -> (Shape, &'static str) {
    if let Some(type_) = written.strip_prefix("[]") {
        (Shape::List, type_)
    } else if let Some(type_) = written.strip_prefix("{}") {
        (Shape::Map, type_)
    } else {
        (Shape::One, written)
    }
}
