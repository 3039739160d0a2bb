//! `slipstream top`: what Envoys and a companion are doing, again and again.

mod screen;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::ConfigArgs;
use super::table::{Table, bytes};
use crate::watch::{Overview, RouteRow, Rows, Source, Watcher, percent, time};

/// Where an Envoy's admin interface is unless somebody says otherwise.
const DEFAULT_ENVOY: &str = "http://127.0.0.1:9901";

#[derive(Debug, Args)]
pub(super) struct Top {
    /// An Envoy's admin address, such as http://127.0.0.1:9901. May be given more than once [default: the setting
    /// ui.envoys, or else http://127.0.0.1:9901].
    #[arg(long = "envoy", value_name = "URL")]
    envoys: Vec<String>,
    /// The companion's URL [default: where the settings make it listen].
    #[arg(long, value_name = "URL", env = "SLIPSTREAM_URL")]
    companion: Option<String>,
    /// How often all are read, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    interval_ms: u64,
    /// Over how long rates and percentiles are taken, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    window: u64,
    /// Print once what is going on, after reading all twice, and exit: with 0, or with 1 if nobody answered.
    #[arg(long)]
    once: bool,
    /// Print JSON; with --once.
    #[arg(long, requires = "once")]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Top {
    /// Shows it until somebody has seen enough.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut watcher = Watcher::new(self.sources()?, Duration::from_secs(self.window));
        let interval = Duration::from_millis(self.interval_ms);
        if self.once {
            watcher.read().await;
            tokio::time::sleep(interval).await;
            watcher.read().await;
            let overview = watcher.overview();
            if self.json {
                println!("{}", serde_json::to_string(&overview)?);
            } else {
                print!("{}", text(&overview));
            }
            return Ok(if watcher.is_any_up() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if !std::io::stdout().is_terminal() {
            bail!("the output is no terminal: use --once, or --once --json");
        }
        // Before the terminal is changed: from then on a signal must not end the program as it is.
        let ended = ended()?;
        let mut terminal = ratatui::try_init().context("cannot use the terminal")?;
        let shown = show(&mut terminal, &mut watcher, interval, ended).await;
        ratatui::try_restore().context("cannot restore the terminal")?;
        shown.map(|()| ExitCode::SUCCESS)
    }

    fn sources(&self) -> anyhow::Result<Vec<Source>> {
        let config = self.config.load()?;
        let default = [DEFAULT_ENVOY.to_owned()];
        let envoys = [self.envoys.as_slice(), &config.ui.envoys, &default];
        let envoys = envoys.into_iter().find(|envoys| !envoys.is_empty()).unwrap_or_default();
        let mut sources = envoys.iter().map(|url| Source::envoy(url)).collect::<Result<Vec<_>, _>>()?;
        let companion = self.companion.clone().unwrap_or_else(|| config.local_url());
        sources.push(Source::companion(&companion)?);
        Ok(sources)
    }
}

/// Draws until a key, a signal or a broken terminal ends it.
async fn show(
    terminal: &mut ratatui::DefaultTerminal,
    watcher: &mut Watcher,
    interval: Duration,
    ended: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut ended = std::pin::pin!(ended);
    let mut events = events();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut first_row = 0;
    loop {
        let overview = watcher.overview();
        first_row = first_row.min(overview.routes.len().saturating_sub(1));
        terminal.draw(|frame| screen::draw(frame, &overview, first_row))?;
        tokio::select! {
            () = &mut ended => return Ok(()),
            _ = ticks.tick() => watcher.read().await,
            event = events.recv() => match event {
                Some(Event::Key(key)) if is_end(&key) => return Ok(()),
                Some(Event::Key(KeyEvent { code: KeyCode::Down, .. })) => first_row += 1,
                Some(Event::Key(KeyEvent { code: KeyCode::Up, .. })) => first_row = first_row.saturating_sub(1),
                // A changed size draws anew.
                Some(_) => {}
                None => bail!("the terminal is gone"),
            },
        }
    }
}

/// Until a signal says that it is over. Ctrl-C in this terminal is a key and no signal, but others may send one.
fn ended() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn is_end(key: &KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release && (control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

/// Keys and changes of the terminal's size, read by a thread of their own: reading blocks.
fn events() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What stands at the top of a table of routes.
const TITLES: [&str; 8] = ["ROUTE", "REQ/S", "FAILED", "P50", "P95", "P99", "HITS", "SAVED/S"];

fn cells(name: String, rates: &Rows) -> [String; 8] {
    let Rows { requests_per_second, failed_share, hit_ratio, saved_bytes_per_second, .. } = *rates;
    [
        name,
        format!("{requests_per_second:.1}"),
        percent(failed_share),
        time(rates.p50_seconds),
        time(rates.p95_seconds),
        time(rates.p99_seconds),
        percent(hit_ratio),
        bytes(saved_bytes_per_second as u64),
    ]
}

fn rows(overview: &Overview) -> Vec<[String; 8]> {
    let name = |row: &RouteRow| format!("{}/{}", row.service, row.route);
    let routes = overview.routes.iter().map(|row| cells(name(row), &row.rates));
    std::iter::once(cells("all".to_owned(), &overview.total)).chain(routes).collect()
}

/// What stands beside the table, as names and values.
fn facts(overview: &Overview) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let lookups = overview.lookups_per_second.iter().filter(|(_, rate)| **rate > 0.0);
    let lookups: Vec<String> = lookups.map(|(outcome, rate)| format!("{outcome} {rate:.1}/s")).collect();
    facts.push(("lookups", if lookups.is_empty() { "none".to_owned() } else { lookups.join("  ") }));
    if let (Some(size), Some(entries)) = (overview.l1_bytes, overview.l1_entries) {
        facts.push(("L1", format!("{} in {entries:.0} entries", bytes(size as u64))));
    }
    if let Some(is_ready) = overview.store_ready {
        let ready = if is_ready { "ready" } else { "NOT READY" };
        let operations = overview.store_operations_per_second;
        let invalidations = overview.invalidations_per_second;
        let followers = overview.followers.unwrap_or_default();
        facts.push((
            "companion",
            format!("{ready}  {operations:.1} operations/s  {invalidations:.1} invalidations/s  {followers:.0} followers"),
        ));
    }
    if let Some(hits) = overview.semantic_hits_per_second {
        facts.push(("semantic", format!("{hits:.1} hits/s")));
    }
    if let Some(active) = overview.pool_active {
        facts.push((
            "pool",
            format!("{active:.0} active, {:.0} waiting", overview.pool_waiting.unwrap_or_default()),
        ));
    }
    facts
}

fn text(overview: &Overview) -> String {
    let mut text = String::new();
    for source in &overview.sources {
        let state = source.error.as_deref().map_or("up".to_owned(), |error| format!("away: {error}"));
        text.push_str(&format!("{}  {state}\n", source.url));
    }
    for (name, value) in facts(overview) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    let mut table = Table::new(&TITLES);
    rows(overview).into_iter().for_each(|row| table.row(row));
    format!("{text}{table}")
}
