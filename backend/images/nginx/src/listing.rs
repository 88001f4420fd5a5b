//! `autoindex`: the list of a folder, in the layout of nginx's `ngx_http_autoindex_module`.

use std::fs;
use std::io;

use crate::path::encode;
use crate::site::modified;

/// Names longer than this are cut.
const NAME_LETTERS: usize = 50;

/// The page for a folder.
pub(crate) fn of(folder: &str, uri: &str) -> io::Result<String> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.')
            && let Ok(metadata) = fs::metadata(format!("{folder}{name}"))
        {
            entries.push((!metadata.is_dir(), name, metadata));
        }
    }
    entries.sort_by(|one, two| (one.0, &one.1).cmp(&(two.0, &two.1)));
    let uri = escape(uri);
    let mut page = format!(
        "<html>\r\n<head><title>Index of {uri}</title></head>\r\n<body>\r\n<h1>Index of {uri}</h1><hr><pre>\
         <a href=\"../\">../</a>\r\n"
    );
    for (is_file, name, metadata) in entries {
        let slash = if is_file { "" } else { "/" };
        let full = format!("{name}{slash}");
        let shown = match full.chars().count() > NAME_LETTERS {
            true => full.chars().take(NAME_LETTERS - 3).collect::<String>() + "..&gt;",
            false => escape(&full),
        };
        let gap = " ".repeat(NAME_LETTERS.saturating_sub(full.chars().count()) + 1);
        let time = modified(&metadata).strftime("%d-%b-%Y %H:%M");
        let size = if is_file { metadata.len().to_string() } else { "-".to_owned() };
        page.push_str(&format!("<a href=\"{}{slash}\">{shown}</a>{gap}{time} {size:>19}\r\n", encode(&name)));
    }
    Ok(page + "</pre><hr></body>\r\n</html>\r\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
