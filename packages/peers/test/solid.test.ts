import * as four from '@inrupt/solid-client-authn-core-4'
import * as five from '@inrupt/solid-client-authn-core-5'
import { dpop } from '@oauth-pop/express'
import { expect, test } from 'vitest'
import { obtainToken, startAuthorizationServer } from './authorization-server.ts'
import { describePeer, type Connect } from './describe-peer.ts'
import { frameworkNames, startResourceServer } from './resource-servers.ts'

describePeer('@inrupt/solid-client-authn-core-5', connectWith(five))
describePeer('@inrupt/solid-client-authn-core-4', connectWith(four as never))

const versions = [
  { version: 5, solid: five },
  { version: 4, solid: four as never },
]
const cases = frameworkNames.flatMap((framework) => versions.map((one) => ({ framework, ...one })))

test.each(cases)(
  'version $version gets in on $framework with dangerouslyWithoutAth, and with a stolen token it does not',
  { tags: ['rule-without-ath'] },
  async ({ framework, solid }) => {
    const server = await startAuthorizationServer()
    const schemes = [dpop({ dangerouslyWithoutAth: true })]
    const around = { framework, form: 'jwt', mode: 'off', schemes } as const
    const api = await startResourceServer(server, around)
    try {
      const [owner, thief] = [
        await connectWith(solid)(server, 'jwt'),
        await connectWith(solid)(server, 'jwt'),
      ]
      const { accessToken } = owner
      const call = { method: 'POST', body: 'text' } as const
      expect(await owner.call(accessToken, `${api.url}/items?a=1`, call)).toBe(200)
      expect(api.handled.map(({ body }) => body)).toEqual(['text'])
      expect(await thief.call(accessToken, `${api.url}/items?a=1`, call)).toBe(401)
    } finally {
      await Promise.all([api.close(), server.close()])
    }
  },
)

function connectWith({
  buildAuthenticatedFetch,
  createDpopHeader,
  generateDpopKeyPair,
}: Pick<
  typeof five,
  'buildAuthenticatedFetch' | 'createDpopHeader' | 'generateDpopKeyPair'
>): Connect {
  return async (server, form) => {
    const dpopKey = await generateDpopKeyPair()
    const proof = await createDpopHeader(server.tokenEndpoint, 'POST', dpopKey)
    return {
      accessToken: await obtainToken(server, form, proof),
      async call(token, url, { method, body }) {
        const send = buildAuthenticatedFetch(token, { dpopKey })
        return (await send(url, { method, body: body ?? null })).status
      },
    }
  }
}
