-- Takes entries out of an index. KEYS: the index. ARGV: full key and score of each, as they were read.
-- One that was stored since has another score, and stays.
for at = 1, #ARGV, 2 do
    if redis.call('ZSCORE', KEYS[1], ARGV[at]) == ARGV[at + 1] then
        redis.call('ZREM', KEYS[1], ARGV[at])
    end
end
return 0
