//! Paths, operations, parameters and responses.

use prost::Message;

use super::schema::{NamedAny, Schema};

/// `Paths`.
#[derive(Clone, PartialEq, Message)]
pub struct Paths {
    /// Paths in the order of their names.
    #[prost(message, repeated, tag = "2")]
    pub path: Vec<NamedPathItem>,
}

/// `NamedPathItem`.
#[derive(Clone, PartialEq, Message)]
pub struct NamedPathItem {
    /// The path.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What can be done there.
    #[prost(message, optional, tag = "2")]
    pub value: Option<PathItem>,
}

/// `PathItem`.
#[derive(Clone, PartialEq, Message)]
pub struct PathItem {
    /// GET.
    #[prost(message, optional, tag = "2")]
    pub get: Option<Operation>,
    /// PUT.
    #[prost(message, optional, tag = "3")]
    pub put: Option<Operation>,
    /// POST.
    #[prost(message, optional, tag = "4")]
    pub post: Option<Operation>,
    /// DELETE.
    #[prost(message, optional, tag = "5")]
    pub delete: Option<Operation>,
    /// PATCH.
    #[prost(message, optional, tag = "8")]
    pub patch: Option<Operation>,
    /// The parameters in the path.
    #[prost(message, repeated, tag = "9")]
    pub parameters: Vec<ParametersItem>,
}

/// `Operation`.
#[derive(Clone, PartialEq, Message)]
pub struct Operation {
    /// Group and version.
    #[prost(string, repeated, tag = "1")]
    pub tags: Vec<String>,
    /// What it does.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Its name.
    #[prost(string, tag = "5")]
    pub operation_id: String,
    /// Media types of the answer.
    #[prost(string, repeated, tag = "6")]
    pub produces: Vec<String>,
    /// Media types of the request.
    #[prost(string, repeated, tag = "7")]
    pub consumes: Vec<String>,
    /// Parameters of query and body.
    #[prost(message, repeated, tag = "8")]
    pub parameters: Vec<ParametersItem>,
    /// Answers by code.
    #[prost(message, optional, tag = "9")]
    pub responses: Option<Responses>,
    /// `https`.
    #[prost(string, repeated, tag = "10")]
    pub schemes: Vec<String>,
    /// The extensions.
    #[prost(message, repeated, tag = "13")]
    pub vendor_extension: Vec<NamedAny>,
}

/// `ParametersItem`, of whose cases one is used.
#[derive(Clone, PartialEq, Message)]
pub struct ParametersItem {
    /// The parameter itself.
    #[prost(message, optional, tag = "1")]
    pub parameter: Option<Parameter>,
}

/// `Parameter`: one of both.
#[derive(Clone, PartialEq, Message)]
pub struct Parameter {
    /// The request's body.
    #[prost(message, optional, tag = "1")]
    pub body_parameter: Option<BodyParameter>,
    /// A part of the URL.
    #[prost(message, optional, tag = "2")]
    pub non_body_parameter: Option<NonBodyParameter>,
}

/// `BodyParameter`.
#[derive(Clone, PartialEq, Message)]
pub struct BodyParameter {
    /// `body`.
    #[prost(string, tag = "2")]
    pub name: String,
    /// `body`.
    #[prost(string, tag = "3")]
    pub r#in: String,
    /// Whether it must be there.
    #[prost(bool, tag = "4")]
    pub required: bool,
    /// What it is.
    #[prost(message, optional, tag = "5")]
    pub schema: Option<Schema>,
}

/// `NonBodyParameter`: one of both.
#[derive(Clone, PartialEq, Message)]
pub struct NonBodyParameter {
    /// A parameter of the query.
    #[prost(message, optional, tag = "3")]
    pub query_parameter_sub_schema: Option<QueryParameter>,
    /// A segment of the path.
    #[prost(message, optional, tag = "4")]
    pub path_parameter_sub_schema: Option<PathParameter>,
}

/// `QueryParameterSubSchema`.
#[derive(Clone, PartialEq, Message)]
pub struct QueryParameter {
    /// `query`.
    #[prost(string, tag = "2")]
    pub r#in: String,
    /// What it does.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Its JSON type.
    #[prost(string, tag = "6")]
    pub r#type: String,
    /// Whether it may be given once only.
    #[prost(bool, tag = "20")]
    pub unique_items: bool,
}

/// `PathParameterSubSchema`.
#[derive(Clone, PartialEq, Message)]
pub struct PathParameter {
    /// True of every segment.
    #[prost(bool, tag = "1")]
    pub required: bool,
    /// `path`.
    #[prost(string, tag = "2")]
    pub r#in: String,
    /// What it names.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Its JSON type.
    #[prost(string, tag = "5")]
    pub r#type: String,
    /// Whether it may be given once only.
    #[prost(bool, tag = "19")]
    pub unique_items: bool,
}

/// `Responses`.
#[derive(Clone, PartialEq, Message)]
pub struct Responses {
    /// Answers in the order of their codes.
    #[prost(message, repeated, tag = "1")]
    pub response_code: Vec<NamedResponseValue>,
}

/// `NamedResponseValue`.
#[derive(Clone, PartialEq, Message)]
pub struct NamedResponseValue {
    /// The code.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The answer.
    #[prost(message, optional, tag = "2")]
    pub value: Option<ResponseValue>,
}

/// `ResponseValue`, of whose cases one is used.
#[derive(Clone, PartialEq, Message)]
pub struct ResponseValue {
    /// The answer itself.
    #[prost(message, optional, tag = "1")]
    pub response: Option<Response>,
}

/// `Response`.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    /// The code's phrase.
    #[prost(string, tag = "1")]
    pub description: String,
    /// What the body is.
    #[prost(message, optional, tag = "2")]
    pub schema: Option<SchemaItem>,
}

/// `SchemaItem`, of whose cases one is used.
#[derive(Clone, PartialEq, Message)]
pub struct SchemaItem {
    /// The schema itself.
    #[prost(message, optional, tag = "1")]
    pub schema: Option<Schema>,
}
