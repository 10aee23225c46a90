import type { Jwk } from '@oauth-pop/core'
import { toMessage } from '../load.ts'
import { createIssuer, createPool } from '../proofs.ts'

/** An authorization server and its clients. */
export interface Signer {
  readonly jwks: { readonly keys: readonly Jwk[] }
  readonly createToken: (jwk: Jwk, subject?: string) => string
  /** Distinct signed requests of one new client, whose token is of a new user. */
  readonly sign: (count: number) => readonly string[]
  /** The same without end, of a new client every now and then. */
  readonly stream: () => Generator<string, never>
}

const perClient = 50

/**
 * @param aheadSeconds how far ahead of now the proofs are dated. 2 is past the second in which a store
 *   was made, of which it cannot know; 0 is what honest clients do
 */
export function createSigner(aheadSeconds = 2): Signer {
  const { jwks, createToken } = createIssuer('ES256')
  let users = 0
  function sign(count: number): readonly string[] {
    users += 1
    const user = `user ${users}`
    const pool = createPool('ES256', count, {
      aheadSeconds,
      createToken: (jwk) => createToken(jwk, user),
    })
    return pool.requests.map(toMessage)
  }
  return {
    jwks,
    createToken,
    sign,
    *stream() {
      for (;;) yield* sign(perClient)
    },
  }
}

/** Each so many times, in random order. */
export function shuffled<T>(items: readonly T[], times: number): T[] {
  const all = Array.from({ length: times }, () => items).flat()
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1))
    const held = all[last] as T
    all[last] = all[other] as T
    all[other] = held
  }
  return all
}

/** Hands on messages and keeps a copy of each. */
export function* kept(messages: Iterable<string>, list: string[]): Generator<string> {
  for (const message of messages) {
    list.push(message)
    yield message
  }
}

/** The same again and again. */
export function* repeated(messages: readonly string[]): Generator<string, never> {
  for (;;) yield* messages
}
