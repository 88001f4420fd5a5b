//! `nc` and `ping`: connections by hand.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::flags::Flags;
use crate::message;
use crate::reactor::{Reactor, Task, join};
use crate::shell::{Shell, Stop};
use crate::socket::{Socket, when_ready};
use crate::stream::{CHUNK_BYTES, Stream, pipe};

/// How long a connection may take where nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// What was asked of `nc`.
struct Call<'a> {
    flags: Flags<'a>,
    /// `-w`: for connecting, and for silence.
    limit: Option<Duration>,
    /// `-e`: what talks instead of stdin and stdout.
    program: Vec<String>,
}

pub(super) async fn nc(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    // Everything behind `-e PROG` is for that program.
    let split = arguments.iter().position(|argument| argument == "-e").unwrap_or(arguments.len());
    let program = arguments.get(split + 1..).unwrap_or_default().to_vec();
    if split < arguments.len() && program.is_empty() {
        return Err(io::Error::other("option requires an argument -- 'e'"));
    }
    let flags = Flags::read(&arguments[..split], "lkp:w:zuvnq:s:i:")?;
    let limit = flags.value('w').map(super::clock::duration).transpose()?;
    let call = Call { flags, limit, program };
    match (call.flags.has('l'), call.flags.has('u')) {
        (true, false) => call.listen(shell).await,
        (false, false) => call.dial(shell).await,
        (listens, true) => call.datagrams(shell, listens).await,
    }
}

impl Call<'_> {
    fn deadline(&self) -> Option<Instant> {
        self.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    fn port(text: &str) -> io::Result<u16> {
        text.parse().map_err(|_| io::Error::other(format!("bad port '{text}'")))
    }

    /// Where it calls: host and ports, of which there may be a range.
    fn target(&self) -> io::Result<(&str, std::ops::RangeInclusive<u16>)> {
        match self.flags.operands[..] {
            [host, port] => {
                let (first, last) = port.split_once('-').unwrap_or((port, port));
                Ok((host, Self::port(first)?..=Self::port(last)?))
            }
            _ => Err(io::Error::other("a host and a port are needed, see --help")),
        }
    }

    async fn dial(&self, shell: &mut Shell) -> io::Result<u8> {
        let (host, ports) = self.target()?;
        let mut status = 1;
        for port in ports {
            let address = resolve(host, port)?;
            let deadline = self.deadline().or_else(|| Instant::now().checked_add(CONNECT_TIMEOUT));
            match Socket::connect(&shell.reactor, address, shell.no_later_than(deadline)) {
                Ok(socket) => {
                    if self.flags.has('v') {
                        shell.complain(&format!("{host} ({address}) open")).await;
                    }
                    status = 0;
                    if !self.flags.has('z') {
                        return self.talk(shell, socket).await;
                    }
                }
                Err(error) if self.flags.has('z') && !self.flags.has('v') => drop(error),
                Err(error) => {
                    shell.complain(&format!("nc: {host} ({address}): {}", message(&error))).await;
                }
            }
        }
        Ok(status)
    }

    async fn listen(&self, shell: &mut Shell) -> io::Result<u8> {
        let port = self.flags.value('p').or(self.flags.operands.last().copied());
        let port = Self::port(port.ok_or_else(|| io::Error::other("-l needs a port: -p PORT"))?)?;
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
        listener.set_nonblocking(true)?;
        if self.flags.has('v') {
            shell.complain(&format!("listening on {} ...", listener.local_addr()?)).await;
        }
        loop {
            let (stream, peer) = when_ready(&shell.reactor, self.deadline(), || listener.accept()).await?;
            if self.flags.has('v') {
                shell.complain(&format!("connect to {} from {peer}", stream.local_addr()?)).await;
            }
            let socket = Socket::new(&shell.reactor, stream)?;
            let status = self.talk(shell, socket).await?;
            if !self.flags.has('k') {
                return Ok(status);
            }
        }
    }

    /// Carries what is said to and fro, until the other side has said all.
    async fn talk(&self, shell: &mut Shell, socket: Socket) -> io::Result<u8> {
        if self.program.is_empty() {
            let (input, output) = (shell.stdin(), shell.streams.get(1));
            let send: Task<'_, io::Result<()>> = Box::pin(send(&socket, &input));
            let receive: Task<'_, io::Result<()>> = Box::pin(async { self.receive(&socket, &output).await });
            return match input {
                // A person is not waited for once the other side has said all; a command that writes is.
                Stream::Stdin(_) => until_second(&shell.reactor, send, receive).await.map(|()| 0),
                _ => {
                    let outcomes = join(&shell.reactor, vec![receive, send]).await;
                    outcomes.into_iter().collect::<io::Result<()>>().map(|()| 0)
                }
            };
        }
        let (input, to_program) = pipe(&shell.reactor);
        let (from_program, output) = pipe(&shell.reactor);
        let mut process = shell.clone();
        process.streams.set(0, input);
        process.streams.set(1, output);
        let program = self.program.clone();
        let run: Task<'_, u8> = Box::pin(async move {
            match process.run_program(&program).await {
                Ok(code) | Err(Stop::Exit(code)) => code,
                Err(_) => 0,
            }
        });
        let receive: Task<'_, io::Result<()>> = Box::pin(async {
            // The end of what the other side says is the end of the program's input.
            let to_program = to_program;
            self.receive(&socket, &to_program).await
        });
        let send: Task<'_, io::Result<()>> = Box::pin(send(&socket, &from_program));
        let carry: Task<'_, u8> = Box::pin(async {
            // The program has said all when it ends, whatever the other side still has to say.
            u8::from(until_second(&shell.reactor, receive, send).await.is_err())
        });
        Ok(join(&shell.reactor, vec![run, carry]).await.into_iter().next().unwrap_or_default())
    }

    async fn receive(&self, socket: &Socket, output: &Stream) -> io::Result<()> {
        loop {
            match socket.read(CHUNK_BYTES, self.deadline()).await {
                Ok(chunk) if chunk.is_empty() => return Ok(()),
                Ok(chunk) => match output.write(&chunk).await {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                    written => written?,
                },
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Err(io::Error::other("timed out"));
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// UDP: what stdin says is sent, what comes is printed. It ends when nothing comes for the time of `-w`.
    async fn datagrams(&self, shell: &mut Shell, listens: bool) -> io::Result<u8> {
        let (local, target) = match listens {
            true => {
                let port = self.flags.value('p').or(self.flags.operands.last().copied());
                (Self::port(port.ok_or_else(|| io::Error::other("-l needs a port: -p PORT"))?)?, None)
            }
            false => {
                let (host, ports) = self.target()?;
                (0, Some(resolve(host, *ports.start())?))
            }
        };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, local))?;
        socket.set_nonblocking(true)?;
        let mut peer = target;
        let mut sends = target.is_some();
        let mut buffer = vec![0; 65_536];
        loop {
            if sends && let Some(peer) = peer {
                let chunk = shell.stdin().read(CHUNK_BYTES).await?;
                sends = !chunk.is_empty();
                if sends {
                    when_ready(&shell.reactor, None, || socket.send_to(&chunk, peer)).await?;
                }
            }
            if sends && !listens {
                continue;
            }
            let received =
                when_ready(&shell.reactor, self.deadline(), || socket.recv_from(&mut buffer)).await;
            match received {
                Ok((count, from)) => {
                    // The first to speak is the one who is answered.
                    sends |= peer.is_none();
                    peer.get_or_insert(from);
                    shell.streams.get(1).write(&buffer[..count]).await?;
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(0),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends what a stream says, and its end.
async fn send(socket: &Socket, input: &Stream) -> io::Result<()> {
    loop {
        let chunk = input.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            socket.finish_writing();
            return Ok(());
        }
        if socket.write(&chunk, None).await.is_err() {
            return Ok(());
        }
    }
}

/// Both side by side, until the second is over; the first is dropped then.
async fn until_second(
    reactor: &Rc<Reactor>,
    mut first: Task<'_, io::Result<()>>,
    mut second: Task<'_, io::Result<()>>,
) -> io::Result<()> {
    let mut is_running = true;
    poll_fn(|context| {
        if is_running && let Poll::Ready(outcome) = first.as_mut().poll(context) {
            is_running = false;
            reactor.note_progress();
            if outcome.is_err() {
                return Poll::Ready(outcome);
            }
        }
        second.as_mut().poll(context)
    })
    .await
}

fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let found = (host, port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| io::Error::other(format!("bad address '{host}'")))
}

/// There is no ICMP in the pod network; with a port, connections are made instead.
pub(super) async fn ping(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "c:i:W:w:p:q46n")?;
    let [host] = flags.operands[..] else {
        return Err(io::Error::other("one host is needed, see --help"));
    };
    let address = resolve(host, flags.number('p')?.unwrap_or(0))?;
    if address.port() == 0 {
        let advice = format!("to see whether it answers, name a TCP port: ping -p 80 {host}");
        let reason = "there is no ICMP in this network, so nothing was sent";
        shell.complain(&format!("ping: {host} is {}; {reason}; {advice}", address.ip())).await;
        return Ok(1);
    }
    let count: u32 = flags.number('c')?.unwrap_or(4);
    let pause = flags.value('i').map(super::clock::duration).transpose()?.unwrap_or(Duration::from_secs(1));
    let limit = flags.value('W').map(super::clock::duration).transpose()?.unwrap_or(Duration::from_secs(10));
    shell
        .print(&format!("PING {host} ({}): TCP connections to port {}\n", address.ip(), address.port()))
        .await?;
    let mut answered = 0;
    for number in 0..count {
        if number > 0 {
            shell.reactor.sleep(pause).await;
        }
        let start = Instant::now();
        let deadline = shell.no_later_than(start.checked_add(limit));
        match Socket::connect(&shell.reactor, address, deadline) {
            Ok(_) => {
                answered += 1;
                let spent = start.elapsed().as_secs_f64() * 1000.0;
                let line = format!("connected to {address}: seq={number} time={spent:.3} ms\n");
                shell.print(&line).await?;
            }
            Err(error) => shell.complain(&format!("ping: {address}: seq={number} {}", message(&error))).await,
        }
    }
    let lost = (count - answered) * 100 / count.max(1);
    let line = format!(
        "\n--- {host} ping statistics ---\n{count} connections tried, {answered} made, {lost}% failed\n"
    );
    shell.print(&line).await?;
    Ok(u8::from(answered == 0))
}
