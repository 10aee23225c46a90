import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { reasons, statusReasons, type Reason } from './reasons.ts'
import type { Outcome } from './run.ts'

export const heading = '## Run against real packages'

const servers = ['ours', 'auth0', 'oauth4webapi'] as const
type Server = (typeof servers)[number]

/** Where one server accepts and another does not. */
export function disagreements(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter((outcome) => {
    const accepted = servers.filter((server) => outcome[server] === 200)
    return accepted.length > 0 && accepted.length < servers.length
  })
}

/** Where a server does otherwise than the specifications ask for. */
function contradictions(outcomes: readonly Outcome[], server: Server): readonly Outcome[] {
  return disagreements(outcomes).filter((outcome) => {
    const wanted = reasonOf(outcome).request
    return wanted !== 'open' && (outcome[server] === 200) !== (wanted === 'valid')
  })
}

function reasonOf({ vector: { id } }: Outcome): Reason {
  const reason = reasons[id]
  if (reason === undefined) throw new Error(`${id} needs a reason in reasons.ts`)
  return reason
}

/** The whole section, as it must be on the page. */
export function renderSection(outcomes: readonly Outcome[]): string {
  const rows = disagreements(outcomes)
  const cases = new Set(outcomes.map(({ vector }) => vector.id)).size
  const openRows = rows.filter((row) => reasonOf(row).request === 'open').length
  const against = servers.map((server) => contradictions(outcomes, server).length)
  const statuses = renderStatuses(outcomes)
  const [auth0, oauth4webapi] = [versionOf('express-oauth2-jwt-bearer'), versionOf('oauth4webapi')]
  return `${heading}

Made by a test: each request of the agreed cases that has a meaning for all three goes byte by byte to a server of
each, on a real socket, in the second that it was made for: Express with \`popMiddleware\`, Express with
\`express-oauth2-jwt-bearer\` ${auth0}, and \`validateJwtAccessToken\` of \`oauth4webapi\` ${oauth4webapi}, which has no
status of its own. Left out are mTLS, server nonces, opaque tokens, PoP, and options that the others do not have.

Of ${outcomes.length} requests of ${cases} cases, all three accept or refuse ${outcomes.length - rows.length} alike. Of the other ${rows.length}, the
specifications leave ${openRows} to the server. In the remaining ${rows.length - openRows}, ours does otherwise than they ask for in
${against[0]}, Auth0's in ${against[1]}, oauth4webapi in ${against[2]}.

<!-- oxfmt-ignore -->
| case | request | here | Auth0 | oauth4webapi | which is | says |
| --- | --- | --- | --- | --- | --- | --- |
${rows.map(renderRow).join('\n')}

Where ours and Auth0's both refuse, but with another status:

<!-- oxfmt-ignore -->
| here | Auth0 | requests | says |
| --- | --- | --- | --- |
${statuses.join('\n')}
`
}

function renderRow(outcome: Outcome): string {
  const { vector, step, ours, auth0, oauth4webapi } = outcome
  const { request, why } = reasonOf(outcome)
  const which = vector.steps.length === 1 ? '' : `, request ${step}`
  const told = oauth4webapi === 200 ? '200' : 'refused'
  const title = vector.title.replaceAll('__proto__', '`__proto__`')
  const cells = [`\`${vector.id}\`${which}`, title, ours, auth0, told, request, why]
  return `| ${cells.join(' | ')} |`
}

function renderStatuses(outcomes: readonly Outcome[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { vector, step, ours, auth0 } of outcomes) {
    if (ours === 200 || auth0 === 200 || ours === auth0) continue
    const error = vector.steps[step - 1]?.expect.error ?? 'without an error'
    const kind = `${ours} ${error}, ${auth0}`
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return Array.from(counts, ([kind, count]) => {
    const why = statusReasons[kind]
    if (why === undefined) throw new Error(`${kind} needs a reason in reasons.ts`)
    const [here, there] = kind.split(', ')
    return `| ${here} | ${there} | ${count} | ${why} |`
  }).toSorted()
}

function versionOf(name: string): string {
  const main = createRequire(import.meta.url).resolve(name)
  const manifest = readFileSync(join(dirname(main), '../package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
