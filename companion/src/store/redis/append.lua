-- Appends records to the log. KEYS: epoch, head, log. ARGV: an epoch to begin if need be, how many records to keep, then
-- kind and value of each record. Returns epoch and head.
local epoch, head = log_or(ARGV[1])
for at = 3, #ARGV, 2 do
    head = string.format('%.0f', redis.call('INCR', KEYS[2]))
    redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[2], head .. '-0', 'kind', ARGV[at], 'value', ARGV[at + 1])
end
return {epoch, head}
