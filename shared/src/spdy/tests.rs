//! Frames and sessions against bytes that zlib and a client wrote, and against noise.

use proptest::prelude::*;

use super::*;

/// Two header blocks in a row as zlib compresses them, at its best and with the dictionary.
const BLOCKS: [&str; 2] = [
    "78f9e3c6a7c202253a48f95b044aab4c16064092b308125b99a054cc68004e872545a989b9d0a2863515141100000000ffff",
    "224b2ba8944a04000000ffff",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn port_forward(kind: &str) -> Headers {
    Headers::new(&[("port", "80"), ("requestid", "0"), ("streamtype", kind)])
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.next_event().unwrap()).collect()
}

#[test]
fn inflater_should_read_what_zlib_wrote_block_after_block() {
    let mut inflater = Inflater::default();
    assert_eq!(inflater.inflate(&bytes(BLOCKS[0])), Ok(port_forward("error")));
    assert_eq!(inflater.inflate(&bytes(BLOCKS[1])), Ok(port_forward("data")));
}

#[test]
fn block_should_end_with_a_flush_as_go_needs_it() {
    let mut deflater = Deflater::default();
    for _ in 0..2 {
        assert!(deflater.deflate(&Headers::default()).ends_with(&[0, 0, 0, 0xff, 0xff]));
    }
}

#[test]
fn inflater_should_read_more_than_its_window_holds() {
    let (mut inflater, mut deflater) = (Inflater::default(), Deflater::default());
    for number in 0..20 {
        let headers = Headers::new(&[("x", &format!("{number}-{}", "y".repeat(9000)))]);
        assert_eq!(inflater.inflate(&deflater.deflate(&headers)), Ok(headers));
    }
}

#[test]
fn inflater_should_refuse_what_is_corrupt_or_too_large() {
    let large = Deflater::default().deflate(&Headers::new(&[("x", &"y".repeat(17_000))]));
    let mut many = Deflater::default().deflate(&Headers::default());
    many[7..11].copy_from_slice(&u32::MAX.to_be_bytes());
    let cases: [(&str, Vec<u8>, SpdyError); 6] = [
        ("empty", Vec::new(), SpdyError::Compression),
        ("not zlib", vec![0x79, 0x01, 0], SpdyError::Compression),
        ("another dictionary", vec![0x78, 0xf9, 1, 2, 3, 4], SpdyError::Compression),
        ("too large", large, SpdyError::Compression),
        ("too many", many, SpdyError::Headers),
        ("an invalid block", vec![0x78, 0x01, 0x07], SpdyError::Compression),
    ];
    for (what, block, expected) in cases {
        assert_eq!(Inflater::default().inflate(&block), Err(expected), "{what}");
    }
}

#[test]
fn session_should_tell_what_a_client_did_however_its_bytes_are_cut() {
    let mut deflater = Deflater::default();
    let parts = [
        syn_stream(&mut deflater, 1, &port_forward("error"), true),
        syn_stream(&mut deflater, 3, &port_forward("data"), false),
        ping(1),
        ping(2),
        data(3, b"hello", false),
        data(3, b"", true),
        rst_stream(3, StatusCode::Cancel),
        go_away(0),
    ];
    let sent = parts.concat();
    for size in [1, 3, 8, 64, sent.len()] {
        let mut session = Session::default();
        let mut found = Vec::new();
        for part in sent.chunks(size) {
            session.push(part);
            found.extend(events(&mut session));
        }
        let said: Vec<u8> = found
            .iter()
            .filter_map(|event| match event {
                Event::Data { stream: 3, bytes, .. } => Some(bytes.to_vec()),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(said, b"hello", "{size}");
        found.retain(|event| !matches!(event, Event::Data { finished: false, .. }));
        let expected = [
            Event::Opened { stream: 1, headers: port_forward("error"), finished: true },
            Event::Opened { stream: 3, headers: port_forward("data"), finished: false },
            Event::Answer(ping(1)),
            Event::Data { stream: 3, bytes: bytes::Bytes::new(), finished: true },
            Event::Reset { stream: 3 },
            Event::GoneAway,
        ];
        assert_eq!(found, expected, "{size}");
    }
}

#[test]
fn session_should_end_where_a_client_breaks_the_rules() {
    let opened = |stream| syn_stream(&mut Deflater::default(), stream, &Headers::default(), false).to_vec();
    let mut deflater = Deflater::default();
    let again = [1, 1].map(|stream| syn_stream(&mut deflater, stream, &Headers::default(), false)).concat();
    let cases: [(&str, Vec<u8>, SpdyError); 5] = [
        ("an even stream", opened(2), SpdyError::StreamId(2)),
        ("a stream that was", again, SpdyError::StreamId(1)),
        ("version 2", vec![0x80, 2, 0, 6, 0, 0, 0, 4], SpdyError::Version(2)),
        ("a long control frame", vec![0x80, 3, 0, 1, 0, 0xff, 0, 0], SpdyError::FrameTooLarge(0xff_0000)),
        ("a short reset", vec![0x80, 3, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1], SpdyError::FrameTooShort(3)),
    ];
    for (what, sent, expected) in cases {
        let mut session = Session::default();
        session.push(&sent);
        let found = loop {
            match session.next_event() {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert_eq!(found, Err(expected), "{what}");
    }
}

#[test]
fn accepted_stream_should_be_answered_with_a_reply_that_a_client_reads() {
    let mut session = Session::default();
    let mut reader = FrameReader::default();
    let mut inflater = Inflater::default();
    for stream in [1, 3] {
        reader.push(&session.accept(stream));
        let Ok(Some(Frame::SynReply { stream: found, fin: false, block })) = reader.next_frame() else {
            panic!("no reply");
        };
        assert_eq!((found, inflater.inflate(&block)), (stream, Ok(Headers::default())));
    }
    reader.push(&session.refuse(5));
    assert_eq!(reader.next_frame(), Ok(Some(Frame::RstStream { stream: 5, status: 3 })));
}

proptest! {
    #[test]
    fn noise_should_never_make_a_session_panic(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut session = Session::default();
        session.push(&noise);
        while let Ok(Some(_)) = session.next_event() {}
    }

    #[test]
    fn noisy_blocks_should_never_make_an_inflater_panic(
        blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..4),
        cut in 0_usize..50,
    ) {
        let mut inflater = Inflater::default();
        let mut first = bytes(BLOCKS[0]);
        first.truncate(cut);
        for block in std::iter::once(first).chain(blocks) {
            if inflater.inflate(&block).is_err() {
                break;
            }
        }
    }

    #[test]
    fn frames_of_noise_should_never_make_a_session_panic(
        kind in 0_u8..12, body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut session = Session::default();
        session.push(&[0x80, 3, 0, kind, 1, 0, 0, body.len() as u8]);
        session.push(&body);
        while let Ok(Some(_)) = session.next_event() {}
    }
}
