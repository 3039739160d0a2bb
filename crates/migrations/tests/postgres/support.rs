//! Databases, series and migrators for tests.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use migrations::{Endpoint, Event, Migrator, Observer, Options, Series, Source, Target};
use testbed::Postgres;

/// One server for all tests; each has a database of its own.
pub static POSTGRES: LazyLock<Postgres> = LazyLock::new(|| Postgres::start_with(&["jit=off"]).unwrap());

/// A new database.
pub fn database(name: &str) -> Endpoint {
    Endpoint { url: POSTGRES.create_database(name).unwrap(), tls_ca_file: String::new() }
}

/// Options that do not try a test's patience.
pub fn options() -> Options {
    Options { lock_patience: Duration::from_secs(60), wait: Duration::from_secs(120), ..Options::default() }
}

/// Events as they come.
#[derive(Debug, Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    pub fn observer(&self) -> Observer {
        let events = Arc::clone(&self.0);
        Observer::new(move |event| events.lock().unwrap().push(event))
    }

    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// A migrator for the workspace with these files.
pub async fn migrator(endpoint: &Endpoint, files: &[(&str, &str)]) -> Migrator {
    migrator_with(endpoint, files, options(), Observer::silent()).await
}

pub async fn migrator_with(
    endpoint: &Endpoint,
    files: &[(&str, &str)],
    options: Options,
    observer: Observer,
) -> Migrator {
    let series = Series::new(files.iter().copied()).unwrap();
    Migrator::connect(endpoint, Target::Workspace, series, options, observer).await.unwrap()
}

/// A migrator with the migrations of the program.
pub async fn built_in(endpoint: &Endpoint, target: Target, options: Options) -> Migrator {
    let series = Source::BuiltIn.read(target).unwrap();
    Migrator::connect(endpoint, target, series, options, Observer::silent()).await.unwrap()
}

/// A plain connection.
pub async fn client(endpoint: &Endpoint) -> tokio_postgres::Client {
    migrations::connect(endpoint, "test").await.unwrap()
}
