//! What must lie at the path of a `hostPath` volume: `pkg/volume/hostpath/host_path.go` of
//! kubernetes/kubernetes.

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Found {
    /// The value of `type` that wants it.
    fn as_type(self) -> &'static str {
        match self {
            Found::Nothing => "",
            Found::Directory => "Directory",
            Found::File => "File",
            Found::Socket => "Socket",
            Found::CharDevice => "CharDevice",
            Found::BlockDevice => "BlockDevice",
        }
    }
}

/// What to do before the path is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Nothing.
    Nothing,
    /// Make a directory, and those above it.
    MakeDirectory,
    /// Make an empty file; the directory that it is in must be there.
    MakeFile,
}

/// What to do for a volume of that `type` where `found` lies at the path; the error is why it cannot be
/// mounted. Without a type everything is taken as it is, and a directory is made where nothing is, as
/// container runtimes do.
pub fn prepare(path: &str, type_: &str, found: Found) -> Result<Preparation, String> {
    let (wanted, description) = match (type_, found) {
        ("", Found::Nothing) | ("DirectoryOrCreate", Found::Nothing) => {
            return Ok(Preparation::MakeDirectory);
        }
        ("", _) => return Ok(Preparation::Nothing),
        ("FileOrCreate", Found::Nothing) => return Ok(Preparation::MakeFile),
        ("DirectoryOrCreate" | "Directory", _) => ("Directory", "directory"),
        ("FileOrCreate" | "File", _) => ("File", "file"),
        ("Socket", _) => ("Socket", "socket file"),
        ("CharDevice", _) => ("CharDevice", "character device"),
        ("BlockDevice", _) => ("BlockDevice", "block device"),
        (other, _) => return Err(format!("{other} is an invalid volume type")),
    };
    match found {
        Found::Nothing => Err(format!("hostPath {path} doesn't exist")),
        found if found.as_type() == wanted => Ok(Preparation::Nothing),
        found => Err(format!(
            "hostPath type check failed: {path} is not a {description}, it's a {}",
            found.as_type()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_should_be_checked_as_upstream_does() {
        let make = |preparation| Ok(preparation);
        let cases = [
            ("", Found::Nothing, make(Preparation::MakeDirectory)),
            ("", Found::File, make(Preparation::Nothing)),
            ("DirectoryOrCreate", Found::Nothing, make(Preparation::MakeDirectory)),
            ("DirectoryOrCreate", Found::Directory, make(Preparation::Nothing)),
            (
                "DirectoryOrCreate",
                Found::File,
                Err("hostPath type check failed: /p is not a directory, it's a File"),
            ),
            ("Directory", Found::Nothing, Err("hostPath /p doesn't exist")),
            ("FileOrCreate", Found::Nothing, make(Preparation::MakeFile)),
            ("File", Found::Directory, Err("hostPath type check failed: /p is not a file, it's a Directory")),
            ("Socket", Found::Socket, make(Preparation::Nothing)),
            ("Socket", Found::File, Err("hostPath type check failed: /p is not a socket file, it's a File")),
            ("CharDevice", Found::Nothing, Err("hostPath /p doesn't exist")),
            (
                "BlockDevice",
                Found::CharDevice,
                Err("hostPath type check failed: /p is not a block device, it's a CharDevice"),
            ),
        ];
        for (type_, found, expected) in cases {
            let decided = prepare("/p", type_, found);
            assert_eq!(
                decided.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|e| *e),
                "{type_} {found:?}"
            );
        }
    }
}
