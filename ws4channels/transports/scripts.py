"""The scripts that Redis runs: one keeps, numbers, logs and publishes a message; others read logs and begin sequences.

Plain EVAL: EVALSHA saves 2 to 8 % for one key, which does not pay for handling NOSCRIPT, and redis-py's cluster
pipeline refuses it. Extras never break the base: what Redis refuses of numbers and logs leaves the message without a
number, and is reported.
"""

from __future__ import annotations

# KEYS: the keys; then, if the message is numbered, their records; then, with a history, their logs.
# ARGV: message, seconds to keep it, digest, seconds to keep records, most messages in a log, most bytes in it, how many
# transports publish, what follows the numbers in notes, whether numbers are to be returned; then three for each key and
# transport: channel, what stands before the numbers in the body, what follows them. Without the third, the body is the
# message itself, and the second is the channel of a note with its numbers, if there is one.
# Returns what Redis refused of keeping, what of the extras, and the numbers.
PUBLISH = """
local raw, expire, digest, record_ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local most, most_bytes, transports = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local none = string.rep('0', 32)
local refusal, refused_extras, answer = '', '', {}
local is_numbered, count, logs_at = false, #KEYS, nil
if digest ~= '' then
    is_numbered = true
    count = most > 0 and #KEYS / 3 or #KEYS / 2
    if most > 0 then logs_at = 2 * count end
end

local records, now, deadline
if is_numbered then
    records = redis.pcall('MGET', unpack(KEYS, count + 1, 2 * count))
    local time = redis.pcall('TIME')
    if records.err or time.err then
        refused_extras, is_numbered = records.err or time.err, false
    else
        local micros = string.sub('00000' .. time[2], -6)
        local last_digit = tonumber(string.sub(micros, 6))
        now = time[1] .. string.sub(micros, 1, 5) .. (last_digit - last_digit % 2)
        deadline = string.format('%010.0f', math.min(tonumber(time[1]) + expire, 9999999999)) .. micros
    end
end

local function size_of(log)
    local size = 0
    for _, entry in ipairs(redis.call('LRANGE', log, 0, -1)) do size = size + #entry end
    return size
end

local function append(log, entry, size)
    size = size or size_of(log)
    local length = redis.pcall('RPUSH', log, entry)
    if type(length) == 'table' then return nil, length.err end
    -- The old log may have gone, and its size is still in the record.
    size = length == 1 and #entry or size + #entry
    while length > 1 and (length > most or size > most_bytes) do
        size, length = size - #redis.call('LPOP', log), length - 1
    end
    if redis.call('TTL', log) < expire then redis.call('EXPIRE', log, expire) end
    return size
end

local function number(i)
    local record, log, last, size = records[i], logs_at and KEYS[logs_at + i], nil, nil
    if record then
        last, size = string.sub(record, 1, 16), tonumber(string.sub(record, 41))
        if not tonumber(last) then last = nil end
    elseif log then
        local newest = redis.pcall('LINDEX', log, -1)
        last = type(newest) == 'string' and string.sub(newest, 1, 16)
    end
    local own = now
    if last and last >= own then
        own = string.format('%016.0f', tonumber(last) + 2 - tonumber(last) % 2)
    end
    local numbers, err = own .. (last or '0000000000000000'), nil
    if log then
        local is_done
        is_done, size, err = pcall(append, log, numbers .. deadline .. raw, size)
        if not is_done then size, err = nil, type(size) == 'table' and size.err or tostring(size) end
        if err then refused_extras = err end
    end
    local set = redis.pcall('SET', KEYS[count + i], numbers .. digest .. (log and size or ''), 'EX', record_ttl)
    if not set.err then return numbers end
    refused_extras = set.err
    if log and size then redis.pcall('RPOP', log) end
    return none
end

for i = 1, count do
    local numbers = none
    if expire > 0 then
        local kept = redis.pcall('SET', KEYS[i], raw, 'EX', expire)
        if kept.err then
            refusal = kept.err
        elseif is_numbered then
            numbers = number(i)
        end
    end
    for j = 1, transports do
        local at = 10 + ((i - 1) * transports + j - 1) * 3
        local channel, before, after = ARGV[at], ARGV[at + 1], ARGV[at + 2]
        if after ~= '' then
            redis.call('PUBLISH', channel, before .. numbers .. after)
        else
            if before ~= '' and numbers ~= none then
                local noted = redis.pcall('PUBLISH', before, numbers .. ARGV[8] .. #raw)
                if type(noted) == 'table' then refused_extras = noted.err end
            end
            redis.call('PUBLISH', channel, raw)
        end
    end
    if ARGV[9] == '1' then answer[i + 2] = numbers end
end
answer[1], answer[2] = refusal, refused_extras
return answer
"""

# KEYS: a log. ARGV: first and last index, as LRANGE takes them. Returns the entries; of those past their deadline only
# what stands before the message.
READ_LOG = """
local entries = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6)
for i, entry in ipairs(entries) do
    if string.sub(entry, 33, 48) <= now then entries[i] = string.sub(entry, 1, 48) end
end
return entries
"""

# KEYS: a record, and with a history its log. ARGV: seconds to keep the record. Returns the number at which the next
# message of the key follows; makes one where the key has none.
BEGIN = """
local record = redis.call('GET', KEYS[1])
if record then return string.sub(record, 1, 16) end
local newest = KEYS[2] and redis.call('LINDEX', KEYS[2], -1)
if newest then return string.sub(newest, 1, 16) end
local time = redis.call('TIME')
local micros = string.sub('00000' .. time[2], -6)
local last_digit = tonumber(string.sub(micros, 6))
local number = time[1] .. string.sub(micros, 1, 5) .. (last_digit + 1 - last_digit % 2)
redis.call('SET', KEYS[1], number .. '0000000000000000' .. string.rep('\\0', 8), 'EX', ARGV[1])
return number
"""
