//! What happened in a transfer, and `--write-out`, which tells it
//! ([variables](https://curl.se/docs/manpage.html#-w)).

use std::net::SocketAddr;
use std::time::Duration;

use crate::failure::Failure;

/// What is known of a transfer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) url: String,
    pub(crate) url_effective: String,
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) code: u16,
    pub(crate) protocol: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) size_download: u64,
    pub(crate) size_upload: u64,
    pub(crate) size_header: u64,
    pub(crate) size_request: u64,
    pub(crate) time_name_lookup: Duration,
    pub(crate) time_connect: Duration,
    pub(crate) time_pretransfer: Duration,
    pub(crate) time_start_transfer: Duration,
    pub(crate) time_redirect: Duration,
    pub(crate) time_total: Duration,
    pub(crate) redirects: u32,
    pub(crate) connects: u32,
    pub(crate) redirect_url: Option<String>,
    /// This end and the other.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    pub(crate) file: Option<String>,
    pub(crate) failure: Option<Failure>,
}

impl Report {
    /// The text of a format, and the names in it that mean nothing.
    pub(crate) fn write_out(&self, format: &str) -> (String, Vec<String>) {
        let (mut text, mut unknown) = (String::new(), Vec::new());
        let mut rest = format;
        while let Some(letter) = rest.chars().next() {
            let (value, length) = match letter {
                '%' if rest.starts_with("%%") => (Some("%".to_owned()), 2),
                '%' if rest.starts_with("%{") || rest.starts_with("%header{") => {
                    let (start, length) = (rest.find('{').unwrap_or_default(), rest.find('}'));
                    match length {
                        None => (Some("%".to_owned()), 1),
                        Some(end) => {
                            let name = &rest[start + 1..end];
                            let value = match start {
                                1 => self.variable(name),
                                _ => Some(self.header(name).unwrap_or_default().to_owned()),
                            };
                            if value.is_none() {
                                unknown.push(name.to_owned());
                            }
                            (value, end + 1)
                        }
                    }
                }
                '\\' => match rest.chars().nth(1) {
                    Some('n') => (Some("\n".to_owned()), 2),
                    Some('t') => (Some("\t".to_owned()), 2),
                    Some('r') => (Some("\r".to_owned()), 2),
                    Some(other) => (Some(format!("\\{other}")), 1 + other.len_utf8()),
                    None => (Some("\\".to_owned()), 1),
                },
                other => (Some(other.to_string()), other.len_utf8()),
            };
            text.push_str(&value.unwrap_or_default());
            rest = &rest[length..];
        }
        (text, unknown)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    fn variable(&self, name: &str) -> Option<String> {
        let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
        let speed = |bytes: u64| format!("{:.0}", bytes as f64 / self.time_total.as_secs_f64().max(1e-6));
        let address = |end: fn(&(SocketAddr, SocketAddr)) -> String| {
            self.addresses.as_ref().map(end).unwrap_or_default()
        };
        Some(match name {
            "http_code" | "response_code" => format!("{:03}", self.code),
            "http_version" => self.protocol.clone(),
            "http_connect" => "000".to_owned(),
            "method" => self.method.clone(),
            "scheme" => self.url_effective.split(':').next().unwrap_or_default().to_owned(),
            "url" => self.url.clone(),
            "url_effective" => self.url_effective.clone(),
            "urlnum" => self.number.to_string(),
            "content_type" => self.header("content-type").unwrap_or_default().to_owned(),
            "redirect_url" => self.redirect_url.clone().unwrap_or_default(),
            "filename_effective" => self.file.clone().unwrap_or_default(),
            "num_redirects" => self.redirects.to_string(),
            "num_connects" => self.connects.to_string(),
            "num_headers" => self.headers.len().to_string(),
            "size_download" => self.size_download.to_string(),
            "size_upload" => self.size_upload.to_string(),
            "size_header" => self.size_header.to_string(),
            "size_request" => self.size_request.to_string(),
            "speed_download" => speed(self.size_download),
            "speed_upload" => speed(self.size_upload),
            "time_namelookup" => seconds(self.time_name_lookup),
            "time_connect" => seconds(self.time_connect),
            "time_appconnect" => seconds(Duration::ZERO),
            "time_pretransfer" => seconds(self.time_pretransfer),
            "time_starttransfer" => seconds(self.time_start_transfer),
            "time_redirect" => seconds(self.time_redirect),
            "time_total" => seconds(self.time_total),
            "local_ip" => address(|ends| ends.0.ip().to_string()),
            "local_port" => address(|ends| ends.0.port().to_string()),
            "remote_ip" => address(|ends| ends.1.ip().to_string()),
            "remote_port" => address(|ends| ends.1.port().to_string()),
            "ssl_verify_result" => "0".to_owned(),
            "exitcode" => self.failure.as_ref().map_or(0, |failure| failure.code).to_string(),
            "errormsg" => self.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_should_be_filled_in() {
        let report = Report {
            code: 200,
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            size_download: 615,
            time_total: Duration::from_millis(12),
            ..Report::default()
        };
        let cases = [
            ("%{http_code}\\n", "200\n"),
            ("%{size_download} in %{time_total}s", "615 in 0.012000s"),
            ("100%% %{content_type}", "100% text/html"),
            ("%header{content-type}|%header{none}", "text/html|"),
            ("a\\tb %{open", "a\tb %{open"),
            ("%d", "%d"),
        ];
        for (format, expected) in cases {
            assert_eq!(report.write_out(format), (expected.to_owned(), Vec::new()), "{format}");
        }
        assert_eq!(report.write_out("%{nonsense}."), (".".to_owned(), vec!["nonsense".to_owned()]));
    }
}
