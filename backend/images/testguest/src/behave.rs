//! What a program can do to the machine it runs on.

use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

/// Ends with a code, also one that `std` cannot pass on in WASI 0.2.
pub(crate) fn exit(code: u8) -> io::Result<()> {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    wasip2::cli::exit::exit_with_code(code);
    std::process::exit(code.into())
}

pub(crate) fn print(text: &[&str]) -> io::Result<()> {
    for (number, line) in text.iter().enumerate() {
        if number % 2 == 0 { println!("{line}") } else { eprintln!("{line}") }
    }
    Ok(())
}

pub(crate) fn print_env() -> io::Result<()> {
    for (name, value) in std::env::vars() {
        println!("{name}={value}");
    }
    Ok(())
}

/// Reads its standard input to the end.
pub(crate) fn read_stdin() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    println!("read {text:?}");
    Ok(())
}

/// Says of each of its standard streams whether it is a terminal.
pub(crate) fn is_terminal() -> io::Result<()> {
    let streams = [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
    println!("{} {} {}", streams[0], streams[1], streams[2]);
    Ok(())
}

/// What is written at once.
const PIECE: [u8; 4096] = [b'x'; 4096];

/// Adds to a file as long as there is room, and says what ended it.
pub(crate) fn fill(path: &str) -> io::Result<()> {
    let full = std::fs::OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
        loop {
            file.write_all(&PIECE)?;
        }
    });
    full.or_else(|error: io::Error| {
        println!("{error}");
        Ok(())
    })
}

/// Writes over the first half mebibyte of a file, so many times.
pub(crate) fn refill(path: &str, times: usize) -> io::Result<()> {
    for _ in 0..times {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        write_pieces(&mut file, 128)?;
    }
    Ok(())
}

/// Deletes a file and writes another in its place, half a mebibyte each time, many times.
pub(crate) fn replace(path: &str) -> io::Result<()> {
    for _ in 0..100 {
        std::fs::remove_file(path)?;
        write_pieces(&mut std::fs::File::create(path)?, 128)?;
    }
    Ok(())
}

/// Writes a file of so many mebibytes, says so, and waits.
pub(crate) fn hold_file(path: &str, mebibytes: usize) -> io::Result<()> {
    write_pieces(&mut std::fs::File::create(path)?, mebibytes * 256)?;
    println!("written");
    sleep()
}

fn write_pieces(file: &mut std::fs::File, count: usize) -> io::Result<()> {
    for _ in 0..count {
        file.write_all(&PIECE)?;
    }
    Ok(())
}

pub(crate) fn read_file(path: &str) -> io::Result<()> {
    print!("{}", std::fs::read_to_string(path)?);
    Ok(())
}

/// Opens a file as often as it can, closes it as often, and opens it once more as often as it can.
pub(crate) fn open_files(path: &str) -> io::Result<()> {
    for _ in 0..2 {
        let mut files = Vec::new();
        let error = loop {
            match std::fs::File::open(path) {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        println!("{}: {:?}", files.len(), error.kind());
    }
    Ok(())
}

/// Never gives the processor away by itself.
pub(crate) fn spin() -> io::Result<()> {
    println!("spinning");
    loop {
        std::hint::black_box(());
    }
}

/// Counts rounds of work for a while and prints how many.
pub(crate) fn work(milliseconds: u64) -> io::Result<()> {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let mut rounds = 0_u64;
    while Instant::now() < end {
        rounds = std::hint::black_box(rounds + 1);
    }
    println!("{rounds}");
    Ok(())
}

pub(crate) fn sleep() -> io::Result<()> {
    println!("sleeping");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

pub(crate) fn panic() -> io::Result<()> {
    panic!("on demand")
}

pub(crate) fn recurse() -> io::Result<()> {
    println!("{}", deeper(std::hint::black_box(0)));
    Ok(())
}

fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 16]);
    if depth == u64::MAX {
        return depth;
    }
    deeper(depth + 1) + frame[usize::try_from(depth % 16).unwrap_or(0)]
}

pub(crate) fn eat_memory() -> io::Result<()> {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&eaten);
    }
}

/// Writes as fast as it can.
pub(crate) fn flood() -> io::Result<()> {
    let line = [b'x'; 120];
    let mut out = io::stdout().lock();
    loop {
        out.write_all(&line)?;
        out.write_all(b"\n")?;
    }
}

/// Answers one HTTP request from its standard input, and says who asks: a server under inetd.
pub(crate) fn answer() -> io::Result<()> {
    let mut lines = io::stdin().lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while let Some(line) = lines.next().transpose()? {
        if line.trim().is_empty() {
            break;
        }
    }
    eprintln!("{first}");
    let asks = std::env::var("TCPREMOTEIP").unwrap_or_default();
    match first.split(' ').nth(1) {
        Some("/spin") => spin(),
        Some("/memory") => eat_memory(),
        Some("/exit") => exit(3),
        _ => {
            print!("HTTP/1.0 200 OK\r\n\r\nhello {asks}\n");
            io::stdout().flush()
        }
    }
}

/// Makes a symbolic link in the first of its directories, whatever it leads to.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub(crate) fn link(target: &str, path: &str) -> io::Result<()> {
    let directories = wasip2::filesystem::preopens::get_directories();
    let made = directories.first().map(|(directory, _)| directory.symlink_at(target, path));
    println!("{made:?}");
    Ok(())
}
