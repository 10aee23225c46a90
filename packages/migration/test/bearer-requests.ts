import type { RawRequest } from '@oauth-pop/testkit'
import { asBearer, asDpop, createKey, createProof, createToken, getPhotos, now } from './world.ts'

/** The requests of the page, by the name they have there; made anew, because a proof serves once. */
export async function createRequests(
  issuer: string,
): Promise<Readonly<Record<string, RawRequest>>> {
  const [key, other] = [await createKey(), await createKey()]
  const cnf = { jkt: key.jkt }
  const bound = await createToken(issuer, { cnf })
  const bearer = async (claims?: object, forged?: boolean): Promise<RawRequest> =>
    getPhotos([asBearer(await createToken(issuer, { ...claims }, forged))])
  return {
    'an unbound token as `Bearer`': await bearer(),
    'a bound token with its proof': getPhotos([asDpop(bound), ['DPoP', createProof(key, bound)]]),
    'a bound token as `Bearer`': getPhotos([asBearer(bound)]),
    'a bound token without a proof': getPhotos([asDpop(bound)]),
    'a bound token with a proof by another key': getPhotos([
      asDpop(bound),
      ['DPoP', createProof(other, bound)],
    ]),
    'no credential': getPhotos([]),
    'an expired token as `Bearer`': await bearer({ exp: now() - 60 }),
    'a token for another API as `Bearer`': await bearer({ aud: 'https://other.example.com' }),
    'a token of another issuer as `Bearer`': await bearer({ iss: 'https://other.example.com/' }),
    'a token that somebody else signed as `Bearer`': await bearer({}, true),
    'a token without `exp` as `Bearer`': await bearer({ exp: undefined }),
  }
}
