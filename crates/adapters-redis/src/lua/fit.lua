-- Makes sure that an intent can be fulfilled in a workspace's slot.
--
-- KEYS    marker of the workspace, scope, slice, log
-- ARGV    store id
-- Answer  the number of the last intent that the slice has seen

local MARKER, SCOPE, SLICE, LOG = unpack(KEYS)

require_open(MARKER, ARGV[1])
expect(LOG, 'zset')
raised_so_far(SCOPE, SLICE)
return text(last_intent(SLICE))
