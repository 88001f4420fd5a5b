//! What can be written at a place of the text: the fields of the schema's type there.
//!
//! A text that is being typed is seldom good YAML, so the place is found by indentation alone.

use shared::api::schema::{Field, Kind, Scalar, Schema, Shape, Type};

use super::kinds;

/// Something that can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What is shown.
    pub label: String,
    /// Its type, as Go writes it, and whether it is required.
    pub detail: String,
    /// What is written.
    pub insert: String,
    /// Where its documentation is: type and property in the OpenAPI document, if it is a field.
    pub property: Option<(String, String)>,
}

/// The suggestions for a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The API version of the document around the place, for its OpenAPI document.
    pub api_version: String,
    /// How many characters before the place are replaced.
    pub length: usize,
    /// What can be written.
    pub suggestions: Vec<Suggestion>,
}

/// One step from the document to the place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item,
}

/// A line as far as indentation tells.
struct Line<'a> {
    /// The columns of the dashes that begin list items.
    dashes: Vec<usize>,
    /// Where what follows them begins.
    column: usize,
    /// The key before a colon.
    key: Option<&'a str>,
    /// What follows the key and its colon.
    value: &'a str,
}

impl<'a> Line<'a> {
    fn of(text: &'a str) -> Line<'a> {
        let mut dashes = Vec::new();
        let mut column = text.len() - text.trim_start().len();
        while text[column..].starts_with("- ") || &text[column..] == "-" {
            dashes.push(column);
            let rest = &text[column + 1..];
            column += 1 + rest.len() - rest.trim_start().len();
        }
        let rest = &text[column..];
        let colon = rest.find(':').filter(|at| rest[at + 1..].is_empty() || rest[at + 1..].starts_with(' '));
        let key = colon.map(|at| rest[..at].trim_matches('"'));
        Line { dashes, column, key, value: colon.map_or(rest, |at| rest[at + 1..].trim_start()) }
    }

    fn is_blank(&self) -> bool {
        self.key.is_none() && (self.value.is_empty() && self.dashes.is_empty() || self.value.starts_with('#'))
    }
}

/// What can be written at an offset in UTF-16 code units.
pub fn complete(text: &str, utf16_offset: usize) -> Completion {
    let offset = byte_offset(text, utf16_offset);
    let start = text[..offset].rfind("\n---").map_or(0, |at| at + 4);
    let end = text[offset..].find("\n---").map_or(text.len(), |at| offset + at);
    let (before, document) = (&text[start..offset], &text[start..end]);
    let api_version = top_level(document, "apiVersion");
    let kind = top_level(document, "kind");
    let mut above: Vec<&str> = before.split('\n').collect();
    let current = Line::of(above.pop().unwrap_or_default());
    let (path, siblings) = path_to(&current, &above);
    let ty = Schema::for_kind(&api_version, &kind);
    let suggestions = match current.key {
        Some(key) => values(ty, &path, key),
        None => fields(ty, &path, &siblings),
    };
    Completion { api_version, length: current.value.chars().count(), suggestions }
}

fn byte_offset(text: &str, utf16_offset: usize) -> usize {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units >= utf16_offset {
            return at;
        }
        units += character.len_utf16();
    }
    text.len()
}

fn top_level(document: &str, key: &str) -> String {
    let line = document.lines().map(Line::of).find(|line| line.column == 0 && line.key == Some(key));
    line.map(|line| line.value.trim_matches('"').trim_end().to_owned()).unwrap_or_default()
}

/// The way from the document to the mapping that the current line is in, and the keys that stand
/// there already.
fn path_to(current: &Line, above: &[&str]) -> (Vec<Step>, Vec<String>) {
    let mut walk = Walk { column: current.column, in_list: false, path: Vec::new() };
    let mut siblings = Vec::new();
    walk.leave_items(current);
    for line in above.iter().rev().map(|line| Line::of(line)).filter(|line| !line.is_blank()) {
        if walk.path.is_empty() && line.column == current.column {
            siblings.extend(line.key.map(str::to_owned));
        }
        walk.pass(&line);
    }
    walk.path.reverse();
    (walk.path, siblings)
}

/// Goes up the lines and notes every parent.
struct Walk {
    /// Parents begin left of this.
    column: usize,
    /// Whether that is a dash's: its parent may begin in the same column.
    in_list: bool,
    path: Vec<Step>,
}

impl Walk {
    fn pass(&mut self, line: &Line) {
        let is_parent =
            line.column < self.column || self.in_list && line.dashes.is_empty() && line.column == self.column;
        match line.key {
            Some(key) if is_parent => {
                self.path.push(Step::Field(key.to_owned()));
                (self.column, self.in_list) = (line.column, false);
                self.leave_items(line);
            }
            Some(_) if line.column == self.column => self.leave_items(line),
            None if line.dashes.first().is_some_and(|dash| *dash < self.column) => self.leave_items(line),
            _ => {}
        }
    }

    fn leave_items(&mut self, line: &Line) {
        for dash in line.dashes.iter().rev() {
            if *dash < self.column {
                self.path.push(Step::Item);
                (self.column, self.in_list) = (*dash, true);
            }
        }
    }
}

/// The shape at the end of a path.
fn shape_at(ty: &'static Type, path: &[Step]) -> Option<&'static Shape> {
    let mut steps = path.iter();
    let Some(Step::Field(first)) = steps.next() else { return None };
    let mut shape = &ty.field(first)?.shape;
    for step in steps {
        shape = match (step, &shape.kind) {
            (Step::Field(name), Kind::Object(inner)) => &inner.get().field(name)?.shape,
            (Step::Field(_), Kind::Map(element)) | (Step::Item, Kind::List(element)) => element,
            _ => return None,
        };
    }
    Some(shape)
}

fn type_at(ty: &'static Type, path: &[Step]) -> Option<&'static Type> {
    if path.is_empty() { Some(ty) } else { shape_at(ty, path)?.object() }
}

fn fields(ty: Option<&'static Type>, path: &[Step], siblings: &[String]) -> Vec<Suggestion> {
    let Some(ty) = ty else { return if path.is_empty() { head(siblings) } else { Vec::new() } };
    let Some(ty) = type_at(ty, path) else { return Vec::new() };
    let is_new =
        |field: &&Field| !siblings.iter().any(|sibling| sibling == field.name) && field.name != "status";
    let mut fields: Vec<_> = ty.fields().filter(is_new).collect();
    fields.sort_by_key(|field| !field.required);
    fields.into_iter().map(|field| suggestion(ty, field)).collect()
}

fn suggestion(ty: &Type, field: &Field) -> Suggestion {
    let is_scalar = matches!(field.shape.kind, Kind::Scalar(_));
    let required = if field.required { ", required" } else { "" };
    Suggestion {
        label: field.name.to_owned(),
        detail: format!("{}{required}", field.shape.go_type().replace("v1.", "")),
        insert: format!("{}:{}", field.name, if is_scalar { " " } else { "" }),
        property: Some((ty.openapi_name(), field.name.to_owned())),
    }
}

/// What every document begins with.
fn head(siblings: &[String]) -> Vec<Suggestion> {
    let keys = ["apiVersion", "kind", "metadata", "spec"].into_iter();
    keys.filter(|key| !siblings.iter().any(|sibling| sibling == key))
        .map(|key| word(key, &format!("{key}: ")))
        .collect()
}

fn word(label: &str, insert: &str) -> Suggestion {
    Suggestion { label: label.to_owned(), detail: String::new(), insert: insert.to_owned(), property: None }
}

/// The values a field can have, where they are few.
fn values(ty: Option<&'static Type>, path: &[Step], key: &str) -> Vec<Suggestion> {
    let same = |values: &[&str]| values.iter().map(|value| word(value, value)).collect();
    match (path.is_empty(), key) {
        (true, "kind") => return kinds::names().map(|name| word(name, name)).collect(),
        (true, "apiVersion") => return same(&["v1"]),
        _ => {}
    }
    let field = ty.and_then(|ty| type_at(ty, path)).and_then(|ty| ty.field(key));
    let Some(shape) = field.map(|field| &field.shape) else { return Vec::new() };
    match (shape.enum_values(), &shape.kind) {
        (Some(values), _) => same(values),
        (None, Kind::Scalar(Scalar::Bool)) => same(&["true", "false"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labels suggested where `|` stands, and the length they replace.
    fn labels(text: &str) -> (Vec<String>, usize) {
        let at = text.find('|').unwrap();
        let offset = text[..at].encode_utf16().count();
        let completion = complete(&text.replace('|', ""), offset);
        (completion.suggestions.into_iter().map(|suggestion| suggestion.label).collect(), completion.length)
    }

    fn pod(rest: &str) -> String {
        format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: 파드\nspec:\n{rest}")
    }

    #[test]
    fn fields_should_be_those_of_the_type_at_the_place() {
        let table = [
            (pod("  rest|"), "restartPolicy", 4),
            (pod("  containers:\n  - name: a\n    ima|"), "imagePullPolicy", 3),
            (pod("  containers:\n  - |"), "image", 0),
            (
                pod(
                    "  containers:\n    - name: a\n      ports:\n        - containerPort: 80\n          prot|",
                ),
                "protocol",
                4,
            ),
            (pod("  containers:\n  - name: a\n  volumes:\n  - name: v\n    empty|"), "emptyDir", 5),
            (pod("  containers:\n  - name: a\n    resources:\n      |"), "limits", 0),
            (pod("  containers:\n  - name: a\n  # a comment\n\n  |"), "nodeSelector", 0),
            ("a: b\n---\napiVersion: v1\nkind: ConfigMap\nda|".to_owned(), "data", 2),
            ("|".to_owned(), "apiVersion", 0),
        ];
        for (text, expected, length) in table {
            let (found, replaced) = labels(&text);
            assert!(found.iter().any(|label| label == expected), "{text}\n{found:?}");
            assert_eq!(replaced, length, "{text}");
        }
    }

    #[test]
    fn fields_that_stand_there_already_should_not_be_offered() {
        let (found, _) = labels(&pod("  containers:\n  - name: a\n    image: b\n    |"));
        assert!(!found.contains(&"name".to_owned()) && found.contains(&"command".to_owned()));
    }

    #[test]
    fn values_should_be_offered_where_they_are_few() {
        let table = [
            (pod("  restartPolicy: |"), vec!["Always", "Never", "OnFailure"]),
            (pod("  hostNetwork: t|"), vec!["true", "false"]),
            (pod("  containers:\n  - image: |"), vec![]),
        ];
        for (text, expected) in table {
            let (mut found, _) = labels(&text);
            if expected.len() > 2 {
                found.sort();
            }
            assert_eq!(found, expected, "{text}");
        }
    }
}
