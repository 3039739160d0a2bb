//! What to try while the demo stays up.

use super::stack::Stack;

/// Prints the addresses and one curl line for each feature.
pub fn print(stack: &Stack) {
    let front = stack.front.url("");
    let api = stack.demo.url("");
    let admin = format!("http://127.0.0.1:{}", stack.front.envoy.admin_port());
    let companion = stack.companion().url("");
    let database = stack.postgres.url();
    println!("\nIt stays up until Ctrl-C.\n");
    for (name, address) in [
        ("API through Envoy", front.as_str()),
        ("API directly", &api),
        ("API without a query cache", &stack.plain.url("")),
        ("API without indexes", &stack.bare.url("")),
        ("Envoy's admin page", &admin),
        ("companion", &companion),
        ("PostgreSQL", &database),
    ] {
        println!("  {name:26} {address}");
    }
    if let Some(pgbouncer) = &stack.pgbouncer {
        println!("  {:26} {}", "PgBouncer", pgbouncer.url("postgres", "postgres"));
    }
    if let Some(redis) = &stack.redis {
        println!("  {:26} {}", "Redis", redis.url());
    }
    let post = r#"-H 'content-type: application/json' -d '{"title": "Try it", "category": "data"}'"#;
    let fields = "'x-cache|cache-status|^age|content-encoding|x-compression-ratio|x-original-size'";
    for (what, line) in [
        (
            "Compression: the size on the wire, and what it was",
            format!(
                "curl -s -o /dev/null -D - -H 'accept-encoding: gzip' '{front}/api/items?category=data' | grep -iE {fields}"
            ),
        ),
        (
            "A cache hit: the same again, X-Cache: HIT and an Age",
            format!(
                "curl -s -o /dev/null -D - -H 'accept-encoding: gzip' '{front}/api/items?category=data' | grep -iE {fields}"
            ),
        ),
        (
            "Invalidation: a new item drops the cached lists; the next list has it, and is a miss",
            format!(
                "curl -s -w '\n' {post} '{front}/api/items'; curl -s -D - '{front}/api/items?category=data&page_size=1' | grep -iE 'x-cache|Try it'"
            ),
        ),
        (
            "Opting out of compression",
            format!(
                "curl -s -o /dev/null -D - -H 'accept-encoding: gzip' -H 'x-no-compression: 1' '{front}/api/items' | grep -iE 'content-length|content-encoding'"
            ),
        ),
        (
            "Metrics, for Prometheus",
            format!("curl -s '{admin}/stats/prometheus' | grep -E '^(http_requests_total|opt00)' | head -30"),
        ),
        (
            "A question about the documentation: events as they come, and the second time from the semantic cache",
            format!("curl -sN '{front}/query/stream?q=how+do+I+purge+by+tag'"),
        ),
        (
            "A row that psql writes: what was built from it is dropped from all caches",
            format!(
                "psql -qc \"UPDATE workspace.workspace_items SET title = 'By hand' WHERE id = 1\" {database}; curl -s -D - '{front}/api/items/1' | grep -iE 'x-cache|By hand'"
            ),
        ),
        (
            "The query cache: hits and misses by query and table",
            format!("curl -s '{api}/metrics' | grep -E '^opt005_db_query_cache'"),
        ),
        ("How the companion follows the database's changes", format!("curl -s '{companion}/v1/query-cache'")),
        ("The companion's statistics", format!("curl -s '{companion}/v1/stats'")),
    ] {
        println!("\n  # {what}\n  {line}");
    }
    println!();
}
