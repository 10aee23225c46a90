const assert = require('node:assert/strict')

assert.equal(typeof require('@oauth-pop/nestjs').PopModule.forRoot, 'function')
