import { execFile, spawn } from 'node:child_process'
import { chown, mkdtemp } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/**
 * One shell owns a private folder and starts a server for each line that it reads. When its input closes,
 * which the kernel sees to even when we are killed outright, it ends the server and removes the folder.
 */
const owner = `
dir=$1 signal=$2; shift 2
while read -r _; do
  : >"$dir/server.pid"
  {
    sh -c 'echo "$$" >"$0/server.pid"; echo "started $$"; exec "$@" >>"$0/server.log" 2>&1' "$dir" "$@"
    rm -f "$dir/server.pid"
    echo exited
  } &
done
turns=0
while [ -e "$dir/server.pid" ]; do
  pid=$(cat "$dir/server.pid")
  if [ "$turns" -gt 100 ]; then signal=KILL; fi
  if [ -n "$pid" ]; then kill "-$signal" "$pid"; fi
  turns=$((turns + 1))
  sleep 0.05
done 2>/dev/null
rm -rf "$dir"
`

/** A user who may run servers that refuse to run as root. */
export interface User {
  readonly uid: number
  readonly gid: number
}

export interface OwnedProcess {
  /** Id of the running server. */
  readonly pid: number | undefined
  /** Starts it and resolves when `isReady` says so. Starts it again if it ends meanwhile. */
  readonly start: (isReady: () => Promise<boolean>) => Promise<void>
  readonly signal: (name: NodeJS.Signals) => void
  /** Sends a signal and resolves when the server is gone; its folder stays. */
  readonly end: (name: 'SIGKILL' | 'SIGTERM' | 'SIGINT') => Promise<void>
  /** Ends the server and removes its folder. */
  readonly stop: () => Promise<void>
}

const patienceMs = 15_000

/** A new private folder that only `user` can enter. */
export async function makeFolder(name: string, user?: User): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `oauth-pop-${name}-`))
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  return folder
}

/** A server in a folder of its own, which both end with this process, however it ends. */
export function ownProcess(
  folder: string,
  command: readonly string[],
  { user, stopSignal = 'KILL' }: { readonly user?: User | undefined; readonly stopSignal?: string },
): OwnedProcess {
  const shell = spawn('sh', ['-c', owner, 'sh', folder, stopSignal, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
    detached: true, // signals of a terminal must not end the shell before its work is done
    ...user,
  })
  const closed = new Promise<void>((resolve) => shell.once('close', () => resolve()))
  let pid: number | undefined
  let text = ''
  const changed: (() => void)[] = []
  shell.stdin.on('error', () => {})
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      pid = line.startsWith('started ') ? Number(line.slice('started '.length)) : undefined
      for (const tell of changed.splice(0)) tell()
    }
  })
  // A test that fails to stop its server must not keep the process alive; one that waits for it must.
  const pipes = [shell.stdin, shell.stdout] as unknown as readonly Socket[]
  shell.unref()
  for (const pipe of pipes) pipe.unref()

  async function change(): Promise<void> {
    for (const pipe of pipes) pipe.ref()
    await new Promise<void>((resolve) => changed.push(resolve))
    for (const pipe of pipes) pipe.unref()
  }

  async function start(isReady: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + patienceMs
    while (Date.now() < deadline) {
      if (pid === undefined) {
        const started = change()
        shell.stdin.write('start\n')
        await started
      }
      if (await isReady()) return
      await delay(10)
    }
    throw new Error(`${command[0]} did not start: see ${folder}/server.log`)
  }

  function signal(name: NodeJS.Signals): void {
    if (pid !== undefined) process.kill(pid, name)
  }

  return {
    get pid() {
      return pid
    },
    start,
    signal,
    async end(name) {
      signal(name)
      while (pid !== undefined) await change()
    },
    async stop() {
      shell.ref()
      for (const pipe of pipes) pipe.ref()
      shell.stdin.end()
      await closed
    },
  }
}

/** Runs a program to its end, as `user`. Rejects with what it wrote when it fails. */
export async function run(command: string, words: readonly string[], user?: User): Promise<string> {
  const { stdout } = await promisify(execFile)(command, [...words], { cwd: '/', ...user })
  return stdout
}
