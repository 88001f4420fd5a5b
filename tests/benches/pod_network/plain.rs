//! A component behind a socket of this machine, with nothing but wasmtime-wasi-http: what its documentation shows,
//! with instances that are used again.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::error::Context as _;
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(hyper::Response<WasiBody>, Driver), Error>> + Send>;
type Instance = (Store<Guest>, Proxy);

struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    requests: NoRequests,
}

/// The component asks nobody.
struct NoRequests;

impl WasiHttpHooks for NoRequests {
    fn send_request(&mut self, _: hyper::Request<WasiBody>, _: Option<RequestOptions>, _: Driver) -> Sending {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.requests }
    }
}

struct Server {
    engine: Engine,
    handler: ProxyPre<Guest>,
    idle: Mutex<Vec<Instance>>,
}

/// Serves the component, and says where.
pub(super) async fn serve(program: &[u8]) -> Result<SocketAddr> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let handler = ProxyPre::new(linker.instantiate_pre(&Component::new(&engine, program)?)?)?;
    let server = Arc::new(Server { engine, handler, idle: Mutex::default() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(server.clone().answer_all(stream));
        }
    });
    Ok(address)
}

impl Server {
    async fn answer_all(self: Arc<Self>, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let service = service_fn(move |request| self.clone().answer(request));
        Ok(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<HyperOutgoingBody>> {
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let (mut store, proxy) = match idle {
                Some(instance) => instance,
                None => self.instantiate().await?,
            };
            let mut http = store.data_mut().http();
            let request = http.new_incoming_request(Scheme::Http, request)?;
            let answer = http.new_response_outparam(answer)?;
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, answer).await?;
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((store, proxy));
            Result::<()>::Ok(())
        });
        Ok(answered.await.context("no answer")??)
    }

    async fn instantiate(&self) -> Result<Instance> {
        let guest = Guest {
            wasi: WasiCtx::builder().build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            requests: NoRequests,
        };
        let mut store = Store::new(&self.engine, guest);
        let proxy = self.handler.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}
