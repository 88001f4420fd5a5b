//! `tar`, as far as `kubectl cp` and people need it: archives are made, unpacked and listed, without
//! compression.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::message;
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Stream};
use crate::tar::{BLOCK_BYTES, Facts, Header, Kind, padding};

/// What to do.
#[derive(Clone, Copy, PartialEq)]
enum Action {
    Create,
    Extract,
    List,
}

/// The options and the names that were given.
struct Options<'a> {
    action: Action,
    archive: &'a str,
    directory: Option<&'a str>,
    verbose: bool,
    names: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads arguments, the first of which may do without its dash, as always with `tar`.
    fn read(arguments: &'a [String]) -> io::Result<Self> {
        let mut action = None;
        let mut options = Options {
            action: Action::List,
            archive: "-",
            directory: None,
            verbose: false,
            names: Vec::new(),
        };
        let mut rest = arguments.iter().skip(1).map(String::as_str).enumerate();
        while let Some((number, argument)) = rest.next() {
            let letters = match argument.strip_prefix('-') {
                Some("-no-same-owner" | "-no-same-permissions" | "-overwrite") => continue,
                Some(letters) if !letters.is_empty() => letters,
                None if number == 0 => argument,
                _ => {
                    options.names.push(argument);
                    continue;
                }
            };
            for letter in letters.chars() {
                let mut value = || {
                    let missing = || io::Error::other(format!("option requires an argument -- '{letter}'"));
                    rest.next().map(|(_, value)| value).ok_or_else(missing)
                };
                match letter {
                    'c' => action = Some(Action::Create),
                    'x' => action = Some(Action::Extract),
                    't' => action = Some(Action::List),
                    'f' => options.archive = value()?,
                    'C' => options.directory = Some(value()?),
                    'v' => options.verbose = true,
                    // Times, owners and permissions: a WASI program has no say in them.
                    'm' | 'o' | 'p' => {}
                    'z' | 'j' | 'J' => return Err(io::Error::other("compression is not supported here")),
                    _ => return Err(io::Error::other(format!("invalid option -- '{letter}'"))),
                }
            }
        }
        options.action = action.ok_or_else(|| io::Error::other("one of -c, -x and -t is needed"))?;
        Ok(options)
    }
}

pub(super) async fn tar(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let options = Options::read(arguments)?;
    let archive = match (options.archive, options.action) {
        ("-", Action::Create) => shell.streams.get(1),
        ("-", _) => shell.stdin(),
        (name, Action::Create) => Stream::file(File::create(shell.path(name))?),
        (name, _) => Stream::file(File::open(shell.path(name))?),
    };
    let base = options.directory.map_or_else(|| shell.directory.clone(), |directory| shell.path(directory));
    if !base.is_dir() {
        return Err(io::Error::other(format!("can't change directory to '{}'", base.display())));
    }
    match options.action {
        Action::Create => create(shell, &options, &archive, &base).await,
        Action::Extract | Action::List => take_out(shell, &options, archive, &base).await,
    }
}

async fn create(shell: &Shell, options: &Options<'_>, archive: &Stream, base: &Path) -> io::Result<u8> {
    let mut status = 0;
    for name in &options.names {
        let own = name.trim_start_matches('/');
        if own != *name {
            shell.complain("tar: removing leading '/' from member names").await;
        }
        let own = if own.is_empty() { "." } else { own };
        // What is still to be added: the path, and its name in the archive.
        let mut waiting: Vec<(PathBuf, String)> = vec![(base.join(name), own.to_owned())];
        while let Some((path, name)) = waiting.pop() {
            if let Err(error) = add(archive, &path, &name).await {
                shell.complain(&format!("tar: {}: {}", path.display(), message(&error))).await;
                status = 1;
            } else if options.verbose {
                shell.complain(&name).await;
            }
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                waiting.extend(children(&path, &name));
            }
        }
    }
    archive.write(&[0; 2 * BLOCK_BYTES]).await?;
    Ok(status)
}

/// What is in a directory, the last first.
fn children(path: &Path, name: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let name = name.trim_end_matches('/');
    let mut children: Vec<(PathBuf, String)> = entries
        .map(|entry| (entry.path(), format!("{name}/{}", entry.file_name().to_string_lossy())))
        .collect();
    children.sort_by(|left, right| right.cmp(left));
    children
}

/// Adds one entry.
async fn add(archive: &Stream, path: &Path, name: &str) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_secs());
    let mut header =
        Header { name: name.to_owned(), kind: Kind::File, size: 0, modified, link: String::new() };
    if metadata.is_dir() {
        header.kind = Kind::Directory;
        header.name = format!("{}/", name.trim_end_matches('/'));
    } else if metadata.is_symlink() {
        header.kind = Kind::Symlink;
        header.link = fs::read_link(path)?.to_string_lossy().into_owned();
    } else {
        let mut file = File::open(path)?;
        header.size = metadata.len();
        archive.write(&header.encode()).await?;
        return add_content(archive, &mut file, header.size).await;
    }
    archive.write(&header.encode()).await
}

/// Writes just as many bytes as the header says, also where the file shrank since.
async fn add_content(archive: &Stream, file: &mut File, size: u64) -> io::Result<()> {
    let mut left = size;
    while left > 0 {
        let mut bytes = vec![0; left.min(CHUNK_BYTES as u64) as usize];
        let read = file.read(&mut bytes)?;
        if read == 0 {
            bytes.fill(0);
        } else {
            bytes.truncate(read);
        }
        archive.write(&bytes).await?;
        left -= bytes.len() as u64;
    }
    archive.write(&vec![0; padding(size) as usize]).await
}

/// An archive that is read.
struct Archive {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Archive {
    /// At most so many bytes, and none only at the end.
    async fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.buffer = self.stream.read(CHUNK_BYTES).await?;
        }
        let rest = self.buffer.split_off(limit.min(self.buffer.len()));
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// Just so many bytes; `None` where the archive ends before the first of them.
    async fn exact(&mut self, size: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let more = self.read(size - bytes.len()).await?;
            match (more.is_empty(), bytes.is_empty()) {
                (true, true) => return Ok(None),
                (true, false) => return Err(short_read()),
                (false, _) => bytes.extend(more),
            }
        }
        Ok(Some(bytes))
    }

    /// The next entry, with what stands before it.
    async fn next(&mut self) -> io::Result<Option<Header>> {
        let mut facts = Facts::default();
        loop {
            let Some(block) = self.exact(BLOCK_BYTES).await? else { return Ok(None) };
            let block = block.try_into().map_err(|_| short_read())?;
            let Some(header) = Header::decode(&block).map_err(io::Error::other)? else { return Ok(None) };
            if !Facts::are_in(&header) {
                return Ok(Some(facts.complete(header)));
            }
            if Facts::are_too_long(&header) {
                return Err(io::Error::other("invalid tar header: a name is too long"));
            }
            let content = self.exact(header.size as usize).await?.unwrap_or_default();
            facts.add(header.kind, &content);
            self.copy(padding(header.size), &Stream::Null).await?;
        }
    }

    async fn copy(&mut self, size: u64, target: &Stream) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let bytes = self.read(left.min(CHUNK_BYTES as u64) as usize).await?;
            if bytes.is_empty() {
                return Err(short_read());
            }
            target.write(&bytes).await?;
            left -= bytes.len() as u64;
        }
        Ok(())
    }
}

fn short_read() -> io::Error {
    io::Error::other("short read")
}

async fn take_out(shell: &Shell, options: &Options<'_>, stream: Stream, base: &Path) -> io::Result<u8> {
    let mut archive = Archive { stream, buffer: Vec::new() };
    let mut status = 0;
    while let Some(header) = archive.next().await? {
        let wanted =
            options.names.is_empty() || options.names.iter().any(|name| is_below(&header.name, name));
        let content = header.size;
        let mut target = Stream::Null;
        if wanted && options.action == Action::List {
            shell.print(&format!("{}\n", header.name)).await?;
        } else if wanted {
            if options.verbose {
                shell.print(&format!("{}\n", header.name)).await?;
            }
            match place(base, &header) {
                Ok(stream) => target = stream,
                Err(error) => {
                    shell.complain(&format!("tar: {}: {}", header.name, message(&error))).await;
                    status = 1;
                }
            }
        }
        archive.copy(content, &target).await?;
        archive.copy(padding(content), &Stream::Null).await?;
    }
    // Whoever writes the archive may still have its end to write.
    while !archive.read(CHUNK_BYTES).await?.is_empty() {}
    Ok(status)
}

fn is_below(name: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_matches('/');
    let rest = name.trim_start_matches('/').strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Makes what an entry is, and returns where its content goes.
fn place(base: &Path, header: &Header) -> io::Result<Stream> {
    let relative = Path::new(header.name.trim_start_matches('/'));
    if relative.components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::other("name with '..' skipped"));
    }
    let path = base.join(relative);
    if header.kind == Kind::Directory {
        fs::create_dir_all(&path)?;
        return Ok(Stream::Null);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match header.kind {
        Kind::File => {
            // What stood there before may be a link that leads elsewhere.
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
                fs::remove_file(&path)?;
            }
            Ok(Stream::file(File::create(&path)?))
        }
        Kind::Symlink => {
            Err(io::Error::other(format!("no link to '{}': links cannot be made here", header.link)))
        }
        _ => Err(io::Error::other("this kind of entry cannot be made here")),
    }
}
