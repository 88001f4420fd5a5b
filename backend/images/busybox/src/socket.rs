//! A TCP connection that lets the other commands go on while it waits.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::reactor::Reactor;

/// How long to look away from a connection that has nothing to say: at first, and at most.
const NAPS: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(10));

/// A connection.
pub struct Socket {
    stream: TcpStream,
    reactor: Rc<Reactor>,
}

impl Socket {
    /// Calls an address. While it rings, nothing else goes on.
    ///
    /// # Errors
    /// Those of the network, and `TimedOut`.
    pub fn connect(
        reactor: &Rc<Reactor>,
        address: SocketAddr,
        deadline: Option<Instant>,
    ) -> io::Result<Self> {
        let stream = match deadline {
            None => TcpStream::connect(address)?,
            Some(deadline) => TcpStream::connect_timeout(&address, left(deadline)?)?,
        };
        Self::new(reactor, stream)
    }

    /// A connection that is there.
    ///
    /// # Errors
    /// Those of the network.
    pub fn new(reactor: &Rc<Reactor>, stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, reactor: Rc::clone(reactor) })
    }

    /// Reads at most `limit` bytes; none at the end.
    ///
    /// # Errors
    /// Those of the network, and `TimedOut`.
    pub async fn read(&self, limit: usize, deadline: Option<Instant>) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; limit];
        let count = when_ready(&self.reactor, deadline, || (&self.stream).read(&mut buffer)).await?;
        buffer.truncate(count);
        Ok(buffer)
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// Those of the network, and `TimedOut`.
    pub async fn write(&self, mut bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        while !bytes.is_empty() {
            match when_ready(&self.reactor, deadline, || (&self.stream).write(bytes)).await? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }

    /// Says that nothing more will be written.
    pub fn finish_writing(&self) {
        // A connection that is gone needs no farewell.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Both ends' addresses: this one, and the other.
    ///
    /// # Errors
    /// Those of the network.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.stream.local_addr()?, self.stream.peer_addr()?))
    }
}

/// Does what would block again and again until it does not.
///
/// # Errors
/// Those of the deed, and `TimedOut`.
pub async fn when_ready<T>(
    reactor: &Rc<Reactor>,
    deadline: Option<Instant>,
    mut act: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut nap = NAPS.0;
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let left = deadline.map(left).transpose()?;
                reactor.sleep(left.map_or(nap, |left| left.min(nap))).await;
                nap = NAPS.1.min(nap * 2);
            }
            done => return done,
        }
    }
}

/// What is left until then.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
