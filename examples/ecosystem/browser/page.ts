import { createPopFetch, type ProofKeyPair } from '@oauth-pop/client'
import { loadKeyPair } from './key-pair.ts'
import { discover, finishSignIn, isBackFromSignIn, startSignIn } from './sign-in.ts'
import { onClick, show, showAnswer, showFailure } from './view.ts'

interface Configuration {
  readonly authorizationServer: string
  readonly api: string
}

await start().catch((error: unknown) => showFailure('Start', error))

async function start(): Promise<void> {
  const { authorizationServer, api } = await readConfiguration()
  const key = await loadKeyPair()
  show('thumbprint', key.thumbprint)
  show('private-key', await describePrivateKey(key))

  const server = await discover(authorizationServer)
  onClick('sign-in', 'Sign in', () => startSignIn(server))
  if (isBackFromSignIn()) await keepToken(finishSignIn(server, { api, thumbprint: key.thumbprint }))
  const token = sessionStorage.getItem('token')
  show('token', token ?? 'none yet: sign in')
  if (token !== null) enableRequests(`${api}/photos`, token, key)
}

async function keepToken(arriving: Promise<string>): Promise<void> {
  await arriving.then(
    (token) => sessionStorage.setItem('token', token),
    (error: unknown) => showFailure('Sign in', error),
  )
}

function enableRequests(photos: string, accessToken: string, key: ProofKeyPair): void {
  const popFetch = createPopFetch({ accessToken, key, cover: { query: true, body: true } })
  const photo = JSON.stringify({ name: 'dog.jpg' })
  const json = { 'content-type': 'application/json' }
  const stolen = { authorization: `Bearer ${accessToken}` }

  request('read', 'Read photos', () => popFetch(`${photos}?page=1`))
  request('add', 'Add a photo', () =>
    popFetch(photos, { method: 'POST', headers: json, body: photo }),
  )
  request('steal', 'Send the token as a thief would', () => fetch(photos, { headers: stolen }))
}

function request(id: string, what: string, send: () => Promise<Response>): void {
  onClick(id, what, async () => showAnswer(what, await send()))
}

async function describePrivateKey({ privateKey }: ProofKeyPair): Promise<string> {
  try {
    await crypto.subtle.exportKey('jwk', privateKey)
    return 'extractable'
  } catch (error) {
    return `not extractable (${(error as Error).name})`
  }
}

async function readConfiguration(): Promise<Configuration> {
  const response = await fetch('/configuration.json')
  return (await response.json()) as Configuration
}
