import type { Outgoing } from './outgoing-request.ts'
import { checkNoCredential, credentialParameter } from './signed-query.ts'

/**
 * Where the credential travels: `Authorization: PoP <SHR>`, or `pop_access_token` in a form or in the
 * URL. URLs end up in logs and histories: choose `'query'` only where nothing else can be sent.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 4
 */
export type Transport = 'header' | 'form' | 'query'

export const transports: readonly unknown[] = ['header', 'form', 'query'] satisfies Transport[]

/** The arguments of `fetch`. */
export type FetchArguments = readonly [input: string | URL | Request, init: RequestInit]

/** Puts headers on a copy of the request: its body can be read once, and may be needed again. */
export function addHeaders(
  { input, headers, init }: Outgoing,
  added: Readonly<Record<string, string>>,
): FetchArguments {
  const all = new Headers(headers)
  for (const [name, value] of Object.entries(added)) all.set(name, value)
  return [input instanceof Request ? input.clone() : input, { ...init, headers: all }]
}

/** Puts the credential of PoP on a copy of the request. */
export function addCredential(
  outgoing: Outgoing,
  transport: Transport,
  credential: string,
): FetchArguments {
  if (transport === 'header') return addHeaders(outgoing, { authorization: `PoP ${credential}` })
  const { input, url, headers, form, init } = outgoing
  const copy = input instanceof Request ? input.clone() : input
  const signed = new Headers(headers)
  // A second credential would be refused.
  signed.delete('authorization')
  if (transport === 'form')
    return [copy, { ...init, headers: signed, body: append(form ?? '', credential) }]
  const target = new URL(url)
  target.search = append(target.search.slice(1), credential)
  const moved = copy instanceof Request ? new Request(target, copy) : target
  return [moved, { ...init, headers: signed }]
}

function append(pairs: string, credential: string): string {
  checkNoCredential(pairs)
  return `${pairs}${pairs === '' ? '' : '&'}${credentialParameter}=${credential}`
}
