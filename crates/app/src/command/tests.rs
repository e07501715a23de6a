use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::thread;

use countersign_domain::{
    AttributedChange, AuthorityMode, AuthorityState, ExecutionContext, FailureCode, JsonText,
    Operation, OperationRun, QueueName, Revision, RunId, RunOutcome, ScopeRevision,
    SubmittedContext, Timestamp,
};
use countersign_ports::{Authority, Begun, Fence, Start, StartTerms, Work, fresh_store_id};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::capture::TAIL_BYTES;
use super::*;
use crate::handler::Retryable;

/// Longer than anything here takes, shorter than the sleeps of what is to be killed.
const PATIENCE: Duration = Duration::from_secs(30);

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A run that has been received: queued still.
fn run() -> OperationRun {
    let queued_at = time("2026-03-01T12:00:00Z");
    OperationRun {
        id: RunId::EXAMPLE,
        workspace_id: id("w"),
        tenant_id: id("t"),
        initiator: Some(id("u")),
        authority_mode: AuthorityMode::ActorBound,
        operation_type: id("restore.execute"),
        provider_connection_id: Some(id("c")),
        status: RunStatus::Queued,
        outcome: RunOutcome::Pending,
        context: SubmittedContext::parse(r#"{"snapshot":"s-1"}"#).unwrap(),
        decision: None,
        continuity: None,
        result: None,
        output: None,
        failure: None,
        cancel: None,
        priority: 0,
        unique_key: None,
        chain_id: id("01935f5e-7c00-7000-8000-000000000000"),
        attempt: 2,
        retry_of: None,
        requested_by: None,
        queue_name: QueueName::standard(),
        queued_at,
        due_at: queued_at,
        started_at: None,
        completed_at: None,
        undecided_since: None,
    }
}

/// The run, entered: judged by hand-made facts and started as a store would.
fn entered(run: OperationRun, cancel: &CancellationToken) -> Execution {
    let mut state = AuthorityState::default();
    for line in [
        r#"{"change":"define_role","role":"r","capabilities":[],"all_tenants":true}"#,
        r#"{"change":"set_workspace","workspace":"w","active":true}"#,
        r#"{"change":"set_tenant","tenant":"t","workspace":"w","lifecycle":"active"}"#,
        r#"{"change":"grant","user":"u","workspace":"w","role":"r"}"#,
    ] {
        state.apply(&AttributedChange::parse(line).unwrap().change);
    }
    let operation = Operation {
        system: true,
        ..Operation::new(run.operation_type.clone())
    };
    let context = ExecutionContext::of(&run, operation.into());
    let query = context.query();
    let fence = Fence {
        store: fresh_store_id(),
        scopes: [ScopeRevision {
            workspace: id("w"),
            revision: Revision::new(1, 1),
        }]
        .into_iter()
        .collect(),
    };
    let rows = state.rows(&query);
    let authority = Authority::resolved(query, rows, run.queued_at, fence);
    let terms = StartTerms {
        worker: &id("tester"),
        catalog: "catalog",
        lease_for: Duration::from_secs(3600),
        bound: None,
    };
    let start = Start::judge(&context, &authority, &terms).unwrap();
    match start.committed(time("2026-03-01T12:00:01Z")) {
        Begun::Started(permit) => Execution::enter(run, permit, cancel.clone()).unwrap(),
        other @ (Begun::Blocked
        | Begun::AuthorityMoved
        | Begun::AuthorityBusy
        | Begun::NotQueued
        | Begun::CancelRequested) => panic!("it starts: {other:?}"),
    }
}

/// A handler of `sh -c`; `$1` and so on are the arguments.
fn shell(script: &str, arguments: &[&Path]) -> CommandHandler {
    let words = ["-c", script, "sh"].into_iter().map(str::to_owned);
    let arguments = arguments.iter().map(|path| path.display().to_string());
    CommandHandler::new(CommandSpec::new("sh", words.chain(arguments)))
}

async fn handled(handler: CommandHandler, run: OperationRun) -> Report {
    let execution = entered(run, &CancellationToken::new());
    let report = timeout(PATIENCE, handler.handle(execution)).await;
    report.expect("the handler does not hang")
}

async fn report_of(script: &str) -> Report {
    handled(shell(script, &[]), run()).await
}

fn value(json: &Option<JsonText>) -> Value {
    let text = json.as_ref().expect("there is a document");
    serde_json::from_str(text.as_str()).unwrap()
}

fn output(report: &Report, stream: &str) -> String {
    let output = value(&report.output);
    output[stream].as_str().expect("a text").to_owned()
}

fn message(report: &Report) -> &str {
    match &report.work {
        Work::Failed(failure) => {
            assert_eq!(failure.code, FailureCode::HandlerFailed);
            &failure.message
        }
        other @ (Work::Succeeded | Work::PartiallySucceeded | Work::Cancelled(_)) => {
            panic!("it failed: {other:?}")
        }
    }
}

fn was_stopped(report: &Report) -> bool {
    let stopped = stopped();
    report.work == stopped.work && report.retry == stopped.retry
}

/// A named pipe that a whole process group holds open: its end is the end of the last member. That
/// holds also where nobody reaps orphans, so that their process ids stay.
struct Lifeline {
    path: PathBuf,
    _directory: TempDir,
    first_line: oneshot::Receiver<String>,
    ended: oneshot::Receiver<String>,
}

/// Opens the lifeline for the shell and all that it starts; `echo ready >&9` says that it runs.
const HOLD_LIFELINE: &str = "exec 9>\"$1\";";

/// A sleep that says so itself: one forked by a shell with a trap would, until it is a program of its
/// own, swallow the signal.
const READY_SLEEP: &str = "sh -c 'echo ready >&9; exec sleep 60'";

impl Lifeline {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lifeline");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success(), "mkfifo");
        let ((tell_first, first_line), (tell_end, ended)) =
            (oneshot::channel(), oneshot::channel());
        let read = path.clone();
        thread::spawn(move || {
            let mut pipe = BufReader::new(File::open(read).unwrap());
            let (mut first, mut rest) = (String::new(), String::new());
            pipe.read_line(&mut first).unwrap();
            let _told = tell_first.send(first);
            pipe.read_to_string(&mut rest).unwrap();
            let _told = tell_end.send(rest);
        });
        Self {
            path,
            _directory: directory,
            first_line,
            ended,
        }
    }

    async fn ready(&mut self) {
        let first = timeout(PATIENCE, &mut self.first_line).await;
        assert_eq!(first.expect("it starts").unwrap(), "ready\n");
    }

    /// Returns once every process that held the lifeline is gone, with what they wrote meanwhile.
    async fn all_gone(self) -> String {
        let ended = timeout(PATIENCE, self.ended).await;
        ended.expect("nobody is left").unwrap()
    }
}

#[tokio::test]
async fn exit_0_has_succeeded_and_a_silent_command_leaves_nothing() {
    let report = report_of("exit 0").await;
    assert_eq!(report, Report::succeeded());
}

#[tokio::test]
async fn exit_3_has_partially_succeeded() {
    let report = report_of("echo half; exit 3").await;
    assert_eq!(report.work, Work::PartiallySucceeded);
    let expected = json!({"stdout": "half\n", "stderr": "", "exit_code": 3, "signal": null});
    assert_eq!(value(&report.output), expected);
    assert_eq!(report.result, None);
}

#[tokio::test]
async fn any_other_exit_has_failed_with_its_last_words() {
    let report = report_of("echo first >&2; printf 'no \\033 route\\n \\n' >&2; exit 2").await;
    assert_eq!(message(&report), "exited with status 2: no  route");
    assert_eq!(report.retry, Retryable::ByPolicy);
    assert_eq!(value(&report.output)["exit_code"], 2);

    let silent = report_of("exit 255").await;
    assert_eq!(message(&silent), "exited with status 255");
    let expected = json!({"stdout": "", "stderr": "", "exit_code": 255, "signal": null});
    assert_eq!(value(&silent.output), expected);
}

#[tokio::test]
async fn listed_exit_codes_are_not_tried_again() {
    for (code, retry) in [(64, Retryable::Never), (65, Retryable::ByPolicy)] {
        let mut handler = shell(&format!("exit {code}"), &[]);
        handler.spec.permanent_exit_codes.insert(64);
        let report = handled(handler, run()).await;
        assert_eq!(report.retry, retry, "{code}");
    }
}

#[tokio::test]
async fn a_signal_is_a_failure_with_its_name() {
    let report = report_of("kill -9 $$").await;
    assert_eq!(message(&report), "ended by signal 9 (SIGKILL)");
    assert_eq!(report.retry, Retryable::ByPolicy);
    let expected = json!({"stdout": "", "stderr": "", "exit_code": null, "signal": 9});
    assert_eq!(value(&report.output), expected);
}

#[tokio::test]
async fn a_command_that_cannot_be_started_has_failed_by_policy() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("not-executable");
    File::create(&file).unwrap();
    for (program, problem) in [
        ("/nowhere/at/all", "No such file or directory"),
        (file.to_str().unwrap(), "Permission denied"),
        ("nul\0", "nul byte"),
    ] {
        let handler = CommandHandler::new(CommandSpec::new(program, []));
        let report = handled(handler, run()).await;
        let message = message(&report);
        let shown = program.replace('\0', "");
        assert!(
            message.starts_with(&format!("`{shown}` cannot be started: ")),
            "{message}"
        );
        assert!(message.contains(problem), "{message}");
        assert_eq!((report.retry, report.output), (Retryable::ByPolicy, None));
    }
}

#[tokio::test]
async fn stdout_that_is_one_json_document_is_the_result() {
    let report = report_of(r#"echo '{"b": 1,'; echo '"a": [2]}'"#).await;
    assert_eq!(
        report.result.as_ref().unwrap().as_str(),
        r#"{"a":[2],"b":1}"#
    );
    assert_eq!((&report.work, &report.output), (&Work::Succeeded, &None));

    let report = report_of("echo 12; echo careful >&2; exit 1").await;
    assert_eq!(report.result.as_ref().unwrap().as_str(), "12");
    let expected = json!({"stdout": null, "stderr": "careful\n", "exit_code": 1, "signal": null});
    assert_eq!(value(&report.output), expected);
}

#[tokio::test]
async fn a_result_may_be_one_mib_and_no_more() {
    for (letters, kept) in [(MAX_JSON_BYTES - 2, true), (MAX_JSON_BYTES - 1, false)] {
        let script = format!("printf '\"'; head -c {letters} /dev/zero | tr '\\0' x; echo '\"'");
        let report = report_of(&script).await;
        assert_eq!(report.result.is_some(), kept, "{letters}");
        assert_eq!(report.output.is_none(), kept, "{letters}");
    }
}

#[tokio::test]
async fn the_last_8_kib_of_either_output_are_kept() {
    let report = report_of("seq 100000; seq 100000 | tr 0 o >&2; printf 'a\\0b\\377'").await;
    let (stdout, stderr) = (output(&report, "stdout"), output(&report, "stderr"));
    assert!(
        stdout.ends_with("99999\n100000\na\u{FFFD}b\u{FFFD}"),
        "{stdout:?}"
    );
    assert!(stderr.ends_with("99999\n1ooooo\n"), "{stderr:?}");
    assert!((TAIL_BYTES - 2..=TAIL_BYTES).contains(&stdout.len()));
    assert_eq!(stderr.len(), TAIL_BYTES);
}

#[tokio::test]
async fn ten_megabytes_of_output_are_read_and_forgotten() {
    let flood = "head -c 10000000 /dev/zero | tr '\\0' x";
    let report = report_of(&format!("{flood} >&2; {flood}; {flood} >&2")).await;
    assert_eq!(report.work, Work::Succeeded);
    assert_eq!(output(&report, "stdout"), "x".repeat(TAIL_BYTES));
    assert_eq!(output(&report, "stderr"), "x".repeat(TAIL_BYTES));
}

#[tokio::test]
async fn the_command_reads_the_run_as_it_stands_while_running() {
    let report = report_of("cat").await;
    let read = value(&report.result);
    let expected = serde_json::to_value(OperationRun {
        status: RunStatus::Running,
        started_at: Some(time("2026-03-01T12:00:01Z")),
        ..run()
    });
    assert_eq!(read, expected.unwrap());
    assert_eq!(
        (&read["status"], &read["context"]["snapshot"]),
        (&json!("running"), &json!("s-1"))
    );

    let lines = report_of("wc -l").await;
    assert_eq!(value(&lines.result), 1);
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_has_not_failed() {
    let pad = "x".repeat(MAX_JSON_BYTES - "{\"pad\":\"\"}".len());
    let large = OperationRun {
        context: SubmittedContext::parse(&format!("{{\"pad\":\"{pad}\"}}")).unwrap(),
        ..run()
    };
    let flood = "head -c 1000000 /dev/zero | tr '\\0' x";
    for script in [
        "true",
        "exec <&-; exit 0",
        flood,
        "head -c 5 >&2; exec <&-",
        "sleep 0.1",
    ] {
        let report = handled(shell(script, &[]), large.clone()).await;
        assert_eq!(report.work, Work::Succeeded, "{script}");
    }
    let read = handled(shell("wc -c", &[]), large.clone()).await;
    let line = serde_json::to_vec(&OperationRun {
        status: RunStatus::Running,
        started_at: Some(time("2026-03-01T12:00:01Z")),
        ..large
    });
    assert_eq!(value(&read.result), line.unwrap().len() + 1);
}

#[tokio::test]
async fn the_environment_names_the_run() {
    let execution = entered(run(), &CancellationToken::new());
    let decision = execution.entry().decision_id();
    let print = shell("env | grep '^COUNTERSIGN_' | sort", &[]);
    let report = timeout(PATIENCE, print.handle(execution)).await.unwrap();
    let expected = format!(
        "COUNTERSIGN_ATTEMPT=2
COUNTERSIGN_AUTHORITY_MODE=actor_bound
COUNTERSIGN_CHAIN_ID=01935f5e-7c00-7000-8000-000000000000
COUNTERSIGN_DECISION_ID={decision}
COUNTERSIGN_INITIATOR=u
COUNTERSIGN_OPERATION_TYPE=restore.execute
COUNTERSIGN_PROVIDER_CONNECTION_ID=c
COUNTERSIGN_RUN_ID=01935f5e-7c00-7000-8000-000000000001
COUNTERSIGN_TENANT_ID=t
COUNTERSIGN_WORKSPACE_ID=w
"
    );
    assert_eq!(output(&report, "stdout"), expected);

    let system = OperationRun {
        initiator: None,
        authority_mode: AuthorityMode::System,
        provider_connection_id: None,
        ..run()
    };
    let report = handled(shell("env", &[]), system).await;
    let environment = output(&report, "stdout");
    assert!(environment.contains("COUNTERSIGN_AUTHORITY_MODE=system\n"));
    for absent in [
        "COUNTERSIGN_INITIATOR",
        "COUNTERSIGN_PROVIDER_CONNECTION_ID",
    ] {
        assert!(!environment.contains(absent), "{absent}");
    }
}

/// Runs itself again where the worker's own settings are in the environment, which a test cannot put
/// there for itself.
#[tokio::test]
async fn the_workers_own_settings_do_not_reach_the_command() {
    const SETTINGS: [&str; 2] = ["COUNTERSIGN_STORE", "COUNTERSIGN_INITIATOR"];
    if std::env::var_os("COUNTERSIGN_STORE").is_some() {
        let system = OperationRun {
            initiator: None,
            authority_mode: AuthorityMode::System,
            ..run()
        };
        let report = handled(shell("env", &[]), system).await;
        let environment = output(&report, "stdout");
        assert!(environment.contains("UNRELATED=kept\n"), "{environment}");
        assert!(!environment.contains("secret"), "{environment}");
        return;
    }
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::the_workers_own_settings_do_not_reach_the_command");
    let again = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name])
        .envs(SETTINGS.map(|setting| (setting, "secret")))
        .env("UNRELATED", "kept")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&again.stdout);
    assert!(
        again.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
}

#[tokio::test]
async fn cancelling_stops_the_whole_group_and_keeps_what_was_printed() {
    let mut lifeline = Lifeline::new();
    let script = format!("{HOLD_LIFELINE} echo 7; sleep 60 & (sleep 60 & echo ready >&9; wait)");
    let handler = shell(&script, &[&lifeline.path]);
    let cancel = CancellationToken::new();
    let working = tokio::spawn({
        let execution = entered(run(), &cancel);
        async move { handler.handle(execution).await }
    });
    lifeline.ready().await;
    cancel.cancel();
    let report = timeout(PATIENCE, working).await.unwrap().unwrap();
    assert!(was_stopped(&report), "{report:?}");
    assert_eq!(value(&report.result), 7);
    assert_eq!(value(&report.output)["signal"], 15);
    lifeline.all_gone().await;
}

#[tokio::test]
async fn a_command_may_clean_up_within_the_grace() {
    let mut lifeline = Lifeline::new();
    let script =
        format!("{HOLD_LIFELINE} trap 'echo cleaned >&9; exit 0' TERM; {READY_SLEEP} & wait");
    let mut handler = shell(&script, &[&lifeline.path]);
    handler.spec.kill_grace = PATIENCE;
    let cancel = CancellationToken::new();
    let execution = entered(run(), &cancel);
    let (report, ()) = tokio::join!(timeout(PATIENCE, handler.handle(execution)), async {
        lifeline.ready().await;
        cancel.cancel();
    });
    let report = report.unwrap();
    assert!(was_stopped(&report), "whatever its exit code: {report:?}");
    assert_eq!(lifeline.all_gone().await, "cleaned\n");
}

#[tokio::test]
async fn a_member_that_holds_the_output_has_the_grace_too() {
    let mut lifeline = Lifeline::new();
    let member = format!("trap 'sleep 0.2; echo cleaned >&9; exit 0' TERM; {READY_SLEEP} & wait");
    let script = format!("{HOLD_LIFELINE} ({member}) | cat");
    let mut handler = shell(&script, &[&lifeline.path]);
    handler.linger = Duration::from_millis(1);
    handler.spec.kill_grace = PATIENCE;
    let cancel = CancellationToken::new();
    let execution = entered(run(), &cancel);
    let (report, ()) = tokio::join!(timeout(PATIENCE, handler.handle(execution)), async {
        lifeline.ready().await;
        cancel.cancel();
    });
    assert!(was_stopped(&report.unwrap()));
    assert_eq!(lifeline.all_gone().await, "cleaned\n");
}

#[tokio::test]
async fn a_command_that_does_not_stop_is_killed_after_the_grace() {
    let mut lifeline = Lifeline::new();
    let script = format!("{HOLD_LIFELINE} trap '' TERM; sleep 60 & echo ready >&9; sleep 60; wait");
    let mut handler = shell(&script, &[&lifeline.path]);
    handler.spec.kill_grace = Duration::from_millis(50);
    let cancel = CancellationToken::new();
    let execution = entered(run(), &cancel);
    let (report, ()) = tokio::join!(timeout(PATIENCE, handler.handle(execution)), async {
        lifeline.ready().await;
        cancel.cancel();
    });
    let report = report.unwrap();
    assert!(was_stopped(&report), "{report:?}");
    assert_eq!(value(&report.output)["signal"], 9);
    lifeline.all_gone().await;
}

#[tokio::test]
async fn a_run_cancelled_before_it_begins_starts_no_command() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = shell("echo x > \"$1\"", &[&trace])
        .handle(entered(run(), &cancel))
        .await;
    assert_eq!(report, stopped());
    assert!(!trace.exists());
}

#[tokio::test]
async fn dropping_the_handler_kills_the_whole_group_and_leaves_no_zombie() {
    let mut lifeline = Lifeline::new();
    let script = "trap '' TERM; sleep 60 & printf 'ready\\n%s\\n' $$ >&9; sleep 60";
    let handler = shell(&format!("{HOLD_LIFELINE} {script}"), &[&lifeline.path]);
    let execution = entered(run(), &CancellationToken::new());
    tokio::select! {
        report = handler.handle(execution) => panic!("it goes on: {report:?}"),
        () = lifeline.ready() => {}
    }
    let leader = lifeline.all_gone().await.trim().parse().unwrap();
    let leader = WaitId::Pid(Pid::from_raw(leader).unwrap());
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let reaped = async {
        while waitid(leader.clone(), look).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reaped)
        .await
        .expect("the leader is reaped");
}

#[tokio::test]
async fn a_background_process_that_holds_the_output_is_killed_and_hangs_nothing() {
    let mut lifeline = Lifeline::new();
    let script = format!("{HOLD_LIFELINE} sleep 60 & echo 7; echo ready >&9");
    let mut handler = shell(&script, &[&lifeline.path]);
    handler.linger = Duration::from_millis(50);
    let report = handled(handler, run()).await;
    lifeline.ready().await;
    assert_eq!(
        (&report.work, value(&report.result)),
        (&Work::Succeeded, json!(7))
    );
    lifeline.all_gone().await;
}

#[tokio::test]
async fn a_background_process_that_ends_in_time_is_waited_for() {
    let mut handler = shell("(sleep 0.1; echo 7) &", &[]);
    handler.linger = PATIENCE;
    let report = handled(handler, run()).await;
    assert_eq!(value(&report.result), 7);
}

#[tokio::test]
async fn a_background_process_without_the_outputs_ends_with_the_command() {
    let mut lifeline = Lifeline::new();
    let script = format!("{HOLD_LIFELINE} sleep 60 <&- >&- 2>&- & echo ready >&9");
    let mut handler = shell(&script, &[&lifeline.path]);
    handler.linger = PATIENCE;
    let report = handled(handler, run()).await;
    assert_eq!(report, Report::succeeded());
    lifeline.ready().await;
    lifeline.all_gone().await;
}

#[tokio::test]
async fn a_command_that_closes_its_outputs_is_waited_for() {
    let report = report_of("exec >&- 2>&-; sleep 0.1; exit 3").await;
    assert_eq!(report.work, Work::PartiallySucceeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_at_once_each_get_their_own_end() {
    let handlers = (0..64_i32).map(|code| async move {
        let report = report_of(&format!("cat >&2; echo {code}; exit {code}")).await;
        (
            value(&report.result),
            value(&report.output)["exit_code"].clone(),
        )
    });
    let ends = futures::future::join_all(handlers).await;
    for (code, end) in ends.into_iter().enumerate() {
        assert_eq!(end, (json!(code), json!(code)));
    }
}
