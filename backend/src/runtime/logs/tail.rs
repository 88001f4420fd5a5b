//! Finds where the last lines of a file begin, reading it from its end.
//! Follows `pkg/util/tail/tail.go`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

const BLOCK_BYTES: u64 = 8 * 1024;

/// The offset at which the last `lines` lines of `file` begin. A line without an end counts.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn start_of_last_lines(file: &mut File, lines: u64) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(end);
    }
    let mut wanted = lines + u64::from(ends_with_line_end(file, end)?);
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        read_block(file, start, end - start, &mut block)?;
        for (offset, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            wanted -= 1;
            if wanted == 0 {
                return Ok(start + offset as u64 + 1);
            }
        }
        end = start;
    }
    Ok(0)
}

fn ends_with_line_end(file: &mut File, end: u64) -> io::Result<bool> {
    let mut last = Vec::new();
    read_block(file, end.saturating_sub(1), end.min(1), &mut last)?;
    Ok(last == b"\n")
}

fn read_block(file: &mut File, start: u64, length: u64, block: &mut Vec<u8>) -> io::Result<()> {
    block.clear();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(block).map(drop)
}
