import { optionError } from '../errors.ts'
import { callOutside } from '../outside-call.ts'
import { oneOrMore } from '../option-readers.ts'

/** Says whether tokens of an issuer are accepted. It is asked with the `iss` of unverified tokens. */
export type IssuerCheck = (issuer: string) => boolean | Promise<boolean>

/** The issuers of one resolver. */
export interface Issuers {
  /** Those that are known by their exact name. */
  readonly named: readonly string[]
  readonly templates: readonly string[]
  /** Exact names and templates, for evidence. */
  readonly shown: readonly string[]
  /** Rejects when the application cannot say. */
  readonly accepts: (issuer: string) => Promise<boolean>
  /** The tenant that a template found in this issuer; the token's `tid` must name it. */
  readonly tenantOf: (issuer: string) => string | undefined
}

const placeholder = '{tenantid}'
/** Microsoft's: one path segment, a GUID in lower case. */
const tenant = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const longestIssuer = 2048
const mostRemembered = 1000
const rememberedFor = 60_000

/**
 * The option `issuer`: names, templates with `{tenantid}`, or a function.
 *
 * @throws TypeError with `code`
 */
export function readIssuers(where: string, option: unknown): Issuers {
  if (typeof option === 'function') return checkedIssuers(option as IssuerCheck)
  const shown = oneOrMore(`${where} issuer`, option as string | readonly string[] | undefined)
  const templates = shown.filter((name) => /[{}]/.test(name))
  const finders = templates.map((template) => readTemplate(where, template))
  const named = shown.filter((name) => !templates.includes(name))
  const tenantOf = (issuer: string): string | undefined =>
    named.includes(issuer)
      ? undefined
      : finders.map((find) => find(issuer)).find((found) => found !== undefined)
  return {
    named,
    templates,
    shown,
    tenantOf,
    accepts: async (issuer) => named.includes(issuer) || tenantOf(issuer) !== undefined,
  }
}

function readTemplate(where: string, template: string): (issuer: string) => string | undefined {
  const [before = '', after = '', ...more] = template.split(placeholder)
  const whole = before.endsWith('/') && (after === '' || after.startsWith('/'))
  if (!whole || more.length > 0 || !template.includes(placeholder) || /[{}]/.test(before + after)) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      `${where} issuer: ${JSON.stringify(template)} is no template; write one whole path segment as {tenantid}, like https://login.microsoftonline.com/{tenantid}/v2.0`,
    )
  }
  return function findTenant(issuer) {
    if (!issuer.startsWith(before) || !issuer.endsWith(after)) return undefined
    const found = issuer.slice(before.length, issuer.length - after.length)
    return tenant.test(found) ? found : undefined
  }
}

/** Only a yes is remembered, for a minute, so that no made-up issuer can push a good one out for long. */
function checkedIssuers(check: IssuerCheck): Issuers {
  const remembered = new Map<string, number>()
  return {
    named: [],
    templates: [],
    shown: ['those that the function accepts'],
    tenantOf: () => undefined,
    async accepts(issuer) {
      if (issuer.length > longestIssuer) return false
      const since = performance.now() - (remembered.get(issuer) ?? -Infinity)
      if (since < rememberedFor) return true
      const answer: unknown = await callOutside(check, () => check(issuer))
      if (typeof answer !== 'boolean') {
        throw new Error('the issuer function answered with neither true nor false')
      }
      remembered.delete(issuer)
      if (!answer) return false
      remembered.set(issuer, performance.now())
      if (remembered.size > mostRemembered) {
        remembered.delete(remembered.keys().next().value as string)
      }
      return true
    },
  }
}
