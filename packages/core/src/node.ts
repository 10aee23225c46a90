/** What the adapters share: everything between a framework and the verifier. */
export { optionError } from './errors.ts'
export { expressView, fastifyView, originOf } from './node/framework-view.ts'
export type { ExpressRequest, FastifyRequest, FrameworkView } from './node/framework-view.ts'
export { protectedResourceMetadata } from './node/metadata.ts'
export { createProtection, runGuard } from './node/protection.ts'
export type { AdapterOptions, Protection, RouteOptions } from './node/protection.ts'
