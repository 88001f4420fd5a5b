//! Schemas and the values in them.

use prost::Message;

/// `Any`: a value as YAML text.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// The text.
    #[prost(string, tag = "2")]
    pub yaml: String,
}

/// `NamedAny`: an extension.
#[derive(Clone, PartialEq, Message)]
pub struct NamedAny {
    /// `x-kubernetes-…`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Any>,
}

/// `Definitions` and `Properties`, which are alike.
#[derive(Clone, PartialEq, Message)]
pub struct NamedSchemas {
    /// Schemas in the order of their names.
    #[prost(message, repeated, tag = "1")]
    pub additional_properties: Vec<NamedSchema>,
}

/// `NamedSchema`.
#[derive(Clone, PartialEq, Message)]
pub struct NamedSchema {
    /// The name of a definition or property.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its schema.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Schema>,
}

/// `Schema`.
#[derive(Clone, PartialEq, Message)]
pub struct Schema {
    /// `$ref`.
    #[prost(string, tag = "1")]
    pub reference: String,
    /// `int32`, `date-time` and the like.
    #[prost(string, tag = "2")]
    pub format: String,
    /// What it is.
    #[prost(string, tag = "4")]
    pub description: String,
    /// The names of the properties that must be there.
    #[prost(string, repeated, tag = "19")]
    pub required: Vec<String>,
    /// The only values that may be.
    #[prost(message, repeated, tag = "20")]
    pub r#enum: Vec<Any>,
    /// The values of a map.
    #[prost(message, optional, boxed, tag = "21")]
    pub additional_properties: Option<Box<AdditionalPropertiesItem>>,
    /// The JSON type.
    #[prost(message, optional, tag = "22")]
    pub r#type: Option<TypeItem>,
    /// The elements of a list.
    #[prost(message, optional, tag = "23")]
    pub items: Option<ItemsItem>,
    /// The fields of a structure.
    #[prost(message, optional, tag = "25")]
    pub properties: Option<NamedSchemas>,
    /// The extensions.
    #[prost(message, repeated, tag = "31")]
    pub vendor_extension: Vec<NamedAny>,
}

/// `AdditionalPropertiesItem`, of whose cases one is used.
#[derive(Clone, PartialEq, Message)]
pub struct AdditionalPropertiesItem {
    /// The schema of the values.
    #[prost(message, optional, boxed, tag = "1")]
    pub schema: Option<Box<Schema>>,
}

/// `TypeItem`.
#[derive(Clone, PartialEq, Message)]
pub struct TypeItem {
    /// One JSON type.
    #[prost(string, repeated, tag = "1")]
    pub value: Vec<String>,
}

/// `ItemsItem`.
#[derive(Clone, PartialEq, Message)]
pub struct ItemsItem {
    /// The schema of the elements.
    #[prost(message, repeated, tag = "1")]
    pub schema: Vec<Schema>,
}
