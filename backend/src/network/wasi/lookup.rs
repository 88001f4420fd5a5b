//! `wasi:sockets/ip-name-lookup`: a guest's `getaddrinfo`, answered as `names` says.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::vec;

use futures::future::BoxFuture;
use shared::dns::search::LookupError;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    Host, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, SocketResult, subscribe};

use super::{PodSocketsView, ours, ours_owned, theirs};
use crate::network::names::ResolveError;

/// The answer to one question, as it comes.
enum Answer {
    Asked(BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>>),
    Given(Result<vec::IntoIter<IpAddr>, ErrorCode>),
}

impl Answer {
    fn poll_given(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<&mut Result<vec::IntoIter<IpAddr>, ErrorCode>> {
        if let Self::Asked(question) = self {
            let addresses = std::task::ready!(Pin::new(question).poll(context));
            *self = Self::Given(addresses.map(usable).map_err(resolve_code));
        }
        match self {
            Self::Given(answer) => Poll::Ready(answer),
            Self::Asked(_) => Poll::Pending,
        }
    }
}

/// The addresses that a socket can be made for.
fn usable(mut addresses: Vec<IpAddr>) -> vec::IntoIter<IpAddr> {
    addresses.retain(IpAddr::is_ipv4);
    addresses.into_iter()
}

fn resolve_code(error: ResolveError) -> ErrorCode {
    match error {
        ResolveError::Lookup(LookupError::NotFound) => ErrorCode::NameUnresolvable,
        ResolveError::Lookup(LookupError::Temporary) => ErrorCode::TemporaryResolverFailure,
        ResolveError::Lookup(LookupError::Refused(reason)) => {
            tracing::debug!(reason, "a name server refused to answer");
            ErrorCode::PermanentResolverFailure
        }
        ResolveError::Invalid => ErrorCode::InvalidArgument,
    }
}

#[async_trait]
impl Pollable for Answer {
    async fn ready(&mut self) {
        poll_fn(|context| self.poll_given(context).map(drop)).await;
    }
}

impl Host for PodSocketsView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<ResolveAddressStream>> {
        self.check(&network)?;
        let pod = self.sockets.pod.clone();
        let question = Box::pin(async move { pod.resolve(&name).await });
        Ok(theirs(&self.table.push(Answer::Asked(question))?))
    }
}

impl HostResolveAddressStream for PodSocketsView<'_> {
    fn resolve_next_address(
        &mut self,
        this: Resource<ResolveAddressStream>,
    ) -> SocketResult<Option<IpAddress>> {
        let answer: &mut Answer = self.table.get_mut(&ours(&this))?;
        match answer.poll_given(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(addresses)) => Ok(addresses.next().map(IpAddress::from)),
            Poll::Ready(Err(code)) => Err((*code).into()),
            Poll::Pending => Err(ErrorCode::WouldBlock.into()),
        }
    }

    fn subscribe(&mut self, this: Resource<ResolveAddressStream>) -> Result<Resource<DynPollable>> {
        subscribe::<Answer>(self.table, ours(&this))
    }

    fn drop(&mut self, this: Resource<ResolveAddressStream>) -> Result<()> {
        let _: Answer = self.table.delete(ours_owned(&this))?;
        Ok(())
    }
}
