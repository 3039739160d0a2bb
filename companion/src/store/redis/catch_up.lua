-- What a companion at a position has not read yet. KEYS: epoch, head, log. ARGV: an epoch to begin if need be, the known
-- epoch, the known sequence number, and "renew" where a new epoch must begin.
-- Returns epoch, head, and seq, kind and value of each record: those after the known position, or all of another epoch.
local epoch, head
if ARGV[4] == 'renew' then
    epoch, head = begin(ARGV[1])
else
    epoch, head = log_or(ARGV[1])
end
local from = '-'
if epoch == ARGV[2] then
    if tonumber(head) < tonumber(ARGV[3]) then
        -- The server has forgotten records that it had.
        epoch, head = begin(ARGV[1])
    else
        from = string.format('(%s-0', ARGV[3])
    end
end
local answer = {epoch, head}
for _, record in ipairs(redis.call('XRANGE', KEYS[3], from, '+')) do
    answer[#answer + 1] = string.match(record[1], '^%d+')
    answer[#answer + 1] = record[2][2]
    answer[#answer + 1] = record[2][4]
end
return answer
