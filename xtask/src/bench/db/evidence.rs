//! What `slipstream migrate verify` says on as many rows.

use anyhow::Result;
use migrations::{Migrator, Target, Verdict};

/// How many indexes of a target's main table the planner uses for their queries.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The table.
    pub table: &'static str,
    /// How many there have to be.
    pub least: usize,
    /// Those that are used.
    pub used: usize,
    /// Those that are not.
    pub unused: Vec<String>,
}

impl Proven {
    /// Asks the planner.
    pub async fn of(migrator: &Migrator) -> Result<Proven> {
        let (table, least) = match migrator.target() {
            Target::Workspace => ("workspace_items", 15),
            Target::TpCapital => ("tp_capital_signals", 12),
        };
        let checks = migrator.verify(false).await?;
        let of =
            |verdict| checks.iter().filter(move |own| own.what.starts_with(table) && own.verdict == verdict);
        Ok(Proven {
            table,
            least,
            used: of(Verdict::Pass).count(),
            unused: of(Verdict::Fail).map(|own| own.what.clone()).collect(),
        })
    }
}
