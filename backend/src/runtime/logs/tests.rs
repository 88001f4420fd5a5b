use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use tempfile::TempDir;

use super::*;
use crate::runtime::Clock;

/// A clock that advances by a second at each look.
fn seconds() -> Clock {
    let second = AtomicI64::new(0);
    Arc::new(move || jiff::Timestamp::from_second(second.fetch_add(1, Ordering::Relaxed)).unwrap())
}

fn log(config: LogConfig) -> (TempDir, LogWriter) {
    let directory = tempfile::tempdir().unwrap();
    let writer = LogWriter::create(directory.path().join("0.log"), config, seconds()).unwrap();
    (directory, writer)
}

async fn read(directory: &TempDir, options: LogOptions, follow: Option<LogFollow>) -> String {
    let reader = LogReader::open(&directory.path().join("0.log"), options, follow).await.unwrap();
    let chunks: Vec<_> = reader.try_collect().await.unwrap();
    String::from_utf8(chunks.concat()).unwrap()
}

#[tokio::test]
async fn a_log_file_should_hold_lines_in_the_cri_format() {
    let (directory, writer) = log(LogConfig::default());
    writer.write(Source::Stdout, b"one\ntw").unwrap();
    writer.write(Source::Stderr, b"problem\n").unwrap();
    writer.write(Source::Stdout, b"o\nno end").unwrap();
    writer.close();
    let text = std::fs::read_to_string(directory.path().join("0.log")).unwrap();
    assert_eq!(
        text,
        "1970-01-01T00:00:00.000000000Z stdout F one\n\
         1970-01-01T00:00:01.000000000Z stderr F problem\n\
         1970-01-01T00:00:02.000000000Z stdout F two\n\
         1970-01-01T00:00:03.000000000Z stdout P no end\n"
    );
    assert_eq!(read(&directory, LogOptions::default(), None).await, "one\nproblem\ntwo\nno end");
}

#[tokio::test]
async fn log_options_should_select_as_kubectl_logs_does() {
    let (directory, writer) = log(LogConfig::default());
    for line in ["a\n", "b\n", "c\n", "d\n"] {
        writer.write(Source::Stdout, line.as_bytes()).unwrap();
    }
    writer.write(Source::Stderr, b"e\n").unwrap();
    writer.close();
    let all = LogOptions::default();
    let since = jiff::Timestamp::from_second(3).unwrap();
    let cases = [
        (all, "a\nb\nc\nd\ne\n"),
        (LogOptions { tail: Some(2), ..all }, "d\ne\n"),
        (LogOptions { tail: Some(0), ..all }, ""),
        (LogOptions { tail: Some(9), ..all }, "a\nb\nc\nd\ne\n"),
        (LogOptions { since: Some(since), ..all }, "d\ne\n"),
        (LogOptions { limit_bytes: Some(3), ..all }, "a\nb"),
        (LogOptions { source: Some(Source::Stderr), ..all }, "e\n"),
        (LogOptions { tail: Some(1), timestamps: true, ..all }, "1970-01-01T00:00:04.000000000Z e\n"),
    ];
    for (options, expected) in cases {
        assert_eq!(read(&directory, options, None).await, expected, "{options:?}");
    }
}

#[tokio::test]
async fn a_long_line_should_be_split_in_the_file_and_whole_for_the_reader() {
    let (directory, writer) = log(LogConfig::default());
    let line = "x".repeat(40 * 1024) + "\n";
    writer.write(Source::Stdout, line.as_bytes()).unwrap();
    writer.close();
    let file = std::fs::read_to_string(directory.path().join("0.log")).unwrap();
    assert_eq!(file.lines().count(), 3);
    assert_eq!(file.matches(" stdout P ").count(), 2);
    let options = LogOptions { timestamps: true, ..LogOptions::default() };
    assert_eq!(read(&directory, options, None).await, format!("1970-01-01T00:00:00.000000000Z {line}"));
}

#[tokio::test]
async fn a_log_should_be_rotated_and_bounded() {
    let (directory, writer) = log(LogConfig { max_size_bytes: 100, max_files: 3 });
    for number in 0..20 {
        writer.write(Source::Stdout, format!("line {number}\n").as_bytes()).unwrap();
    }
    let mut names: Vec<_> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["0.log", "0.log.1", "0.log.2"]);
}

#[tokio::test]
async fn following_a_log_should_survive_rotation_and_end_with_the_container() {
    let (directory, writer) = log(LogConfig { max_size_bytes: 100, max_files: 20 });
    let follow = writer.follow();
    let write = tokio::spawn(async move {
        for number in 0..20 {
            writer.write(Source::Stdout, format!("line {number}\n").as_bytes()).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        writer.close();
    });
    let text = read(&directory, LogOptions::default(), Some(follow)).await;
    write.await.unwrap();
    let expected: String = (0..20).map(|number| format!("line {number}\n")).collect();
    assert_eq!(text, expected);
}
