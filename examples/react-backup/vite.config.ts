import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const server = process.env.TRUNKLINE_URL ?? 'http://127.0.0.1:3000'
// the page and the API have one origin, so that the session cookie counts
const proxy = { '/api': { target: server }, '/socket.io': { target: server, ws: true } }

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic' } },
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
})
