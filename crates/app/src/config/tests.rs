use countersign_domain::{ConnectionUse, Continuity, Lifecycles, RetryPolicy, TenantLifecycle};

use super::*;

fn parsed(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|error| panic!("{error:?} in {text}"))
}

/// Asserts the line, the key and the words of a refusal.
#[track_caller]
fn refused(text: &str, line: usize, field: &str, problem: &str) {
    let error = Config::parse(text).expect_err(text);
    let found = (error.line, error.field.as_deref(), error.problem.as_str());
    assert_eq!(found, (Some(line), Some(field), problem), "{text}");
    assert_eq!(error.to_string(), format!("`{field}`: {problem}"));
}

/// Asserts the refusal of one line in the table of an operation.
#[track_caller]
fn refused_operation(key_and_value: &str, key: &str, problem: &str) {
    let text = format!("[operations.first]\n\n[operations.\"a.b\"]\n{key_and_value}\n");
    refused(&text, 4, &format!("operations.a.b{key}"), problem);
}

fn op(name: &str) -> OperationType {
    name.parse().unwrap()
}

#[test]
fn an_operation_says_everything_it_needs() {
    let config = parsed(
        r#"
        [operations."restore.execute"]
        capability = "restore.write"
        writes = true
        connection = "required"
        prerequisites = ["window", "baseline"]
        lifecycles = ["active", "suspended"]
        system = true
        max_attempts = 7
        backoff = "2s"
        backoff_limit = "1m"
        timeout = "1h30m"
        continuity = "finish"
        command = ["./restore.sh", "--all", ""]
        permanent_exit_codes = [65, 64, 65]
        "#,
    );
    let operation = config.catalog.get(&op("restore.execute")).unwrap();
    assert_eq!(operation.name, op("restore.execute"));
    assert_eq!(operation.capability, Some("restore.write".parse().unwrap()));
    assert!(operation.writes);
    assert_eq!(operation.connection, ConnectionUse::Required);
    let prerequisites: Vec<_> = operation.prerequisites.iter().map(|p| p.as_str()).collect();
    assert_eq!(prerequisites, ["window", "baseline"]);
    let accepted = Lifecycles::ACTIVE.with(TenantLifecycle::Suspended);
    assert_eq!(operation.lifecycles, accepted);
    assert!(operation.system);
    let retry = RetryPolicy {
        max_attempts: 7,
        backoff: Duration::from_secs(2),
        backoff_limit: Duration::from_secs(60),
    };
    assert_eq!(operation.retry, retry);
    assert_eq!(operation.timeout, Some(Duration::from_secs(5400)));
    assert_eq!(operation.continuity, Continuity::Finish);

    let command = config.commands.get(&op("restore.execute")).unwrap();
    assert_eq!(command.program, "./restore.sh");
    assert_eq!(command.arguments, ["--all", ""]);
    assert_eq!(command.permanent_exit_codes, BTreeSet::from([64, 65]));
    assert_eq!(command.kill_grace, Duration::from_secs(5));
}

#[test]
fn an_operation_that_says_nothing_has_the_defaults_of_the_domain() {
    let config = parsed("[operations.inventory_sync]\n[operations.report]\ncommand = [\"r\"]");
    let operation = config.catalog.get(&op("inventory_sync")).unwrap();
    assert_eq!(
        **operation,
        countersign_domain::Operation::new(op("inventory_sync"))
    );
    assert_eq!(config.catalog.names(), [op("inventory_sync"), op("report")]);
    assert_eq!(config.commands.keys().collect::<Vec<_>>(), [&op("report")]);
    assert_eq!(config.commands[&op("report")], CommandSpec::new("r", []));
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let source = include_str!("../config.rs");
    let example: String = source
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").to_owned() + "\n")
        .collect();
    let config = parsed(&example);
    assert_eq!(config.consistency, ConsistencyMode::Fenced);
    assert_eq!(config.worker, WorkerConfig::default());
    let operation = config.catalog.get(&op("restore.execute")).unwrap();
    assert_eq!(operation.retry, RetryPolicy::default());
    assert_eq!(operation.lifecycles, Lifecycles::default());

    let bounded = example
        .replace("# max_age", "max_age")
        .replace("\"fenced\"", "\"bounded\"");
    assert_ne!(parsed(&bounded).consistency, ConsistencyMode::Fenced);
}

#[test]
fn an_empty_file_says_what_the_default_is() {
    let config = parsed("# nothing\n");
    let default = Config::default();
    assert!(config.catalog.is_empty() && config.commands.is_empty());
    assert_eq!(config.catalog.fingerprint(), default.catalog.fingerprint());
    assert_eq!(config.consistency, ConsistencyMode::Fenced);
    assert_eq!(config.worker, default.worker);
    for text in [
        "",
        "[operations]\n[consistency]\n[worker]\n",
        "\u{feff}\r\n[worker]\r\n",
    ] {
        assert_eq!(parsed(text).worker, default.worker, "{text:?}");
    }
}

#[test]
fn consistency_is_fenced_or_bounded_by_an_age() {
    let read = |text: &str| parsed(text).consistency;
    let bounded = ConsistencyMode::Bounded {
        max_age: Duration::from_millis(500),
    };
    assert_eq!(read("consistency.mode = 'fenced'"), ConsistencyMode::Fenced);
    assert_eq!(
        read("[consistency]\nmode = 'bounded'\nmax_age = '500ms'"),
        bounded
    );

    refused(
        "\n[consistency]\nmode = 'bounded'\n",
        2,
        "consistency",
        "`max_age` is missing, which `mode = \"bounded\"` requires",
    );
    for text in [
        "[consistency]\n\nmax_age = '1s'",
        "[consistency]\nmode='fenced'\nmax_age='1s'",
    ] {
        refused(
            text,
            3,
            "consistency.max_age",
            "says nothing here, expected only with `mode = \"bounded\"`",
        );
    }
    refused(
        "[consistency]\nmode = 'eventual'",
        2,
        "consistency.mode",
        "`eventual` is not a consistency mode, expected one of `fenced`, `bounded`",
    );
    refused(
        "[consistency]\nmax_age = '1s'\nmode = 'bounded'\nage = 1",
        4,
        "consistency.age",
        "not a key here, expected one of `mode`, `max_age`",
    );
    refused(
        "consistency = 1",
        1,
        "consistency",
        "expected a table, found an integer",
    );
}

#[test]
fn the_worker_is_set_up_key_by_key() {
    let worker = parsed(
        "[worker]\nconcurrency = 1_000\nlease = '1s'\nqueue_name = 'slow'\n\
         undecided_give_up_after = '2d'\ncancel_grace = '1m'",
    )
    .worker;
    let expected = WorkerConfig {
        concurrency: 1000,
        lease: Duration::from_secs(1),
        queue_name: "slow".parse().unwrap(),
        undecided_give_up_after: Duration::from_secs(2 * 86_400),
        cancel_grace: Duration::from_secs(60),
    };
    assert_eq!(worker, expected);

    let out_of_range = "is out of range, expected a whole number from 1 to 100000";
    for (value, quoted) in [
        ("0", "`0`"),
        ("100_001", "`100001`"),
        ("-1", "`-1`"),
        ("99999999999999999999", "`99999999999999999999`"),
    ] {
        refused(
            &format!("[worker]\nconcurrency = {value}"),
            2,
            "worker.concurrency",
            &format!("{quoted} {out_of_range}"),
        );
    }
    refused(
        "[worker]\nconcurrency = 1.5",
        2,
        "worker.concurrency",
        "expected a whole number from 1 to 100000, found a float",
    );
    refused(
        "[worker]\n\n\nlease = '999ms'",
        4,
        "worker.lease",
        "`999ms` is too short, expected at least `1s`",
    );
    refused(
        "[worker]\nqueue_name = ''",
        2,
        "worker.queue_name",
        "queue name is empty, expected 1 to 128 bytes of text",
    );
    refused(
        "[worker]\nundecided_give_up_after = '0s'",
        2,
        "worker.undecided_give_up_after",
        "`0s` is no time at all, expected more than zero",
    );
    refused(
        "[worker]\ncancel_grace = '11y'",
        2,
        "worker.cancel_grace",
        "`11y` is not a duration, expected such as `500ms`, `10m` or `1h30m`",
    );
    refused(
        "[worker]\nthreads = 1",
        2,
        "worker.threads",
        "not a key here, expected one of `concurrency`, `lease`, `queue_name`, \
         `undecided_give_up_after`, `cancel_grace`",
    );
}

#[test]
fn values_of_operations_are_refused_with_line_and_key() {
    let cases = [
        (
            "capability = ''",
            ".capability",
            "capability is empty, expected 1 to 128 bytes of text",
        ),
        (
            "capability = 1",
            ".capability",
            "expected a string, found an integer",
        ),
        (
            "writes = 'yes'",
            ".writes",
            "expected `true` or `false`, found a string",
        ),
        (
            "connection = 'maybe'",
            ".connection",
            "`maybe` is not a use of a connection, expected one of `none`, `optional`, `required`",
        ),
        (
            "prerequisites = 'x'",
            ".prerequisites",
            "expected an array, found a string",
        ),
        (
            "prerequisites = ['x', \"\\n\"]",
            ".prerequisites[1]",
            "prerequisite has the control character U+000A at byte 0, expected none",
        ),
        (
            "lifecycles = ['alive']",
            ".lifecycles[0]",
            "`alive` is not a lifecycle, expected one of `onboarding`, `active`, `suspended`, \
             `archived`",
        ),
        (
            "lifecycles = []",
            ".lifecycles",
            "is empty, so that no tenant is accepted; expected at least one lifecycle",
        ),
        (
            "system = 1979-05-27",
            ".system",
            "expected `true` or `false`, found a datetime",
        ),
        (
            "max_attempts = 1001",
            ".max_attempts",
            "`1001` is out of range, expected a whole number from 1 to 1000",
        ),
        (
            "timeout = 'soon'",
            ".timeout",
            "`soon` is not a duration, expected such as `500ms`, `10m` or `1h30m`",
        ),
        (
            "timeout = 600",
            ".timeout",
            "expected a string such as `500ms`, `10m` or `1h30m`, found an integer",
        ),
        (
            "timeout = '5000d'",
            ".timeout",
            "`5000d` is too long, expected at most `3650d`",
        ),
        (
            "backoff_limit = '4s'",
            ".backoff_limit",
            "`4s` is shorter than `backoff`, which is 5s",
        ),
        (
            "continuity = 'stop'",
            ".continuity",
            "`stop` is not a continuity, expected one of `cancel`, `finish`",
        ),
        (
            "command = './x.sh'",
            ".command",
            "expected an array, found a string",
        ),
        (
            "command = []",
            ".command",
            "is empty, expected a program and its arguments",
        ),
        (
            "command = ['']",
            ".command",
            "is empty, expected a program and its arguments",
        ),
        (
            "command = ['x', 1]",
            ".command[1]",
            "expected a string, found an integer",
        ),
        (
            "command = ['x', \"\\u0000\"]",
            ".command[1]",
            "holds the character U+0000, which no argument can",
        ),
        (
            "permanent_exit_codes = [1]",
            ".permanent_exit_codes",
            "says nothing here, expected only with `command`",
        ),
        (
            "colour = 'red'",
            ".colour",
            "not a key here, expected one of `capability`, `writes`, `connection`, \
             `prerequisites`, `lifecycles`, `system`, `max_attempts`, `backoff`, \
             `backoff_limit`, `timeout`, `continuity`, `command`, `permanent_exit_codes`",
        ),
    ];
    for (key_and_value, key, problem) in cases {
        refused_operation(key_and_value, key, problem);
    }
}

#[test]
fn exit_codes_are_those_of_failures() {
    for (code, problem) in [
        (
            "0",
            "`0` is out of range, expected a whole number from 1 to 255",
        ),
        (
            "256",
            "`256` is out of range, expected a whole number from 1 to 255",
        ),
        (
            "3",
            "`3` is not a failure: it says that part of the work was done",
        ),
    ] {
        let text =
            format!("[operations.x]\ncommand = ['x']\npermanent_exit_codes = [\n1,\n{code}]");
        refused(&text, 5, "operations.x.permanent_exit_codes[1]", problem);
    }
}

#[test]
fn a_longer_backoff_raises_the_limit_that_is_not_set() {
    let text = "[operations.x]\nbackoff = '1h'\n";
    let retry = parsed(text).catalog.get(&op("x")).unwrap().retry;
    assert_eq!(retry.backoff_limit, Duration::from_secs(3600));
    refused(
        &format!("{text}backoff_limit = '10m'"),
        3,
        "operations.x.backoff_limit",
        "`10m` is shorter than `backoff`, which is 3600s",
    );
}

#[test]
fn names_of_operations_are_ids_and_quoted_when_they_have_dots() {
    refused(
        "[operations.a]\n[operations.\"\"]",
        2,
        "operations.",
        "operation type is empty, expected 1 to 128 bytes of text",
    );
    refused(
        "[operations.restore.execute]\ncapability = 'x'",
        1,
        "operations.restore.execute",
        "not a key here; an operation's name with dots is quoted, as in \
         `[operations.\"restore.execute\"]`",
    );
    refused(
        "operations.a = 1",
        1,
        "operations.a",
        "expected a table, found an integer",
    );
    refused(
        "[[operations]]",
        1,
        "operations",
        "expected a table, found an array",
    );
}

#[test]
fn the_first_unknown_key_of_the_text_is_named() {
    refused(
        "[worker]\n[zebra]\n[operation.x]\n",
        2,
        "zebra",
        "not a key here, expected one of `operations`, `consistency`, `worker`",
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for (text, line, problem) in [
        ("[worker]\nlease = 10m\n", 2, "not valid TOML: "),
        (
            "a = 1\n\na = 2\n",
            3,
            "not valid TOML: duplicate key, at `a`",
        ),
        (
            "[worker]\r\n\r\n[worker]\r\n",
            3,
            "not valid TOML: duplicate key, at `worker`",
        ),
        (
            "[worker]\nlease = \"1s\nqueue_name = \"x\"\n",
            2,
            "not valid TOML: invalid basic string",
        ),
        (
            "a = [1,\n",
            1,
            "not valid TOML: unclosed array, expected `]`",
        ),
        ("x", 1, "not valid TOML: key with no value, expected `=`"),
    ] {
        let error = Config::parse(text).expect_err(text);
        assert_eq!(
            (error.line, &error.field),
            (Some(line), &None),
            "{text:?}: {error}"
        );
        assert!(error.to_string().starts_with(problem), "{text:?}: {error}");
    }
}
