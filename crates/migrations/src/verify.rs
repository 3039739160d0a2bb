//! `verify`: whether all is in place, and the planner uses each index for the query that it is for.

use serde::Serialize;
use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use crate::evidence::Piece;
use crate::index::{self, Validity};
use crate::{Error, Evidence, Migrator, State};

/// Longer than this no sample and no plan may take.
const STATEMENT_TIMEOUT_MS: u32 = 10_000;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Fail,
    /// The planner takes another index, as the migration says.
    Covered,
    /// The table is too small, or has nothing, to judge by.
    Unjudged,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What: an index, or a migration.
    pub what: String,
    /// How it came out.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// The query that was planned.
    pub query: Option<String>,
    /// How long it took, in milliseconds, if it was run.
    pub took_ms: Option<f64>,
}

impl Check {
    fn new(what: &str, verdict: Verdict, why: impl Into<String>) -> Self {
        Self { what: what.to_owned(), verdict, why: why.into(), query: None, took_ms: None }
    }
}

impl Migrator {
    /// Looks at the record, at all indexes, and at what the planner does with the queries that they are for. If they are to be `run`,
    /// they are, and timed; otherwise they are only planned.
    pub async fn verify(&self, run: bool) -> Result<Vec<Check>, Error> {
        let mut checks = Vec::new();
        let status = self.status().await?;
        let schema = self.target.schema();
        let invalid = index::invalid(&self.client, schema)
            .await
            .map_err(|error| Error::database("looking for invalid indexes", &error))?;
        for index in &invalid {
            let why = "is invalid: a build broke off. `migrate repair` drops it, `migrate up` builds it";
            checks.push(Check::new(index, Verdict::Fail, why));
        }
        for condition in &status.migrations {
            let Some(migration) = self.series.get(condition.number) else { continue };
            match &condition.state {
                State::Edited => {
                    checks.push(Check::new(&migration.label(), Verdict::Fail, "was edited after it ran"));
                }
                State::Interrupted(why) => {
                    checks.push(Check::new(
                        &migration.label(),
                        Verdict::Fail,
                        format!("{why}; run `migrate up`"),
                    ));
                }
                State::Applied => {
                    let Some(evidence) = &migration.evidence else { continue };
                    if !invalid.contains(&evidence.index) {
                        checks.push(self.judge(evidence, run).await?);
                    }
                }
                State::Pending => {
                    checks.push(Check::new(&migration.label(), Verdict::Unjudged, "is not applied yet"));
                }
                State::NotInForce(why) => {
                    checks.push(Check::new(
                        &migration.label(),
                        Verdict::Unjudged,
                        format!("not in force: {why}"),
                    ));
                }
                State::NotChosen(_) => {}
            }
        }
        Ok(checks)
    }

    async fn judge(&self, evidence: &Evidence, run: bool) -> Result<Check, Error> {
        let check = |verdict, why: String| Check::new(&evidence.index, verdict, why);
        if self.validity(&evidence.index).await? == Validity::Absent {
            let why = "is not there although its migration ran. `migrate repair` forgets that, `migrate up` builds it";
            return Ok(check(Verdict::Fail, why.to_owned()));
        }
        let doing = format!("asking the planner about {}", evidence.index);
        let failed = |error: tokio_postgres::Error| Error::database(&doing, &error);
        let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}");
        self.client.batch_execute(&begin).await.map_err(failed)?;
        let judged = self.judge_within(evidence, run).await;
        self.roll_back().await?;
        match judged {
            Ok(judged) => Ok(judged),
            Err(error) if self.client.is_closed() => Err(failed(error)),
            Err(error) => Ok(check(
                Verdict::Fail,
                format!("its query cannot be planned: {}", crate::error::said(&error)),
            )),
        }
    }

    async fn judge_within(&self, evidence: &Evidence, run: bool) -> Result<Check, tokio_postgres::Error> {
        let check = |verdict, why: String| Check::new(&evidence.index, verdict, why);
        let rows = self.estimated_rows(&evidence.index).await?;
        let Some(rows) = rows else {
            return Ok(check(
                Verdict::Unjudged,
                "its table was never analysed: run ANALYZE, and verify again".to_owned(),
            ));
        };
        if rows < evidence.rows {
            let why = format!("not enough rows to judge: {rows}, and it takes {}", evidence.rows);
            return Ok(check(Verdict::Unjudged, why));
        }
        let Some(query) = self.filled_in(evidence).await? else {
            return Ok(check(Verdict::Unjudged, "the table has nothing to try it with".to_owned()));
        };
        let how = if run { "ANALYZE, TIMING OFF, " } else { "" };
        let row = self.client.query_one(&format!("EXPLAIN ({how}FORMAT JSON) {query}"), &[]).await?;
        let plan: Value = row.try_get(0)?;
        let mut used = Vec::new();
        indexes_in(&plan, &mut used);
        let uses = used.iter().any(|own| is(own, &evidence.index));
        let taken = if used.is_empty() { "no index".to_owned() } else { used.join(" and ") };
        let mut check = match (&evidence.covered_by, uses) {
            (None, true) => check(Verdict::Pass, format!("the planner uses it ({rows} rows)")),
            (None, false) => {
                let why =
                    format!("the planner takes {taken}. Run ANALYZE; if that does not help, it could go");
                check(Verdict::Fail, why)
            }
            (Some(_), true) => check(Verdict::Pass, format!("the planner uses it after all ({rows} rows)")),
            (Some(by), false) => {
                check(Verdict::Covered, format!("the planner takes {taken}; {by} covers it, so it could go"))
            }
        };
        check.query = Some(query);
        check.took_ms = plan.pointer("/0/Execution Time").and_then(Value::as_f64);
        Ok(check)
    }

    /// The rows of an index's table and of all that inherit from it (chunks do), as last counted; none: never.
    async fn estimated_rows(&self, index: &str) -> Result<Option<u64>, tokio_postgres::Error> {
        let row = self
            .client
            .query_one(
                "WITH RECURSIVE part AS (
                     SELECT indrelid AS oid FROM pg_index WHERE indexrelid = to_regclass($1)
                     UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN part ON i.inhparent = part.oid
                 )
                 SELECT sum(c.reltuples) FILTER (WHERE c.reltuples >= 0)::float8 FROM part JOIN pg_class c USING (oid)",
                &[&format!("{}.{index}", self.target.schema())],
            )
            .await?;
        Ok(row.try_get::<_, Option<f64>>(0)?.map(|rows| rows as u64))
    }

    /// The query with the sample's values; none if there is no sample.
    async fn filled_in(&self, evidence: &Evidence) -> Result<Option<String>, tokio_postgres::Error> {
        let pieces = evidence.pieces().unwrap_or_default();
        let row = match &evidence.sample {
            None => None,
            Some(sample) => {
                let messages = self.client.simple_query(sample).await?;
                let row = messages.into_iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                if row.is_none() {
                    return Ok(None);
                }
                row
            }
        };
        let mut query = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => query += text,
                Piece::Value(name) => {
                    let value = row.as_ref().and_then(|row| row.try_get(name).ok().flatten());
                    let Some(value) = value else { return Ok(None) };
                    query += &format!("'{}'", value.replace('\'', "''"));
                }
            }
        }
        Ok(Some(query))
    }
}

/// The names of all indexes in a plan.
pub(crate) fn indexes_in(plan: &Value, names: &mut Vec<String>) {
    match plan {
        Value::Object(node) => {
            if let Some(Value::String(name)) = node.get("Index Name")
                && !names.contains(name)
            {
                names.push(name.clone());
            }
            node.values().for_each(|value| indexes_in(value, names));
        }
        Value::Array(nodes) => nodes.iter().for_each(|node| indexes_in(node, names)),
        _ => {}
    }
}

/// Whether a name in a plan is this index, or what it is called in a chunk: `_hyper_1_2_chunk_NAME`, cut to what fits.
fn is(name: &str, index: &str) -> bool {
    name == index
        || (name.starts_with("_hyper_")
            && name.split_once("_chunk_").is_some_and(|(_, own)| !own.is_empty() && index.starts_with(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_found_in_plans_and_chunks() {
        let plan = serde_json::json!([{"Plan": {"Node Type": "Limit", "Plans": [
            {"Index Name": "a"}, {"Plans": [{"Index Name": "b"}, {"Index Name": "a"}]}]}}]);
        let mut names = Vec::new();
        indexes_in(&plan, &mut names);
        assert_eq!(names, ["a", "b"]);
        for (name, index, same) in [
            ("signals_latest", "signals_latest", true),
            ("_hyper_1_2_chunk_signals_latest", "signals_latest", true),
            ("_hyper_1_2_chunk_signals", "signals_latest", true),
            ("_hyper_1_2_chunk_", "signals_latest", false),
            ("signals", "signals_latest", false),
        ] {
            assert_eq!(is(name, index), same, "{name}");
        }
    }
}
