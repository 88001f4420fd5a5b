//! Field selectors: `status.phase=Running,spec.nodeName!=node-1`.
//!
//! Follows `k8s.io/apimachinery/pkg/fields/selector.go`; which fields a kind supports is in [`supported`].

use std::fmt;
use std::str::FromStr;

mod supported;
#[cfg(test)]
mod tests;

pub use supported::{convert_label, field_value, supported_labels};

use super::object::ApiObject;

/// What an object's fields must be, all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// What one field must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRequirement {
    /// The field, for example `metadata.name`.
    pub field: String,
    /// Whether the field must be the value, or must not.
    pub equal: bool,
    /// The value.
    pub value: String,
}

/// Why a field selector is refused; the text is upstream's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct FieldSelectorError(pub String);

impl FieldSelector {
    /// Selects every object.
    pub fn everything() -> FieldSelector {
        FieldSelector::default()
    }

    /// Selects the object with this name.
    pub fn name(name: &str) -> FieldSelector {
        let field = "metadata.name".to_owned();
        FieldSelector { requirements: vec![FieldRequirement { field, equal: true, value: name.to_owned() }] }
    }

    /// Whether it selects every object.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The requirements, in the order of their text.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// The value that the field must have, where the selector names one: for look-ups by index.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        self.requirements.iter().find(|it| it.equal && it.field == field).map(|it| it.value.as_str())
    }

    /// Whether an object with these fields is selected; a field it lacks counts as empty.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|it| (value_of(&it.field).unwrap_or_default() == it.value) == it.equal)
    }

    /// Whether the object is selected.
    pub fn matches_object(&self, object: &dyn ApiObject) -> bool {
        self.requirements
            .iter()
            .all(|it| (field_value(object, &it.field).unwrap_or_default() == it.value.as_str()) == it.equal)
    }

    /// The selector in the names of the kind's fields.
    ///
    /// # Errors
    /// The kind does not support a field: upstream answers 400 with the text.
    pub fn for_kind(self, api_version: &str, kind: &str) -> Result<FieldSelector, FieldSelectorError> {
        let convert = |it: FieldRequirement| {
            let field = convert_label(api_version, kind, &it.field)?;
            Ok(FieldRequirement { field: field.to_owned(), ..it })
        };
        let requirements = self.requirements.into_iter().map(convert).collect::<Result<_, _>>()?;
        Ok(FieldSelector { requirements })
    }
}

impl FromStr for FieldSelector {
    type Err = FieldSelectorError;

    /// Reads the form of the parameter `fieldSelector`.
    fn from_str(text: &str) -> Result<FieldSelector, FieldSelectorError> {
        let mut terms = terms(text);
        terms.sort_unstable();
        let requirements = terms.into_iter().filter(|term| !term.is_empty()).map(|term| {
            let Some((field, equal, value)) = split(term) else {
                let message = format!("invalid selector: '{text}'; can't understand '{term}'");
                return Err(FieldSelectorError(message));
            };
            Ok(FieldRequirement { field: field.to_owned(), equal, value: unescape(value)? })
        });
        Ok(FieldSelector { requirements: requirements.collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, it) in self.requirements.iter().enumerate() {
            let operator = if it.equal { "=" } else { "!=" };
            write!(f, "{}{}{operator}{}", if at > 0 { "," } else { "" }, it.field, escape(&it.value))?;
        }
        Ok(())
    }
}

/// The terms between commas that no backslash precedes.
fn terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(move |c| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
    .collect()
}

fn split(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.char_indices().find(|&(at, _)| ["!=", "="].iter().any(|op| term[at..].starts_with(op)))?.0;
    let (field, rest) = term.split_at(at);
    let found = [("!=", false), ("==", true), ("=", true)];
    found.iter().find_map(|(operator, equal)| Some((field, *equal, rest.strip_prefix(operator)?)))
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

fn unescape(value: &str) -> Result<String, FieldSelectorError> {
    let bad_escape = |sequence: &str| {
        FieldSelectorError(format!("invalid field selector: invalid escape sequence: {sequence}"))
    };
    let mut result = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(special @ ('\\' | ',' | '=')) => result.push(special),
                Some(other) => return Err(bad_escape(&format!("\\{other}"))),
                None => return Err(bad_escape("\\")),
            },
            ',' | '=' => {
                // Upstream prints the rune's number.
                let number = u32::from(character);
                let message = format!("invalid field selector: unescaped character in value: {number}");
                return Err(FieldSelectorError(message));
            }
            other => result.push(other),
        }
    }
    Ok(result)
}
