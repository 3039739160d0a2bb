-- Stores an entry unless a record of the log hits it. KEYS: response, epoch, head, log, and the indexes of its primary key
-- and its tags. ARGV: the envelope, its time to
-- live in ms, its epoch, the sequence number up to which it is known to be valid, full key, primary key, tags.
-- Returns "stored", or why not.
local epoch, head = redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])
if not epoch or not head or string.sub(epoch, 1, 16) ~= ARGV[3] then
    return 'epoch'
end
local missed = tonumber(head) - tonumber(ARGV[4])
if missed < 0 then
    return 'epoch'
end
if missed > 0 then
    local records = redis.call('XRANGE', KEYS[4], string.format('(%s-0', ARGV[4]), '+')
    if #records ~= missed then
        return 'trimmed'
    end
    local tags = {}
    for at = 7, #ARGV do
        tags[ARGV[at]] = true
    end
    local entry = {full_key = ARGV[5], primary_key = ARGV[6], tags = tags}
    for _, record in ipairs(records) do
        if hits(record[2][2], record[2][4], entry) then
            return 'invalidated'
        end
    end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local now = now_ms()
for at = 5, #KEYS do
    add_to_index(KEYS[at], ARGV[5], string.format('%.0f', now + ARGV[2]), now)
end
return 'stored'
