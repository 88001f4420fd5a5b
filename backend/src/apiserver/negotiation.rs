//! Which form of an answer the client asks for: `pkg/endpoints/handlers/negotiation` of
//! kubernetes/apiserver.

use axum::http::{HeaderMap, header};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::status;

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Objects and lists as they are.
    Object,
    /// `meta.k8s.io/v1 Table`.
    Table,
    /// `meta.k8s.io/v1 PartialObjectMetadata`, or a list of such.
    PartialMetadata,
}

/// The encoding of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Shape and encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) shape: Shape,
    pub(super) encoding: Encoding,
}

const ACCEPTED: &[&str] = &["application/json", "application/yaml"];

/// The first form in the client's list that the server has; 406 where there is none.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Box<Status>> {
    let plain = Form { shape: Shape::Object, encoding: Encoding::Json };
    let accept = accepted(headers);
    if accept.is_empty() {
        return Ok(plain);
    }
    let found = accept.iter().find_map(|clause| offered(clause));
    found.ok_or_else(|| Box::new(status::not_acceptable(ACCEPTED)))
}

/// Whether the client asks for aggregated discovery.
pub(super) fn wants_aggregated_discovery(headers: &HeaderMap) -> bool {
    accepted(headers).iter().any(|clause| {
        parameter(clause, "as") == Some("APIGroupDiscoveryList") && parameter(clause, "v") == Some("v2")
    })
}

/// The clauses of the `Accept` header, in order.
pub(super) fn accepted(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|clause| !clause.is_empty()).collect()
}

fn offered(clause: &str) -> Option<Form> {
    let media_type = clause.split(';').next().unwrap_or_default().trim();
    let encoding = match media_type {
        "*/*" | "application/*" | "application/json" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let shape = match parameter(clause, "as") {
        None => Shape::Object,
        Some(_) if parameter(clause, "v") != Some("v1") => return None,
        Some("Table") => Shape::Table,
        Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Shape::PartialMetadata,
        Some(_) => return None,
    };
    Some(Form { shape, encoding })
}

fn parameter<'a>(clause: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = clause.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    parameters.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_should_be_the_first_that_both_know() {
        let object = Form { shape: Shape::Object, encoding: Encoding::Json };
        let table = Form { shape: Shape::Table, ..object };
        let cases = [
            ("", Some(object)),
            ("*/*", Some(object)),
            ("application/json, */*", Some(object)),
            ("application/vnd.kubernetes.protobuf", None),
            ("application/vnd.kubernetes.protobuf, application/json", Some(object)),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some(table)),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json;as=Table;g=meta.k8s.io;v=v1",
                Some(table),
            ),
            ("application/yaml", Some(Form { encoding: Encoding::Yaml, ..object })),
            (
                "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
                Some(Form { shape: Shape::PartialMetadata, ..object }),
            ),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(form(&headers).ok(), expected, "{accept}");
        }
    }
}
