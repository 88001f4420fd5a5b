//! Whether the page hears the cluster.

use std::collections::BTreeMap;

/// What one stream knows of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The server answers.
    Up,
    /// The server does not answer; tried again by itself.
    Down,
}

/// What all streams together know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not every stream has been answered yet.
    #[default]
    Connecting,
    /// Every stream is up.
    Live,
    /// At least one stream is down: what is shown may be old.
    Lost,
}

/// The links by stream name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links(BTreeMap<&'static str, Link>);

impl Links {
    /// A stream reports.
    pub fn report(&mut self, stream: &'static str, link: Link) {
        self.0.insert(stream, link);
    }

    /// What all streams together know, of which there are so many.
    pub fn connection(&self, streams: usize) -> Connection {
        if self.0.values().any(|link| *link == Link::Down) {
            Connection::Lost
        } else if self.0.len() < streams {
            Connection::Connecting
        } else {
            Connection::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_should_be_live_when_every_stream_is_and_lost_when_any_is() {
        let mut links = Links::default();
        let table = [
            ("pods", Link::Up, Connection::Connecting),
            ("nodes", Link::Down, Connection::Lost),
            ("nodes", Link::Up, Connection::Live),
        ];
        assert_eq!(links.connection(2), Connection::Connecting);
        for (stream, link, expected) in table {
            links.report(stream, link);
            assert_eq!(links.connection(2), expected, "{stream} {link:?}");
        }
    }
}
