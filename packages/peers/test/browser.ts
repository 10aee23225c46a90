import 'fake-indexeddb/auto'
import { vi } from 'vitest'

// What clients that are made for browsers want besides `fetch` and Web Cryptography.
vi.stubGlobal('window', globalThis)
