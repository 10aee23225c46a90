// A child process: a server on this machine, as if it were on another.
import { startTcpFaultProxy } from '@oauth-pop/testkit'

interface Far {
  readonly port: number
  readonly delayMilliseconds: number
}

const { port, delayMilliseconds } = JSON.parse(process.argv[2] ?? '{}') as Far
const proxy = await startTcpFaultProxy({ port }, { delayMilliseconds })
process.once('disconnect', () => process.exit())
process.send?.(proxy.port)
