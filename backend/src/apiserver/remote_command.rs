//! `pods/exec` and `pods/attach`: a client at a program's standard streams.
//!
//! Follows `pkg/registry/core/pod/rest/subresources.go` of kubernetes/kubernetes, `pkg/util/proxy` of
//! kubernetes/apiserver (version 5 over WebSockets) and `pkg/cri/streaming/remotecommand` of kubernetes/kubelet
//! (the older ones, and SPDY). How the streams travel is in [`websocket`] and [`httpstream`].

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::status;
use shared::apiserver::remote_command;
use shared::apiserver::request_info::ResourcePath;
use shared::apiserver::stream_location::{self, StreamOptions};

use crate::kubelet::{AttachRequest, ExecRequest, Kubelet};
use crate::runtime::{ExitStatus, Session};

use super::connect::{self, Upgrade};
use super::query::Query;
use super::reply::Failure;
use super::resource::Asking;
use super::wire;

mod httpstream;
mod relay;
#[cfg(test)]
mod tests;
mod websocket;

/// The first version that the API server itself speaks over WebSockets, and translates for the kubelet.
const TRANSLATED: u8 = 5;

/// What is to be done in a container.
enum Action {
    /// Run a program beside the container's own.
    Exec(Vec<String>),
    /// Go to the container's own program.
    Attach,
}

/// GET or POST of `…/pods/NAME/exec`.
pub(super) async fn exec(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
) -> Result<Response, Failure> {
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let command = query.all("command").into_iter().map(str::to_owned).collect();
    handle(asking, place, parts, &query, Action::Exec(command)).await
}

/// GET or POST of `…/pods/NAME/attach`.
pub(super) async fn attach(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
) -> Result<Response, Failure> {
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    handle(asking, place, parts, &query, Action::Attach).await
}

async fn handle(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
    query: &Query,
    action: Action,
) -> Result<Response, Failure> {
    let verb = connect::verb(&parts.method)?;
    let pod = connect::pod(asking, place, place.name, verb).await?;
    let container = stream_location::container(&pod, query.get("container"))?;
    let kubelet = connect::kubelet(asking.context, &pod)?;
    let upgrade = connect::upgrade(asking.context, parts).await?;
    let flag = |name| query.flag(name).unwrap_or(false);
    let options = StreamOptions {
        stdin: flag("stdin"),
        stdout: flag("stdout"),
        stderr: flag("stderr"),
        tty: flag("tty"),
    };
    let options = options.checked()?;
    let verdict = Verdict::of(&action);
    let begin = begin(kubelet, pod, container, options, action);
    match upgrade {
        Upgrade::WebSocket { mut upgrade, wanted } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let Some(protocol) = remote_command::choose(&wanted, remote_command::WEBSOCKET) else {
                return Ok((StatusCode::FORBIDDEN, Body::empty()).into_response());
            };
            connect::select_protocol(&mut upgrade, protocol.name);
            let verdict = Verdict { translated: protocol.version >= TRANSLATED, ..verdict };
            let session = match begin.await {
                // The first versions are the kubelet's, which refuses before it changes the protocol.
                Err(refused) if !verdict.translated => return Ok(connect::refused(&refused)),
                Err(refused) => Err(remote_command::refused(connect::reason(&refused))),
                Ok(session) => Ok(session),
            };
            Ok(upgrade.on_upgrade(move |socket| {
                websocket::serve(wire::of_socket(socket), protocol, options, session, verdict)
            }))
        }
        Upgrade::Spdy { client, wanted } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let served: Vec<&str> = remote_command::SPDY.iter().map(|protocol| protocol.name).collect();
            let name = match connect::handshake(&wanted, &served) {
                Ok(name) => name,
                Err(refused) => return Ok(*refused),
            };
            let Some(protocol) = remote_command::choose(&[name], remote_command::SPDY) else {
                return Err(status::internal("a protocol that is served is none").into());
            };
            let session = match begin.await {
                Ok(session) => session,
                Err(refused) => return Ok(connect::refused(&refused)),
            };
            connect::spawn_spdy(client, move |wire| {
                httpstream::serve(wire, protocol, options, session, verdict)
            });
            Ok(connect::switching_to_spdy(name))
        }
    }
}

/// How the end of a session is told.
struct Verdict {
    /// What was to be done.
    doing: &'static str,
    /// The program and its arguments; none where the end of the program is no failure of the client's.
    command: Option<Vec<String>>,
    /// Whether the API server tells it, in the place of the kubelet.
    translated: bool,
}

impl Verdict {
    fn of(action: &Action) -> Verdict {
        let (doing, command) = match action {
            Action::Exec(command) => ("error executing command in container", Some(command.clone())),
            Action::Attach => ("error attaching to container", None),
        };
        Verdict { doing, command, translated: false }
    }

    fn status(&self, outcome: Result<ExitStatus, String>) -> Status {
        match (outcome, &self.command) {
            (Ok(ExitStatus { code: 0, .. }), _) | (Ok(_), None) => remote_command::success(),
            (Ok(ExitStatus { code, .. }), Some(_)) if self.translated => {
                let why = format!("command terminated with exit code {code}");
                remote_command::non_zero_exit_code(code, &why)
            }
            (Ok(ExitStatus { code, .. }), Some(command)) => {
                let why = format!("error executing command [{}], exit code {code}", command.join(" "));
                remote_command::non_zero_exit_code(code, &why)
            }
            (Err(why), _) => {
                let failed = status::internal(format!("{}: {why}", self.doing));
                // What the kubelet says travels as the message of another error.
                if self.translated { status::internal(failed.message.unwrap_or_default()) } else { failed }
            }
        }
    }
}

async fn begin(
    kubelet: Arc<Kubelet>,
    pod: Pod,
    container: String,
    options: StreamOptions,
    action: Action,
) -> Result<Session, Box<Status>> {
    let StreamOptions { stdin, stdout, stderr, tty } = options;
    match action {
        Action::Exec(command) => {
            let request = ExecRequest { container, command, stdin, stdout, stderr, tty };
            kubelet.exec(&pod, request).await
        }
        Action::Attach => kubelet.attach(&pod, AttachRequest { container, stdin, stdout, stderr }).await,
    }
}
