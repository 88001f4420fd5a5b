//! The three patches that change an object by a document: JSON Patch, JSON Merge Patch and
//! strategic merge patch, as `k8s.io/apiserver/pkg/endpoints/handlers/patch.go` applies them.

pub mod json;
pub mod merge;
pub mod strategic;

pub(crate) mod go;

use serde_json::Value;

use super::schema::Type;

/// A patch's media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`, RFC 6902.
    Json,
    /// `application/merge-patch+json`, RFC 7386.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
}

impl PatchType {
    /// All of them, in upstream's order.
    pub const ALL: [PatchType; 3] = [PatchType::Json, PatchType::Merge, PatchType::Strategic];

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            PatchType::Json => "application/json-patch+json",
            PatchType::Merge => "application/merge-patch+json",
            PatchType::Strategic => "application/strategic-merge-patch+json",
        }
    }

    /// The patch type of a `Content-Type`, whose parameters are ignored.
    pub fn from_content_type(value: &str) -> Option<PatchType> {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        PatchType::ALL.into_iter().find(|patch_type| patch_type.content_type() == media_type)
    }

    /// Applies `patch` to `original`, an object of type `ty`.
    ///
    /// # Errors
    /// As the functions `apply` of [`json`], [`merge`] and [`strategic`].
    pub fn apply(self, original: Value, patch: Value, ty: &Type) -> Result<Value, PatchError> {
        match self {
            PatchType::Json => json::apply(original, patch),
            PatchType::Merge => merge::apply(original, patch),
            PatchType::Strategic => strategic::apply(original, patch, ty),
        }
    }
}

/// Why a patch was refused; the text is upstream's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatchError {
    /// The patch is malformed: 400 BadRequest.
    #[error("{0}")]
    BadRequest(String),
    /// The patch has too many operations: 413 RequestEntityTooLarge.
    #[error("{0}")]
    TooLarge(String),
    /// The patch does not apply: 422 Invalid. What clients of upstream read is [`UNPROCESSABLE`];
    /// the text says why.
    #[error("{0}")]
    Unprocessable(String),
    /// Any other failure, which upstream answers with 500 and no reason.
    #[error("{0}")]
    Internal(String),
}

/// The message of upstream's Status for [`PatchError::Unprocessable`].
pub const UNPROCESSABLE: &str = "the server rejected our request due to an error in our request";

impl PatchError {
    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            PatchError::BadRequest(_) => 400,
            PatchError::TooLarge(_) => 413,
            PatchError::Unprocessable(_) => 422,
            PatchError::Internal(_) => 500,
        }
    }

    /// The `reason` of the Status, empty where upstream gives none.
    pub fn reason(&self) -> &'static str {
        match self {
            PatchError::BadRequest(_) => "BadRequest",
            PatchError::TooLarge(_) => "RequestEntityTooLarge",
            PatchError::Unprocessable(_) => "Invalid",
            PatchError::Internal(_) => "",
        }
    }
}
