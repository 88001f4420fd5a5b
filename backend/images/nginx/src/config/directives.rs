//! The table of directives: where each may stand, with how many arguments, and whether it has an effect here.

use std::ops::RangeInclusive;

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// Outside of all blocks.
    Main,
    /// `events`.
    Events,
    /// `http`.
    Http,
    /// `server` in `http`.
    Server,
    /// `location`.
    Location,
    /// `if`.
    If,
    /// `upstream`.
    Upstream,
    /// `types` and `map`, whose lines are data.
    Free,
}

impl Context {
    pub(super) fn letter(self) -> char {
        match self {
            Self::Main => 'm',
            Self::Events => 'e',
            Self::Http => 'h',
            Self::Server => 's',
            Self::Location => 'l',
            Self::If => 'i',
            Self::Upstream => 'u',
            Self::Free => '-',
        }
    }
}

/// What a directive does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// What it does in nginx.
    Works,
    /// Tuning of what this server does another way; nobody sees a difference in answers.
    Tuning,
    /// Nothing, which is said at start.
    Nothing,
    /// Answers would be wrong without it, so it is refused.
    Refused,
}

use Effect::{Nothing, Refused, Tuning, Works};

/// A line of the table.
#[derive(Debug)]
pub(super) struct Spec {
    name: &'static str,
    /// The letters of [`Context::letter`].
    pub(super) contexts: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    pub(super) block: Option<Context>,
    pub(super) effect: Effect,
}

/// The directives of this name; some mean different things in different places.
pub(super) fn find(name: &str) -> impl Iterator<Item = &'static Spec> {
    TABLE.iter().filter(move |spec| spec.name == name)
}

/// Whether somebody must be told that the directive does nothing.
pub(super) fn has_no_effect(name: &str) -> bool {
    find(name).any(|spec| spec.effect == Nothing)
}

const fn line(name: &'static str, contexts: &'static str, least: usize, most: usize, effect: Effect) -> Spec {
    Spec { name, contexts, arguments: least..=most, block: None, effect }
}

const fn block(
    name: &'static str,
    contexts: &'static str,
    least: usize,
    most: usize,
    inner: Context,
) -> Spec {
    Spec { name, contexts, arguments: least..=most, block: Some(inner), effect: Works }
}

const MANY: usize = usize::MAX;

#[rustfmt::skip]
static TABLE: &[Spec] = &[
    block("events", "m", 0, 0, Context::Events),
    block("http", "m", 0, 0, Context::Http),
    block("server", "h", 0, 0, Context::Server),
    block("location", "sl", 1, 2, Context::Location),
    block("if", "sl", 1, MANY, Context::If),
    block("upstream", "h", 1, 1, Context::Upstream),
    block("types", "hsl", 0, 0, Context::Free),
    block("map", "h", 2, 2, Context::Free),

    line("absolute_redirect", "hsl", 1, 1, Works),
    line("access_log", "hsl", 1, 6, Works),
    line("add_header", "hsl", 2, 3, Works),
    line("alias", "l", 1, 1, Works),
    line("autoindex", "hsl", 1, 1, Works),
    line("break", "sli", 0, 0, Works),
    line("client_max_body_size", "hsl", 1, 1, Works),
    line("default_type", "hsl", 1, 1, Works),
    line("error_log", "mhsl", 1, 2, Works),
    line("error_page", "hsl", 2, MANY, Works),
    line("index", "hsl", 1, MANY, Works),
    line("internal", "l", 0, 0, Works),
    line("keepalive_timeout", "hsl", 1, 2, Works),
    line("listen", "s", 1, MANY, Works),
    line("log_format", "h", 2, MANY, Works),
    line("log_not_found", "hsl", 1, 1, Works),
    line("port_in_redirect", "hsl", 1, 1, Works),
    line("proxy_connect_timeout", "hsl", 1, 1, Works),
    line("proxy_http_version", "hsl", 1, 1, Works),
    line("proxy_intercept_errors", "hsl", 1, 1, Works),
    line("proxy_pass", "l", 1, 1, Works),
    line("proxy_read_timeout", "hsl", 1, 1, Works),
    line("proxy_redirect", "hsl", 1, 2, Works),
    line("proxy_set_header", "hsl", 2, 2, Works),
    line("resolver", "hsl", 1, MANY, Works),
    line("return", "sli", 1, 2, Works),
    line("rewrite", "sli", 2, 3, Works),
    line("root", "hsl", 1, 1, Works),
    line("server", "u", 1, MANY, Works),
    line("server_name", "s", 1, MANY, Works),
    line("server_tokens", "hsl", 1, 1, Works),
    line("set", "sli", 2, 2, Works),
    line("try_files", "sl", 2, MANY, Works),

    line("accept_mutex", "e", 1, 1, Tuning),
    line("aio", "hsl", 1, 1, Tuning),
    line("client_body_buffer_size", "hsl", 1, 1, Tuning),
    line("client_body_timeout", "hsl", 1, 1, Tuning),
    line("client_header_buffer_size", "hs", 1, 1, Tuning),
    line("client_header_timeout", "hs", 1, 1, Tuning),
    line("daemon", "m", 1, 1, Tuning),
    line("directio", "hsl", 1, 1, Tuning),
    line("etag", "hsl", 1, 1, Tuning),
    line("keepalive", "u", 1, 1, Tuning),
    line("keepalive_requests", "hslu", 1, 1, Tuning),
    line("keepalive_timeout", "u", 1, 1, Tuning),
    line("large_client_header_buffers", "hs", 2, 2, Tuning),
    line("lingering_close", "hsl", 1, 1, Tuning),
    line("log_subrequest", "hsl", 1, 1, Tuning),
    line("master_process", "m", 1, 1, Tuning),
    line("multi_accept", "e", 1, 1, Tuning),
    line("open_file_cache", "hsl", 1, 2, Tuning),
    line("open_file_cache_errors", "hsl", 1, 1, Tuning),
    line("open_file_cache_min_uses", "hsl", 1, 1, Tuning),
    line("open_file_cache_valid", "hsl", 1, 1, Tuning),
    line("output_buffers", "hsl", 2, 2, Tuning),
    line("pcre_jit", "m", 1, 1, Tuning),
    line("pid", "m", 1, 1, Tuning),
    line("proxy_buffer_size", "hsl", 1, 1, Tuning),
    line("proxy_buffering", "hsl", 1, 1, Tuning),
    line("proxy_buffers", "hsl", 2, 2, Tuning),
    line("proxy_busy_buffers_size", "hsl", 1, 1, Tuning),
    line("proxy_max_temp_file_size", "hsl", 1, 1, Tuning),
    line("proxy_request_buffering", "hsl", 1, 1, Tuning),
    line("proxy_send_timeout", "hsl", 1, 1, Tuning),
    line("reset_timedout_connection", "hsl", 1, 1, Tuning),
    line("send_timeout", "hsl", 1, 1, Tuning),
    line("sendfile", "hsl", 1, 1, Tuning),
    line("sendfile_max_chunk", "hsl", 1, 1, Tuning),
    line("server_names_hash_bucket_size", "h", 1, 1, Tuning),
    line("server_names_hash_max_size", "h", 1, 1, Tuning),
    line("tcp_nodelay", "hsl", 1, 1, Tuning),
    line("tcp_nopush", "hsl", 1, 1, Tuning),
    line("types_hash_bucket_size", "hsl", 1, 1, Tuning),
    line("types_hash_max_size", "hsl", 1, 1, Tuning),
    line("use", "e", 1, 1, Tuning),
    line("user", "m", 1, 2, Tuning),
    line("variables_hash_bucket_size", "h", 1, 1, Tuning),
    line("variables_hash_max_size", "h", 1, 1, Tuning),
    line("worker_connections", "e", 1, 1, Tuning),
    line("worker_cpu_affinity", "m", 1, MANY, Tuning),
    line("worker_processes", "m", 1, 1, Tuning),
    line("worker_rlimit_nofile", "m", 1, 1, Tuning),
    line("worker_shutdown_timeout", "m", 1, 1, Tuning),
    line("zone", "u", 1, 2, Tuning),

    line("charset", "hsl", 1, 1, Nothing),
    line("expires", "hsl", 1, 2, Nothing),
    line("gzip", "hsl", 1, 1, Nothing),
    line("gzip_buffers", "hsl", 2, 2, Tuning),
    line("gzip_comp_level", "hsl", 1, 1, Tuning),
    line("gzip_disable", "hsl", 1, MANY, Tuning),
    line("gzip_http_version", "hsl", 1, 1, Tuning),
    line("gzip_min_length", "hsl", 1, 1, Tuning),
    line("gzip_proxied", "hsl", 1, MANY, Tuning),
    line("gzip_static", "hsl", 1, 1, Nothing),
    line("gzip_types", "hsl", 1, MANY, Tuning),
    line("gzip_vary", "hsl", 1, 1, Tuning),
    line("ip_hash", "u", 0, 0, Nothing),
    line("least_conn", "u", 0, 0, Nothing),
    line("proxy_next_upstream", "hsl", 1, MANY, Nothing),
    line("set_real_ip_from", "hsl", 1, 1, Nothing),
    line("real_ip_header", "hsl", 1, 1, Nothing),

    line("allow", "hsl", 1, 1, Refused),
    line("auth_basic", "hsl", 1, 1, Refused),
    line("auth_basic_user_file", "hsl", 1, 1, Refused),
    line("auth_request", "hsl", 1, 1, Refused),
    line("deny", "hsl", 1, 1, Refused),
    line("fastcgi_pass", "l", 1, 1, Refused),
    line("grpc_pass", "l", 1, 1, Refused),
    line("hash", "u", 1, 2, Refused),
    line("http2", "hs", 1, 1, Refused),
    line("limit_conn", "hsl", 2, 2, Refused),
    line("limit_conn_zone", "h", 2, 2, Refused),
    line("limit_req", "hsl", 1, 3, Refused),
    line("limit_req_zone", "h", 3, 4, Refused),
    line("load_module", "m", 1, 1, Refused),
    line("proxy_cache", "hsl", 1, 1, Refused),
    line("proxy_cache_path", "h", 2, MANY, Refused),
    line("ssl_certificate", "hs", 1, 1, Refused),
    line("ssl_certificate_key", "hs", 1, 1, Refused),
    line("stub_status", "sl", 0, 1, Refused),
    line("sub_filter", "hsl", 2, 2, Refused),
    line("uwsgi_pass", "l", 1, 1, Refused),
];
