//! `listen` and `server_name`.

use regex_lite::RegexBuilder;

use super::{Directive, Fault, Name};

/// A port, whether its server is the default one there, and what cannot be held to.
pub(super) type Listen = (u16, bool, Option<String>);

pub(super) fn listen(directive: &Directive) -> Result<Listen, Fault> {
    let text = directive.argument(0);
    let (address, port) = match text.rsplit_once(':') {
        _ if text.starts_with("unix:") => {
            return Err(directive.fault("unix domain sockets are not supported by this server"));
        }
        Some((address, port)) if !port.ends_with(']') => (address, port),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => ("*", text),
        _ => (text, "80"),
    };
    let port: u16 =
        port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            directive.fault(&format!("invalid port in \"{text}\" of the \"listen\" directive"))
        })?;
    let mut is_default = false;
    for word in &directive.arguments[1..] {
        match word.as_str() {
            "default_server" | "default" => is_default = true,
            "ssl" | "quic" => {
                return Err(
                    directive.fault(&format!("the \"{word}\" parameter requires ngx_http_ssl_module"))
                );
            }
            "proxy_protocol" => {
                return Err(
                    directive.fault("the parameter \"proxy_protocol\" is not supported by this server")
                );
            }
            "http2" | "reuseport" | "deferred" | "bind" => {}
            other if other.contains('=') => {}
            other => return Err(directive.fault(&format!("invalid parameter \"{other}\""))),
        }
    }
    let is_everywhere = matches!(address, "*" | "0.0.0.0" | "[::]");
    let notice = (!is_everywhere)
        .then(|| directive.fault(&format!("\"listen {text}\" listens on all addresses of the pod")).0);
    Ok((port, is_default, notice))
}

pub(super) fn name(directive: &Directive, text: &str) -> Result<Name, Fault> {
    let lower = text.to_ascii_lowercase();
    if let Some(pattern) = text.strip_prefix('~') {
        let pattern = RegexBuilder::new(&pattern.replace("(?<", "(?P<")).case_insensitive(true).build();
        return pattern.map(Name::Pattern).map_err(|error| directive.fault(&error.to_string()));
    }
    Ok(match (lower.strip_prefix('*'), lower.strip_suffix('*')) {
        (Some(suffix), _) if suffix.starts_with('.') => Name::Suffix(suffix.to_owned()),
        (_, Some(prefix)) if prefix.ends_with('.') => Name::Prefix(prefix.to_owned()),
        _ if lower.starts_with('.') => Name::Suffix(lower),
        _ if lower.contains('*') => {
            return Err(directive.fault(&format!("invalid server name or wildcard \"{text}\"")));
        }
        _ => Name::Exact(lower),
    })
}
