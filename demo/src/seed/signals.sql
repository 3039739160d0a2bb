-- $1 signals, the same ones every time: everything comes from the signal's number and its MD5. Each asset's price walks.
WITH words AS (
    SELECT
        ARRAY['ADAUSD', 'AVAXUSD', 'BNBUSD', 'BTCUSD', 'DOGEUSD', 'DOTUSD', 'ETHUSD', 'EURUSD', 'GBPUSD', 'LINKUSD',
              'LTCUSD', 'PETR4', 'SOLUSD', 'USDBRL', 'VALE3', 'XAUUSD', 'XRPUSD', 'WINFUT', 'WDOFUT', 'ITUB4'] AS assets,
        ARRAY['alpha-desk', 'breakouts', 'carry', 'daily-brief', 'gamma', 'macro', 'momentum', 'night-watch',
              'options-flow', 'pairs', 'scalpers', 'swing'] AS channels,
        ARRAY['buy', 'sell', 'hold', 'take-profit', 'stop'] AS types,
        ARRAY['Volume confirms the move.', 'Watch the close above the range.', 'Risk no more than one percent.',
              'The level has held three times.', 'News is due within the hour.', 'Spread is wider than usual.',
              'Momentum fades on the lower time frame.', 'Second entry after the retest.'] AS remarks
),
-- Sixteen numbers from 0 to 255 for each signal.
dice AS (
    SELECT number, ('\x' || md5('signal ' || number))::bytea AS die FROM generate_series(1, $1::bigint) AS number
),
walked AS (
    SELECT number, die, get_byte(die, 0) % 20 AS place,
           -- Steps of up to 0.4 % either way, from a start that differs from asset to asset.
           (10 * (1 + get_byte(die, 0) % 20)
            * exp(sum((get_byte(die, 1) - 127.5) / 32000) OVER (PARTITION BY get_byte(die, 0) % 20 ORDER BY number)))::numeric AS price
    FROM dice
)
INSERT INTO tp_capital.tp_capital_signals
    (id, ts, asset, channel, signal_type, status, price, target_price, stop_price, volume, confidence, message_id,
     raw_message, metadata, created_at)
SELECT
    number,
    timestamptz '2024-01-01 00:00:00+00' + number * interval '30 seconds',
    assets[1 + place],
    channels[1 + get_byte(die, 2) % 12],
    types[1 + get_byte(die, 3) % 5],
    CASE WHEN number > $1::bigint * 0.98 THEN 'open' ELSE 'closed' END,
    round(price, 4),
    round(price * (1 + get_byte(die, 4) / 5000.0), 4),
    round(price * (1 - get_byte(die, 5) / 8000.0), 4),
    round(exp(get_byte(die, 6) / 40.0)::numeric, 3),
    round((get_byte(die, 7) / 255.0)::numeric, 2)::real,
    number,
    format('%s %s at %s, target %s. %s %s Ref S%s.', upper(types[1 + get_byte(die, 3) % 5]), assets[1 + place],
           round(price, 4), round(price * (1 + get_byte(die, 4) / 5000.0), 4), remarks[1 + get_byte(die, 8) % 8],
           remarks[1 + get_byte(die, 9) % 8], 1000 + number % 5003),
    jsonb_build_object('source', 'generated', 'timeframe', (ARRAY['1m', '5m', '1h', '1d'])[1 + get_byte(die, 10) % 4],
                       'batch', 'b-' || number % 1009),
    timestamptz '2024-01-01 00:00:02+00' + number * interval '30 seconds'
FROM walked CROSS JOIN words
