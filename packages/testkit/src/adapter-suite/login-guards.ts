import { dpop, type AuthenticationRequirement } from '@oauth-pop/core'
import type { RawRequest } from '../raw-http.ts'
import type { Claims, Fixtures } from './fixtures.ts'
import type { GuardedScenario, GuardedScenarios } from './guards.ts'

/** Routes that ask how and when the user has logged in. */
export function createLoginGuarded({
  request,
  requestOf,
  withHeaders,
  clock,
}: Fixtures): GuardedScenarios {
  const stepUp = { acrValues: ['phr', 'mfa'], maxAgeSeconds: 300 }
  const loggedIn = (login: Claims, scheme?: 'PoP' | 'DPoP'): RawRequest =>
    requestOf({ acr: 'mfa', auth_time: clock.seconds() - 330, ...login }, scheme)
  const asked =
    'realm="api.example.com", error="insufficient_user_authentication", error_description="This resource needs a stronger or more recent login of the user"'
  const asking = (
    authentication: AuthenticationRequirement,
    status: number,
    build: () => RawRequest,
  ): GuardedScenario => ({ guards: { authentication }, status, build })
  const refusing = (build: () => RawRequest): GuardedScenario => ({
    ...asking(stepUp, 401, build),
    challenges: [`PoP ${asked}, acr_values="phr mfa", max_age="300"`],
  })

  return {
    'a login of a class and an age that will do': {
      ...asking(stepUp, 200, () => loggedIn({})),
      requirements: ['step-up-acr', 'step-up-age', 'step-up-both'],
    },
    'a login of another class, by PoP': {
      ...refusing(() => loggedIn({ acr: 'pwd' })),
      requirements: ['step-up-acr', 'step-up-challenge'],
    },
    'a login of another class, by DPoP': {
      ...asking({ acrValues: ['phr'] }, 401, () => loggedIn({}, 'DPoP')),
      challenges: [`DPoP ${asked}, acr_values="phr", algs="${dpop().algs?.join(' ')}"`],
      requirements: ['step-up-acr', 'step-up-challenge', 'answer-algs'],
    },
    'a login too long ago': {
      ...asking({ maxAgeSeconds: 299 }, 401, () => loggedIn({})),
      challenges: [`PoP ${asked}, max_age="299"`],
      requirements: ['step-up-age', 'step-up-challenge'],
    },
    'a login of the right class too long ago': {
      ...refusing(() => loggedIn({ auth_time: clock.seconds() - 331 })),
      requirements: ['step-up-both'],
    },
    'a login in the future': {
      ...refusing(() => loggedIn({ auth_time: clock.seconds() + 31 })),
      requirements: ['step-up-age'],
    },
    'a token that says nothing of a login': {
      ...refusing(request),
      requirements: ['step-up-acr', 'step-up-age'],
    },
    'a class of login in a list, where text is due': {
      ...refusing(() => loggedIn({ acr: ['mfa'] })),
      requirements: ['step-up-acr'],
    },
    'the time of a login as text, where a number is due': {
      ...refusing(() => loggedIn({ auth_time: String(clock.seconds()) })),
      requirements: ['step-up-age'],
    },
    'scopes and login both fail': {
      ...asking(stepUp, 403, request),
      guards: { authentication: stepUp, scopes: ['admin'] },
      requirements: ['rule-guard-order'],
    },
    'an anonymous request where a login is asked for': {
      ...asking(stepUp, 401, () => request({ headers: withHeaders() })),
      optional: true,
      requirements: ['rule-guard-anonymous'],
    },
  }
}
