import { cpus } from 'node:os'
import { benchAdapters } from './adapters.ts'
import { benchCertificate } from './certificate.ts'
import { benchPeers } from './peers.ts'
import { benchProcess } from './process.ts'
import { benchReplay } from './replay.ts'
import { benchSign } from './sign.ts'
import { benchSockets } from './sockets.ts'
import { benchStall } from './stall.ts'
import { benchSyncOrAsync } from './sync-or-async.ts'
import { benchForged, benchTokenCache, benchVerify } from './verify.ts'

const parts = new Map([
  ['verify', benchVerify],
  ['forged', benchForged],
  ['token-cache', benchTokenCache],
  ['sign', benchSign],
  ['replay', benchReplay],
  ['process', benchProcess],
  ['sync-or-async', benchSyncOrAsync],
  ['adapters', benchAdapters],
  ['certificate', benchCertificate],
  ['peers', benchPeers],
  ['stall', benchStall],
  ['sockets', benchSockets],
])

const names = process.argv.length > 2 ? process.argv.slice(2) : [...parts.keys()]
const chosen = names.map((name) => {
  const part = parts.get(name)
  if (part === undefined) throw new Error(`${name} is none of ${[...parts.keys()].join(', ')}`)
  return part
})

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`)
for (const bench of chosen) await bench()
