import type { RealRedis } from '@oauth-pop/testkit'

/** A prefix whose slot the first of three masters has. */
export async function findPrefix(master: RealRedis): Promise<string> {
  for (let index = 0; ; index += 1) {
    const slot = Number(await master.send('CLUSTER', 'KEYSLOT', `{pop${index}}:epoch`))
    if (slot < 5000) return `pop${index}`
  }
}
