use image_server::Service as _;

use super::*;

fn start(folder: &Path, options: &[(&str, &str)]) -> Result<Service, String> {
    let mut config = Config::default();
    config.set("dir", folder.to_str().unwrap()).unwrap();
    config.set("appendonly", "yes").unwrap();
    options.iter().for_each(|(name, value)| config.set(name, value).unwrap());
    let mut service = Service::start(config, 7)?;
    service.connect(1, SocketAddr::from(([127, 0, 0, 1], 1)));
    Ok(service)
}

fn send(service: &mut Service, line: &str) -> String {
    service.receive(1, format!("{line}\r\n").as_bytes());
    service.turn();
    let text = String::from_utf8_lossy(service.output(1)).into_owned();
    service.sent(1, text.len());
    text
}

#[test]
fn data_should_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut first, "set a 1"), "+OK\r\n");
    // The program is killed: nothing is written at its end.
    std::mem::forget(first);
    let mut second = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut second, "incr a"), ":2\r\n");
    assert!(send(&mut second, "bgrewriteaof").starts_with("+Background"));
    assert_eq!(send(&mut second, "incr a"), ":3\r\n");
    drop(second);
    let mut third = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut third, "get a"), "$1\r\n3\r\n");
}

#[test]
fn a_file_that_breaks_off_should_be_cut_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("appendonly.aof");
    let mut first = start(folder.path(), &[]).unwrap();
    send(&mut first, "set a 1");
    send(&mut first, "set b 2");
    drop(first);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    assert!(start(folder.path(), &[("aof-load-truncated", "no")]).is_err());
    let mut second = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut second, "mget a b"), "*2\r\n$1\r\n1\r\n$-1\r\n");
    send(&mut second, "set b 3");
    drop(second);
    let mut third = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut third, "get b"), "$1\r\n3\r\n");
}

#[test]
fn a_file_that_grew_should_be_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = start(folder.path(), &[("auto-aof-rewrite-min-size", "10kb")]).unwrap();
    for _ in 0..1000 {
        send(&mut service, "incr a");
    }
    let length = std::fs::metadata(folder.path().join("appendonly.aof")).unwrap().len();
    assert!(length < 12 << 10, "{length}");
    drop(service);
    let mut again = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut again, "get a"), "$4\r\n1000\r\n");
}

#[test]
fn a_file_that_cannot_be_had_should_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let error = start(&folder.path().join("none"), &[]).unwrap_err();
    assert!(error.starts_with("Can't open or create append-only file"), "{error}");
}

#[test]
fn a_file_begun_later_should_hold_what_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start(folder.path(), &[("appendonly", "no")]).unwrap();
    send(&mut first, "set a 1");
    assert_eq!(send(&mut first, "config set appendonly yes"), "+OK\r\n");
    drop(first);
    let mut second = start(folder.path(), &[]).unwrap();
    assert_eq!(send(&mut second, "get a"), "$1\r\n1\r\n");
}
