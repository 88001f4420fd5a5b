//! The small HTTP servers of the cluster's components: what they say needs no more than a request's head.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::network::Listener;
use crate::pump::Tasks;

/// How long a client may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Answers every request until no connection will come any more.
pub(crate) async fn serve<F>(mut listener: Listener, answer: F)
where
    F: Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
{
    let mut clients = Tasks::default();
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            never = clients.watch() => match never {},
        };
        let Ok(connection) = connection else { return };
        let answer = answer.clone();
        clients.spawn(async move {
            let respond = service_fn(move |request| {
                let response = answer(&request);
                async { Ok::<_, Infallible>(response) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            let served = server.serve_connection(TokioIo::new(connection), respond);
            // Who does not speak HTTP, or not in time, gets no answer.
            let _ = tokio::time::timeout(LIMIT, served).await;
        });
    }
}
