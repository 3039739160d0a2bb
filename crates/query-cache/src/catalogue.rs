//! What the catalogue says of what a statement names: the tables that it reads in the end, or why its result may not be cached.

use std::collections::{BTreeMap, BTreeSet};

use query_cache_model::{
    Builtin, Call, Shape, body_shapes, builtin, expression_shape, is_readonly_procedural, shape,
};
use tokio_postgres::{Client, Error};

/// Views in views, functions in functions: rounds until it is given up.
const DEPTH: usize = 16;
/// The first oid that is not the system's own.
const FIRST_OWN: u32 = 16_384;

/// The tables that a statement reads, by oid, with their names; or why its result may not be cached.
pub(crate) type Verdict = Result<BTreeMap<u32, String>, String>;

/// What one round found: tables, and the texts to look into next.
#[derive(Default)]
struct Found {
    tables: BTreeMap<u32, String>,
    next: Vec<Shape>,
}

/// What is read through everything that the statement names. `client` resolves names as the statement's connection does.
pub(crate) async fn judge(client: &Client, first: Shape) -> Result<Verdict, Error> {
    let mut tables = BTreeMap::new();
    let mut seen = Vec::new();
    let mut open = vec![first];
    for _ in 0..DEPTH {
        if open.is_empty() {
            return complete(client, tables).await;
        }
        let mut next = Vec::new();
        for shape in open {
            if seen.contains(&shape) {
                continue;
            }
            match look(client, &shape).await? {
                Ok(found) => {
                    tables.extend(found.tables);
                    next.extend(found.next);
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
            seen.push(shape);
        }
        open = next;
    }
    Ok(Err(format!("views or functions are nested more than {DEPTH} deep")))
}

async fn look(client: &Client, shape: &Shape) -> Result<Result<Found, String>, Error> {
    let mut found = Found::default();
    let named = match relations(client, shape, &mut found).await? {
        Ok(named) => named,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Err(refusal) = functions(client, shape, &mut found).await? {
        return Ok(Err(refusal));
    }
    if let Err(refusal) = operators(client, shape).await? {
        return Ok(Err(refusal));
    }
    if let Err(refusal) = dated_columns(client, shape, &named).await? {
        return Ok(Err(refusal));
    }
    Ok(Ok(found))
}

const RELATIONS: &str = "
SELECT u.name, c.oid, c.relkind::text, c.relpersistence::text, n.nspname || '.' || c.relname,
       CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END,
       CASE WHEN c.relrowsecurity THEN ARRAY(SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p
                                             WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL) ELSE '{}' END
FROM unnest($1::text[]) u(name) LEFT JOIN pg_class c ON c.oid = to_regclass(u.name)
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace";

/// Finds tables and views; the oids of all that the statement names.
async fn relations(
    client: &Client,
    shape: &Shape,
    found: &mut Found,
) -> Result<Result<Vec<u32>, String>, Error> {
    let must: BTreeSet<String> = shape.relations.iter().map(|name| name.quoted()).collect();
    let names: Vec<String> =
        must.iter().cloned().chain(shape.maybe_relations.iter().map(|name| name.quoted())).collect();
    let mut named = Vec::new();
    if names.is_empty() {
        return Ok(Ok(named));
    }
    for row in client.query_typed(RELATIONS, &[(&names, tokio_postgres::types::Type::TEXT_ARRAY)]).await? {
        let name: String = row.try_get(0)?;
        let Some(oid) = row.try_get::<_, Option<u32>>(1)? else {
            if must.contains(&name) {
                return Ok(Err(format!("there is no relation {name}")));
            }
            continue;
        };
        let full: String = row.try_get(4)?;
        let (kind, persistence): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
        if oid < FIRST_OWN {
            return Ok(Err(format!("{full} is the system's own")));
        }
        named.push(oid);
        let texts: Vec<String> = row.try_get(6)?;
        for policy in texts {
            match expression_shape(&policy) {
                Ok(shape) => found.next.push(shape),
                Err(refusal) => return Ok(Err(format!("a policy of {full}: {refusal}"))),
            }
        }
        match (kind, persistence) {
            ("r" | "p", "p") => {
                found.tables.insert(oid, full);
            }
            ("v", _) => {
                let definition: String = row.try_get(5)?;
                match shape_of_view(&definition) {
                    Ok(shape) => found.next.push(shape),
                    Err(refusal) => return Ok(Err(format!("the view {full}: {refusal}"))),
                }
            }
            ("r" | "p", "t") => return Ok(Err(format!("{full} is temporary"))),
            ("r" | "p", "u") => return Ok(Err(format!("{full} is unlogged"))),
            ("m", _) => return Ok(Err(format!("{full} is a materialized view"))),
            ("f", _) => return Ok(Err(format!("{full} is a foreign table"))),
            _ => return Ok(Err(format!("{full} is no table"))),
        }
    }
    Ok(Ok(named))
}

fn shape_of_view(definition: &str) -> Result<Shape, query_cache_model::Refusal> {
    shape(definition.trim_end().trim_end_matches(';'))
}

const FUNCTIONS: &str = "
SELECT u.name, u.arguments, p.oid, p.provolatile::text, l.lanname::text, p.prosrc, p.prosecdef OR p.proconfig IS NOT NULL,
       p.prokind::text, pg_get_function_sqlbody(p.oid), pg_get_expr(p.proargdefaults, 0)
FROM unnest($1::text[], $2::text[], $3::int4[]) u(schema, name, arguments)
JOIN pg_proc p ON p.proname = u.name JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE CASE WHEN u.schema IS NULL THEN n.nspname = ANY(current_schemas(true)) ELSE n.nspname = u.schema END
UNION ALL
SELECT p.proname, -1, p.oid, p.provolatile::text, l.lanname::text, p.prosrc, p.prosecdef OR p.proconfig IS NOT NULL,
       p.prokind::text, pg_get_function_sqlbody(p.oid), pg_get_expr(p.proargdefaults, 0)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_type t ON t.oid = p.proargtypes[0]
WHERE p.proname = ANY($4::text[]) AND p.oid >= 16384 AND (t.typtype = 'c' OR t.typname IN ('record', 'anyelement'))";

async fn functions(client: &Client, shape: &Shape, found: &mut Found) -> Result<Result<(), String>, Error> {
    if shape.calls.is_empty() && shape.fields.is_empty() {
        return Ok(Ok(()));
    }
    use tokio_postgres::types::Type;
    let schemas: Vec<Option<&str>> = shape.calls.iter().map(|call| call.name.schema.as_deref()).collect();
    let names: Vec<&str> = shape.calls.iter().map(|call| call.name.name.as_str()).collect();
    let arguments: Vec<i32> =
        shape.calls.iter().map(|call| i32::try_from(call.arguments).unwrap_or(i32::MAX)).collect();
    let fields: Vec<&str> = shape.fields.iter().map(String::as_str).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
        (&schemas, Type::TEXT_ARRAY),
        (&names, Type::TEXT_ARRAY),
        (&arguments, Type::INT4_ARRAY),
        (&fields, Type::TEXT_ARRAY),
    ];
    let rows = client.query_typed(FUNCTIONS, &parameters).await?;
    let mut known = BTreeSet::new();
    for row in &rows {
        let function = Function {
            name: row.try_get(0)?,
            arguments: usize::try_from(row.try_get::<_, i32>(1)?).unwrap_or(1),
            oid: row.try_get(2)?,
            volatility: row.try_get(3)?,
            language: row.try_get(4)?,
            source: row.try_get(5)?,
            is_special: row.try_get(6)?,
            kind: row.try_get(7)?,
            body: row.try_get(8)?,
            defaults: row.try_get(9)?,
        };
        known.insert(function.name.to_owned());
        match function.shapes() {
            Ok(shapes) => found.next.extend(shapes),
            Err(refusal) => return Ok(Err(format!("the function {}: {refusal}", function.name))),
        }
    }
    for Call { name, arguments } in &shape.calls {
        let is_grammar =
            name.schema.is_none() && builtin(&name.name, *arguments, false) == Some(Builtin::Pure);
        if !known.contains(&name.name) && !is_grammar {
            return Ok(Err(format!("the function {} is not known", name.quoted())));
        }
    }
    Ok(Ok(()))
}

struct Function<'a> {
    name: &'a str,
    arguments: usize,
    oid: u32,
    volatility: &'a str,
    language: &'a str,
    source: &'a str,
    is_special: bool,
    kind: &'a str,
    body: Option<&'a str>,
    defaults: Option<&'a str>,
}

impl Function<'_> {
    /// What it goes on to read; or why it makes a result that may not be cached.
    fn shapes(&self) -> Result<Vec<Shape>, String> {
        if self.volatility == "v" {
            return Err("it is volatile".to_owned());
        }
        if self.oid < FIRST_OWN {
            return match builtin(self.name, self.arguments, self.volatility == "s") {
                None | Some(Builtin::Pure) => Ok(Vec::new()),
                Some(Builtin::Impure | Builtin::Unknown) => {
                    Err("it depends on more than its arguments".to_owned())
                }
            };
        }
        if self.kind != "f" {
            return Err("it is an aggregate or a window function of the database's own".to_owned());
        }
        if self.is_special {
            return Err("it runs with other rights or settings".to_owned());
        }
        let mut shapes = Vec::new();
        if let Some(defaults) = self.defaults {
            shapes.push(expression_shape(defaults).map_err(|refusal| format!("its defaults: {refusal}"))?);
        }
        match (self.language, self.volatility) {
            ("sql", _) => {
                let body = self.body.unwrap_or(self.source);
                shapes.extend(body_shapes(body).map_err(|refusal| refusal.to_string())?);
            }
            ("c" | "internal", "i") => {}
            ("plpgsql", "i") if is_readonly_procedural(self.source) => {}
            (language, "i") => return Err(format!("what it reads cannot be told ({language})")),
            (language, _) => {
                return Err(format!("it is stable, and what it reads cannot be told ({language})"));
            }
        }
        Ok(shapes)
    }
}

const OPERATORS: &str = "
SELECT 'the operator ' || o.oprname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_language l ON l.oid = p.prolang
WHERE o.oprname = ANY($1::text[]) AND o.oid >= 16384 AND NOT (p.provolatile = 'i' AND l.lanname IN ('c', 'internal'))
UNION ALL
SELECT 'a cast to ' || c.casttarget::regtype FROM pg_cast c JOIN pg_proc p ON p.oid = c.castfunc JOIN pg_language l ON l.oid = p.prolang
WHERE c.oid >= 16384 AND NOT (p.provolatile = 'i' AND l.lanname IN ('c', 'internal'))
LIMIT 1";

async fn operators(client: &Client, shape: &Shape) -> Result<Result<(), String>, Error> {
    // Joins, orders and sets compare without saying so.
    let implicit = ["=", "<>", "<", ">", "<=", ">="].map(str::to_owned);
    let names: Vec<String> = shape.operators.iter().cloned().chain(implicit).collect();
    let rows = client.query_typed(OPERATORS, &[(&names, tokio_postgres::types::Type::TEXT_ARRAY)]).await?;
    match rows.first() {
        Some(row) => Ok(Err(format!("{} is of the database's own", row.try_get::<_, String>(0)?))),
        None => Ok(Ok(())),
    }
}

const DATED: &str = "
SELECT a.attname::text, t.typcategory IN ('D', 'T', 'N')
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY($1::oid[]) AND a.attname = ANY($2::text[]) AND NOT a.attisdropped";

async fn dated_columns(client: &Client, shape: &Shape, named: &[u32]) -> Result<Result<(), String>, Error> {
    use tokio_postgres::types::Type;
    if shape.dated_columns.is_empty() {
        return Ok(Ok(()));
    }
    let columns: Vec<&str> = shape.dated_columns.iter().map(String::as_str).collect();
    let rows = client.query_typed(DATED, &[(&named, Type::OID_ARRAY), (&columns, Type::TEXT_ARRAY)]).await?;
    let mut known = BTreeSet::new();
    for row in &rows {
        let column: &str = row.try_get(0)?;
        if !row.try_get::<_, bool>(1)? {
            return Ok(Err(format!(
                "the cast of {column}, which is no date, may depend on the current time"
            )));
        }
        known.insert(column);
    }
    match columns.iter().find(|column| !known.contains(*column)) {
        Some(column) => Ok(Err(format!("the cast of {column} may depend on the current time"))),
        None => Ok(Ok(())),
    }
}

const PARTS: &str = "
WITH RECURSIVE down(oid) AS (
    SELECT unnest($1::oid[]) UNION SELECT i.inhrelid FROM pg_inherits i JOIN down ON i.inhparent = down.oid
)
SELECT c.oid, c.relkind::text, c.relpersistence::text, n.nspname || '.' || c.relname
FROM down JOIN pg_class c ON c.oid = down.oid JOIN pg_namespace n ON n.oid = c.relnamespace";

const COMPRESSED: &str = "
SELECT to_regclass(format('%I.%I', p.schema_name, p.table_name))::oid, p.schema_name || '.' || p.table_name
FROM _timescaledb_catalog.chunk c JOIN _timescaledb_catalog.chunk p ON p.id = c.compressed_chunk_id
WHERE to_regclass(format('%I.%I', c.schema_name, c.table_name))::oid = ANY($1::oid[])";

/// The tables with their partitions, children and chunks. What only has parts, and no rows, is left out.
async fn complete(client: &Client, tables: BTreeMap<u32, String>) -> Result<Verdict, Error> {
    use tokio_postgres::types::Type;
    let named: Vec<u32> = tables.keys().copied().collect();
    let mut all = BTreeMap::new();
    for row in client.query_typed(PARTS, &[(&named, Type::OID_ARRAY)]).await? {
        let (kind, persistence, name): (&str, &str, String) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        match (kind, persistence) {
            ("r", "p") => {
                all.insert(row.try_get(0)?, name);
            }
            ("p", "p") => {}
            _ => return Ok(Err(format!("{name}, a part of what is read, is no logged table"))),
        }
    }
    // Compressed chunks have their rows elsewhere.
    let has_chunks = "SELECT to_regclass('_timescaledb_catalog.chunk') IS NOT NULL";
    let row = client.query_typed(has_chunks, &[]).await?;
    if row.first().is_some_and(|row| row.try_get(0).unwrap_or(true)) {
        let parts: Vec<u32> = all.keys().copied().collect();
        for row in client.query_typed(COMPRESSED, &[(&parts, Type::OID_ARRAY)]).await? {
            all.insert(row.try_get::<_, Option<u32>>(0)?.unwrap_or_default(), row.try_get(1)?);
        }
    }
    Ok(Ok(all))
}
