//! A request after routing and before the chain, and what the chain answers.

use bytes::Bytes;
use futures::stream::BoxStream;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Binding, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};
use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::patch::PatchType;
use crate::api::scheme::{self, Kind, Subresource, Verb};
use crate::api::status;
use crate::api::strict::FieldValidation;
use crate::store::Revision;

/// One call of the API.
pub struct Request {
    /// The kind that the path names.
    pub kind: &'static Kind,
    /// The namespace, empty for cluster-scoped kinds and for collections across namespaces.
    pub namespace: String,
    /// The object's name, empty for collections.
    pub name: String,
    /// The part of the object that is meant.
    pub subresource: Option<&'static Subresource>,
    /// What to do.
    pub operation: Operation,
}

/// What to do, with what it needs.
pub enum Operation {
    /// Read one object.
    Get,
    /// Read a collection.
    List(ListOptions),
    /// Follow a collection.
    Watch(ListOptions),
    /// Write a new object.
    Create(Input, WriteOptions),
    /// Replace an object.
    Update(Input, WriteOptions),
    /// Change parts of an object.
    Patch(Patch, WriteOptions),
    /// Remove an object.
    Delete(DeleteOptions),
    /// Remove every object that the options select.
    DeleteCollection(ListOptions, DeleteOptions),
    /// Open a stream to the object (`exec`, `log`, `proxy`); carries the verb of the HTTP method.
    Connect(Verb),
}

/// The object in a request's body.
pub enum Input {
    /// A typed object, from a component of this process.
    Typed(Box<dyn ApiObject>),
    /// JSON or YAML text, from the wire.
    Text(Bytes),
}

/// A patch and how to apply it.
pub struct Patch {
    /// How to apply it.
    pub form: PatchType,
    /// The patch.
    pub body: Value,
    /// The paths of fields that stand in it twice.
    pub duplicates: Vec<String>,
}

impl Patch {
    /// A patch in which nothing stands twice.
    pub fn new(form: PatchType, body: Value) -> Patch {
        Patch { form, body, duplicates: Vec::new() }
    }
}

/// Options of create, update and patch.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Do everything but write.
    pub dry_run: bool,
    /// What to do about unknown and duplicate fields.
    pub field_validation: FieldValidation,
}

/// How the `resourceVersion` of a list is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionMatch {
    /// Not said.
    #[default]
    Unset,
    /// At that revision or a newer one.
    NotOlderThan,
    /// At exactly that revision.
    Exact,
}

/// Options of list, watch and deletecollection.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Text of the label selector.
    pub label_selector: String,
    /// Text of the field selector.
    pub field_selector: String,
    /// At most this many objects; 0 for all.
    pub limit: usize,
    /// Where the page before this one ended.
    pub continue_token: String,
    /// The revision that the client knows; `None` where it names none.
    pub resource_version: Option<Revision>,
    /// How `resource_version` is meant.
    pub version_match: VersionMatch,
    /// Whether the watcher understands bookmarks.
    pub allow_bookmarks: bool,
    /// Whether the watch begins with the present state and a bookmark at its end.
    pub send_initial_events: Option<bool>,
}

/// What the chain answers.
pub struct Answer {
    /// The answer itself.
    pub reply: Reply,
    /// Sentences for `Warning` headers.
    pub warnings: Vec<String>,
}

/// The answer itself.
pub enum Reply {
    /// An object that is (now) so.
    Object(SharedObject),
    /// An object that was created.
    Created(SharedObject),
    /// A collection.
    List(List),
    /// Changes as they happen.
    Watch(WatchStream),
    /// It succeeded, and there is no object to show.
    Status(Box<Status>),
    /// The caller may open the stream to this object.
    Connect(SharedObject),
}

/// A page of a collection.
#[derive(Default)]
pub struct List {
    /// The objects, by namespace and name.
    pub items: Vec<SharedObject>,
    /// The revision at which the collection was read.
    pub revision: Revision,
    /// Where the next page begins, empty where this is the last.
    pub continue_token: String,
    /// How many objects follow, where it is known.
    pub remaining: Option<usize>,
}

/// Changes as they happen; ends after an error.
pub type WatchStream = BoxStream<'static, WatchEvent>;

/// A change of a watched collection.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object is new to the collection.
    Added(SharedObject),
    /// The object changed.
    Modified(SharedObject),
    /// The object left the collection; it is shown as it last was, at the revision of its going.
    Deleted(SharedObject),
    /// Everything up to this revision was delivered.
    Bookmark {
        /// The revision.
        revision: Revision,
        /// Whether the present state that the watcher asked for ends here.
        initial_events_end: bool,
    },
    /// The watch is over.
    Error(Box<Status>),
}

impl Request {
    fn new(kind: &'static Kind, namespace: &str, name: &str, operation: Operation) -> Request {
        Request { kind, namespace: namespace.to_owned(), name: name.to_owned(), subresource: None, operation }
    }

    fn on<K: Resource>(namespace: &str, name: &str, operation: Operation) -> Result<Request, Box<Status>> {
        let kind = scheme::of_type::<K>().ok_or_else(|| Box::new(status::no_such_path()))?;
        Ok(Request::new(kind, namespace, name, operation))
    }

    fn of_object(
        object: Box<dyn ApiObject>,
        write: fn(Input, WriteOptions) -> Operation,
    ) -> Result<Request, Box<Status>> {
        let kind = scheme::of(&*object).ok_or_else(|| Box::new(status::no_such_path()))?;
        let metadata = object.metadata();
        let namespace = metadata.namespace.clone().unwrap_or_default();
        let name = metadata.name.clone().unwrap_or_default();
        let operation = write(Input::Typed(object), WriteOptions::default());
        Ok(Request { kind, namespace, name, subresource: None, operation })
    }

    /// Reads one object.
    pub fn get<K: Resource>(namespace: &str, name: &str) -> Result<Request, Box<Status>> {
        Request::on::<K>(namespace, name, Operation::Get)
    }

    /// Reads or follows a collection; `namespace` empty means all.
    pub fn collection(kind: &'static Kind, namespace: &str, operation: Operation) -> Request {
        Request::new(kind, namespace, "", operation)
    }

    /// Writes a new object.
    pub fn create(object: impl ApiObject) -> Result<Request, Box<Status>> {
        let mut request = Request::of_object(Box::new(object), Operation::Create)?;
        request.name.clear();
        Ok(request)
    }

    /// Says where a pod runs.
    pub fn bind(binding: Binding) -> Result<Request, Box<Status>> {
        let namespace = binding.metadata.namespace.clone().unwrap_or_default();
        let name = binding.metadata.name.clone().unwrap_or_default();
        let operation = Operation::Create(Input::Typed(Box::new(binding)), WriteOptions::default());
        Request::on::<Pod>(&namespace, &name, operation)?.subresource("binding")
    }

    /// Replaces an object.
    pub fn update(object: impl ApiObject) -> Result<Request, Box<Status>> {
        Request::of_object(Box::new(object), Operation::Update)
    }

    /// Changes parts of an object.
    pub fn patch<K: Resource>(
        namespace: &str,
        name: &str,
        form: PatchType,
        body: Value,
    ) -> Result<Request, Box<Status>> {
        let patch = Operation::Patch(Patch::new(form, body), WriteOptions::default());
        Request::on::<K>(namespace, name, patch)
    }

    /// Removes an object.
    pub fn delete<K: Resource>(
        namespace: &str,
        name: &str,
        options: DeleteOptions,
    ) -> Result<Request, Box<Status>> {
        Request::on::<K>(namespace, name, Operation::Delete(options))
    }

    /// The same request on a subresource of the object.
    pub fn subresource(mut self, name: &str) -> Result<Request, Box<Status>> {
        let subresource = self.kind.subresource(name).ok_or_else(|| Box::new(status::no_such_path()))?;
        self.subresource = Some(subresource);
        Ok(self)
    }

    /// The namespace as authorizers and audit events name it: a namespace lies in itself
    /// (`requestinfo.go` upstream).
    pub fn attributed_namespace(&self) -> &str {
        match self.kind.kind {
            "Namespace" => &self.name,
            _ => &self.namespace,
        }
    }

    /// The verb, as authorizers and audit events name it.
    pub fn verb(&self) -> Verb {
        match &self.operation {
            Operation::Get => Verb::Get,
            Operation::List(_) => Verb::List,
            Operation::Watch(_) => Verb::Watch,
            Operation::Create(..) => Verb::Create,
            Operation::Update(..) => Verb::Update,
            Operation::Patch(..) => Verb::Patch,
            Operation::Delete(_) => Verb::Delete,
            Operation::DeleteCollection(..) => Verb::DeleteCollection,
            Operation::Connect(verb) => *verb,
        }
    }
}
