"""The scripts that Redis runs: one keeps, numbers, logs and publishes a message; others read logs and begin sequences.

Plain EVAL: EVALSHA saves 2 to 8 % for one key, which does not pay for handling NOSCRIPT, and redis-py's cluster
pipeline refuses it. Extras never break the base: what Redis refuses of numbers and logs leaves the message without a
number, and is reported.
"""

from __future__ import annotations

import re

# KEYS: the keys; then, if the message is numbered, their records; then, with a history, their logs.
# ARGV: message, seconds to keep it, digest, seconds to keep records, most messages in a log, most bytes in it, how many
# transports publish, what follows the numbers in notes, whether numbers are to be returned; then three for each key and
# transport: channel, what stands before the numbers in the body, what follows them. Without the third, the body is the
# message itself, and the second is the channel of a note with its numbers, if there is one.
# Returns what Redis refused of keeping, what of the extras, and the numbers. A replica is an error before anything is
# sent: so redis-py looks for the new master, where a Sentinel knows it.
_PUBLISH = """
local raw, expire, digest, transports = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[7])
local none = '00000000000000000000000000000000'
local sixteen_digits = '^' .. string.rep('%d', 16)
local refusal, refused_extras, answer, count, records, now = '', '', {}, #KEYS, nil, nil
if digest ~= '' then
    count = count / PARTS
    records = redis.pcall('MGET', unpack(KEYS, count + 1, 2 * count))
    local time = redis.pcall('TIME')
    if records.err or time.err then
        refused_extras, records = records.err or time.err, nil
    else
        local micros = string.sub('00000' .. time[2], -6)
        local last_digit = tonumber(string.sub(micros, 6))
        now = time[1] .. string.sub(micros, 1, 5) .. (last_digit - last_digit % 2)
    end
end
LOGGING
for i = 1, count do
    local numbers = none
    if expire > 0 then
        local kept = redis.pcall('SET', KEYS[i], raw, 'EX', expire)
        if kept.err then
            if string.find(kept.err, 'READONLY', 1, true) then return redis.error_reply('READONLY It is a replica.') end
            refusal = kept.err
        elseif records then
            local record, own, last, size = records[i], now, nil, ''
            if record then last = string.match(record, sixteen_digits) end
            FIND_LAST
            if last and last >= own then
                own = string.format('%016.0f', tonumber(last) + 2 - tonumber(last) % 2)
            end
            numbers = own .. (last or '0000000000000000')
            LOG
            local set = redis.pcall('SET', KEYS[count + i], numbers .. digest .. size, 'EX', ARGV[4])
            if set.err then
                UNDO
                refused_extras, numbers = set.err, none
            end
        end
    end
    for at = 10 + (i - 1) * transports * 3, 7 + i * transports * 3, 3 do
        local before, after = ARGV[at + 1], ARGV[at + 2]
        if after ~= '' then
            local channel, body = ARGV[at], before .. numbers .. after
            SEND_WHOLE
        else
            if before ~= '' and numbers ~= none then
                local noted = redis.pcall('PUBLISH', before, numbers .. ARGV[8] .. #raw)
                if type(noted) == 'table' then refused_extras = noted.err end
            end
            redis.call('PUBLISH', ARGV[at], raw)
        end
    end
    if ARGV[9] == '1' then answer[i + 2] = numbers end
end
answer[1], answer[2] = refusal, refused_extras
return answer
"""

# The record outlives the log, and has the size of one that has gone: hence the test of `length` before it is added to.
_LOGGING = """
local most, most_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local deadline
if records then
    local time = redis.call('TIME')
    deadline = string.format('%010.0f', math.min(time[1] + expire, 9999999999)) .. string.sub('00000' .. time[2], -6)
end
local function append(log, entry, size)
    if not size then
        size = 0
        for _, each in ipairs(redis.call('LRANGE', log, 0, -1)) do size = size + #each end
    end
    local length = redis.call('RPUSH', log, entry)
    size = (length > 1 and size or 0) + #entry
    while length > 1 and (length > most or size > most_bytes) do
        size, length = size - #redis.call('LPOP', log), length - 1
    end
    if redis.call('TTL', log) < expire then redis.call('EXPIRE', log, expire) end
    return size
end
"""

_FIND_LAST = """
local log = KEYS[2 * count + i]
if not record then
    local newest = redis.pcall('LINDEX', log, -1)
    last = type(newest) == 'string' and string.sub(newest, 1, 16)
end
"""

_LOG = """
local is_logged, result = pcall(append, log, numbers .. deadline .. raw, record and tonumber(string.sub(record, 41)))
if is_logged then size = result else refused_extras = type(result) == 'table' and result.err or tostring(result) end
"""

_UNDO = """
if size ~= '' then redis.pcall('RPOP', log) end
"""


# To the nodes of the slot alone, which Redis knows from version 7 on; else to all nodes of the cluster.
_SPUBLISH = """
if type(redis.pcall('SPUBLISH', channel, body)) == 'table' then redis.call('PUBLISH', channel, body) end
"""


def _assemble(**parts: str) -> bytes:
    """Return the script with these parts, without indentation: Redis reads and hashes all of it each time."""
    script = _PUBLISH
    for name, part in parts.items():
        script = re.sub(rf"\b{name}\b", lambda _, part=part: part, script)  # type: ignore[misc]
    return "\n".join(line for each in script.splitlines() if (line := each.strip())).encode("ascii")


_PLAIN = {"PARTS": "2", "LOGGING": "", "FIND_LAST": "", "LOG": "", "UNDO": ""}
_WITH_LOG = {"PARTS": "3", "LOGGING": _LOGGING, "FIND_LAST": _FIND_LAST, "LOG": _LOG, "UNDO": _UNDO}
_TO_ALL = "redis.call('PUBLISH', channel, body)"

PUBLISH = _assemble(**_PLAIN, SEND_WHOLE=_TO_ALL)
PUBLISH_AND_LOG = _assemble(**_WITH_LOG, SEND_WHOLE=_TO_ALL)
PUBLISH_IN_CLUSTER = _assemble(**_PLAIN, SEND_WHOLE=_SPUBLISH)
PUBLISH_AND_LOG_IN_CLUSTER = _assemble(**_WITH_LOG, SEND_WHOLE=_SPUBLISH)

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

# KEYS: a record. ARGV: seconds for which to keep it at least. EXPIRE knows GT from Redis 7 on.
REMEMBER = """
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
"""
