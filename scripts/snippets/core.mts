// The blocks for `node:http` take nothing from their reader but the exports of core.
export * from '@oauth-pop/core'
