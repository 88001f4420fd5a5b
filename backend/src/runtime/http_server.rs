//! Components that export `wasi:http/incoming-handler`: a server in their pod. HTTP/1.1 and HTTP/2 are spoken here;
//! each request is one call of an instance, which is used again for later ones, as wasmtime's own server can do.
//!
//! A call counts to its container as a program does. One that traps, or whose client goes away before it is
//! answered, loses its instance and nothing else. Several of them write to the log at once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use wasmtime::{Result, Store};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::exit::ExitStatus;
use super::guest::{ComponentGuest, Outcome, Stdio};
use super::input::Input;
use super::serve::{self, Instances, MAX_INSTANCES, Server, Tasks};
use crate::network::Connection;

/// Requests that an instance answers before another takes its place: what it leaked goes with it.
const MAX_REUSES: u32 = 1000;

/// How long an instance is kept that nobody needs.
const KEPT: Duration = Duration::from_secs(30);

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

type Request = hyper::Request<Incoming>;
type Response = hyper::Response<HyperOutgoingBody>;
type Answer = oneshot::Sender<Result<Response, ErrorCode>>;

/// A component that answers requests.
struct HttpServer {
    handler: ProxyPre<ComponentGuest>,
    instances: Instances,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Instance>>,
}

/// A component that was instantiated.
struct Instance {
    store: Store<ComponentGuest>,
    proxy: Proxy,
    uses: u32,
    idle_since: Instant,
}

/// Serves the component on a port of its pod until the container is to stop.
pub(super) async fn run(
    handler: ProxyPre<ComponentGuest>,
    instances: Instances,
    port: u16,
    draining: CancellationToken,
) -> Outcome {
    let listener = match serve::listen(instances.process(), port) {
        Ok(listener) => listener,
        Err(error) => return Outcome::NotStarted(error),
    };
    let tasks = instances.tasks().clone();
    let slots = Arc::new(Semaphore::new(MAX_INSTANCES));
    let server = Arc::new(HttpServer { handler, instances, slots, idle: Mutex::default() });
    // A component that cannot be instantiated is found out before anybody is served.
    match server.instances.metered(server.instantiate()).await {
        Ok(first) => server.keep(first),
        Err(error) => return Outcome::NotStarted(error),
    }
    serve::run(server, tasks, listener, draining).await
}

impl Server for HttpServer {
    async fn serve(self: Arc<Self>, connection: Connection, draining: CancellationToken) {
        let executor = self.instances.tasks().clone();
        let mut protocols = auto::Builder::new(executor);
        protocols.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        protocols.http2().timer(TokioTimer::new());
        let answer = service_fn(move |request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let connection = protocols.serve_connection(TokioIo::new(connection), answer);
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection to a component ended");
        }
    }

    fn tidy(&self) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<_> =
            idle.extract_if(.., |instance| now.duration_since(instance.idle_since) > KEPT).collect();
        drop(idle);
        drop(old);
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

impl HttpServer {
    /// Has an instance answer a request. The call goes on while the body of its answer is read.
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let Ok(slot) = self.slots.clone().acquire_owned().await else {
            return failure(StatusCode::SERVICE_UNAVAILABLE, "the server is going down");
        };
        let (answer, answered) = oneshot::channel();
        let gone = CancellationToken::new();
        let client = gone.clone().drop_guard();
        let server = self.clone();
        self.instances.spawn(async move {
            let call = server.call(request, answer);
            tokio::select! {
                biased;
                () = gone.cancelled() => {}
                called = call => server.report_failure(called),
            }
            drop(slot);
        });
        let answered = answered.await;
        client.disarm();
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(code)) => failure(StatusCode::INTERNAL_SERVER_ERROR, &format!("{code:?}")),
            Err(_) => failure(StatusCode::INTERNAL_SERVER_ERROR, "the handler gave no answer"),
        }
    }

    async fn call(&self, request: Request, answer: Answer) -> Result<()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => self.instantiate().await?,
        };
        instance.call(request, answer).await?;
        self.keep(instance);
        Ok(())
    }

    async fn instantiate(&self) -> Result<Instance> {
        let (stdout, stderr) = self.instances.outputs();
        let guest = self.instances.guest(Stdio { stdin: Input::empty(), stdout, stderr }, Vec::new())?;
        let mut store = guest.into_component_store(&self.instances.engine);
        let proxy = self.handler.instantiate_async(&mut store).await?;
        Ok(Instance { store, proxy, uses: 0, idle_since: Instant::now() })
    }

    /// Keeps an instance for the next request, unless it is worn out.
    fn keep(&self, instance: Instance) {
        if instance.uses < MAX_REUSES {
            let instance = Instance { idle_since: Instant::now(), ..instance };
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
        }
    }

    fn report_failure(&self, called: Result<()>) {
        if let Err(error) = called {
            let status = ExitStatus::of(&error);
            let why = if status.message.is_empty() { "it exited" } else { &status.message };
            self.instances.report(&format!("a request ended with exit code {}: {why}", status.code));
        }
    }
}

impl Instance {
    async fn call(&mut self, request: Request, answer: Answer) -> Result<()> {
        self.uses += 1;
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let answer = http.new_response_outparam(answer)?;
        self.proxy.wasi_http_incoming_handler().call_handle(&mut self.store, request, answer).await
    }
}

/// An answer of the server's own.
fn failure(status: StatusCode, text: &str) -> Response {
    let body =
        Full::new(format!("{text}\n").into()).map_err(|error: Infallible| match error {}).boxed_unsync();
    let mut response = hyper::Response::new(body);
    *response.status_mut() = status;
    let plain = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
