//! Bad input: exit code 2, the line and the field named, nothing on stdout, nothing changed.

use serde_json::Value;

use super::{ALLOWED, DENIED, site};
use crate::support::{Site, Told};

/// Words and input of a command, and what it must complain of.
struct Bad {
    words: Vec<String>,
    input: String,
    code: &'static str,
    line: Option<u64>,
    field: Option<&'static str>,
}

impl Bad {
    fn words(words: &[&str]) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            input: String::new(),
            code: "bad_input",
            line: None,
            field: None,
        }
    }

    /// A line of changes, after a good one.
    fn change(line: &str) -> Self {
        Self {
            input: format!("{{\"change\":\"remove_user\",\"user\":\"7\"}}\n{line}\n"),
            line: Some(2),
            ..Self::words(&["authority", "apply", "-"])
        }
    }

    /// A line of runs, after a good one and an empty one.
    fn run(line: &str) -> Self {
        Self {
            input: format!("{ALLOWED}\n\n{line}\n"),
            line: Some(3),
            ..Self::words(&["submit", "--file", "-"])
        }
    }

    /// A run on the command line with these words too.
    fn submit(words: &[&str]) -> Self {
        let run = ["submit", "--workspace", "1", "--tenant", "4", "--user", "7"];
        Self::words(&[&run[..], words].concat())
    }

    fn usage(words: &[&str]) -> Self {
        Self {
            code: "usage",
            ..Self::words(words)
        }
    }

    fn field(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }

    fn code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    fn line(self, line: u64) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }
}

/// Runs each as it stands and with `--json`, and compares what the store holds before and after.
fn assert_refused(site: &Site, table: Vec<Bad>) {
    let contents = || (site.log(), site.runs());
    let before = contents();
    assert!(
        before.0.len() > 5 && before.1.len() > 1,
        "there is something to change"
    );
    let mut wrong = Vec::new();
    for bad in table {
        let (words, input) = (&bad.words, bad.input.as_str());
        let plain = site.run_with_input(words, input);
        assert_eq!(
            (plain.code, plain.stdout.as_str()),
            (Some(2), ""),
            "{words:?}\n{input}"
        );
        assert!(
            plain.stderr.starts_with("error: "),
            "{words:?}: {}",
            plain.stderr
        );
        let told = site.run_with_input(words.iter().map(String::as_str).chain(["--json"]), input);
        if let Err(problem) = check(&bad, &told) {
            wrong.push(format!("{words:?}\n  {input}\n  {problem}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(contents() == before, "something was changed");
}

fn check(bad: &Bad, told: &Told) -> Result<(), String> {
    if told.code != Some(2) || !told.stdout.is_empty() {
        return Err(format!("{told:?}"));
    }
    let error = told.error();
    let message = error["message"].as_str().unwrap_or_default();
    let as_expected = error["code"] == bad.code
        && error["line"] == bad.line.map_or(Value::Null, Value::from)
        && error["field"] == bad.field.map_or(Value::Null, Value::from)
        && !message.is_empty()
        && !message.contains('\n');
    if as_expected {
        Ok(())
    } else {
        Err(error.to_string())
    }
}

/// A site with something of everything, that nothing here may change.
fn full_site() -> Site {
    let site = site();
    site.submit_lines(&format!("{ALLOWED}\n{DENIED}"));
    site.drain();
    site.submit_lines(&format!("{ALLOWED}\n{DENIED}"));
    site
}

#[test]
fn bad_authority_changes_are_refused_by_line_and_field_and_nothing_is_applied() {
    let long = "x".repeat(129);
    let remove = |user: &str| format!(r#"{{"change":"remove_user","user":"{user}"}}"#);
    let grant = r#""user":"7","workspace":"1","role":"member""#;
    assert_refused(
        &full_site(),
        vec![
            Bad::change(r#"{"change":"remove_user","#),
            Bad::change("[]"),
            Bad::change("null"),
            Bad::change("{} {}"),
            Bad::change(r#"{"change":"remove_user","user":"7","user":"8"}"#),
            Bad::change("{}").field("change"),
            Bad::change(r#"{"change":"remove","user":"7"}"#).field("change"),
            Bad::change(r#"{"change":7}"#).field("change"),
            Bad::change(r#"{"change":"remove_user"}"#).field("user"),
            Bad::change(r#"{"change":"remove_user","user":null}"#).field("user"),
            Bad::change(r#"{"change":"remove_user","user":7}"#).field("user"),
            Bad::change(&remove("")).field("user"),
            Bad::change(&remove(&long)).field("user"),
            Bad::change(&remove(r"a\u0000b")).field("user"),
            Bad::change(&remove(r"a\nb")).field("user"),
            Bad::change(r#"{"change":"remove_user","user":"7","tenant":"4"}"#).field("tenant"),
            Bad::change(r#"{"change":"remove_user","user":"7","by":""}"#).field("by"),
            Bad::change(r#"{"change":"set_user","user":"7","active":"yes"}"#).field("active"),
            Bad::change(r#"{"change":"set_user","user":"7","active":1}"#).field("active"),
            Bad::change(
                r#"{"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"gone"}"#,
            )
            .field("lifecycle"),
            Bad::change(&format!(
                r#"{{"change":"grant",{grant},"expires_at":"soon"}}"#
            ))
            .field("expires_at"),
            Bad::change(&format!(r#"{{"change":"grant",{grant},"expires_at":1}}"#))
                .field("expires_at"),
            Bad::change(&format!(r#"{{"change":"grant",{grant},"tenant":""}}"#)).field("tenant"),
            Bad::change(
                r#"{"change":"define_role","role":"r","capabilities":"all","all_tenants":true}"#,
            )
            .field("capabilities"),
            Bad::change(
                r#"{"change":"define_role","role":"r","capabilities":[""],"all_tenants":true}"#,
            )
            .field("capabilities"),
            Bad::words(&["authority", "apply", "missing.jsonl"]).field("file"),
        ],
    );
}

#[test]
fn bad_runs_of_a_file_are_refused_by_line_and_field_and_none_is_queued() {
    let with = |keys: &str| format!("{}{keys}}}", ALLOWED.trim_end_matches('}'));
    assert_refused(
        &full_site(),
        vec![
            Bad::run("{"),
            Bad::run("7"),
            Bad::run(&with(r#","tenant":"5""#)),
            Bad::run(&with(r#","colour":"red""#)).field("colour"),
            Bad::run(&with(r#","system":true"#)).field("system"),
            Bad::run(r#"{"workspace":"1","tenant":"4","type":"inventory_sync"}"#).field("user"),
            Bad::run(r#"{"tenant":"4","user":"7","type":"inventory_sync"}"#).field("workspace"),
            Bad::run(r#"{"workspace":"1","tenant":"4","user":"7","type":"unheard_of"}"#)
                .field("type"),
            Bad::run(&with(r#","at":"tomorrow""#)).field("at"),
            Bad::run(&with(r#","priority":40000"#)).field("priority"),
            Bad::run(&with(r#","priority":1.5"#)).field("priority"),
            Bad::run(&with(r#","unique":"""#)).field("unique"),
            Bad::run(&with(r#","id":"nope""#)).field("id"),
            // A UUID, but of version 4.
            Bad::run(&with(r#","id":"8c6a5be5-4b2c-4f6e-9d2b-0d6a3d1f6a11""#)).field("id"),
            Bad::run(&with(r#","context":[]"#)).field("context"),
            Bad::run(&with(r#","context":{"a":1,"a":2}"#)).field("context"),
            Bad::run(&with(r#","context":{"a":"\u0000"}"#)).field("context"),
            Bad::run(&with(r#","context":{"reason_code":"x"}"#)).field("context"),
            Bad::run(&with(&format!(
                r#","context":{{"a":"{}"}}"#,
                "x".repeat(1024 * 1024)
            )))
            .field("context"),
            Bad::run(&with(r#","queue_name":"""#)).field("queue_name"),
            Bad::words(&["submit", "--file", "missing.jsonl"]).field("file"),
        ],
    );
}

#[test]
fn bad_words_of_a_run_are_refused_by_field_and_nothing_is_queued() {
    let long = "x".repeat(129);
    let known = ["--type", "inventory_sync"];
    let with = |words: &[&str]| Bad::submit(&[&known[..], words].concat());
    let run = |workspace, tenant, user| {
        let scope = [
            "submit",
            "--workspace",
            workspace,
            "--tenant",
            tenant,
            "--user",
            user,
        ];
        Bad::words(&[&scope[..], &known[..]].concat())
    };
    assert_refused(
        &full_site(),
        vec![
            run("", "4", "7").field("workspace"),
            run("1", &long, "7").field("tenant"),
            run("1", "4", "a\tb").field("user"),
            Bad::submit(&["--type", "unheard_of"]).field("type"),
            Bad::submit(&["--type", ""]).field("type"),
            with(&["--at", "soon"]).field("at"),
            with(&["--at", "2030-01-01"]).field("at"),
            with(&["--priority", "many"]).field("priority"),
            with(&["--priority", "32768"]).field("priority"),
            with(&["--priority", "-32769"]).field("priority"),
            with(&["--context", "{"]).field("context"),
            with(&["--context", "[]"]).field("context"),
            with(&["--context", r#"{"blocked_by":"me"}"#]).field("context"),
            with(&["--context", r#"{"a":1,"a":2}"#]).field("context"),
            with(&["--id", "nope"]).field("id"),
            with(&["--unique", ""]).field("unique"),
            with(&["--connection", &long]).field("connection"),
            with(&["--queue-name", ""]).field("queue_name"),
        ],
    );
}

#[test]
fn words_that_mean_nothing_are_refused() {
    assert_refused(
        &full_site(),
        vec![
            Bad::usage(&["frobnicate"]),
            Bad::usage(&["runs", "frobnicate"]),
            Bad::usage(&["runs", "list", "--colour", "red"]).field("--colour"),
            Bad::usage(&["runs", "list", "--status", "sleeping"]).field("--status <S>"),
            Bad::usage(&["runs", "list", "--outcome", "fine"]).field("--outcome <S>"),
            Bad::usage(&["runs", "list", "--reason", "bad_mood"]).field("--reason <R>"),
            Bad::usage(&["runs", "list", "--limit", "many"]).field("--limit <N>"),
            Bad::usage(&["runs", "list", "--limit", "-1"]).field("-1"),
            Bad::usage(&["runs", "show"]).field("<ID>..."),
            Bad::usage(&["runs", "show", "nope"]).field("<ID>..."),
            Bad::usage(&["runs", "cancel"]).field("<ID>..."),
            Bad::usage(&["runs", "retry", "--reason", "missing_capability"])
                .field("--workspace <W>"),
            Bad::usage(&["submit", "--workspace", "1", "--tenant", "4", "--user", "7"])
                .field("--type <OP>"),
            Bad::submit(&["--type", "inventory_sync", "--system"])
                .code("usage")
                .field("--user <U>"),
            Bad::submit(&["--file", "-"])
                .code("usage")
                .field("--workspace <W>"),
            Bad::usage(&["simulate"]).field("<--change <JSON>|--file <FILE>>"),
            Bad::usage(&["simulate", "--change", "{}", "--file", "-"]).field("--change <JSON>"),
            Bad::usage(&["worker", "--concurrency", "0"]).field("--concurrency <N>"),
            Bad::usage(&["demo", "--count", "1"]).field("--count <N>"),
            Bad::words(&["runs", "list", "--after", "nope"]).field("after"),
            Bad::words(&["simulate", "--change", r#"{"change":"remove"}"#])
                .line(1)
                .field("change"),
        ],
    );
}

#[test]
fn a_missing_command_is_refused_and_the_commands_are_told() {
    let site = site();
    for words in [&[][..], &["runs"], &["authority"]] {
        let plain = site.run(words).expect_code(2);
        assert_eq!(plain.stdout, "");
        assert!(plain.stderr.contains("Commands:"), "{}", plain.stderr);
        let told = site.run(words.iter().chain(&["--json"])).expect_code(2);
        assert_eq!(told.stdout, "");
        let error = told.error();
        assert_eq!(error["code"], "usage");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("requires a subcommand"), "{message}");
    }
}

#[test]
fn stores_that_cannot_be_worked_with_are_refused() {
    let site = full_site();
    site.write("empty.db", "");
    site.run(["migrate", "--store", "sqlite://other.db"])
        .expect_code(0);
    let list = |words: &[&str]| Bad::words(&[&["runs", "list"][..], words].concat());
    assert_refused(
        &site,
        vec![
            list(&["--store", "mysql://db"]).field("store"),
            list(&["--store", "countersign.db"]).field("store"),
            list(&["--store", "sqlite://"]).field("store"),
            list(&["--store", "sqlite://:memory:"]).field("store"),
            list(&["--store", "sqlite://countersign.db?mode=ro"]).field("store"),
            list(&["--runs", "mysql://db"]).field("runs"),
            list(&["--authority", "mysql://db"]).field("authority"),
            list(&["--queue", "mysql://db"]).field("queue"),
            // Nothing there, never prepared, no database, no directory.
            list(&["--store", "sqlite://missing.db"]).code("store_not_migrated"),
            list(&["--store", "sqlite://empty.db"]).code("store_not_migrated"),
            list(&["--store", "sqlite://countersign.toml"]).code("store_corrupt"),
            list(&["--store", "sqlite://countersign.toml/x.db"]).code("store_not_migrated"),
            Bad::words(&["migrate", "--store", "sqlite://countersign.toml/x.db"])
                .code("store_unavailable"),
            Bad::words(&["doctor", "--store", "sqlite://missing.db"]).code("store_not_migrated"),
            // Runs and authority apart, which nobody agreed to.
            list(&["--authority", "sqlite://other.db"]).field("authority"),
        ],
    );
    assert!(
        !site.path("missing.db").exists(),
        "a store was made that nobody asked for"
    );
}

#[test]
fn bad_configurations_are_refused_by_line_and_field() {
    let site = full_site();
    let mut table = vec![Bad::words(&["runs", "list", "--config", "missing.toml"]).field("config")];
    for (name, text, line, field) in [
        ("malformed", "\n[operations", Some(2), None),
        (
            "key",
            "[operations.sync]\ncolour = 1",
            Some(2),
            Some("operations.sync.colour"),
        ),
        ("section", "[colours]", Some(1), Some("colours")),
        ("twice", "[worker]\n[worker]", Some(2), None),
        (
            "duration",
            "[worker]\nlease = \"soon\"",
            Some(2),
            Some("worker.lease"),
        ),
        (
            "short",
            "[worker]\nlease = \"999ms\"",
            Some(2),
            Some("worker.lease"),
        ),
        (
            "type",
            "[operations.sync]\nwrites = 1",
            Some(2),
            Some("operations.sync.writes"),
        ),
        (
            "empty",
            "[operations.sync]\n\ncommand = []",
            Some(3),
            Some("operations.sync.command"),
        ),
        (
            "number",
            "[operations.sync]\nmax_attempts = 0",
            Some(2),
            Some("operations.sync.max_attempts"),
        ),
        (
            "bounded",
            "[consistency]\nmode = \"bounded\"",
            Some(1),
            Some("consistency"),
        ),
    ] {
        let name = format!("{name}.toml");
        site.write(&name, text);
        let bad = Bad::words(&["worker", "--drain", "--config", &name]);
        table.push(Bad { line, field, ..bad });
    }
    site.write("nothing.toml", "");
    let nothing = Bad::words(&["worker", "--drain", "--config", "nothing.toml"]);
    table.push(nothing.field("operations"));
    assert_refused(&site, table);
}

#[test]
fn a_line_that_is_not_utf8_is_refused() {
    let site = full_site();
    std::fs::write(
        site.path("latin1.jsonl"),
        b"{\"change\":\"remove_user\",\"user\":\"\xe9\"}",
    )
    .unwrap();
    let bad = Bad::words(&["authority", "apply", "latin1.jsonl"]).line(1);
    assert_refused(&site, vec![bad]);
}

/// What is wrong is quoted to whoever reads the terminal, and does nothing to the terminal.
#[test]
fn what_is_refused_is_quoted_and_not_obeyed() {
    let line = r#"{"change":"\u001b[2J\u0007\rset_user","user":"7","active":true}"#;
    let refused = full_site().run_with_input(["authority", "apply", "-"], line);
    let told = refused.expect_code(2).stderr;
    assert!(
        told.contains(r"`\u{1b}[2J\u{7}\rset_user` is not a change"),
        "{told:?}"
    );
    let obeyed = told.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(obeyed, None, "{told:?}");
}
