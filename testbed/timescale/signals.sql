-- Signals over 360 days: for each asset a price that wanders, volumes with a long tail, messages as channels send them. $ASSETS
-- assets (at most 12) with $ROWS signals each. Seeded: the same rows each time.
SELECT setseed(0.42);
INSERT INTO tp_capital_signals (id, ts, asset, channel, signal_type, status, price, target_price, stop_price, volume,
                                confidence, message_id, raw_message, metadata, created_at)
WITH assets AS (
    SELECT (ARRAY['PETR4', 'VALE3', 'ITUB4', 'BBDC4', 'ABEV3', 'BBAS3', 'WEGE3', 'MGLU3', 'RENT3', 'SUZB3', 'GGBR4',
                  'WINFUT'])[n] AS asset,
           5 + random() * 80 AS base
    FROM generate_series(1, $ASSETS) AS n
), ticks AS (
    SELECT asset, base, i,
           timestamptz '2025-01-01' + (i + random() * 0.9) * INTERVAL '1 day' * 360 / $ROWS AS ts,
           (random() + random() + random() - 1.5) * 0.003 AS step,
           random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5
    FROM assets, generate_series(0, $ROWS - 1) AS i
), walk AS (
    SELECT *, round((base * exp(sum(step) OVER (PARTITION BY asset ORDER BY i)))::numeric, 2) AS price FROM ticks
), signals AS (
    SELECT *,
           (ARRAY['telegram', 'discord', 'twitter', 'email', 'terminal', 'analyst'])[1 + floor(r1 * r1 * 6)::int] AS channel,
           (ARRAY['buy', 'sell', 'hold', 'alert'])[1 + floor(r2 * 4)::int] AS signal_type,
           round(price * (1 + 0.02 * r4)::numeric, 2) AS target,
           round(price * (1 - 0.02 * r5)::numeric, 2) AS stop
    FROM walk
)
SELECT row_number() OVER (ORDER BY ts), ts, asset, channel, signal_type,
       CASE WHEN r3 < 0.1 THEN 'open' ELSE 'closed' END,
       price, target, stop, round((100 * exp(3 * r4 * r5))::numeric) * 100, round(r3::numeric, 2)::real,
       floor(r5 * 1e9)::bigint,
       format('%s %s at %s, target %s: %s (%s)', upper(signal_type), asset, price, target,
              (ARRAY['breakout above resistance', 'support holds', 'volume spike', 'trend turns', 'earnings surprise',
                     'stop moved up'])[1 + floor(r5 * 6)::int],
              left(md5(r1::text), 8)),
       jsonb_build_object('strategy', (ARRAY['momentum', 'mean-reversion', 'news'])[1 + floor(r4 * 3)::int],
                          'score', round(r5::numeric, 3)),
       ts
FROM signals
ORDER BY ts;
ANALYZE tp_capital_signals;
