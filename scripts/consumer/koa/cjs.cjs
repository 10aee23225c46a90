const assert = require('node:assert/strict')

assert.equal(typeof require('@oauth-pop/koa').popMiddleware, 'function')
