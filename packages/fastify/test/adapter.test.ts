import { describeAdapter } from '@oauth-pop/testkit'
import { hosts } from './hosts.ts'

for (const [name, harness] of Object.entries(hosts)) describeAdapter(name, harness)
