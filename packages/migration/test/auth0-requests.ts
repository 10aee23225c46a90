import type { RawRequest } from '@oauth-pop/testkit'
import {
  asBearer,
  asDpop,
  createKey,
  createProof,
  createToken,
  getPhotos,
  now,
  api,
} from './world.ts'

/** The requests of the page, by the name they have there. Of several, the answer to the last is told. */
export async function createRequests(
  issuer: string,
): Promise<Readonly<Record<string, readonly RawRequest[]>>> {
  const [key, other] = [await createKey(), await createKey()]
  const bound = await createToken(issuer, { cnf: { jkt: key.jkt } })
  const unbound = await createToken(issuer)
  const boundTo = (claims: object): Promise<string> =>
    createToken(issuer, { cnf: { jkt: key.jkt }, ...claims })
  const expired = await boundTo({ exp: now() - 60 })
  const elsewhere = await boundTo({ aud: 'https://other.example.com' })
  const forged = await createToken(issuer, { cnf: { jkt: key.jkt } }, true)
  const scopeless = await boundTo({ scope: 'profile' })
  const free = await boundTo({ plan: 'free' })

  const proven = (claims: object = {}, token = bound, by = key): RawRequest =>
    getPhotos([asDpop(token), ['DPoP', createProof(by, token, { ...claims })]])
  const replayed = proven()
  const albums = createProof(key, free, { htu: `${api}/albums` })
  const tampered = createProof(key, bound).replace(/.{8}$/, 'AAAAAAAA')

  return {
    'a bound token with its proof': [proven()],
    'an unbound token as `Bearer`': [getPhotos([asBearer(unbound)])],
    'no credential': [getPhotos([])],
    'a bound token as `Bearer`': [getPhotos([asBearer(bound)])],
    'a bound token as `Bearer`, with its proof': [
      getPhotos([asBearer(bound), ['DPoP', createProof(key, bound)]]),
    ],
    'an unbound token as `DPoP`, with a proof': [proven({}, unbound)],
    'an unbound token as `Bearer`, with a proof': [
      getPhotos([asBearer(unbound), ['DPoP', createProof(key, unbound)]]),
    ],
    'a bound token without a proof': [getPhotos([asDpop(bound)])],
    'two proofs': [
      getPhotos([
        asDpop(bound),
        ['DPoP', createProof(key, bound)],
        ['DPoP', createProof(key, bound)],
      ]),
    ],
    'a proof with a wrong signature': [getPhotos([asDpop(bound), ['DPoP', tampered]])],
    'a proof for another URL': [proven({ htu: `${api}/albums` })],
    'a proof for another method': [proven({ htm: 'POST' })],
    'a proof with its method in lower case': [proven({ htm: 'get' })],
    'a proof that is six minutes old': [proven({ iat: now() - 360 })],
    'a proof without `ath`': [proven({ ath: undefined })],
    'a proof by another key': [proven({}, bound, other)],
    'the same proof a second time': [replayed, replayed],
    'an expired token': [proven({}, expired)],
    'a token for another API': [proven({}, elsewhere)],
    'a token that somebody else signed': [proven({}, forged)],
    'a token without the scope': [proven({}, scopeless)],
    'a token without the claim': [getPhotos([asDpop(free), ['DPoP', albums]], '/albums')],
    'an unbound token in the query': [getPhotos([], `/photos?access_token=${unbound}`)],
    'an unbound token in a form': [
      {
        ...getPhotos([['Content-Type', 'application/x-www-form-urlencoded']]),
        method: 'POST',
        body: Buffer.from(`access_token=${unbound}`),
      },
    ],
    'two `Authorization` lines': [getPhotos([asBearer(unbound), asBearer(unbound)])],
    'another scheme': [getPhotos([['Authorization', 'Basic YWxpY2U6c2VjcmV0']])],
  }
}
