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
    /// Nothing has answered yet.
    #[default]
    Connecting,
    /// Every stream that has reported is up.
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

    /// What all streams together know.
    pub fn connection(&self) -> Connection {
        if self.0.is_empty() {
            Connection::Connecting
        } else if self.0.values().any(|link| *link == Link::Down) {
            Connection::Lost
        } else {
            Connection::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_should_be_lost_while_any_stream_is_down() {
        let mut links = Links::default();
        assert_eq!(links.connection(), Connection::Connecting);
        links.report("pods", Link::Up);
        links.report("nodes", Link::Down);
        assert_eq!(links.connection(), Connection::Lost);
        links.report("nodes", Link::Up);
        assert_eq!(links.connection(), Connection::Live);
    }
}
