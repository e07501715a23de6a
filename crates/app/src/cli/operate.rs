//! `migrate`, `doctor` and `simulate`.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use countersign::domain::{
    AttributedChange, AuthorityChange, Check, OperationType, ReasonCode, RunId, TenantId, UserId,
    WorkspaceId,
};
use countersign::port::{Finding, Severity};
use countersign::{ConsistencyMode, Simulation, WouldBlock};
use serde::Serialize;

use super::args::{Globals, Migrate, Simulate};
use super::failure::Failure;
use super::lines::read_changes;
use super::output::{Output, styled};
use super::stores::{Deployment, maintained, read_config, runs_and_authority_apart};

pub(crate) async fn migrate(
    globals: &Globals,
    migrate: &Migrate,
    output: Output,
) -> Result<ExitCode, Failure> {
    if migrate.print {
        return print_migrations(globals, output).await;
    }
    #[derive(Serialize)]
    struct Told<'a> {
        store: &'a str,
        from: Option<i64>,
        to: i64,
    }
    for (url, store) in maintained(globals)? {
        let migrated = store.migrate().await?;
        if output.is_json() {
            output.object(&Told {
                store: &url,
                from: migrated.from,
                to: migrated.to,
            })?;
            continue;
        }
        match migrated.from {
            Some(from) if from == migrated.to => {
                output.line(format_args!("{url} is up to date (schema {from})"))?;
            }
            Some(from) => {
                output.line(format_args!(
                    "{url} went from schema {from} to {}",
                    migrated.to
                ))?;
            }
            None => output.line(format_args!("{url} is prepared (schema {})", migrated.to))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What `migrate` would run, as a script with the address of each store above it.
async fn print_migrations(globals: &Globals, output: Output) -> Result<ExitCode, Failure> {
    #[derive(Serialize)]
    struct Told<'a> {
        store: &'a str,
        version: i64,
        description: &'a str,
        sql: &'a str,
    }
    for (url, store) in maintained(globals)? {
        let pending = store.pending().await?;
        if pending.is_empty() && !output.is_json() {
            output.line(format_args!("-- {url} is up to date"))?;
        }
        for step in pending {
            if output.is_json() {
                output.object(&Told {
                    store: &url,
                    version: step.version,
                    description: &step.description,
                    sql: &step.sql,
                })?;
                continue;
            }
            let (version, about) = (step.version, &step.description);
            output.line(format_args!("-- {url}: schema {version}, {about}"))?;
            output.line(&step.sql)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn doctor(globals: &Globals, output: Output) -> Result<ExitCode, Failure> {
    let mut worst = Severity::Note;
    for (url, store) in maintained(globals)? {
        let findings = store.doctor().await?;
        if !output.is_json() {
            output.line(&url)?;
        }
        let width = findings.iter().map(|finding| finding.code.len()).max();
        for finding in findings {
            worst = worst.max(finding.severity);
            tell(&url, &finding, width.unwrap_or(0), output)?;
        }
    }
    if let Some((told, finding)) = consistency(globals)? {
        worst = worst.max(finding.severity);
        tell(&told, &finding, finding.code.len(), output)?;
    }
    Ok(if worst == Severity::Error {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether runs and authority can be fenced at all; nothing to say where they share a store.
fn consistency(globals: &Globals) -> Result<Option<(String, Finding)>, Failure> {
    let Some(told) = runs_and_authority_apart(globals)? else {
        return Ok(None);
    };
    let (config, _) = read_config(globals.config.as_deref())?;
    let (severity, mend) = match config.consistency {
        ConsistencyMode::Fenced => (
            Severity::Error,
            "put both into one store, or ask for `[consistency] mode = \"bounded\"`",
        ),
        ConsistencyMode::Bounded { .. } => (
            Severity::Warning,
            "put both into one store where a revocation must take effect at once",
        ),
    };
    let finding = Finding {
        severity,
        code: "consistency",
        found: "runs and authority live in different stores, so no start is fenced".to_owned(),
        endangers: &["G2"],
        mend: mend.to_owned(),
    };
    Ok(Some((told, finding)))
}

#[derive(Serialize)]
struct ToldFinding<'a> {
    store: &'a str,
    severity: &'static str,
    code: &'static str,
    found: &'a str,
    endangers: &'static [&'static str],
    mend: Option<&'a str>,
}

/// Tells one finding, its code in a column of that width.
fn tell(url: &str, finding: &Finding, width: usize, output: Output) -> Result<(), Failure> {
    let mend = Some(finding.mend.as_str()).filter(|mend| !mend.is_empty());
    if output.is_json() {
        return output.object(&ToldFinding {
            store: url,
            severity: finding.severity.as_str(),
            code: finding.code,
            found: &finding.found,
            endangers: finding.endangers,
            mend,
        });
    }
    let style = match finding.severity {
        Severity::Note => AnsiColor::Green.on_default(),
        Severity::Warning => AnsiColor::Yellow.on_default(),
        Severity::Error => AnsiColor::Red.on_default().bold(),
    };
    let severity = styled(style, format_args!("{:8}", finding.severity.as_str()));
    let margin = 2 + 8 + width + 2;
    output.line(format_args!(
        "  {severity}{:width$}  {}",
        finding.code, finding.found
    ))?;
    if !finding.endangers.is_empty() {
        output.line(format_args!(
            "{:margin$}endangers {}",
            "",
            finding.endangers.join(", ")
        ))?;
    }
    if let Some(mend) = mend {
        output.line(format_args!("{:margin$}{mend}", ""))?;
    }
    Ok(())
}

pub(crate) async fn simulate(
    globals: &Globals,
    simulate: &Simulate,
    output: Output,
) -> Result<ExitCode, Failure> {
    let changes: Vec<AuthorityChange> = match (&simulate.change, &simulate.file) {
        (Some(change), _) => vec![one_change(change)?],
        (None, Some(file)) => read_changes(file)?
            .into_iter()
            .map(|read| read.change)
            .collect(),
        (None, None) => Vec::new(),
    };
    let deployment = Deployment::open(globals).await?;
    let simulation =
        Simulation::new(deployment.ports.clone(), deployment.config.catalog, changes).await?;
    let (mut after, mut judged, mut blocked) = (None, 0, 0);
    loop {
        let page = simulation.page(after).await?;
        judged += page.judged;
        blocked += page.blocked.len() as u64;
        for one in &page.blocked {
            tell_blocked(one, output)?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !output.is_json() {
        output.line(styled(
            Style::new().bold(),
            format_args!("{blocked} of {judged} queued runs of known operations would be blocked"),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn one_change(text: &str) -> Result<AuthorityChange, Failure> {
    match AttributedChange::parse(text) {
        Ok(read) => Ok(read.change),
        Err(error) => Err(Failure::of_field(&error).at_line(1)),
    }
}

#[derive(Serialize)]
struct ToldBlocked<'a> {
    id: RunId,
    workspace_id: &'a WorkspaceId,
    tenant_id: &'a TenantId,
    initiator: Option<&'a UserId>,
    #[serde(rename = "type")]
    operation_type: &'a OperationType,
    reason_code: ReasonCode,
    denial_class: Check,
}

fn tell_blocked(one: &WouldBlock, output: Output) -> Result<(), Failure> {
    let run = &one.run;
    if output.is_json() {
        return output.object(&ToldBlocked {
            id: run.id,
            workspace_id: &run.workspace_id,
            tenant_id: &run.tenant_id,
            initiator: run.initiator.as_ref(),
            operation_type: &run.operation_type,
            reason_code: one.reason,
            denial_class: one.reason.denial_class(),
        });
    }
    let initiator = run.initiator.as_ref().map_or("system", UserId::as_str);
    output.line(format_args!(
        "{}  {}  {}/{}  {initiator}  {}",
        run.id, run.operation_type, run.workspace_id, run.tenant_id, one.reason
    ))
}
