//! `wc`.

use std::io;

use super::flags::{Flags, open_or_complain};
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Stream};

/// Lines, words and bytes.
type Counts = [usize; 3];

pub(super) async fn wc(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "lwcm")?;
    let all = !"lwcm".chars().any(|letter| flags.has(letter));
    let shown = [all || flags.has('l'), all || flags.has('w'), all || flags.has('c') || flags.has('m')];
    let mut status = 0;
    let mut total = [0; 3];
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, "wc", name, &mut status).await else { continue };
        let counts = count(&stream).await?;
        total = [total[0] + counts[0], total[1] + counts[1], total[2] + counts[2]];
        let name = if flags.operands.is_empty() { "" } else { name };
        shell.print(&line(counts, shown, name)).await?;
    }
    if flags.operands.len() > 1 {
        shell.print(&line(total, shown, "total")).await?;
    }
    Ok(status)
}

async fn count(stream: &Stream) -> io::Result<Counts> {
    let mut counts = [0; 3];
    let mut in_word = false;
    loop {
        let chunk = stream.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            return Ok(counts);
        }
        for byte in &chunk {
            counts[0] += usize::from(*byte == b'\n');
            counts[1] += usize::from(!byte.is_ascii_whitespace() && !in_word);
            in_word = !byte.is_ascii_whitespace();
        }
        counts[2] += chunk.len();
    }
}

/// A single count stands alone, several in columns.
fn line(counts: Counts, shown: [bool; 3], name: &str) -> String {
    let shown: Vec<usize> =
        counts.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|(count, _)| count).collect();
    let numbers = match shown[..] {
        [one] => one.to_string(),
        _ => shown.iter().map(|count| format!("{count:>9} ")).collect::<String>().trim_end().to_owned(),
    };
    let gap = if name.is_empty() { "" } else { " " };
    format!("{numbers}{gap}{name}\n")
}
