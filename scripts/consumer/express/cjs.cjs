const assert = require('node:assert/strict')

assert.equal(typeof require('@oauth-pop/core').createVerifier, 'function')
assert.equal(typeof require('@oauth-pop/core/configuration').jwtTokens, 'function')
assert.equal(typeof require('@oauth-pop/core/node').createProtection, 'function')
assert.equal(typeof require('@oauth-pop/express').popMiddleware, 'function')
assert.equal(typeof require('@oauth-pop/client').signPopRequest, 'function')
assert.equal(typeof require('@oauth-pop/issuer').createIssuer, 'function')
