import type { ExecutionContext } from '@nestjs/common'
import { GUARDS_METADATA } from '@nestjs/common/constants.js'
import type { Guard } from '@oauth-pop/core'

const required = Symbol('oauth-pop.requirements')
const exempt = Symbol('oauth-pop.exempt')
const optional = Symbol('oauth-pop.optional')

type Target = object

/** In this order, however the decorators are written: decorators apply from the bottom up. */
const order = [
  'token',
  'scheme',
  'scopes',
  'anyScope',
  'claims',
  'coverage',
  // Last: nobody logs in again for a request that is refused all the same.
  'authentication',
] as const

/** A check, and where in the order it stands. */
export interface Requirement {
  readonly kind: (typeof order)[number]
  readonly guard: Guard
}

type GuardClass = abstract new (...dependencies: never[]) => unknown

/** Adds requirements to a class or a handler; none at all asks for a verified token only. */
export function addRequirements(target: Target, ...requirements: readonly Requirement[]): void {
  Reflect.defineMetadata(required, [...requirements, ...requirementsOf(target)], target)
}

export function makeOptional(target: Target): void {
  Reflect.defineMetadata(optional, true, target)
}

export function exemptFromVerification(target: Target): void {
  Reflect.defineMetadata(exempt, true, target)
}

/** What a route asks for; the same object every time. */
export interface Protected {
  readonly optional: boolean | undefined
  readonly guards: readonly Guard[]
}

type Protection = 'exempt' | Protected

/** Metadata does not change once the application is up, and reading it costs as much as the guards. */
const known = new WeakMap<Target, WeakMap<Target, Protection>>()

/** The guards of a handler of a class; none where it is exempt. */
export function guardsOf(type: Target, handler: Target, guard: GuardClass): readonly Guard[] {
  const protection = readProtection(type, handler, guard)
  return protection === 'exempt' ? [] : protection.guards
}

/** What a handler of a class requires; the same object every time. */
export function protectionOf(context: ExecutionContext, guard: GuardClass): Protection {
  const [type, handler] = [context.getClass(), context.getHandler()]
  const ofClass = known.get(type) ?? new WeakMap<Target, Protection>()
  known.set(type, ofClass)
  const protection = ofClass.get(handler) ?? readProtection(type, handler, guard)
  ofClass.set(handler, protection)
  return protection
}

/** Requirements of the class hold for every handler, beside the handler's own. */
function readProtection(type: Target, handler: Target, guard: GuardClass): Protection {
  if (isExempt([handler, type], guard)) return 'exempt'
  const all = [...requirementsOf(type), ...requirementsOf(handler)]
  const guards = order.flatMap((kind) =>
    all.filter((one) => one.kind === kind).map(({ guard }) => guard),
  )
  return { optional: isOptional([handler, type], guard), guards }
}

/** The nearer decides, and on the same target whoever asks for the guard decides against an exemption. */
function isExempt(targets: readonly Target[], guard: GuardClass): boolean {
  for (const target of targets) {
    if (asksFor(target, guard)) return false
    // Not inherited: what a subclass adds was not meant.
    if (Reflect.hasOwnMetadata(exempt, target)) return true
  }
  return false
}

/** The nearer of those that ask for the guard decides; undefined leaves it to the module's option. */
function isOptional(targets: readonly Target[], guard: GuardClass): boolean | undefined {
  for (const target of targets) {
    if (Reflect.hasOwnMetadata(optional, target)) return true
    if (asksFor(target, guard)) return undefined
  }
  return undefined
}

function asksFor(target: Target, guard: GuardClass): boolean {
  const guards = (Reflect.getMetadata(GUARDS_METADATA, target) ?? []) as readonly unknown[]
  return guards.some((own) => isOrExtends(own, guard))
}

function isOrExtends(own: unknown, guard: GuardClass): boolean {
  if (own === guard || own instanceof guard) return true
  return typeof own === 'function' && own.prototype instanceof guard
}

function requirementsOf(target: Target): readonly Requirement[] {
  return (Reflect.getMetadata(required, target) ?? []) as readonly Requirement[]
}
