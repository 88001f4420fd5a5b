//! The format of archives: the headers of `ustar`, long names as GNU and as POSIX (`pax`) write them.
//!
//! Follows <https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html> ("ustar Interchange Format",
//! "pax Header Block") and, for types `L` and `K`, GNU tar.

/// An archive is made of blocks of so many bytes.
pub const BLOCK_BYTES: usize = 512;
/// The most bytes of a name: the longest that is taken from an archive.
const MAX_NAME_BYTES: u64 = 64 << 10;

const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const USER: std::ops::Range<usize> = 108..116;
const GROUP: std::ops::Range<usize> = 116..124;
const SIZE: std::ops::Range<usize> = 124..136;
const TIME: std::ops::Range<usize> = 136..148;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const LINK: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..265;
const PREFIX: std::ops::Range<usize> = 345..500;

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// The name of the entry that follows, as GNU writes long ones.
    LongName,
    /// The target of the link that follows, as GNU writes long ones.
    LongLink,
    /// Facts about the entry that follows, as POSIX writes them.
    Facts,
    /// Anything else.
    Other,
}

/// The header of an entry; its content follows, filled up to whole blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How many bytes follow.
    pub size: u64,
    /// When it was changed, in seconds since 1970.
    pub modified: u64,
    /// Where a link leads.
    pub link: String,
}

/// What stands before an entry about it.
#[derive(Debug, Default)]
pub struct Facts {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

/// How many bytes of zeros follow so many of content.
#[must_use]
pub fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK_BYTES as u64) - size
}

impl Header {
    /// Reads a header; `None` at the end of the archive.
    ///
    /// # Errors
    /// Where it is none.
    pub fn decode(block: &[u8; BLOCK_BYTES]) -> Result<Option<Header>, &'static str> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if octal(&block[CHECKSUM]) != Some(checksum(block)) {
            return Err("invalid tar header checksum");
        }
        let size = number(&block[SIZE]).ok_or("invalid tar header size")?;
        let kind = match block[KIND] {
            0 | b'0' | b'7' => Kind::File,
            b'5' => Kind::Directory,
            b'2' => Kind::Symlink,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'x' => Kind::Facts,
            _ => Kind::Other,
        };
        let mut name = text(&block[NAME]);
        if block[MAGIC].starts_with(b"ustar\0") && block[PREFIX.start] != 0 {
            name = format!("{}/{name}", text(&block[PREFIX]));
        }
        // The oldest archives know directories by their names alone.
        let kind = if kind == Kind::File && name.ends_with('/') { Kind::Directory } else { kind };
        let modified = number(&block[TIME]).unwrap_or(0);
        Ok(Some(Header { name, kind, size, modified, link: text(&block[LINK]) }))
    }

    /// Makes the blocks of a header: two more where the name or the link is long.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut blocks = Vec::new();
        for (long, kind) in [(&self.name, Kind::LongName), (&self.link, Kind::LongLink)] {
            if long.len() > NAME.len() {
                let size = long.len() as u64 + 1;
                let name = "././@LongLink".to_owned();
                let about = Header { name, kind, size, modified: 0, link: String::new() };
                blocks.extend(about.block());
                blocks.extend(long.as_bytes());
                blocks.resize(blocks.len() + 1 + padding(size) as usize, 0);
            }
        }
        blocks.extend(self.block());
        blocks
    }

    fn block(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        put(&mut block[NAME], self.name.as_bytes());
        let (letter, mode) = match self.kind {
            Kind::File | Kind::Other => (b'0', 0o644),
            Kind::Directory => (b'5', 0o755),
            Kind::Symlink => (b'2', 0o777),
            Kind::LongName => (b'L', 0o644),
            Kind::LongLink => (b'K', 0o644),
            Kind::Facts => (b'x', 0o644),
        };
        put(&mut block[MODE], format!("{mode:07o}").as_bytes());
        put(&mut block[USER], b"0000000");
        put(&mut block[GROUP], b"0000000");
        put_size(&mut block[SIZE], self.size);
        put(&mut block[TIME], format!("{:011o}", self.modified & 0o77_777_777_777).as_bytes());
        block[KIND] = letter;
        put(&mut block[LINK], self.link.as_bytes());
        put(&mut block[MAGIC], b"ustar  ");
        let sum = checksum(&block);
        put(&mut block[CHECKSUM], format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

impl Facts {
    /// Whether an entry of this kind says something about the next one, and is no entry itself.
    #[must_use]
    pub fn are_in(header: &Header) -> bool {
        matches!(header.kind, Kind::LongName | Kind::LongLink | Kind::Facts)
    }

    /// Whether they are so long that nobody means them.
    #[must_use]
    pub fn are_too_long(header: &Header) -> bool {
        header.size > MAX_NAME_BYTES
    }

    /// Adds what the content of such an entry says.
    pub fn add(&mut self, kind: Kind, content: &[u8]) {
        match kind {
            Kind::LongName => self.name = Some(text(content)),
            Kind::LongLink => self.link = Some(text(content)),
            _ => self.add_records(content),
        }
    }

    /// Records of the form `LENGTH KEY=VALUE\n`.
    fn add_records(&mut self, mut content: &[u8]) {
        while let Some(space) = content.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&content[..space]).ok().and_then(|text| text.parse().ok());
            let Some(length) = length.filter(|length| (space + 2..=content.len()).contains(length)) else {
                return;
            };
            let record = String::from_utf8_lossy(&content[space + 1..length - 1]).into_owned();
            content = &content[length..];
            match record.split_once('=') {
                Some(("path", value)) => self.name = Some(value.to_owned()),
                Some(("linkpath", value)) => self.link = Some(value.to_owned()),
                Some(("size", value)) => self.size = value.parse().ok(),
                _ => {}
            }
        }
    }

    /// The entry as they say it is.
    #[must_use]
    pub fn complete(self, header: Header) -> Header {
        let name = self.name.unwrap_or(header.name);
        let (link, size) = (self.link.unwrap_or(header.link), self.size.unwrap_or(header.size));
        Header { name, link, size, ..header }
    }
}

/// Text up to its first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn octal(bytes: &[u8]) -> Option<u64> {
    let text = text(bytes);
    let text = text.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// A number in octal digits, or in bytes where it is larger than these can say.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes.split_first() {
        Some((0x80, rest)) => rest.iter().try_fold(0_u64, |sum, byte| {
            sum.checked_mul(256).and_then(|sum| sum.checked_add(u64::from(*byte)))
        }),
        _ => octal(bytes),
    }
}

fn put(place: &mut [u8], bytes: &[u8]) {
    let length = bytes.len().min(place.len());
    place[..length].copy_from_slice(&bytes[..length]);
}

fn put_size(place: &mut [u8], size: u64) {
    const MOST: u64 = 0o77_777_777_777;
    if size <= MOST {
        return put(place, format!("{size:011o}").as_bytes());
    }
    place[0] = 0x80;
    let start = place.len() - 8;
    place[start..].copy_from_slice(&size.to_be_bytes());
}

/// The sum of a header's bytes, the place of the sum itself taken as spaces.
fn checksum(block: &[u8; BLOCK_BYTES]) -> u64 {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum(&block[..CHECKSUM.start]) + sum(&block[CHECKSUM.end..]) + 8 * u64::from(b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> Header {
        Header { name: name.into(), kind: Kind::File, size, modified: 7, link: String::new() }
    }

    fn first(blocks: &[u8]) -> [u8; BLOCK_BYTES] {
        blocks[..BLOCK_BYTES].try_into().unwrap()
    }

    #[test]
    fn header_should_be_read_as_it_was_made() {
        let link = Header { kind: Kind::Symlink, link: "a".into(), ..file("b", 0) };
        let directory = Header { kind: Kind::Directory, ..file("d/", 0) };
        for header in [file("a.txt", 513), file("huge", 1 << 40), link, directory] {
            let blocks = header.encode();
            assert_eq!(blocks.len(), BLOCK_BYTES);
            assert_eq!(Header::decode(&first(&blocks)), Ok(Some(header)));
        }
        assert_eq!(Header::decode(&[0; BLOCK_BYTES]), Ok(None));
    }

    #[test]
    fn long_name_should_stand_before_its_entry() {
        let name = "d/".repeat(80);
        let blocks = file(&name, 0).encode();
        let about = Header::decode(&first(&blocks)).unwrap().unwrap();
        assert!(Facts::are_in(&about));
        let mut facts = Facts::default();
        facts.add(about.kind, &blocks[BLOCK_BYTES..][..about.size as usize]);
        let own = Header::decode(&first(&blocks[2 * BLOCK_BYTES..])).unwrap().unwrap();
        assert_eq!(facts.complete(own).name, name);
    }

    #[test]
    fn facts_should_be_read_as_posix_writes_them() {
        let mut facts = Facts::default();
        facts.add(Kind::Facts, "30 mtime=1350244992.023960108\n13 path=\u{d0a4}.\n".as_bytes());
        assert_eq!(facts.complete(file("x", 1)).name, "\u{d0a4}.");
        for noise in ["", "x", "9 a=b", "2 a=b\n", "99999999999999999999 a=b\n", "0 \n"] {
            Facts::default().add(Kind::Facts, noise.as_bytes());
        }
    }

    #[test]
    fn what_is_no_header_should_be_refused() {
        let mut block = first(&file("a", 0).encode());
        block[0] ^= 1;
        assert_eq!(Header::decode(&block), Err("invalid tar header checksum"));
    }
}
