export { providePostgres as default } from '@oauth-pop/testkit/servers'
