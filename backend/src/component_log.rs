//! What a control-plane component writes: to its container's log, in klog's format, so that
//! `kubectl logs -n kube-system kube-scheduler-control-plane` shows it.

use jiff::tz::TimeZone;

use crate::runtime::Clock;
use crate::runtime::logs::{LogWriter, Source};

/// The log of one component.
#[derive(Clone)]
pub struct ComponentLog {
    writer: LogWriter,
    clock: Clock,
}

impl ComponentLog {
    /// A log that ends up in the container's.
    pub fn new(writer: LogWriter, clock: Clock) -> ComponentLog {
        ComponentLog { writer, clock }
    }

    /// A line of severity Info.
    pub fn info(&self, message: &str) {
        self.line('I', message);
    }

    /// A line of severity Error.
    pub fn error(&self, message: &str) {
        self.line('E', message);
    }

    fn line(&self, severity: char, message: &str) {
        let now = (self.clock)().to_zoned(TimeZone::UTC);
        let line = format!("{severity}{} 1 kijabi] {message}\n", now.strftime("%m%d %H:%M:%S.%6f"));
        if let Err(error) = self.writer.write(Source::Stderr, line.as_bytes()) {
            tracing::debug!(%error, "a component's log line was lost");
        }
    }
}
