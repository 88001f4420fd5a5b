//! Bodies in chunks ([RFC 9112, 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1)).

/// A reader of chunks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunks {
    /// So many bytes of a chunk's data are to come, with the line end behind them.
    left: usize,
    /// The last chunk was read; its trailers are not.
    in_trailers: bool,
}

/// The bytes are no chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Chunks {
    /// Moves what can be read from `input` to `body`; true when the end is read.
    ///
    /// # Errors
    /// When these are no chunks.
    pub(crate) fn read(&mut self, input: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool, Malformed> {
        loop {
            if self.left > 0 {
                if input.is_empty() {
                    return Ok(false);
                }
                self.take_data(input, body);
                continue;
            }
            let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
                return if input.len() > 4096 { Err(Malformed) } else { Ok(false) };
            };
            let line: Vec<u8> = input.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim();
            if self.in_trailers {
                if line.is_empty() {
                    return Ok(true);
                }
                continue;
            }
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| Malformed)?;
            self.in_trailers = length == 0;
            self.left = if length == 0 { 0 } else { length.checked_add(2).ok_or(Malformed)? };
        }
    }

    /// The last two bytes that are left are the line end.
    fn take_data(&mut self, input: &mut Vec<u8>, body: &mut Vec<u8>) {
        let count = self.left.min(input.len());
        let data = count.min(self.left.saturating_sub(2));
        body.extend_from_slice(&input[..data]);
        input.drain(..count);
        self.left -= count;
    }
}

/// A chunk around bytes.
pub(crate) fn write(bytes: &[u8], output: &mut Vec<u8>) {
    if !bytes.is_empty() {
        output.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        output.extend_from_slice(bytes);
        output.extend_from_slice(b"\r\n");
    }
}

/// What stands behind the last chunk.
pub(crate) const END: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_should_be_put_together_however_they_arrive() {
        let text = b"4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\nA: b\r\n\r\nnext";
        for step in 1..text.len() {
            let (mut chunks, mut input, mut body) = (Chunks::default(), Vec::new(), Vec::new());
            let mut is_over = false;
            for piece in text.chunks(step) {
                input.extend_from_slice(piece);
                is_over = is_over || chunks.read(&mut input, &mut body).unwrap();
            }
            assert!(is_over, "{step}");
            assert_eq!((body.as_slice(), input.as_slice()), (b"wikipedia".as_slice(), b"next".as_slice()));
        }
        assert_eq!(Chunks::default().read(&mut b"x\r\n".to_vec(), &mut Vec::new()), Err(Malformed));
    }
}
