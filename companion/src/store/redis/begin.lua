-- The parts of the epoch key's value "EPOCH SERVER": the log's epoch in 16 digits, and the run of the server it began on.
local function run_of_server()
    local info = redis.pcall('INFO', 'server')
    return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or '-'
end

local function begin(epoch)
    redis.call('SET', KEYS[1], epoch .. ' ' .. run_of_server())
    redis.call('SET', KEYS[2], '0')
    redis.call('UNLINK', KEYS[3])
    return epoch, '0'
end

-- The log's epoch and head. A new epoch begins where a part of the log is gone (flushed or evicted), and where the
-- server is not the one it began on: one that restarted, or took over, may have come back with an older state.
local function log_or(fresh)
    local epoch, head = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
    if not epoch or not head or string.sub(epoch, 18) ~= run_of_server() then
        return begin(fresh)
    end
    return string.sub(epoch, 1, 16), head
end

