-- Tells how far a companion's followers have confirmed the log. KEYS: the companion's reach, the companions, epoch, head.
-- ARGV: its id, its reach, and for how many ms this holds. Returns epoch and head as they are now, and how many companions
-- there are.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[3]), ARGV[1])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], last[2])
return {redis.call('GET', KEYS[3]), redis.call('GET', KEYS[4]), redis.call('ZCARD', KEYS[2])}
