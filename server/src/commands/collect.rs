//! `inquest collect`.

use super::import::target;
use crate::{
    cli::{Collect, ReportFormat},
    collect::{self, Asker, Sources, Surroundings},
    config::Config,
    importer::Target,
    terminal,
};
use anyhow::{Context, Result, bail};
use collectors::{
    aws::config::{AwsSource, Part},
    collect::{Advice, Check, CheckOutcome, Collector, Failure},
};
use futures::{StreamExt, stream::FuturesOrdered};
use model::text::counted;
use model::text::visible_line;
use state::State;
use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How long the answer to a try of `--check` may take, seconds.
const CHECK_TIMEOUT_S: u64 = 5;

/// The same for the calls of `--once`, unless somebody says otherwise.
const ONCE_TIMEOUT_S: u64 = 10;

/// Times that somebody is looked for before `--once` begins, how long it is looked, and the wait between.
const REACH_TRIES: u32 = 6;
const REACH_TIME: Duration = Duration::from_secs(4);
const REACH_WAIT: Duration = Duration::from_millis(200);

/// Collects until it is told to end, or once, or only tries whether it could.
///
/// # Errors
/// When a source makes no sense, or the folder or server cannot be used.
pub async fn collect(config: Config, command: Collect) -> Result<ExitCode> {
    let mut sources = chosen(&config, &command)?;
    if command.check {
        for source in &mut sources {
            source.timeout_s = source.timeout_s.min(CHECK_TIMEOUT_S);
        }
    }
    for source in sources.iter_mut().filter(|_| command.once) {
        source.hurried = true;
        if command.timeout_s.is_none() && source.timeout_s == AwsSource::default().timeout_s {
            source.timeout_s = ONCE_TIMEOUT_S;
        }
    }
    let collectors = collect::collectors(&sources).await?;
    if command.check {
        return check(collectors, command.format).await;
    }
    let target = target(&config, command.url.as_deref()).await?;
    let (asker, state) = match &target {
        Target::Here(core) => (
            Asker::Here(core.store.clone(), core.engine.clone()),
            core.state.clone(),
        ),
        Target::There(client) => (Asker::There(client.clone()), State::open(&config.data)?),
    };
    let sources_asked = sources;
    let sources = match &target {
        Target::Here(core) => core.sources.clone(),
        Target::There(_) => Sources::default(),
    };
    let around = Surroundings {
        way: Arc::new(target.way()),
        state: Arc::new(state),
        asker,
        sources,
        ending: CancellationToken::new(),
    };
    let (collectors, cut_off) = match command.once {
        true => reachable(&sources_asked, collectors, &around).await?,
        false => (collectors, false),
    };
    let outcome = passes(collectors, &around, &command).await;
    report(&around, command.format)?;
    drop(around);
    if let Target::Here(core) = target {
        let judged = core.court.after_import(&core.assembler).await;
        core.close().await?;
        judged?;
    }
    match cut_off {
        true => outcome.map(|_| ExitCode::FAILURE),
        false => outcome,
    }
}

/// The collectors for which somebody answers, and whether there are others: those are told as failing, and nothing is
/// asked of them. The tries have a short time limit of their own.
async fn reachable(
    sources: &[AwsSource],
    collectors: Vec<Box<dyn Collector>>,
    around: &Surroundings,
) -> Result<(Vec<Box<dyn Collector>>, bool)> {
    let mut quick = sources.to_vec();
    for source in &mut quick {
        source.timeout_s = source.timeout_s.min(CHECK_TIMEOUT_S);
    }
    let tries = collect::collectors(&quick).await?.into_iter();
    let tries = tries.map(|mut it| async move {
        let begun = tokio::time::Instant::now();
        let mut outcome = it.reach().await;
        // A connection may break by chance: only an endpoint that never answers is dead.
        for _ in 1..REACH_TRIES {
            let unreachable = |failure: &Failure| failure.advice == Advice::Unreachable;
            if !outcome.as_ref().is_err_and(unreachable) || begun.elapsed() > REACH_TIME {
                break;
            }
            tokio::time::sleep(REACH_WAIT).await;
            outcome = it.reach().await;
        }
        (it.about(), outcome)
    });
    let mut cut_off = BTreeSet::new();
    for (about, outcome) in futures::future::join_all(tries).await {
        if let Err(failure) = outcome {
            cut_off.insert(about.name.clone());
            around.sources.add(about.clone(), Default::default());
            around.sources.failed(&about.name, &failure, None);
        }
    }
    let found = !cut_off.is_empty();
    let mut collectors = collectors;
    collectors.retain(|it| !cut_off.contains(&it.about().name));
    Ok((collectors, found))
}

/// With `--once` stage after stage: what the first have found, the next ones look up.
async fn passes(
    mut collectors: Vec<Box<dyn Collector>>,
    around: &Surroundings,
    command: &Collect,
) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    while command.once && !around.ending.is_cancelled() {
        let Some(stage) = collectors.iter().map(|it| it.about().stage).min() else {
            return Ok(code);
        };
        let (now, later) = collectors
            .into_iter()
            .partition(|it| it.about().stage == stage);
        collectors = later;
        if run(now, around, command).await? != ExitCode::SUCCESS {
            code = ExitCode::FAILURE;
        }
    }
    match command.once {
        true => Ok(code),
        false => run(collectors, around, command).await,
    }
}

async fn run(
    collectors: Vec<Box<dyn Collector>>,
    around: &Surroundings,
    command: &Collect,
) -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = JoinSet::new();
    for collector in collectors {
        running.spawn(collect::run(collector, around.clone(), command.once));
    }
    if !command.quiet && !command.once {
        terminal::tell("collecting; end it with ctrl-c, nothing is lost");
    }
    let mut code = ExitCode::SUCCESS;
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                None => return Ok(code),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => {
                    terminal::tell(&format!("inquest: {failure}"));
                    code = ExitCode::FAILURE;
                }
                Some(Err(error)) => return Err(error).context("a collector ended badly"),
            },
            _ = interrupt.recv() => around.ending.cancel(),
            _ = terminate.recv() => around.ending.cancel(),
        }
    }
}

/// The sources of the configuration that were named, with the flags laid over them; without any, the one
/// that the flags describe.
fn chosen(config: &Config, command: &Collect) -> Result<Vec<AwsSource>> {
    let mut sources: Vec<AwsSource> = config.collect.clone();
    if !command.sources.is_empty() {
        for name in &command.sources {
            if !sources.iter().any(|source| source.name == *name) {
                bail!("there is no [[collect]] table with the name '{name}'");
            }
        }
        sources.retain(|source| command.sources.contains(&source.name));
    }
    if sources.is_empty() {
        sources.push(AwsSource::default());
    }
    for source in &mut sources {
        overlay(source, command)?;
        if let Some(problem) = source.problem() {
            bail!(problem);
        }
    }
    Ok(sources)
}

fn overlay(source: &mut AwsSource, command: &Collect) -> Result<()> {
    let list = |to: &mut Vec<String>, from: &[String]| {
        if !from.is_empty() {
            *to = from.to_vec();
        }
    };
    list(&mut source.regions, &command.regions);
    list(&mut source.state_machines, &command.state_machines);
    list(&mut source.log_groups, &command.log_groups);
    list(&mut source.queues, &command.queues);
    let text = |to: &mut Option<String>, from: &Option<String>| {
        if from.is_some() {
            to.clone_from(from);
        }
    };
    text(&mut source.profile, &command.profile);
    text(&mut source.assume_role, &command.assume_role);
    text(&mut source.external_id, &command.external_id);
    text(&mut source.endpoint_url, &command.endpoint_url);
    for tag in &command.tags {
        let Some((key, value)) = tag.split_once('=') else {
            bail!("--tag {tag} has no '=': say --tag team=payments");
        };
        source.tags.insert(key.to_owned(), value.to_owned());
    }
    if !command.parts.is_empty() {
        source.parts = command
            .parts
            .iter()
            .map(|word| part(word))
            .collect::<Result<_>>()?;
    }
    source.lookback_hours = command.lookback_hours.unwrap_or(source.lookback_hours);
    source.interval_s = command.interval_s.unwrap_or(source.interval_s);
    source.timeout_s = command.timeout_s.unwrap_or(source.timeout_s);
    source.quota_share = command.quota_share.unwrap_or(source.quota_share);
    Ok(())
}

fn part(word: &str) -> Result<Part> {
    let found = Part::ALL.into_iter().find(|part| part.as_str() == word);
    let known: Vec<&str> = Part::ALL.iter().map(|part| part.as_str()).collect();
    found.with_context(|| {
        format!(
            "--part {word} is not known: say one of {}",
            known.join(", ")
        )
    })
}

/// Tries everything, all parts at once; each is printed as soon as it and those before it are through.
async fn check(collectors: Vec<Box<dyn Collector>>, format: ReportFormat) -> Result<ExitCode> {
    let tries = collectors.into_iter().map(|mut collector| async move {
        let name = collector.about().name;
        (name, collector.check().await)
    });
    let mut tried: FuturesOrdered<_> = tries.collect();
    let mut all: Vec<(String, Check)> = Vec::new();
    let mut said = BTreeSet::new();
    while let Some((name, checks)) = tried.next().await {
        // That there are no credentials is true of all parts, and said once.
        let new = |check: &Check| {
            check.outcome != CheckOutcome::Missing || said.insert(check.message.clone())
        };
        let checks: Vec<Check> = checks.into_iter().filter(new).collect();
        if format == ReportFormat::Text && !checks.is_empty() {
            terminal::say(&format!("{}\n", visible_line(&name)))?;
            for check in &checks {
                terminal::say(&check_text(check))?;
            }
        }
        all.extend(checks.into_iter().map(|check| (name.clone(), check)));
    }
    match format {
        ReportFormat::Json => {
            let json = serde_json::to_string_pretty(&json(&all))? + "\n";
            terminal::exactly(&json)?;
        }
        ReportFormat::Text => terminal::say(&policy(&all))?,
    }
    let works = |(_, check): &(String, Check)| check.outcome == CheckOutcome::Works;
    Ok(match all.iter().all(works) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn policy(all: &[(String, Check)]) -> String {
    let denied: BTreeSet<&str> = all
        .iter()
        .filter(|(_, check)| check.outcome == CheckOutcome::Denied)
        .map(|(_, check)| check.resource.as_str())
        .collect();
    if denied.is_empty() {
        return String::new();
    }
    let statements: Vec<String> = denied.iter().map(|it| format!("    {it}")).collect();
    format!(
        "\nWhat is missing, as a policy:\n{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n",
        statements.join(",\n")
    )
}

fn word(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Works => "works",
        CheckOutcome::Denied => "denied",
        CheckOutcome::Unknown => "unknown",
        CheckOutcome::Missing => "missing",
    }
}

fn check_text(check: &Check) -> String {
    let mut text = format!(
        "  {:<8} {:<42} {}\n",
        word(check.outcome),
        check.action,
        check.purpose
    );
    if !check.message.is_empty() {
        text += &format!("           {}\n", visible_line(&check.message));
    }
    if check.outcome == CheckOutcome::Denied {
        text += &format!("           allow: {}\n", check.resource);
    }
    text
}

fn json(all: &[(String, Check)]) -> serde_json::Value {
    all.iter()
        .map(|(source, check)| {
            serde_json::json!({
                "source": source,
                "action": check.action,
                "purpose": check.purpose,
                "outcome": word(check.outcome),
                "message": check.message,
                "statement": check.resource,
            })
        })
        .collect()
}

/// What was collected, source by source.
fn report(around: &Surroundings, format: ReportFormat) -> Result<()> {
    let page = around.sources.page();
    let new = around.way.counts();
    if format == ReportFormat::Json {
        let json = serde_json::json!({ "sources": page.rows, "new": new });
        terminal::exactly(&(serde_json::to_string_pretty(&json)? + "\n"))?;
        return Ok(());
    }
    let mut said = BTreeSet::new();
    for row in &page.rows {
        let text = format!(
            "{:<40} {:<9} {}  {}",
            row.name,
            row.state.as_str(),
            counted(row.records, "record", "records"),
            row.detail
        );
        terminal::say(&format!("{}\n", visible_line(text.trim_end())))?;
        if let Some(error) = &row.last_error {
            terminal::say(&format!("    {}\n", visible_line(&error.message)))?;
            // What to do is often the same for all.
            if said.insert(&error.advice) {
                terminal::say(&format!("    {}\n", visible_line(&error.advice)))?;
            }
        }
    }
    Ok(terminal::say(&format!("{}\n", super::import::words(new)))?)
}
