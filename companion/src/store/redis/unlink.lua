-- Removes entries that a purge has hit, from their index too if there is one. KEYS: the responses. ARGV: the epoch as it
-- stands in an envelope (8 bytes from 12; then the sequence number), the last sequence number that is hit, the index or nothing, then the responses' full keys.
-- An entry that was stored since stays.
for at, response in ipairs(KEYS) do
    local position = redis.call('GETRANGE', response, 12, 27)
    local is_newer = #position == 16
        and string.sub(position, 1, 8) == ARGV[1]
        and struct.unpack('<I8', position, 9) > tonumber(ARGV[2])
    if not is_newer then
        redis.call('UNLINK', response)
        if ARGV[3] ~= '' then
            redis.call('ZREM', ARGV[3], ARGV[3 + at])
        end
    end
end
return #KEYS
