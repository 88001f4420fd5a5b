//! Where in the schema the merge is, and what the schema says of the field it goes into.

use super::PatchError;
use crate::api::schema::{Field, Kind, Scalar, Shape, Type};

/// The type of the map that is being merged.
#[derive(Clone, Copy)]
pub(super) enum Level<'a> {
    /// A structure, whose fields are known.
    Struct(&'a Type),
    /// A value without fields, of this kind in Go.
    Other(&'static str),
}

impl<'a> Level<'a> {
    /// The field `key`, and the level of its value.
    pub(super) fn field(self, key: &str) -> Result<(Level<'a>, &'a Field), PatchError> {
        let field = self.find(key)?;
        Ok((level_of(&field.shape), field))
    }

    /// The list `key`, and the level of its elements.
    pub(super) fn list(self, key: &str) -> Result<(Level<'a>, &'a Field), PatchError> {
        let field = self.find(key)?;
        match &field.shape.kind {
            Kind::List(element) => Ok((level_of(element), field)),
            _ => Err(PatchError::Internal(format!(
                "expected slice or array type, but got: {}",
                self.go_kind()
            ))),
        }
    }

    /// What Go calls the kind of this level's type.
    pub(super) fn go_kind(self) -> &'static str {
        match self {
            Level::Struct(_) => "struct",
            Level::Other(kind) => kind,
        }
    }

    fn find(self, key: &str) -> Result<&'a Field, PatchError> {
        match self {
            Level::Struct(ty) => ty.field(key).ok_or_else(|| unknown_field(ty.short_name(), key)),
            Level::Other(kind) => Err(PatchError::Internal(format!(
                "merging an object in json but data type is not struct, instead is: {kind}"
            ))),
        }
    }
}

fn unknown_field(type_name: &str, key: &str) -> PatchError {
    PatchError::Internal(format!("unable to find api field in struct {type_name} for the json field {key:?}"))
}

fn level_of(shape: &Shape) -> Level<'_> {
    Level::Other(match &shape.kind {
        Kind::Object(ty) => return Level::Struct(ty.get()),
        Kind::Map(_) => "map",
        Kind::List(_) | Kind::Scalar(Scalar::Bytes) => "slice",
        Kind::Scalar(Scalar::Bool) => "bool",
        Kind::Scalar(Scalar::Int32) => "int32",
        Kind::Scalar(Scalar::Int64) => "int64",
        Kind::Scalar(Scalar::String) => "string",
        Kind::Scalar(_) => "struct",
    })
}
