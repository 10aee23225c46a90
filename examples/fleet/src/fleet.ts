import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  createServer,
  request as sendOn,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** What the processes are told when they start. */
export interface Settings {
  readonly redisSocket: string
  /** Stored tokens by the SHA-256 of their text. */
  readonly tokens: object
  readonly nonceSecrets?: readonly string[]
}

interface Member {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
}

/** Four processes behind a round-robin proxy. */
export interface Fleet {
  /** What clients call, and what proofs name. */
  readonly url: string
  readonly members: () => readonly Member[]
  /** How many outages of the replay store the processes have told of. */
  readonly outages: () => number
  /** Takes one process after the other out of the proxy, ends it in order, and puts a new one in. */
  readonly restart: (settings: Settings) => Promise<void>
  readonly close: () => Promise<void>
}

const size = 4

/** @param settingsOf is given the URL that clients call */
export async function startFleet(settingsOf: (url: string) => Settings): Promise<Fleet> {
  let members: Member[] = []
  let turn = 0
  let outages = 0

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    turn += 1
    const member = members[turn % members.length]
    if (member === undefined) return void outgoing.writeHead(502).end()
    const { method, url = '/', rawHeaders } = incoming
    // A proxy that sends nothing twice.
    const onward = sendOn(new URL(url, member.url), { method, headers: rawHeaders }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.headersSent || outgoing.writeHead(502).end())
    incoming.pipe(onward)
  }

  const proxy = createServer(forward)
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

  async function startMember(name: string, settings: Settings): Promise<Member> {
    const child = fork(join(import.meta.dirname, 'api.ts'), {
      env: {
        ...process.env,
        FLEET_NAME: name,
        FLEET_URL: url,
        FLEET_REDIS: settings.redisSocket,
        FLEET_TOKENS: JSON.stringify(settings.tokens),
        FLEET_NONCE_SECRETS: (settings.nonceSecrets ?? []).join(','),
      },
    })
    child.on('message', (message: { readonly outage?: { readonly state: string } }) => {
      if (message.outage?.state === 'began') outages += 1
    })
    const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }]
    return { name, url: `http://127.0.0.1:${port}`, child }
  }

  async function end({ child }: Member): Promise<void> {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }

  const names = Array.from({ length: size }, (_, index) => `api-${index + 1}`)
  members = await Promise.all(names.map((name) => startMember(name, settingsOf(url))))
  return {
    url,
    members: () => members,
    outages: () => outages,
    async restart(settings) {
      for (const old of members) {
        const fresh = await startMember(old.name, settings)
        members = members.map((member) => (member === old ? fresh : member))
        await end(old)
      }
    },
    async close() {
      await Promise.all(members.map(end))
      proxy.closeAllConnections()
      proxy.close()
    },
  }
}
