import { isAcrValue } from './challenge.ts'
import { asError, optionError, PopError, type Evidence } from './errors.ts'
import { verified, type Guard, type Verified } from './guards.ts'
import { nonEmptyList, readOptions, wholeNumber } from './option-readers.ts'
import type { Moment } from './verifier.ts'

/** How and how recently the user must have logged in. Both hold where both are given. */
export interface AuthenticationRequirement {
  /** The `acr` of the token is one of these classes of login; the best first. */
  readonly acrValues?: readonly string[]
  /** The login, `auth_time` of the token, is no longer ago than this, in seconds. */
  readonly maxAgeSeconds?: number
}

/**
 * The user has logged in well enough and recently enough for a route (RFC 9470); else 401
 * `insufficient_user_authentication`, which tells the client for what login to ask. A claim that is
 * missing or of the wrong type is not enough.
 *
 * @throws TypeError with `code` for nothing to require, and for values that no challenge can name
 */
export function requireAuthentication(requirement: AuthenticationRequirement): Guard {
  const required = readRequirement(requirement)
  const { acrValues, maxAgeSeconds } = required
  return function authenticationGuard(context) {
    const seen = verified(context)
    const { claims } = seen.accessToken
    const fault =
      (acrValues && faultOfClass(claims['acr'], acrValues)) ??
      (maxAgeSeconds === undefined
        ? undefined
        : faultOfTime(claims['auth_time'], maxAgeSeconds, momentOf(seen)))
    if (fault !== undefined) {
      throw seen.refuse('ERR_POP_AUTHENTICATION_INSUFFICIENT', fault, required)
    }
  }
}

function faultOfClass(acr: unknown, accepted: readonly string[]): Evidence | undefined {
  if (typeof acr === 'string' && accepted.includes(acr)) return undefined
  return {
    member: 'acr',
    expected: accepted,
    actual: typeof acr === 'string' ? acr : typeNameOf(acr),
  }
}

/** Both ends count, as for the time of a proof. */
function faultOfTime(time: unknown, maxAge: number, moment: Moment): Evidence | undefined {
  const { now, clockToleranceSeconds: tolerance } = moment
  const [oldest, newest] = [now - tolerance - maxAge, now + tolerance]
  if (typeof time !== 'number') {
    return { member: 'auth_time', expected: `at least ${oldest}`, actual: typeNameOf(time) }
  }
  if (time >= oldest && time <= newest) return undefined
  const expected = time > newest ? `at most ${newest}` : `at least ${oldest}`
  return { member: 'auth_time', expected, actual: time }
}

/** A claim of the wrong type is shown by its type, lest it look like the right one in a log. */
function typeNameOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
}

/** A clock that fails must not pass for one that says that all is well. */
function momentOf({ verifier, refuse }: Verified): Moment {
  try {
    return verifier.moment()
  } catch (error) {
    throw refuse('ERR_POP_INTERNAL', error instanceof PopError ? { member: 'now' } : asError(error))
  }
}

function readRequirement(requirement: AuthenticationRequirement): AuthenticationRequirement {
  const where = 'requireAuthentication'
  const own = readOptions(where, requirement, ['acrValues', 'maxAgeSeconds'])
  if (Object.keys(own).length === 0) {
    throw optionError('ERR_POP_OPTION_MISSING', `${where} needs acrValues or maxAgeSeconds`)
  }
  return {
    ...(own.acrValues !== undefined && { acrValues: readAcrValues(where, own.acrValues) }),
    ...(own.maxAgeSeconds !== undefined && {
      maxAgeSeconds: wholeNumber(`${where} maxAgeSeconds`, own.maxAgeSeconds, 0),
    }),
  }
}

function readAcrValues(where: string, values: readonly string[]): readonly string[] {
  const read = nonEmptyList(`${where} acrValues`, values)
  const wrong = read.find((value) => !isAcrValue(value))
  if (wrong === undefined) return read
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `${where} acrValues: ${JSON.stringify(wrong)} cannot stand in a challenge: no space, comma, quote or backslash, ASCII only`,
  )
}
