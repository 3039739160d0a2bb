-- Whether a record hits an entry, as crates/invalidation has it.

-- Whether a pattern matches all of a text: a star stands for any run of characters, everything else for itself.
local function glob_matches(pattern, text)
    local star = string.find(pattern, '*', 1, true)
    if not star then
        return pattern == text
    end
    if string.sub(text, 1, star - 1) ~= string.sub(pattern, 1, star - 1) then
        return false
    end
    local at = star
    while true do
        local next_star = string.find(pattern, '*', star + 1, true)
        if not next_star then
            local tail = string.sub(pattern, star + 1)
            return #text - at + 1 >= #tail and string.sub(text, #text - #tail + 1) == tail
        end
        local _, last = string.find(text, string.sub(pattern, star + 1, next_star - 1), at, true)
        if not last then
            return false
        end
        at, star = last + 1, next_star
    end
end

-- The tags that a record of this primary key hits.
local function path_tags(key)
    local url = string.match(key, '^[^ ]* (.*)$') or key
    local address = string.match(url, '^[^?]*')
    return 'path:' .. address, 'path:*' .. (string.match(address, '/.*$') or '')
end

local hits_by_kind = {
    all = function() return true end,
    key = function(value, entry)
        local path, any_host = path_tags(value)
        return value == entry.primary_key or entry.tags[path] or entry.tags[any_host]
    end,
    tag = function(value, entry) return entry.tags[value] end,
    prefix = function(value, entry) return string.sub(entry.full_key, 1, #value) == value end,
    glob = function(value, entry) return glob_matches(value, entry.primary_key) end,
}

-- Soft and hard records hit alike. A kind that is not known hits everything.
local function hits(kind, value, entry)
    local kind = string.gsub(kind, '^soft%-', '')
    return (hits_by_kind[kind] or hits_by_kind.all)(value, entry)
end

