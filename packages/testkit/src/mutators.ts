/** One change to a compact JWS that was valid before. */
export type Mutator = (jws: string) => string

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function segments(jws: string): [string, string, string] {
  const [header = '', payload = '', signature = ''] = jws.split('.')
  return [header, payload, signature]
}

/** Named single mutations; every one makes a valid proof invalid. */
export const mutators: Readonly<Record<string, Mutator>> = {
  'flips one bit of the signature': (jws) => {
    const [header, payload, signature] = segments(jws)
    const bytes = Buffer.from(signature, 'base64url')
    bytes[10] = (bytes[10] ?? 0) ^ 1
    return `${header}.${payload}.${bytes.toString('base64url')}`
  },
  'spells the last character of the signature in another way': (jws) => {
    const last = alphabet.indexOf(jws.at(-1) ?? '')
    return jws.slice(0, -1) + alphabet[last ^ 1]
  },
  'pads the signature': (jws) => `${jws}==`,
  'drops the signature': (jws) => jws.slice(0, jws.lastIndexOf('.') + 1),
  'adds a segment': (jws) => `${jws}.AA`,
  'drops a segment': (jws) => jws.slice(0, jws.lastIndexOf('.')),
  'changes the payload': (jws) => {
    const [header, payload, signature] = segments(jws)
    const text = Buffer.from(payload, 'base64url').toString().replace('"/items"', '"/admin"')
    return `${header}.${Buffer.from(text).toString('base64url')}.${signature}`
  },
  'changes the algorithm to none': (jws) => {
    const [, payload, signature] = segments(jws)
    return `${Buffer.from('{"typ":"pop","alg":"none"}').toString('base64url')}.${payload}.${signature}`
  },
}
