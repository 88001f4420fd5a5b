//! The tools, each with the options that containers' commands use. An option that is not there is refused.

mod archive;
mod clock;
mod conditions;
mod connect;
mod copies;
mod counting;
mod digests;
mod edit;
mod files;
mod filters;
mod flags;
mod format;
mod launch;
mod lines;
mod links;
mod list;
mod lookup;
mod network;
mod output;
mod search;
mod system;

use std::io;

use crate::reactor::Task;
use crate::shell::Shell;

/// What a tool does: its surroundings and its arguments, its own name first.
pub type Run = for<'a> fn(&'a mut Shell, &'a [String]) -> Task<'a, io::Result<u8>>;

/// A tool.
pub struct Applet {
    /// Its name.
    pub name: &'static str,
    /// Its options, as `--help` shows them.
    pub usage: &'static str,
    /// Whether `--help` is asked of it, and no word of its text.
    pub shows_help: bool,
    /// What it does.
    pub run: Run,
}

macro_rules! applets {
    ($($name:literal $usage:literal $run:path;)*) => {
        /// The commands that this image has.
        pub const COMMANDS: &[&str] = &["busybox", $($name),*];

        static APPLETS: &[Applet] = &[$(Applet {
            name: $name,
            usage: $usage,
            shows_help: !matches!($name.as_bytes(), b"echo" | b"test" | b"[" | b"true" | b"false" | b"printf"),
            run: |shell, arguments| Box::pin($run(shell, arguments)),
        }),*];
    };
}

applets! {
    "[" "EXPRESSION ]" conditions::test;
    "ash" "[-c COMMAND] [FILE [ARG]...]" launch::sh;
    "base64" "[-d] [-w N] [FILE]" digests::base64;
    "basename" "FILE [SUFFIX]" files::basename;
    "bash" "[-c COMMAND] [FILE [ARG]...] (a POSIX shell, not bash)" launch::sh;
    "cat" "[-n] [FILE]..." lines::cat;
    "clear" "" output::clear;
    "cp" "[-r] SOURCE... DEST" copies::cp;
    "cut" "-d SEP -f LIST | -c LIST [FILE]..." edit::cut;
    "date" "[-u] [-I[s]] [+FORMAT]" clock::date;
    "dirname" "FILE" files::dirname;
    "du" "[-s] [-a] [-h] [-b] [-d N] [FILE]... (what is in the files, in KiB)" links::du;
    "echo" "[-neE] [ARG]..." output::echo;
    "egrep" "[-ivnclqowFhr] PATTERN [FILE]..." search::egrep;
    "env" "[-i] [-u NAME] [NAME=VALUE]... [PROG ARGS]" launch::env;
    "expr" "EXPRESSION" conditions::expr;
    "false" "" output::no;
    "find" "[PATH]... [-name PATTERN] [-type f|d]" copies::find;
    "grep" "[-ivnclqowEFhr] [-A N] [-B N] PATTERN [FILE]..." search::grep;
    "head" "[-n N] [-c N] [FILE]..." lines::head;
    "hostname" "[-ifs]" system::hostname;
    "id" "[-u] [-g] [-n]" system::id;
    "kill" "(not possible here)" system::kill;
    "ln" "[-s] [-f] [-n] TARGET LINK" links::ln;
    "ls" "[-1alh] [FILE]..." list::ls;
    "md5sum" "[-c] [FILE]..." digests::md5sum;
    "mkdir" "[-p] DIRECTORY..." files::mkdir;
    "mv" "SOURCE... DEST" copies::mv;
    "nc" "[-vnzu] [-w SEC] HOST PORT | -l [-kvu] -p PORT [-e PROG ARGS]" connect::nc;
    "nproc" "" system::nproc;
    "nslookup" "HOST" lookup::nslookup;
    "paste" "[-d LIST] [-s] [FILE]..." digests::paste;
    "ping" "-p PORT [-c N] [-i SEC] [-W SEC] HOST (there is no ICMP here: it makes TCP connections to a port)" connect::ping;
    "printenv" "[NAME]..." launch::printenv;
    "printf" "FORMAT [ARG]..." output::printf;
    "ps" "(not possible here)" system::ps;
    "pwd" "" files::pwd;
    "readlink" "[-f] [-n] FILE" links::readlink;
    "rm" "[-rf] FILE..." files::rm;
    "rmdir" "DIRECTORY..." files::rmdir;
    "sed" "[-n] [-E] SCRIPT [FILE]... (s, p, d and q with line or /pattern/ addresses)" edit::sed;
    "seq" "[-s SEP] [-w] [FIRST [INC]] LAST" output::seq;
    "sha1sum" "[-c] [FILE]..." digests::sha1sum;
    "sha256sum" "[-c] [FILE]..." digests::sha256sum;
    "sha512sum" "[-c] [FILE]..." digests::sha512sum;
    "sh" "[-c COMMAND] [FILE [ARG]...]" launch::sh;
    "sleep" "N[smhd]... | infinity" clock::sleep;
    "sort" "[-nruf] [-k N] [-t CHAR] [FILE]..." filters::sort;
    "stat" "[-c FORMAT] [-L] FILE... (%n %s %F %Y %y)" links::stat;
    "sync" "" output::yes_it_is;
    "tail" "[-n N] [-c N] [-f] [FILE]..." lines::tail;
    "tar" "-c|-x|-t [-v] [-f FILE] [-C DIR] [FILE]... (without compression)" archive::tar;
    "tee" "[-a] [FILE]..." filters::tee;
    "test" "EXPRESSION" conditions::test;
    "timeout" "SECONDS PROG ARGS" launch::timeout;
    "touch" "FILE..." files::touch;
    "tr" "[-d] [-s] [-c] SET1 [SET2]" edit::tr;
    "true" "" output::yes_it_is;
    "uname" "[-asnrvm]" system::uname;
    "uniq" "[-cdu] [FILE]" filters::uniq;
    "uptime" "" system::uptime;
    "wc" "[-lwc] [FILE]..." counting::wc;
    "wget" "[-q] [-O FILE] [-T SEC] [--spider] [--header H] [--post-data S] URL (http only)" network::wget;
    "which" "COMMAND..." launch::which;
    "whoami" "" system::whoami;
    "xargs" "[-n N] [-r] [-t] [-I STR] [PROG ARGS]" launch::xargs;
    "yes" "[STRING]" output::yes;
}

/// The tool of this name, which may be a path where programs lie; `further` ones come first.
#[must_use]
pub fn find(command: &str, further: &'static [Applet]) -> Option<&'static Applet> {
    let name = match command.rsplit_once('/') {
        Some(("/bin" | "/sbin" | "/usr/bin" | "/usr/sbin" | "/usr/local/bin", name)) => name,
        Some(_) => return None,
        None => command,
    };
    further.iter().chain(APPLETS).find(|applet| applet.name == name)
}

/// What `busybox` alone prints.
#[must_use]
pub fn overview(further: &'static [Applet]) -> String {
    let names: Vec<&str> = APPLETS.iter().chain(further).map(|applet| applet.name).collect();
    format!(
        "Kijabi's busybox {}: a shell and tools in one WebAssembly program.\n\n\
         Usage: busybox COMMAND [ARGS]...\nEach command shows its options with --help.\n\n\
         Commands:\n\t{}",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    )
}
