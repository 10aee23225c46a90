import {
  applyDecorators,
  createParamDecorator,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common'
import * as core from '@oauth-pop/core'
import { PopGuard } from './guard.ts'
import {
  addRequirements,
  exemptFromVerification,
  makeOptional,
  type Requirement,
} from './requirements.ts'

/** For a controller or one of its handlers. */
export type PopDecorator = ClassDecorator & MethodDecorator

/** Protects a controller or a handler: only the client that holds the key of its token gets in. */
export const UsePoP = (): PopDecorator => protect()

/**
 * Protects, but lets a request without a credential pass, without an access token; a bad credential never
 * does. What is nearer to the handler decides: `@UsePoP()` on a handler takes this of its class back, and
 * the reverse. Beside `@UsePoP()` on the same class or handler it holds.
 */
export const OptionalPoP = (): PopDecorator =>
  applyDecorators(onTarget(makeOptional), UseGuards(PopGuard))

/** Protects, and lets a request pass that has a verified token, also under `optional`; else 401. */
export const RequireToken = (): PopDecorator =>
  protect({ kind: 'token', guard: core.requireToken() })

/** Protects, and lets a request pass whose token came by one of these schemes; else 401. */
export const RequireScheme = (...names: core.RequiredScheme[]): PopDecorator =>
  protect({ kind: 'scheme', guard: core.requireScheme(...names) })

/** Protects, and lets a request pass that has all of these scopes; else 403. */
export const RequireScopes = (...all: string[]): PopDecorator =>
  protect({ kind: 'scopes', guard: core.requireScopes(...all) })

/** Protects, and lets a request pass that has one of these scopes; else 403. */
export const RequireAnyScope = (...any: string[]): PopDecorator =>
  protect({ kind: 'anyScope', guard: core.requireAnyScope(...any) })

/** Protects, and lets a request pass whose claims satisfy the check; else 403. A throw is 500. */
export const RequireClaims = (check: core.ClaimsCheck): PopDecorator =>
  protect({ kind: 'claims', guard: core.requireClaims(check) })

/** Protects, and lets a request pass whose proof signs these parts of it; else 401. */
export const RequireCoverage = (requirement: core.CoverageRequirement): PopDecorator =>
  protect({ kind: 'coverage', guard: core.requireCoverage(requirement) })

/** Protects, and lets a request pass whose user logged in this well and recently; else 401 (RFC 9470). */
export const RequireAuthentication = (requirement: core.AuthenticationRequirement): PopDecorator =>
  protect({ kind: 'authentication', guard: core.requireAuthentication(requirement) })

/**
 * Exempts a controller or a handler from `PopGuard`. What is nearer to the handler decides; beside a
 * requirement on the same class or handler it has no effect.
 */
export const AllowUnverified = (): PopDecorator => onTarget(exemptFromVerification)

/** The verified access token; undefined on an exempt route, and on an anonymous request under `optional`. */
export const AccessToken: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<{ accessToken?: core.AccessToken }>().accessToken,
)

/** What `@AccessToken()` gives. */
export type AccessToken = core.AccessToken

function protect(...requirements: readonly Requirement[]): PopDecorator {
  return applyDecorators(
    onTarget((target) => addRequirements(target, ...requirements)),
    UseGuards(PopGuard),
  )
}

/** Metadata of a handler lives on its function, that of a controller on its class. */
function onTarget(mark: (target: object) => void): PopDecorator {
  return (target: object, _name?: string | symbol, descriptor?: PropertyDescriptor) => {
    mark((descriptor?.value as object | undefined) ?? target)
  }
}
