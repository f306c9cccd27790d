import { expect, test } from 'vitest'
import { serverScene } from '../../../../test/support/server-scene.ts'

const scene = await serverScene()
const tls = await serverScene({ publicUrl: 'https://jobs.example.com' })

test.each(['/healthz', '/api/v1/jobs', '/api/v1/nothing', '/api/docs/', '/api/docs/json', '/metrics', '/api/docs/static/swagger-ui.css'])(
  '%s',
  async (url) => {
    const { headers } = await scene.inject({ method: 'GET', url })
    expect(headers['content-security-policy']).toBe(
      "default-src 'self';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';object-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'self'",
    )
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    })
    expect(headers).not.toHaveProperty('x-powered-by')
    expect(headers).not.toHaveProperty('server')
    expect(headers).not.toHaveProperty('strict-transport-security')
    if (url.startsWith('/api/v1')) expect(headers['cache-control']).toBe('no-store')
  },
)

test('over TLS browsers are told to stay there', async () => {
  const { headers } = await tls.inject({ method: 'GET', url: '/healthz' })
  expect(headers['strict-transport-security']).toMatch(/max-age=31536000/)
})

test('the page of the documentation needs nothing from elsewhere', async () => {
  const { text } = await scene.inject({ method: 'GET', url: '/api/docs/' })
  expect(text).not.toMatch(/(src|href)="(https?:)?\/\//)
  expect(text).not.toMatch(/<script>(?!<)/)
})
