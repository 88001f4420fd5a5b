//! The swagger document as the protobuf that kubectl asks for: the part of gnostic's `openapi.v2`
//! that a Kubernetes API uses.
//!
//! Field numbers are those of `openapiv2/OpenAPIv2.proto` of <https://github.com/google/gnostic-models>.
//! Vendor extensions and enum values travel as YAML text, of which JSON text is a kind.

use prost::Message;
use serde_json::Value;

mod from_json;
mod operation;
mod schema;

pub use operation::*;
pub use schema::*;

/// `Document`: the whole.
#[derive(Clone, PartialEq, Message)]
pub struct Document {
    /// The version of swagger, `2.0`.
    #[prost(string, tag = "1")]
    pub swagger: String,
    /// Title and version.
    #[prost(message, optional, tag = "2")]
    pub info: Option<Info>,
    /// Paths by name.
    #[prost(message, optional, tag = "8")]
    pub paths: Option<Paths>,
    /// Schemas by name.
    #[prost(message, optional, tag = "9")]
    pub definitions: Option<NamedSchemas>,
    /// What a client must show.
    #[prost(message, repeated, tag = "12")]
    pub security: Vec<SecurityRequirement>,
    /// How it is shown.
    #[prost(message, optional, tag = "13")]
    pub security_definitions: Option<SecurityDefinitions>,
}

/// `Info`.
#[derive(Clone, PartialEq, Message)]
pub struct Info {
    /// The API's name.
    #[prost(string, tag = "1")]
    pub title: String,
    /// The server's version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// `SecurityRequirement`.
#[derive(Clone, PartialEq, Message)]
pub struct SecurityRequirement {
    /// The names of security definitions.
    #[prost(message, repeated, tag = "1")]
    pub additional_properties: Vec<NamedStringArray>,
}

/// `NamedStringArray`; Kubernetes' are empty.
#[derive(Clone, PartialEq, Message)]
pub struct NamedStringArray {
    /// The name of a security definition.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The scopes.
    #[prost(message, optional, tag = "2")]
    pub value: Option<StringArray>,
}

/// `StringArray`.
#[derive(Clone, PartialEq, Message)]
pub struct StringArray {
    /// The strings.
    #[prost(string, repeated, tag = "1")]
    pub value: Vec<String>,
}

/// `SecurityDefinitions`.
#[derive(Clone, PartialEq, Message)]
pub struct SecurityDefinitions {
    /// Definitions by name.
    #[prost(message, repeated, tag = "1")]
    pub additional_properties: Vec<NamedSecurityDefinitionsItem>,
}

/// `NamedSecurityDefinitionsItem`.
#[derive(Clone, PartialEq, Message)]
pub struct NamedSecurityDefinitionsItem {
    /// The definition's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The definition.
    #[prost(message, optional, tag = "2")]
    pub value: Option<SecurityDefinitionsItem>,
}

/// `SecurityDefinitionsItem`, of whose cases one is used.
#[derive(Clone, PartialEq, Message)]
pub struct SecurityDefinitionsItem {
    /// A key in a header.
    #[prost(message, optional, tag = "2")]
    pub api_key_security: Option<ApiKeySecurity>,
}

/// `ApiKeySecurity`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiKeySecurity {
    /// `apiKey`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// The header's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// `header`.
    #[prost(string, tag = "3")]
    pub r#in: String,
    /// What it is.
    #[prost(string, tag = "4")]
    pub description: String,
}

/// Encodes a swagger document; what gnostic's messages above have no field for is left out.
pub fn encode(swagger: &Value) -> Vec<u8> {
    from_json::document(swagger).encode_to_vec()
}
