-- The entries under a primary key or with a tag: a sorted set of full keys by when they end, in Unix ms.

local INDEX_LIMIT = 10000

-- Adds a full key. Of more than the limit, those that end first are dropped; until the last of them would have ended, an
-- empty member stands for them.
local function add_to_index(index, full_key, ends, now)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', now)
    redis.call('ZADD', index, ends, full_key)
    local excess = redis.call('ZCARD', index) - INDEX_LIMIT
    if excess > 0 then
        local dropped = redis.call('ZPOPMIN', index, excess + 1)
        redis.call('ZADD', index, dropped[#dropped], '')
    end
    local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', index, last[2])
end

-- Unix ms.
local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

