-- Adds an entry to an index. KEYS: the index. ARGV: full key, and the entry's time to live in ms.
local now = now_ms()
add_to_index(KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[2]), now)
return 0
