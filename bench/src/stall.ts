import { inputs } from '../../packages/core/test/properties/pumped-inputs.ts'
import { ask } from './child.ts'
import {
  hostileHosts,
  sendHttp2,
  sendOnce,
  startHostileServer,
  type Figures,
  type Hostile,
  type HostileHost,
} from './hostile.ts'

const aimMs = 5
const candidates = 3
const repeats = 3
/** What Node's own limits let pass: 16 KiB of headers, over HTTP/2 64 KiB. */
const longest = { head: 15_000, headOfHttp2: 60_000, body: 2 ** 16 }

/** White space and slashes get all endings of the inputs. */
const patterns = [{ file: '', source: String.raw`\s\t/:` }]

const formType = 'application/x-www-form-urlencoded'
const credential = { Authorization: `PoP ${encode({ typ: 'pop', alg: 'ES256' })}.e30.AA` }
const get = (headers: Hostile['headers'], target = '/photos/1'): Hostile => ({
  method: 'GET',
  target,
  headers,
})

const places: Readonly<Record<string, (text: string) => Hostile>> = {
  Authorization: (text) => get({ Authorization: `PoP ${text}` }),
  'Authorization scheme': (text) => get({ Authorization: text }),
  DPoP: (text) => get({ Authorization: 'DPoP token', DPoP: text }),
  'Content-Type': (text) => form('a=1', `${formType};${text}`),
  charset: (text) => form('a=1', `${formType};charset=${text}`),
  query: (text) => get({}, `/photos/1?${text}`),
  'form body': (text) => form(text, formType),
  Host: (text) => get({ ...credential, Host: text }),
  'X-Forwarded-Host': (text) => get({ ...credential, 'X-Forwarded-Host': text }),
  'X-Forwarded-Host path': (text) => get({ ...credential, 'X-Forwarded-Host': `a/${text}` }),
  path: (text) => get(credential, `/${text}`),
  'absolute target': (text) => get(credential, `http://${text}`),
  Cookie: (text) => get({ Cookie: text }),
}

function form(body: string, type: string): Hostile {
  return { method: 'POST', target: '/photos/1', headers: { 'Content-Type': type }, body }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** The longest that one request without valid credential keeps everybody else waiting. */
export async function benchStall(): Promise<void> {
  console.log(`\nworst event-loop stall by one request, milliseconds, aim ${aimMs}`)
  for (const host of hostileHosts) await measureHost(host)
}

async function measureHost(host: HostileHost): Promise<void> {
  const { child, ready: ports } = await startHostileServer(host, 'request', 'watch')
  const send = host.endsWith('HTTP/2') ? sendHttp2 : sendOnce
  const measure = async (port: number, request: Hostile): Promise<number> => {
    await ask<Figures>(child, 'reset')
    await send(port, request)
    return (await ask<Figures>(child, 'figures')).stall
  }
  /** Without whatever else the machine and the collector did meanwhile. */
  const least = async (port: number, request: Hostile): Promise<number> => {
    const stalls: number[] = []
    for (let run = 0; run < repeats; run += 1) stalls.push(await measure(port, request))
    return Math.min(...stalls)
  }
  await warmUp(ports.adapter, measure)
  for (const [place, build] of Object.entries(places)) {
    const head = host.endsWith('HTTP/2') ? longest.headOfHttp2 : longest.head
    const first: { readonly text: string; readonly stall: number }[] = []
    for (const text of inputs(place === 'form body' ? longest.body : head, patterns))
      first.push({ text, stall: await measure(ports.adapter, build(text)) })
    const slowest = first.toSorted((a, b) => b.stall - a.stall).slice(0, candidates)
    const again = []
    for (const { text } of slowest)
      again.push({ text, stall: await least(ports.adapter, build(text)) })
    const [worst] = again.toSorted((a, b) => b.stall - a.stall)
    if (worst === undefined) continue
    const bare = await least(ports.bare, build(worst.text))
    const verdict = worst.stall <= aimMs ? 'met' : 'missed'
    console.log(
      `${host}  ${place}  ${worst.stall.toFixed(1)} (${bare.toFixed(1)} without the adapter)  ${verdict}  ${describe(worst.text)}`,
    )
  }
  child.disconnect()
}

async function warmUp(
  port: number,
  measure: (port: number, request: Hostile) => Promise<number>,
): Promise<void> {
  for (let run = 0; run < 20; run += 1)
    for (const build of Object.values(places)) await measure(port, build('a'))
}

function describe(text: string): string {
  return JSON.stringify(`${text.slice(0, 8)}...${text.slice(-8)}`)
}
