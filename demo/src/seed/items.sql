-- $1 items, the same ones every time: everything comes from the item's number and its MD5.
WITH words AS (
    SELECT
        ARRAY['Add', 'Audit', 'Cache', 'Compress', 'Document', 'Fix', 'Index', 'Measure', 'Migrate', 'Monitor',
              'Rewrite', 'Simplify', 'Split', 'Test', 'Trace', 'Upgrade'] AS verbs,
        ARRAY['asynchronous', 'broken', 'central', 'daily', 'encrypted', 'flaky', 'global', 'idle', 'legacy',
              'nightly', 'partial', 'public', 'remote', 'shared', 'slow', 'unused'] AS adjectives,
        ARRAY['archive', 'backup', 'billing report', 'checkout', 'dashboard', 'export', 'gateway', 'import',
              'ledger', 'login', 'message queue', 'order book', 'payment', 'price feed', 'search', 'signal',
              'storage', 'timeline', 'upload', 'webhook'] AS nouns,
        ARRAY['Customers notice it within minutes.', 'It came up in the last review.',
              'Nobody owns this part at the moment.', 'The numbers are in the linked dashboard.',
              'A first version is enough for now.', 'It has to be done before the next release.',
              'The current way costs too much memory.', 'Two teams asked for it independently.',
              'Rolling back must stay possible.', 'See the incident notes for the background.'] AS remarks,
        -- Some are common and some are rare, as everywhere. How many of 256 items are below each bound stands in `bounds`.
        ARRAY['backend', 'frontend', 'data', 'operations', 'infrastructure', 'documentation', 'design',
              'security'] AS categories,
        ARRAY[77, 138, 179, 210, 230, 244, 252] AS category_bounds,
        ARRAY['completed', 'rejected', 'in-progress', 'new', 'review'] AS statuses,
        ARRAY[212, 232, 242, 250] AS status_bounds,
        ARRAY['medium', 'low', 'high', 'critical'] AS priorities,
        ARRAY[125, 230, 250] AS priority_bounds,
        ARRAY['api', 'cost', 'customer', 'database', 'deadline', 'latency', 'mobile', 'network', 'quick-win',
              'reliability', 'research', 'ui'] AS tags
),
-- Sixteen numbers from 0 to 255 for each item.
dice AS (
    SELECT number, ('\x' || md5('item ' || number))::bytea AS die FROM generate_series(1, $1::bigint) AS number
)
INSERT INTO workspace.workspace_items
    (id, title, description, category, status, priority, tags, metadata, assignee, due_at, created_at, updated_at)
SELECT
    number,
    format('%s %s %s #%s', verbs[1 + get_byte(die, 0) % 16], adjectives[1 + get_byte(die, 1) % 16],
           nouns[1 + get_byte(die, 2) % 20], number),
    format('The %s %s slows down the %s and the %s. %s %s %s Expected gain: %s ms on the %s %s. See ticket K%s.',
           adjectives[1 + get_byte(die, 1) % 16], nouns[1 + get_byte(die, 2) % 20],
           nouns[1 + get_byte(die, 3) % 20], nouns[1 + get_byte(die, 4) % 20],
           remarks[1 + get_byte(die, 5) % 10], remarks[1 + get_byte(die, 6) % 10],
           remarks[1 + get_byte(die, 7) % 10], get_byte(die, 8),
           adjectives[1 + get_byte(die, 9) % 16], nouns[1 + get_byte(die, 10) % 20], 1000 + number % 5003),
    categories[1 + width_bucket(get_byte(die, 11), category_bounds)],
    statuses[1 + width_bucket(get_byte(die, 12), status_bounds)],
    priorities[1 + width_bucket(get_byte(die, 13), priority_bounds)],
    tags[1 + get_byte(die, 14) % 10 : 1 + get_byte(die, 14) % 10 + get_byte(die, 15) % 3]
        || CASE WHEN number % 2 = 0 THEN ARRAY['sprint-' || 1 + number / 2 % 499] ELSE '{}' END,
    jsonb_build_object('estimate_hours', 1 + get_byte(die, 3) % 40, 'source', 'generated',
                       'reviewers', get_byte(die, 4) % 4, 'team', 'team-' || number % 1009)
        || CASE WHEN number % 4 = 0 THEN jsonb_build_object('ext_id', 'EXT-' || number) ELSE '{}' END,
    CASE WHEN get_byte(die, 9) % 4 > 0 THEN 'person-' || 1 + get_byte(die, 9) % 60 END,
    CASE WHEN get_byte(die, 10) % 3 = 0
         THEN timestamptz '2024-01-15 00:00:00+00' + number * interval '5 minutes' + get_byte(die, 6) * interval '1 day' END,
    timestamptz '2024-01-01 00:00:00+00' + number * interval '5 minutes',
    timestamptz '2024-01-01 00:00:00+00' + number * interval '5 minutes' + get_byte(die, 5) * interval '1 hour'
FROM dice CROSS JOIN words
