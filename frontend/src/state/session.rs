//! A session at a container's streams: what is asked for, what travels, and how it ended.
//!
//! The channels and the status at the end are those of `shared::apiserver::remote_command`.

use serde_json::Value;
use shared::apiserver::remote_command::{RESIZE, STDIN};

use super::object::{items, text};

/// The subprotocol that is spoken.
pub const PROTOCOL: &str = "v5.channel.k8s.io";
/// Bytes of input in a message at most, so that a long paste is taken.
const MESSAGE_BYTES: usize = 64 * 1024;
/// The channel of version 5 that ends another one.
const CLOSE: u8 = 255;

/// What is to be done in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run a program beside the container's own, at a terminal.
    Run(Vec<String>),
    /// Go to the container's own program.
    Attach {
        /// Whether it can be written to.
        stdin: bool,
        /// Whether its streams are a terminal.
        tty: bool,
    },
}

/// A session that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// What is to be done in it.
    pub action: Action,
}

impl SessionRequest {
    /// Whether the program's streams are a terminal; if not, the page makes lines of the keys.
    pub fn has_terminal(&self) -> bool {
        matches!(self.action, Action::Run(_) | Action::Attach { tty: true, .. })
    }

    /// Where the API server serves it.
    pub fn path(&self) -> String {
        let SessionRequest { namespace, pod, container, action } = self;
        let pod = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
        match action {
            Action::Run(command) => {
                let command: String =
                    command.iter().map(|word| format!("&command={}", escaped(word))).collect();
                format!("{pod}/exec?container={container}&stdin=true&stdout=true&tty=true{command}")
            }
            Action::Attach { stdin, tty } => {
                let stderr = !tty;
                format!(
                    "{pod}/attach?container={container}&stdin={stdin}&stdout=true&stderr={stderr}&tty={tty}"
                )
            }
        }
    }

    /// The same as a command for people.
    pub fn kubectl(&self) -> String {
        let SessionRequest { namespace, pod, container, action } = self;
        let place = format!("-n {namespace} {pod} -c {container}");
        match action {
            Action::Run(command) => {
                let command: Vec<_> = command.iter().map(|word| quoted(word)).collect();
                format!("kubectl exec -it {place} -- {}", command.join(" "))
            }
            Action::Attach { stdin, tty } => {
                let flags = match (stdin, tty) {
                    (true, true) => "-it ",
                    (true, false) => "-i ",
                    _ => "",
                };
                format!("kubectl attach {flags}{place}")
            }
        }
    }
}

/// A text as a part of a query.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The words of a command line, by blanks and quotes; none where a quote has no end or there is no word.
pub fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(letters.next()?),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

/// What a user does at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Keys, or what was pasted.
    Keys(String),
    /// The program's input ends.
    End,
    /// The terminal has another size: columns and rows.
    Size(u32, u32),
}

impl Input {
    /// The messages that tell it.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        match self {
            Input::Keys(text) => {
                text.as_bytes().chunks(MESSAGE_BYTES).map(|part| message(STDIN, part)).collect()
            }
            Input::End => vec![vec![CLOSE, STDIN]],
            Input::Size(columns, rows) => {
                vec![message(RESIZE, format!(r#"{{"Width":{columns},"Height":{rows}}}"#).as_bytes())]
            }
        }
    }
}

fn message(channel: u8, bytes: &[u8]) -> Vec<u8> {
    [&[channel], bytes].concat()
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The program ended with a code.
    Exited(i32),
    /// Nothing was started; the server says why.
    Refused(Why, String),
    /// The connection broke, or the user ended it.
    Disconnected,
}

/// Why nothing was started, as far as the page knows words of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The image has no such program.
    NoProgram,
    /// The container does not run.
    NotRunning,
    /// It is a part of the control plane.
    Component,
    /// What the server says has to do.
    Other,
}

impl Why {
    /// What the server's message is about.
    pub fn of(message: &str) -> Why {
        let says = |part: &str| message.contains(part);
        match () {
            () if says("executable file not found") || says("no such file or directory") => Why::NoProgram,
            () if says("container not found") || says("does not have a host assigned") => Why::NotRunning,
            () if says("is a part of this program") => Why::Component,
            () => Why::Other,
        }
    }

    /// Its name in translations.
    pub fn slug(self) -> &'static str {
        match self {
            Why::NoProgram => "no-program",
            Why::NotRunning => "not-running",
            Why::Component => "component",
            Why::Other => "refused",
        }
    }
}

impl End {
    /// A refusal in the server's words.
    pub fn refused(message: &str) -> End {
        End::Refused(Why::of(message), message.to_owned())
    }

    /// What the `Status` at the end of a session says.
    pub fn of(status: &Value) -> End {
        if text(status, "/status") == "Success" {
            return End::Exited(0);
        }
        let causes = items(status, "/details/causes");
        let code = causes.iter().find(|cause| text(cause, "/reason") == "ExitCode");
        match code.and_then(|cause| text(cause, "/message").parse().ok()) {
            Some(code) => End::Exited(code),
            None => End::refused(text(status, "/message")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(action: Action) -> SessionRequest {
        SessionRequest { namespace: "default".into(), pod: "web".into(), container: "c".into(), action }
    }

    #[test]
    fn a_session_should_be_asked_for_as_kubectl_asks() {
        let run = request(Action::Run(vec!["sh".into(), "-c".into(), "echo 'a&b'".into()]));
        let place = "/api/v1/namespaces/default/pods/web";
        assert_eq!(
            run.path(),
            format!(
                "{place}/exec?container=c&stdin=true&stdout=true&tty=true&command=sh&command=-c&command=echo%20%27a%26b%27"
            )
        );
        assert_eq!(run.kubectl(), r"kubectl exec -it -n default web -c c -- sh -c 'echo '\''a&b'\'''");
        let attach = request(Action::Attach { stdin: true, tty: false });
        assert_eq!(
            attach.path(),
            format!("{place}/attach?container=c&stdin=true&stdout=true&stderr=true&tty=false")
        );
        assert_eq!(attach.kubectl(), "kubectl attach -i -n default web -c c");
    }

    #[test]
    fn a_command_line_should_be_cut_into_words() {
        let cases: [(&str, Option<&[&str]>); 8] = [
            ("sh", Some(&["sh"])),
            ("  ls  -l / ", Some(&["ls", "-l", "/"])),
            ("sh -c 'echo a b'", Some(&["sh", "-c", "echo a b"])),
            (r#"echo "a 'b'" c\ d "\"""#, Some(&["echo", "a 'b'", "c d", "\""])),
            ("echo ''", Some(&["echo", ""])),
            ("echo 'a", None),
            ("echo \\", None),
            ("  ", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect());
            assert_eq!(words(line), expected, "{line:?}");
        }
    }

    #[test]
    fn input_should_travel_on_its_channel_in_messages_that_are_taken() {
        assert_eq!(Input::Keys("한\r".into()).messages(), [b"\0\xed\x95\x9c\r".to_vec()]);
        assert_eq!(Input::Size(80, 24).messages(), [b"\x04{\"Width\":80,\"Height\":24}".to_vec()]);
        assert_eq!(Input::End.messages(), [vec![255, 0]]);
        let pasted = Input::Keys("x".repeat(MESSAGE_BYTES + 1)).messages();
        assert_eq!(pasted.iter().map(Vec::len).collect::<Vec<_>>(), [MESSAGE_BYTES + 1, 2]);
    }

    #[test]
    fn an_end_should_be_told_by_its_code_or_its_reason() {
        let code = |code: i32| {
            let status = shared::apiserver::remote_command::non_zero_exit_code(code, "");
            serde_json::to_value(status).unwrap()
        };
        assert_eq!(End::of(&json!({"status": "Success"})), End::Exited(0));
        assert_eq!(End::of(&code(3)), End::Exited(3));
        let cases = [
            (r#"exec: "sh": executable file not found in $PATH: unknown"#, Why::NoProgram),
            (r#"exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown"#, Why::NoProgram),
            (r#"unable to upgrade connection: container not found ("c")"#, Why::NotRunning),
            ("container \"etcd\" is a part of this program and no WebAssembly guest", Why::Component),
            ("no more memory", Why::Other),
        ];
        for (message, why) in cases {
            let status = json!({"status": "Failure", "message": message});
            assert_eq!(End::of(&status), End::Refused(why, message.to_owned()));
        }
    }
}
