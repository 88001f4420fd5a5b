//! Content by its digest, on the disk: `blobs/sha256/<hex>`, as in an
//! [OCI image layout](https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
//!
//! What lies under its final name is complete and was verified; it is written beside it, synced and renamed.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// `sha256:…` of some content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// That of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(format!("sha256:{:x}", Sha256::digest(bytes)))
    }

    /// With the algorithm before it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the algorithm.
    pub(super) fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        let is_hex = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match is_hex {
            true => Ok(Digest(text.to_owned())),
            false => Err(format!("{text:?} is no digest that is supported: sha256 with 64 digits is")),
        }
    }
}

/// Content by its digest.
pub struct Content {
    directory: PathBuf,
    ingests: AtomicU64,
}

impl Content {
    /// Opens a directory, which is made; what an earlier process did not finish is removed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(directory: &Path) -> io::Result<Content> {
        let ingest = directory.join("ingest");
        match fs::remove_dir_all(&ingest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&ingest)?,
        }
        fs::create_dir_all(directory.join("blobs/sha256"))?;
        Ok(Content { directory: directory.to_owned(), ingests: AtomicU64::new(0) })
    }

    /// Where content lies, if it is here.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs/sha256").join(digest.hex())
    }

    /// The length of content that is here.
    #[must_use]
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.path(digest)).ok().map(|metadata| metadata.len())
    }

    /// Whether content is here; it then counts as young, so that nobody sweeps it before it is named.
    pub fn refresh(&self, digest: &Digest) -> bool {
        let touched = fs::File::options().append(true).open(self.path(digest));
        touched.and_then(|file| file.set_modified(std::time::SystemTime::now())).is_ok()
    }

    /// Content as a whole. Blocks on the disk.
    ///
    /// # Errors
    /// When it is not here.
    pub fn read(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        fs::read(self.path(digest))
    }

    /// Begins to write content.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn begin(&self) -> io::Result<Ingest> {
        let number = self.ingests.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join("ingest").join(number.to_string());
        let file = File::create(&path).await?;
        Ok(Ingest { file, path, hasher: Sha256::new(), length: 0 })
    }

    /// Keeps what was written, if it is what was promised.
    ///
    /// # Errors
    /// When the digest is another, or the disk refuses.
    pub async fn keep(&self, mut ingest: Ingest, digest: &Digest) -> io::Result<()> {
        let found = ingest.digest();
        if found != *digest {
            let message = format!("the content has the digest {found} and not {digest}, as was promised");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        ingest.file.flush().await?;
        ingest.file.sync_all().await?;
        tokio::fs::rename(&ingest.path, self.path(digest)).await
    }

    /// Keeps these bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let mut ingest = self.begin().await?;
        ingest.write(bytes).await?;
        self.keep(ingest, &digest).await?;
        Ok(digest)
    }

    /// Removes all content that nobody names and that is older than a moment ago: somebody may be about to name
    /// what is young. Blocks on the disk.
    pub fn sweep(&self, is_named: impl Fn(&Digest) -> bool, youngest: std::time::Duration) {
        for entry in fs::read_dir(self.directory.join("blobs/sha256")).into_iter().flatten().flatten() {
            let digest = format!("sha256:{}", entry.file_name().to_string_lossy()).parse();
            let age = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|time| time.elapsed().ok());
            let is_old = age.is_some_and(|age| age >= youngest);
            if is_old
                && !digest.is_ok_and(|digest| is_named(&digest))
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "content was not removed");
            }
        }
    }
}

/// Content that is being written; removed unless it is kept.
pub struct Ingest {
    file: File,
    path: PathBuf,
    hasher: Sha256,
    length: u64,
}

impl Ingest {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).await
    }

    /// How many bytes were written.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of what was written so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(format!("sha256:{:x}", self.hasher.clone().finalize()))
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // Where it was kept there is none any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a small file whole or not at all, and so that it outlives a power cut. Blocks on the disk.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let partial = path.with_extension("partial");
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = fs::File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    #[cfg(unix)]
    path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_whole_sha256_should_be_a_digest() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().as_str(), good);
        for text in ["", "sha256:", "sha256:../../x", "sha512:00", &good.to_uppercase(), &format!("{good}0")]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn only_what_was_promised_should_be_kept() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path()).unwrap();
        let digest = Digest::of(b"promised");
        let mut other = content.begin().await.unwrap();
        other.write(b"other").await.unwrap();
        let error = content.keep(other, &digest).await.unwrap_err();
        assert!(error.to_string().contains("the content has the digest"), "{error}");
        assert_eq!(content.size(&digest), None);
        let mut whole = content.begin().await.unwrap();
        whole.write(b"prom").await.unwrap();
        whole.write(b"ised").await.unwrap();
        content.keep(whole, &digest).await.unwrap();
        assert_eq!(content.read(&digest).unwrap(), b"promised");
        assert_eq!(fs::read_dir(directory.path().join("ingest")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_nobody_names_should_be_swept_once_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path()).unwrap();
        let (kept, lost) = (content.put(b"kept").await.unwrap(), content.put(b"lost").await.unwrap());
        content.sweep(|_| false, Duration::from_secs(3600));
        assert!(content.size(&kept).is_some() && content.size(&lost).is_some());
        content.sweep(|digest| *digest == kept, Duration::ZERO);
        assert!(content.size(&kept).is_some() && content.size(&lost).is_none());
    }
}
