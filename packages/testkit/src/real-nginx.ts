import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { readCertificate, readCertificateKey } from './certificates.ts'
import { makeFolder, ownProcess } from './owned-process.ts'

export interface NginxOptions {
  /** The API behind it, as `proxy_pass` names it. */
  readonly upstream: string
  /** What `ssl_verify_client` is; default `on`, for clients of this kit's authority. */
  readonly verifyClient?: 'on' | 'optional' | 'optional_no_ca'
  /** More lines for the server. */
  readonly lines?: readonly string[]
}

export interface RealNginx {
  /** Path of the socket on which it speaks TLS. */
  readonly socket: string
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>
}

/** A private nginx that ends TLS, hands on the certificates of its clients, and ends with this process. */
export async function startNginx(options: NginxOptions): Promise<RealNginx> {
  const folder = await makeFolder('nginx')
  const socket = join(folder, 'tls.sock')
  const files = {
    'server.pem': readCertificate('server').cert,
    'server-key.pem': readCertificateKey('server'),
    'ca.pem': readCertificate('ca').cert,
    'nginx.conf': configure(folder, socket, options),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const command = ['nginx', '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')]
  const server = ownProcess(folder, command, {})
  await server.start(() => accepts(socket))
  return { socket, stop: server.stop }
}

/** One process, because nobody would end the workers of a killed master. */
function configure(folder: string, socket: string, options: NginxOptions): string {
  const { upstream, verifyClient = 'on', lines = [] } = options
  const kinds = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi']
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  server {
    listen unix:${socket} ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server-key.pem;
    ssl_client_certificate ca.pem;
    ssl_verify_client ${verifyClient};
    ${lines.join('\n    ')}
    location / {
      proxy_pass ${upstream};
      proxy_set_header Host $host;
      proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
      proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
    }
  }
}
`
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
