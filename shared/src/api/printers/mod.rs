//! What `kubectl get` shows of each kind: the columns and their cells, a kind a file.
//!
//! Follows `pkg/printers/internalversion/printers.go` of kubernetes/kubernetes. The server fills the
//! wide columns always; clients leave out those whose priority is not 0.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::object::ApiObject;

pub use pod_status::PodSummary;

pub mod age;
mod config_map;
mod deployment;
mod descriptions;
mod endpoint_slice;
mod endpoints;
mod event;
mod generic;
mod ingress;
mod ingress_class;
mod lease;
mod metrics;
mod namespace;
mod network_policy;
mod node;
mod persistent_volume;
mod pod;
mod pod_status;
mod replica_set;
mod secret;
mod service;
mod service_account;
mod template;
#[cfg(test)]
mod tests;

/// A column of a table: `TableColumnDefinition` of meta.k8s.io/v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The header as upstream spells it; kubectl prints it in capitals.
    pub name: &'static str,
    /// The OpenAPI type of the cells.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The OpenAPI format; `name` marks the column with the object's name.
    pub format: &'static str,
    /// What the cells say.
    pub description: &'static str,
    /// 0 for a column that is always shown, above for one that is shown where there is room.
    pub priority: i32,
}

impl Column {
    const NAME: Column =
        Column { name: "Name", kind: "string", format: "name", description: descriptions::NAME, priority: 0 };
    const AGE: Column = Column::text("Age", descriptions::CREATION_TIMESTAMP);

    const fn text(name: &'static str, description: &'static str) -> Self {
        Column { name, kind: "string", format: "", description, priority: 0 }
    }

    const fn integer(name: &'static str, description: &'static str) -> Self {
        Column { name, kind: "integer", format: "", description, priority: 0 }
    }

    const fn wide(self) -> Self {
        Column { priority: 1, ..self }
    }
}

/// A statement about a whole row: `TableRowCondition` of meta.k8s.io/v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RowCondition {
    /// `Completed` is the only one there is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: &'static str,
}

/// How one kind is shown.
struct Printer {
    api_version: &'static str,
    kind: &'static str,
    columns: &'static [Column],
    /// The cells, one a column; nothing for an object of another kind.
    row: fn(&dyn ApiObject, Timestamp) -> Option<Vec<Value>>,
}

/// All kinds with columns of their own.
static PRINTERS: &[Printer] = &[
    pod::PRINTER,
    node::PRINTER,
    namespace::PRINTER,
    service::PRINTER,
    endpoints::PRINTER,
    endpoint_slice::PRINTER,
    config_map::PRINTER,
    secret::PRINTER,
    persistent_volume::VOLUME_PRINTER,
    persistent_volume::CLAIM_PRINTER,
    persistent_volume::CLASS_PRINTER,
    event::PRINTER,
    event::EVENTS_PRINTER,
    lease::PRINTER,
    metrics::POD_PRINTER,
    metrics::NODE_PRINTER,
    service_account::PRINTER,
    replica_set::PRINTER,
    deployment::PRINTER,
    network_policy::PRINTER,
    ingress::PRINTER,
    ingress_class::PRINTER,
];

fn printer(api_version: &str, kind: &str) -> &'static Printer {
    let found = PRINTERS.iter().find(|printer| printer.kind == kind && printer.api_version == api_version);
    found.unwrap_or(&generic::PRINTER)
}

/// The columns of a kind; Name and Created At for a kind without columns of its own, as upstream's
/// default table convertor has them.
pub fn columns(api_version: &str, kind: &str) -> &'static [Column] {
    printer(api_version, kind).columns
}

/// The object's cells, one for each of its kind's [`columns`]. Ages are counted up to `now`.
pub fn row(object: &dyn ApiObject, now: Timestamp) -> Vec<Value> {
    let printer = printer(object.api_version(), object.kind());
    (printer.row)(object, now).unwrap_or_else(|| generic::row(object))
}

/// What is said about the object's whole row; only of pods that have ended is something said.
pub fn conditions(object: &dyn ApiObject) -> &'static [RowCondition] {
    object.downcast_ref().map_or(&[], pod::conditions)
}

/// The object's name as a cell.
fn name(object: &dyn ApiObject) -> Value {
    object.metadata().name.as_deref().unwrap_or_default().into()
}

/// The object's age as a cell.
fn age_cell(object: &dyn ApiObject, now: Timestamp) -> Value {
    let created = object.metadata().creation_timestamp.as_ref();
    age::since(created.map(|time| time.0), now).into()
}

/// `text`, or `otherwise` where it is empty or absent.
fn or(text: Option<&str>, otherwise: &str) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
}

/// How many addresses or ports a cell names before it only counts.
const MAX_LISTED: usize = 3;

/// The first of them, and how many more there are.
fn first_of(listed: &[String]) -> String {
    let shown = listed.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(",");
    match listed.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

/// What is shown where there is nothing.
const NONE: &str = "<none>";
