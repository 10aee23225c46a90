import express, { type Request, type Router } from 'express'
import type { Authorization, AuthorizationCodes } from './authorization-codes.ts'

// The form goes back to the URL it came from, so nothing of the request is written into the page.
const consentPage = `<!doctype html>
<html lang="en">
  <title>Photo account</title>
  <link rel="icon" href="data:,">
  <style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 4rem auto } button { font: inherit }</style>
  <h1>Photo account</h1>
  <p>The page "Photos" asks to read your photos and to add to them.</p>
  <form method="post"><button>Allow as alice</button></form>
</html>
`

interface Options {
  readonly issuer: string
  readonly redirectUris: ReadonlySet<string>
  readonly codes: AuthorizationCodes
}

/** GET asks the user; POST is the user's yes, and sends the browser back with a code. */
export function authorizationEndpoint({ issuer, redirectUris, codes }: Options): Router {
  const router = express.Router()
  router.all('/', (request, response) => {
    response.set({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' })
    const authorization = readAuthorization(request.query, redirectUris)
    if (authorization === undefined || isForeign(request, issuer)) {
      response.status(400).type('text').send('This request to sign in is not acceptable.')
    } else if (request.method === 'POST') {
      const answer = {
        code: codes.issue(authorization),
        iss: issuer,
        state: request.query['state'],
      }
      response.redirect(303, addToQuery(authorization.redirectUri, answer))
    } else {
      response.type('html').send(consentPage)
    }
  })
  return router
}

/** A form of another site must not say yes for the user; browsers name the site that posts. */
function isForeign({ method, headers }: Request, issuer: string): boolean {
  return method === 'POST' && headers.origin !== issuer
}

/** Undefined for a request that is not to be sent on: then the user sees it, not the client. */
function readAuthorization(
  query: Request['query'],
  redirectUris: ReadonlySet<string>,
): Authorization | undefined {
  const { client_id: clientId, redirect_uri: redirectUri, code_challenge: codeChallenge } = query
  if (clientId !== 'photo-page') return undefined
  if (typeof redirectUri !== 'string' || !redirectUris.has(redirectUri)) return undefined
  if (query['response_type'] !== 'code') return undefined
  if (query['code_challenge_method'] !== 'S256') return undefined
  if (typeof codeChallenge !== 'string' || !/^[\w-]{43}$/.test(codeChallenge)) return undefined
  return { clientId, redirectUri, codeChallenge }
}

function addToQuery(uri: string, parameters: Readonly<Record<string, unknown>>): string {
  const url = new URL(uri)
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value === 'string') url.searchParams.set(name, value)
  }
  return url.href
}
