import express = require('@oauth-pop/express')

export const middleware = express.popMiddleware({
  publicUrl: 'https://api.example.com',
  tokens: express.storedTokens(() => undefined, { audience: 'api' }),
})
