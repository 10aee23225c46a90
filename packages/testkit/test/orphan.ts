import { startPostgres, startRedis } from '../src/real-servers.ts'

// Starts both servers, says where they are, and waits to be killed.
const [redis, postgres] = await Promise.all([
  startRedis(),
  startPostgres({ template: process.argv[2] ?? '' }),
])
console.log(JSON.stringify([redis.folder, postgres.host]))
setInterval(() => {}, 1000)
