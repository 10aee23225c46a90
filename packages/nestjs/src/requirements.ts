import type { ExecutionContext } from '@nestjs/common'
import type { Guard } from '@oauth-pop/core'

const required = Symbol('oauth-pop.requirements')
const exempt = Symbol('oauth-pop.exempt')

type Target = object

/** Adds requirements to a class or a handler; none at all asks for a verified token only. */
export function addRequirements(target: Target, ...guards: readonly Guard[]): void {
  Reflect.defineMetadata(required, [...requirementsOf(target), ...guards], target)
}

export function exemptFromVerification(target: Target): void {
  Reflect.defineMetadata(exempt, true, target)
}

/** The nearer decides, and on the same target a requirement decides against an exemption. */
export function isExempt(context: ExecutionContext): boolean {
  for (const target of [context.getHandler(), context.getClass()]) {
    if (Reflect.hasMetadata(required, target)) return false
    if (Reflect.hasMetadata(exempt, target)) return true
  }
  return false
}

/** Those of the class hold for every handler, beside the handler's own. */
export function requirementsFor(context: ExecutionContext): readonly Guard[] {
  return [...requirementsOf(context.getClass()), ...requirementsOf(context.getHandler())]
}

function requirementsOf(target: Target): readonly Guard[] {
  return (Reflect.getMetadata(required, target) ?? []) as readonly Guard[]
}
