use super::*;

const LIMITS: Limits = Limits { longest_argument_bytes: 512 << 20, is_trusted: true };

/// All requests of a text that arrives in pieces of `piece` bytes, words joined by `|`.
fn read(text: &[u8], piece: usize, limits: Limits) -> Result<Vec<String>, String> {
    let mut reader = Reader::default();
    let mut found = Vec::new();
    for bytes in text.chunks(piece) {
        reader.feed(bytes);
        while let Some(request) = reader.next(limits)? {
            let words: Vec<_> =
                request.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            found.push(words.join("|"));
        }
    }
    Ok(found)
}

#[test]
fn requests_should_be_read_however_they_arrive() {
    let cases: [(&str, &[&str]); 6] = [
        ("*1\r\n$4\r\nPING\r\n", &["PING"]),
        ("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", &["GET|a", "PING"]),
        ("PING\r\nset a 'b c'\n", &["PING", "set|a|b c"]),
        ("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n", &["ECHO|\r\n\r\n"]),
        ("\r\n*0\r\n*-1\r\nPING\r\n", &["PING"]),
        ("*2\r\n$3\r\nGET\r\n$1\r\n", &[]),
    ];
    for (text, expected) in cases {
        for piece in [1, 2, 3, 1000] {
            assert_eq!(read(text.as_bytes(), piece, LIMITS).unwrap(), expected, "{text:?} by {piece}");
        }
    }
}

#[test]
fn what_breaks_the_protocol_should_be_refused_in_redis_words() {
    let long = "x".repeat(LONGEST_LINE_BYTES + 1);
    let cases = [
        ("*x\r\n", "invalid multibulk length"),
        ("*1048577\r\n", "invalid multibulk length"),
        ("*1\r\nPING\r\n", "expected '$', got 'P'"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("set a 'b\r\n", "unbalanced quotes in request"),
        ("set \"a\"b\r\n", "unbalanced quotes in request"),
        (long.as_str(), "too big inline request"),
    ];
    for (text, expected) in cases {
        let error = read(text.as_bytes(), 4096, LIMITS).unwrap_err();
        assert_eq!(error, format!("Protocol error: {expected}"));
    }
    let stranger = Limits { is_trusted: false, ..LIMITS };
    let cases = [
        ("*11\r\n", "unauthenticated multibulk length"),
        ("*1\r\n$16385\r\n", "unauthenticated bulk length"),
    ];
    for (text, expected) in cases {
        let error = read(text.as_bytes(), 4096, stranger).unwrap_err();
        assert_eq!(error, format!("Protocol error: {expected}"));
    }
}

#[test]
fn words_should_be_quoted_as_redis_cli_does() {
    let cases: [(&str, Option<&[&[u8]]>); 6] = [
        (r"set a b", Some(&[b"set", b"a", b"b"])),
        (r#"set "a b" "\x41\n\"""#, Some(&[b"set", b"a b", b"A\n\""])),
        (r"'it\'s' ''", Some(&[b"it's", b""])),
        ("   ", Some(&[])),
        (r#""a"#, None),
        (r#"'a'b"#, None),
    ];
    for (line, expected) in cases {
        let expected = expected.map(|words| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>());
        assert_eq!(split_line(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn replies_should_be_written_for_both_protocols() {
    let pair = || vec![(Reply::text("a"), Reply::Integer(1))];
    let cases = [
        (Reply::OK, "+OK\r\n", "+OK\r\n"),
        (Reply::Error("ERR a\r\nb".to_owned()), "-ERR a  b\r\n", "-ERR a  b\r\n"),
        (Reply::Integer(-5), ":-5\r\n", ":-5\r\n"),
        (Reply::text("ab"), "$2\r\nab\r\n", "$2\r\nab\r\n"),
        (Reply::Nil, "$-1\r\n", "_\r\n"),
        (Reply::NilArray, "*-1\r\n", "_\r\n"),
        (Reply::Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
        (Reply::Map(pair()), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"),
        (Reply::Set(vec![Reply::Integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n"),
        (Reply::Push(vec![Reply::Integer(1)]), "*1\r\n:1\r\n", ">1\r\n:1\r\n"),
        (Reply::Verbatim("ab".to_owned()), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"),
    ];
    for (reply, old, new) in cases {
        for (protocol, expected) in [(2, old), (3, new)] {
            let mut out = Vec::new();
            reply.write(protocol, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{reply:?}");
        }
    }
}
