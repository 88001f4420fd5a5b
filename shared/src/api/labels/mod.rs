//! Label selectors: `app=web,tier notin (a,b),!legacy`, and the `LabelSelector` of the API.
//!
//! Follows `k8s.io/apimachinery/pkg/labels/selector.go` and `metav1.LabelSelectorAsSelector`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

mod lexer;
mod parser;
pub mod syntax;
#[cfg(test)]
mod tests;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What labels must be: all requirements together, or nothing at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// `None` for the selector that selects nothing.
    requirements: Option<Vec<Requirement>>,
}

/// Why a selector is malformed; the text is upstream's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct SelectorError(pub String);

impl Selector {
    /// Selects every object.
    pub fn everything() -> Selector {
        Selector { requirements: Some(Vec::new()) }
    }

    /// Selects no object.
    pub fn nothing() -> Selector {
        Selector { requirements: None }
    }

    /// Selects what has all of these labels, for example a Service's `spec.selector`; not validated.
    pub fn from_set(labels: &Labels) -> Selector {
        let equals = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.clone()],
        };
        Selector { requirements: Some(labels.iter().map(equals).collect()) }
    }

    /// The selector of an API object: nothing where it is absent, everything where it is empty.
    ///
    /// # Errors
    /// An invalid key, value or operator.
    pub fn from_label_selector(selector: Option<&LabelSelector>) -> Result<Selector, SelectorError> {
        let Some(selector) = selector else { return Ok(Selector::nothing()) };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::new(key, Operator::Equals, vec![value.clone()])?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!("{other:?} is not a valid label selector operator")));
                }
            };
            let values = expression.values.clone().unwrap_or_default();
            requirements.push(Requirement::new(&expression.key, operator, values)?);
        }
        Ok(Selector::of(requirements))
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements
            .as_ref()
            .is_some_and(|all| all.iter().all(|requirement| requirement.matches(labels)))
    }

    /// Whether it selects every object.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether it selects no object, whatever its labels.
    pub fn is_nothing(&self) -> bool {
        self.requirements.is_none()
    }

    /// The requirements, ordered by key; none for the selectors of everything and nothing.
    pub fn requirements(&self) -> &[Requirement] {
        self.requirements.as_deref().unwrap_or_default()
    }

    pub(super) fn of(mut requirements: Vec<Requirement>) -> Selector {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Selector { requirements: Some(requirements) }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    /// Reads the form of `kubectl get -l` and of the parameter `labelSelector`.
    fn from_str(text: &str) -> Result<Selector, SelectorError> {
        parser::parse(text)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements().iter().enumerate() {
            write!(f, "{}{requirement}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

/// How a label is compared with the values of its requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is one of the values.
    In,
    /// It is none of the values, or absent.
    NotIn,
    /// It is the value (`=`).
    Equals,
    /// It is the value (`==`).
    DoubleEquals,
    /// It is not the value, or absent.
    NotEquals,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
    /// It is an integer above the value.
    GreaterThan,
    /// It is an integer below the value.
    LessThan,
}

impl Requirement {
    /// A requirement, validated.
    ///
    /// # Errors
    /// An invalid key or value, or a number of values that the operator does not take.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Requirement, SelectorError> {
        let mut errors = syntax::invalid("key", key, &syntax::label_key_errors(key)).into_iter().collect();
        check_values(operator, &values, &mut errors);
        for (at, value) in values.iter().enumerate() {
            let field = format!("values[{at}][{key}]");
            errors.extend(syntax::invalid(&field, value, &syntax::label_value_errors(value)));
        }
        match errors.len() {
            0 => Ok(Requirement { key: key.to_owned(), operator, values }),
            1 => Err(SelectorError(errors.swap_remove(0))),
            _ => Err(SelectorError(format!("[{}]", errors.join(", ")))),
        }
    }

    /// The label's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it is compared with.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether these labels fulfil it.
    pub fn matches(&self, labels: &Labels) -> bool {
        let label = labels.get(&self.key);
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                label.is_some_and(|value| self.values.contains(value))
            }
            Operator::NotIn | Operator::NotEquals => label.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compares(label, |label, bound| label > bound),
            Operator::LessThan => self.compares(label, |label, bound| label < bound),
        }
    }

    fn compares(&self, label: Option<&String>, holds: fn(i64, i64) -> bool) -> bool {
        let number = |text: &String| text.parse::<i64>().ok();
        matches!((label.and_then(number), self.values.first().and_then(number)),
            (Some(label), Some(bound)) if holds(label, bound))
    }
}

fn check_values(operator: Operator, values: &[String], errors: &mut Vec<String>) {
    let complaint = match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            "exact-match compatibility requires one single value"
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            "values set must be empty for exists and does not exist"
        }
        Operator::GreaterThan | Operator::LessThan if values.len() != 1 => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        Operator::GreaterThan | Operator::LessThan => return check_integers(values, errors),
        _ => return,
    };
    let list = if values.is_empty() { "null".to_owned() } else { serde_json::json!(values).to_string() };
    errors.push(format!("values: Invalid value: {list}: {complaint}"));
}

fn check_integers(values: &[String], errors: &mut Vec<String>) {
    for (at, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
        let complaint = "for 'Gt', 'Lt' operators, the value must be an integer";
        errors.push(format!("values[{at}]: Invalid value: {value:?}: {complaint}"));
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let mut values = self.values.clone();
        values.sort();
        let values = values.join(",");
        match self.operator {
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}
