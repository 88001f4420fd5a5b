//! `list`: a collection at one revision, page by page.
//!
//! Follows `pkg/storage/etcd3/store.go` and `pkg/storage/continue.go` of kubernetes/apiserver.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause};
use serde::{Deserialize, Serialize};

use crate::api::fields::FieldSelector;
use crate::api::object::{ApiObject, SharedObject};
use crate::api::scheme::Kind;
use crate::api::{labels, status};
use crate::store::{KeyValue, RangeRequest, Revision, StoreError};

use super::registry::{self, Target, store_status};
use super::request::{List, ListOptions, VersionMatch};
use super::{ApiServer, Result, options};

/// How many keys are read at a time while a page is not full.
const CHUNK: usize = 1000;

/// What a client asked to see of a collection.
#[derive(Clone)]
pub(crate) struct Selection {
    kind: &'static Kind,
    labels: labels::Selector,
    fields: FieldSelector,
    name: String,
}

impl Selection {
    /// Reads the selectors of the options; 400 where they make no sense.
    pub(crate) fn new(target: &Target, options: &ListOptions) -> Result<Selection> {
        let labels: labels::Selector = options
            .label_selector
            .parse()
            .map_err(|error: labels::SelectorError| Box::new(status::bad_request(error.to_string())))?;
        let fields = options.field_selector.parse::<FieldSelector>();
        let fields = fields.and_then(|fields| fields.for_kind(target.kind.api_version, target.kind.kind));
        let fields = fields.map_err(|error| Box::new(status::bad_request(error.to_string())))?;
        Ok(Selection { kind: target.kind, labels, fields, name: target.name.clone() })
    }

    /// Whether every object is wanted.
    fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything() && self.name.is_empty()
    }

    /// Whether this object is wanted.
    pub(crate) fn matches(&self, object: &dyn ApiObject) -> bool {
        let metadata = object.metadata();
        let named = self.name.is_empty() || metadata.name.as_deref() == Some(self.name.as_str());
        named
            && self.labels.matches(metadata.labels.as_ref().unwrap_or(&BTreeMap::new()))
            && self.fields.matches_object(object)
    }
}

/// Where the next page begins, as upstream encodes it.
#[derive(Serialize, Deserialize)]
struct ContinueToken {
    v: String,
    /// The revision of the first page; [`NEWEST`] for whatever is newest.
    rv: i64,
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";
/// The revision of a token that goes on although the one of the first page was compacted.
const NEWEST: i64 = -1;

impl ContinueToken {
    fn after(revision: Revision, last_key: &str, prefix: &str) -> ContinueToken {
        let start = format!("{}\0", last_key.strip_prefix(prefix).unwrap_or(last_key));
        ContinueToken { v: TOKEN_VERSION.into(), rv: i64::try_from(revision).unwrap_or(NEWEST), start }
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<ContinueToken> {
        let invalid =
            |why: String| Box::new(status::bad_request(format!("continue key is not valid: {why}")));
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|error| invalid(error.to_string()))?;
        let token: ContinueToken =
            serde_json::from_slice(&json).map_err(|error| invalid(error.to_string()))?;
        match token.v.as_str() {
            TOKEN_VERSION if token.rv == 0 => {
                Err(invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)".into()))
            }
            TOKEN_VERSION => Ok(token),
            version => Err(invalid(format!("server does not recognize this encoded version {version:?}"))),
        }
    }
}

impl ApiServer {
    /// The page of the collection that the options ask for.
    pub(crate) async fn list(&self, target: &Target, options: &ListOptions) -> Result<List> {
        options::check_list(options)?;
        let selection = Selection::new(target, options)?;
        let mut request = self.range_request(target, options)?;
        let mut list = List::default();
        loop {
            let range =
                self.store.range(request.clone()).await.map_err(|error| list_error(error, options))?;
            list.revision = range.revision;
            request.revision = Some(range.revision);
            let last = collect(&selection, &range.items, options.limit, &mut list.items)?;
            let Some(last) = last.filter(|last| range.more || *last + 1 < range.items.len()) else {
                return Ok(list);
            };
            let key = &range.items[last].key;
            if options.limit > 0 && list.items.len() >= options.limit {
                list.continue_token = ContinueToken::after(list.revision, key, &request.prefix).encode();
                let unread = range.items.len() - last - 1;
                list.remaining = selection.is_everything().then_some(range.remaining + unread);
                return Ok(list);
            }
            request.after = Some(key.to_string());
        }
    }

    fn range_request(&self, target: &Target, options: &ListOptions) -> Result<RangeRequest> {
        let prefix = target.prefix();
        let limit = if options.limit > 0 { options.limit.max(CHUNK) } else { 0 };
        if !options.continue_token.is_empty() {
            if options.resource_version.is_some_and(|version| version > 0) {
                let message = "specifying resource version is not allowed when using continue";
                return Err(Box::new(status::bad_request(message)));
            }
            let token = ContinueToken::decode(&options.continue_token)?;
            let after = format!("{prefix}{}", token.start.trim_end_matches('\0'));
            let revision = u64::try_from(token.rv).ok();
            return Ok(RangeRequest { prefix, after: Some(after), revision, limit });
        }
        let revision = self.revision_to_read(options)?;
        Ok(RangeRequest { prefix, after: None, revision, limit })
    }

    /// The revision to read at, `None` for the newest; 504 for one that does not exist yet.
    fn revision_to_read(&self, options: &ListOptions) -> Result<Option<Revision>> {
        let wanted = options.resource_version.unwrap_or(0);
        let newest = self.store.current_revision();
        if wanted > newest {
            return Err(too_large(wanted, newest));
        }
        let exact = options.version_match == VersionMatch::Exact
            || (options.version_match == VersionMatch::Unset && options.limit > 0 && wanted > 0);
        Ok(exact.then_some(wanted))
    }
}

/// Adds the wanted objects up to the limit (0 for none); returns the index of the last item looked at.
fn collect(
    selection: &Selection,
    items: &[KeyValue],
    limit: usize,
    into: &mut Vec<SharedObject>,
) -> Result<Option<usize>> {
    for (index, item) in items.iter().enumerate() {
        let object = registry::object(selection.kind, item)?;
        if selection.matches(object.body()) {
            into.push(object);
        }
        if limit > 0 && into.len() >= limit {
            return Ok(Some(index));
        }
    }
    Ok(items.len().checked_sub(1))
}

fn list_error(error: StoreError, options: &ListOptions) -> Box<Status> {
    if matches!(error, StoreError::Compacted { .. })
        && let Ok(token) = ContinueToken::decode(&options.continue_token)
    {
        return Box::new(continue_expired(token));
    }
    if matches!(error, StoreError::Compacted { .. }) {
        return Box::new(status::expired("The resourceVersion for the provided list is too old."));
    }
    store_status(error)
}

/// 410 with a token that goes on at the newest revision, for clients that do not mind.
fn continue_expired(token: ContinueToken) -> Status {
    let mut status = status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a \
         new list without the continue parameter, or use the continue token in this response to retrieve the \
         remainder of the results. Continuing with the provided token results in an inconsistent list - \
         objects that were created, modified, or deleted between the time the first chunk was returned and \
         now may show up in the list.",
    );
    status.metadata.continue_ = Some(ContinueToken { rv: NEWEST, ..token }.encode());
    status
}

/// 504 for a revision that does not exist yet.
pub(super) fn too_large(wanted: Revision, newest: Revision) -> Box<Status> {
    let mut status = status::timeout(&format!("Too large resource version: {wanted}, current: {newest}"), 1);
    let cause = StatusCause {
        reason: Some("ResourceVersionTooLarge".into()),
        message: Some("Too large resource version".into()),
        ..StatusCause::default()
    };
    status.details.get_or_insert_default().causes = Some(vec![cause]);
    Box::new(status)
}
