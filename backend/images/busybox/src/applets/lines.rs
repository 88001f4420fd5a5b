//! `cat`, `head`, `tail`.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::flags::{Flags, invalid_number, open_or_complain};
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Lines, Stream};

pub(super) async fn cat(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "nuv")?;
    let mut status = 0;
    let mut number = 0;
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, "cat", name, &mut status).await else { continue };
        match flags.has('n') {
            true => number_lines(shell, stream, &mut number).await?,
            false => copy(shell, &stream).await?,
        }
    }
    Ok(status)
}

async fn copy(shell: &Shell, stream: &Stream) -> io::Result<()> {
    let out = shell.streams.get(1);
    loop {
        let chunk = stream.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            return Ok(());
        }
        out.write(&chunk).await?;
    }
}

async fn number_lines(shell: &Shell, stream: Stream, number: &mut usize) -> io::Result<()> {
    let mut lines = Lines::new(stream);
    while let Some(line) = lines.next_text().await? {
        *number += 1;
        shell.print(&format!("{number:6}\t{line}\n")).await?;
    }
    Ok(())
}

/// `-5` is short for `-n 5`.
fn with_short_count(arguments: &[String]) -> Vec<String> {
    let expand = |argument: &String| match argument.strip_prefix('-') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            vec!["-n".to_owned(), digits.to_owned()]
        }
        _ => vec![argument.clone()],
    };
    arguments.iter().flat_map(expand).collect()
}

pub(super) async fn head(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let arguments = with_short_count(arguments);
    let flags = Flags::read(&arguments, "n:c:qv")?;
    let count: usize = flags.number('n')?.unwrap_or(10);
    let bytes: Option<usize> = flags.number('c')?;
    let mut status = 0;
    for (index, name) in flags.inputs().into_iter().enumerate() {
        let Some(stream) = open_or_complain(shell, "head", name, &mut status).await else { continue };
        title(shell, &flags, index, name).await?;
        match bytes {
            Some(bytes) => first_bytes(shell, &stream, bytes).await?,
            None => first_lines(shell, stream, count).await?,
        }
    }
    Ok(status)
}

async fn title(shell: &Shell, flags: &Flags<'_>, index: usize, name: &str) -> io::Result<()> {
    if flags.operands.len() < 2 || flags.has('q') {
        return Ok(());
    }
    let gap = if index > 0 { "\n" } else { "" };
    shell.print(&format!("{gap}==> {name} <==\n")).await
}

async fn first_lines(shell: &Shell, stream: Stream, count: usize) -> io::Result<()> {
    let out = shell.streams.get(1);
    let mut lines = Lines::new(stream);
    for _ in 0..count {
        let Some(line) = lines.next().await? else { break };
        out.write(&line).await?;
    }
    Ok(())
}

async fn first_bytes(shell: &Shell, stream: &Stream, mut left: usize) -> io::Result<()> {
    let out = shell.streams.get(1);
    while left > 0 {
        let chunk = stream.read(left.min(CHUNK_BYTES)).await?;
        if chunk.is_empty() {
            break;
        }
        left -= chunk.len();
        out.write(&chunk).await?;
    }
    Ok(())
}

/// How often a followed file is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

pub(super) async fn tail(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let arguments = with_short_count(arguments);
    let flags = Flags::read(&arguments, "n:c:fFqv")?;
    let lines = flags.value('n').unwrap_or("10");
    let bytes: Option<usize> = flags.number('c')?;
    let mut status = 0;
    let mut followed = Vec::new();
    for (index, name) in flags.inputs().into_iter().enumerate() {
        let Some(stream) = open_or_complain(shell, "tail", name, &mut status).await else { continue };
        title(shell, &flags, index, name).await?;
        match bytes {
            Some(bytes) => last_bytes(shell, &stream, bytes).await?,
            None => last_lines(shell, &stream, lines).await?,
        }
        followed.push(stream);
    }
    while (flags.has('f') || flags.has('F')) && !followed.is_empty() {
        for stream in &followed {
            copy(shell, stream).await?;
        }
        shell.reactor.sleep(LOOK_AGAIN).await;
    }
    Ok(status)
}

/// `-n 5` prints the last five lines, `-n +5` all from the fifth on.
async fn last_lines(shell: &Shell, stream: &Stream, count: &str) -> io::Result<()> {
    let number: usize = count.trim_start_matches(['+', '-']).parse().map_err(|_| invalid_number(count))?;
    let out = shell.streams.get(1);
    let mut lines = Lines::new(stream.clone());
    if count.starts_with('+') {
        let mut at = 0;
        while let Some(line) = lines.next().await? {
            at += 1;
            if at >= number {
                out.write(&line).await?;
            }
        }
        return Ok(());
    }
    let mut last = VecDeque::new();
    while let Some(line) = lines.next().await? {
        last.push_back(line);
        if last.len() > number {
            last.pop_front();
        }
    }
    out.write(&Vec::from(last).concat()).await
}

async fn last_bytes(shell: &Shell, stream: &Stream, count: usize) -> io::Result<()> {
    let mut last = Vec::new();
    loop {
        let chunk = stream.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            return shell.streams.get(1).write(&last).await;
        }
        last.extend(chunk);
        last.drain(..last.len().saturating_sub(count));
    }
}
