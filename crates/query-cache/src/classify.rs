//! Finding out what a statement reads, once for all who want to know.

use std::sync::Arc;

use deadpool_postgres::Client;
use prometheus::Registry;
use query_cache_model::{Key, shape};

use crate::ask::Ask;
use crate::class::{Class, ClassRef};
use crate::error::Error;
use crate::flights::Ticket;
use crate::identity::{self, Identity};
use crate::inner::Inner;
use crate::metrics::Metrics;
use crate::{catalogue, direct};

impl Inner {
    /// What is known of a statement; none if it cannot be found out here, because the connection is not set to what it should be.
    pub(crate) async fn class(
        &self,
        identity: &Arc<Identity>,
        client: Option<&mut Client>,
        ask: Ask<'_>,
    ) -> Result<Option<Arc<Class>>, Error> {
        let wanted = ClassRef::new(identity, ask);
        if let Some(class) = self.known_class(wanted) {
            return Ok(Some(class));
        }
        if let Some(client) = client {
            // Whoever has a connection waits for nobody who may need one.
            return self.classify(client, identity, ask).await;
        }
        let owned = wanted.owned();
        loop {
            match self.classifying.board(&owned) {
                Ticket::Lead(lead) => {
                    // Another may have landed while this one boarded.
                    let class = match self.known_class(wanted) {
                        Some(class) => Ok(Some(class)),
                        None => self.classify_anywhere(identity, ask).await,
                    };
                    // What fails here, each of the others has the database tell them.
                    lead.land(class.as_ref().ok().cloned().flatten());
                    return class;
                }
                Ticket::Wait(mut waiting) => {
                    let landed = waiting.wait_for(Option::is_some).await.map(|landed| landed.clone());
                    // Otherwise who led went away.
                    if let Some(class) = landed.ok().flatten() {
                        // What changed meanwhile is found out when it is asked next.
                        return Ok(class.filter(|class| self.is_current(class)));
                    }
                }
            }
        }
    }

    async fn classify_anywhere(
        &self,
        identity: &Arc<Identity>,
        ask: Ask<'_>,
    ) -> Result<Option<Arc<Class>>, Error> {
        let mut own = self.pool.get().await?;
        // A connection that another has changed would tell of other tables.
        match identity::ask(&own).await? {
            Some(said) if said.identity == *identity && said.may_be_shared(false) => {
                self.classify(&mut own, identity, ask).await
            }
            _ => Ok(None),
        }
    }

    /// Whether a statement is known to do nothing but read what can be told.
    pub(crate) fn is_cacheable(&self, identity: &Arc<Identity>, ask: Ask<'_>) -> bool {
        self.classes.get(&ClassRef::new(identity, ask)).is_some_and(|class| class.tables.is_ok())
    }

    /// What is known of a statement, if that is still so.
    fn known_class(&self, wanted: ClassRef<'_>) -> Option<Arc<Class>> {
        self.classes.get(&wanted).filter(|class| self.is_current(class))
    }

    fn is_current(&self, class: &Class) -> bool {
        class.since.is_some_and(|since| self.follower.holds(since, &[]))
    }

    /// Finds out what a statement reads, and of which types its parameters are.
    pub(crate) async fn classify(
        &self,
        client: &mut Client,
        identity: &Arc<Identity>,
        ask: Ask<'_>,
    ) -> Result<Option<Arc<Class>>, Error> {
        let mut left = direct::NAMES;
        loop {
            match self.classify_once(client, identity, ask).await {
                Err(Error::Database(error)) if direct::is_name_taken(&error) && left > 0 => left -= 1,
                class => return class,
            }
        }
    }

    async fn classify_once(
        &self,
        client: &mut Client,
        identity: &Arc<Identity>,
        ask: Ask<'_>,
    ) -> Result<Option<Arc<Class>>, Error> {
        // Before the catalogue is read: a definition that changes from here on voids what it says.
        let since = self.follower.version();
        // Behind a pooler a transaction keeps everything on one connection, which may be another than was asked before.
        let transaction = client.transaction().await?;
        if self.options.pooled {
            match identity::ask(transaction.client()).await? {
                Some(said) if said.identity == *identity && said.may_be_shared(true) => {}
                _ => return Ok(None),
            }
        }
        let types = direct::parameter_types(&transaction, ask).await?;
        let verdict = match shape(ask.sql) {
            Ok(shape) => catalogue::judge(transaction.client(), shape).await?,
            Err(refusal) => Err(refusal.to_string()),
        };
        transaction.commit().await?;
        if let Some(metrics) = &self.metrics {
            metrics.classifications.inc();
        }
        let names = match &verdict {
            Ok(tables) => tables.values().take(4).map(String::as_str).collect::<Vec<_>>().join(","),
            Err(_) => String::new(),
        };
        let digest = Key::new(ask.sql.as_bytes()).digest();
        let label = ask.options.name.unwrap_or_else(|| digest.get(..12).unwrap_or_default());
        let meters = match &self.metrics {
            Some(metrics) => metrics.meters(label, &names),
            None => Metrics::new(&Registry::new(), 1).map_err(|_| Error::RowCount(0))?.meters(label, &names),
        };
        let tables = verdict.map(|tables| tables.into_keys().collect());
        let class = Arc::new(Class::new(since, tables, types, meters));
        self.classes.insert(ClassRef::new(identity, ask).owned(), Arc::clone(&class));
        Ok(Some(class))
    }
}
