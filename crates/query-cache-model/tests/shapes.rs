//! What is read from a statement's text, and what is refused by it alone.

use query_cache_model::{Refusal, Shape, body_shapes, expression_shape, shape};

fn relations(shape: &Shape) -> Vec<String> {
    shape.relations.iter().map(|name| name.quoted()).collect()
}

#[test]
fn tables_are_found_wherever_they_stand() {
    for (sql, expected) in [
        ("SELECT 1", &[][..]),
        ("SELECT * FROM items", &["\"items\""]),
        ("SELECT * FROM Shop.Items i", &["\"shop\".\"items\""]),
        ("SELECT * FROM \"Shop\".\"It\"\"ems\"", &["\"Shop\".\"It\"\"ems\""]),
        ("SELECT * FROM ONLY items", &["\"items\""]),
        (
            "SELECT * FROM a JOIN b USING (id) LEFT JOIN LATERAL (SELECT * FROM c) c ON true",
            &["\"a\"", "\"b\"", "\"c\""],
        ),
        (
            "SELECT (SELECT max(x) FROM a), EXISTS (SELECT 1 FROM b) WHERE 1 IN (SELECT y FROM c)",
            &["\"a\"", "\"b\"", "\"c\""],
        ),
        ("SELECT x FROM a UNION ALL (SELECT x FROM b EXCEPT SELECT x FROM c)", &["\"a\"", "\"b\"", "\"c\""]),
        ("WITH a AS (SELECT * FROM b) SELECT * FROM a JOIN c USING (id)", &["\"b\"", "\"c\""]),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t JOIN u USING (n)) SELECT * FROM t",
            &["\"u\""],
        ),
        (
            "SELECT count(*) FILTER (WHERE x > (SELECT 1 FROM a)) FROM b ORDER BY (SELECT 1 FROM c)",
            &["\"a\"", "\"b\"", "\"c\""],
        ),
        (
            "SELECT sum(x) OVER (PARTITION BY (SELECT 1 FROM a)) FROM b LIMIT (SELECT 1 FROM c)",
            &["\"a\"", "\"b\"", "\"c\""],
        ),
        (
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM a) THEN 1 END /* FROM b -- */ FROM c -- FROM d",
            &["\"a\"", "\"c\""],
        ),
        (
            "SELECT ARRAY(SELECT x FROM a), '…FROM b…' FROM c GROUP BY (SELECT 1 FROM d) HAVING (SELECT true FROM e)",
            &["\"a\"", "\"c\"", "\"d\"", "\"e\""],
        ),
    ] {
        let shape = shape(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert_eq!(relations(&shape), expected, "{sql}");
    }
    let both = shape("WITH items AS (SELECT * FROM items) SELECT * FROM items").unwrap();
    assert_eq!(both.maybe_relations.len(), 1);
}

#[test]
fn functions_operators_and_fields_are_found() {
    let shape = shape(
        "SELECT lower(i.name), My.Fn(1, 2), CURRENT_USER, i.whole FROM gen(3) g, items i \
         WHERE i.tags @> ARRAY['x'] AND i.name LIKE 'a%' AND i.id = ANY($1) AND created::date = $2::date",
    )
    .unwrap();
    let calls: Vec<String> =
        shape.calls.iter().map(|call| format!("{}/{}", call.name.quoted(), call.arguments)).collect();
    assert_eq!(calls, ["\"current_user\"/0", "\"gen\"/1", "\"lower\"/1", "\"my\".\"fn\"/2"]);
    for operator in ["@>", "~~", "="] {
        assert!(shape.operators.contains(operator), "{operator}: {:?}", shape.operators);
    }
    assert!(shape.fields.contains("whole") && shape.fields.contains("name"));
    assert_eq!(shape.dated_columns.iter().collect::<Vec<_>>(), ["created"]);
}

#[test]
fn what_is_no_plain_query_is_refused() {
    let not_a_query = |refusal: &Refusal| *refusal == Refusal::NotAQuery;
    let locks = |refusal: &Refusal| *refusal == Refusal::Locks;
    let construct = |refusal: &Refusal| matches!(refusal, Refusal::Construct(_) | Refusal::Unparsed(_));
    let relative = |refusal: &Refusal| matches!(refusal, Refusal::RelativeTime(_));
    let count = |refusal: &Refusal| matches!(refusal, Refusal::NotOneStatement(_));
    let sample = |refusal: &Refusal| *refusal == Refusal::Sample;
    let cases: [(&str, &dyn Fn(&Refusal) -> bool); 36] = [
        ("SELECT ctid, * FROM a", &construct),
        ("SELECT * FROM a ORDER BY a.xmin", &construct),
        ("SELECT x.day::date FROM (SELECT name AS day FROM a) x, b", &relative),
        ("INSERT INTO a VALUES (1)", &not_a_query),
        ("UPDATE a SET x = 1 RETURNING x", &not_a_query),
        ("SET search_path TO other", &not_a_query),
        ("BEGIN", &not_a_query),
        ("EXPLAIN ANALYZE SELECT 1", &not_a_query),
        ("SELECT * INTO b FROM a", &not_a_query),
        ("WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone", &not_a_query),
        ("WITH new AS (INSERT INTO a VALUES (1) RETURNING *) SELECT * FROM new", &not_a_query),
        ("SELECT * FROM a FOR UPDATE", &locks),
        ("SELECT * FROM (SELECT * FROM a FOR SHARE SKIP LOCKED) x", &locks),
        ("TABLE a", &construct),
        ("SELECT * FROM a.b.c.d", &construct),
        ("SELECT * FROM db.schema.table_name", &construct),
        ("SELECT 1 OPERATOR(pg_catalog.+) 2", &construct),
        ("nonsense", &construct),
        // To PostgreSQL, "end" is the name of the column here.
        ("SELECT count(*) END FROM a", &construct),
        ("SELECT 1 END; DELETE FROM a", &construct),
        ("SELECT * FROM a WHERE x > 'now'", &relative),
        ("SELECT * FROM a WHERE x > 'Yesterday 10:00'", &relative),
        ("SELECT * FROM a WHERE x = ANY('{today,tomorrow}')", &relative),
        ("SELECT E'now'::timestamp", &relative),
        ("SELECT $$today$$::date", &relative),
        ("SELECT date 'today'", &relative),
        ("SELECT date(lower(name)) FROM a", &relative),
        ("SELECT lower(name)::date FROM a", &relative),
        ("SELECT ($1::text)::date", &relative),
        ("SELECT (name || '')::timestamptz FROM a", &relative),
        ("SELECT lower(name)::my_domain FROM a", &relative),
        ("SELECT string_to_array(name, ',')::date[] FROM a", &relative),
        ("SELECT * FROM a TABLESAMPLE SYSTEM (10)", &sample),
        ("SELECT 1; SELECT 2", &count),
        ("", &count),
        ("-- nothing", &count),
    ];
    for (sql, expected) in cases {
        match shape(sql) {
            Err(refusal) => assert!(expected(&refusal), "{sql}: {refusal:?}"),
            Ok(shape) => panic!("{sql}: {shape:?}"),
        }
    }
}

#[test]
fn dates_that_are_no_texts_are_no_doubt() {
    for sql in [
        "SELECT '2026-01-01'::date, DATE '2026-01-01', $1::date, $1::timestamptz[]",
        "SELECT date_trunc('day', created)::date, (created AT TIME ZONE 'UTC')::date FROM a",
        "SELECT (created - interval '1 day')::date, date(created), CAST(created AS timestamp) FROM a",
    ] {
        shape(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
}

#[test]
fn bodies_of_functions_are_read_in_each_form() {
    for (body, expected) in [
        (" SELECT * FROM a; SELECT * FROM b ", &["\"a\"", "\"b\""][..]),
        ("RETURN (SELECT max(x) FROM a)", &["\"a\""]),
        ("BEGIN ATOMIC\n SELECT x FROM a;\n SELECT y FROM b;\nEND", &["\"a\"", "\"b\""]),
    ] {
        let shapes = body_shapes(body).unwrap();
        assert_eq!(shapes.iter().flat_map(relations).collect::<Vec<_>>(), expected, "{body}");
    }
    for body in ["", "DELETE FROM a", "BEGIN ATOMIC SELECT 1;", "SELECT 1; INSERT INTO a VALUES (1)"] {
        assert!(body_shapes(body).is_err(), "{body}");
    }
    assert_eq!(
        relations(&expression_shape("(owner = CURRENT_USER) OR EXISTS ( SELECT 1 FROM b)").unwrap()),
        ["\"b\""]
    );
}
