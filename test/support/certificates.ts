import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Can certificates be made here? */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** An authority that signs certificates for servers. */
export interface Authority {
  /** Its certificate, for those who trust it. */
  readonly file: string
  /** A certificate for these names, such as `DNS:localhost`, and its key. */
  issue(name: string, names: string): { cert: string; key: string }
}

/** Makes an authority whose files lie in `folder`. */
export function authority(folder: string, of: string): Authority {
  const at = (file: string) => join(folder, `${of}-${file}`)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', `/CN=${of}`)
  return {
    file: at('ca.pem'),
    issue(name, names) {
      const [cert, request, secret] = [at(`${name}.pem`), at(`${name}.csr`), at(`${name}.key`)]
      openssl('req', ...key, '-keyout', secret, '-out', request, '-subj', `/CN=${name}`)
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\n`)
      const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial']
      openssl('x509', '-req', '-in', request, ...by, '-out', cert, '-days', '2', '-extfile', at(`${name}.ext`))
      return { cert, key: secret }
    },
  }
}
