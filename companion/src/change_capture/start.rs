//! The beginning of a session: what the server is, which tables are published, and from where it is followed.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pgwire_replication::{ReplicationClient, ReplicationConfig};
use query_cache_model::Lsn;

use super::ChangeCapture;
use super::address::Address;
use super::assembler::Assembler;
use super::catalogue::{Catalogue, quoted};
use super::database::{Database, Identity};
use super::ended::Ended;
use super::publisher::Publisher;
use super::session::Session;
use super::status::Phase;
use super::tables::Wanted;
use super::tags::Mapping;
use crate::config;
use crate::random;

/// Events that may wait between the stream and this session.
const BUFFERED: usize = 8_192;

/// Begins to follow; none if another companion does.
pub(super) async fn start(capture: &ChangeCapture) -> Result<Option<Session<'_>>, Ended> {
    let settings = &capture.settings;
    let address = Address::parse(settings.url.reveal(), &settings.tls_ca_file)
        .map_err(|reason| Ended::settings(format!("change_capture.url: {reason}")))?;
    let database = Database::connect(&address).await?;
    let identity = database.identity().await?;
    let epoch = random::number();
    let previous = capture.epoch.swap(epoch, Ordering::Relaxed);
    let mut publisher = Publisher::connect(capture.redis.as_ref(), &identity.name, epoch, previous).await?;
    if publisher.is_owned().await? {
        return Ok(None);
    }
    let mappings: Vec<Mapping> = settings.tags.iter().filter_map(|text| Mapping::parse(text)).collect();
    let catalogue = Catalogue {
        database: &database,
        identity: &identity,
        publication: &settings.publication,
        wanted: Wanted { patterns: &settings.tables, mappings: &mappings },
    };
    catalogue.ensure_publication().await?;
    let no_trigger = catalogue.ensure_trigger().await?;
    // Published before the slot is made, so that the slot begins after all transactions that were running then.
    catalogue.tables().await?;
    let (stream, lsn) = open_stream(&address, settings, epoch).await?;
    let fingerprint = catalogue.fingerprint(no_trigger.is_none()).await?;
    let tables = catalogue.tables().await?;
    publisher.take(lsn, &identity.timeline).await?;
    let now = Instant::now();
    let mut session = Session {
        capture,
        mappings,
        stream,
        publisher,
        assembler: Assembler::default(),
        tables,
        followed: BTreeSet::new(),
        waiting: Vec::new(),
        pending: VecDeque::new(),
        decoded: lsn,
        mark: None,
        next_mark: now,
        complete: now,
        has_trigger: no_trigger.is_none(),
        fingerprint,
        next_poll: now + Duration::from_millis(settings.definitions_poll_ms),
        acknowledge: HashMap::new(),
        known: lsn,
        database,
        identity,
    };
    session.begin().await?;
    // Whoever reads that it is followed finds the tables published.
    describe(capture, &session.identity, epoch, no_trigger.as_deref());
    Ok(Some(session))
}

/// Makes a slot that goes with its connection, and opens its stream; where the stream begins.
async fn open_stream(
    address: &Address,
    settings: &config::ChangeCapture,
    epoch: u64,
) -> Result<(ReplicationClient, Lsn), Ended> {
    let slot = format!("{}_{epoch:016x}", settings.slot);
    let (host, port) = address.replication().await?;
    let config = ReplicationConfig::new(
        host.as_str(),
        &address.user,
        &address.password,
        &address.database,
        &slot,
        settings.publication.as_str(),
    )
    .with_port(port)
    .with_application_name("slipstream change capture")
    .with_status_interval(Duration::from_secs(1))
    .with_buffer_size(BUFFERED);
    let mut stream = ReplicationClient::connect_gated(config).await?;
    let sql =
        format!("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT", quoted(&slot));
    let rows = stream.simple_query(&sql).await?;
    let begins = rows.first().and_then(|row| row.get(1)?.as_ref());
    let begins = begins.and_then(|text| std::str::from_utf8(text).ok()?.parse::<Lsn>().ok());
    let begins = begins.ok_or_else(|| Ended::Stream("a new slot without a position".to_owned()))?;
    stream.start().await?;
    stream.wait_started().await?;
    Ok((stream, begins))
}

fn describe(capture: &ChangeCapture, identity: &Identity, epoch: u64, no_trigger: Option<&str>) {
    let mut warnings = Vec::new();
    if identity.wal_bound.is_none() {
        warnings.push(
            "the server's max_slot_wal_keep_size is unlimited: a companion that hangs could fill its disk; set it".to_owned(),
        );
    }
    if capture.redis.is_none() {
        warnings
            .push("no Redis is configured: responses are purged, but query caches learn nothing".to_owned());
    }
    let poll = capture.settings.definitions_poll_ms;
    let definitions = match no_trigger {
        None => format!("by event triggers at once; roles every {poll} ms"),
        Some(why) => {
            warnings
                .push(format!("no event triggers ({why}): a changed definition is noticed within {poll} ms"));
            format!("every {poll} ms")
        }
    };
    for warning in &warnings {
        tracing::warn!("change capture: {warning}");
    }
    capture.metrics.wal_bound_bytes.set(identity.wal_bound.unwrap_or(-1));
    capture.status.update(|report| {
        report.phase = Phase::Following;
        report.error = None;
        report.database.clone_from(&identity.name);
        report.epoch = format!("{epoch:016x}");
        report.definitions = definitions;
        report.warnings = warnings;
    });
}
