import { startEcosystem } from './ecosystem.ts'

// The browser keeps the key for this origin, so the port stays the same from start to start.
const { authorizationServer, api, page } = await startEcosystem({
  pagePort: Number(process.env['PORT'] ?? 8080),
})
console.log(`authorization server  ${authorizationServer.url}`)
console.log(`protected API         ${api.url}`)
console.log(`\nOpen ${page.url} in a browser; Ctrl+C ends.`)
