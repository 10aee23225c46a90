export { provideRedis as default } from '@oauth-pop/testkit/servers'
