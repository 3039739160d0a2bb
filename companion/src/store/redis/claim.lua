-- Takes a lease if it is free. KEYS: the lease. ARGV: a new holding of it, and for how many ms. Returns whose it is.
local holder = redis.call('GET', KEYS[1])
if holder then
    return holder
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
