//! The parameters of paths and queries that the server reads: `ListOptions`, `DeleteOptions`,
//! `CreateOptions`, `UpdateOptions`, `PatchOptions`, `PodLogOptions` and the options of streams, of kubernetes/api and
//! apimachinery.

/// A parameter of an operation.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// `path` or `query`.
    pub(super) place: &'static str,
    /// The JSON type.
    pub(super) ty: &'static str,
    pub(super) description: &'static str,
}

const fn query(name: &'static str, ty: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: "query", ty, description }
}

const fn path(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, place: "path", ty: "string", description }
}

pub(super) static NAME: Parameter = path("name", "The name of the object.");
pub(super) static NAMESPACE: Parameter = path("namespace", "The namespace of the object or collection.");
pub(super) static PROXY_PATH: Parameter = path("path", "The path of the request to the pod.");

static DRY_RUN: Parameter =
    query("dryRun", "string", "With `All`, every stage runs and nothing is stored. No other value is valid.");
static FIELD_MANAGER: Parameter =
    query("fieldManager", "string", "The name of the program that makes the change.");
static FIELD_VALIDATION: Parameter = query(
    "fieldValidation",
    "string",
    "What becomes of unknown and duplicate fields: `Ignore` drops them, `Warn` (the default) drops them and answers \
     with a warning for each, `Strict` fails the request and names them all.",
);
static GRACE_PERIOD: Parameter = query(
    "gracePeriodSeconds",
    "integer",
    "Seconds until the object is removed; 0 removes it at once. The default is the object's own.",
);
static PROPAGATION: Parameter = query(
    "propagationPolicy",
    "string",
    "What becomes of dependents: `Orphan` leaves them, `Background` removes them later, `Foreground` before the object.",
);

static ALLOW_BOOKMARKS: Parameter =
    query("allowWatchBookmarks", "boolean", "Whether a watch may send events of type BOOKMARK.");
static CONTINUE: Parameter = query(
    "continue",
    "string",
    "The token of the previous part's answer, to read the next part of a collection.",
);
static FIELD_SELECTOR: Parameter =
    query("fieldSelector", "string", "Which objects, by their fields. The default is all.");
static LABEL_SELECTOR: Parameter =
    query("labelSelector", "string", "Which objects, by their labels. The default is all.");
static LIMIT: Parameter = query(
    "limit",
    "integer",
    "The most objects that one answer holds; `continue` in its metadata leads to the rest.",
);
static RESOURCE_VERSION: Parameter =
    query("resourceVersion", "string", "The state to read, or after which a watch begins.");
static RESOURCE_VERSION_MATCH: Parameter =
    query("resourceVersionMatch", "string", "How resourceVersion is meant: `Exact` or `NotOlderThan`.");
static SEND_INITIAL_EVENTS: Parameter = query(
    "sendInitialEvents",
    "boolean",
    "Whether a watch begins with the objects there are, ended by a bookmark.",
);
static TIMEOUT: Parameter = query("timeoutSeconds", "integer", "Seconds after which a watch ends.");
static WATCH: Parameter =
    query("watch", "boolean", "Follow the collection's changes in place of reading it.");

static COMMAND: Parameter =
    query("command", "string", "The program and, repeated, its arguments. No shell takes part in it.");
static STREAM_CONTAINER: Parameter =
    query("container", "string", "The container, needed where the pod has more than one.");
static STDERR: Parameter = query("stderr", "boolean", "Whether the error output is wanted.");
static STDIN: Parameter = query("stdin", "boolean", "Whether there is input.");
static STDOUT: Parameter = query("stdout", "boolean", "Whether the output is wanted.");
static TTY: Parameter =
    query("tty", "boolean", "Whether the program has a terminal, which mixes both outputs.");
static PORTS: Parameter =
    query("ports", "integer", "The ports, separated by commas, needed over WebSockets without SPDY.");

static CONTAINER: Parameter =
    query("container", "string", "The container to read, needed where the pod has more than one.");
static FOLLOW: Parameter = query("follow", "boolean", "Whether the answer goes on as the container writes.");
static LIMIT_BYTES: Parameter = query("limitBytes", "integer", "The most bytes to answer.");
static PREVIOUS: Parameter =
    query("previous", "boolean", "Read the container's instance before its last restart.");
static SINCE_SECONDS: Parameter = query("sinceSeconds", "integer", "Only lines of the last so many seconds.");
static SINCE_TIME: Parameter = query("sinceTime", "string", "Only lines since this time, in RFC 3339.");
static TAIL_LINES: Parameter = query("tailLines", "integer", "Only so many lines from the end.");
static TIMESTAMPS: Parameter = query("timestamps", "boolean", "Begin each line with its time, in RFC 3339.");

/// Of reads of a collection.
pub(super) static LIST: &[&Parameter] = &[
    &ALLOW_BOOKMARKS,
    &CONTINUE,
    &FIELD_SELECTOR,
    &LABEL_SELECTOR,
    &LIMIT,
    &RESOURCE_VERSION,
    &RESOURCE_VERSION_MATCH,
    &SEND_INITIAL_EVENTS,
    &TIMEOUT,
    &WATCH,
];
/// Of create, update and patch.
pub(super) static WRITE: &[&Parameter] = &[&DRY_RUN, &FIELD_MANAGER, &FIELD_VALIDATION];
/// Of delete.
pub(super) static DELETE: &[&Parameter] = &[&DRY_RUN, &GRACE_PERIOD, &PROPAGATION];
/// Of deletecollection.
pub(super) static DELETE_COLLECTION: &[&Parameter] = &[
    &CONTINUE,
    &DRY_RUN,
    &FIELD_SELECTOR,
    &GRACE_PERIOD,
    &LABEL_SELECTOR,
    &LIMIT,
    &PROPAGATION,
    &RESOURCE_VERSION,
    &RESOURCE_VERSION_MATCH,
];
/// Of a pod's logs.
pub(super) static LOG: &[&Parameter] =
    &[&CONTAINER, &FOLLOW, &LIMIT_BYTES, &PREVIOUS, &SINCE_SECONDS, &SINCE_TIME, &TAIL_LINES, &TIMESTAMPS];

static ATTACH: &[&Parameter] = &[&STREAM_CONTAINER, &STDERR, &STDIN, &STDOUT, &TTY];
static EXEC: &[&Parameter] = &[&COMMAND, &STREAM_CONTAINER, &STDERR, &STDIN, &STDOUT, &TTY];
static PORT_FORWARD: &[&Parameter] = &[&PORTS];

/// Of the streams to a pod other than its proxy and its log.
pub(super) fn of_stream(name: &str) -> Option<&'static [&'static Parameter]> {
    match name {
        "attach" => Some(ATTACH),
        "exec" => Some(EXEC),
        "portforward" => Some(PORT_FORWARD),
        _ => None,
    }
}
