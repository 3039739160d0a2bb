-- Releases a lease. KEYS: the lease. ARGV: the holding that ends, and for how many ms nobody gets it then (0: none).
if redis.call('GET', KEYS[1]) == ARGV[1] then
    if ARGV[2] == '0' then
        redis.call('DEL', KEYS[1])
    else
        redis.call('SET', KEYS[1], 'pass', 'PX', ARGV[2])
    end
end
return 0
