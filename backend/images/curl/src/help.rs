//! What `--help` and `--version` say.

pub(crate) const HELP: &str = "\
Usage: curl [options...] <url>
A curl of Kijabi's own for the pod network: HTTP/1.1, without TLS.

 -d, --data <data>           HTTP POST data; @file reads a file, @- stdin
     --data-raw <data>       HTTP POST data, '@' allowed
     --data-binary <data>    HTTP POST data as it is
     --data-urlencode <data> HTTP POST data, URL-encoded
     --json <data>           HTTP POST JSON
 -F, --form <name=content>   multipart/form-data; name=@file sends a file
 -T, --upload-file <file>    PUT a file; - is stdin
 -G, --get                   put the data into the URL and GET
 -X, --request <method>      the request's method
 -H, --header <header>       add a header; @file reads them from a file
 -A, --user-agent <name>     User-Agent
 -e, --referer <URL>         Referer
 -b, --cookie <data>         send these cookies
 -r, --range <range>         only these bytes
 -u, --user <user:password>  Basic authentication
     --oauth2-bearer <token> Bearer token
 -I, --head                  show the headers only
 -i, --include               show the headers, too
 -D, --dump-header <file>    write the headers to a file
 -v, --verbose               say what is done
 -s, --silent                say nothing; -S shows errors all the same
 -f, --fail                  fail without output on HTTP errors (22)
     --fail-with-body        fail on HTTP errors, with output
     --fail-early            stop at the first URL that fails
 -o, --output <file>         write to a file
 -O, --remote-name           write to a file named as in the URL
     --output-dir <dir>      where these files go; --create-dirs makes it
 -w, --write-out <format>    what to print afterwards: %{http_code}, %{time_total}, ...
 -L, --location              follow redirects; --max-redirs <n> at most (50)
 -m, --max-time <seconds>    time for the whole
     --connect-timeout <s>   time for the connection
     --retry <n>             try again after passing errors; --retry-delay <s>,
                             --retry-max-time <s>, --retry-connrefused, --retry-all-errors
     --resolve <host:port:address>
     --connect-to <host:port:host2:port2>
     --request-target <path> ask for this instead of the URL's path
 -0, --http1.0               HTTP/1.0
 -V, --version
There is no TLS here, so https:// is refused (1), and -k has nothing to do.
";

pub(crate) const VERSION: &str = concat!(
    "curl ",
    env!("CARGO_PKG_VERSION"),
    " (Kijabi's own, WebAssembly)\nProtocols: http\nFeatures: IPv6\n"
);
