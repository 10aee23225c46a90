import { optionError } from './errors.ts'
import type { VerifierOptions } from './options.ts'
import type { PathMode } from './binding/path.ts'
import { dpop } from './schemes/dpop.ts'
import { pop } from './schemes/pop/pop.ts'
import { introspectedTokens } from './tokens/introspection.ts'
import { jwtTokens } from './tokens/jwt.ts'
import type { TokenResolver } from './tokens/resolver.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The options that an operator sets outside of the code. Adapters call it once, at start-up, when
 * they get no options. Commas make lists; an empty variable is a missing one.
 *
 * `OAUTH_POP_PUBLIC_URL` and `OAUTH_POP_AUDIENCE`; for JWTs `OAUTH_POP_ISSUER` and, if need be,
 * `OAUTH_POP_TOKEN_TYP`; for opaque tokens `OAUTH_POP_INTROSPECTION_ENDPOINT`, `OAUTH_POP_CLIENT_ID`
 * and `OAUTH_POP_CLIENT_SECRET`; with both, JWTs come first. `OAUTH_POP_PATH` is the `path` of `pop()`.
 *
 * @throws TypeError that names what is missing
 */
export function optionsFromEnvironment(environment: Environment = process.env): VerifierOptions {
  const missing: string[] = []
  const read = (name: string): string => environment[`OAUTH_POP_${name}`]?.trim() ?? ''
  const need = (name: string): string => {
    const value = read(name)
    if (value === '') missing.push(`OAUTH_POP_${name}`)
    return value
  }
  const publicUrl = toList(need('PUBLIC_URL'))
  const audience = toList(need('AUDIENCE'))
  const [issuer, endpoint] = [toList(read('ISSUER')), read('INTROSPECTION_ENDPOINT')]
  if (issuer.length === 0 && endpoint === '') {
    missing.push('OAUTH_POP_ISSUER or OAUTH_POP_INTROSPECTION_ENDPOINT')
  }
  const [clientId, clientSecret] =
    endpoint === '' ? ['', ''] : [need('CLIENT_ID'), need('CLIENT_SECRET')]
  if (missing.length > 0) {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      `there are no options, and the environment lacks ${missing.join(', ')}`,
    )
  }
  const typ = toList(read('TOKEN_TYP'))
  const tokens: TokenResolver[] = []
  if (issuer.length > 0)
    tokens.push(jwtTokens({ issuer, audience, ...(typ.length > 0 && { typ }) }))
  if (endpoint !== '')
    tokens.push(introspectedTokens({ endpoint, clientId, clientSecret, audience }))
  const path = read('PATH')
  const schemes = [pop(path === '' ? {} : { path: path as PathMode }), dpop()]
  return {
    publicUrl: publicUrl.length === 1 ? (publicUrl[0] as string) : publicUrl,
    tokens,
    schemes,
  }
}

function toList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
