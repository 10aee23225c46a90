import { once } from 'node:events'
import { Agent as HttpsAgent, request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { identityOf, readCertificate, type CertificateHolder } from '@oauth-pop/testkit'
import { onTestFinished } from 'vitest'
import { Agent } from 'undici'

const { cert: ca } = readCertificate('ca')

/** Node's own fetch, with the certificate of somebody or without one. */
export function fetchAs(name?: CertificateHolder): typeof fetch {
  const dispatcher = new Agent({ connect: { ca, ...identityOf(name) } })
  onTestFinished(() => dispatcher.destroy())
  return (url, init) => fetch(url, Object.assign({ dispatcher }, init))
}

/** The status of a request with `https.Agent`. */
export function requestAs(
  name?: CertificateHolder,
): (url: string, headers: Readonly<Record<string, string>>) => Promise<number> {
  const agent = new HttpsAgent({ ca, ...identityOf(name), keepAlive: true })
  onTestFinished(() => agent.destroy())
  return async (url, headers) => {
    const [answer] = (await once(request(url, { agent, headers }).end(), 'response')) as [
      IncomingMessage,
    ]
    await text(answer)
    return answer.statusCode ?? 0
  }
}
