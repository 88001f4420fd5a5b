use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::*;

mod dash;

struct Ran {
    stdout: String,
    stderr: String,
    code: u8,
}

/// Runs a command line in an empty folder with a given stdin.
fn run_with(arguments: &[&str], stdin: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let reactor = Rc::new(Reactor::default());
    let (stdout, stderr) = (Rc::new(RefCell::default()), Rc::new(RefCell::default()));
    let mut streams = Streams::default();
    streams.set(0, Stream::text(stdin));
    streams.set(1, Stream::Memory(Rc::clone(&stdout)));
    streams.set(2, Stream::Memory(Rc::clone(&stderr)));
    let environment = [("PATH", "/bin"), ("HOME", "/root"), ("GREETING", "hello")];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut shell = Shell::new(Rc::clone(&reactor), streams, environment);
    shell.directory = folder.path().to_path_buf();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let code = crate::run(&reactor, &mut shell, &arguments);
    let text = |bytes: &RefCell<Vec<u8>>| String::from_utf8(bytes.borrow().clone()).unwrap();
    Ran { stdout: text(&stdout), stderr: text(&stderr), code }
}

fn sh(script: &str) -> Ran {
    run_with(&["sh", "-c", script], "")
}

/// Each script prints this text and ends with success.
fn check(cases: &[(&str, &str)]) {
    for (script, expected) in cases {
        let ran = sh(script);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (*expected, ""), "{script}");
    }
}

#[test]
fn words_should_be_expanded_as_posix_says() {
    check(&[
        ("echo hello   world", "hello world\n"),
        ("echo 'a  b' \"c  d\"", "a  b c  d\n"),
        ("x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n"),
        ("echo $((6*7))", "42\n"),
        ("x=5; x=$((x+1)); echo $x $((x*2))", "6 12\n"),
        ("echo $GREETING ${GREETING}x \"$GREETING\"", "hello hellox hello\n"),
        ("echo '$GREETING' \\$GREETING \"\\$GREETING\"", "$GREETING $GREETING $GREETING\n"),
        ("echo ${none:-default} ${GREETING:-other} ${GREETING:+set}${none:+unset}", "default hello set\n"),
        ("echo ${x:=5} $x", "5 5\n"),
        ("echo ${#GREETING}", "5\n"),
        ("f=a.tar.gz; echo ${f%.*} ${f%%.*} ${f#*.} ${f##*.}", "a.tar a tar.gz gz\n"),
        ("f=a-b-c; echo ${f/-/+} ${f//-/+} ${f:2:1}", "a+b-c a+b+c b\n"),
        ("echo $(echo inner) `echo back`", "inner back\n"),
        ("echo \"$(printf 'a\\nb\\n')\"", "a\nb\n"),
        ("echo $(echo $(echo deep))", "deep\n"),
        (
            "set -- a 'b c' d; echo $# $1 \"$2\"; for i in \"$@\"; do echo \"<$i>\"; done",
            "3 a b c\n<a>\n<b c>\n<d>\n",
        ),
        ("set -- a b; echo \"$*\" \"x$@y\"", "a b xa by\n"),
        ("for i in \"$@\"; do echo never; done", ""),
        ("set --; printf '<%s>' \"\" a; echo", "<><a>\n"),
        ("echo ~ ~/x", "/root /root/x\n"),
        ("echo a#b # a comment", "a#b\n"),
        ("echo a\\\nb", "ab\n"),
        ("IFS=:; x=a:b:c; for i in $x; do echo $i; done", "a\nb\nc\n"),
        ("touch b.txt a.txt c.md; echo *.txt '*.txt' *.none", "a.txt b.txt *.txt *.none\n"),
        ("echo $0 $$ $?", "sh 1 0\n"),
        ("echo $", "$\n"),
        ("echo \"안녕 ${#GREETING}\"", "안녕 5\n"),
    ]);
}

#[test]
fn control_should_flow_as_posix_says() {
    check(&[
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("! false; echo $?", "0\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("if [ -z \"\" ]; then\n echo empty\nfi", "empty\n"),
        ("i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "0\n1\n2\n"),
        ("i=0; until [ $i = 2 ]; do i=$((i+1)); done; echo $i", "2\n"),
        ("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; echo $i; done", "1\n3\n"),
        ("for i in 1 2; do for j in 1 2; do break 2; done; done; echo $i$j", "11\n"),
        ("case abc in x|a*) echo first;; *) echo other;; esac", "first\n"),
        ("case \"$none\" in '') echo none ;; esac", "none\n"),
        ("f() { echo \"f $1\"; return 3; }; f a; echo $?", "f a\n3\n"),
        ("{ echo a; echo b; } | wc -l", "2\n"),
        ("(x=1; cd /; echo $x); echo \"<$x>\"", "1\n<>\n"),
        ("x=1; x=2 sh -c 'echo $x'; echo $x", "2\n1\n"),
        ("export X=1; sh -c 'echo $X'; Y=2; sh -c 'echo \"<$Y>\"'", "1\n<>\n"),
        ("eval 'echo $((1+1))'", "2\n"),
        ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n"),
        ("echo a > f; echo b >> f; cat < f; cat f | wc -l", "a\nb\n2\n"),
        ("echo out; (echo err >&2) 2>/dev/null; ls /nowhere 2>/dev/null || echo failed", "out\nfailed\n"),
        ("cat <<EOF\nhi $GREETING $((1+1))\nEOF\necho after", "hi hello 2\nafter\n"),
        ("cat <<'EOF'\nhi $GREETING\nEOF", "hi $GREETING\n"),
        ("cat <<-EOF\n\tindented\n\tEOF", "indented\n"),
        ("printf '1 2\\n3 4\\n' | while read a b; do echo $((a+b)); done", "3\n7\n"),
        ("echo 'x=5; echo $x $1' > s.sh; sh s.sh arg; chmod=1; ./s.sh arg", "5 arg\n5 arg\n"),
        ("sleep 0.01 & wait; echo done", "done\n"),
    ]);
}

#[test]
fn a_pipe_should_end_when_nobody_reads() {
    check(&[
        ("yes | head -1", "y\n"),
        ("while true; do echo again; done | head -n 2", "again\nagain\n"),
        ("seq 1 1000000 | head -n 1", "1\n"),
        ("seq 1 100000 | tail -n 1", "100000\n"),
        ("seq 1 100000 | wc -l", "100000\n"),
    ]);
}

#[test]
fn the_stages_of_a_pipe_should_run_side_by_side() {
    let start = Instant::now();
    let ran = sh("(sleep 0.2; echo a) | (sleep 0.2; cat)");
    assert_eq!(ran.stdout, "a\n");
    assert!(start.elapsed() < Duration::from_millis(380), "{:?}", start.elapsed());
}

#[test]
fn exit_codes_should_be_true() {
    let cases = [
        ("true", 0),
        ("false", 1),
        ("exit 3", 3),
        ("echo $((6*7)); exit 3", 3),
        ("exit 256", 0),
        ("(exit 4)", 4),
        ("false | true", 0),
        ("true | false", 1),
        ("missing", 127),
        ("/nowhere/missing", 127),
        ("x=$(false)", 1),
        ("set -e; false; echo never", 1),
        ("set -e; false || true; if false; then :; fi; exit 7", 7),
        ("set -u; echo $none", 2),
        ("echo ${none:?must be set}", 2),
        ("if", 2),
        ("echo )", 2),
        ("[ 1 -eq 1", 2),
        ("echo $((1/0))", 2),
        ("trap 'exit 9' EXIT; exit 1", 9),
        ("exec sh -c 'exit 5'; exit 6", 5),
        ("timeout 0.05 sleep 5", 143),
        ("kill -9 1", 1),
        ("f() { f; }; f", 2),
    ];
    for (script, code) in cases {
        assert_eq!(sh(script).code, code, "{script}");
    }
}

#[test]
fn mistakes_should_be_named() {
    let cases = [
        ("missing", "sh: missing: not found\n"),
        ("cat nothing", "cat: can't open 'nothing': No such file or directory\n"),
        ("cat < nothing", "sh: can't open nothing: No such file or directory\n"),
        ("echo ${none:?must be set}", "sh: none: must be set\n"),
        ("echo $((1/0))", "sh: divide by zero\n"),
        ("if true", "sh: syntax error: unexpected end of file (expecting \"then\")\n"),
        ("for", "sh: syntax error: unexpected end of file (expecting \"word\")\n"),
        ("done", "sh: syntax error: unexpected \"done\"\n"),
        ("ls -y", "ls: invalid option -- 'y'\n"),
        ("ls --yes", "ls: unrecognized option '--yes'\n"),
        (
            "wget https://a",
            "wget: https is not supported here: use http, which stays in the cluster's network\n",
        ),
        ("rm nothing", "rm: can't remove 'nothing': No such file or directory\n"),
        ("set -x; echo a", "+ echo a\n"),
    ];
    for (script, message) in cases {
        assert_eq!(sh(script).stderr, message, "{script}");
    }
}

#[test]
fn tools_should_print_what_busybox_prints() {
    check(&[
        ("echo -n a; echo -e 'b\\tc'; echo -x", "ab\tc\n-x\n"),
        ("printf '%s-%03d-%5.1f|%-4s|%x\\n' a 7 2.55 b 255", "a-007-  2.5|b   |ff\n"),
        ("printf '%s\\n' a b", "a\nb\n"),
        (
            "seq 3; seq 2 4; seq 5 -2 1; seq -w 8 10; seq -s , 3",
            "1\n2\n3\n2\n3\n4\n5\n3\n1\n08\n09\n10\n1,2,3\n",
        ),
        (
            "seq 5 | head -n 2; seq 5 | tail -n 2; seq 5 | tail -n +4; seq 3 | head -1",
            "1\n2\n4\n5\n4\n5\n1\n",
        ),
        ("printf 'abc' | head -c 2; printf 'abc' | tail -c 1; echo", "abc\n"),
        ("printf 'a b\\nc\\n' | wc; printf 'a b\\nc\\n' | wc -w", "        2         3         6\n3\n"),
        ("printf 'Apple\\nbanana\\ncherry\\n' | grep an; seq 12 | grep -c 1", "banana\n4\n"),
        ("printf 'Apple\\nb\\n' | grep -in apple; printf 'a\\nb\\n' | grep -v a", "1:Apple\nb\n"),
        ("printf 'cat\\ndog\\n' | grep -E 'cat|dog' | wc -l; printf 'a|b\\nc\\n' | grep 'a|b'", "2\na|b\n"),
        ("printf 'foo123\\n' | grep -o '[0-9]*[0-9]'; echo a.c | grep -F a.c", "123\na.c\n"),
        (
            "printf 'b\\na\\nb\\n' | sort; printf 'b\\na\\nb\\n' | sort -u; printf '10\\n9\\n' | sort -n; printf '1\\n2\\n' | sort -r",
            "a\nb\nb\na\nb\n9\n10\n2\n1\n",
        ),
        ("printf 'x 2\\ny 1\\n' | sort -k 2; printf 'a:3\\nb:1\\n' | sort -t : -k2n", "y 1\nx 2\nb:1\na:3\n"),
        ("printf 'a\\na\\nb\\n' | uniq -c; printf 'a\\na\\nb\\n' | uniq -d", "      2 a\n      1 b\na\n"),
        (
            "echo hello | tr a-z A-Z; echo a1b2 | tr -d 0-9; echo aabb | tr -s ab; echo 'a b' | tr ' ' '\\n'",
            "HELLO\nab\nab\na\nb\n",
        ),
        ("echo a:b:c | cut -d : -f 2; echo a:b:c | cut -d: -f1,3; echo hello | cut -c 2-4", "b\na:c\nell\n"),
        (
            "echo hello | sed 's/l/L/g'; seq 3 | sed -n 2p; seq 3 | sed '1d;$d'; echo ab | sed -E 's/(a)(b)/\\2\\1/'",
            "heLLo\n2\n2\nba\n",
        ),
        ("seq 5 | sed -n '/2/,/4/p'; echo /a/b | sed 's|/|-|'", "2\n3\n4\n-a/b\n"),
        ("echo x | tee f; cat f", "x\nx\n"),
        ("echo 'a b c' | xargs -n 1 echo; printf 'x\\ny\\n' | xargs -I{} echo '<{}>'", "a\nb\nc\n<x>\n<y>\n"),
        ("basename /a/b.txt .txt; dirname /a/b.txt; dirname a; basename /", "b\n/a\n.\n/\n"),
        ("mkdir -p a/b; touch a/f a/.h; ls a; ls -a a; rm -r a; ls", "b\nf\n.\n..\n.h\nb\nf\n"),
        ("mkdir d; echo 1 > d/x; cp -r d e; mv e/x e/y; find e; cat e/y", "e\ne/y\n1\n"),
        ("env | grep GREETING; env -i A=1 env; env B=2 printenv B", "GREETING=hello\nA=1\n2\n"),
        ("id; whoami; uname; nproc", "uid=0(root) gid=0(root) groups=0(root)\nroot\nWASI\n1\n"),
        ("[ a = a ] && [ ! -e x ] && [ 2 -gt 1 -a -n x ] && test -d / && echo ok", "ok\n"),
        ("expr 1 + 2; expr length abc", "3\n3\n"),
        ("which sh; command -v echo cd", "/bin/sh\n/bin/echo\ncd\n"),
        ("date -u +%Y | wc -c; date +%s | grep -c '^[0-9]*$'", "5\n1\n"),
        ("cat /dev/null; echo x > /dev/null; echo y > /dev/stdout", "y\n"),
    ]);
}

#[test]
fn sh_should_read_its_commands_from_stdin_line_by_line() {
    let ran = run_with(&["sh"], "echo a\nif true\nthen echo b\nfi\nexit 4\necho never\n");
    assert_eq!((ran.stdout.as_str(), ran.code), ("a\nb\n", 4));
}

#[test]
fn the_first_argument_should_pick_the_tool_as_in_busybox() {
    assert_eq!(run_with(&["busybox", "echo", "a"], "").stdout, "a\n");
    assert_eq!(run_with(&["/bin/echo", "a"], "").stdout, "a\n");
    assert_eq!(run_with(&["sh", "-c", "echo $0 $1", "name", "b"], "").stdout, "name b\n");
    assert!(run_with(&["busybox"], "").stderr.contains("Commands:"));
    assert!(run_with(&["ls", "--help"], "").stderr.starts_with("Usage: ls "));
}

#[test]
fn every_tool_should_be_found_by_its_command() {
    for name in crate::COMMANDS.iter().filter(|name| **name != "busybox") {
        assert!(crate::applets::find(name, &[]).is_some(), "{name}");
    }
}

#[test]
fn streams_that_exec_opens_should_stay_until_another_exec() {
    check(&[
        ("exec 3>&1; f() { exec >out; echo in; }; f; echo after; cat out >&3", "in\nafter\n"),
        ("exec 3>&1; eval 'exec >out'; echo in; cat out >&3", "in\n"),
        ("exec 3>&1; echo 'exec >out' >s; . ./s; echo in; cat out >&3", "in\n"),
        ("exec 3>&1; if true; then exec >out; fi; echo in; cat out >&3", "in\n"),
        ("f() { echo in; }; f >out; echo after; cat out", "after\nin\n"),
        ("{ exec 4>out; echo in >&4; } >other; echo more >&4; cat out", "in\nmore\n"),
    ]);
}

#[test]
fn only_so_many_commands_that_ended_should_be_remembered() {
    let job = |number: u32| Job { number, status: Rc::new(std::cell::Cell::new((number != 3).then_some(0))) };
    let mut jobs: Vec<Job> = (2..300).map(job).collect();
    forget_ended(&mut jobs);
    let numbers: Vec<u32> = jobs.iter().map(|job| job.number).collect();
    assert_eq!((numbers.len(), numbers[0], numbers.last()), (REMEMBERED_JOBS + 1, 3, Some(&299)));
}

#[test]
fn tar_should_carry_trees_as_kubectl_cp_does() {
    let long = "n".repeat(60);
    let made = format!("mkdir -p d/{long}/{long} out; echo one >d/a; echo two >d/{long}/{long}/b; ");
    check(&[
        (&format!("{made} tar cf - d | tar xmf - -C out; cat out/d/a out/d/{long}/{long}/b"), "one\ntwo\n"),
        (&format!("{made} tar -C d -cf x.tar a; tar tf x.tar; wc -c <x.tar"), "a\n2048\n"),
        (&format!("{made} tar cf - d | tar -xmf - -C out d/a; ls out/d"), "a\n"),
        (
            &format!(
                "{made} tar cf - d | tar --no-same-permissions --no-same-owner -xmf - -C out; cat out/d/a"
            ),
            "one\n",
        ),
    ]);
    let absolute = sh("echo one >a; mkdir out; tar cf - $PWD/a | tar xf - -C out; cat out$PWD/a");
    assert_eq!(
        (absolute.stdout.as_str(), absolute.stderr.as_str()),
        ("one\n", "tar: removing leading '/' from member names\n")
    );
}

#[test]
fn tar_should_refuse_what_leads_out_and_what_is_no_archive() {
    let out = sh("mkdir in; cd in; echo x >../a; tar cf - ../a | tar xf - ; ls ..");
    assert_eq!(out.stderr, "tar: ../a: name with '..' skipped\n");
    let cases = [
        ("echo nothing | tar xf -", "tar: short read"),
        ("head -c 512 /dev/zero | tr '\\0' x | tar xf -", "tar: invalid tar header checksum"),
        ("tar f -", "tar: one of -c, -x and -t is needed"),
        ("tar xzf a.tgz", "tar: compression is not supported here"),
    ];
    for (script, expected) in cases {
        let ran = sh(script);
        assert!(ran.stderr.starts_with(expected) && ran.code == 1, "{script}: {} {}", ran.code, ran.stderr);
    }
}

#[test]
fn digests_should_be_those_of_the_standards() {
    check(&[
        ("printf abc | md5sum", "900150983cd24fb0d6963f7d28e17f72  -\n"),
        ("printf abc | sha1sum", "a9993e364706816aba3e25717850c26c9cd0d89d  -\n"),
        (
            "printf abc > f; sha256sum f",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  f\n",
        ),
        ("printf abc | sha512sum | cut -c 1-16", "ddaf35a193617aba\n"),
        ("echo a > f; sha256sum f > sums; sha256sum -c sums", "f: OK\n"),
        (
            "echo a > f; md5sum f > sums; echo b > f; md5sum -c sums 2>/dev/null || echo differs",
            "f: FAILED\ndiffers\n",
        ),
        (
            "echo hello | base64; echo aGVsbG8K | base64 -d; printf abcdef | base64 -w 4",
            "aGVsbG8K\nhello\nYWJj\nZGVm\n",
        ),
        ("seq 2 > a; seq 3 > b; paste a b; paste -s -d , b", "1\t1\n2\t2\n\t3\n1,2,3\n"),
    ]);
}

#[test]
fn netcat_should_talk_from_both_ends() {
    // A listener in the background outlives its shell here, so each script has a port of its own.
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = free();
    let script = format!(
        "nc -lk -p {port} -e tr a-z A-Z & sleep 0.05; echo hello | nc -w 5 127.0.0.1 {port}; \
         printf one | nc -w 5 127.0.0.1 {port}; nc -zv 127.0.0.1 {port} 2>&1; ping -c 1 -p {port} 127.0.0.1 >/dev/null"
    );
    let ran = sh(&script);
    let open = format!("127.0.0.1 (127.0.0.1:{port}) open\n");
    assert_eq!((ran.stdout, ran.stderr.as_str(), ran.code), (format!("HELLO\nONE{open}"), "", 0));
    let port = free();
    let ran = sh(&format!(
        "echo answer | nc -l -p {port} & sleep 0.05; nc -w 5 127.0.0.1 {port} < /dev/null; wait"
    ));
    assert_eq!((ran.stdout.as_str(), ran.code), ("answer\n", 0), "{}", ran.stderr);
    let port = free();
    let ran = sh(&format!("nc -w 1 127.0.0.1 {port} < /dev/null"));
    assert_eq!(
        (ran.stderr, ran.code),
        (format!("nc: 127.0.0.1 (127.0.0.1:{port}): Connection refused\n"), 1)
    );
    let ran = sh(&format!(
        "timeout 2 nc -u -l -w 1 -p {port} & sleep 0.05; echo datagram | nc -u -w 0.1 127.0.0.1 {port}; wait"
    ));
    assert_eq!((ran.stdout.as_str(), ran.code), ("datagram\n", 0), "{}", ran.stderr);
    assert!(sh("ping 127.0.0.1").stderr.contains("there is no ICMP in this network"));
}

#[test]
fn files_should_be_told_of_and_linked() {
    check(&[
        ("printf 12345 > f; stat -c '%n %s %F' f; stat -c %F .", "f 5 regular file\ndirectory\n"),
        ("echo a > f; ln -s f l; readlink l; cat l; stat -c %F l", "f\na\nsymbolic link\n"),
        ("echo a > f; ln f g; echo b >> g; cat f; readlink f || echo none", "a\nb\nnone\n"),
        ("ln -s x l; ln -sf y l; readlink l", "y\n"),
        (
            "mkdir -p d/e; head -c 3000 /dev/zero > d/e/f; du d; du -sb d; du -sh d",
            "3\td/e\n3\td\n3000\td\n2.9K\td\n",
        ),
    ]);
    let missing = sh("stat none; du none");
    let said = "stat: can't stat 'none': No such file or directory\ndu: none: No such file or directory\n";
    assert_eq!((missing.stderr.as_str(), missing.code), (said, 1));
}
