//! From a query string to options: `ListOptions`, `DeleteOptions` and those of writes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};
use shared::api::status;
use shared::api::strict::FieldValidation;
use shared::apiserver::request::{ListOptions, VersionMatch, WriteOptions};

type Result<T> = std::result::Result<T, Box<Status>>;

/// A parsed query string; keys may repeat.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses what follows the `?`.
    pub(super) fn parse(text: &str) -> Query {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a key, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a key.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// A number; 400 where it is none.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>> {
        let Some(text) = self.get(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Box::new(status::bad_request(format!(
                "strconv.ParseInt: parsing {text:?}: invalid syntax ({key})"
            )))
        })
    }

    /// A truth value as upstream reads one: `false` and `0` are false, every other value is true.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let present = self.0.iter().find(|(name, _)| name == key)?;
        Some(!matches!(present.1.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// Whether the client asks for a watch.
    pub(super) fn watch(&self) -> bool {
        self.flag("watch").unwrap_or(false)
    }

    /// Options of list, watch and deletecollection.
    pub(super) fn list_options(&self) -> Result<ListOptions> {
        let text = |key| self.get(key).unwrap_or_default().to_owned();
        Ok(ListOptions {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            limit: self.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
            continue_token: text("continue"),
            resource_version: self.resource_version()?,
            version_match: self.version_match()?,
            allow_bookmarks: self.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events: self.flag("sendInitialEvents"),
        })
    }

    fn resource_version(&self) -> Result<Option<u64>> {
        let Some(text) = self.get("resourceVersion") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let message = format!(
                "invalid resource version {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            );
            Box::new(status::bad_request(message))
        })
    }

    fn version_match(&self) -> Result<VersionMatch> {
        match self.get("resourceVersionMatch") {
            None => Ok(VersionMatch::Unset),
            Some("Exact") => Ok(VersionMatch::Exact),
            Some("NotOlderThan") => Ok(VersionMatch::NotOlderThan),
            Some(other) => Err(Box::new(status::bad_request(format!(
                "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\", \"\""
            )))),
        }
    }

    /// Options of create, update and patch.
    pub(super) fn write_options(&self) -> Result<WriteOptions> {
        let word = self.get("fieldValidation").unwrap_or_default();
        let field_validation = FieldValidation::from_parameter(word).ok_or_else(|| {
            Box::new(status::bad_request(format!(
                "fieldValidation: Unsupported value: {word:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
            )))
        })?;
        Ok(WriteOptions { dry_run: self.dry_run()?, field_validation })
    }

    fn dry_run(&self) -> Result<bool> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(Box::new(status::bad_request(format!(
                "dryRun: Unsupported value: {other:?}: supported values: \"All\""
            )))),
        }
    }

    /// Completes the options of a delete's body with those of the query.
    pub(super) fn delete_options(&self, mut options: DeleteOptions) -> Result<DeleteOptions> {
        if let Some(seconds) = self.number("gracePeriodSeconds")? {
            options.grace_period_seconds = Some(seconds);
        }
        if let Some(policy) = self.get("propagationPolicy") {
            options.propagation_policy = Some(policy.to_owned());
        }
        if self.dry_run()? {
            options.dry_run = Some(vec!["All".into()]);
        }
        Ok(options)
    }
}
