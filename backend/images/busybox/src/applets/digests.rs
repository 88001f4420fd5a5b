//! `md5sum`, `sha1sum`, `sha256sum`, `sha512sum`; `base64` and `paste`.

use std::fmt::Write as _;
use std::io;

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::flags::{Flags, open, open_or_complain};
use crate::base64;
use crate::md5::Md5;
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Lines, Stream};

pub(super) async fn md5sum(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    sum(shell, arguments, "md5sum", || Hasher::Md5(Md5::default())).await
}

pub(super) async fn sha1sum(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    sum(shell, arguments, "sha1sum", || Hasher::Sha1(Sha1::default())).await
}

pub(super) async fn sha256sum(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    sum(shell, arguments, "sha256sum", || Hasher::Sha256(Sha256::default())).await
}

pub(super) async fn sha512sum(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    sum(shell, arguments, "sha512sum", || Hasher::Sha512(Box::default())).await
}

enum Hasher {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        let bytes = match self {
            Self::Md5(hasher) => hasher.finish().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        };
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

async fn of(stream: &Stream, mut hasher: Hasher) -> io::Result<String> {
    loop {
        let chunk = stream.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            return Ok(hasher.finish());
        }
        hasher.update(&chunk);
    }
}

async fn sum(shell: &Shell, arguments: &[String], tool: &str, hasher: impl Fn() -> Hasher) -> io::Result<u8> {
    let flags = Flags::read(arguments, "csbt")?;
    let mut status = 0;
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, tool, name, &mut status).await else { continue };
        if flags.has('c') {
            status |= check(shell, &flags, stream, tool, &hasher).await?;
        } else {
            let digest = of(&stream, hasher()).await?;
            shell.print(&format!("{digest}  {name}\n")).await?;
        }
    }
    Ok(status)
}

/// Compares the files that a list names with the digests in it.
async fn check(
    shell: &Shell,
    flags: &Flags<'_>,
    list: Stream,
    tool: &str,
    hasher: &impl Fn() -> Hasher,
) -> io::Result<u8> {
    let mut lines = Lines::new(list);
    let (mut wrong, mut all) = (0, 0);
    while let Some(line) = lines.next_text().await? {
        let Some((digest, name)) = line.split_once(' ') else { continue };
        let name = name.trim_start_matches([' ', '*']);
        all += 1;
        let mut missing = 0;
        let found = match open_or_complain(shell, tool, name, &mut missing).await {
            Some(stream) => of(&stream, hasher()).await?,
            None => String::new(),
        };
        let is_right = found == digest.to_ascii_lowercase();
        wrong += u32::from(!is_right);
        if !flags.has('s') {
            shell.print(&format!("{name}: {}\n", if is_right { "OK" } else { "FAILED" })).await?;
        }
    }
    if wrong > 0 && !flags.has('s') {
        let warning = format!("{tool}: WARNING: {wrong} of {all} computed checksums did NOT match");
        shell.complain(&warning).await;
    }
    Ok(u8::from(wrong > 0))
}

pub(super) async fn base64(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "dDw:")?;
    let width: usize = flags.number('w')?.unwrap_or(76);
    let stream = open(shell, flags.inputs()[0])?;
    let mut bytes = Vec::new();
    loop {
        let chunk = stream.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            break;
        }
        bytes.extend(chunk);
    }
    if flags.has('d') || flags.has('D') {
        let decoded = base64::decode(&bytes).ok_or_else(|| io::Error::other("truncated input"))?;
        shell.streams.get(1).write(&decoded).await?;
        return Ok(0);
    }
    let text = base64::encode(&bytes);
    let lines = match width {
        0 => text,
        _ => {
            text.as_bytes().chunks(width).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
        }
    };
    shell.print(&lines).await?;
    Ok(0)
}

/// Lines of files side by side, or with `-s` those of each file in one line.
pub(super) async fn paste(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "d:s")?;
    let list = flags.value('d').unwrap_or("\t").replace("\\t", "\t").replace("\\n", "\n");
    let separators: Vec<String> = match list.is_empty() {
        true => vec![String::new()],
        false => list.chars().map(String::from).collect(),
    };
    let mut files = Vec::new();
    for name in flags.inputs() {
        files.push(Lines::new(open(shell, name)?));
    }
    let joined = |fields: &[String]| {
        let mut line = String::new();
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                line.push_str(&separators[(index - 1) % separators.len()]);
            }
            line.push_str(field);
        }
        line + "\n"
    };
    if flags.has('s') {
        for mut file in files {
            let mut fields = Vec::new();
            while let Some(line) = file.next_text().await? {
                fields.push(line);
            }
            shell.print(&joined(&fields)).await?;
        }
        return Ok(0);
    }
    loop {
        let mut fields = Vec::new();
        let mut is_over = true;
        for file in &mut files {
            let line = file.next_text().await?;
            is_over &= line.is_none();
            fields.push(line.unwrap_or_default());
        }
        if is_over {
            return Ok(0);
        }
        shell.print(&joined(&fields)).await?;
    }
}
