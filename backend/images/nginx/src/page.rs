//! The page that an error shows.

use crate::response::reason;

/// A small HTML page that names the status.
#[must_use]
pub(crate) fn error(status: u16, server: &str) -> String {
    let title = format!("{status} {}", reason(status));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>html{{color-scheme:light dark}}body{{font-family:system-ui,sans-serif;text-align:center;\
         margin-top:4rem}}small{{opacity:.6}}</style></head>\n\
         <body><h1>{title}</h1><p><small>{server}</small></p></body>\n</html>\n"
    )
}
