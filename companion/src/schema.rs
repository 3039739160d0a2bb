//! The schemas of the configured databases.

mod watch;

use migrations::{Endpoint, Migrator, Observer, Options, Source, Target};

use crate::config::{Config, Database};

pub(crate) use watch::Schemas;

/// The settings of a target's database.
pub(crate) fn database(config: &Config, target: Target) -> &Database {
    match target {
        Target::Workspace => &config.workspace,
        Target::TpCapital => &config.tp_capital,
    }
}

/// The setting that says where a target's database is.
pub(crate) fn url_setting(target: Target) -> &'static str {
    match target {
        Target::Workspace => "workspace.url",
        Target::TpCapital => "tp_capital.url",
    }
}

/// The targets that have a database.
pub(crate) fn configured(config: &Config) -> Vec<Target> {
    Target::ALL.into_iter().filter(|target| database(config, *target).is_configured()).collect()
}

/// Where the settings take migrations from.
pub(crate) fn source(config: &Config) -> Source {
    match config.migrate.directory.as_str() {
        "" => Source::BuiltIn,
        folder => Source::Folder(folder.into()),
    }
}

/// How the settings want databases migrated.
pub(crate) fn options(config: &Config) -> Options {
    let migrate = &config.migrate;
    Options {
        sets: migrate.sets.clone(),
        lock_timeout: migrate.lock_timeout(),
        lock_patience: migrate.lock_patience(),
        wait: migrate.wait(),
        parallel_workers: migrate.parallel_workers,
    }
}

/// Connects to a target's database.
pub(crate) async fn connect(
    config: &Config,
    target: Target,
    observer: Observer,
) -> Result<Migrator, migrations::Error> {
    let series = source(config).read(target)?;
    let database = database(config, target);
    let endpoint =
        Endpoint { url: database.url.reveal().to_owned(), tls_ca_file: database.tls_ca_file.clone() };
    Migrator::connect(&endpoint, target, series, options(config), observer).await
}
