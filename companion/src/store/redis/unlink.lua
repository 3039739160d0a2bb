-- Removes an entry that a purge has hit. KEYS: the response. ARGV: the epoch as it stands in an envelope (8 bytes from 12;
-- then the sequence number), and the last sequence number that is hit.
-- An entry that was stored since stays.
local position = redis.call('GETRANGE', KEYS[1], 12, 27)
local is_newer = #position == 16
    and string.sub(position, 1, 8) == ARGV[1]
    and struct.unpack('<I8', position, 9) > tonumber(ARGV[2])
if not is_newer then
    redis.call('UNLINK', KEYS[1])
end
return 0
