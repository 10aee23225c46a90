import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startRedis, type RealRedis, type RedisOptions } from './real-redis.ts'

export interface RedisPair {
  readonly master: RealRedis
  readonly replica: RealRedis
  /** From now on the replica, which has all that was written before, learns nothing more: it lags behind. */
  readonly stopReplication: () => Promise<void>
  /** Makes the replica a master. */
  readonly promote: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A master and one replica that is in step with it. */
export async function startRedisPair(options: RedisOptions = {}): Promise<RedisPair> {
  const [port = 0] = await freePorts(1)
  const master = await startRedis({ ...options, port })
  const replica = await startRedis(options)
  await replica.send('REPLICAOF', '127.0.0.1', String(port))
  await until(() => isInStep(replica), 'the replica is not in step')
  return {
    master,
    replica,
    stopReplication: () => stopReplication(master, replica),
    async promote() {
      await replica.send('REPLICAOF', 'NO', 'ONE')
    },
    async stop() {
      await Promise.all([master.stop(), replica.stop()])
    },
  }
}

export interface RedisCluster {
  /** Three masters, each with a third of the slots, and a replica of the first. */
  readonly nodes: readonly (RealRedis & { readonly port: number })[]
  readonly first: RealRedis
  readonly replica: RealRedis
  readonly stopReplication: () => Promise<void>
  /**
   * Makes the replica the master of its slots: with the votes of the other masters (`FORCE`) or without
   * (`TAKEOVER`), while the first node lives or after it was killed. Resolves when the cluster agrees.
   */
  readonly failOver: (how: 'FORCE' | 'TAKEOVER') => Promise<void>
  /** As `kill -9` of the first master. Resolves when the cluster has promoted the replica by itself. */
  readonly killFirst: () => Promise<void>
  readonly stop: () => Promise<void>
}

const slots = 16_384

/** A Redis Cluster on loopback. A dead master is noticed after `nodeTimeoutMilliseconds` (default 500). */
export async function startRedisCluster({
  nodeTimeoutMilliseconds = 500,
  ...options
}: RedisOptions & { readonly nodeTimeoutMilliseconds?: number } = {}): Promise<RedisCluster> {
  const ports = await freePorts(8)
  const own = ['--cluster-enabled', 'yes', '--cluster-replica-validity-factor', '0']
  const timing = ['--cluster-node-timeout', String(nodeTimeoutMilliseconds)]
  const nodes = await Promise.all(
    ports.slice(0, 4).map(async (port, index) => {
      const bus = ['--cluster-port', String(ports[index + 4])]
      const args = [...own, ...timing, ...bus, ...(options.args ?? [])]
      return { ...(await startRedis({ ...options, port, args })), port }
    }),
  )
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  const [first, second, third, replica] = nodes
  if (!first || !second || !third || !replica)
    throw new Error('unreachable: four ports, four nodes')
  try {
    await form([first, second, third], replica, ports)
  } catch (error) {
    await stop()
    throw error
  }
  const promoted = (): Promise<void> =>
    until(async () => {
      const others = await Promise.all([second, third, replica].map(isWhole))
      const role = await infoOf(replica, 'role')
      const known = await Promise.all([second, third].map((node) => owns(node, replica.port)))
      return role === 'master' && [...others, ...known].every(Boolean)
    }, 'the replica was not promoted')
  return {
    nodes,
    first,
    replica,
    stopReplication: () => stopReplication(first, replica),
    async failOver(how) {
      await replica.send('CLUSTER', 'FAILOVER', how)
      await promoted()
    },
    async killFirst() {
      await first.kill()
      await promoted()
    },
    stop,
  }
}

async function form(
  masters: readonly (RealRedis & { readonly port: number })[],
  replica: RealRedis,
  ports: readonly number[],
): Promise<void> {
  const [first] = masters
  const all = [...masters, replica]
  const share = Math.ceil(slots / masters.length)
  for (const [index, node] of all.entries()) {
    await node.send('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
    if (node === replica) continue
    const range = [index * share, Math.min(slots, (index + 1) * share) - 1]
    await node.send('CLUSTER', 'ADDSLOTSRANGE', ...range.map(String))
  }
  // each meets each: gossip alone would take seconds
  for (const node of all)
    for (const [index, port] of ports.slice(0, 4).entries())
      await node.send('CLUSTER', 'MEET', '127.0.0.1', String(port), String(ports[index + 4]))
  const id = String(await first?.send('CLUSTER', 'MYID'))
  await until(async () => {
    const done = await replica.send('CLUSTER', 'REPLICATE', id).catch(() => undefined)
    return done === 'OK'
  }, 'the replica does not know its master')
  await until(async () => {
    const whole = await Promise.all(all.map(isWhole))
    return whole.every(Boolean) && (await isInStep(replica))
  }, 'the cluster did not form')
  // a vote needs masters who know the replica as what it is
  await until(async () => {
    const views = await Promise.all(masters.map((node) => node.send('CLUSTER', 'NODES')))
    return views.every((view) => String(view).includes(`slave ${id}`))
  }, 'the masters do not know the replica')
}

async function isWhole(node: RealRedis): Promise<boolean> {
  const info = String(await node.send('CLUSTER', 'INFO'))
  return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:4')
}

/** Whether `node` thinks that slots belong to the node at `port`. */
async function owns(node: RealRedis, port: number): Promise<boolean> {
  const lines = String(await node.send('CLUSTER', 'NODES')).split('\n')
  return lines.some((line) => {
    // id, address, flags and so on; from the ninth word on, slots
    const [, address = '', flags = '', , , , , , slots] = line.split(' ')
    return address.includes(`:${port}@`) && flags.includes('master') && slots !== undefined
  })
}

async function infoOf(node: RealRedis, field: string): Promise<string | undefined> {
  const lines = String(await node.send('INFO', 'replication')).split('\r\n')
  return lines.find((line) => line.startsWith(`${field}:`))?.slice(field.length + 1)
}

async function isInStep(replica: RealRedis): Promise<boolean> {
  return (await infoOf(replica, 'master_link_status')) === 'up'
}

/**
 * Once the replica has all that was written, it loses its link and cannot make another: it offers a password
 * that its master does not have.
 */
async function stopReplication(master: RealRedis, replica: RealRedis): Promise<void> {
  const written = Number(await infoOf(master, 'master_repl_offset'))
  await until(
    async () => Number(await infoOf(replica, 'slave_repl_offset')) >= written,
    'the replica did not catch up',
  )
  await replica.send('CONFIG', 'SET', 'masterauth', 'no such password')
  await replica.send('CLIENT', 'KILL', 'TYPE', 'master')
  await until(async () => !(await isInStep(replica)), 'the replica kept its link')
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(otherwise)
    await delay(20)
  }
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  for (const server of servers)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
