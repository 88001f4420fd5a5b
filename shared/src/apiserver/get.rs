//! `get`: one object.

use crate::api::object::SharedObject;

use super::registry::Target;
use super::{ApiServer, Result};

impl ApiServer {
    /// The object, or 404.
    pub(crate) async fn get(&self, target: &Target) -> Result<SharedObject> {
        self.existing(target).await.map(|(object, _)| object)
    }
}
