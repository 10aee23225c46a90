import { cpus } from 'node:os'
import { benchAdapters } from './adapters.ts'
import { benchSyncOrAsync } from './sync-or-async.ts'
import { benchForged, benchTokenCache, benchVerify } from './verify.ts'

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`)
await benchVerify()
await benchForged()
await benchTokenCache()
await benchSyncOrAsync()
await benchAdapters()
