//! The shape of every API object: fields, and how lists and maps are merged.
//!
//! `k8s-openapi` has the types but none of upstream's `patchStrategy`, `patchMergeKey`, `listType`,
//! `listMapKey` and `+default`; strict decoding, strategic merge patch, server-side apply and the
//! OpenAPI documents need them. They stand in `schema/table.txt`, whose header describes its format,
//! and come from the struct tags and markers of <https://github.com/kubernetes/api>.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

mod parse;
mod path;
#[cfg(test)]
mod tests;

pub use path::Place;

/// A table of types, parsed on first use and constant from then on.
pub struct Schema {
    text: &'static str,
    parsed: OnceLock<parse::Parsed>,
}

static KUBERNETES: Schema = Schema::new(include_str!("schema/table.txt"));

impl Schema {
    /// A table in the format of `schema/table.txt`.
    pub const fn new(text: &'static str) -> Schema {
        Schema { text, parsed: OnceLock::new() }
    }

    /// The table of the built-in kinds.
    pub fn kubernetes() -> &'static Schema {
        &KUBERNETES
    }

    /// The type of objects of a built-in kind, for example `("apps/v1", "Deployment")`.
    ///
    /// The types that every kind shares are there as kinds of `meta.k8s.io/v1`
    /// (`ObjectMeta`, `DeleteOptions`, `LabelSelector`, …).
    pub fn for_kind(api_version: &str, kind: &str) -> Option<&'static Type> {
        KUBERNETES.kind(api_version, kind)
    }

    /// The type that upstream's OpenAPI documents call `io.k8s.api.core.v1.PodSpec`.
    pub fn for_openapi_name(name: &str) -> Option<&'static Type> {
        let local = name
            .strip_prefix("io.k8s.api.")
            .or_else(|| name.strip_prefix("io.k8s.apimachinery.pkg.apis."))
            .filter(|local| name.starts_with("io.k8s.api.") != local.starts_with("meta."))?;
        KUBERNETES.type_named(local)
    }

    /// What stands at a path such as `spec.containers[0].ports` or `metadata.labels[app]` in objects
    /// of a built-in kind; `None` where the type has no such field.
    pub fn at(api_version: &str, kind: &str, path: &str) -> Option<Place> {
        path::walk(Schema::for_kind(api_version, kind)?, path)
    }

    /// Every kind of the table: `apiVersion`, `kind`, type.
    pub fn kinds(&'static self) -> impl Iterator<Item = (&'static str, &'static str, &'static Type)> {
        self.parsed().kinds.iter().map(|(&(api_version, kind), ty)| (api_version, kind, ty.get()))
    }

    /// Every type of the table.
    pub fn types(&'static self) -> impl Iterator<Item = &'static Type> {
        self.parsed().types.iter()
    }

    /// The type of objects of a kind of this table.
    pub fn kind(&'static self, api_version: &str, kind: &str) -> Option<&'static Type> {
        // The map's keys are 'static, and a shorter life serves for the look-up.
        let kinds: &BTreeMap<(&str, &str), TypeRef> = &self.parsed().kinds;
        kinds.get(&(api_version, kind)).map(TypeRef::get)
    }

    /// The type with this name in the table, for example `core.v1.PodSpec`.
    pub fn type_named(&'static self, name: &str) -> Option<&'static Type> {
        let parsed = self.parsed();
        parsed.index.get(name).and_then(|&index| parsed.types.get(index))
    }

    /// The closed set of values of a string type, for example `core.v1.RestartPolicy`.
    pub fn enum_values(&'static self, name: &str) -> Option<&'static [&'static str]> {
        self.parsed().enums.get(name).map(Vec::as_slice)
    }

    fn parsed(&'static self) -> &'static parse::Parsed {
        self.parsed.get_or_init(|| parse::parse(self))
    }
}

/// A structure of the API: `PodSpec`, `Container`.
#[derive(Debug)]
pub struct Type {
    /// Name in the table: group, version, name (`core.v1.PodSpec`).
    pub name: &'static str,
    /// Whether server-side apply treats the structure as one value (`+structType=atomic`).
    pub atomic: bool,
    fields: Vec<Field>,
}

impl Type {
    /// The field with this JSON name.
    pub fn field(&self, json_name: &str) -> Option<&Field> {
        self.fields.binary_search_by(|field| field.name.cmp(json_name)).ok().map(|at| &self.fields[at])
    }

    /// All fields, ordered by name.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    /// The name in upstream's OpenAPI documents: `io.k8s.api.core.v1.PodSpec`.
    pub fn openapi_name(&self) -> String {
        let prefix =
            if self.name.starts_with("meta.") { "io.k8s.apimachinery.pkg.apis." } else { "io.k8s.api." };
        format!("{prefix}{}", self.name)
    }

    /// The name without group and version: `PodSpec`.
    pub fn short_name(&self) -> &'static str {
        last_part(self.name)
    }

    /// The name as Go prints it: `v1.PodSpec`.
    pub fn go_name(&self) -> &'static str {
        go_name(self.name)
    }
}

/// A field of a [`Type`].
#[derive(Debug)]
pub struct Field {
    /// The JSON name.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// Whether the OpenAPI documents list it as required.
    pub required: bool,
    /// `x-kubernetes-patch-strategy`: `merge`, `retainKeys`, `replace` or two of them.
    pub patch_strategy: Vec<&'static str>,
    /// `x-kubernetes-patch-merge-key`.
    pub patch_merge_key: Option<&'static str>,
    /// How server-side apply merges it: a list's `listType`, a map's `mapType`, a structure's `structType`.
    pub merge_type: Option<MergeType>,
    /// `x-kubernetes-list-map-keys`, empty unless the list is [`MergeType::Map`].
    pub list_map_keys: Vec<&'static str>,
    /// The schema's default as JSON text.
    pub default_json: Option<&'static str>,
}

impl Field {
    /// `x-kubernetes-list-type`, where the field is a list.
    pub fn list_type(&self) -> Option<MergeType> {
        self.merge_type.filter(|_| matches!(self.shape.kind, Kind::List(_)))
    }

    /// The schema's default (`+default`), for example `"TCP"` for a port's protocol.
    pub fn default(&self) -> Option<Value> {
        self.default_json.and_then(|text| serde_json::from_str(text).ok())
    }

    /// Whether strategic merge patch clears the keys that `$retainKeys` does not name.
    pub fn retains_keys(&self) -> bool {
        self.patch_strategy.contains(&"retainKeys")
    }

    /// The strategy beside `retainKeys`: `merge`, `replace`, or empty.
    pub fn strategy(&self) -> &'static str {
        self.patch_strategy.iter().copied().find(|&name| name != "retainKeys").unwrap_or_default()
    }

    /// The `x-kubernetes-*` extensions of this property in the OpenAPI documents.
    pub fn openapi_extensions(&self) -> Map<String, Value> {
        let mut extensions = Map::new();
        if let Some(merge_type) = self.merge_type {
            let list = matches!(self.shape.kind, Kind::List(_));
            let name = if list { "x-kubernetes-list-type" } else { "x-kubernetes-map-type" };
            extensions.insert(name.to_owned(), json!(merge_type.as_str()));
        }
        if !self.list_map_keys.is_empty() {
            extensions.insert("x-kubernetes-list-map-keys".to_owned(), json!(self.list_map_keys));
        }
        if let Some(key) = self.patch_merge_key {
            extensions.insert("x-kubernetes-patch-merge-key".to_owned(), json!(key));
        }
        if !self.patch_strategy.is_empty() {
            extensions.insert("x-kubernetes-patch-strategy".to_owned(), json!(self.patch_strategy.join(",")));
        }
        extensions
    }
}

/// How server-side apply merges a list, map or structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeType {
    /// As one value.
    Atomic,
    /// By value, each at most once.
    Set,
    /// By the keys of [`Field::list_map_keys`].
    Map,
    /// Key by key, as maps and structures are by default.
    Granular,
}

impl MergeType {
    /// The word of upstream's markers.
    pub fn as_str(self) -> &'static str {
        match self {
            MergeType::Atomic => "atomic",
            MergeType::Set => "set",
            MergeType::Map => "map",
            MergeType::Granular => "granular",
        }
    }
}

/// What a value is, and its name in Go where the schema gives it one.
#[derive(Debug)]
pub struct Shape {
    /// A named string, number, list or map: `core.v1.PullPolicy`, `core.v1.ResourceList`.
    pub name: Option<&'static str>,
    /// What the value is.
    pub kind: Kind,
    schema: &'static Schema,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// One value.
    Scalar(Scalar),
    /// A structure.
    Object(TypeRef),
    /// A list of elements of one shape.
    List(Box<Shape>),
    /// A map from strings to values of one shape.
    Map(Box<Shape>),
}

impl Shape {
    /// The structure, where it is one.
    pub fn object(&self) -> Option<&'static Type> {
        match &self.kind {
            Kind::Object(ty) => Some(ty.get()),
            _ => None,
        }
    }

    /// The shape of the elements of a list or of the values of a map.
    pub fn element(&self) -> Option<&Shape> {
        match &self.kind {
            Kind::List(element) | Kind::Map(element) => Some(element),
            _ => None,
        }
    }

    /// The values that are allowed, where the type is a closed set.
    pub fn enum_values(&self) -> Option<&'static [&'static str]> {
        self.name.and_then(|name| self.schema.enum_values(name))
    }

    /// The type as Go prints it in decoding errors: `[]v1.Container`, `map[string]string`, `int32`.
    pub fn go_type(&self) -> String {
        if let Some(name) = self.name {
            return go_name(name).to_owned();
        }
        match &self.kind {
            Kind::Scalar(scalar) => scalar.go_type().to_owned(),
            Kind::Object(ty) => ty.go_name().to_owned(),
            Kind::List(element) => format!("[]{}", element.go_type()),
            Kind::Map(element) => format!("map[string]{}", element.go_type()),
        }
    }
}

/// A value without parts that the schema knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A string.
    String,
    /// `true` or `false`.
    Bool,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int64,
    /// A quantity: a string, or a number.
    Quantity,
    /// An integer or a string, such as a port.
    IntOrString,
    /// A point in time, RFC 3339 to the second.
    Time,
    /// A point in time, RFC 3339 to the microsecond.
    MicroTime,
    /// A duration as Go writes it: `1m30s`.
    Duration,
    /// Bytes, in base64.
    Bytes,
    /// Any JSON value, kept as it is.
    Raw,
    /// The trie of owned fields (`FieldsV1`).
    Fields,
}

impl Scalar {
    /// The type as Go prints it.
    pub fn go_type(self) -> &'static str {
        match self {
            Scalar::String => "string",
            Scalar::Bool => "bool",
            Scalar::Int32 => "int32",
            Scalar::Int64 => "int64",
            Scalar::Quantity => "resource.Quantity",
            Scalar::IntOrString => "intstr.IntOrString",
            Scalar::Time => "v1.Time",
            Scalar::MicroTime => "v1.MicroTime",
            Scalar::Duration => "v1.Duration",
            Scalar::Bytes => "[]uint8",
            Scalar::Raw => "runtime.RawExtension",
            Scalar::Fields => "v1.FieldsV1",
        }
    }
}

/// A type named by a field; types refer to each other, some to themselves.
#[derive(Clone, Copy)]
pub struct TypeRef {
    schema: &'static Schema,
    index: usize,
}

impl TypeRef {
    /// The type.
    pub fn get(&self) -> &'static Type {
        &self.schema.parsed().types[self.index]
    }
}

impl Deref for TypeRef {
    type Target = Type;

    fn deref(&self) -> &Type {
        self.get()
    }
}

impl std::fmt::Debug for TypeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By name only: a type may contain itself.
        f.write_str(self.get().name)
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schema")
    }
}

fn last_part(name: &'static str) -> &'static str {
    name.rsplit('.').next().unwrap_or(name)
}

/// `core.v1.PodSpec` → `v1.PodSpec`: Go prints the last element of the package's path.
fn go_name(name: &'static str) -> &'static str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(name, |at| &name[at + 1..])
}
