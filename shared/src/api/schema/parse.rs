//! Reads `table.txt`, whose header describes the format.

use std::collections::BTreeMap;

use super::{Field, Kind, MergeType, Scalar, Schema, Shape, Type, TypeRef};

/// A table that was read.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) types: Vec<Type>,
    pub(super) index: BTreeMap<&'static str, usize>,
    pub(super) kinds: BTreeMap<(&'static str, &'static str), TypeRef>,
    pub(super) enums: BTreeMap<&'static str, Vec<&'static str>>,
    /// Lines that make no sense; a test sees to it that there are none.
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the test of the table"))]
    pub(super) defects: Vec<&'static str>,
}

/// Reads the whole table; types first, since a field may name a type of a later line.
pub(super) fn parse(schema: &'static Schema) -> Parsed {
    let mut parsed = Parsed::default();
    for line in lines(schema).filter(|line| starts_type(line)) {
        let name = line.split(' ').next().unwrap_or(line);
        parsed.index.insert(name, parsed.types.len());
        parsed.types.push(Type { name, atomic: line.ends_with(" ~atomic"), fields: Vec::new() });
    }
    let mut current = 0;
    for line in lines(schema) {
        let reader = Reader { schema, index: &parsed.index };
        if let Some(rest) = line.strip_prefix("kind ") {
            match reader.kind(rest) {
                Some((key, ty)) => _ = parsed.kinds.insert(key, ty),
                None => parsed.defects.push(line),
            }
        } else if let Some(rest) = line.strip_prefix("enum ") {
            let mut words = rest.split(' ');
            let name = words.next().unwrap_or_default();
            parsed.enums.insert(name, words.map(|word| if word == "\"\"" { "" } else { word }).collect());
        } else if let Some(rest) = line.strip_prefix(' ') {
            match parsed.types.get(current).and_then(|ty| reader.field(rest, ty.name)) {
                Some(field) => parsed.types[current].fields.push(field),
                None => parsed.defects.push(line),
            }
        } else {
            current =
                line.split(' ').next().and_then(|name| parsed.index.get(name)).copied().unwrap_or(usize::MAX);
        }
    }
    for ty in &mut parsed.types {
        ty.fields.sort_by_key(|field| field.name);
    }
    parsed
}

fn lines(schema: &'static Schema) -> impl Iterator<Item = &'static str> {
    schema.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn starts_type(line: &str) -> bool {
    !line.starts_with(' ') && !line.starts_with("kind ") && !line.starts_with("enum ")
}

struct Reader<'a> {
    schema: &'static Schema,
    index: &'a BTreeMap<&'static str, usize>,
}

impl Reader<'_> {
    fn kind(&self, rest: &'static str) -> Option<((&'static str, &'static str), TypeRef)> {
        let mut words = rest.split(' ');
        let (api_version, kind, ty) = (words.next()?, words.next()?, words.next()?);
        Some(((api_version, kind), self.type_ref(ty, "")?))
    }

    fn field(&self, line: &'static str, owner: &'static str) -> Option<Field> {
        let mut words = line.splitn(3, ' ');
        let (name, shape) = (words.next()?, words.next()?);
        let package = owner.rsplit_once('.').map_or("", |(package, _)| package);
        let mut field = Field {
            name,
            shape: self.shape(shape, package)?,
            required: false,
            patch_strategy: Vec::new(),
            patch_merge_key: None,
            merge_type: None,
            list_map_keys: Vec::new(),
            default_json: None,
        };
        for mark in words.next().unwrap_or_default().split(' ').filter(|mark| !mark.is_empty()) {
            read_mark(&mut field, mark)?;
        }
        Some(field)
    }

    fn shape(&self, text: &'static str, package: &str) -> Option<Shape> {
        if let Some(element) = text.strip_prefix("[]") {
            return Some(self.unnamed(Kind::List(Box::new(self.shape(element, package)?))));
        }
        if let Some(element) = text.strip_prefix("{}") {
            return Some(self.unnamed(Kind::Map(Box::new(self.shape(element, package)?))));
        }
        if let Some((name, rest)) = text.split_once(':') {
            return Some(Shape { name: Some(name), ..self.shape(rest, package)? });
        }
        let kind = match scalar(text) {
            Some(scalar) => Kind::Scalar(scalar),
            None => Kind::Object(self.type_ref(text, package)?),
        };
        Some(self.unnamed(kind))
    }

    fn unnamed(&self, kind: Kind) -> Shape {
        Shape { name: None, kind, schema: self.schema }
    }

    fn type_ref(&self, name: &str, package: &str) -> Option<TypeRef> {
        let local = format!("{package}.{name}");
        let index = self.index.get(name).or_else(|| self.index.get(local.as_str()))?;
        Some(TypeRef { schema: self.schema, index: *index })
    }
}

fn read_mark(field: &mut Field, mark: &'static str) -> Option<()> {
    let (first, rest) = mark.split_at_checked(1)?;
    match first {
        "!" => field.required = true,
        "=" => field.default_json = Some(rest),
        "@" => {
            let (strategies, key) =
                rest.split_once(':').map_or((rest, None), |(names, key)| (names, Some(key)));
            field.patch_strategy = strategies.split(',').filter(|name| !name.is_empty()).collect();
            field.patch_merge_key = key;
        }
        "~" => {
            let (name, keys) = rest.split_once(':').unwrap_or((rest, ""));
            field.merge_type = Some(merge_type(name)?);
            field.list_map_keys = keys.split(',').filter(|key| !key.is_empty()).collect();
        }
        _ => return None,
    }
    Some(())
}

fn merge_type(name: &str) -> Option<MergeType> {
    [MergeType::Atomic, MergeType::Set, MergeType::Map, MergeType::Granular]
        .into_iter()
        .find(|merge_type| merge_type.as_str() == name)
}

fn scalar(text: &str) -> Option<Scalar> {
    Some(match text {
        "string" => Scalar::String,
        "bool" => Scalar::Bool,
        "int32" => Scalar::Int32,
        "int64" => Scalar::Int64,
        "quantity" => Scalar::Quantity,
        "intstr" => Scalar::IntOrString,
        "time" => Scalar::Time,
        "microtime" => Scalar::MicroTime,
        "duration" => Scalar::Duration,
        "bytes" => Scalar::Bytes,
        "raw" => Scalar::Raw,
        "fields" => Scalar::Fields,
        _ => return None,
    })
}
