//! What a program can do on a network, with `std::net` alone.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Instant;

/// Serves one connection after the other: says who is there, then returns every byte until the client is done.
pub(crate) fn echo_server(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (mut stream, peer) = listener.accept()?;
        if let Err(error) = echo(&mut stream, &peer.ip().to_string()) {
            println!("lost {peer}: {:?}", error.kind());
        }
    }
}

fn echo(stream: &mut TcpStream, peer: &str) -> io::Result<()> {
    writeln!(stream, "hello {peer}")?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return stream.shutdown(Shutdown::Write);
        }
        stream.write_all(&buffer[..read])?;
    }
}

/// Connects, prints its greeting and sends a line to and fro.
pub(crate) fn connect(address: &str) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    println!("connected to {}", stream.peer_addr()?);
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    print!("{line}");
    writeln!(&stream, "ping")?;
    line.clear();
    reader.read_line(&mut line)?;
    print!("{line}");
    Ok(())
}

/// Connects, reads the greeting and leaves, so often, one after the other; says how long one takes.
pub(crate) fn time_connects(address: &str, count: u32) -> io::Result<()> {
    let start = Instant::now();
    for _ in 0..count {
        BufReader::new(TcpStream::connect(address)?).read_line(&mut String::new())?;
    }
    println!("{} us", (start.elapsed() / count).as_micros());
    Ok(())
}

/// Reads one connection to its end and says how much that was and how fast.
pub(crate) fn sink_server(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    let (mut stream, _) = listener.accept()?;
    let (start, mut buffer, mut received) = (Instant::now(), vec![0; 64 * 1024], 0);
    while let read @ 1.. = stream.read(&mut buffer)? {
        received += read;
    }
    let megabytes = received >> 20;
    println!("received {megabytes} MB");
    eprintln!("{:.0} MB/s", f64::from(u32::try_from(megabytes).unwrap_or(0)) / start.elapsed().as_secs_f64());
    Ok(())
}

/// Sends so much.
pub(crate) fn send(address: &str, megabytes: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let chunk = vec![7; 1 << 20];
    (0..megabytes).try_for_each(|_| stream.write_all(&chunk))
}

/// Sends until it is done, then reads what the other side still has to say.
pub(crate) fn half_close(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"last words")?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    println!("{}", text.replace('\n', "|"));
    Ok(())
}

pub(crate) fn lookup(name: &str) -> io::Result<()> {
    for address in (name, 80).to_socket_addrs()? {
        println!("{address}");
    }
    Ok(())
}

pub(crate) fn udp_server(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut buffer = vec![0; 65536];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        println!("from {}", peer.ip());
        socket.send_to(&buffer[..length].to_ascii_uppercase(), peer)?;
    }
}

/// Sends a word to `address` and prints what comes back, and from where.
pub(crate) fn udp(address: &str, word: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.send(word.as_bytes())?;
    let mut buffer = [0; 1024];
    let (length, peer) = socket.recv_from(&mut buffer)?;
    println!("{} from {peer}", String::from_utf8_lossy(&buffer[..length]));
    Ok(())
}

/// Opens as many sockets as it can, up to `count`, and says how many and why there are no more.
pub(crate) fn udp_sockets(count: usize) -> io::Result<()> {
    hoard(count, || UdpSocket::bind("0.0.0.0:0"))
}

/// Makes as many connections as it can, up to `count`.
pub(crate) fn connections(address: &str, count: usize) -> io::Result<()> {
    hoard(count, || TcpStream::connect(address))
}

/// Keeps connections until it cannot take any more, lets go of them, and serves those that come after.
pub(crate) fn hoard_server(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening");
    hoard(usize::MAX, || listener.accept())?;
    loop {
        let (mut stream, peer) = listener.accept()?;
        // A client that went away meanwhile is not the one that is waited for.
        let _ = echo(&mut stream, &peer.ip().to_string());
    }
}

fn hoard<T>(count: usize, open: impl Fn() -> io::Result<T>) -> io::Result<()> {
    let mut hoard = Vec::new();
    let error = loop {
        match open() {
            Ok(_) if hoard.len() == count => break None,
            Ok(socket) => hoard.push(socket),
            Err(error) => break Some(error.kind()),
        }
    };
    println!("{}: {error:?}", hoard.len());
    Ok(())
}
