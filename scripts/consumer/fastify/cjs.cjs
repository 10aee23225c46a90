const assert = require('node:assert/strict')

assert.equal(typeof require('@oauth-pop/fastify').popPlugin, 'function')
assert.equal(require('@oauth-pop/fastify').default, require('@oauth-pop/fastify').popPlugin)
